"""Asynchronous halving and Hyperband, driven over populations whose shape stays.

A place of the population holds a setting, with a member for each seed; it is compared
by the mean score of its seeds. Settings of another structure are another population,
one after another; at a rung a setting is compared with those of all populations so far.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan import population, runs
from jaxgan.core import randomness
from jaxgan.sweeps import objectives, plans, recipes, records, studies, trials
from jaxgan.sweeps.search import rounds
from jaxgan.sweeps.search.asynchronous_halving import rule as halving


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
    begun = halving.begin_brackets(
        [brackets[setting[0].setting] for setting in settings],
        places,
        ladders,
        eta,
        peers,
    )
    ready, members = studies.begin(study, every[: places * seeds])
    hparams = recipes.numbers([study.recipe(trial.values) for trial in every])
    keys = randomness.keys(jnp.array([trial.seed for trial in every]))
    round_steps = -(-study.steps // max(max(ladder) for ladder in ladders))
    replant = _replanting(ready, hparams, keys)

    def turn(members, search_state, measured, took) -> tuple[rounds.After, list[int]]:
        before = halving.from_json(begun, search_state)
        costs = objectives.costs(measured, by).reshape(places, seeds).mean(axis=1)
        after, fresh = halving.decide(before, costs)
        rows, at = [], []
        shares = took / (seeds * max(1, int((before.trial != halving.EMPTY).sum())))
        for entry in after.entries[len(before.entries) :]:
            place = int(np.flatnonzero(before.trial == entry.trial)[0])
            for s, trial in enumerate(settings[entry.trial]):
                at.append(place * seeds + s)
                own = {n: x[at[-1]] for n, x in measured.items()}
                taken = ladders[entry.bracket][entry.rung]
                rows.append(
                    studies.row(
                        trial,
                        own,
                        group=group.name,
                        status=halving.status_of_seed(entry, own[by]),
                        steps=taken * round_steps,
                        seconds=shares * taken,
                        rung=entry.rung,
                        bracket=entry.bracket,
                    )
                )
        if fresh.size:
            index = np.arange(places * seeds)
            new = np.repeat(np.isin(np.arange(places), fresh), seeds)
            own = np.repeat(np.maximum(after.trial, 0), seeds) * seeds + index % seeds
            members = replant(members, new, own)
        busy = int((after.trial != halving.EMPTY).sum())
        said = (
            f"{busy} of {places} places busy, {after.begun} of {len(settings)} "
            "settings begun"
        )
        search_state, over = halving.to_json(after), not after.busy
        return rounds.After(members, search_state, rows, over, said), at

    rounds.drive(
        study,
        members,
        halving.to_json(begun),
        rounds.together(study, ready, turn, name=group.name, round_steps=round_steps),
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


def _replanting(
    ready: studies.Ready, hparams: Any, keys: jax.Array
) -> Callable[[runs.Members, np.ndarray, np.ndarray], runs.Members]:
    """`(members, fresh [P], trial [P]) -> members`: begins trials in fresh places."""

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
