"""Feature networks: what makes features, and opinions on classes, of samples.

Any function `x -> (features, logits)` will do, with a fingerprint that says what it is.
Images come to it as bytes, whatever their source: what a generator makes is rounded to
them, so that it is scored as it would be from a PNG file. Points and waveforms come as
they are.

This module is imported by itself, because its networks need Flax.
"""

import os
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jax.typing import ArrayLike

from jaxgan.core import errors
from jaxgan.data import dataset
from jaxgan.scores import classifier, inception, record, weights

MOST_RAW = 4096
"""Numbers of a sample up to which they are taken for features as they are."""


class FeatureNetwork(NamedTuple):
    """A feature network.

    Attributes:
      apply: `x [B, ...] -> (features [B, F], logits [B, K])`, the logits None if it
        knows no classes; images are uint8.
      fingerprint: what it is, for protocols.
      check: of the shape of a sample, raises `UserError` if it cannot be taken.
      flattens: whether samples of any shape become rows of numbers, so that those that
        are compared must have one shape.
    """

    apply: Callable[[np.ndarray], tuple[ArrayLike, ArrayLike | None]]
    fingerprint: record.Protocol
    check: Callable[[tuple[int, ...]], None]
    flattens: bool = False


def of_classifier(
    network: classifier.Classifier, held_out_accuracy: float
) -> FeatureNetwork:
    """A classifier trained on data like those that are scored.

    Args:
      network: the classifier.
      held_out_accuracy: for the protocols.
    """

    def check(shape: tuple[int, ...]) -> None:
        if tuple(shape) != network.image_shape:
            raise errors.UserError(
                f"samples have the shape {tuple(shape)}, but the classifier was "
                f"trained on {network.image_shape}; resize the images to one size, or "
                "take other features."
            )

    return FeatureNetwork(
        lambda x: classifier.classify_all(network, x),
        classifier.fingerprint(network, held_out_accuracy),
        check,
    )


def stacked(single: FeatureNetwork, depth: int, num_classes: int) -> FeatureNetwork:
    """The features of each channel side by side, of images that are stacked.

    Classes are tuples of the channels' ones, the last varying fastest, and their
    probabilities products.

    Args:
      single: the network of single images, of one channel, which knows classes.
      depth: K, the channels.
      num_classes: C of single images; there are C^K tuples.
    """

    def apply(x: np.ndarray) -> tuple[ArrayLike, ArrayLike | None]:
        found = [single.apply(x[..., d : d + 1]) for d in range(depth)]
        logits = np.zeros((len(x), 1), np.float32)
        for _, own in found:
            logits = logits[:, :, None] + np.asarray(own)[:, None]
            logits = logits.reshape(len(x), -1)
        return np.concatenate([features for features, _ in found], axis=1), logits

    def check(shape: tuple[int, ...]) -> None:
        if len(shape) != 3 or shape[-1] != depth:
            raise errors.UserError(
                f"samples have the shape {tuple(shape)}, but those of the reference "
                f"are images of {depth} channels; give the same, or other features."
            )
        single.check((*shape[:-1], 1))

    by_tuples = record.protocol(stacked=depth, num_tuples=num_classes**depth)
    return FeatureNetwork(apply, single.fingerprint + by_tuples, check)


def of_inception(found: weights.Weights, convolution: str = "auto") -> FeatureNetwork:
    """The Inception network: pooled features, and logits without bias.

    Args:
      found: its weights.
      convolution: form of its convolutions, see `inception.features`.

    Raises:
      UserError: if that form is not to be had.
    """
    inception.check_form(convolution)

    def apply(x: np.ndarray) -> tuple[ArrayLike, ArrayLike]:
        names = ("2048", "logits_unbiased")
        made = inception.features_all(found.params, x, names, convolution=convolution)
        return made["2048"], made["logits_unbiased"]

    def check(shape: tuple[int, ...]) -> None:
        if len(shape) != 3 or shape[-1] not in (1, 3):
            raise errors.UserError(
                f"samples have the shape {tuple(shape)}, but the Inception network "
                "takes images of one or three channels; take other features."
            )

    fingerprint = inception.fingerprint("2048, logits_unbiased", found.sha256)
    if convolution != "auto":
        # Kept statistics of a reference differ in their last bits.
        fingerprint += record.protocol(convolution=convolution)
    return FeatureNetwork(apply, fingerprint, check)


def raw() -> FeatureNetwork:
    """The samples themselves, flattened; images in [-1, 1]. Without classes.

    Points in float64 stay so: their scores have a use for the digits.
    """

    def apply(x: np.ndarray) -> tuple[ArrayLike, None]:
        exact = x.dtype == np.float64
        values = x if exact else np.asarray(dataset.to_float(x))
        return values.reshape(len(x), -1), None

    def check(shape: tuple[int, ...]) -> None:
        if np.prod(shape) > MOST_RAW:
            raise errors.UserError(
                f"samples of the shape {tuple(shape)} have {np.prod(shape)} numbers, "
                f"more than the {MOST_RAW} that are sensible as features; resize them "
                "or take the features of a network."
            )

    return FeatureNetwork(
        apply,
        record.protocol(feature_network="none: the samples themselves"),
        check,
        flattens=True,
    )


def check_alike(
    network: FeatureNetwork, shape: tuple[int, ...], other: tuple[int, ...]
) -> None:
    """Asks that samples of these shapes can be compared in the features of a network.

    Flattened, images with channels first are as long as those with channels last, and
    have nothing to do with them.

    Raises:
      UserError: otherwise.
    """
    if network.flattens and tuple(shape) != tuple(other):
        raise errors.UserError(
            f"samples have the shape {tuple(shape)} and those that they are compared "
            f"with {tuple(other)}, which are other numbers at the same place; "
            f"{_way_out(shape, other)}."
        )


def _way_out(shape: tuple[int, ...], other: tuple[int, ...]) -> str:
    if sorted(shape) == sorted(other):
        return "bring their axes into one order, [height, width, channels] of images"
    return "bring them to one size, or take the features of a network"


def published(
    path: str | os.PathLike | None = None, convolution: str = "auto"
) -> FeatureNetwork:
    """The Inception network with its published weights; see `weights.load`.

    Args:
      path: of the weights, or None.
      convolution: as of `of_inception`.
    """
    inception.check_form(convolution)  # before a download
    return of_inception(weights.load(path), convolution)
