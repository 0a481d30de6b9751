"""Diversity within a class, which the Inception Score cannot see.

A generator that makes one image for each class, over and over, has the highest
Inception Score there is. Both scores here look at pairs of samples of the same class,
the class being the most probable one, and fall to their floor for such a generator.

References:
  Gurumurthy et al., DeLiGAN, 2017, https://arxiv.org/abs/1706.02071
"""

import jax
import jax.numpy as jnp
from jax import Array
from jax.scipy import special
from jax.typing import ArrayLike

from jaxgan import errors
from jaxgan.scores import checks, record


def within_class_diversity(
    features: Array, probs: Array, ceiling: ArrayLike | None = None
) -> record.Score:
    """Mean squared distance between two different samples of the same class.

    For each class the mean over all pairs `i != j` of `|f_i - f_j|^2`, which is twice
    the trace of the unbiased covariance, and then the mean over classes. Classes with
    fewer than two samples have no pairs and do not count; the expected value does not
    depend on the number of samples, so real data may be measured on fewer or more.

    Args:
      features: `[N, F]` features (or flattened samples). Samples that are not finite
        belong to no class.
      probs: `[N, K]` class probabilities.
      ceiling: what the real data show, to be carried in the record.

    Returns:
      The score, 0 if each class repeats one image, in squared units of the features;
      NaN if no class has two samples.

    Raises:
      UserError: for shapes that do not fit, and for rows that are known before
        tracing and are not probabilities.
    """
    probs = checks.class_probabilities(probs)
    features = checks.features("features", features)
    if len(features) != len(probs):
        raise errors.UserError(
            "features and probs must belong to the same samples, but there are "
            f"{len(features)} of features and {len(probs)} of probs."
        )
    member, features = _members(probs, features)
    counts = jnp.sum(member, axis=0)
    # Squares of what is left after the mean, rather than the mean of the squares less
    # the square of the mean, which cancels badly for tight classes far from zero.
    centres = _class_means(member, features)
    squares = jnp.sum((features - _of_own_class(member, centres)) ** 2, axis=-1)
    sums = jnp.sum(member * squares[:, None], axis=0)
    pairs = 2 * sums / jnp.maximum(counts - 1, 1)
    return record.Score(
        value=_mean_over_classes(pairs, counts),
        floor=jnp.zeros((), features.dtype),
        ceiling=None if ceiling is None else jnp.asarray(ceiling),
        protocol=record.protocol(
            score="within_class_diversity",
            distance="squared euclidean, mean over pairs, then over classes",
            num_samples=probs.shape[0],
            num_features=features.shape[1],
            num_classes=probs.shape[1],
        ),
    )


def modified_inception_score(
    probs: Array, ceiling: ArrayLike | None = None
) -> record.Score:
    """DeLiGAN's m-IS, the mean over classes of `exp(mean_ij KL(p(y|x_i) || p(y|x_j)))`.

    The inner mean is over all pairs `i != j` of samples whose most probable class is
    the same. It measures how much the classifier's opinion varies within a class, and
    nothing that the classifier is blind to; it is infinite if one sample rules out a
    class that another one of its class does not.

    Args:
      probs: `[N, K]` class probabilities; rows that are not finite do not count.
      ceiling: what the real data show, to be carried in the record.

    Returns:
      The score, 1 if the predictions within each class agree; NaN if no class has two
      samples.

    Raises:
      UserError: for rows that are known before tracing and are not probabilities.

    References:
      Gurumurthy et al., DeLiGAN, 2017, https://arxiv.org/abs/1706.02071
    """
    probs = checks.class_probabilities(probs)
    member, probs = _members(probs, probs)
    counts = jnp.sum(member, axis=0)
    # sum_k p_i log p_i - p_i log p_j, averaged over all pairs; the pairs i = j, which
    # are 0, are then left out by the factor n / (n - 1).
    mean_probs = _class_means(member, probs)
    negentropy = _class_means(member, -jnp.sum(special.entr(probs), -1, keepdims=True))
    possible = probs > 0
    log_probs = jnp.log(jnp.where(possible, probs, 1))
    cross = jnp.sum(mean_probs * _class_means(member, log_probs), axis=-1)
    ruled_out = _class_means(member, 1.0 * ~possible)
    infinite = jnp.any((ruled_out > 0) & (mean_probs > 0), axis=-1)
    divergence = jnp.where(infinite, jnp.inf, negentropy[:, 0] - cross)
    divergence = jnp.maximum(divergence, 0) * counts / jnp.maximum(counts - 1, 1)
    return record.Score(
        value=_mean_over_classes(jnp.exp(divergence), counts),
        floor=jnp.ones((), probs.dtype),
        ceiling=None if ceiling is None else jnp.asarray(ceiling),
        protocol=record.protocol(
            score="modified_inception_score",
            pairs="different samples of the same most probable class",
            num_samples=probs.shape[0],
            num_classes=probs.shape[1],
        ),
    )


def _members(probs, values):
    """Which class `[N, K]` each sample is in, and the values with the others zeroed."""
    finite = jnp.all(jnp.isfinite(probs), -1) & jnp.all(jnp.isfinite(values), -1)
    member = jax.nn.one_hot(jnp.argmax(probs, -1), probs.shape[-1], dtype=values.dtype)
    return member * finite[:, None], jnp.where(finite[:, None], values, 0)


def _class_means(member, values):
    sums = jnp.matmul(member.T, values, precision="highest")
    return sums / jnp.maximum(jnp.sum(member, axis=0), 1)[:, None]


def _of_own_class(member, values):
    return values[jnp.argmax(member, axis=-1)]


def _mean_over_classes(values, counts):
    counted = counts >= 2
    total = jnp.sum(jnp.where(counted, values, 0))
    number = jnp.sum(counted)
    return jnp.where(number > 0, total / jnp.maximum(number, 1), jnp.nan)
