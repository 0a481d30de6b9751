"""Fidelity and diversity apart, from the nearest neighbours of features.

A set of features is taken for the union of balls around its points, each as large as
the distance to the point's k-th nearest neighbour in the set. Scores count which
points of the other set lie in that union. Distances are computed for a chunk of rows at
a time, so that memory grows with the chunk and not with the product of the sets; they
are those of `jaxgan.scores.distances`, so that a copy is at distance 0 and lies in any
ball around its original, and chunks, `vmap` and a constant added to all features are of
no effect. Features may be in float64.

References:
  Kynkaanniemi et al., Improved Precision and Recall Metric for Assessing Generative
  Models, 2019, https://arxiv.org/abs/1904.06991
  Naeem et al., Reliable Fidelity and Diversity Metrics for Generative Models, 2020,
  https://arxiv.org/abs/2002.09797
"""

import functools
import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from jaxgan.core import errors
from jaxgan.scores import checks, distances, record

CHUNK = 256
"""Rows whose distances to all others are in memory at a time."""

K_BALLS, K_DENSITY = 3, 5
"""Of the neighbours, as published."""


class Neighbours(NamedTuple):
    """The samples nearest to each query.

    Attributes:
      index: `[M, k]` int32, rows of the data, nearest first.
      distance: `[M, k]` Euclidean.
    """

    index: Array
    distance: Array


def precision_recall(
    real_features: ArrayLike,
    fake_features: ArrayLike,
    k: int = K_BALLS,
    features: str | record.Protocol = "unnamed features",
    chunk: int = CHUNK,
) -> dict[str, record.Score]:
    """Precision: the share of fakes in a real ball; recall: of reals in a fake ball.

    Balls are closed and reach to the k-th neighbour, the point itself not counted.
    Neither is 1 for a perfect generator: compare with the scores of held-out real
    samples of the same number. One outlier among the samples has a ball so large that
    it can lift either; `density_coverage` does not have that fault.

    Args:
      real_features: `[N, F]`, N above k.
      fake_features: `[M, F]`, M above k; not finite for a dead generator, whose scores
        are NaN.
      k: of the neighbour, 3 as published.
      features: what the features are.
      chunk: rows at a time; of no effect on the result.

    Returns:
      `{"precision": score, "recall": score}`, each in [0, 1], more is better; `spread`
      is the standard error for given balls, `sqrt(p (1 - p) / samples)`.

    Raises:
      UserError: if widths differ or a set has not more than k samples.

    When:
      To see fidelity and diversity apart; outliers mislead it.

    References:
      Kynkaanniemi et al., Improved Precision and Recall Metric, 2019,
      https://arxiv.org/abs/1904.06991
    """
    real, fake = _pair(real_features, fake_features, k, chunk)
    found = _crossing(real, fake, (k,), k, chunk)
    return _precision_recall(found, 0, k, features)


def density_coverage(
    real_features: ArrayLike,
    fake_features: ArrayLike,
    k: int = K_DENSITY,
    features: str | record.Protocol = "unnamed features",
    chunk: int = CHUNK,
) -> dict[str, record.Score]:
    """Density: real balls around a fake, by k; coverage: reals whose ball has a fake.

    For a perfect generator and continuous features the expectations are known whatever
    the distribution: 1 for the density, which is not bounded by it, and for the
    coverage `1 - prod_{i=1..k} (N - i) / (N + M - i)`. They are the ceilings.

    Args:
      real_features: `[N, F]`, N above k.
      fake_features: `[M, F]`, M above k; not finite for a dead generator, whose scores
        are NaN.
      k: of the neighbour, 5 as published.
      features: what the features are.
      chunk: rows at a time; of no effect on the result.

    Returns:
      `{"density": score, "coverage": score}`; the `spread` of the coverage is the
      standard error for given balls.

    Raises:
      UserError: if widths differ or a set has not more than k samples.

    When:
      To see fidelity and diversity apart, with known ceilings.

    References:
      Naeem et al., Reliable Fidelity and Diversity Metrics, 2020,
      https://arxiv.org/abs/2002.09797
    """
    real, fake = _pair(real_features, fake_features, k, chunk)
    return _density_coverage(_crossing(real, fake, (k,), None, chunk), 0, k, features)


def all_four(
    real_features: ArrayLike | distances.Points,
    fake_features: ArrayLike | distances.Points,
    features: str | record.Protocol = "unnamed features",
    chunk: int = CHUNK,
) -> dict[str, record.Score]:
    """`precision_recall` and `density_coverage` as published, of the same distances.

    Args:
      real_features: `[N, F]`, N at least 6.
      fake_features: `[M, F]`, M at least 6.
      features: what the features are.
      chunk: rows at a time; of no effect on the result.

    Raises:
      UserError: if widths differ or a set has too few samples.
    """
    ks = K_BALLS, K_DENSITY
    real, fake = _pair(real_features, fake_features, max(ks), chunk)
    found = _crossing(real, fake, ks, K_BALLS, chunk)
    return _precision_recall(found, 0, K_BALLS, features) | _density_coverage(
        found, 1, K_DENSITY, features
    )


def nearest_neighbours(
    queries: ArrayLike, data: ArrayLike, k: int = 1, chunk: int = CHUNK
) -> Neighbours:
    """The samples of the data nearest to each query: is a generator copying them?

    Compare the distances with those of held-out real samples to the same data: copies
    are nearer.

    Args:
      queries: `[M, F]`, such as generated samples or their features.
      data: `[N, F]`, such as the training set, N at least k.
      k: neighbours of each query.
      chunk: queries at a time; of no effect on the result.

    Raises:
      UserError: if widths differ or there are fewer than k samples.

    When:
      To show the training samples that are nearest to generated ones.
    """
    queries, data = distances.points(queries, data)
    _check(queries, data, k, k, chunk, ("queries", "data"))
    return Neighbours(*_neighbours(queries, data, k, chunk))


