"""Population-based training of a sweep: settings change while their GANs train.

Each structure is a population of its own. After each generation, a round of equal
length, the worst members go on from the weights of the best with changed numbers, see
`rule`. A row says of each trial and generation with which numbers it trained and
from whose weights it began: `parent` is a trial's name, its own where it went on. Its
`setting` is the digest of the numbers that it began with in the first generation; pages
go by those of the last, see `lineages`.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan import population, runs, types
from jaxgan.core import errors, randomness
from jaxgan.scores import objectives
from jaxgan.sweeps import plans, recipes, records, spaces, studies
from jaxgan.sweeps.search import rounds
from jaxgan.sweeps.search.pbt import rule as pbt

Evolve = Callable[..., tuple[jax.Array, types.TrainState]]
"""`(generation, state, costs [P]) -> parents [P], their state`, see `rule.exploit`."""


class Task(NamedTuple):
    """The search of a group, each of whose trials is a member.

    Attributes:
      study: that it belongs to.
      group: of P trials.
      space: whose traced fields are changed.
      by: name of the score.
      generations: rounds.
      round_steps: steps in a generation.
      key: of who wins and how numbers change.
      share: of the members that lose at the end of a generation.
      factor: that numbers change by.
    """

    study: studies.Study
    group: plans.Group
    space: spaces.Space
    by: str
    generations: int
    round_steps: int
    key: jax.Array
    share: float
    factor: float


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
      space: whose traced fields are changed, and stay what it says, see `rule`.
      by: name of the score.
      generations: rounds.
      seed: of who wins and how numbers change.
      share: of the members that lose at the end of a generation.
      factor: that numbers change by, up or down, see `rule.explore`.

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
    names = _changing(group.trials[0].values, space)
    ready, members = studies.begin(study, group.trials)
    own = [trial.name for trial in group.trials]
    round_steps = -(-study.steps // generations)
    task = Task(
        study,
        group,
        space,
        by,
        generations,
        round_steps,
        key=randomness.key(seed),
        share=share,
        factor=factor,
    )
    values = {name: [trial.values[name] for trial in group.trials] for name in names}
    decide = functools.partial(_decide, task, _evolving(task))
    rounds.drive(
        study,
        members,
        {"generation": 0, "values": values, "parents": own},
        rounds.of_population(
            study, ready, decide, name=group.name, round_steps=round_steps
        ),
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


def _evolving(task: Task) -> Evolve:
    @jax.jit
    def evolve(generation, state, costs):
        win_key, _ = jax.random.split(jax.random.fold_in(task.key, generation))
        parents = pbt.exploit(win_key, costs, task.share)
        return parents, population.take(state, parents)

    return evolve


def _decide(
    task: Task,
    evolve: Evolve,
    members: runs.Members,
    search_state: rounds.SearchState,
    measured: dict[str, np.ndarray],
    took: float,
) -> tuple[rounds.RoundResult, list[int]]:
    """What follows from the scores `[P]` of a generation, see `rounds.Decision`.

    The state has the number of the `generation`, the `values` that members train with,
    by name, and the names of their `parents`.
    """
    generation = search_state["generation"]
    last = generation == task.generations - 1
    rows = _rows(task, search_state, measured, took)
    costs = objectives.costs(measured, task.by)
    said = f"generation {generation + 1} of {task.generations}"
    if np.isfinite(costs).any():
        best = int(np.nanargmin(costs))
        said += f", best {task.by} {measured[task.by][best]:.4g}"
    own = [trial.name for trial in task.group.trials]
    after = {
        "generation": generation + 1,
        "values": search_state["values"],
        "parents": own,
    }
    if not last:
        parents, state = evolve(
            generation, members.state, jnp.array(costs, jnp.float32)
        )
        parents = np.asarray(parents)
        after["values"] = _explored(task, generation, after["values"], parents)
        after["parents"] = [own[parent] for parent in parents]
        hparams = _numbers(task.study, task.group.trials, after["values"])
        members = members._replace(hparams=hparams, state=state)
        said += f", {int((parents != np.arange(len(own))).sum())} taken over"
    return rounds.RoundResult(members, after, rows, last, said), list(range(len(rows)))


def _explored(
    task: Task,
    generation: int,
    values: Mapping[str, Sequence[float]],
    parents: np.ndarray,
) -> dict[str, list[float]]:
    """The numbers that members go on with."""
    _, key = jax.random.split(jax.random.fold_in(task.key, generation))
    return pbt.explore(key, values, parents, task.space, task.factor)


def _rows(
    task: Task,
    search_state: rounds.SearchState,
    measured: dict[str, np.ndarray],
    took: float,
) -> list[records.Row]:
    """A generation's rows of all members."""
    generation, members = search_state["generation"], task.group.trials
    last, rows = generation == task.generations - 1, []
    for i, trial in enumerate(members):
        now = {name: values[i] for name, values in search_state["values"].items()}
        scores = {name: x[i] for name, x in measured.items()}
        alive = not np.isnan(scores[task.by])
        rows.append(
            studies.row(
                trial._replace(values=trial.values | now),
                scores,
                group=task.group.name,
                status=("finished" if alive else "died") if last else "going",
                steps=task.round_steps * (generation + 1),
                seconds=took * (generation + 1) / len(members),
                rung=generation,
                parent=search_state["parents"][i],
            )
        )
    return rows


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
        ],
        study.pool.modes,
    )
