"""Wasserstein distances that sorting solves: on the line, and along random lines.

References:
  Peyre and Cuturi, Computational Optimal Transport, 2019, section 2.6,
  https://arxiv.org/abs/1803.00567
  Bonneel et al., Sliced and Radon Wasserstein Barycenters of Measures, 2015.
  Deshpande, Zhang and Schwing, Generative Modeling using the Sliced Wasserstein
  Distance, 2018, https://arxiv.org/abs/1803.11188
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from jaxgan.core import randomness
from jaxgan.divergences import checks, log_domain, offsets


def wasserstein_1d(x: ArrayLike, y: ArrayLike, order: int = 1) -> Array:
    """Wasserstein distance of two samples on the line, exact for any N and M.

    (int_0^1 |F^-1(u) - G^-1(u)|^order du)^(1 / order) of their quantile functions.

    Args:
      x: `[..., N]` samples of P.
      y: `[..., M]` samples of Q.
      order: 1 for the earth mover's distance, or 2.

    Returns:
      `[...]`, the distance itself, not its power.

    Raises:
      UserError: if a sample is empty or the order is neither 1 nor 2.

    When:
      For samples of one number.
    """
    if min(np.ndim(x), np.ndim(y)):
        x, y = (v[..., 0] for v in offsets.centred(_column(x), _column(y)))
    x, y = checks.vectors("x", x, "[..., N]"), checks.vectors("y", y, "[..., M]")
    checks.same_batch("x", x, "y", y)
    cost = _transport_cost(x, y, order)
    return cost if order == 1 else log_domain.root(cost)


def sliced_wasserstein(
    x: ArrayLike,
    y: ArrayLike,
    key: Array,
    num_projections: int = 128,
    order: int = 2,
) -> Array:
    """Wasserstein distance averaged over projections on random directions.

    (mean over unit vectors of W_order^order)^(1 / order) of the projected samples. For
    two points it is |x - y| / sqrt(F) at order 2: no factor corrects for F.

    Args:
      x: `[..., N, F]` samples of P.
      y: `[..., M, F]` samples of Q.
      key: consumed; it draws the directions, uniformly on the sphere.
      num_projections: number of directions, which sets the Monte Carlo error.
      order: 1 or 2.

    Returns:
      `[...]`, the distance itself, not its power.

    Raises:
      UserError: if shapes do not fit, a sample is empty, there is no direction or the
        order is neither 1 nor 2.

    When:
      For samples in many dimensions.

    References:
      Rabin et al., Wasserstein Barycenter and its Application to Texture Mixing, 2011
    """
    x, y = checks.two_samples(x, y)
    # Projected with them, a common offset would take digits from the differences.
    centre = jax.lax.stop_gradient(jnp.mean(x, axis=-2, keepdims=True))
    x, y = x - centre, y - centre
    checks.at_least("num_projections", num_projections, 1)
    key = randomness.threefry(key)
    normal = jax.random.normal(key, (num_projections, x.shape[-1]), x.dtype)
    directions = normal / jnp.linalg.norm(normal, axis=-1, keepdims=True)

    def project(samples):
        return jnp.matmul(directions, samples.mT, precision=jax.lax.Precision.HIGHEST)

    cost = jnp.mean(_transport_cost(project(x), project(y), order), axis=-1)
    return cost if order == 1 else log_domain.root(cost)


def _column(x: ArrayLike) -> ArrayLike:
    return x[..., None] if isinstance(x, Array) else np.expand_dims(x, -1)


def _transport_cost(x: Array, y: Array, order: int) -> Array:
    """Integral of |F^-1 - G^-1|^order, of samples `[..., N]` and `[..., M]`."""
    checks.one_of("order", order, (1, 2))
    # Both quantile functions are constant between multiples of 1/N and of 1/M. Those
    # levels depend on shapes only, and as whole numbers of 1/(N M) they are exact.
    num_x, num_y = x.shape[-1], y.shape[-1]
    levels = np.union1d(
        np.arange(num_x + 1, dtype=np.int64) * num_y,
        np.arange(num_y + 1, dtype=np.int64) * num_x,
    )
    lengths = jnp.asarray(np.diff(levels) / (num_x * num_y), x.dtype)
    start = levels[:-1]
    quantiles_x = jnp.sort(x, axis=-1)[..., start // num_y]
    quantiles_y = jnp.sort(y, axis=-1)[..., start // num_x]
    gaps = jnp.abs(quantiles_x - quantiles_y)
    return jnp.sum(lengths * gaps**order, axis=-1)
