"""What a sweep would take, said before it runs.

A probe trains the first population for a few steps, with the program that it trains by
afterwards; others are reckoned from the operations of their programs.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxgan import population, reports, training
from jaxgan.core import randomness
from jaxgan.sweeps import plans, recipes, spaces, studies, trials
from jaxgan.training import memory, methods

PROBE_STEPS = 10
CERTAIN = 16
"""A population whose state takes so many times less than what is free certainly fits:
steps and samples need a few times what the state does."""


class Line(NamedTuple):
    """A structure of the plan.

    Attributes:
      structure: its structural fields.
      trials: that have it.
      populations: that they are cut into.
      members: of each population.
      parameters: of a member, both players.
      flops: operations of a member's step.
      bytes: of a member's state.
    """

    structure: dict[str, Any]
    trials: int
    populations: int
    members: int
    parameters: int
    flops: float
    bytes: int


def lines(study: studies.Study, groups: Sequence[plans.Group]) -> list[Line]:
    """The structures of a plan, in the order in which they run.

    Nothing is compiled, but everything is traced: what cannot be built is said here.

    Raises:
      UserError: if a setting makes no GAN.
    """
    alike: dict[str, list[plans.Group]] = {}
    for group in groups:
        own = study.recipe(group.trials[0].values)
        alike.setdefault(trials.canonical(recipes.structure(own)), []).append(group)
    return [_line(study, own) for own in alike.values()]


def most_members(
    study: studies.Study, settings: Iterable[spaces.Setting], seeds: int
) -> int | None:
    """The largest population that fits into memory, or None if any does.

    Measured for the structure with the largest state, by compiling it twice, and only
    where there is doubt.
    """
    structures: dict[str, list[recipes.Recipe]] = {}
    for setting in settings:
        own = study.recipe(setting)
        structures.setdefault(trials.canonical(recipes.structure(own)), []).append(own)
    largest, wanted = None, 0
    for own in structures.values():
        size = _state_bytes(study, own[0])[1] * len(own) * seeds
        if size >= wanted:
            largest, wanted = own[0], size
    free, _ = memory.available()
    if largest is None or CERTAIN * wanted < free:
        return None
    few, many = memory.sizes(len(jax.devices()))
    needs = []
    for number in (few, many):
        ready = study.ready(largest, number)
        needs.append(
            memory.need(
                ready.trainer.program,
                ready.made.initialise,
                ready.made.hparams,
                study.pool,
                number,
                studies.chunk_steps(study),
            )
        )
    return max(1, memory.largest(*needs))


def probe(study: studies.Study, group: plans.Group) -> tuple[float, float, float]:
    """Trains a population for some steps and scores some of its members.

    Returns:
      Seconds to compile, operations per second, and seconds to score a member.
    """
    times = [time.perf_counter()]
    ready, members = studies.begin(study, group.trials[: group.places], group.places)
    placed = training.place(ready.trainer.program, *members, study.pool)
    for _ in range(2):  # the first steps are not timed
        placed = training.advance(ready.trainer.program, placed, num_steps=PROBE_STEPS)
        times.append(time.perf_counter())
    trained = members._replace(state=training.collect(placed))
    few = np.arange(studies.SCORED_AT_ONCE) % len(trained.keys)
    own = population.take(trained, few)
    times.append(time.perf_counter())
    for _ in range(2):
        studies.score(study, ready, own)
        times.append(time.perf_counter())
    _, began, stepped, scoring, first, second = times
    work = ready.trainer.flops * PROBE_STEPS * group.places
    compiling = (began - times[0]) + (first - scoring)
    rate = work / (stepped - began)
    return compiling, rate, (second - first) / studies.SCORED_AT_ONCE


def seconds(
    study: studies.Study,
    found: Sequence[Line],
    probed: tuple[float, float, float],
    share: float = 1.0,
    scorings: float = 1.0,
) -> float:
    """Expected seconds of a plan.

    Args:
      study: of the plan.
      found: from `lines`.
      probed: from `probe`.
      share: of the steps that the search takes, see `halving_share`.
      scorings: of each trial, on average.
    """
    compiling, rate, scoring = probed
    total = compiling * len(found)
    for line in found:
        total += share * line.trials * study.steps * line.flops / rate
        total += scorings * line.trials * scoring
    return total


def halving_share(
    ladders: Sequence[Sequence[int]], weights: Sequence[int], eta: int
) -> float:
    """The share of all steps that halving takes, if one in eta goes on from each rung.

    Args:
      ladders: rounds of each bracket's rungs.
      weights: trials of each bracket.
      eta: one in so many goes on.
    """
    longest = max(max(ladder) for ladder in ladders)
    taken = 0.0
    for ladder, trials_of in zip(ladders, weights, strict=True):
        for i, (before, rounds) in enumerate(zip((0, *ladder), ladder, strict=False)):
            taken += trials_of * (rounds - before) / eta**i
    return taken / (longest * sum(weights))


def show(
    found: Sequence[Line], expected: float | None, more: Mapping[str, Any] = {}
) -> None:
    """Prints the plan: a line for each program, and the sums."""
    total = sum(line.trials for line in found)
    populations_of = sum(line.populations for line in found)
    rows = [
        [
            ", ".join(f"{k}={v}" for k, v in line.structure.items()) or "the same",
            line.trials,
            f"{line.populations} x {line.members}",
            f"{line.parameters:,}",
            f"{line.flops / 1e6:.3g}",
            f"{line.bytes / 1e6:.3g}",
        ]
        for line in found
    ]
    columns = [
        *("program", "trials", "populations x members", "parameters of a member"),
        *("MFLOP of a step", "MB of a member"),
    ]
    said = "" if expected is None else f", about {duration(expected)}"
    title = (
        f"The plan: {reports.count(len(found), 'program')}, "
        f"{reports.count(populations_of, 'population')}, "
        f"{reports.count(total, 'trial')}{said}"
    )
    reports.print_table(rows, columns, title)
    if more:
        reports.print_facts(more)


def dry_run(study: studies.Study, groups: Sequence[plans.Group]) -> None:
    """Prints what a plan would take, all of whose trials train to their end."""
    found = lines(study, groups)
    show(found, seconds(study, found, probe(study, groups[0])))


def duration(seconds: float) -> str:
    """A time in the unit that suits it."""
    for unit, size in (("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"


def _line(study: studies.Study, groups: Sequence[plans.Group]) -> Line:
    recipe = study.recipe(groups[0].trials[0].values)
    parameters, size = _state_bytes(study, recipe)
    ready = study.ready(recipe, groups[0].places)
    return Line(
        groups[0].structure,
        sum(len(group.trials) for group in groups),
        len(groups),
        groups[0].places,
        parameters,
        ready.trainer.flops,
        size,
    )


def _state_bytes(study, recipe) -> tuple[int, int]:
    """Parameters and bytes of one member."""
    networks = recipes.networks_of(recipe, study.data)
    made = methods.make(networks, recipes.method(recipe))
    state = jax.eval_shape(made.initialise, made.hparams, randomness.key(0))
    parameters = sum(leaf.size for leaf in jax.tree.leaves(state.params))
    return parameters, sum(x.size * x.dtype.itemsize for x in jax.tree.leaves(state))
