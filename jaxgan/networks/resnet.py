"""Residual pairs for small images, those of WGAN-GP and of SN-GAN on CIFAR-10.

Miyato et al. 2018, https://arxiv.org/abs/1802.05957, Table 4, which is Gulrajani et al.
2017, https://arxiv.org/abs/1704.00028, Appendix F, with a wider generator, spectral
normalisation and a sum in the place of the mean over places; with labels, Miyato and
Koyama 2018, https://arxiv.org/abs/1802.05637. Lee and Town's Mimicry 2020,
https://arxiv.org/abs/2005.02494, has the same layers, but enlarges bilinearly where the
papers' authors and this module repeat places.
"""

import math
from collections.abc import Sequence

from flax import linen as nn
from jax import Array

from jaxgan import types
from jaxgan.core import errors
from jaxgan.networks import layers, sizes

KERNEL = (3, 3)
POOLINGS = ("sum", "mean")


class GeneratorBlock(nn.Module):
    """`[B, H, W, V] -> [B, 2H, 2W, w]`, with two 3x3 convolutions and a 1x1 shortcut.

    Batch normalisation takes away what a constant of each channel adds, through the
    shortcut in the next block too; the block then has no biases.

    Attributes:
      width: w.
      recipe: of the norms, and of the convolutions too unless `kernels` is given.
      hidden: of the norms, see `layers.Norm`.
      kernels: a recipe of the convolutions.
    """

    width: int
    recipe: layers.Recipe
    hidden: int = 0
    kernels: layers.Recipe | None = None

    @nn.compact
    def __call__(
        self, x: Array, *, train: bool, condition: Array | None = None
    ) -> Array:
        def activated(x: Array) -> Array:
            norm = layers.Norm(self.recipe, self.hidden)
            return nn.relu(norm(x, train=train, condition=condition))

        bias = layers.has_bias(self.recipe)
        recipe = self.kernels or self.recipe
        y = layers.upsample(activated(x))
        y = _conv(self.width, recipe, bias)(y, train=train)
        y = _conv(self.width, recipe, bias)(activated(y), train=train)
        # The same after upsampling, at four times the work.
        shortcut = layers.Conv(
            self.width, (1, 1), recipe=recipe, use_bias=bias, name="shortcut"
        )
        return y + layers.upsample(shortcut(x, train=train))


class DiscriminatorBlock(nn.Module):
    """`[B, H, W, V] -> [B, H, W, w]`, or half the sides if it pools.

    Two 3x3 convolutions; the shortcut is the identity, or a 1x1 convolution if the
    block pools or changes the channels. The first block of all begins with images,
    which are neither normalised nor cut off by a ReLU.
    """

    width: int
    recipe: layers.Recipe
    pool: bool = False
    first: bool = False

    @nn.compact
    def __call__(self, x: Array, *, train: bool) -> Array:
        def activated(x: Array) -> Array:
            return nn.relu(layers.Norm(self.recipe)(x, train=train))

        if self.first:
            y = nn.relu(_conv(self.width, self.recipe)(x, train=train))
        else:
            conv = _conv(self.width, self.recipe, layers.has_bias(self.recipe))
            y = activated(conv(activated(x), train=train))
        y = _conv(self.width, self.recipe)(y, train=train)
        if self.pool:
            # The same after the shortcut, at four times the work.
            x, y = layers.average_pool(x), layers.average_pool(y)
        if self.pool or x.shape[-1] != self.width:
            shortcut = layers.Conv(
                self.width, (1, 1), recipe=self.recipe, name="shortcut"
            )
            x = shortcut(x, train=train)
        return x + y


