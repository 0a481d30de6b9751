"""Optuna, asked for many settings at once, which train as populations, and told.

    ask P settings -> a population for each structure -> tell P results

The study lies in a storage of Optuna, so that it can be looked at, resumed and, where
the storage is shared, searched by several machines. Each suggestion is drawn by a
sampler seeded by the trial's number and the field, so that it depends on the study's
past alone: a run that was killed at any moment, even while it asked, goes on as if
nothing had happened.
"""

import pathlib
import socket
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from jaxgan import errors
from jaxgan.studies import objectives, populations
from jaxgan.sweeps import plans, records, spaces, trials

STORAGE = "optuna.log"
"""Optuna's journal in the run folder."""


def search(
    study: populations.Study,
    space: spaces.Space,
    structural: Sequence[str],
    by: str,
    *,
    settings: int,
    batch: int,
    seeds: Sequence[int],
    seed: int,
    storage: str | None = None,
    name: str = "jaxgan",
    most_members: int | None = None,
    most_groups: int | None = plans.MOST_GROUPS,
) -> list[records.Row]:
    """Asks, trains and tells until a number of settings was told.

    A setting is told as the mean score of its seeds, turned so that less is better; one
    of which a seed died is told as failed.

    Args:
      study: that trains the settings.
      space: checked.
      structural: names of the fields whose values change the program.
      by: name of the score.
      settings: to ask for by this run, those that are told already included.
      batch: settings asked for at once.
      seeds: of each setting.
      seed: of the suggestions.
      storage: URL of a database such as `sqlite:///FILE` or `postgresql://...`, or the
        path of a journal, either of which several machines may share; None for a
        journal in the run folder.
      name: of the study in the storage.
      most_members: of a population.
      most_groups: different programs that a batch may need.

    Returns:
      All rows of the run.

    Raises:
      UserError: if Optuna is not installed or the storage cannot be used.
    """
    found, run = _open(study, storage, name), None
    if storage is not None:
        run = f"{socket.gethostname()}:{study.shared.absolute()}"
    journal = study.folder / populations.JOURNAL
    while True:
        told, running = _own(found, run)
        begun = told - told % batch
        upto = min(begun + batch, settings)
        if not running and told >= settings:
            return records.read(journal)
        asked = [*running]
        while told + len(asked) < upto:
            asked.append(_ask(found, run))
        values = [_suggest(found, trial, space, seed) for trial in asked]
        made = trials.make(values, seeds)
        groups = plans.make(
            made, structural, most_members=most_members, most_groups=most_groups
        )
        rows = populations.train_all(study, [_rounded(group) for group in groups])
        for trial, own in zip(asked, values, strict=True):
            _tell(found, trial, own, rows, by)
        print(_said(found, told + len(asked), settings, by))


def _optuna():
    try:
        import optuna
    except ImportError:
        raise errors.UserError(
            "--search optuna: the package optuna is missing; install jaxgan with the "
            "extra, pip install 'jaxgan[optuna]'."
        ) from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


def _open(study: populations.Study, storage: str | None, name: str):
    optuna = _optuna()
    from optuna.storages import journal

    if storage is None or "://" not in storage:
        path = study.folder / STORAGE if storage is None else pathlib.Path(storage)
        place = optuna.storages.JournalStorage(journal.JournalFileBackend(str(path)))
    else:
        place = storage
    try:
        return optuna.create_study(
            storage=place, study_name=name, direction="minimize", load_if_exists=True
        )
    except Exception as error:  # of whichever database there is
        reason = str(error).splitlines()[0]
        raise errors.UserError(
            f"--storage {storage}: the study cannot be opened ({reason}); check the "
            "URL or path."
        ) from None


def _own(study, run: str | None) -> tuple[int, list[Any]]:
    """Trials of this run that were told, and those that were asked and are not."""
    import optuna

    states = optuna.trial.TrialState
    own = [
        trial
        for trial in study.get_trials(deepcopy=False)
        if run is None or trial.user_attrs.get("run") == run
    ]
    told = sum(trial.state.is_finished() for trial in own)
    running = [
        optuna.trial.Trial(study, trial._trial_id)
        for trial in own
        if trial.state == states.RUNNING
    ]
    return told, sorted(running, key=lambda trial: trial.number)


def _ask(study, run: str | None):
    trial = study.ask()
    if run is not None:
        trial.set_user_attr("run", run)
    return trial


def _suggest(study, trial, space: spaces.Space, seed: int) -> spaces.Setting:
    """A setting in the order of the space; what was suggested before stays."""
    values: spaces.Setting = {}
    for i, name in enumerate(spaces.order(space)):
        if spaces.exists(space[name], values):
            study.sampler = _sampler(seed, trial.number, i)
            values[name] = _suggestion(trial, name, spaces.unwrapped(space[name])[0])
    return {name: values[name] for name in space if name in values}


def _sampler(*seeds: int):
    import optuna

    number = int(np.random.SeedSequence(seeds).generate_state(1)[0])
    with warnings.catch_warnings():
        # Looking at what runs is experimental, and needed: a batch is asked at once.
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return optuna.samplers.TPESampler(seed=number, constant_liar=True)


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


def _tell(study, trial, values: spaces.Setting, rows: list[records.Row], by: str):
    import optuna

    name = trials.digest(values)
    own = [row for row in rows if row["setting"] == name]
    scores = {by: np.array([row[f"score.{by}"] for row in own])}
    cost = float(objectives.costs(scores, by).mean())
    trial.set_user_attr("setting", name)
    if np.isfinite(cost):
        study.tell(trial, cost)
    else:
        study.tell(trial, state=optuna.trial.TrialState.FAIL)


def _said(study, told: int, settings: int, by: str) -> str:
    import optuna

    complete = study.get_trials(
        deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,)
    )
    best = min((trial.value for trial in complete), default=float("nan"))
    failed = len(study.get_trials(deepcopy=False)) - len(complete)
    return (
        f"{told} of {settings} settings told, {failed} failed or not told; best "
        f"{by} of the study {abs(best):.4g}"
    )
