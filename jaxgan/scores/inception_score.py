"""The Inception Score, with any classifier in the place of the Inception network."""

import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.scipy import special

from jaxgan.core import errors
from jaxgan.scores import checks, record


def inception_score(probs: Array, splits: int = 10) -> record.Score:
    """Inception Score, `exp(mean_x KL(p(y|x) || p(y)))` with the KL in nats.

    The samples are cut, in their order, into `splits` parts, as published: samples that
    are sorted, by class for example, have to be shuffled before (`data.shuffling`), or
    the parts lack classes. Each part has its own marginal `p(y)`. Splits that do not
    divide `N` differ in size by one, as those of `numpy.array_split`: no sample is left
    out. The score depends on the number of splits and on the samples in each, and
    cannot see diversity within a class: `within_class_diversity` can.

    Args:
      probs: `[N, K]` class probabilities `p(y|x)`, zeros allowed. A row that is not
        finite, of a dead generator, makes the score NaN.
      splits: number of parts, between 1 and `N`.

    Returns:
      The mean over the parts, with their *population* standard deviation as spread.
      The score lies between 1 and the ceiling `min(K, samples in a part)`.

    Raises:
      UserError: for an impossible number of splits, and for rows that are known
        before tracing and are not probabilities.

    When:
      To see confident and varied classes; blind to what happens within a class.

    References:
      Salimans et al., Improved Techniques for Training GANs, 2016,
      https://arxiv.org/abs/1606.03498
      Barratt and Sharma, A Note on the Inception Score, 2018,
      https://arxiv.org/abs/1801.01973
    """
    probs = checks.class_probabilities(probs)
    num_samples, num_classes = probs.shape
    if not 1 <= splits <= num_samples:
        raise errors.UserError(
            f"splits must be between 1 and the number of samples, {num_samples}, "
            f"not {splits}; ask for fewer splits or give more samples."
        )
    index, weights = _split_table(num_samples, splits)
    sizes = np.count_nonzero(weights, axis=1)
    parts = probs[index]  # [splits, samples in a part, K]
    weights = jnp.asarray(weights, probs.dtype)[..., None]
    marginals = jnp.sum(weights * parts, axis=1, keepdims=True)
    divergences = jnp.sum(weights * special.rel_entr(parts, marginals), axis=(1, 2))
    # rel_entr is infinite at NaN in some versions of JAX; finite rows never are.
    scores = jnp.exp(jnp.where(jnp.isfinite(divergences), divergences, jnp.nan))
    return record.Score(
        value=jnp.mean(scores),
        spread=jnp.std(scores),
        floor=jnp.ones((), probs.dtype),
        ceiling=jnp.asarray(np.minimum(num_classes, sizes).mean(), probs.dtype),
        protocol=record.protocol(
            score="inception_score",
            num_samples=num_samples,
            num_classes=num_classes,
            splits=splits,
            spread="population standard deviation over the splits",
        ),
    )


def _split_table(num_samples, splits):
    """Indices and weights `[splits, largest part]`; rows of the weights sum to one.

    Parts of one shape, the shorter ones padded by an entry of weight zero, keep the
    score a few dense reductions, whatever the number of splits.
    """
    parts = np.array_split(np.arange(num_samples), splits)
    index = np.zeros((splits, len(parts[0])), np.int32)
    weights = np.zeros(index.shape)
    for row, part in enumerate(parts):
        index[row, : len(part)] = part
        index[row, len(part) :] = part[-1]
        weights[row, : len(part)] = 1 / len(part)
    return index, weights
