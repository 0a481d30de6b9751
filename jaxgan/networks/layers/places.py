"""Functions of places and activations, without parameters."""

import jax
import jax.numpy as jnp
from jax import Array

from jaxgan.networks.layers import recipe as recipes


def leaky_relu(x: Array) -> Array:
    """`max(x, 0.2 x)`, the discriminator's activation since DCGAN."""
    return jax.nn.leaky_relu(x, 0.2)


def upsample(x: Array, factor: int = 2) -> Array:
    """Repeats each place of `[B, *n, C]` in every direction: `[B, *(factor n), C]`."""
    size = x.shape[1:-1]
    for axis in reversed(range(1, x.ndim - 1)):
        x = jnp.expand_dims(x, axis + 1)
    wide = [m for n in size for m in (n, factor)]
    x = jnp.broadcast_to(x, (x.shape[0], *wide, x.shape[-1]))
    return x.reshape(x.shape[0], *(factor * n for n in size), x.shape[-1])


def average_pool(x: Array, factor: int = 2) -> Array:
    """Means over blocks of `[B, *n, C]`: `[B, *(n / factor), C]`."""
    size = x.shape[1:-1]
    blocks = [m for n in size for m in (n // factor, factor)]
    x = x.reshape(x.shape[0], *blocks, x.shape[-1])
    return x.mean(tuple(range(2, x.ndim - 1, 2)))


def finish(x: Array, bounded: bool = True) -> Array:
    """The end of every generator: at least float32, in [-1, 1] by a tanh if bounded."""
    x = recipes.widened(x)
    return jnp.tanh(x) if bounded else x
