"""How a classifier is trained: what it asks of its data, and one compiled scan."""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import linen as nn
from jax import Array
from jax.typing import ArrayLike

from jaxgan import types
from jaxgan.core import errors
from jaxgan.divergences import checks
from jaxgan.scores import classifier_networks as networks
from jaxgan.scores import spectrograms

SMALLEST = 8
"""Pixels, the least height and width of an image."""

FEW_IMAGES, MANY_IMAGES, ENOUGH_EPOCHS = 50_000, 500_000, 8


class Recipe(NamedTuple):
    """Static numbers of a training.

    Attributes:
      num_epochs: passes over the data.
      batch_size: samples in a step.
      max_shift: pixels each way by which images are moved at random.
    """

    num_epochs: int
    batch_size: int
    max_shift: int


def default_epochs(num_samples: int) -> int:
    """Passes over the data that show 50,000 samples, and 8 where they are cheap.

    Eight passes, but of no more than 500,000 samples in all, are what the probabilities
    need to be as sharp as the classifier is right: on MNIST, held-out entropy as low as
    the held-out cross-entropy. One pass is always made.
    """
    few, many = round(FEW_IMAGES / num_samples), MANY_IMAGES // num_samples
    return max(1, few, min(ENOUGH_EPOCHS, many))


def recipe(
    shape: tuple[int, ...],
    num_epochs: int | None,
    batch_size: int,
    max_shift: int | None,
) -> Recipe:
    """Fills in what depends on the data, of shape `[N, ...]`.

    Raises:
      UserError: for numbers that are too small, and for shifts of what is no image.
    """
    if num_epochs is None:
        num_epochs = default_epochs(shape[0])
    if num_epochs < 1 or batch_size < 1:
        raise errors.UserError(
            "num_epochs and batch_size must be at least 1, not "
            f"{num_epochs} and {batch_size}."
        )
    images = len(shape) == 4
    if max_shift is None:
        max_shift = 1 if images else 0
    if max_shift < 0 or (max_shift > 0 and not images):
        raise errors.UserError(
            f"max_shift={max_shift} must be at least 0, and 0 for samples that are no "
            f"images [N, H, W, C], such as those of shape {shape}."
        )
    return Recipe(num_epochs, min(batch_size, shape[0]), max_shift)


@functools.partial(jax.jit, static_argnums=(0, 5))
def train(
    network: nn.Module,
    x: Array,
    labels: Array,
    key: Array,
    learning_rate: ArrayLike,
    recipe: Recipe,
) -> types.Tree:
    """Trains by Adam with a learning rate that falls to zero by a cosine.

    Args:
      network: static.
      x: `[N, ...]` samples.
      labels: int `[N]`.
      key: consumed.
      learning_rate: at the first step.
      recipe: static.

    Returns:
      The weights.
    """
    num_samples, batch_size = x.shape[0], recipe.batch_size
    num_batches = num_samples // batch_size
    init_key, order_key, shift_key = jax.random.split(key, 3)
    orders = jax.vmap(lambda k: jax.random.permutation(k, num_samples))(
        jax.random.split(order_key, recipe.num_epochs)
    )
    batches = orders[:, : num_batches * batch_size].reshape(-1, batch_size)
    shift_keys = jax.random.split(shift_key, len(batches))
    optimizer = optax.adam(optax.cosine_decay_schedule(learning_rate, len(batches)))
    params = network.init(init_key, networks.scaled(x[:1]))["params"]

    def loss(params, samples, targets):
        _, logits = network.apply({"params": params}, samples)
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, targets)
        return jnp.mean(losses)

    def step(carry, inputs):
        params, opt_state = carry
        batch, shift_key = inputs
        samples = shifted(networks.scaled(x[batch]), shift_key, recipe.max_shift)
        grads = jax.grad(loss)(params, samples, labels[batch])
        updates, opt_state = optimizer.update(grads, opt_state)
        return (optax.apply_updates(params, updates), opt_state), None

    carry = (params, optimizer.init(params))
    (params, _), _ = jax.lax.scan(step, carry, (batches, shift_keys))
    return params


