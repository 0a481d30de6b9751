"""Noise that a network adds to what passes through it, and where that comes from."""

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
        key = next_key(self, train and self.std > 0)
        if key is None:
            return x
        return x + self.std * jax.random.normal(key, x.shape, x.dtype)


def next_key(layer: nn.Module, draws: bool) -> Array | None:
    """The next key of a layer's own stream, or None if it does not draw.

    The stream is in the collection `noise` and moves on with every pass that draws, so
    that it is part of a member's state, as statistics of batches are.
    """
    stream = layer.variable(
        "noise",
        "key",
        lambda: jax.random.key_data(randomness.threefry(layer.make_rng("params"))),
    )
    if not draws:
        return None
    key, after = jax.random.split(randomness.threefry(stream.value))
    stream.value = jax.random.key_data(after)
    return key
