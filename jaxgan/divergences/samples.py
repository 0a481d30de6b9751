"""Divergences between two samples through the distances of their points.

Samples are `x [..., N, F]` and `y [..., M, F]`; a plain `[N]` is read as `[N, 1]`. All
pairwise distances are held at once, `[..., N, M]`; without `jit` so are the differences
`[..., N, M, F]`.

References:
  Wang, Kulkarni and Verdu, Divergence Estimation for Multidimensional Densities via
  k-Nearest-Neighbor Distances, 2009.
  Szekely and Rizzo, Energy Statistics: A Class of Statistics Based on Distances, 2013.
"""

import math

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from jaxgan.core import errors
from jaxgan.divergences import checks, log_domain


def knn_kl(x: ArrayLike, y: ArrayLike, k: int = 5, base: float | None = None) -> Array:
    """Kullback-Leibler divergence from the k-th nearest neighbours of every x.

    F mean log(nu_i / rho_i) + log(M / (N - 1)), where rho_i is the distance from x_i to
    its k-th nearest among the other x and nu_i to its k-th nearest among the y.
    Consistent for any k; a larger one trades variance for bias. It may be negative.

    Args:
      x: `[..., N, F]` samples of P.
      y: `[..., M, F]` samples of Q.
      k: which neighbour, at least 1.
      base: of the logarithm; None for nats.

    Returns:
      `[...]`. A density gives no ties; more than k equal x make it infinite, k equal y
      at an x minus infinity, and both at once NaN.

    Raises:
      UserError: if shapes do not fit, or there are not more than k samples x and at
        least k samples y.

    When:
      For samples without a known density.

    References:
      Wang et al., Divergence Estimation via k-Nearest-Neighbor Distances, 2009
    """
    x, y = checks.two_samples(x, y)
    checks.at_least("k", k, 1)
    num_x, num_y = x.shape[-2], y.shape[-2]
    if k >= num_x or k > num_y:
        raise errors.UserError(
            f"k is {k} with {num_x} samples x and {num_y} samples y; take a smaller k "
            "or give more than k samples x and at least k samples y."
        )
    within = jnp.where(jnp.eye(num_x, dtype=bool), jnp.inf, squared_distances(x, x))
    within, across = _kth_smallest(within, k), _kth_smallest(squared_distances(x, y), k)
    ratios = jnp.log(across) - jnp.log(within)
    value = x.shape[-1] / 2 * jnp.mean(ratios, axis=-1) + math.log(num_y / (num_x - 1))
    return value / checks.log_base(base)


def energy_distance(x: ArrayLike, y: ArrayLike) -> Array:
    """Energy distance, sqrt(2 E|x - y| - E|x - x'| - E|y - y'|), in [0, inf).

    The root, as in SciPy, of the V-statistic (all pairs, equal ones included), which is
    never negative; in one dimension it is sqrt(2 int (F - G)^2) of the distribution
    functions and computed so. Zero only for equal samples, and then with gradient zero.

    Args:
      x: `[..., N, F]` samples of P.
      y: `[..., M, F]` samples of Q.

    Returns:
      `[...]`.

    Raises:
      UserError: if shapes do not fit or a sample is empty.

    When:
      For samples, without a bandwidth to choose.

    References:
      Szekely and Rizzo, Energy Statistics, 2013
    """
    x, y = checks.two_samples(x, y)
    if x.shape[-1] == 1:
        return log_domain.root(2 * _squared_cdf_gap(x[..., 0], y[..., 0]))

    def mean_distance(a, b):
        return jnp.mean(log_domain.root(squared_distances(a, b)), axis=(-2, -1))

    across = 2 * mean_distance(x, y)
    return log_domain.root(across - mean_distance(x, x) - mean_distance(y, y))


def squared_distances(x: Array, y: Array) -> Array:
    """All |x_i - y_j|^2 `[..., N, M]`, by differences: exact zeros, no cancellation."""
    return jnp.sum((x[..., :, None, :] - y[..., None, :, :]) ** 2, axis=-1)


def _kth_smallest(distances: Array, k: int) -> Array:
    # top_k sorts NaN to the front only in one direction, so it is put back by hand.
    unknown = jnp.any(jnp.isnan(distances), axis=-1)
    kth = -jax.lax.top_k(-distances, k)[0][..., -1]
    return jnp.where(unknown, jnp.nan, kth)


def _squared_cdf_gap(x: Array, y: Array) -> Array:
    """Integral of (F - G)^2 of the distribution functions of `[..., N]`, `[..., M]`."""
    num_x, num_y = x.shape[-1], y.shape[-1]
    batch = jnp.broadcast_shapes(x.shape[:-1], y.shape[:-1])
    x, y = (jnp.broadcast_to(v, (*batch, v.shape[-1])) for v in (x, y))
    both = jnp.concatenate([x, y], axis=-1)
    order = jnp.argsort(both, axis=-1)
    below_x = jnp.cumsum(order < num_x, axis=-1)[..., :-1]
    below_y = jnp.arange(1, num_x + num_y) - below_x
    gap = below_x / num_x - below_y / num_y
    steps = jnp.diff(jnp.take_along_axis(both, order, axis=-1), axis=-1)
    return jnp.sum(gap.astype(both.dtype) ** 2 * steps, axis=-1)
