"""Diversity within a class, which the Inception Score cannot see.

A generator that makes one image for each class, over and over, has the highest
Inception Score there is. Both scores here look at pairs of samples of the same class,
the class being the most probable one, and fall to their floor for such a generator.
Neither is better the larger it is: samples that belong to no class differ as well, and
noise can be above real data in both. As much as the real data show is right, which is
the target of the records; how good samples are is for other scores to say.

References:
  Gurumurthy et al., DeLiGAN, 2017, https://arxiv.org/abs/1706.02071
"""

import dataclasses

import jax.numpy as jnp
from jax import Array
from jax.scipy import special
from jax.typing import ArrayLike

from jaxgan.scores import checks, class_moments, record


def within_class_diversity(
    features: Array, probs: Array, target: ArrayLike | None = None
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
      target: what the real data show, to be carried in the record.

    Returns:
      The score, 0 if each class repeats one image, in squared units of the features;
      NaN if no class has two samples. As much as the target is better.

    Raises:
      UserError: for shapes that do not fit, and for rows that are known before
        tracing and are not probabilities.

    When:
      To see copies within a class; noise can be above real data, so as much as real
      data is right.
    """
    own = class_moments.within_class_diversity(
        class_moments.of(features, probs), target
    )
    counts = record.protocol(num_samples=jnp.shape(probs)[0])
    return dataclasses.replace(own, protocol=own.protocol + counts)


def modified_inception_score(
    probs: Array, target: ArrayLike | None = None
) -> record.Score:
    """DeLiGAN's m-IS, the mean over classes of `exp(mean_ij KL(p(y|x_i) || p(y|x_j)))`.

    The inner mean is over all pairs `i != j` of samples whose most probable class is
    the same. It measures how much the classifier's opinion varies within a class, and
    nothing that the classifier is blind to; it is infinite if one sample rules out a
    class that another one of its class does not. It was published as better the higher,
    as a measure of diversity within classes. But it measures doubt as well: opinions
    vary most on samples that resemble nothing, and noise scores higher than real data.

    Args:
      probs: `[N, K]` class probabilities; rows that are not finite do not count.
      target: what the real data show, to be carried in the record.

    Returns:
      The score, 1 if the predictions within each class agree; NaN if no class has two
      samples. As much as the target is better.

    Raises:
      UserError: for rows that are known before tracing and are not probabilities.

    When:
      To see copies within a class; noise can be above real data, so as much as real
      data is right.

    References:
      Gurumurthy et al., DeLiGAN, 2017, https://arxiv.org/abs/1706.02071
    """
    probs = checks.class_probabilities(probs)
    member, probs = class_moments.members(probs, probs)
    counts = jnp.sum(member, axis=0)
    # sum_k p_i log p_i - p_i log p_j, averaged over all pairs; the pairs i = j, which
    # are 0, are then left out by the factor n / (n - 1).
    mean_probs = class_moments.class_means(member, probs)
    negentropy = class_moments.class_means(
        member, -jnp.sum(special.entr(probs), -1, keepdims=True)
    )
    possible = probs > 0
    log_probs = jnp.log(jnp.where(possible, probs, 1))
    cross = jnp.sum(mean_probs * class_moments.class_means(member, log_probs), axis=-1)
    ruled_out = class_moments.class_means(member, 1.0 * ~possible)
    infinite = jnp.any((ruled_out > 0) & (mean_probs > 0), axis=-1)
    divergence = jnp.where(infinite, jnp.inf, negentropy[:, 0] - cross)
    divergence = jnp.maximum(divergence, 0) * counts / jnp.maximum(counts - 1, 1)
    return record.Score(
        value=class_moments.mean_over_classes(jnp.exp(divergence), counts),
        floor=jnp.ones((), probs.dtype),
        target=None if target is None else jnp.asarray(target),
        protocol=record.protocol(
            score="modified_inception_score",
            pairs="different samples of the same most probable class",
            num_samples=probs.shape[0],
            num_classes=probs.shape[1],
        ),
    )
