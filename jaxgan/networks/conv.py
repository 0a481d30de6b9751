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

    | layer | output | parameters |
    | --- | --- | --- |
    | linear, norm, ReLU | H/4 x W/4 x 2w | D (H W / 8) w + 4w |
    | transposed conv 4x4 s2, norm, ReLU | H/2 x W/2 x w | 32 w^2 + 2w |
    | transposed conv 4x4 s2, tanh | H x W x C | 16 w C + C |

    Without normalisation a linear layer has a bias, H W w / 8 and w parameters, in the
    place of the norm's scale and shift.

    Attributes:
      shape: `(H, W, C)`, H and W multiples of four.
      width: w, channels before the last layer.
      recipe: its normalisation is of the hidden layers.
      conditioning: see `layers.Conditioning`.
    """

    shape: Sequence[int]
    width: int = 32
    recipe: layers.Recipe = layers.Recipe("batch")
    conditioning: layers.Conditioning = layers.Conditioning()

    @nn.compact
    def __call__(self, z: Array, *, train: bool, label: Array | None = None) -> Array:
        x, condition = layers.condition_generator(z, label, self.conditioning)
        height, width, channels = self.shape
        bias = layers.has_bias(self.recipe)

        def hidden(x: Array) -> Array:
            norm = layers.Norm(self.recipe, self.conditioning.hidden)
            return nn.relu(norm(x, train=train, condition=condition))

        stem = (height // 4, width // 4, 2 * self.width)
        x = layers.Dense(math.prod(stem), self.recipe, use_bias=bias)(x, train=train)
        x = hidden(x.reshape(x.shape[0], *stem))
        up = layers.ConvTranspose(
            self.width, KERNEL, STRIDE, recipe=self.recipe, use_bias=bias
        )
        x = hidden(up(x, train=train))
        output = layers.output_recipe(self.recipe)
        x = layers.ConvTranspose(channels, KERNEL, STRIDE, recipe=output)(
            x, train=train
        )
        return layers.finish(x)


class ConvDiscriminator(nn.Module):
    """`images [B, H, W, C] -> DiscriminatorOutput`.

    | layer | output | parameters |
    | --- | --- | --- |
    | conv 4x4 s2, leaky ReLU | H/2 x W/2 x w | 16 C w + w |
    | conv 4x4 s2, norm, leaky ReLU | H/4 x W/4 x 2w | 32 w^2 + 2w |
    | linear | 1 | H W w / 8 + 1 |

    No norm after the first layer, as in DCGAN. The features are the flattened last
    activations.

    Attributes:
      width: w, channels after the first layer.
      recipe: its normalisation; `spectral` and `weight` reach every layer.
      conditioning: see `layers.Conditioning`.
    """

    width: int = 32
    recipe: layers.Recipe = layers.Recipe()
    conditioning: layers.Conditioning = layers.Conditioning()

    @nn.compact
    def __call__(
        self, x: Array, *, train: bool, label: Array | None = None
    ) -> types.DiscriminatorOutput:
        x = layers.condition_discriminator(x, label, self.conditioning)
        first = layers.Conv(self.width, KERNEL, STRIDE, recipe=self.recipe)
        x = layers.leaky_relu(first(x, train=train))
        bias = layers.has_bias(self.recipe)
        second = layers.Conv(
            2 * self.width, KERNEL, STRIDE, recipe=self.recipe, use_bias=bias
        )
        x = second(x, train=train)
        x = layers.leaky_relu(layers.Norm(self.recipe)(x, train=train))
        head = layers.Head(self.recipe, self.conditioning)
        return head(x.reshape(x.shape[0], -1), train=train, label=label)


def conv(
    shape: Sequence[int],
    recipes: types.Pair,
    conditioning: types.Pair,
    *,
    width: int = 32,
) -> types.Pair:
    """Both players with the same width, see `gan.conv`."""
    layers.require(width >= 1, f"width={width} must be at least 1.")
    layers.require(
        len(shape) == 3 and not (shape[0] % 4 or shape[1] % 4),
        f"shape={tuple(shape)} does not suit the network 'conv', which makes images "
        "(H, W, C) whose sides are multiples of 4; use 'mlp' or resize them.",
    )
    return types.Pair(
        ConvGenerator(tuple(shape), width, recipes.generator, conditioning.generator),
        ConvDiscriminator(width, recipes.discriminator, conditioning.discriminator),
    )
