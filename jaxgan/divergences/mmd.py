"""Maximum mean discrepancy, and the kernels it is usually taken with.

A kernel is a function `(x [..., N, F], y [..., M, F]) -> [..., N, M]`, so a new one is
a function of three lines. The two that are here also know how to keep the digits that
samples far from the origin would cost.

References:
  Gretton et al., A Kernel Two-Sample Test, 2012.
  Li et al., MMD GAN: Towards Deeper Understanding of Moment Matching Network, 2017,
  https://arxiv.org/abs/1705.08584
  Binkowski et al., Demystifying MMD GANs, 2018, https://arxiv.org/abs/1801.01401
"""

import dataclasses
import functools
import itertools
import math
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from jaxgan.divergences import checks, offsets, samples

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
    return Gaussian(jnp.atleast_1d(checks.positive("bandwidths", bandwidths)))


@dataclasses.dataclass(frozen=True, eq=False)
class Gaussian:
    """The kernel of `rbf_kernel`, which only knows differences of samples.

    Attributes:
      bandwidths: `[B]`.
    """

    bandwidths: Array

    def __call__(self, x: Array, y: Array) -> Array:
        squares = samples.squared_distances(x, y)[..., None]
        return jnp.sum(jnp.exp(-squares / (2 * self.bandwidths**2)), axis=-1)

    def about(self, centre: Array, x: Array, y: Array) -> Array:
        """The kernel of `x + centre` and `y + centre`."""
        del centre
        return self(x, y)


def polynomial_kernel(
    degree: int = 3,
    scale: float | None = None,
    offset: float = 1.0,
    origin: ArrayLike = 0.0,
) -> Kernel:
    """The kernel (scale x.y + offset)^degree; by default that of the Kernel Inception
    Distance.

    Args:
      degree: whole number of at least 1.
      scale: factor of the inner product; None for 1 / F.
      offset: added before the power.
      origin: `[F]`, what is added to all samples first; `mmd2` loses no digits by it.

    Returns:
      A kernel.

    Raises:
      UserError: if the degree is not a whole number of at least 1.

    References:
      Binkowski et al., Demystifying MMD GANs, 2018, https://arxiv.org/abs/1801.01401
    """
    checks.at_least("degree", degree, 1)
    return Polynomial(degree, scale, offset, origin)


@dataclasses.dataclass(frozen=True, eq=False)
class Polynomial:
    """The kernel of `polynomial_kernel`.

    Attributes:
      degree: of the power.
      scale: of the inner product, None for 1 / F.
      offset: added before the power.
      origin: added to the samples.
    """

    degree: int
    scale: float | None
    offset: float
    origin: ArrayLike

    def __call__(self, x: Array, y: Array) -> Array:
        inner = self._inner(x + self.origin, y + self.origin)
        return (inner + self.offset) ** self.degree

    def about(self, centre: Array, x: Array, y: Array) -> Array:
        """The kernel of `x + centre` and `y + centre`, but for what is of one alone.

        With `a = scale |c|^2 + offset`, `s = scale c.x`, `t = scale c.y` and
        `w = scale x.y` it is `(a + s + t + w)^degree`. Its terms without w, and not
        with both s and t, are the same for all partners of a sample. A discrepancy does
        not depend on them, and far from the origin they are nearly all of the kernel.
        """
        centre = centre + self.origin
        base = self._inner(centre, centre) + self.offset
        of_x, of_y = self._inner(x, centre), self._inner(centre, y)
        both = self._inner(x, y)
        total = jnp.zeros_like(both)
        for s, t, w in itertools.product(range(self.degree + 1), repeat=3):
            rest = self.degree - s - t - w
            if rest >= 0 and (w > 0 or (s > 0 and t > 0)):
                ways = math.factorial(self.degree) // math.prod(
                    map(math.factorial, (s, t, w, rest))
                )
                total += ways * base**rest * of_x**s * of_y**t * both**w
        return total

    def _inner(self, x: Array, y: Array) -> Array:
        factor = 1 / x.shape[-1] if self.scale is None else self.scale
        return factor * jnp.matmul(x, y.mT, precision=jax.lax.Precision.HIGHEST)


def mmd2(x: ArrayLike, y: ArrayLike, kernel: Kernel) -> Array:
    """Squared maximum mean discrepancy, the unbiased U-statistic.

    `mean k(x_i, x_j) + mean k(y_i, y_j) - 2 mean k(x_i, y_j)`, the first two over
    i != j. It is negative about half of the time when P = Q.

    With a Gaussian kernel a constant added to all samples changes nothing. With a
    polynomial one it does, by definition, as that knows the origin; but neither loses
    digits to it. Another kernel is applied to the samples in float32, as they are.

    Args:
      x: `[..., N, F]` samples of P, N at least 2.
      y: `[..., M, F]` samples of Q, M at least 2.
      kernel: such as `rbf_kernel(...)` or `polynomial_kernel(...)`.

    Returns:
      `[...]`.

    Raises:
      UserError: if shapes do not fit or there are fewer than two samples of either.

    When:
      For samples, with a kernel of your choice.

    References:
      Gretton et al., A Kernel Two-Sample Test, 2012
    """
    if isinstance(kernel, Gaussian | Polynomial):
        centre, x, y = _about_centre(x, y)
        kernel = functools.partial(kernel.about, centre)
    else:
        x, y = checks.two_samples(checks.floating(x), checks.floating(y), least=2)
    across = jnp.mean(kernel(x, y), axis=(-2, -1))
    return _mean_of_pairs(kernel(x, x)) + _mean_of_pairs(kernel(y, y)) - 2 * across


def _about_centre(x: ArrayLike, y: ArrayLike) -> tuple[Array, Array, Array]:
    """A point `[..., 1, F]` among the samples, and these as they lie to it."""
    given, (x, y) = map(checks.rows, (x, y)), checks.two_samples(x, y, least=2)
    centre = jax.lax.stop_gradient(jnp.mean(x, axis=-2, keepdims=True))
    offset = jnp.asarray(offsets.of(*given), centre.dtype)
    return centre + offset, x - centre, y - centre


def _mean_of_pairs(gram: Array) -> Array:
    num = gram.shape[-1]
    others = jnp.where(jnp.eye(num, dtype=bool), 0, gram)
    return jnp.sum(others, axis=(-2, -1)) / (num * (num - 1))
