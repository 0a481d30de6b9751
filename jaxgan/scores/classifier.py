"""A classifier trained on the user's own images, the feature network of our scores.

The published scores rest on a network trained on ImageNet, which knows nothing of
handwritten digits. A small network trained in seconds on the data at hand does, but
its numbers compare only with numbers of the very same weights: `fingerprint` names
them, and belongs in the protocol of every score that used them.

This module is imported by itself, because it needs Flax and optax.
"""

import dataclasses
import functools
import hashlib

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import linen as nn
from jax import Array

from jaxgan import errors
from jaxgan.divergences import checks
from jaxgan.scores import record

SMALLEST = 8
"""Pixels, the least height and width of an image."""


class ConvolutionalNetwork(nn.Module):
    """Three 3x3 convolutions, the last two with stride 2, and a hidden layer.

    Attributes:
      num_classes: `K`.
      channels: of each convolution.
      num_features: `F`, width of the hidden layer whose outputs are the features.
    """

    num_classes: int
    channels: tuple[int, ...] = (16, 32, 64)
    num_features: int = 64

    @nn.compact
    def __call__(self, x: Array) -> tuple[Array, Array]:
        for index, channels in enumerate(self.channels):
            x = nn.relu(nn.Dense(channels)(_patches(x, stride=1 if index == 0 else 2)))
        features = nn.relu(nn.Dense(self.num_features)(x.reshape(x.shape[0], -1)))
        return features, nn.Dense(self.num_classes)(features)


class FullyConnectedNetwork(nn.Module):
    """Two hidden layers, of which the second gives the features.

    Attributes:
      num_classes: `K`.
      width: of the first hidden layer.
      num_features: `F`, width of the second.
    """

    num_classes: int
    width: int = 256
    num_features: int = 64

    @nn.compact
    def __call__(self, x: Array) -> tuple[Array, Array]:
        x = nn.relu(nn.Dense(self.width)(x.reshape(x.shape[0], -1)))
        features = nn.relu(nn.Dense(self.num_features)(x))
        return features, nn.Dense(self.num_classes)(features)


NETWORKS = {
    "convolutional": ConvolutionalNetwork,
    "fully_connected": FullyConnectedNetwork,
}


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, eq=False)
class Classifier:
    """A trained network, a pytree of its weights.

    Attributes:
      params: the weights.
      network: the Flax module, static.
      image_shape: `(H, W, C)` that it was trained on, static.
    """

    params: dict
    network: nn.Module = dataclasses.field(metadata={"static": True})
    image_shape: tuple[int, int, int] = dataclasses.field(metadata={"static": True})


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
    max_shift: int = 1,
) -> Classifier:
    """Trains a classifier by Adam with a learning rate that falls to zero.

    The whole training is one compiled scan. Each epoch sees the images in a new order
    and leaves out the last `N mod batch_size` of that order. The result depends on
    nothing but the arguments.

    Args:
      x: `[N, H, W, C]` images, float in [-1, 1] or uint8 in 0 ... 255, at least 8x8.
      labels: int `[N]` in 0 ... K-1.
      num_classes: `K`.
      key: consumed.
      architecture: "convolutional" or "fully_connected".
      num_epochs: passes over the data; None for as many as show 50,000 images, but
        at least one.
      batch_size: images in a step, at most all of them.
      learning_rate: at the first step.
      max_shift: images are moved at random by up to this many pixels each way, with
        their border repeated; 0 for none.

    Returns:
      A `Classifier`.

    Raises:
      UserError: for arguments that do not fit together.
    """
    _check_training(x, labels, num_classes, architecture)
    num_samples = len(x)
    if num_epochs is None:
        num_epochs = max(1, round(50_000 / num_samples))
    if num_epochs < 1 or batch_size < 1:
        raise errors.UserError(
            "num_epochs and batch_size must be at least 1, not "
            f"{num_epochs} and {batch_size}."
        )
    network = NETWORKS[architecture](num_classes)
    params = _train(
        network,
        jnp.asarray(x),
        jnp.asarray(labels),
        key,
        learning_rate,
        num_epochs,
        min(batch_size, num_samples),
        max_shift,
    )
    return Classifier(params, network, tuple(x.shape[1:]))


def classify(classifier: Classifier, x: Array) -> tuple[Array, Array]:
    """What the classifier says of a batch; pure, to be jitted by the caller.

    Args:
      classifier: a pytree, which may be an argument of a jitted function.
      x: `[B, H, W, C]` images, float in [-1, 1] or uint8 in 0 ... 255.

    Returns:
      `(features [B, F], logits [B, K])`, the features none negative.

    Raises:
      UserError: if the images differ in shape from those it was trained on.
    """
    if tuple(x.shape[1:]) != classifier.image_shape:
        raise errors.UserError(
            f"x has images of shape {tuple(x.shape[1:])}, but the classifier was "
            f"trained on {classifier.image_shape}; resize them or train another."
        )
    return classifier.network.apply({"params": classifier.params}, _scaled(x))


