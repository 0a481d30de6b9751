"""Fidelity and diversity apart, from the nearest neighbours of features.

A set of features is taken for the union of balls around its points, each as large as
the distance to the point's k-th nearest neighbour in the set. Scores count which
points of the other set lie in that union. Distances are computed for a chunk of rows at
a time, so that memory grows with the chunk and not with the product of the sets.

References:
  Kynkaanniemi et al., Improved Precision and Recall Metric for Assessing Generative
  Models, 2019, https://arxiv.org/abs/1904.06991
  Naeem et al., Reliable Fidelity and Diversity Metrics for Generative Models, 2020,
  https://arxiv.org/abs/2002.09797
"""

import functools
import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from jaxgan import errors
from jaxgan.scores import checks, record

CHUNK = 1024
"""Rows whose distances to all others are in memory at a time."""


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
    k: int = 3,
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
    """
    real, fake = _pair(real_features, fake_features, k, chunk)
    fakes_in = jnp.mean(_balls_around(fake, real, _reach(real, k, chunk), chunk) > 0)
    reals_in = jnp.mean(_balls_around(real, fake, _reach(fake, k, chunk), chunk) > 0)
    alive = jnp.isfinite(real).all() & jnp.isfinite(fake).all()
    return {
        name: _share(name, jnp.where(alive, value, jnp.nan), n, real, fake, k, features)
        for name, value, n in (
            ("precision", fakes_in, len(fake)),
            ("recall", reals_in, len(real)),
        )
    }


def density_coverage(
    real_features: ArrayLike,
    fake_features: ArrayLike,
    k: int = 5,
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
    """
    real, fake = _pair(real_features, fake_features, k, chunk)
    reach = _reach(real, k, chunk)
    density = jnp.mean(_balls_around(fake, real, reach, chunk)) / k
    covered = jnp.mean(_nearest(real, fake, chunk) <= reach)
    alive = jnp.isfinite(real).all() & jnp.isfinite(fake).all()
    n, m = len(real), len(fake)
    missed = math.prod((n - i) / (n + m - i) for i in range(1, k + 1))
    coverage = jnp.where(alive, covered, jnp.nan)
    return {
        "density": record.Score(
            value=jnp.where(alive, density, jnp.nan),
            floor=jnp.zeros((), real.dtype),
            ceiling=jnp.ones((), real.dtype),
            protocol=_protocol("density", real, fake, k, features),
        ),
        "coverage": _share(
            "coverage", coverage, n, real, fake, k, features, ceiling=1 - missed
        ),
    }


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
    """
    queries = checks.features("queries", queries)
    data = checks.features("data", data, at_least=k)
    _check(queries, data, k, chunk, ("queries", "data"))
    centre = jnp.mean(data, axis=0)
    queries, data = queries - centre, data - centre
    return Neighbours(*_neighbours(queries, data, k, chunk))


def _pair(real, fake, k, chunk):
    real = checks.features("real_features", real, at_least=k + 1)
    fake = checks.features("fake_features", fake, at_least=k + 1)
    _check(real, fake, k, chunk, ("real_features", "fake_features"))
    # Products of centred features lose fewer digits.
    centre = jnp.mean(real, axis=0)
    return real - centre, fake - centre


def _check(one, other, k, chunk, names):
    if k < 1 or chunk < 1:
        raise errors.UserError(
            f"k={k} neighbours and chunk={chunk} rows must be at least 1."
        )
    checks.same_width(names[0], one, names[1], other)


def _squared(x: Array, others: Array) -> Array:
    """Squared distances `[N]` of one row to others."""
    product = jnp.matmul(others, x, precision=jax.lax.Precision.HIGHEST)
    return jnp.maximum(jnp.sum(others**2, axis=1) + x @ x - 2 * product, 0)


# The functions that map over rows are compiled as a whole: by itself a map over a local
# function is compiled anew, and kept, at each call.


@functools.partial(jax.jit, static_argnums=(1, 2))
def _reach(x: Array, k: int, chunk: int) -> Array:
    """Squared distance `[N]` to the k-th neighbour, the point itself left out."""

    def of_row(row):
        value, i = row
        others = jnp.where(jnp.arange(len(x)) == i, jnp.inf, _squared(value, x))
        return -jax.lax.top_k(-others, k)[0][-1]

    return _by_rows(of_row, (x, jnp.arange(len(x))), chunk)


@functools.partial(jax.jit, static_argnums=3)
def _balls_around(points: Array, centres: Array, reach: Array, chunk: int) -> Array:
    """How many balls hold each point, `[M]`."""
    return _by_rows(
        lambda x: jnp.sum(_squared(x, centres) <= reach, dtype=jnp.int32), points, chunk
    )


@functools.partial(jax.jit, static_argnums=2)
def _nearest(points: Array, others: Array, chunk: int) -> Array:
    """Squared distance `[M]` of each point to the nearest of the others."""
    return _by_rows(lambda x: jnp.min(_squared(x, others)), points, chunk)


@functools.partial(jax.jit, static_argnums=(2, 3))
def _neighbours(queries: Array, data: Array, k: int, chunk: int):
    """Indices and distances `[M, k]` of the nearest data."""
    index = _by_rows(lambda x: jax.lax.top_k(-_squared(x, data), k)[1], queries, chunk)
    # Taken from differences, exact where a sample is copied.
    distance = _by_rows(
        lambda pair: jnp.linalg.norm(pair[0] - data[pair[1]], axis=-1),
        (queries, index),
        chunk,
    )
    return index, distance


def _by_rows(function: Callable, rows, chunk: int) -> Array:
    return jax.lax.map(function, rows, batch_size=chunk)


def _share(name, value, n, real, fake, k, features, ceiling=None) -> record.Score:
    return record.Score(
        value=value,
        spread=jnp.sqrt(value * (1 - value) / n),
        floor=jnp.zeros((), real.dtype),
        ceiling=None if ceiling is None else jnp.asarray(ceiling, real.dtype),
        protocol=_protocol(name, real, fake, k, features)
        + record.protocol(spread="standard error for given balls"),
    )


def _protocol(name, real, fake, k, features) -> record.Protocol:
    return record.protocol(
        score=name,
        num_real=real.shape[0],
        num_fake=fake.shape[0],
        num_features=real.shape[1],
        k=k,
        features=features,
    )
