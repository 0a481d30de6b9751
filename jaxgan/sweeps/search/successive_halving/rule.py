"""Synchronous successive halving: at each rung all trials are compared with all.

All N trials train up to the first rung; the best `1 / eta` of them, at least one, train
on to the second, and so on. Nobody is judged by the few who came early, as in the
asynchronous kind (`asynchronous_halving`), so that neither the order of the trials nor
how many train at once changes who goes on; but a rung has to be complete before the
next begins.

    sizes(96, 4, 2) == (96, 48, 24, 12)

Everything is a function of numbers on the host.

References:
  Jamieson and Talwalkar, Non-stochastic Best Arm Identification and Hyperparameter
  Optimization, 2016, https://arxiv.org/abs/1502.07943
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from jaxgan.core import errors
from jaxgan.sweeps.search.asynchronous_halving import rule as halving


def survivors(scores: ArrayLike, eta: int) -> np.ndarray:
    """Indices `[K]`, rising, of the trials that go on from a rung.

    The best `floor(N / eta)`, but at least one; equals in their order. One whose score
    is NaN never goes on, so that there are fewer, or none, if too many are NaN.

    Args:
      scores: `[N]` of all trials at the rung, less is better.
      eta: one in so many goes on.

    Raises:
      UserError: if there are no scores or `eta` < 2.
    """
    scores = np.asarray(scores, float)
    if scores.ndim != 1 or not scores.size or eta < 2:
        raise errors.UserError(
            f"scores of shape {scores.shape} must be one for each trial, at least one, "
            f"and eta={eta} at least 2."
        )
    best = halving.ranking(scores)[: max(1, scores.size // eta)]
    return np.sort(best[~np.isnan(scores[best])])


def compare(
    trials: Sequence[int], scores: ArrayLike, rung: int, *, last: bool, eta: int
) -> list[halving.Entry]:
    """What becomes of all trials of a rung, in their order.

    Args:
      trials: indices of the N trials that came to the rung.
      scores: `[N]`, less is better.
      rung: its index.
      last: whether it is the whole training: all are finished, also those whose score
        is NaN.
      eta: one in so many goes on from any other.

    Raises:
      UserError: as `survivors`.
    """
    scores = np.asarray(scores, float)
    if last:
        status = np.full(scores.shape, "finished")
    else:
        status = np.full(scores.shape, "stopped")
        status[survivors(scores, eta)] = "going"
    return [
        halving.Entry(int(trial), rung, float(score), str(what))
        for trial, score, what in zip(trials, scores, status, strict=True)
    ]


def sizes(num_trials: int, num_rungs: int, eta: int) -> tuple[int, ...]:
    """Trials that train up to each rung, if none dies: N, N // eta ... at least one."""
    found = [num_trials]
    while len(found) < num_rungs:
        found.append(max(1, found[-1] // eta))
    return tuple(found)


def share(ladder: Sequence[int], num_trials: int, places: int, eta: int) -> float:
    """The cost beside that of training all trials to the end, if none dies.

    sum_r ceil(n_r / P) P (t_r - t_{r-1}) / (N t_R) with `n_r` trials that train up to
    the rung of `t_r` rounds; empty places of a population cost as much as others.

    Args:
      ladder: rounds of the rungs, rising.
      num_trials: N.
      places: P, that train at once.
      eta: one in so many goes on.
    """
    numbers = sizes(num_trials, len(ladder), eta)
    taken = sum(
        -(-number // places) * places * (rounds - before)
        for number, before, rounds in zip(numbers, (0, *ladder), ladder, strict=False)
    )
    return taken / (num_trials * ladder[-1])