def shifted(x: Array, key: Array, max_shift: int) -> Array:
    """Images `[B, H, W, C]`, each moved by up to so many pixels, borders repeated."""
    if max_shift == 0:
        return x
    border = (max_shift, max_shift)
    padded = jnp.pad(x, ((0, 0), border, border, (0, 0)), mode="edge")
    offsets = jax.random.randint(key, (len(x), 2), 0, 2 * max_shift + 1)

    def crop(image, offset):
        return jax.lax.dynamic_slice(image, (*offset, 0), x.shape[1:])

    return jax.vmap(crop)(padded, offsets)


def check_architecture(architecture: str) -> None:
    """Asks for the name of a network.

    Raises:
      UserError: for any other.
    """
    if architecture not in networks.NETWORKS:
        names = ", ".join(networks.NETWORKS)
        raise errors.UserError(
            f"architecture must be one of {names}, not {architecture!r}."
        )


def check_samples(x: ArrayLike, architecture: str, name: str = "x") -> None:
    """Asks for samples that the network of this name can take.

    Raises:
      UserError: for shapes, types and known values that it cannot.
    """
    shape, images = np.shape(x), np.ndim(x) == 4
    if architecture == "convolutional" and (not images or min(shape[1:3]) < SMALLEST):
        raise errors.UserError(
            f"{name} must hold images of shape [N, H, W, C] with H and W at least "
            f"{SMALLEST}, not an array of shape {shape}; architecture="
            '"fully_connected" takes samples of any shape.'
        )
    if architecture == "spectrogram" and (
        len(shape) != 3 or shape[1] < spectrograms.LEAST_LENGTH or shape[2] != 1
    ):
        raise errors.UserError(
            f"{name} must hold waveforms of shape [N, T, 1] with T at least "
            f"{spectrograms.LEAST_LENGTH}, not an array of shape {shape}."
        )
    if len(shape) < 2 or 0 in shape:
        raise errors.UserError(
            f"{name} must hold samples of shape [N, ...], not an array of shape "
            f"{shape}."
        )
    dtype = jnp.result_type(x)
    if dtype != jnp.uint8 and not jnp.issubdtype(dtype, jnp.floating):
        raise errors.UserError(
            f"{name} must be uint8 in 0 ... 255 or float, not {dtype}; convert it."
        )
    values = checks.concrete(x)
    if values is None or dtype == jnp.uint8:
        return
    low, high = float(values.min()), float(values.max())
    if images and not (-1.001 <= low and high <= 1.001):
        raise errors.UserError(
            f"{name} must hold float images in [-1, 1] or uint8 images, but its values "
            f"lie between {low:g} and {high:g}; scale them first."
        )
    if not np.isfinite([low, high]).all():
        raise errors.UserError(
            f"{name} holds values that are not finite; leave such samples out."
        )


def check_labels(
    labels: ArrayLike, num_samples: int, num_classes: int, name: str = "labels"
) -> None:
    """Asks for a label in 0 ... K-1 for each sample.

    Raises:
      UserError: for another shape or type, and for known values outside.
    """
    if np.shape(labels) != (num_samples,):
        raise errors.UserError(
            f"{name} must have shape {(num_samples,)}, one for each sample, not "
            f"{np.shape(labels)}."
        )
    if not jnp.issubdtype(jnp.result_type(labels), jnp.integer):
        raise errors.UserError(
            f"{name} must be integers, not {jnp.result_type(labels)}; convert them."
        )
    values = checks.concrete(labels)
    if values is not None:
        low, high = int(values.min()), int(values.max())
        if low < 0 or high >= num_classes:
            raise errors.UserError(
                f"{name} must lie between 0 and num_classes - 1 = {num_classes - 1}, "
                f"but they lie between {low} and {high}."
            )
