"""Averages of any length from snapshots of a few, after training.

What `power_averages` keeps is, after t steps and with `g = gamma + 1`, exactly

    sum_s w_s theta_s,    w_s = (s^g - (s - 1)^g) / t^g,    s = 1 ... t

A combination of snapshots is the sum of the weights after each step by the combination
of these profiles. So the coefficients that bring the profiles nearest to that of
another average, in least squares over all steps, bring the snapshots near to that
average. Those here sum to one, as an average's weights do, and the profiles are those
of the steps themselves, where Karras et al. take the integrals of `s^gamma`.

References:
  Karras et al., Analyzing and Improving the Training Dynamics of Diffusion Models,
  2024, section 3.2 and appendix C, https://arxiv.org/abs/2312.02696
"""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from jaxgan import types
from jaxgan.core import errors

BLOCK = 4096
"""Steps whose profiles are in memory at once."""

CUTOFF = 1e-8
"""Of the largest singular value, below which directions of the profiles count nothing:
their coefficients would be large and multiply the roundings of the snapshots."""


class Profile(NamedTuple):
    """An average.

    Attributes:
      step: t, after which it was, at least 1.
      exponent: gamma, at least 0.
    """

    step: int
    exponent: float


class Combination(NamedTuple):
    """A combination of snapshots that is nearly another average.

    Attributes:
      coefficients: float64 `[n]`, which sum to 1.
      error: distance of the profiles over the length of the target's, 0 for the same
        one and about 1, or more, for nothing of it. If the steps' weights differed from
        a constant by independent noise of one size, it would be the error of the
        average over what noise the average itself has.
    """

    coefficients: np.ndarray
    error: float


def profiles(wanted: Sequence[Profile], steps: np.ndarray) -> np.ndarray:
    """The weight of each step in each average.

    Args:
      wanted: n averages.
      steps: int `[S]`, from 1 on.

    Returns:
      float64 `[S, n]`, 0 for steps after that of the average.
    """
    s = np.asarray(steps, float)[:, None]
    last = np.array([own.step for own in wanted], float)
    power = np.array([own.exponent for own in wanted]) + 1
    with np.errstate(divide="ignore"):  # of the logarithm at the first step
        share = -np.expm1(power * np.log1p(-1 / s))
    return np.where(s <= last, (np.minimum(s, last) / last) ** power * share, 0)


def coefficients(kept: Sequence[Profile], target: Profile) -> Combination:
    """The combination of snapshots that is nearest to an average.

    Args:
      kept: the snapshots, n of them, at least one.
      target: the average; its step must not be after all of the snapshots.

    Returns:
      The coefficients, in the order of the snapshots.

    Raises:
      UserError: if there are no snapshots, or the target's step is not among those
        that they know.
    """
    if not kept:
        raise errors.UserError("there are no snapshots to combine; keep at least one.")
    latest = max(own.step for own in kept)
    if not 1 <= target.step <= latest:
        raise errors.UserError(
            f"the average after step {target.step} is asked for, but the snapshots are "
            f"of steps up to {latest}; give one from 1 to {latest}."
        )
    if target in kept:
        alone = np.zeros(len(kept))
        alone[kept.index(target)] = 1
        return Combination(alone, 0.0)
    reduced = _reduced([*kept, target], latest)
    matrix, wanted = reduced[:, :-1], reduced[:, -1]
    # What is left when the coefficients sum to one: all but the last are free.
    free, left = matrix[:, :-1] - matrix[:, -1:], wanted - matrix[:, -1]
    found = np.linalg.lstsq(free, left, rcond=CUTOFF)[0]
    found = np.append(found, 1 - found.sum())
    error = np.linalg.norm(matrix @ found - wanted) / np.linalg.norm(wanted)
    return Combination(found, float(error))


def combined(snapshots: types.Tree, coefficients: ArrayLike) -> types.Tree:
    """The sum of snapshots by their coefficients.

    Args:
      snapshots: every leaf `[n, ...]`.
      coefficients: `[n]`.

    Returns:
      The tree without the axis of the snapshots, in its dtypes.
    """

    def total(leaf: jax.Array) -> jax.Array:
        values = jnp.tensordot(
            jnp.asarray(coefficients, jnp.float32), leaf, 1, precision="highest"
        )
        return values.astype(leaf.dtype)

    return jax.tree.map(total, snapshots)


def _reduced(wanted: Sequence[Profile], latest: int) -> np.ndarray:
    """A small matrix with the inner products of the profiles over all steps.

    It is the triangle of a QR decomposition, made block of steps by block: the inner
    products themselves would have the squared condition.
    """
    triangle = np.zeros((0, len(wanted)))
    for start in range(1, latest + 1, BLOCK):
        steps = np.arange(start, min(start + BLOCK, latest + 1))
        rows = np.concatenate([triangle, profiles(wanted, steps)])
        triangle = np.linalg.qr(rows, mode="r")
    return triangle
