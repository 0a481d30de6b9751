"""Mean and covariance of features that come batch by batch, and the distance of two.

Batches are summed about their own mean and joined by the rule of Chan, Golub and
LeVeque (1979), sums with a second float32 for what the first one rounds off. So the
result does not depend on how samples were cut into batches, or merged from devices,
but for the last digits, and takes no more memory for more samples.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from jaxgan.core import errors
from jaxgan.divergences import gaussian
from jaxgan.scores import checks, record, sums

SMALLEST_BLOCK = 64
"""Samples in a product of features, or as many as there are features."""


class Moments(NamedTuple):
    """What is kept of samples `[N, F]`; `rest` is what a sum has rounded off.

    Attributes:
      count: float32 scalar, N.
      mean: `[F]`.
      mean_rest: `[F]`.
      scatter: `[F, F]`, the sum of `(x - mean) (x - mean)^T`.
      scatter_rest: `[F, F]`.
    """

    count: Array
    mean: Array
    mean_rest: Array
    scatter: Array
    scatter_rest: Array


def empty(num_features: int) -> Moments:
    """The moments of no samples."""
    mean, scatter = jnp.zeros(num_features), jnp.zeros((num_features,) * 2)
    return Moments(jnp.zeros(()), mean, mean, scatter, scatter)


def update(
    moments: Moments, features: ArrayLike, rest: ArrayLike | None = None
) -> Moments:
    """Adds samples `[B, F]`, and what they have rounded off.

    Raises:
      UserError: for another number of features.
    """
    x, rest = _split(features, rest)
    if x.shape[1] != len(moments.mean):
        raise errors.UserError(
            f"features of shape {x.shape} do not go with moments of "
            f"{len(moments.mean)} features."
        )
    return merge(moments, of(x, rest))


def of(features: ArrayLike, rest: ArrayLike | None = None) -> Moments:
    """The moments of samples `[N, F]`.

    Args:
      features: in float64 on the host none of their digits are lost.
      rest: `[N, F]`, what features in float32 have rounded off, from `sums.split`.

    Raises:
      UserError: for another shape.
    """
    x, rest = _split(features, rest)
    mean = jnp.mean(x, axis=0)
    centred = x - mean if rest is None else (x - mean) + rest
    # The mean of what is left corrects the rounding of the mean.
    mean_rest = jnp.mean(centred, axis=0)
    scatter, rest = _scatter(centred - mean_rest)
    return Moments(jnp.asarray(len(x), scatter.dtype), mean, mean_rest, scatter, rest)


def merge(one: Moments, other: Moments) -> Moments:
    """The moments of both sets of samples together.

    Raises:
      UserError: for other numbers of features.
    """
    checks.same_shapes("one", one, "other", other)
    count = one.count + other.count
    share = other.count / jnp.maximum(count, 1)
    delta, left = sums.difference(other.mean, other.mean_rest, one.mean, one.mean_rest)
    mean, mean_rest = sums.add(one.mean, one.mean_rest + left * share, delta * share)
    scatter, rest = sums.add(
        one.scatter, one.scatter_rest + other.scatter_rest, other.scatter
    )
    between = jnp.outer(delta, delta) * (one.count * share)
    scatter, rest = sums.add(scatter, rest, between)
    return Moments(count, mean, mean_rest, scatter, rest)


def finalize(moments: Moments) -> tuple[Array, Array]:
    """Mean `[F]` and unbiased covariance `[F, F]`, which is 0 below two samples."""
    scatter = moments.scatter + moments.scatter_rest
    covariance = scatter / jnp.maximum(moments.count - 1, 1)
    return moments.mean + moments.mean_rest, covariance


def frechet_distance(
    real: Moments,
    fake: Moments,
    features: str | record.Protocol = "unnamed features",
    floor: ArrayLike | None = None,
) -> record.Score:
    """`scores.frechet_distance` of samples of which only the moments were kept.

    Known moments are compared in float64 on the host, so that none of the digits that
    were kept are lost; within `jit` or `vmap`, in float32 on the device.

    Args:
      real, fake: of features of the same network.
      features: what the features are.
      floor: what a perfect generator would show.

    Returns:
      The score; less is better. Sample counts are arrays and stand in the moments, not
      in the protocol.

    Raises:
      UserError: if the numbers of features differ.
    """
    if real.mean.shape != fake.mean.shape:
        raise errors.UserError(
            "real and fake must come from the same network, but have "
            f"{len(real.mean)} and {len(fake.mean)} features."
        )
    if isinstance(real.mean, jax.core.Tracer) or isinstance(fake.mean, jax.core.Tracer):
        # Means with a common offset differ by less than each of them has rounded off.
        difference = (real.mean - fake.mean) + (real.mean_rest - fake.mean_rest)
        (_, covariance), (_, other) = finalize(real), finalize(fake)
        value = gaussian.gaussian_frechet(
            difference, covariance, jnp.zeros_like(difference), other
        )
    else:
        value = _in_float64(real, fake)
    return record.Score(
        value=value,
        floor=None if floor is None else jnp.asarray(floor),
        protocol=record.protocol(
            score="frechet_distance",
            num_features=len(real.mean),
            ddof=1,
            features=features,
        ),
    )


def _split(features, rest) -> tuple[Array, Array | None]:
    if rest is None:
        features, rest = sums.split(features)
    return checks.features("features", features), rest


@jax.jit
def _scatter(x: Array) -> tuple[Array, Array]:
    """`x^T x` of `x [N, F]` and what its sum has rounded off.

    A product sums one sample after another, and loses digits with their number; so it
    is taken of some samples at a time. The small distances between good generators and
    the data hang on those digits.
    """
    n, width = x.shape
    size = max(SMALLEST_BLOCK, width)
    whole = n // size * size

    def product(block):
        return jnp.matmul(block.T, block, precision="highest")

    def step(total, block):
        return sums.add(*total, product(block)), None

    zero = jnp.zeros((width, width), x.dtype)
    blocks = x[:whole].reshape(-1, size, width)
    total, _ = jax.lax.scan(step, (zero, zero), blocks)
    return sums.add(*total, product(x[whole:])) if whole < n else total


def _in_float64(real: Moments, fake: Moments) -> Array:
    """`|m - n|^2 + tr C + tr D - 2 s`, s the sum of singular values of C^1/2 D^1/2."""
    (mean, root), (other_mean, other_root) = (
        _mean_and_root(Moments(*(np.asarray(x, np.float64) for x in own)))
        for own in (real, fake)
    )
    value = np.sum((mean - other_mean) ** 2)
    if not all(np.isfinite(x).all() for x in (value, root, other_root)):
        return jnp.asarray(np.nan, real.mean.dtype)
    traces = np.sum(root**2) + np.sum(other_root**2)
    common = np.linalg.svd(root @ other_root, compute_uv=False).sum()
    return jnp.asarray(value + max(traces - 2 * common, 0), real.mean.dtype)


def _mean_and_root(own: Moments) -> tuple[np.ndarray, np.ndarray]:
    """In NumPy, the mean and the symmetric square root of the covariance.

    Samples in float32 leave eigenvalues that are a little below zero.
    """
    scatter = own.scatter + own.scatter_rest
    if not np.isfinite(scatter).all():
        return np.asarray(own.mean), np.asarray(scatter)
    values, vectors = np.linalg.eigh(scatter / max(own.count - 1, 1))
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    return np.asarray(own.mean + own.mean_rest), root
