"""Synchronous successive halving, driven over populations whose shape stays.

The members of all settings lie on the host. A round takes as many settings as there are
places, of those of one structure that have yet to train up to the rung, trains them
straight to it, scores them and puts them back. When all are there, all are compared,
those of other structures too. So no place is empty while the places divide the settings
of each rung; otherwise copies of the last setting fill them, and are dropped.
"""

import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan import runs
from jaxgan.core import randomness
from jaxgan.sweeps import objectives, plans, recipes, records, samples, studies, trials
from jaxgan.sweeps.search import rounds
from jaxgan.sweeps.search.asynchronous_halving import rule as halving
from jaxgan.sweeps.search.successive_halving import rule as successive

NAME = "successive_halving"


class Waiting(NamedTuple):
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
    ready: studies.Ready


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
    waiting, members = [], {}
    for group in groups:
        settings = trials.by_setting(group.trials)
        places = group.places // len(settings[0])
        ready, members[group.name] = _begin(study, group)
        first = sum(len(own.settings) for own in waiting)
        waiting.append(Waiting(group, settings, first, places, ready))
    number = sum(len(own.settings) for own in waiting)
    rounds.drive(
        study,
        members,
        {
            "rung": 0,
            "climbing": list(range(number)),
            "shown": [],
            "seconds": [0.0] * number,
        },
        _round(study, waiting, by, tuple(ladder), eta),
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


def _round(
    study: studies.Study,
    waiting: Sequence[Waiting],
    by: str,
    ladder: tuple[int, ...],
    eta: int,
) -> rounds.Round:
    """The round whose state has the rung and the settings, by index, that climb to it.

    `shown` are the scores of the first of them, which are there: for each setting those
    of its seeds, by name. `seconds` have been spent on each setting.
    """
    round_steps = -(-study.steps // ladder[-1])
    every = [setting for own in waiting for setting in own.settings]
    group_of = [own.group.name for own in waiting for _ in own.settings]

    def advance(
        members: dict[str, runs.Members], search_state: rounds.SearchState
    ) -> rounds.After:
        began = time.perf_counter()
        rung, climbing = search_state["rung"], search_state["climbing"]
        shown, seconds = list(search_state["shown"]), list(search_state["seconds"])
        own, batch = _next(waiting, climbing[len(shown) :])
        steps = (ladder[rung] - (0, *ladder)[rung]) * round_steps
        at = own.group.name
        trained, measured = _trained(study, own, members[at], batch, steps)
        members = members | {at: trained}
        seeds = len(own.settings[0])
        for i in range(len(batch)):
            mine = slice(i * seeds, (i + 1) * seeds)
            shown.append({name: x[mine].tolist() for name, x in measured.items()})
        for index in batch:
            seconds[index] += (time.perf_counter() - began) / len(batch)
        said = f"{len(shown)} of {len(climbing)} settings are at rung {rung}"
        search_state = search_state | {"shown": shown, "seconds": seconds}
        if len(shown) < len(climbing):
            return rounds.After(members, search_state, [], False, said)
        costs = [
            float(np.mean(objectives.costs({by: np.array(one[by])}, by)))
            for one in shown
        ]
        last = rung == len(ladder) - 1
        entries = successive.compare(climbing, costs, rung, last=last, eta=eta)
        rows = [
            _row(
                trial,
                {name: values[seed] for name, values in one.items()},
                entry,
                by,
                group=group_of[entry.trial],
                steps=ladder[rung] * round_steps,
                seconds=seconds[entry.trial] / len(every[entry.trial]),
            )
            for entry, one in zip(entries, shown, strict=True)
            for seed, trial in enumerate(every[entry.trial])
        ]
        going = [entry.trial for entry in entries if entry.status == "going"]
        if going:
            said += f", {len(going)} go on"
        search_state |= {"rung": rung + 1, "climbing": going, "shown": []}
        return rounds.After(members, search_state, rows, not going, said)

    return advance


def _next(
    waiting: Sequence[Waiting], climbing: Sequence[int]
) -> tuple[Waiting, list[int]]:
    """The group of the setting that is next, and as many of it as it has places."""
    own = max(
        (one for one in waiting if one.first <= climbing[0]), key=lambda one: one.first
    )
    end = own.first + len(own.settings)
    return own, [index for index in climbing if index < end][: own.places]


def _trained(
    study: studies.Study,
    own: Waiting,
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
) -> tuple[studies.Ready, runs.Members]:
    """All members of a group at their first step, on the host.

    They are made as many at a time as there are places, so that no more of them lie on
    the device than when they train.
    """
    own = [study.recipe(trial.values) for trial in group.trials]
    ready = study.ready(own[0], group.places)
    hparams = rounds.on_host(recipes.numbers(own))
    keys = randomness.keys(jnp.array([trial.seed for trial in group.trials]))
    initialise, total, blocks = jax.jit(jax.vmap(ready.made.initialise)), len(own), []
    for first in range(0, total, group.places):
        at = np.minimum(np.arange(first, first + group.places), total - 1)
        given = jax.tree.map(lambda x, at=at: x[at], hparams)
        blocks.append(rounds.on_host(initialise(given, keys[at])))
    state = jax.tree.map(lambda *x: np.concatenate(x)[:total], *blocks)
    return ready, runs.Members(hparams, state, keys)


def _row(
    trial: trials.Trial,
    measured: Mapping[str, float],
    entry: halving.Entry,
    by: str,
    **more: Any,
) -> records.Row:
    return studies.row(
        trial,
        dict(measured),
        status=halving.status_of_seed(entry, measured[by]),
        rung=entry.rung,
        bracket=entry.bracket,
        **more,
    )
