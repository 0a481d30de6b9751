"""Deep convolutional GANs: strided convolutions and batch normalisation.

The layers are those of Radford et al. 2015, https://arxiv.org/abs/1511.06434, in the
form that is reproduced most, that of the PyTorch examples: kernels of 4x4 rather than
5x5, 64 channels at the outermost layer rather than 128, 100 latents, no biases,
kernels drawn from N(0, 0.02).
"""

import math
from collections.abc import Sequence

from flax import linen as nn
from jax import Array

from jaxgan import types
from jaxgan.networks import infogan, layers, sizes

KERNEL = (4, 4)
STRIDE = (2, 2)


class DCGANGenerator(nn.Module):
    """`z [B, D] -> images [B, H, W, C]` in [-1, 1].

    For 64x64, with s = 4 halvings of the sides (see `sizes.halvings`):

    | layer | output | parameters, w = 64 |
    | --- | --- | --- |
    | linear, norm, ReLU | 4 x 4 x 8w | 8192 D + 1024 |
    | transposed conv 4x4 s2, norm, ReLU | 8 x 8 x 4w | 2097152 + 512 |
    | transposed conv 4x4 s2, norm, ReLU | 16 x 16 x 2w | 524288 + 256 |
    | transposed conv 4x4 s2, norm, ReLU | 32 x 32 x w | 131072 + 128 |
    | transposed conv 4x4 s2, tanh | 64 x 64 x C | 1024 C |

    In all 3,576,704 for D = 100 and C = 3. 32x32 has one stage less and begins with
    4 x 4 x 4w, 1,068,928 parameters; other sizes likewise, the first layer having
    `2^(s - 1) w` channels. Without normalisation a hidden layer has a bias in the place
    of the norm's scale and shift.

    Attributes:
      shape: `(H, W, C)`, H and W even.
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

        stages = sizes.halvings(self.shape)
        factor = 2**stages
        stem = (height // factor, width // factor, factor // 2 * self.width)
        x = layers.Dense(math.prod(stem), self.recipe, use_bias=bias)(x, train=train)
        x = hidden(x.reshape(x.shape[0], *stem))
        for stage in reversed(range(stages - 1)):
            up = layers.ConvTranspose(
                2**stage * self.width, KERNEL, STRIDE, recipe=self.recipe, use_bias=bias
            )
            x = hidden(up(x, train=train))
        output = layers.output_recipe(self.recipe)
        last = layers.ConvTranspose(
            channels, KERNEL, STRIDE, recipe=output, use_bias=False
        )
        return layers.finish(last(x, train=train))


class DCGANDiscriminator(nn.Module):
    """`images [B, H, W, C] -> DiscriminatorOutput`.

    For 64x64, with s = 4 halvings of the sides:

    | layer | output | parameters, w = 64 |
    | --- | --- | --- |
    | conv 4x4 s2, leaky ReLU | 32 x 32 x w | 1024 C |
    | conv 4x4 s2, norm, leaky ReLU | 16 x 16 x 2w | 131072 + 256 |
    | conv 4x4 s2, norm, leaky ReLU | 8 x 8 x 4w | 524288 + 512 |
    | conv 4x4 s2, norm, leaky ReLU | 4 x 4 x 8w | 2097152 + 1024 |
    | linear | 1 | 8192 |

    In all 2,765,568 for C = 3. 32x32 has one stage less, 663,296 parameters. The last
    layer is the 4x4 convolution of the 4 x 4 places that others have, or one of all
    places where these are more. The features are the flattened last activations.

    Attributes:
      stages: s, strided convolutions.
      width: w, channels after the first layer.
      recipe: its normalisation is of the hidden layers but the first; `spectral` and
        `weight` reach every layer.
      conditioning: see `layers.Conditioning`.
    """

    stages: int
    width: int = 64
    recipe: layers.Recipe = layers.Recipe("batch", "dcgan")
    conditioning: layers.Conditioning = layers.Conditioning()

    @nn.compact
    def __call__(
        self, x: Array, *, train: bool, label: Array | None = None
    ) -> types.DiscriminatorOutput:
        x = layers.condition_discriminator(x, label, self.conditioning)
        first = layers.Conv(
            self.width, KERNEL, STRIDE, recipe=self.recipe, use_bias=False
        )
        x = layers.leaky_relu(first(x, train=train))
        bias = layers.has_bias(self.recipe)
        for stage in range(1, self.stages):
            down = layers.Conv(
                2**stage * self.width, KERNEL, STRIDE, recipe=self.recipe, use_bias=bias
            )
            x = layers.Norm(self.recipe)(down(x, train=train), train=train)
            x = layers.leaky_relu(x)
        head = layers.Head(self.recipe, self.conditioning, use_bias=False)
        return head(x.reshape(x.shape[0], -1), train=train, label=label)


def dcgan(
    shape: Sequence[int],
    recipes: types.Pair,
    conditioning: types.Pair,
    *,
    width: int = 64,
) -> types.Pair:
    """Both players with the same width, for images whose sides are multiples of four.

    Sides that are multiples of eight get the tables of DCGAN, others, as 28x28, those
    of `networks.infogan`.

    Raises:
      UserError: if neither can make images of that shape.
    """
    layers.require(width >= 1, f"width={width} must be at least 1.")
    sizes.check(shape, 4, "dcgan")
    shape = tuple(shape)
    if shape[0] % 8 or shape[1] % 8:
        return types.Pair(
            infogan.InfoGANGenerator(
                shape, width, recipes.generator, conditioning.generator
            ),
            infogan.InfoGANDiscriminator(
                width, recipes.discriminator, conditioning.discriminator
            ),
        )
    return types.Pair(
        DCGANGenerator(shape, width, recipes.generator, conditioning.generator),
        DCGANDiscriminator(
            sizes.halvings(shape),
            width,
            recipes.discriminator,
            conditioning.discriminator,
        ),
    )
