"""Scores of labelled samples of several members, beside what real samples show.

For `jaxgan.scores.by_name`. Real samples come in a random order, so that any part of
them is like any other. Labels are the numbers of the classes; those of generated
samples are what the generator was asked for.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from jaxgan.core import errors, randomness
from jaxgan.scores import classes, classification, record
from jaxgan.scores import classifier_training as training

Records = dict[str, Any]

LEAST = 4
"""Samples of a class of which a half can be compared with the other one."""


def check_classes(real: np.ndarray, fake: np.ndarray) -> None:
    """Asks for what `frechet_of_members` needs of each class.

    Args:
      real: int `[N]`, the labels of the real samples.
      fake: int `[M]`, those of a member.

    Raises:
      UserError: naming the first class that has too few samples.
    """
    counts = classes.counted(real, fake)
    classes.check_counts(*counts)
    few = np.flatnonzero((counts[0] > 0) & (counts[0] < LEAST))
    if len(few):
        raise errors.UserError(
            f"class {few[0]} has {counts[0][few[0]]} real samples; its floor, which is "
            f"the distance of its two halves, needs at least {LEAST}."
        )


def frechet_of_members(
    real_features: np.ndarray,
    real_labels: np.ndarray,
    fake_features: np.ndarray,
    fake_labels: np.ndarray,
    features: str | record.Protocol,
) -> Records:
    """The Frechet distance within classes of each member.

    Args:
      real_features: `[N, F]`.
      real_labels: int `[N]`.
      fake_features: `[S, M, F]`, not finite for a dead member, whose score is NaN.
      fake_labels: int `[S, M]`.
      features: what the features are.

    Returns:
      `{"intra_class_frechet": record}`, arrays `[S, ...]`, with the floor of
      `classes.intra_class_floor`.
    """
    floor = classes.intra_class_floor(real_features, real_labels)
    found = [
        classes.intra_class_frechet(
            real_features, real_labels, own, asked, features, floor
        )
        for own, asked in zip(fake_features, fake_labels, strict=True)
    ]
    return {"intra_class_frechet": _stacked(found)}


def accuracy_of_members(
    real_x: np.ndarray,
    real_labels: np.ndarray,
    fake_x: np.ndarray,
    fake_labels: np.ndarray,
    alive: Sequence[bool],
    *,
    seed: int,
) -> Records:
    """Accuracies of classifiers that are trained, or tested, on generated samples.

    Half of the real samples, or as many as a member has if these are fewer, train the
    classifier that is the ceiling, and as many generated ones train the others. All are
    tested on the other real samples, and those of the members on nothing else.

    Args:
      real_x: `[N, ...]` as a classifier takes them.
      real_labels: int `[N]`.
      fake_x: `[S, M, ...]`.
      fake_labels: int `[S, M]`.
      alive: of each member whether its samples are finite; the scores of the others
        are NaN.
      seed: of all classifiers, which begin with the same weights.

    Returns:
      `{"classification_accuracy_score": record, "accuracy_on_generated": record}`,
      arrays `[S]`, see `classification.ClassificationAccuracy`.
    """
    from jaxgan.scores import classifier

    number = min(len(real_x) // 2, fake_x.shape[1])
    settings = {
        "num_classes": 1 + int(max(real_labels.max(), fake_labels.max())),
        "key": randomness.key(seed),
        **_architecture(real_x.shape[1:]),
    }
    trained_on = real_x[:number], jnp.asarray(real_labels[:number])
    of_real = classifier.train_classifier(*trained_on, **settings)

    def of_member(x: np.ndarray, labels: np.ndarray) -> Any:
        return classification.classification_accuracy_score(
            *trained_on,
            *(real_x[number:], real_labels[number:], x[:number], labels[:number]),
            of_real=of_real,
            **settings,
        )

    found = [
        of_member(*own) if is_alive else None
        for *own, is_alive in zip(fake_x, fake_labels, alive, strict=True)
    ]
    filled = _filled(found, lambda: of_member(real_x, real_labels))
    return {
        "classification_accuracy_score": _of_pupils(
            [own.train_on_fake for own in filled]
        ),
        "accuracy_on_generated": _of_pupils([own.test_on_fake for own in filled]),
    }


def _of_pupils(records: Sequence[record.Score]) -> record.Score:
    own = _stacked(records)
    features = record.protocol(features="none, but the samples themselves")
    return dataclasses.replace(own, protocol=own.protocol + features)


def _architecture(shape: tuple[int, ...]) -> dict[str, Any]:
    if len(shape) == 3 and min(shape[:2]) >= training.SMALLEST:
        return {"architecture": "convolutional"}
    return {"architecture": "fully_connected", "max_shift": 0}


def _filled(found: Sequence[Any], like: Callable[[], Any]) -> list[Any]:
    """Records of members, those that are None as NaN in the form of the others.

    Args:
      found: of the members.
      like: gives a record of that form, where all are None.
    """
    known = next((own for own in found if own is not None), None)
    form = like() if known is None else known

    def dead(leaf: ArrayLike) -> jax.Array:
        return jnp.full_like(jnp.asarray(leaf), jnp.nan)

    return [jax.tree.map(dead, form) if own is None else own for own in found]


def _stacked(records: Sequence[Any]) -> Any:
    """Records of members as one, arrays `[S, ...]`."""
    return jax.tree.map(lambda *own: jnp.stack(own), *records)
