"""Maximum mean discrepancy, and the kernels it is usually taken with.

A kernel is a function `(x [..., N, F], y [..., M, F]) -> [..., N, M]`, so a new one is
a function of three lines.

References:
  Gretton et al., A Kernel Two-Sample Test, 2012.
  Li et al., MMD GAN: Towards Deeper Understanding of Moment Matching Network, 2017,
  https://arxiv.org/abs/1705.08584
  Binkowski et al., Demystifying MMD GANs, 2018, https://arxiv.org/abs/1801.01401
"""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from jaxgan.divergences import checks, samples

Kernel = Callable[[Array, Array], Array]


def rbf_kernel(bandwidths: Sequence[float] | ArrayLike = (1.0,)) -> Kernel:
    """Sum of Gaussian kernels exp(-|x - y|^2 / (2 b^2)) over the bandwidths b.

    Args:
      bandwidths: one or several standard deviations b, which may be traced.

    Returns:
      A kernel, in [0, number of bandwidths].

    Raises:
      UserError: if there is none, or one that is known is not positive.
    """
    bandwidths = jnp.atleast_1d(checks.positive("bandwidths", bandwidths))

    def kernel(x, y):
        scaled = samples.squared_distances(x, y)[..., None] / (2 * bandwidths**2)
        return jnp.sum(jnp.exp(-scaled), axis=-1)

    return kernel


def polynomial_kernel(
    degree: int = 3, scale: float | None = None, offset: float = 1.0
) -> Kernel:
    """The kernel (scale x.y + offset)^degree; by default that of the Kernel Inception
    Distance.

    Args:
      degree: whole number of at least 1.
      scale: factor of the inner product; None for 1 / F.
      offset: added before the power.

    Returns:
      A kernel.

    Raises:
      UserError: if the degree is not a whole number of at least 1.

    References:
      Binkowski et al., Demystifying MMD GANs, 2018, https://arxiv.org/abs/1801.01401
    """
    checks.at_least("degree", degree, 1)

    def kernel(x, y):
        factor = 1 / x.shape[-1] if scale is None else scale
        inner = jnp.matmul(x, y.mT, precision=jax.lax.Precision.HIGHEST)
        return (factor * inner + offset) ** degree

    return kernel


def mmd2(x: ArrayLike, y: ArrayLike, kernel: Kernel) -> Array:
    """Squared maximum mean discrepancy, the unbiased U-statistic.

    mean of k(x_i, x_j) over i != j, plus the same of y, minus twice the mean of
    k(x_i, y_j). It is negative about half of the time when P = Q.

    Args:
      x: `[..., N, F]` samples of P, N at least 2.
      y: `[..., M, F]` samples of Q, M at least 2.
      kernel: such as `rbf_kernel(...)` or `polynomial_kernel(...)`.

    Returns:
      `[...]`.

    Raises:
      UserError: if shapes do not fit or there are fewer than two samples of either.
    """
    x, y = checks.two_samples(x, y, least=2)
    across = jnp.mean(kernel(x, y), axis=(-2, -1))
    return _mean_of_pairs(kernel(x, x)) + _mean_of_pairs(kernel(y, y)) - 2 * across


def _mean_of_pairs(gram: Array) -> Array:
    num = gram.shape[-1]
    others = jnp.where(jnp.eye(num, dtype=bool), 0, gram)
    return jnp.sum(others, axis=(-2, -1)) / (num * (num - 1))
