"""Asynchronous halving and Hyperband, driven over populations whose shape stays.

A place of the population holds a setting, with a member for each seed; it is compared
by the mean score of its seeds. Settings of another structure are another population,
one after another; at a rung a setting is compared with those of all populations so far.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan import population, runs
from jaxgan.core import randomness
from jaxgan.scores import objectives
from jaxgan.sweeps import (
    plans,
    programs,
    recipes,
    records,
    studies,
    trials,
)
from jaxgan.sweeps.search import rounds
from jaxgan.sweeps.search.asynchronous_halving import rule as halving

Replant = Callable[[runs.Members, np.ndarray, np.ndarray], runs.Members]
"""`(members, fresh [P], trial [P]) -> members`: begins trials in fresh places."""


class Task(NamedTuple):
    """The search of a group.

    Attributes:
      group: of S settings, with M seeds each.
      settings: trials of each setting, `[S][M]`.
      places: settings that train at once.
      by: name of the score.
      round_steps: steps in a round.
      begun: the search at its beginning.
      replant: begins settings in places that have become free.
    """

    group: plans.Group
    settings: list[list[trials.Trial]]
    places: int
    by: str
    round_steps: int
    begun: halving.HalvingState
    replant: Replant


def search(
    study: studies.Study,
    groups: Sequence[plans.Group],
    by: str,
    *,
    ladders: Sequence[tuple[int, ...]],
    brackets: Mapping[str, int],
    eta: int,
) -> list[records.Row]:
    """Searches the settings of all groups, those that are done left out.

    Args:
      study: whose `steps` are those of the longest trials, a whole number of rounds.
      groups: the seeds of a setting side by side; as many settings train together as
        the `places` of a group are seeds of.
      by: name of the score.
      ladders: of each bracket the rounds of its rungs; the longest is the whole
        training.
      brackets: of each setting, by its digest, the bracket.
      eta: one in so many goes on.

    Returns:
      All rows, one for each trial and rung.
    """
    journal = study.folder / studies.JOURNAL
    for group in groups:
        rows = records.read(journal)
        if plans.remaining([group], rows):
            peers = _entries(rows, group, by, ladders, brackets)
            _search(study, group, by, ladders, brackets, eta, peers)
    return records.read(journal)


def _search(study, group, by, ladders, brackets, eta, peers) -> None:
    settings = trials.by_setting(group.trials)
    seeds = len(settings[0])
    places = group.places // seeds
    every = [trial for setting in settings for trial in setting]
    of_settings = [brackets[setting[0].setting] for setting in settings]
    begun = halving.begin_brackets(of_settings, places, ladders, eta, peers)
    ready, members = studies.begin(study, every[: places * seeds])
    steps = -(-study.steps // max(max(ladder) for ladder in ladders))
    replant = _replanting(study, ready, every)
    task = Task(group, settings, places, by, steps, begun, replant)
    decide = functools.partial(_decide, task)
    rounds.drive(
        study,
        members,
        halving.to_json(begun),
        rounds.of_population(study, ready, decide, name=group.name, round_steps=steps),
        name=group.name,
        description={
            "search": "halving",
            "trials": [trial.name for trial in every],
            "places": places,
            "ladders": [list(ladder) for ladder in ladders],
            "eta": eta,
            "by": by,
        },
    )


def _decide(
    task: Task,
    members: runs.Members,
    search_state: rounds.SearchState,
    measured: dict[str, np.ndarray],
    took: float,
) -> tuple[rounds.RoundResult, list[int]]:
    """What follows from the scores `[P]` of a round, see `rounds.Decision`."""
    seeds = len(task.settings[0])
    before = halving.from_json(task.begun, search_state)
    costs = objectives.costs(measured, task.by).reshape(task.places, seeds)
    after, fresh = halving.decide(before, costs.mean(axis=1))
    share, rows, at = took / (seeds * max(1, _busy(before))), [], []
    for entry in after.entries[len(before.entries) :]:
        first = int(np.flatnonzero(before.trial == entry.trial)[0]) * seeds
        own = {name: x[first : first + seeds] for name, x in measured.items()}
        rows += _rows(task, entry, own, share)
        at += range(first, first + seeds)
    if fresh.size:
        members = _replanted(task, members, after, fresh)
    said = (
        f"{_busy(after)} of {task.places} places busy, {after.begun} of "
        f"{len(task.settings)} settings begun"
    )
    state = halving.to_json(after)
    return rounds.RoundResult(members, state, rows, not after.busy, said), at


def _busy(search: halving.HalvingState) -> int:
    """Places that have a setting."""
    return int((search.trial != halving.EMPTY).sum())


def _rows(
    task: Task, entry: halving.Entry, measured: dict[str, np.ndarray], seconds: float
) -> list[records.Row]:
    """The rows of a setting that came to a rung.

    Args:
      task: that it belongs to.
      entry: what became of it.
      measured: scores `[M]` of its seeds.
      seconds: of a round, of each seed.
    """
    taken, rows = task.begun.ladders[entry.bracket][entry.rung], []
    for seed, trial in enumerate(task.settings[entry.trial]):
        own = {name: x[seed] for name, x in measured.items()}
        rows.append(
            studies.row(
                trial,
                own,
                group=task.group.name,
                status=halving.status_of_seed(entry, own[task.by]),
                steps=taken * task.round_steps,
                seconds=seconds * taken,
                rung=entry.rung,
                bracket=entry.bracket,
            )
        )
    return rows


def _replanted(
    task: Task, members: runs.Members, search: halving.HalvingState, fresh: np.ndarray
) -> runs.Members:
    """The members after the settings of fresh places have begun."""
    seeds = len(task.settings[0])
    index = np.arange(task.places * seeds)
    new = np.repeat(np.isin(np.arange(task.places), fresh), seeds)
    own = np.repeat(np.maximum(search.trial, 0), seeds) * seeds + index % seeds
    return task.replant(members, new, own)


def _replanting(
    study: studies.Study, ready: programs.Ready, every: Sequence[trials.Trial]
) -> Replant:
    own = [study.recipe(trial.values) for trial in every]
    hparams = recipes.numbers(own, study.pool.modes)
    keys = randomness.keys(jnp.array([trial.seed for trial in every]))

    @jax.jit
    def replant(members, fresh, trial):
        own_hparams, own_keys = population.take((hparams, keys), trial)
        state = jax.vmap(ready.made.initialise)(own_hparams, own_keys)

        def chosen(new, old):
            return jnp.where(fresh.reshape(-1, *[1] * (new.ndim - 1)), new, old)

        new = runs.Members(own_hparams, state, jax.random.key_data(own_keys))
        old = members._replace(keys=jax.random.key_data(members.keys))
        made = jax.tree.map(chosen, new, old)
        return made._replace(keys=randomness.threefry(made.keys))

    return replant


def _entries(rows, group, by, ladders, brackets) -> list[halving.Entry]:
    """What settings of other groups showed at the rungs."""
    own = {trial.setting for trial in group.trials}
    found: dict[tuple[str, int], list[float]] = {}
    for row in rows:
        if row["setting"] not in own:
            measured = {by: np.array([row[f"score.{by}"]])}
            cost = float(objectives.costs(measured, by)[0])
            found.setdefault((row["setting"], row["rung"]), []).append(cost)
    return [
        halving.Entry(halving.EMPTY, rung, float(np.mean(costs)), "going", brackets[s])
        for (s, rung), costs in found.items()
    ]
