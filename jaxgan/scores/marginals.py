"""The Inception Score of class probabilities that come batch by batch.

It needs two sums of each part of the samples: of `p(y|x)`, and of `sum_y p log p`. Each
sample brings the number of its part, so the result does not depend on how samples were
cut into batches, on the order in which those come, or on where they were merged, but
for the last digits. Sums carry a second float32 for what the first one rounds off.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.scipy import special
from jax.typing import ArrayLike

from jaxgan.core import errors
from jaxgan.divergences import checks as divergence_checks
from jaxgan.scores import checks, record, sums


class Marginals(NamedTuple):
    """What is kept of probabilities `[N, K]` in J parts.

    Attributes:
      count: float32 `[J]`, samples of each part.
      probs: `[J, K]`, sums of the probabilities.
      probs_rest: `[J, K]`, what they have rounded off.
      negentropy: `[J]`, sums of `sum_y p log p`, in nats.
      negentropy_rest: `[J]`.
    """

    count: Array
    probs: Array
    probs_rest: Array
    negentropy: Array
    negentropy_rest: Array


def parts(num_samples: int, splits: int) -> np.ndarray:
    """Which part each sample is in: int32 `[N]`, contiguous, sizes differ by one.

    Raises:
      UserError: if there are not between 1 and N splits.
    """
    if not 1 <= splits <= num_samples:
        raise errors.UserError(
            f"splits must be between 1 and the number of samples, {num_samples}, "
            f"not {splits}; ask for fewer splits or give more samples."
        )
    sizes = [len(part) for part in np.array_split(np.arange(num_samples), splits)]
    return np.repeat(np.arange(splits, dtype=np.int32), sizes)


def empty(num_classes: int, splits: int) -> Marginals:
    """The sums of no samples."""
    probs, scalar = jnp.zeros((splits, num_classes)), jnp.zeros(splits)
    return Marginals(scalar, probs, probs, scalar, scalar)


def update(kept: Marginals, probs: ArrayLike, part: ArrayLike) -> Marginals:
    """Adds samples.

    Args:
      kept: of J parts.
      probs: `[B, K]` class probabilities; rows that are not finite, of a dead
        generator, make the score NaN.
      part: int `[B]` in 0 ... J-1, from `parts`.

    Raises:
      UserError: for shapes that do not fit, and for known values that are no
        probabilities, or no parts.
    """
    probs = checks.class_probabilities(probs)
    splits, num_classes = kept.probs.shape
    if probs.shape[1] != num_classes or jnp.shape(part) != probs.shape[:1]:
        raise errors.UserError(
            f"probs of shape {probs.shape} and part of {jnp.shape(part)} must be "
            f"[B, {num_classes}] and [B], to go with sums of {num_classes} classes."
        )
    known = divergence_checks.concrete(part)
    if known is not None and not (0 <= known.min() and known.max() < splits):
        raise errors.UserError(
            f"part runs from {known.min()} to {known.max()}, but there are {splits} "
            "parts, from 0."
        )
    member = jax.nn.one_hot(jnp.asarray(part), splits, dtype=probs.dtype)
    negentropy = -jnp.sum(special.entr(probs), axis=-1, keepdims=True)
    own = jnp.concatenate([probs, negentropy], axis=-1)
    own = jnp.matmul(member.T, own, precision="highest")
    zero = jnp.zeros_like(own)
    batch = Marginals(
        jnp.sum(member, axis=0), own[:, :-1], zero[:, :-1], own[:, -1], zero[:, -1]
    )
    return merge(kept, batch)


def merge(one: Marginals, other: Marginals) -> Marginals:
    """The sums of both sets of samples together.

    Raises:
      UserError: for other numbers of parts or of classes.
    """
    checks.same_shapes("one", one, "other", other)
    probs, probs_rest = sums.add(
        one.probs, one.probs_rest + other.probs_rest, other.probs
    )
    negentropy, negentropy_rest = sums.add(
        one.negentropy, one.negentropy_rest + other.negentropy_rest, other.negentropy
    )
    count = one.count + other.count
    return Marginals(count, probs, probs_rest, negentropy, negentropy_rest)


def finalize(kept: Marginals) -> tuple[Array, Array]:
    """Marginals `p(y) [J, K]`, and the score `[J]` of each part, NaN without samples.

    `exp(mean_x sum_y p(y|x) log p(y|x) - sum_y p(y) log p(y))`.
    """
    count = jnp.where(kept.count > 0, kept.count, jnp.nan)
    marginal = (kept.probs + kept.probs_rest) / count[:, None]
    negentropy = (kept.negentropy + kept.negentropy_rest) / count
    divergence = negentropy + jnp.sum(special.entr(marginal), axis=-1)
    # entr is -inf or NaN at NaN, by version of JAX; finite rows have finite sums.
    finite = jnp.isfinite(divergence)
    return marginal, jnp.exp(jnp.where(finite, divergence, jnp.nan))


def inception_score(kept: Marginals) -> record.Score:
    """`scores.inception_score` of samples of which only the sums were kept.

    Returns:
      The mean over the parts, with their population standard deviation as spread.
      Sample counts are arrays and stand in the sums, not in the protocol.

    Raises:
      UserError: if a part is known to have no samples.
    """
    known = divergence_checks.concrete(kept.count)
    if known is not None and not known.all():
        raise errors.UserError(
            f"{int((known == 0).sum())} of {known.size} parts have no samples; ask for "
            "fewer splits, or give each sample the part that `parts` says."
        )
    _, values = finalize(kept)
    splits, num_classes = kept.probs.shape
    return record.Score(
        value=jnp.mean(values),
        spread=jnp.std(values),
        floor=jnp.ones((), values.dtype),
        ceiling=jnp.mean(jnp.minimum(num_classes, kept.count)),
        protocol=record.protocol(
            score="inception_score",
            num_classes=num_classes,
            splits=splits,
            spread="population standard deviation over the splits",
        ),
    )