class ResNetGenerator(nn.Module):
    """`z [B, D] -> images [B, H, W, C]` in [-1, 1].

    For 32x32, with s = 3 halvings of the sides (see `sizes.halvings`):

    | layer | output | parameters |
    | --- | --- | --- |
    | linear | 4 x 4 x w | 16 D w + 16 w |
    | block | 8 x 8 x w | 19 w^2 + 4w (+ 3w) |
    | block | 16 x 16 x w | 19 w^2 + 4w (+ 3w) |
    | block | 32 x 32 x w | 19 w^2 + 4w (+ 3w) |
    | norm, ReLU, conv 3x3, tanh | 32 x 32 x C | 2w + 9 w C + C |

    In brackets the blocks' biases, which there are unless normalisation takes them
    away. For w = 256, D = 128, C = 3 these are 4,274,435 parameters, and the 4,276,739
    of Mimicry with the biases; for the w = 128 of WGAN-GP 1,203,331 and 1,204,483.
    Other sizes have s blocks.

    Attributes:
      shape: `(H, W, C)`, H and W even.
      width: w.
      recipe: its normalisation is of the blocks and the last norm.
      conditioning: see `layers.Conditioning`; it reaches the norms of the blocks, not
        the last one, as in Miyato and Koyama 2018.
    """

    shape: Sequence[int]
    width: int = 256
    recipe: layers.Recipe = layers.Recipe("batch", "xavier")
    conditioning: layers.Conditioning = layers.Conditioning()

    @nn.compact
    def __call__(self, z: Array, *, train: bool, label: Array | None = None) -> Array:
        x, condition = layers.condition_generator(z, label, self.conditioning)
        height, width, channels = self.shape
        stages = sizes.halvings(self.shape)
        stem = (height // 2**stages, width // 2**stages, self.width)
        x = layers.Dense(math.prod(stem), self.recipe)(x, train=train)
        x = x.reshape(x.shape[0], *stem)
        for _ in range(stages):
            block = GeneratorBlock(self.width, self.recipe, self.conditioning.hidden)
            x = block(x, train=train, condition=condition)
        x = nn.relu(layers.Norm(self.recipe)(x, train=train))
        output = layers.output_recipe(self.recipe)
        x = layers.Conv(channels, KERNEL, recipe=output)(x, train=train)
        return layers.finish(x)


class ResNetDiscriminator(nn.Module):
    """`images [B, H, W, C] -> DiscriminatorOutput`.

    For 32x32, with n = 2 blocks that pool:

    | layer | output | parameters |
    | --- | --- | --- |
    | first block, pools | 16 x 16 x w | 10 C w + 9 w^2 + 3w |
    | block, pools | 8 x 8 x w | 19 w^2 + 3w |
    | block | 8 x 8 x w | 18 w^2 + 2w |
    | block | 8 x 8 x w | 18 w^2 + 2w |
    | ReLU, sum over places, linear | 1 | w + 1 |

    For w = 128 and C = 3 these are 1,053,825 parameters. A normalisation of activations
    adds its own in all blocks but the first. The features are the sums.

    Attributes:
      num_pooling: n.
      width: w.
      pooling: over places, "sum" in SN-GAN, "mean" in WGAN-GP.
      recipe: its normalisation, "spectral" in SN-GAN, "none" or "layer" in WGAN-GP.
      conditioning: see `layers.Conditioning`.
    """

    num_pooling: int = 2
    width: int = 128
    pooling: str = "sum"
    recipe: layers.Recipe = layers.Recipe("spectral", "xavier")
    conditioning: layers.Conditioning = layers.Conditioning()

    @nn.compact
    def __call__(
        self, x: Array, *, train: bool, label: Array | None = None
    ) -> types.DiscriminatorOutput:
        x = layers.condition_discriminator(x, label, self.conditioning)
        for block in range(self.num_pooling + 2):
            x = DiscriminatorBlock(
                self.width, self.recipe, block < self.num_pooling, block == 0
            )(x, train=train)
        x = nn.relu(x)
        features = x.sum((1, 2)) if self.pooling == "sum" else x.mean((1, 2))
        head = layers.Head(self.recipe, self.conditioning)
        return head(features, train=train, label=label)


def resnet(
    shape: Sequence[int],
    recipes: types.Pair,
    conditioning: types.Pair,
    *,
    generator_width: int = 256,
    discriminator_width: int = 128,
    pooling: str = "sum",
) -> types.Pair:
    """Both players, for images whose sides are multiples of four.

    SN-GAN by default. WGAN-GP's are `generator_width=128`, `pooling="mean"` and
    `discriminator_normalisation="none"`, or "layer". The generator has as many blocks
    as the sides can be halved, see `sizes.halvings`, the discriminator one pooling
    block less than that, but at least two, and two that do not pool.

    Args:
      shape: `(H, W, C)`.
      recipes, conditioning: per player.
      generator_width, discriminator_width: channels throughout each player.
      pooling: over places at the discriminator's end, one of `POOLINGS`.

    Raises:
      UserError: if they cannot make images of that shape, or the pooling is not known.
    """
    for name, width in (
        ("generator_width", generator_width),
        ("discriminator_width", discriminator_width),
    ):
        layers.require(width >= 1, f"{name}={width} must be at least 1.")
    layers.require(
        pooling in POOLINGS,
        f"pooling={pooling!r} is not known; {errors.choice(pooling, POOLINGS)}",
    )
    sizes.check(shape, 4, "resnet")
    return types.Pair(
        ResNetGenerator(
            tuple(shape), generator_width, recipes.generator, conditioning.generator
        ),
        ResNetDiscriminator(
            max(2, sizes.halvings(shape) - 1),
            discriminator_width,
            pooling,
            recipes.discriminator,
            conditioning.discriminator,
        ),
    )


def _conv(features: int, recipe: layers.Recipe, use_bias: bool = True) -> layers.Conv:
    # Before a ReLU Glorot's variance is doubled, as all implementations have it.
    xavier = recipe.initialisation == "xavier"
    return layers.Conv(
        features,
        KERNEL,
        recipe=recipe,
        use_bias=use_bias,
        gain=math.sqrt(2) if xavier else 1.0,
    )
