"""Mean and covariance of features that come batch by batch, and the distance of two.

Batches are summed about their own mean and joined by the rule of Chan, Golub and
LeVeque (1979), sums with a second float32 for what the first one rounds off. So the
result does not depend on how samples were cut into batches, or merged from devices,
but for the last digits, and takes no more memory for more samples.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from jaxgan import errors
from jaxgan.divergences import gaussian
from jaxgan.scores import checks, record


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


def update(moments: Moments, features: ArrayLike) -> Moments:
    """Adds samples `[B, F]`.

    Raises:
      UserError: for another number of features.
    """
    x = checks.features("features", features)
    if x.shape[1] != len(moments.mean):
        raise errors.UserError(
            f"features of shape {x.shape} do not go with moments of "
            f"{len(moments.mean)} features."
        )
    mean = jnp.mean(x, axis=0)
    # The mean of what is left corrects the rounding of the mean.
    mean_rest = jnp.mean(x - mean, axis=0)
    centred = (x - mean) - mean_rest
    scatter = jnp.matmul(centred.T, centred, precision="highest")
    count = jnp.asarray(len(x), scatter.dtype)
    batch = Moments(count, mean, mean_rest, scatter, jnp.zeros_like(scatter))
    return merge(moments, batch)


def merge(one: Moments, other: Moments) -> Moments:
    """The moments of both sets of samples together."""
    count = one.count + other.count
    share = other.count / jnp.maximum(count, 1)
    delta = (other.mean - one.mean) + (other.mean_rest - one.mean_rest)
    mean, mean_rest = _add(one.mean, one.mean_rest, delta * share)
    scatter, rest = _add(
        one.scatter, one.scatter_rest + other.scatter_rest, other.scatter
    )
    between = jnp.outer(delta, delta) * (one.count * share)
    scatter, rest = _add(scatter, rest, between)
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
    return record.Score(
        value=gaussian.gaussian_frechet(*finalize(real), *finalize(fake)),
        floor=None if floor is None else jnp.asarray(floor),
        protocol=record.protocol(
            score="frechet_distance",
            num_features=len(real.mean),
            ddof=1,
            features=features,
        ),
    )


def _add(total: Array, rest: Array, term: Array) -> tuple[Array, Array]:
    """Adds without losing digits: Knuth's two-sum, its error goes to the rest."""
    whole = total + term
    of_term = whole - total
    error = (total - (whole - of_term)) + (term - of_term)
    return whole, rest + error
