"""How far samples of one class lie apart, from features that come batch by batch.

A sample's class is its most probable one. Of each class the count, the mean and the sum
of squared distances to it are kept, joined by the rule of Chan, Golub and LeVeque
(1979): the result does not depend on batches, their order or merging, but for the last
digits.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from jaxgan.core import errors
from jaxgan.scores import checks, record, sums


class ClassMoments(NamedTuple):
    """What is kept of samples in K classes; `rest` is what a sum has rounded off.

    Attributes:
      count: float32 `[K]`.
      mean: `[K, F]`.
      mean_rest: `[K, F]`.
      squares: `[K]`, sums of `|f - mean|^2`.
      squares_rest: `[K]`.
    """

    count: Array
    mean: Array
    mean_rest: Array
    squares: Array
    squares_rest: Array


def empty(num_classes: int, num_features: int) -> ClassMoments:
    """The moments of no samples."""
    mean, scalar = jnp.zeros((num_classes, num_features)), jnp.zeros(num_classes)
    return ClassMoments(scalar, mean, mean, scalar, scalar)


def of(
    features: ArrayLike, probs: ArrayLike, rest: ArrayLike | None = None
) -> ClassMoments:
    """The moments of some samples.

    Args:
      features: `[N, F]`. Samples that are not finite belong to no class.
      probs: `[N, K]` class probabilities.
      rest: `[N, F]`, what features in float32 have rounded off, from `sums.split`;
        those in float64 on the host lose nothing.

    Raises:
      UserError: for shapes that do not fit, and for known rows that are no
        probabilities.
    """
    probs = checks.class_probabilities(probs)
    if rest is None:
        features, rest = sums.split(features)
    features = checks.features("features", features)
    if len(features) != len(probs):
        raise errors.UserError(
            "features and probs must belong to the same samples, but there are "
            f"{len(features)} of features and {len(probs)} of probs."
        )
    member, features = members(probs, features)
    count = jnp.sum(member, axis=0)
    # Squares of what is left after the mean, rather than the mean of the squares less
    # the square of the mean, which cancels badly for tight classes far from zero.
    mean = class_means(member, features)
    own = jnp.argmax(member, axis=-1)
    centred = features - mean[own]
    if rest is not None:
        centred = centred + jnp.where(jnp.any(member, axis=-1)[:, None], rest, 0)
    mean_rest = class_means(member, centred)
    squares = jnp.sum((centred - mean_rest[own]) ** 2, axis=-1)
    squares = jnp.sum(member * squares[:, None], axis=0)
    return ClassMoments(count, mean, mean_rest, squares, jnp.zeros_like(squares))


def update(
    kept: ClassMoments,
    features: ArrayLike,
    probs: ArrayLike,
    rest: ArrayLike | None = None,
) -> ClassMoments:
    """Adds samples `[B, F]` with probabilities `[B, K]`, and a rest as `of`.

    Raises:
      UserError: as `of`, and for other numbers of features or classes.
    """
    new = of(features, probs, rest)
    if new.mean.shape != kept.mean.shape:
        raise errors.UserError(
            f"features and probs of shapes {jnp.shape(features)} and "
            f"{jnp.shape(probs)} do not go with moments of {kept.mean.shape[1]} "
            f"features in {kept.mean.shape[0]} classes."
        )
    return merge(kept, new)


def merge(one: ClassMoments, other: ClassMoments) -> ClassMoments:
    """The moments of both sets of samples together.

    Raises:
      UserError: for other numbers of features or of classes.
    """
    checks.same_shapes("one", one, "other", other)
    count = one.count + other.count
    share = other.count / jnp.maximum(count, 1)
    delta, left = sums.difference(other.mean, other.mean_rest, one.mean, one.mean_rest)
    by_class = share[:, None]
    mean, mean_rest = sums.add(
        one.mean, one.mean_rest + left * by_class, delta * by_class
    )
    squares, rest = sums.add(
        one.squares, one.squares_rest + other.squares_rest, other.squares
    )
    between = jnp.sum(delta**2, axis=-1) * one.count * share
    squares, rest = sums.add(squares, rest, between)
    return ClassMoments(count, mean, mean_rest, squares, rest)


def within_class_diversity(
    kept: ClassMoments, target: ArrayLike | None = None
) -> record.Score:
    """`scores.within_class_diversity` of samples of which only moments were kept.

    Args:
      kept: of the samples.
      target: what the real data show, to be carried in the record.

    Returns:
      The score. Sample counts are arrays and stand in the moments, not in the protocol.
    """
    pairs = 2 * (kept.squares + kept.squares_rest) / jnp.maximum(kept.count - 1, 1)
    num_classes, num_features = kept.mean.shape
    return record.Score(
        value=mean_over_classes(pairs, kept.count),
        floor=jnp.zeros((), pairs.dtype),
        target=None if target is None else jnp.asarray(target),
        protocol=record.protocol(
            score="within_class_diversity",
            distance="squared euclidean, mean over pairs, then over classes",
            num_features=num_features,
            num_classes=num_classes,
        ),
    )


def members(probs: Array, values: Array) -> tuple[Array, Array]:
    """Which class `[N, K]` each sample is in, and the values with the others zeroed."""
    finite = jnp.all(jnp.isfinite(probs), -1) & jnp.all(jnp.isfinite(values), -1)
    member = jax.nn.one_hot(jnp.argmax(probs, -1), probs.shape[-1], dtype=values.dtype)
    return member * finite[:, None], jnp.where(finite[:, None], values, 0)


def class_means(member: Array, values: Array) -> Array:
    """Means `[K, F]` of the values `[N, F]` of each class; 0 for empty ones."""
    total = jnp.matmul(member.T, values, precision="highest")
    return total / jnp.maximum(jnp.sum(member, axis=0), 1)[:, None]


def mean_over_classes(values: Array, counts: Array) -> Array:
    """Mean of `[K]` over the classes of at least two samples; NaN if there is none."""
    counted = counts >= 2
    total = jnp.sum(jnp.where(counted, values, 0))
    number = jnp.sum(counted)
    return jnp.where(number > 0, total / jnp.maximum(number, 1), jnp.nan)
