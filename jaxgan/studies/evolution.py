"""Population-based training of a sweep: settings change while their GANs train.

Each structure is a population of its own. After each generation, a round of equal
length, the worst members go on from the weights of the best with changed numbers, see
`sweeps.pbt`. A row says of each trial and generation with which numbers it trained and
from whose weights it began: `parent` is a trial's name, its own where it went on.
"""

import math
from collections.abc import Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan import errors, population, randomness
from jaxgan.studies import objectives, populations, recipes, rounds
from jaxgan.sweeps import pbt, plans, records, spaces


def search(
    study: populations.Study,
    groups: Sequence[plans.Group],
    space: spaces.Space,
    by: str,
    *,
    generations: int,
    seed: int,
    share: float = pbt.SHARE,
    factor: float = pbt.FACTOR,
) -> list[records.Row]:
    """Trains the populations of all groups, those that are done left out.

    Args:
      study: whose `steps` are those of all generations.
      groups: whole ones; each trial is a member.
      space: whose traced fields are changed, within their bounds.
      by: name of the score.
      generations: rounds.
      seed: of who wins and how numbers change.
      share: of the members that lose at the end of a generation.
      factor: that numbers change by, up or down.

    Returns:
      All rows, one for each trial and generation.

    Raises:
      UserError: if no number of the space is traced.
    """
    journal = study.folder / populations.JOURNAL
    for group in groups:
        if plans.remaining([group], records.read(journal)):
            _search(study, group, space, by, generations, seed, share, factor)
    return records.read(journal)


def bounds(space: spaces.Space, names: Sequence[str]) -> dict[str, tuple[float, float]]:
    """Where the numbers of a space may lie, by name."""
    found = {}
    for name in names:
        match spaces.unwrapped(space[name])[0]:
            case spaces.Normal():
                found[name] = (-math.inf, math.inf)
            case spaces.Categorical(choices):
                found[name] = (float(min(choices)), float(max(choices)))
            case distribution:
                found[name] = (float(distribution.low), float(distribution.high))
    return found


def _search(study, group, space, by, generations, seed, share, factor) -> None:
    members_of = group.trials
    names = sorted(n for n in members_of[0].values if recipes.is_traced(n))
    if not names:
        raise errors.UserError(
            "population-based training changes numbers that are traced, and the space "
            f"has none: {', '.join(members_of[0].values)}; add a learning rate."
        )
    limits = bounds(space, names)
    ready, members = populations.begin(study, members_of)
    key = randomness.key(seed)
    own = [trial.name for trial in members_of]

    @jax.jit
    def evolve(generation, state, scores, values):
        win_key, change_key = jax.random.split(jax.random.fold_in(key, generation))
        parents = pbt.exploit(win_key, scores, share)
        changed = pbt.explore(change_key, values, parents, limits, factor)
        return parents, population.take(state, parents), changed

    def turn(members, memo, measured, took) -> tuple[rounds.After, list[int]]:
        generation, values = memo["generation"], memo["values"]
        last = generation == generations - 1
        rows = []
        for i, trial in enumerate(members_of):
            now = {name: values[name][i] for name in names}
            scores = {name: x[i] for name, x in measured.items()}
            alive = not np.isnan(scores[by])
            rows.append(
                populations.row(
                    trial._replace(values=trial.values | now),
                    scores,
                    group=group.name,
                    status=("finished" if alive else "died") if last else "going",
                    steps=round_steps * (generation + 1),
                    seconds=took * (generation + 1) / len(members_of),
                    rung=generation,
                    parent=memo["parents"][i],
                )
            )
        costs = objectives.costs(measured, by)
        said = f"generation {generation + 1} of {generations}"
        if np.isfinite(costs).any():
            best = int(np.nanargmin(costs))
            said += f", best {by} {measured[by][best]:.4g}"
        memo = {"generation": generation + 1, "values": values, "parents": own}
        if not last:
            given = {name: jnp.array(values[name], jnp.float32) for name in names}
            parents, state, changed = evolve(
                generation, members.state, jnp.array(costs, jnp.float32), given
            )
            parents = np.asarray(parents)
            memo["values"] = {
                name: np.asarray(changed[name]).tolist() for name in names
            }
            memo["parents"] = [own[parent] for parent in parents]
            hparams = _numbers(study, members_of, memo["values"])
            members = members._replace(hparams=hparams, state=state)
            said += f", {int((parents != np.arange(len(own))).sum())} taken over"
        at = list(range(len(rows)))
        return rounds.After(members, memo, rows, last, said), at

    round_steps = -(-study.steps // generations)
    values = {name: [float(t.values[name]) for t in members_of] for name in names}
    rounds.drive(
        study,
        members,
        {"generation": 0, "values": values, "parents": own},
        rounds.together(study, ready, turn, name=group.name, round_steps=round_steps),
        name=group.name,
        description={
            "search": "pbt",
            "trials": own,
            "generations": generations,
            "seed": seed,
            "share": share,
            "factor": factor,
            "by": by,
        },
    )


def _numbers(study, members, values: Mapping[str, Sequence[float]]):
    """The hyperparameters of members whose traced values have changed."""
    return recipes.numbers(
        [
            study.recipe(trial.values | {name: own[i] for name, own in values.items()})
            for i, trial in enumerate(members)
        ]
    )
