"""A classifier trained on the user's own samples, the feature network of our scores.

The published scores rest on a network trained on ImageNet, which knows nothing of
handwritten digits. A small network trained in seconds on the data at hand does, but
its numbers compare only with numbers of the very same weights: `fingerprint` names
them, and belongs in the protocol of every score that used them. `classifier_cache`
keeps what was trained.

This module is imported by itself, because it needs Flax and optax.
"""

import dataclasses
import hashlib
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax import Array

from jaxgan import types
from jaxgan.core import errors
from jaxgan.scores import checks, record
from jaxgan.scores import classifier_networks as networks
from jaxgan.scores import classifier_training as training

NETWORKS = networks.NETWORKS
"""The architectures by their names."""


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, eq=False)
class Classifier:
    """A trained network, a pytree of its weights.

    Attributes:
      params: the weights.
      network: the Flax module, static.
      image_shape: of the samples that it was trained on, `(H, W, C)` of images, static.
    """

    params: types.Tree
    network: nn.Module = dataclasses.field(metadata={"static": True})
    image_shape: tuple[int, ...] = dataclasses.field(metadata={"static": True})


def train_classifier(
    x: Array,
    labels: Array,
    *,
    num_classes: int,
    key: Array,
    architecture: str = "convolutional",
    num_epochs: int | None = None,
    batch_size: int = 64,
    learning_rate: float = 2e-3,
    max_shift: int | None = None,
    **numbers: int,
) -> Classifier:
    """Trains a classifier by Adam with a learning rate that falls to zero.

    The whole training is one compiled scan. Each epoch sees the samples in a new order
    and leaves out the last `N mod batch_size` of that order. The result depends on
    nothing but the arguments.

    Args:
      x: `[N, H, W, C]` images, float in [-1, 1] or uint8 in 0 ... 255, at least 8x8;
        or, for the fully connected network, samples `[N, ...]` of any shape, best of
        about unit scale; or for the spectrogram network waveforms `[N, T, 1]`, float in
        [-1, 1].
      labels: int `[N]` in 0 ... K-1.
      num_classes: `K`.
      key: consumed.
      architecture: "convolutional", "fully_connected", an MLP, or "spectrogram".
      num_epochs: passes over the data; None for as many as show 50,000 samples, or for
        8 if these show no more than 500,000, but at least one.
      batch_size: samples in a step, at most all of them.
      learning_rate: at the first step.
      max_shift: images are moved at random by up to this many pixels each way, with
        their border repeated; None for 1, or for 0 if the samples are no images.
      **numbers: further ones of the network, such as the `sample_rate` of waveforms.

    Returns:
      A `Classifier`.

    Raises:
      UserError: for arguments that do not fit together.
    """
    training.check_architecture(architecture)
    training.check_samples(x, architecture)
    training.check_labels(labels, len(x), num_classes)
    network = NETWORKS[architecture](num_classes, **numbers)
    params = training.train(
        network,
        jnp.asarray(x),
        jnp.asarray(labels),
        key,
        learning_rate,
        training.recipe(tuple(x.shape), num_epochs, batch_size, max_shift),
    )
    return Classifier(params, network, tuple(x.shape[1:]))


def classify(classifier: Classifier, x: Array) -> tuple[Array, Array]:
    """What the classifier says of a batch; pure, to be jitted by the caller.

    Args:
      classifier: a pytree, which may be an argument of a jitted function.
      x: `[B, ...]` samples of the shape and scale that it was trained on; images float
        in [-1, 1] or uint8 in 0 ... 255.

    Returns:
      `(features [B, F], logits [B, K])`, the features none negative.

    Raises:
      UserError: if the samples differ in shape from those it was trained on.
    """
    if tuple(x.shape[1:]) != classifier.image_shape:
        raise errors.UserError(
            f"x has samples of shape {tuple(x.shape[1:])}, but the classifier was "
            f"trained on {classifier.image_shape}; resize them or train another."
        )
    params = {"params": classifier.params}
    found: Any = classifier.network.apply(params, networks.scaled(x))
    return found


def classify_all(
    classifier: Classifier, x: Array, batch_size: int = 500
) -> tuple[Array, Array]:
    """Like `classify`, for any number of samples, in batches of one size.

    Memory stays bounded, and one program serves all numbers of samples. Runs on the
    host: for use within `jit` there is `classify`.

    Args:
      classifier: the classifier.
      x: `[N, ...]` as for `classify`.
      batch_size: samples in a batch, at least 1; the last one is filled up.

    Returns:
      `(features [N, F], logits [N, K])`.

    Raises:
      UserError: as `classify`, and for images known to lie outside of [-1, 1].
    """
    if np.ndim(x) == 4:
        checks.image_range("x", x)
    outputs = []
    for start in range(0, len(x), batch_size):
        index = np.arange(start, start + batch_size) % len(x)
        outputs.append(jax.device_get(_classify(classifier, x[index])))
    features, logits = (
        jnp.asarray(np.concatenate(parts)[: len(x)])
        for parts in zip(*outputs, strict=True)
    )
    return features, logits


_classify = jax.jit(classify)


def accuracy(
    classifier: Classifier, x: Array, labels: Array, batch_size: int = 500
) -> Array:
    """Share of samples whose most probable class is their label.

    Args:
      classifier: the classifier.
      x: `[N, ...]` as for `classify`.
      labels: int `[N]`.
      batch_size: samples in memory at once.

    Returns:
      A scalar in [0, 1].
    """
    _, logits = classify_all(classifier, x, batch_size=batch_size)
    return jnp.mean(jnp.argmax(logits, axis=-1) == jnp.asarray(labels))


def fingerprint(
    classifier: Classifier, held_out_accuracy: float | None = None
) -> record.Protocol:
    """What the classifier is, as entries for a score's protocol.

    Args:
      classifier: the classifier, its weights known.
      held_out_accuracy: on samples it was not trained on, if measured.

    Returns:
      Architecture, shape of a sample, SHA-256 of the weights, and the accuracy.
    """
    settings = {
        field.name: getattr(classifier.network, field.name)
        for field in dataclasses.fields(classifier.network)
        if field.name not in ("parent", "name")
    }
    name = type(classifier.network).__name__
    return record.protocol(
        feature_network=f"{name}({', '.join(f'{k}={v}' for k, v in settings.items())})",
        image_shape=classifier.image_shape,
        weights_sha256=weights_sha256(classifier.params),
        held_out_accuracy=None
        if held_out_accuracy is None
        else float(held_out_accuracy),
    )


def weights_sha256(params: types.Tree) -> str:
    """SHA-256 of weights: their names, shapes and little-endian float32 values."""
    digest = hashlib.sha256()
    for path, leaf in jax.tree_util.tree_leaves_with_path(params):
        values = np.asarray(leaf, "<f4")
        digest.update(f"{jax.tree_util.keystr(path)}{values.shape}".encode())
        digest.update(values.tobytes())
    return digest.hexdigest()
