"""Population-based training of a sweep: settings change while their GANs train.

Each structure is a population of its own. After each generation, a round of equal
length, the worst members go on from the weights of the best with changed numbers, see
`sweeps.pbt`. A row says of each trial and generation with which numbers it trained and
from whose weights it began: `parent` is a trial's name, its own where it went on. Its
`setting` is the digest of the numbers that it began with in the first generation; pages
go by those of the last, see `sweeps.lineages`.
"""

from collections.abc import Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan import population
from jaxgan.core import errors, randomness
from jaxgan.sweeps import objectives, plans, recipes, records, spaces, studies
from jaxgan.sweeps.search import rounds
from jaxgan.sweeps.search.pbt import rule as pbt


def search(
    study: studies.Study,
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
      space: whose traced fields are changed, and stay what it says, see `pbt`.
      by: name of the score.
      generations: rounds.
      seed: of who wins and how numbers change.
      share: of the members that lose at the end of a generation.
      factor: that numbers change by, up or down, see `pbt.explore`.

    Returns:
      All rows, one for each trial and generation.

    Raises:
      UserError: if no number of the space is traced.
    """
    journal = study.folder / studies.JOURNAL
    for group in groups:
        if plans.remaining([group], records.read(journal)):
            _search(study, group, space, by, generations, seed, share, factor)
    return records.read(journal)


def _search(study, group, space, by, generations, seed, share, factor) -> None:
    members_of = group.trials
    names = _changing(members_of[0].values, space)
    ready, members = studies.begin(study, members_of)
    key = randomness.key(seed)
    own = [trial.name for trial in members_of]

    @jax.jit
    def evolve(generation, state, scores):
        win_key, _ = jax.random.split(jax.random.fold_in(key, generation))
        parents = pbt.exploit(win_key, scores, share)
        return parents, population.take(state, parents)

    def turn(members, search_state, measured, took) -> tuple[rounds.After, list[int]]:
        generation, values = search_state["generation"], search_state["values"]
        last = generation == generations - 1
        rows = []
        for i, trial in enumerate(members_of):
            now = {name: values[name][i] for name in names}
            scores = {name: x[i] for name, x in measured.items()}
            alive = not np.isnan(scores[by])
            rows.append(
                studies.row(
                    trial._replace(values=trial.values | now),
                    scores,
                    group=group.name,
                    status=("finished" if alive else "died") if last else "going",
                    steps=round_steps * (generation + 1),
                    seconds=took * (generation + 1) / len(members_of),
                    rung=generation,
                    parent=search_state["parents"][i],
                )
            )
        costs = objectives.costs(measured, by)
        said = f"generation {generation + 1} of {generations}"
        if np.isfinite(costs).any():
            best = int(np.nanargmin(costs))
            said += f", best {by} {measured[by][best]:.4g}"
        search_state = {"generation": generation + 1, "values": values, "parents": own}
        if not last:
            parents, state = evolve(
                generation, members.state, jnp.array(costs, jnp.float32)
            )
            parents = np.asarray(parents)
            _, change_key = jax.random.split(jax.random.fold_in(key, generation))
            search_state["values"] = pbt.explore(
                change_key, values, parents, space, factor
            )
            search_state["parents"] = [own[parent] for parent in parents]
            hparams = _numbers(study, members_of, search_state["values"])
            members = members._replace(hparams=hparams, state=state)
            said += f", {int((parents != np.arange(len(own))).sum())} taken over"
        at = list(range(len(rows)))
        return rounds.After(members, search_state, rows, last, said), at

    round_steps = -(-study.steps // generations)
    values = {name: [t.values[name] for t in members_of] for name in names}
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


def _changing(values: spaces.Setting, space: spaces.Space) -> list[str]:
    """The names of the numbers that change.

    One on which other fields depend stays, as members have the fields that they have.

    Raises:
      UserError: if there is none.
    """
    depended = {on for one in space.values() for on, _ in spaces.unwrapped(one)[1]}
    names = {name for name in values if recipes.is_traced(name)} - depended
    if not names:
        raise errors.UserError(
            "population-based training changes numbers that are traced and on which no "
            f"other field depends, and the space has none: {', '.join(values)}; add a "
            "learning rate."
        )
    return sorted(names)


def _numbers(study, members, values: Mapping[str, Sequence[float]]):
    """The hyperparameters of members whose traced values have changed."""
    return recipes.numbers(
        [
            study.recipe(trial.values | {name: own[i] for name, own in values.items()})
            for i, trial in enumerate(members)
        ]
    )
