"""Chance within a layer, from a stream that the network carries with it."""

from collections.abc import Callable

import jax
from flax import linen as nn
from jax import Array

from jaxgan.core import randomness


class GaussianNoise(nn.Module):
    """`x + s e`, `e ~ N(0, I)`, when training, and otherwise the identity.

    Attributes:
      std: s, in the units of what comes in; at 0 nothing is drawn.

    References:
      Salimans et al., Improved Techniques for Training GANs, 2016, whose
      semi-supervised discriminators have it before every layer,
      https://arxiv.org/abs/1606.03498
    """

    std: float

    @nn.compact
    def __call__(self, x: Array, *, train: bool) -> Array:
        following = stream(self)
        if not train or not self.std:
            return x
        return x + self.std * jax.random.normal(following(), x.shape, x.dtype)


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
