"""Synchronous successive halving, driven over populations whose shape stays.

The members of all settings lie on the host. A round takes as many settings as there are
places, of those of one structure that have yet to train up to the rung, trains them
straight to it, scores them and puts them back. When all are there, all are compared,
those of other structures too. So no place is empty while the places divide the settings
of each rung; otherwise copies of the last setting fill them, and are dropped.
"""

import functools
import time
from collections.abc import Sequence
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
    samples,
    studies,
    trials,
)
from jaxgan.sweeps.search import rounds
from jaxgan.sweeps.search.asynchronous_halving import rule as halving
from jaxgan.sweeps.search.successive_halving import rule as successive

NAME = "successive_halving"


class WaitingGroup(NamedTuple):
    """A group whose settings wait on the host.

    Attributes:
      group: of S settings, with M seeds each.
      settings: trials of each setting, `[S][M]`.
      first: index of its first setting among those of all groups.
      places: settings that train at once.
      ready: the program of `places M` members.
    """

    group: plans.Group
    settings: list[list[trials.Trial]]
    first: int
    places: int
    ready: programs.Ready


class Task(NamedTuple):
    """The search of all groups.

    Attributes:
      study: that it belongs to.
      waiting: the groups.
      by: name of the score.
      ladder: rounds of the rungs.
      eta: one in so many goes on.
      round_steps: steps in a round.
    """

    study: studies.Study
    waiting: Sequence[WaitingGroup]
    by: str
    ladder: tuple[int, ...]
    eta: int
    round_steps: int