def classify_all(
    classifier: Classifier, x: Array, batch_size: int = 500
) -> tuple[Array, Array]:
    """Like `classify`, for any number of images, in batches of one size.

    Memory stays bounded, and one program serves all numbers of images. Runs on the
    host: for use within `jit` there is `classify`.

    Args:
      classifier: the classifier.
      x: `[N, H, W, C]` as for `classify`.
      batch_size: images in a batch, at least 1; the last one is filled up.

    Returns:
      `(features [N, F], logits [N, K])`.
    """
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
    """Share of images whose most probable class is their label.

    Args:
      classifier: the classifier.
      x: `[N, H, W, C]` as for `classify`.
      labels: int `[N]`.
      batch_size: images in memory at once.

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
      held_out_accuracy: on images it was not trained on, if measured.

    Returns:
      Architecture, image shape, SHA-256 of the weights (their names, shapes and
      little-endian float32 values), and the accuracy.
    """
    digest = hashlib.sha256()
    for path, leaf in jax.tree_util.tree_leaves_with_path(classifier.params):
        values = np.asarray(leaf, "<f4")
        digest.update(f"{jax.tree_util.keystr(path)}{values.shape}".encode())
        digest.update(values.tobytes())
    settings = {
        field.name: getattr(classifier.network, field.name)
        for field in dataclasses.fields(classifier.network)
        if field.name not in ("parent", "name")
    }
    name = type(classifier.network).__name__
    return record.protocol(
        feature_network=f"{name}({', '.join(f'{k}={v}' for k, v in settings.items())})",
        image_shape=classifier.image_shape,
        weights_sha256=digest.hexdigest(),
        held_out_accuracy=None
        if held_out_accuracy is None
        else float(held_out_accuracy),
    )


@functools.partial(jax.jit, static_argnums=(0, 5, 6, 7))
def _train(network, x, labels, key, learning_rate, num_epochs, batch_size, max_shift):
    num_samples = x.shape[0]
    num_batches = num_samples // batch_size
    init_key, order_key, shift_key = jax.random.split(key, 3)
    orders = jax.vmap(lambda k: jax.random.permutation(k, num_samples))(
        jax.random.split(order_key, num_epochs)
    )
    batches = orders[:, : num_batches * batch_size].reshape(-1, batch_size)
    shift_keys = jax.random.split(shift_key, len(batches))
    optimizer = optax.adam(optax.cosine_decay_schedule(learning_rate, len(batches)))
    params = network.init(init_key, _scaled(x[:1]))["params"]

    def loss(params, images, targets):
        _, logits = network.apply({"params": params}, images)
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, targets)
        return jnp.mean(losses)

    def step(carry, inputs):
        params, opt_state = carry
        batch, shift_key = inputs
        images = _shifted(_scaled(x[batch]), shift_key, max_shift)
        grads = jax.grad(loss)(params, images, labels[batch])
        updates, opt_state = optimizer.update(grads, opt_state)
        return (optax.apply_updates(params, updates), opt_state), None

    carry = (params, optimizer.init(params))
    (params, _), _ = jax.lax.scan(step, carry, (batches, shift_keys))
    return params


def _patches(x, stride):
    """The 3x3 neighbourhoods `[B, h, w, 9C]` of images with a border of zeros.

    With them a convolution is one matrix product, whose gradients XLA computes several
    times faster on a CPU, inside a scan, than those of a convolution.
    """
    height, width = x.shape[1:3]
    x = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    shifted = [
        x[:, row : row + height : stride, column : column + width : stride]
        for row in range(3)
        for column in range(3)
    ]
    return jnp.concatenate(shifted, axis=-1)


def _shifted(x, key, max_shift):
    if max_shift == 0:
        return x
    border = (max_shift, max_shift)
    padded = jnp.pad(x, ((0, 0), border, border, (0, 0)), mode="edge")
    offsets = jax.random.randint(key, (len(x), 2), 0, 2 * max_shift + 1)

    def crop(image, offset):
        return jax.lax.dynamic_slice(image, (*offset, 0), x.shape[1:])

    return jax.vmap(crop)(padded, offsets)


def _scaled(x):
    if x.dtype == jnp.uint8:
        return x.astype(jnp.float32) / 127.5 - 1
    if not jnp.issubdtype(x.dtype, jnp.floating):
        raise errors.UserError(
            f"images must be uint8 in 0 ... 255 or float in [-1, 1], not {x.dtype}; "
            "convert them."
        )
    return x


def _check_training(x, labels, num_classes, architecture):
    if architecture not in NETWORKS:
        raise errors.UserError(
            f"architecture must be one of {', '.join(NETWORKS)}, not {architecture!r}."
        )
    if np.ndim(x) != 4 or min(np.shape(x)[1:3]) < SMALLEST:
        raise errors.UserError(
            "x must hold images of shape [N, H, W, C] with H and W at least "
            f"{SMALLEST}, not an array of shape {np.shape(x)}."
        )
    if np.shape(labels) != np.shape(x)[:1]:
        raise errors.UserError(
            f"labels must have shape {np.shape(x)[:1]}, one for each image, not "
            f"{np.shape(labels)}."
        )
    values = checks.concrete(x)
    if values is not None and values.dtype != np.uint8:
        low, high = float(values.min()), float(values.max())
        if not (-1.001 <= low and high <= 1.001):
            raise errors.UserError(
                "x must hold float images in [-1, 1] or uint8 images, but its values "
                f"lie between {low:g} and {high:g}; scale them first."
            )
    values = checks.concrete(labels)
    if values is not None:
        low, high = int(values.min()), int(values.max())
        if low < 0 or high >= num_classes:
            raise errors.UserError(
                f"labels must lie between 0 and num_classes - 1 = {num_classes - 1}, "
                f"but they lie between {low} and {high}."
            )
