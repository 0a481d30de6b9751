"""Optuna, asked for many settings at once, which train as populations, and told.

    ask P settings -> a population for each structure -> tell P results

The study lies in a storage of Optuna, so that it can be looked at, resumed and, where
the storage is shared, searched by several machines, see `histories`. Each suggestion is
drawn by a sampler seeded by the trial's number and the field, so that it depends on the
study's past alone: a run that was killed at any moment, even while it asked, goes on as
if nothing had happened. Of several processes the first asks for all of them.
"""

import functools
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from jaxgan.core.distributed import processes
from jaxgan.scores import objectives
from jaxgan.sweeps import plans, records, spaces, studies, trials
from jaxgan.sweeps.search.optuna import histories, questions

SAMPLER = {
    "n_startup_trials": 10,
    "n_ei_candidates": 24,
    "multivariate": False,
    "constant_liar": True,
}
"""Of the TPE sampler, so that it is the same with Optuna 4 and 5. It draws each field
by itself, as all fields at once are drawn when a trial is asked for, from a past that
a run which was killed does not have again. What is being tried counts as bad, as a
batch is asked for at once."""


def begin(
    study: studies.Study,
    space: spaces.Space,
    by: str,
    *,
    seeds: Sequence[int],
    seed: int,
    storage: str | None = None,
    name: str | None = None,
) -> histories.History | None:
    """Opens the study of a search, in process 0; None in others.

    Raises:
      UserError: in all processes, as `search`.
    """
    opened: list[histories.History] = []

    def open_it() -> str:
        question = questions.describe(study, space, by, seeds=len(seeds), seed=seed)
        folder, sampler = study.folder, _sampler(seed)
        opened.append(histories.open(folder, storage, name, question, sampler))
        return opened[0].name

    processes.broadcast(open_it)
    return opened[0] if opened else None


def search(
    study: studies.Study,
    space: spaces.Space,
    structural: Sequence[str],
    by: str,
    *,
    settings: int,
    batch: int,
    seeds: Sequence[int],
    seed: int,
    storage: str | None = None,
    name: str | None = None,
    most_members: int | None = None,
    most_groups: int | None = plans.MOST_GROUPS,
) -> list[records.Row]:
    """Asks, trains and tells until a number of settings was told.

    A setting is told as the mean score of its seeds, turned so that less is better; one
    of which a seed died is told as infinity, worse than any number, from which the
    search learns where settings die.

    Args:
      study: that trains the settings.
      space: checked.
      structural: names of the fields whose values change the program.
      by: name of the score.
      settings: to ask for by this run, those that are told already included.
      batch: settings asked for at once.
      seeds: of each setting.
      seed: of the suggestions, and of the data and what scores.
      storage: URL of a database such as `sqlite:///FILE` or `postgresql://...`, or the
        path of a journal, either of which several machines may share; None for a
        journal in the run folder.
      name: of the study in the storage; None for one that the question
        names, so that searches that differ share no history.
      most_members: of a population.
      most_groups: different programs that a batch may need.

    Returns:
      All rows of the run.

    Raises:
      UserError: if Optuna is not installed, the storage cannot be used, or a study of
        this name is of another search.
    """
    more = {"seeds": seeds, "seed": seed, "storage": storage, "name": name}
    history = begin(study, space, by, **more)

    def broadcast(work: Callable[[], Any]) -> Any:
        def in_sentences() -> Any:
            with histories.refusals(history.name, storage):
                return work()

        return processes.broadcast(in_sentences)

    print(broadcast(lambda: histories.fail_abandoned(history)))
    while asked := broadcast(lambda: _ask(history, space, seed, settings, batch)):
        made = trials.make([values for _, values in asked], seeds)
        groups = plans.make(
            made, structural, most_members=most_members, most_groups=most_groups
        )
        rows = studies.train_all(study, [_rounded(group) for group in groups])
        print(broadcast(functools.partial(_tell, history, asked, rows, settings, by)))
    return records.read(study.folder / studies.JOURNAL)


def _ask(
    history: histories.History,
    space: spaces.Space,
    seed: int,
    settings: int,
    batch: int,
) -> list[tuple[int, spaces.Setting]]:
    """A batch of trials, by number, and their settings; none if all are told."""
    told, running = histories.own_trials(history)
    upto = min(told - told % batch + batch, settings)
    for _ in range(told + len(running), upto):
        histories.ask(history)
    asked = histories.own_trials(history).running
    return [(t.number, _suggest(history.study, t, space, seed)) for t in asked]


def _suggest(study, trial, space: spaces.Space, seed: int) -> spaces.Setting:
    """A setting in the order of the space; what was suggested before stays."""
    values: spaces.Setting = {}
    for i, name in enumerate(spaces.order(space)):
        if spaces.exists(space[name], values):
            study.sampler = _sampler(seed, trial.number, i)
            values[name] = _suggestion(trial, name, spaces.unwrapped(space[name])[0])
    return {name: values[name] for name in space if name in values}


def _sampler(*seeds: int):
    optuna = histories.optuna()
    number = int(np.random.SeedSequence(seeds).generate_state(1)[0])
    with warnings.catch_warnings():
        # Looking at what runs is experimental, and needed: a batch is asked at once.
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return optuna.samplers.TPESampler(seed=number, **SAMPLER)


def _suggestion(trial, name: str, distribution: spaces.Distribution) -> Any:
    match distribution:
        case spaces.Uniform(low, high):
            return trial.suggest_float(name, low, high)
        case spaces.LogUniform(low, high):
            return trial.suggest_float(name, low, high, log=True)
        case spaces.Integers(low, high):
            return trial.suggest_int(name, low, high)
        case spaces.Normal():
            # Optuna has no normal distribution: it searches the share below.
            share = trial.suggest_float(f"{name}.share", 0.0, 1.0)
            return spaces.quantile(distribution, share)
        case spaces.Categorical(choices):
            # Optuna stores no lists, so that choices go by what they look like.
            words = {trials.canonical(choice): choice for choice in choices}
            return words[trial.suggest_categorical(name, list(words))]


def _rounded(group: plans.Group) -> plans.Group:
    """A group in a population of 1, 2, 4, 8 ... members: batches share few programs."""
    return group._replace(places=1 << (group.places - 1).bit_length())


def _tell(
    history: histories.History,
    asked: Sequence[tuple[int, spaces.Setting]],
    rows: list[records.Row],
    settings: int,
    by: str,
) -> str:
    """Tells the scores of a batch; how far the search is, in words."""
    for number, values in asked:
        name = trials.digest(values)
        own = [row for row in rows if row["setting"] == name]
        scores = {by: np.array([row[f"score.{by}"] for row in own])}
        cost = float(objectives.costs(scores, by).mean())
        histories.tell(history, number, name, cost if np.isfinite(cost) else None)
    return _said(history, settings, by)


def _said(history: histories.History, settings: int, by: str) -> str:
    found = history.study.get_trials(deepcopy=False)
    values = [trial.value for trial in found if trial.value is not None]
    alive = [value for value in values if np.isfinite(value)]
    told = histories.own_trials(history).told
    said = f"{told} of {settings} settings told; of the study "
    said += f"{len(values) - len(alive)} of {len(values)} died"
    if not alive:
        return said
    sign = -1 if by in objectives.MORE_IS_BETTER else 1
    return f"{said}, best {by} {sign * min(alive):.4g}"
