"""What makes an array a distribution or a covariance, checked before tracing.

As in `jaxgan.divergences.checks`, values are looked at only where they are known.
"""

import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from jaxgan.core import errors
from jaxgan.divergences import checks


def two_distributions(p: ArrayLike, q: ArrayLike) -> tuple[Array, Array]:
    """Asks that `p [..., K]` and `q [..., K]` are distributions over the same `K`."""
    p, q = checks.probabilities("p", p), checks.probabilities("q", q)
    checks.same_axis("p", p, "q", q)
    return p, q


def mixture_weights(weights: ArrayLike | None, distributions: Array) -> Array:
    """Asks that `weights [..., M]` are probabilities for `distributions [..., M, K]`.

    Returns:
      `[..., M]`; all 1 / M if `weights` is None.

    Raises:
      UserError: if shapes do not fit or known values are not probabilities.
    """
    checks.not_empty("distributions", distributions, 2, "[..., M, K]")
    if weights is None:
        num = distributions.shape[-2]
        return jnp.full((num,), 1 / num, distributions.dtype)
    array = checks.probabilities("weights", weights)
    checks.same_axis(
        "weights", array, "distributions without its last axis", distributions[..., 0]
    )
    return array


def variances(name: str, x: ArrayLike) -> Array:
    """Asks that `x [..., F]` is not empty and holds nothing known to be negative."""
    array = checks.vectors(name, x, "[..., F]")
    values = checks.concrete(x)
    if values is not None and np.any(values < 0):
        raise errors.UserError(
            f"{name} holds the negative value {np.nanmin(values):g}; give variances."
        )
    return array


def covariances(name: str, x: ArrayLike) -> Array:
    """Asks that `x [..., F, F]` is square and, where known, symmetric.

    Raises:
      UserError: if it is empty or not square, or known values are off symmetry by
        more than 1e-4 of the largest, or have a negative diagonal.
    """
    array = checks.floating(x)
    checks.not_empty(name, array, 2, "[..., F, F]")
    if array.shape[-1] != array.shape[-2]:
        raise errors.UserError(
            f"{name} has shape {array.shape}; give square matrices, shape [..., F, F]."
        )
    values = checks.concrete(x)
    if values is None:
        return array
    lowest = np.min(np.diagonal(values, axis1=-2, axis2=-1))
    if lowest < 0:
        raise errors.UserError(
            f"{name} has the negative variance {lowest:g} on its diagonal; give "
            "positive semidefinite matrices."
        )
    with np.errstate(invalid="ignore"):  # infinite entries become NaN in the result
        gap = np.max(np.abs(values - np.swapaxes(values, -1, -2)))
    if gap > 1e-4 * np.max(np.abs(values)):
        raise errors.UserError(
            f"{name} differs from its transpose by up to {gap:g}; give symmetric "
            "matrices."
        )
    return array
