"""The best state of each member by a score, and an end for those that get no better.

A member that has stopped keeps its place in the population: the compiled program goes
on with it, so that no other member's bits change, and what it does there is dropped.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np

from jaxgan import training, types
from jaxgan.core.distributed import processes
from jaxgan.runs.trainers import Members

NEVER = 0
"""The step at which a member has stopped that goes on."""


class Rule(NamedTuple):
    """By what the best state of a member is known, and when it stops.

    Attributes:
      costs: `members -> [P]`, the smaller the better; neither NaN nor infinity is ever
        the best.
      evaluations: times that all members are evaluated, evenly spread, the last one at
        the end.
      patience: evaluations in a row that are no better than the best before, after
        which a member stops; None to go on to the end.
    """

    costs: Callable[[Members], np.ndarray]
    evaluations: int
    patience: int | None = None


class Best(NamedTuple):
    """What is known of P members so far; saved and resumed with them.

    Attributes:
      state: of each member where its cost was least, `[P, ...]`.
      cost: `[P]`, infinite before there was one.
      step: `[P]` int64, at which that was; 0 before.
      since: `[P]` int64, evaluations since then.
      stopped: `[P]` int64, the step at which the member stopped, or `NEVER`.
      evaluated: int64, the step of the last evaluation.
    """

    state: types.TrainState
    cost: np.ndarray
    step: np.ndarray
    since: np.ndarray
    stopped: np.ndarray
    evaluated: np.ndarray


def begin(state: types.TrainState) -> Best:
    """Before the first evaluation.

    Args:
      state: of P members, in the host's memory.
    """
    zeros = np.zeros(len(np.asarray(state.step)), np.int64)
    cost = np.full(len(zeros), np.inf)
    return Best(state, cost, zeros, zeros, zeros, np.zeros((), np.int64))


def is_due(rule: Rule, best: Best, step: int, *, num_steps: int) -> bool:
    """Whether an evaluation's time has come since the last one.

    Evaluation i of n has its time at `ceil(i num_steps / n)`.
    """
    times = rule.evaluations
    return step * times // num_steps > int(best.evaluated) * times // num_steps


def consider(
    best: Best, state: types.TrainState, costs: np.ndarray, step: int, rule: Rule
) -> Best:
    """What is known after an evaluation; members that have stopped stay as they are.

    Args:
      best: before.
      state: of the members at this step, in the host's memory.
      costs: `[P]`.
      step: of the evaluation.
      rule: its `patience`.
    """
    goes_on = best.stopped == NEVER
    better = goes_on & (costs < best.cost)
    since = np.where(better, 0, best.since + goes_on)
    tired = goes_on & (since >= (np.inf if rule.patience is None else rule.patience))
    return Best(
        _choose(better, state, best.state),
        np.where(better, costs, best.cost),
        np.where(better, step, best.step),
        since,
        np.where(tired, step, best.stopped),
        np.asarray(step, np.int64),
    )


def evaluated(
    rule: Rule,
    best: Best,
    step: int,
    collect: Callable[[], Members],
    *,
    num_steps: int,
) -> Best:
    """What is known after a chunk, in which an evaluation may have become due.

    Args:
      rule: what is evaluated, and when.
      best: what was known before.
      step: that was reached.
      collect: gives the members, which costs a copy.
      num_steps: of the whole run.
    """
    if not is_due(rule, best, step, num_steps=num_steps):
        return best
    members = collect()
    # Processes go on together only if they have found the same.
    costs = np.asarray(rule.costs(shown(best, members)), float)
    costs = np.where(np.isfinite(costs), costs, np.inf)
    costs = np.asarray(processes.maximum([float(cost) for cost in costs]))
    return consider(best, members.state, costs, step, rule)


def without_stopped(
    best: Best, report: training.Report, before: training.Report
) -> training.Report:
    """A report in which members that have stopped show what they showed before."""
    stopped = best.stopped != NEVER
    metrics = {
        name: np.where(stopped, before.metrics[name], values)
        for name, values in report.metrics.items()
    }
    alive = np.where(stopped, before.alive, report.alive)
    return report._replace(metrics=metrics, alive=alive)


def shown(best: Best, members: Members) -> Members:
    """The members with the best state of those that have stopped and have one."""
    which = (best.stopped != NEVER) & (best.step > 0)
    return members._replace(state=_choose(which, best.state, members.state))


def restored(best: Best, members: Members) -> Members:
    """The members with the best state of each that has one."""
    return members._replace(state=_choose(best.step > 0, best.state, members.state))


def is_over(best: Best, alive: np.ndarray) -> bool:
    """Whether every member has stopped or is dead."""
    return bool(np.all((best.stopped != NEVER) | ~alive))


def _choose(
    which: np.ndarray, one: types.TrainState, other: types.TrainState
) -> types.TrainState:
    """Member by member the one or the other."""

    def choose(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        a, b = np.asarray(a), np.asarray(b)
        return np.where(which.reshape(-1, *[1] * (a.ndim - 1)), a, b)

    return jax.tree.map(choose, one, other)
