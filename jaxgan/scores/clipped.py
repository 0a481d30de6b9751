"""Density and coverage that outliers cannot move, on a scale of good samples.

Density counts real balls around a generated sample without end, and an outlier among
the real samples has a ball that half of space lies in; coverage asks for one sample in
a ball. Clipped, a sample counts for at most one, balls are no larger than the median
one, and a ball wants as many generated samples as it has real ones. Both are scaled so
that a share g of good samples among bad ones shows g.

References:
  Salvy et al., Enhanced Generative Model Evaluation with Clipped Density and Coverage,
  2025, https://arxiv.org/abs/2507.01761
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from jaxgan.core import errors
from jaxgan.scores import checks, distances, neighbours, record

K = 5
"""Of the neighbours, as published."""


class Balls(NamedTuple):
    """Balls around real samples, see `balls`.

    Attributes:
      centres: of the balls, `[N, F]`.
      squares: their squared radii `[N]`.
      clipped: the same, none above the median.
      own_density: the mean over the real samples of `min(1, balls around it / k)`, of
        clipped balls other than its own.
      k: neighbours that a ball reaches to.
    """

    centres: distances.Points
    squares: Array
    clipped: Array
    own_density: Array
    k: int


def clipped_density_coverage(
    real_features: ArrayLike | distances.Points,
    fake_features: ArrayLike | distances.Points,
    k: int = K,
    features: str | record.Protocol = "unnamed features",
    chunk: int = neighbours.CHUNK,
) -> dict[str, record.Score]:
    """Clipped density and clipped coverage.

    With N real samples x, M generated ones y, and `R_k(x)` the distance of x to its
    k-th real neighbour, density is the mean over y of

        min(1, #{x : |x - y| <= min(R_k(x), median R_k)} / k),

    divided by the same of the real samples, each left out of its own ball; coverage is
    `f^-1` of the mean over x of `min(1, #{y : |x - y| < R_k(x)} / k)`, where `f(m)` is
    the expectation of that mean with m good samples, whatever the distribution: the
    number in a ball is beta-binomial of (m, k, N - k). Between whole numbers `f^-1` is
    interpolated, where the paper's code takes the next one. Both are at most 1.

    Args:
      real_features: `[N, F]`, N above k.
      fake_features: `[M, F]`, M at least k; not finite for a dead generator, whose
        scores are NaN.
      k: of the neighbour.
      features: what the features are.
      chunk: rows at a time; of no effect on the result.

    Returns:
      `{"clipped_density": score, "clipped_coverage": score}`; more is better, and the
      ceiling of 1 is what a perfect generator shows on average, or little less, as
      what is above 1 is cut off.

    Raises:
      UserError: if widths differ or there are too few samples.

    When:
      To see fidelity and coverage, which outliers cannot raise.
    """
    real, fake = distances.points(real_features, fake_features)
    return of_balls(balls(real, k, chunk), fake, features, chunk)


def balls(
    real_features: ArrayLike | distances.Points,
    k: int = K,
    chunk: int = neighbours.CHUNK,
) -> Balls:
    """The balls of real samples, where several sets are compared with them.

    Args:
      real_features: `[N, F]`, N above k.
      k: of the neighbour.
      chunk: rows at a time; of no effect on the result.

    Raises:
      UserError: if there are too few samples.
    """
    if k < 1 or chunk < 1:
        raise errors.UserError(
            f"k={k} neighbours and chunk={chunk} rows must be at least 1."
        )
    (real,) = distances.points(real_features)
    checks.features("real_features", real.value, k + 1)
    squares, clipped, own_density = _balls(real, k, chunk)
    return Balls(real, squares, clipped, own_density, k)


def of_balls(
    found: Balls,
    fake_features: ArrayLike | distances.Points,
    features: str | record.Protocol = "unnamed features",
    chunk: int = neighbours.CHUNK,
) -> dict[str, record.Score]:
    """`clipped_density_coverage` of samples beside real ones whose balls are known.

    Args:
      found: from `balls`.
      fake_features: `[M, F]`, as for `clipped_density_coverage`.
      features: what the features are.
      chunk: rows at a time; of no effect on the result.

    Raises:
      UserError: if widths differ or there are too few samples.
    """
    real, k = found.centres, found.k
    (fake,) = distances.points(fake_features)
    checks.features("fake_features", fake.value, k)
    checks.same_width("real_features", real.value, "fake_features", fake.value)
    density, covered = _crossing(found._replace(k=0), fake, k, chunk)
    alive = jnp.isfinite(real.value).all() & jnp.isfinite(fake.value).all()
    good = np.arange(len(fake.value) + 1)
    expected = jnp.asarray(expected_coverage(good, len(real.value), k), covered.dtype)
    coverage = jnp.interp(covered, expected, good / len(fake.value))
    protocol = record.protocol(
        num_real=len(real.value),
        num_fake=len(fake.value),
        num_features=real.value.shape[1],
        k=k,
        features=features,
    )
    return {
        f"clipped_{name}": record.Score(
            value=jnp.where(alive, value, jnp.nan),
            floor=jnp.zeros(()),
            ceiling=jnp.ones(()),
            protocol=record.protocol(score=f"clipped_{name}") + protocol,
        )
        for name, value in {"density": density, "coverage": coverage}.items()
    }


def expected_coverage(good: ArrayLike, num_real: int, k: int) -> np.ndarray:
    """`f(m) = E min(J, k) / k` for `J ~ BetaBinomial(m, k, N - k)`, in float64.

    A ball that reaches from one of N samples to its k-th neighbour among the others has
    a probability of the law Beta(k, N - k), whatever the distribution.

    Args:
      good: `[...]` numbers m of good samples, none negative.
      num_real: N, above k.
      k: of the neighbour.

    Returns:
      `[...]`, 0 for m = 0 and growing to 1.
    """
    from scipy import special as exact

    m = np.asarray(good, np.float64)
    rest = num_real - k
    missing = np.zeros_like(m)
    for j in range(k):
        chosen = exact.gammaln(m + 1) - exact.gammaln(j + 1)
        chosen = chosen - exact.gammaln(np.maximum(m - j, 0) + 1)
        inside = exact.betaln(k + j, rest + np.maximum(m - j, 0))
        log = chosen + inside - exact.betaln(k, rest)
        missing += np.where(m >= j, (k - j) / k * np.exp(log), 0)
    return np.maximum(1 - missing, 0)


@functools.partial(jax.jit, static_argnums=(1, 2))
def _balls(real: distances.Points, k: int, chunk: int) -> tuple[Array, Array, Array]:
    squares = neighbours.reach(real, (k,), chunk)[:, 0]
    clipped = jnp.minimum(squares, jnp.median(squares))

    def of_real(carry, index, found):
        own = jnp.arange(len(squares)) == index[:, None]
        return carry, jnp.sum((found <= clipped) & ~own, axis=1)

    _, around = distances.sweep(of_real, None, real, real, chunk)
    return squares, clipped, jnp.mean(jnp.minimum(around, k) / k)


@functools.partial(jax.jit, static_argnums=(2, 3))
def _crossing(
    found: Balls, fake: distances.Points, k: int, chunk: int
) -> tuple[Array, Array]:
    """The density, and the mean share of a ball that is filled."""

    def of_fake(carry, index, squares):
        # The last chunk repeats its last row, which counts once.
        first = jnp.concatenate([jnp.array([True]), index[1:] != index[:-1]])
        inside = jnp.sum((squares < found.squares) & first[:, None], axis=0)
        return carry + inside, jnp.sum(squares <= found.clipped, axis=1)

    nothing = jnp.zeros(len(found.squares), jnp.int32)
    inside, around = distances.sweep(of_fake, nothing, fake, found.centres, chunk)
    # Half of the balls are not clipped and hold k real samples: it is never 0.
    density = jnp.mean(jnp.minimum(around, k) / k) / found.own_density
    return jnp.minimum(density, 1), jnp.mean(jnp.minimum(inside, k) / k)