class _Crossing(NamedTuple):
    """How the points of two sets lie to the balls of the other.

    Attributes:
      fakes: int32 `[M, J]`, the real balls around each fake, by the k of the balls.
      reals: bool `[N]`, whether a real sample lies in the ball of any fake.
      covered: bool `[N, J]`, whether its own ball holds any fake.
      shape: (N, M, F).
      alive: whether everything is finite.
    """

    fakes: Array
    reals: Array
    covered: Array
    shape: tuple[int, int, int]
    alive: Array


def _pair(real, fake, k, chunk):
    real, fake = distances.points(real, fake)
    _check(real, fake, k + 1, k, chunk, ("real_features", "fake_features"))
    return real, fake


def _check(one, other, least, k, chunk, names):
    if k < 1 or chunk < 1:
        raise errors.UserError(
            f"k={k} neighbours and chunk={chunk} rows must be at least 1."
        )
    leasts = (1 if names[0] == "queries" else least), least
    for name, x, at_least in zip(names, (one, other), leasts, strict=True):
        checks.features(name, x.value, at_least)
    checks.same_width(names[0], one.value, names[1], other.value)


def _crossing(real, fake, ks, k_of_fakes, chunk) -> _Crossing:
    """Of real balls to the k-th neighbours, and fake ones unless their k is None."""
    of_real = reach(real, ks, chunk)
    of_fake = None if k_of_fakes is None else reach(fake, (k_of_fakes,), chunk)
    fakes, reals, covered = _cross(real, fake, of_real, of_fake, chunk)
    alive = jnp.isfinite(real.value).all() & jnp.isfinite(fake.value).all()
    shape = *real.value.shape[:1], *fake.value.shape
    return _Crossing(fakes, reals, covered, shape, alive)


# What maps over rows is compiled as a whole: by itself a map over a local function is
# compiled anew, and kept, at each call.


@functools.partial(jax.jit, static_argnums=(1, 2))
def reach(x: distances.Points, ks: tuple[int, ...], chunk: int) -> Array:
    """Squared distances `[N, J]` to the k-th neighbours, the point itself left out."""
    number = len(x.value)

    def of_rows(carry, index, squares):
        own = jnp.arange(number) == index[:, None]
        nearest = -jax.lax.top_k(-jnp.where(own, jnp.inf, squares), max(ks))[0]
        return carry, nearest[:, jnp.asarray(ks) - 1]

    return distances.sweep(of_rows, None, x, x, chunk)[1]


@functools.partial(jax.jit, static_argnums=4)
def _cross(real, fake, of_real: Array, of_fake: Array | None, chunk: int):
    """Fields of a `_Crossing`, of squared radii `[N, J]` and `[M, 1]`."""

    def of_fakes(carry, index, squares):
        reals, nearest = carry
        if of_fake is not None:
            reals |= (squares <= of_fake[index]).any(axis=0)
        nearest = jnp.minimum(nearest, squares.min(axis=0))
        inside = squares[..., None] <= of_real
        return (reals, nearest), jnp.sum(inside, axis=1, dtype=jnp.int32)

    number = len(real.value)
    start = jnp.zeros(number, bool), jnp.full(number, jnp.inf, of_real.dtype)
    (reals, nearest), fakes = distances.sweep(of_fakes, start, fake, real, chunk)
    return fakes, reals, nearest[:, None] <= of_real


@functools.partial(jax.jit, static_argnums=(2, 3))
def _neighbours(queries, data, k: int, chunk: int):
    """Indices and distances `[M, k]` of the nearest data."""

    def of_rows(carry, index, squares):
        del index
        nearest, found = jax.lax.top_k(-squares, k)
        return carry, (found, jnp.sqrt(-nearest))

    return distances.sweep(of_rows, None, queries, data, chunk)[1]


def _precision_recall(found: _Crossing, which: int, k: int, features):
    shares = {
        "precision": (jnp.mean(found.fakes[:, which] > 0), found.shape[1]),
        "recall": (jnp.mean(found.reals), found.shape[0]),
    }
    return {
        name: _share(
            name, jnp.where(found.alive, share, jnp.nan), n, found, k, features
        )
        for name, (share, n) in shares.items()
    }


def _density_coverage(found: _Crossing, which: int, k: int, features):
    n, m, _ = found.shape
    density = jnp.mean(found.fakes[:, which]) / k
    covered = jnp.mean(found.covered[:, which])
    missed = math.prod((n - i) / (n + m - i) for i in range(1, k + 1))
    return {
        "density": record.Score(
            value=jnp.where(found.alive, density, jnp.nan),
            floor=jnp.zeros(()),
            ceiling=jnp.ones(()),
            protocol=_protocol("density", found, k, features),
        ),
        "coverage": _share(
            "coverage",
            jnp.where(found.alive, covered, jnp.nan),
            n,
            found,
            k,
            features,
            ceiling=1 - missed,
        ),
    }


def _share(name, value, n, found, k, features, ceiling=None) -> record.Score:
    return record.Score(
        value=value,
        spread=jnp.sqrt(value * (1 - value) / n),
        floor=jnp.zeros(()),
        ceiling=None if ceiling is None else jnp.asarray(ceiling, value.dtype),
        protocol=_protocol(name, found, k, features)
        + record.protocol(spread="standard error for given balls"),
    )


def _protocol(name, found, k, features) -> record.Protocol:
    n, m, width = found.shape
    return record.protocol(
        score=name, num_real=n, num_fake=m, num_features=width, k=k, features=features
    )