def search(
    study: studies.Study,
    groups: Sequence[plans.Group],
    by: str,
    *,
    ladder: Sequence[int],
    eta: int,
) -> list[records.Row]:
    """Searches the settings of all groups, which are compared with one another.

    Args:
      study: whose `steps` are those of the longest trials, a whole number of rounds.
      groups: the seeds of a setting side by side; as many settings train together as
        the `places` of a group are seeds of.
      by: name of the score, of which the mean over a setting's seeds counts.
      ladder: rounds of the rungs, rising; the last is the whole training.
      eta: one in so many goes on.

    Returns:
      All rows, one for each trial and rung; those of a rung come together.

    Raises:
      Interrupted: as `rounds.drive`, and what else that raises.
    """
    journal = study.folder / studies.JOURNAL
    if not plans.remaining(groups, records.read(journal)):
        return records.read(journal)
    waiting, members = _waiting(study, groups)
    number = sum(len(own.settings) for own in waiting)
    task = Task(study, waiting, by, tuple(ladder), eta, -(-study.steps // ladder[-1]))
    rounds.drive(
        study,
        members,
        {
            "rung": 0,
            "climbing": list(range(number)),
            "shown": [],
            "seconds": [0.0] * number,
        },
        functools.partial(_advance, task),
        name=NAME,
        description={
            "search": NAME,
            "trials": {g.name: [trial.name for trial in g.trials] for g in groups},
            "places": [own.places for own in waiting],
            "ladder": list(ladder),
            "eta": eta,
            "by": by,
        },
    )
    return records.read(journal)


def _waiting(
    study: studies.Study, groups: Sequence[plans.Group]
) -> tuple[list[WaitingGroup], dict[str, runs.Members]]:
    """All groups at their beginning, and their members by the groups' names."""
    waiting, members, first = [], {}, 0
    for group in groups:
        settings = trials.by_setting(group.trials)
        places = group.places // len(settings[0])
        ready, members[group.name] = _begin(study, group)
        waiting.append(WaitingGroup(group, settings, first, places, ready))
        first += len(settings)
    return waiting, members


def _advance(
    task: Task, members: dict[str, runs.Members], search_state: rounds.SearchState
) -> rounds.RoundResult:
    """The round whose state has the rung and the settings, by index, that climb to it.

    `shown` are the scores of the first of them, which are there: for each setting those
    of its seeds, by name. `seconds` have been spent on each setting.
    """
    began = time.perf_counter()
    rung, climbing = search_state["rung"], search_state["climbing"]
    shown, seconds = list(search_state["shown"]), list(search_state["seconds"])
    own, batch = _next(task.waiting, climbing[len(shown) :])
    at, seeds = own.group.name, len(own.settings[0])
    steps = (task.ladder[rung] - (0, *task.ladder)[rung]) * task.round_steps
    trained, measured = _trained(task.study, own, members[at], batch, steps)
    members = members | {at: trained}
    for i in range(len(batch)):
        mine = slice(i * seeds, (i + 1) * seeds)
        shown.append({name: x[mine].tolist() for name, x in measured.items()})
    for index in batch:
        seconds[index] += (time.perf_counter() - began) / len(batch)
    said = f"{len(shown)} of {len(climbing)} settings are at rung {rung}"
    search_state = search_state | {"shown": shown, "seconds": seconds}
    if len(shown) < len(climbing):
        return rounds.RoundResult(members, search_state, [], False, said)
    entries = _compared(task, search_state)
    rows = _rows(task, search_state, entries)
    going = [entry.trial for entry in entries if entry.status == "going"]
    if going:
        said += f", {len(going)} go on"
    search_state |= {"rung": rung + 1, "climbing": going, "shown": []}
    return rounds.RoundResult(members, search_state, rows, not going, said)


def _compared(task: Task, search_state: rounds.SearchState) -> list[halving.Entry]:
    """What becomes of the settings that are at a rung, all compared with all."""
    rung, shown = search_state["rung"], search_state["shown"]
    costs = [
        float(np.mean(objectives.costs({task.by: np.array(one[task.by])}, task.by)))
        for one in shown
    ]
    last = rung == len(task.ladder) - 1
    climbing = search_state["climbing"]
    return successive.compare(climbing, costs, rung, last=last, eta=task.eta)


def _rows(
    task: Task, search_state: rounds.SearchState, entries: Sequence[halving.Entry]
) -> list[records.Row]:
    """The rows of all settings at a rung."""
    rows, seconds = [], search_state["seconds"]
    for entry, shown in zip(entries, search_state["shown"], strict=True):
        own = _group_of(task.waiting, entry.trial)
        setting = own.settings[entry.trial - own.first]
        for seed, trial in enumerate(setting):
            measured = {name: values[seed] for name, values in shown.items()}
            rows.append(
                studies.row(
                    trial,
                    measured,
                    status=halving.status_of_seed(entry, measured[task.by]),
                    rung=entry.rung,
                    bracket=entry.bracket,
                    group=own.group.name,
                    steps=task.ladder[entry.rung] * task.round_steps,
                    seconds=seconds[entry.trial] / len(setting),
                )
            )
    return rows


def _group_of(waiting: Sequence[WaitingGroup], setting: int) -> WaitingGroup:
    """The group of a setting, by its index."""
    return max((one for one in waiting if one.first <= setting), key=lambda w: w.first)


def _next(
    waiting: Sequence[WaitingGroup], climbing: Sequence[int]
) -> tuple[WaitingGroup, list[int]]:
    """The group of the setting that is next, and as many of it as it has places."""
    own = _group_of(waiting, climbing[0])
    end = own.first + len(own.settings)
    return own, [index for index in climbing if index < end][: own.places]


def _trained(
    study: studies.Study,
    own: WaitingGroup,
    members: runs.Members,
    batch: Sequence[int],
    steps: int,
) -> tuple[runs.Members, dict[str, np.ndarray]]:
    """A group after some of its settings have trained, and the scores `[B M]` of these.

    Samples of them are kept.
    """
    seeds = len(own.settings[0])
    settings = np.array(batch) - own.first
    at = (settings[:, None] * seeds + np.arange(seeds)).ravel()
    filled = np.concatenate([at, np.tile(at[-seeds:], own.places - len(batch))])
    state = jax.tree.map(lambda x: x[filled], members.state)
    hparams = jax.tree.map(lambda x: x[filled], members.hparams)
    taken = runs.Members(hparams, state, members.keys[filled])
    taken = rounds.train_round(study, own.ready, taken, steps)
    kept: list[np.ndarray] = []
    measured = studies.score(study, own.ready, taken, kept.append)
    names = [own.group.trials[i].name for i in at]
    x = np.concatenate(kept)[: len(at)]
    samples.save(study.folder, own.group.name, names, x)

    def put(whole, part):
        whole = whole.copy()
        whole[at] = np.asarray(part)[: len(at)]
        return whole

    state = jax.tree.map(put, members.state, taken.state)
    found = {name: values[: len(at)] for name, values in measured.items()}
    return members._replace(state=state), found


def _begin(
    study: studies.Study, group: plans.Group
) -> tuple[programs.Ready, runs.Members]:
    """All members of a group at their first step, on the host.

    They are made as many at a time as there are places, so that no more of them lie on
    the device than when they train.
    """
    own = [study.recipe(trial.values) for trial in group.trials]
    ready = study.ready(own[0], group.places)
    hparams = rounds.on_host(recipes.numbers(own, study.pool.modes))
    keys = randomness.keys(jnp.array([trial.seed for trial in group.trials]))
    total, blocks = len(own), []
    for first in range(0, total, group.places):
        at = np.minimum(np.arange(first, first + group.places), total - 1)
        given = jax.tree.map(lambda x, at=at: x[at], hparams)
        state = population.init(ready.made.initialise, given, keys[at])
        blocks.append(rounds.on_host(state))
    state = jax.tree.map(lambda *x: np.concatenate(x)[:total], *blocks)
    return ready, runs.Members(hparams, state, keys)
