"""Scores class by class, for conditional generators."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from jaxgan.core import errors
from jaxgan.divergences import offsets
from jaxgan.scores import checks, moments, record

SINGULAR = (
    "a class has no more samples than there are features, real or generated, so that "
    "its covariance is singular and its distance mostly bias"
)
"""What an `IntraClassFrechet` warns of."""


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class IntraClassFrechet(record.Score):
    """The Frechet distance within classes: the mean, and each.

    Attributes:
      by_class: `[K]`, NaN for a class that neither kind has.
      floor_by_class: `[K]`, what is given as `floor`, or None.
      num_real_by_class: `[K]` samples.
      num_fake_by_class: `[K]` samples.
    """

    by_class: Array
    floor_by_class: Array | None = None
    num_real_by_class: Array
    num_fake_by_class: Array


def intra_class_frechet(
    real_features: ArrayLike,
    real_labels: ArrayLike,
    fake_features: ArrayLike,
    fake_labels: ArrayLike,
    features: str | record.Protocol = "unnamed features",
    floor: ArrayLike | None = None,
) -> IntraClassFrechet:
    """The Frechet distance within each class, and its mean over the classes.

    Unlike the distance of all samples together it sees a class that looks like another
    one, and collapse within a class. Each class has but a part of the samples, and so
    more bias: compare equal numbers of samples, and beside the floor.

    Args:
      real_features: `[N, F]`.
      real_labels: `[N]` integers, none negative, known while tracing.
      fake_features: `[M, F]`.
      fake_labels: `[M]`, the labels that were asked of the generator.
      features: what the features are.
      floor: `[K]`, such as `intra_class_floor` gives; NaN for a class that is not
        there.

    Returns:
      The score; less is better. `value` and `floor` are means over the classes, and
      `spread` the standard deviation over them. It warns where a class has no more
      samples than features.

    Raises:
      UserError: if labels do not fit, or a class has fewer than two samples in either.

    When:
      To see a class that looks like another one.

    References:
      Miyato and Koyama, cGANs with Projection Discriminator, 2018,
      https://arxiv.org/abs/1802.05637
    """
    real_features, fake_features = offsets.centred(real_features, fake_features)
    real = checks.features("real_features", real_features, at_least=2)
    fake = checks.features("fake_features", fake_features, at_least=2)
    checks.same_width("real_features", real, "fake_features", fake)
    own, asked = (
        _labels(name, labels, len(x))
        for name, labels, x in (
            ("real", real_labels, real),
            ("fake", fake_labels, fake),
        )
    )
    counts = counted(own, asked)
    check_counts(*counts)
    there = np.flatnonzero(counts[0])
    values = jnp.stack(
        [_distance(real[own == label], fake[asked == label]) for label in there]
    )
    by_class = jnp.full(len(counts[0]), jnp.nan, values.dtype).at[there].set(values)
    floors = None if floor is None else _of_classes(floor, len(by_class))
    fewest = min(count[there].min() for count in counts)
    return IntraClassFrechet(
        value=jnp.mean(values),
        spread=jnp.std(values),
        floor=None if floors is None else jnp.mean(floors[there]),
        warning=jnp.asarray(fewest <= real.shape[1]),
        by_class=by_class,
        floor_by_class=floors,
        num_real_by_class=jnp.asarray(counts[0]),
        num_fake_by_class=jnp.asarray(counts[1]),
        protocol=record.protocol(
            score="intra_class_frechet",
            num_real=len(own),
            num_fake=len(asked),
            num_features=real.shape[1],
            ddof=1,
            spread="population standard deviation over the classes",
            floor="given" if floors is not None else None,
            warning=SINGULAR,
            features=features,
        ),
    )


def intra_class_floor(real_features: ArrayLike, real_labels: ArrayLike) -> Array:
    """The Frechet distance of one half of each class to its other half.

    It assumes nothing about the features. As it is of half of the real samples it has
    more bias than a distance of all of them to as many others.

    Args:
      real_features: `[N, F]`, in a random order: of each class the first half is
        compared with the rest.
      real_labels: `[N]` integers, none negative, known while tracing.

    Returns:
      `[K]`, NaN for a class that is not there.

    Raises:
      UserError: if labels do not fit, or a class has fewer than four samples.

    When:
      To know how much of a distance within classes is lack of samples.
    """
    (real_features,) = offsets.centred(real_features)
    real = checks.features("real_features", real_features, at_least=4)
    own = _labels("real", real_labels, len(real))
    found = np.bincount(own)
    few = np.flatnonzero((found > 0) & (found < 4))
    if len(few):
        raise errors.UserError(
            f"class {few[0]} has {found[few[0]]} real samples; a half of each class is "
            "compared with the other one, for which it needs at least four."
        )
    values = []
    for label, number in enumerate(found):
        x = real[own == label]
        half = number // 2
        values.append(_distance(x[:half], x[half:]) if number else jnp.nan)
    return jnp.stack([jnp.asarray(value, real.dtype) for value in values])


def counted(real_labels: np.ndarray, fake_labels: np.ndarray) -> list[np.ndarray]:
    """Samples of each class, `[K]` real and `[K]` generated, K as large as any label's.

    Args:
      real_labels: int `[N]`, none negative.
      fake_labels: int `[M]`, likewise.
    """
    number = 1 + max(own.max(initial=-1) for own in (real_labels, fake_labels))
    return [np.bincount(own, minlength=number) for own in (real_labels, fake_labels)]


def check_counts(real: np.ndarray, fake: np.ndarray) -> None:
    """Asks for two samples of both kinds of each class that either has.

    Args:
      real: `[K]` counts.
      fake: `[K]` counts.

    Raises:
      UserError: naming the first class that has fewer.
    """
    few = np.flatnonzero((np.maximum(real, fake) > 0) & (np.minimum(real, fake) < 2))
    if len(few):
        label = few[0]
        raise errors.UserError(
            f"class {label} has {real[label]} real and {fake[label]} generated "
            "samples; each class needs at least two of both."
        )


def _labels(name: str, labels: ArrayLike, number: int) -> np.ndarray:
    if isinstance(labels, jax.core.Tracer):
        raise errors.UserError(
            f"{name}_labels are traced, but say how many samples each class has, "
            "which must be known while tracing; close over NumPy arrays of labels."
        )
    own = np.asarray(labels)
    if own.shape != (number,):
        raise errors.UserError(
            f"{name}_labels has shape {own.shape}; it must be ({number},)."
        )
    if not np.issubdtype(own.dtype, np.integer) or own.min(initial=0) < 0:
        raise errors.UserError(
            f"{name}_labels must be integers from 0 on, the numbers of classes."
        )
    return own


def _of_classes(floor: ArrayLike, number: int) -> Array:
    """A floor `[K']` as one `[K]`, where the last classes may have no samples."""
    own = jnp.asarray(floor)[:number]
    return jnp.pad(own, (0, number - len(own)), constant_values=jnp.nan)


def _distance(real: Array, fake: Array) -> Array:
    return moments.frechet_distance(moments.of(real), moments.of(fake)).value
