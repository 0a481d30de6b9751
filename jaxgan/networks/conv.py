"""A small convolutional pair for images whose sides are multiples of four.

The layers are those of DCGAN (Radford et al. 2015, https://arxiv.org/abs/1511.06434)
cut down to two strided convolutions of kernel 4, which suits 8x8 to 32x32.
"""

import math
from collections.abc import Sequence

from flax import linen as nn
from jax import Array

from jaxgan import types
from jaxgan.networks import layers

KERNEL = (4, 4)
STRIDE = (2, 2)


class ConvGenerator(nn.Module):
    """`z [B, D] -> images [B, H, W, C]` in [-1, 1].

    A linear layer to `[H/4, W/4, 2 width]`, then transposed convolutions to
    `[H/2, W/2, width]` and to `[H, W, C]`, tanh.

    Attributes:
      shape: `(H, W, C)`, H and W multiples of four.
      width: channels before the last layer.
      normalisation: of the hidden layers, one of `layers.NORMALISATIONS`.
    """

    shape: Sequence[int]
    width: int = 32
    normalisation: str = "batch"

    @nn.compact
    def __call__(self, z: Array, *, train: bool) -> Array:
        def hidden(layer: nn.Module, x: Array, shape: Sequence[int]) -> Array:
            x = layers.Linear(layer, self.normalisation)(x, train=train)
            x = x.reshape(x.shape[0], *shape)
            return nn.relu(layers.Norm(self.normalisation)(x, train=train))

        height, width, channels = self.shape
        bias = layers.has_bias(self.normalisation)
        stem = (height // 4, width // 4, 2 * self.width)
        x = hidden(nn.Dense(math.prod(stem), use_bias=bias), z, stem)
        up = nn.ConvTranspose(self.width, KERNEL, STRIDE, use_bias=bias)
        x = hidden(up, x, (height // 2, width // 2, self.width))
        return nn.tanh(nn.ConvTranspose(channels, KERNEL, STRIDE)(x))


class ConvDiscriminator(nn.Module):
    """`images [B, H, W, C] -> DiscriminatorOutput`.

    Convolutions to `[H/2, W/2, width]` and `[H/4, W/4, 2 width]`, leaky ReLU after
    each, then a linear layer. No batch or layer normalisation after the first one, as
    in DCGAN. The features are the flattened last activations.

    Attributes:
      width: channels after the first layer.
      normalisation: one of `layers.NORMALISATIONS`; `spectral` reaches every layer.
    """

    width: int = 32
    normalisation: str = "none"

    @nn.compact
    def __call__(self, x: Array, *, train: bool) -> types.DiscriminatorOutput:
        def linear(layer: nn.Module, x: Array) -> Array:
            return layers.Linear(layer, self.normalisation)(x, train=train)

        x = layers.leaky_relu(linear(nn.Conv(self.width, KERNEL, STRIDE), x))
        bias = layers.has_bias(self.normalisation)
        x = linear(nn.Conv(2 * self.width, KERNEL, STRIDE, use_bias=bias), x)
        x = layers.leaky_relu(layers.Norm(self.normalisation)(x, train=train))
        features = x.reshape(x.shape[0], -1)
        logits = linear(nn.Dense(1), features)
        return types.DiscriminatorOutput(logits[:, 0], features)
