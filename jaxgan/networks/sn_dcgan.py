"""The plain convolutional pair of spectral normalisation.

Miyato et al. 2018, https://arxiv.org/abs/1802.05957, Table 3. In the discriminator
strides and more channels alternate; some implementations, Google's compare_gan among
them, have more channels already at the strides.
"""

import math
from collections.abc import Sequence

import jax
from flax import linen as nn
from jax import Array

from jaxgan import types
from jaxgan.networks import layers, sizes

SLOPE = 0.1  # of the leaky ReLU; Miyato et al. 2018, Table 3, where DCGAN has 0.2
STAGES = 3
FACTOR = 2**STAGES


class SNDCGANGenerator(nn.Module):
    """`z [B, D] -> images [B, H, W, C]` in [-1, 1].

    | layer | output | parameters, w = 64 |
    | --- | --- | --- |
    | linear, norm, ReLU | H/8 x W/8 x 8w | 8 D H W + 1024 |
    | transposed conv 4x4 s2, norm, ReLU | H/4 x W/4 x 4w | 2097152 + 512 |
    | transposed conv 4x4 s2, norm, ReLU | H/2 x W/2 x 2w | 524288 + 256 |
    | transposed conv 4x4 s2, norm, ReLU | H x W x w | 131072 + 128 |
    | conv 3x3, tanh | H x W x C | 576 C + C |

    For D = 128 and C = 3, 3,804,739 parameters at 32x32 and 5,115,459 at 48x48. The
    norm and ReLU after the linear layer are not in the paper's table, but in the
    implementations that reproduce its results. Without normalisation a hidden layer
    has a bias in the place of the norm's scale and shift.

    Attributes:
      shape: `(H, W, C)`, H and W multiples of eight.
      width: w, channels before the last layer.
      recipe: its normalisation is of the hidden layers.
      conditioning: see `layers.Conditioning`.
    """

    shape: Sequence[int]
    width: int = 64
    recipe: layers.Recipe = layers.Recipe("batch", "dcgan")
    conditioning: layers.Conditioning = layers.Conditioning()

    @nn.compact
    def __call__(self, z: Array, *, train: bool, label: Array | None = None) -> Array:
        x, condition = layers.condition_generator(z, label, self.conditioning)
        height, width, channels = self.shape
        bias = layers.has_bias(self.recipe)

        def hidden(x: Array) -> Array:
            norm = layers.Norm(self.recipe, self.conditioning.hidden)
            return nn.relu(norm(x, train=train, condition=condition))

        stem = (height // FACTOR, width // FACTOR, FACTOR * self.width)
        x = layers.Dense(math.prod(stem), self.recipe, use_bias=bias)(x, train=train)
        x = hidden(x.reshape(x.shape[0], *stem))
        for stage in reversed(range(STAGES)):
            up = layers.ConvTranspose(
                2**stage * self.width,
                (4, 4),
                (2, 2),
                recipe=self.recipe,
                use_bias=bias,
            )
            x = hidden(up(x, train=train))
        output = layers.output_recipe(self.recipe)
        x = layers.Conv(channels, (3, 3), recipe=output)(x, train=train)
        return layers.finish(x)


class SNDCGANDiscriminator(nn.Module):
    """`images [B, H, W, C] -> DiscriminatorOutput`.

    | layer | output | parameters, w = 64 |
    | --- | --- | --- |
    | conv 3x3, leaky ReLU | H x W x w | 576 C + 64 |
    | conv 4x4 s2, leaky ReLU | H/2 x W/2 x w | 65536 + 64 |
    | conv 3x3, leaky ReLU | H/2 x W/2 x 2w | 73728 + 128 |
    | conv 4x4 s2, leaky ReLU | H/4 x W/4 x 2w | 262144 + 128 |
    | conv 3x3, leaky ReLU | H/4 x W/4 x 4w | 294912 + 256 |
    | conv 4x4 s2, leaky ReLU | H/8 x W/8 x 4w | 1048576 + 256 |
    | conv 3x3, leaky ReLU | H/8 x W/8 x 8w | 1179648 + 512 |
    | linear | 1 | 8 H W + 1 |

    For C = 3, 2,935,873 parameters at 32x32 and 2,946,113 at 48x48, all kernels with
    spectral normalisation; the slope of the leaky ReLU is 0.1. Under a normalisation of
    activations all convolutions but the first are normalised and, where that takes a
    bias away, have none. The features are the flattened last activations.

    Attributes:
      width: w, channels after the first layer.
      recipe: its normalisation, `spectral` in the paper.
      conditioning: see `layers.Conditioning`.
    """

    width: int = 64
    recipe: layers.Recipe = layers.Recipe("spectral", "dcgan")
    conditioning: layers.Conditioning = layers.Conditioning()

    @nn.compact
    def __call__(
        self, x: Array, *, train: bool, label: Array | None = None
    ) -> types.DiscriminatorOutput:
        x = layers.condition_discriminator(x, label, self.conditioning)
        bias = layers.has_bias(self.recipe)
        first = layers.Conv(self.width, (3, 3), recipe=self.recipe)
        x = jax.nn.leaky_relu(first(x, train=train), SLOPE)
        for stage in range(STAGES):
            strided = layers.Conv(
                2**stage * self.width,
                (4, 4),
                (2, 2),
                recipe=self.recipe,
                use_bias=bias,
            )
            wider = layers.Conv(
                2 ** (stage + 1) * self.width,
                (3, 3),
                recipe=self.recipe,
                use_bias=bias,
            )
            for conv in (strided, wider):
                x = layers.Norm(self.recipe)(conv(x, train=train), train=train)
                x = jax.nn.leaky_relu(x, SLOPE)
        head = layers.Head(self.recipe, self.conditioning)
        return head(x.reshape(x.shape[0], -1), train=train, label=label)


def sn_dcgan(
    shape: Sequence[int],
    recipes: types.Pair,
    conditioning: types.Pair,
    *,
    width: int = 64,
) -> types.Pair:
    """Both players with the same width, for images whose sides are multiples of eight.

    Raises:
      UserError: if they cannot make images of that shape.
    """
    layers.require(width >= 1, f"width={width} must be at least 1.")
    sizes.check(shape, FACTOR, "sn_dcgan")
    return types.Pair(
        SNDCGANGenerator(
            tuple(shape), width, recipes.generator, conditioning.generator
        ),
        SNDCGANDiscriminator(width, recipes.discriminator, conditioning.discriminator),
    )
