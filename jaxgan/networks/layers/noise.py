"""Chance within a layer, from a stream that the network carries with it."""

from collections.abc import Callable

import jax
from flax import linen as nn
from jax import Array

from jaxgan.core import randomness


def stream(layer: nn.Module) -> Callable[[], Array]:
    """A layer's own stream of keys, kept in the collection `noise`.

    Args:
      layer: within its call; it has at most one stream.

    Returns:
      A function that gives the next key and moves the stream on.
    """
    kept = layer.variable(
        "noise",
        "key",
        lambda: jax.random.key_data(randomness.threefry(layer.make_rng("params"))),
    )

    def following() -> Array:
        key, after = jax.random.split(randomness.threefry(kept.value))
        kept.value = jax.random.key_data(after)
        return key

    return following
