"""Copies: samples that repeat the training set, and samples that repeat each other.

A Frechet distance below its floor asks for them: copies of training samples have the
moments of these, and no score of coverage minds. What is too near is said by real
samples. Of new real ones a share q lies within the q-quantile of their own distances;
of a generator's samples more than that do if it makes copies.

References:
  Meehan et al., A Non-Parametric Test to Detect Data-Copying in Generative Models,
  2020, https://arxiv.org/abs/2004.05675, who compare the same distances by ranks
"""

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from jaxgan.core import errors
from jaxgan.scores import neighbours, record

QUANTILE = 0.05
"""Of the distances of real samples, within which a sample is taken for a copy."""


class Nearness(NamedTuple):
    """What counts as near, by real samples.

    Attributes:
      distance: up to which a sample is near.
      share: of the real samples that are, about the quantile; more where many of them
        are equal.
      num_real: how many these were.
      quantile: that was asked for.
    """

    distance: Array
    share: Array
    num_real: int
    quantile: float


def to_training(
    held_out: ArrayLike, training: ArrayLike, quantile: float = QUANTILE
) -> Nearness:
    """How near new real samples come to the training set.

    Args:
      held_out: features `[M, F]` of real samples that are not in it.
      training: `[N, F]`.
      quantile: of their distances, in (0, 1).

    Raises:
      UserError: for a quantile out of range, and shapes that do not fit.
    """
    nearest = neighbours.nearest_neighbours(held_out, training).distance[:, 0]
    return _nearness(nearest, quantile)


def to_each_other(real: ArrayLike, quantile: float = QUANTILE) -> Nearness:
    """How near real samples come to each other.

    Nearest neighbours are the nearer the more samples there are: give as many real ones
    as will be scored.

    Args:
      real: features `[N, F]` of real samples, N at least 2.
      quantile: of their distances, in (0, 1).

    Raises:
      UserError: for a quantile out of range, and other shapes.
    """
    return _nearness(_to_nearest_other(real), quantile)


def memorisation(
    features: ArrayLike,
    training: ArrayLike,
    near: Nearness,
    name: str | record.Protocol = "unnamed features",
) -> record.Score:
    """The share of samples that are nearer to a training sample than new ones are.

    Args:
      features: `[M, F]` of generated samples; not finite for a dead generator, whose
        score is NaN.
      training: `[N, F]` of the training samples.
      near: from `to_training`.
      name: what the features are.

    Returns:
      The score, in [0, 1]: 1 for copies of the training set. The floor is the share of
      held-out samples that are as near; below it is not better, but further away from
      real samples. `spread` is the standard error of the share.

    Raises:
      UserError: for shapes that do not fit.

    When:
      To see copies of training samples.
    """
    nearest = neighbours.nearest_neighbours(features, training).distance[:, 0]
    return _share("memorisation", nearest, near, "training samples", name)


def repetition(
    features: ArrayLike,
    near: Nearness,
    name: str | record.Protocol = "unnamed features",
) -> record.Score:
    """The share of samples to which another one is nearer than among real samples.

    Args:
      features: `[N, F]` of generated samples, as many as the real ones of `near`; not
        finite for a dead generator, whose score is NaN.
      near: from `to_each_other`.
      name: what the features are.

    Returns:
      The score, in [0, 1]: 1 if every sample occurs twice or more. The floor is the
      share among real samples; below it samples are more spread out than real ones.

    Raises:
      UserError: for fewer than two samples, and other numbers of them than of the real
        ones.

    When:
      To see samples that are copies of each other.
    """
    number = jnp.shape(features)[0]
    if number != near.num_real:
        raise errors.UserError(
            f"features are of {number} samples, but nearness was measured among "
            f"{near.num_real} real ones, and grows with their number; take as many."
        )
    nearest = _to_nearest_other(features)
    return _share("repetition", nearest, near, "the other samples", name)


def _to_nearest_other(features: ArrayLike) -> Array:
    return neighbours.nearest_neighbours(features, features, k=2).distance[:, 1]


def _nearness(distance: Array, quantile: float) -> Nearness:
    if not 0 < quantile < 1:
        raise errors.UserError(f"quantile={quantile} must lie between 0 and 1.")
    limit = jnp.quantile(distance, quantile, method="lower")
    share = jnp.mean(distance <= limit)
    return Nearness(limit, share, len(distance), quantile)


def _share(
    score: str,
    distance: Array,
    near: Nearness,
    to: str,
    name: str | record.Protocol,
) -> record.Score:
    alive = jnp.isfinite(distance).all()
    value = jnp.where(alive, jnp.mean(distance <= near.distance), jnp.nan)
    return record.Score(
        value=value,
        spread=jnp.sqrt(value * (1 - value) / len(distance)),
        floor=near.share,
        protocol=record.protocol(
            score=score,
            distance=f"euclidean, to the nearest of {to}",
            near=f"within the {near.quantile:g}-quantile of real samples",
            spread="standard error of the share",
            num_samples=len(distance),
            num_real=near.num_real,
            features=name,
        ),
    )
