"""Multilayer perceptrons, for points and small images."""

import math
from collections.abc import Sequence

from flax import linen as nn
from jax import Array

from jaxgan import types
from jaxgan.networks import layers


class MLPGenerator(nn.Module):
    """`z [B, D] -> x [B, *shape]`: hidden ReLU layers, then a linear output.

    Attributes:
      shape: shape of one sample.
      hidden: widths of the hidden layers.
      normalisation: of the hidden layers, one of `layers.NORMALISATIONS`.
      bounded: whether a tanh keeps the output in [-1, 1], as images need.
    """

    shape: Sequence[int]
    hidden: Sequence[int] = (128, 128)
    normalisation: str = "none"
    bounded: bool = False

    @nn.compact
    def __call__(self, z: Array, *, train: bool) -> Array:
        bias = layers.has_bias(self.normalisation)
        for width in self.hidden:
            layer = nn.Dense(width, use_bias=bias)
            z = layers.Linear(layer, self.normalisation)(z, train=train)
            z = layers.Norm(self.normalisation)(z, train=train)
            z = nn.relu(z)
        x = nn.Dense(math.prod(self.shape))(z)
        x = x.reshape(x.shape[0], *self.shape)
        return nn.tanh(x) if self.bounded else x


class MLPDiscriminator(nn.Module):
    """`x [B, ...] -> DiscriminatorOutput`: hidden leaky ReLU layers.

    Attributes:
      hidden: widths of the hidden layers; the last one gives the features.
      normalisation: of the hidden layers; `spectral` reaches the output layer too.
    """

    hidden: Sequence[int] = (128, 128)
    normalisation: str = "none"

    @nn.compact
    def __call__(self, x: Array, *, train: bool) -> types.DiscriminatorOutput:
        x = x.reshape(x.shape[0], -1)
        bias = layers.has_bias(self.normalisation)
        for width in self.hidden:
            layer = nn.Dense(width, use_bias=bias)
            x = layers.Linear(layer, self.normalisation)(x, train=train)
            x = layers.Norm(self.normalisation)(x, train=train)
            x = layers.leaky_relu(x)
        logits = layers.Linear(nn.Dense(1), self.normalisation)(x, train=train)
        return types.DiscriminatorOutput(logits[:, 0], x)
