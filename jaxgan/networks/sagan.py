"""Residual networks with self-attention, both players' kernels normalised.

Zhang et al., Self-Attention Generative Adversarial Networks, 2018,
https://arxiv.org/abs/1805.08318. The published table is that of 128x128; the one of
64x64 leaves out its outermost blocks, the one of 32x32 has the constant widths of
Miyato et al. 2018 (https://arxiv.org/abs/1802.05957).
"""

import dataclasses
import math
from collections.abc import Sequence
from typing import NamedTuple

from flax import linen as nn
from jax import Array

from jaxgan import types
from jaxgan.core import errors
from jaxgan.networks import layers, resnet
from jaxgan.networks.layers import recipe as layer_recipes

BOTTOM = 4
"""Places a side that a generator starts from."""

KERNEL_NORMALISATIONS = ("none", *layer_recipes.KERNEL_NORMALISATIONS)


class Widths(NamedTuple):
    """Channels in multiples of the width.

    Attributes:
      stem: of the generator's 4x4 maps.
      up: after each block of the generator, all of which double the side.
      down: after each block of the discriminator that halves the side.
      level: after each further block, which keeps it.
    """

    stem: int
    up: tuple[int, ...]
    down: tuple[int, ...]
    level: tuple[int, ...]


WIDTHS = {
    32: Widths(4, (4, 4, 4), (2, 2), (2, 2)),
    64: Widths(16, (16, 8, 4, 2), (1, 2, 4, 8), (16,)),
    128: Widths(16, (16, 8, 4, 2, 1), (1, 2, 4, 8, 16), (16,)),
}
"""By the side of the images."""


class SAGANGenerator(nn.Module):
    """`z [B, D] -> images [B, H, W, C]` in [-1, 1].

    At 128x128, with the blocks of `resnet` and w = 64:

    | layer | output | parameters |
    | --- | --- | --- |
    | linear | 4 x 4 x 16w | 256 D w + 256 w |
    | block | 8 x 8 x 16w | 4864 w^2 + 64 w |
    | block | 16 x 16 x 8w | 1856 w^2 + 48 w |
    | block | 32 x 32 x 4w | 464 w^2 + 24 w |
    | self-attention | 32 x 32 x 4w | 20 w^2 + 1 |
    | block | 64 x 64 x 2w | 116 w^2 + 12 w |
    | block | 128 x 128 x w | 29 w^2 + 6 w |
    | norm, ReLU, conv 3x3, tanh | 128 x 128 x C | 2w + 9 w C + C |

    Blocks have no biases, which batch normalisation would take away. For D = 128, C = 3
    these are 32,226,756 parameters. Class-conditional norms of the blocks have K scales
    and shifts per channel instead of one; the last norm is not conditional. With the
    1000 classes of ImageNet both players together have 81.5 million, as Brock et al.
    2018 (https://arxiv.org/abs/1809.11096), Table 1, say.

    Attributes:
      shape: `(H, W, C)`, H = W = 32, 64 or 128.
      width: w.
      attention: side of the maps on which self-attention acts, 0 for none.
      recipe: its normalisation is of the activations; if that is one of kernels, these
        are normalised so and the activations not at all.
      kernel_normalisation: of all kernels, the last one too, if the recipe's is of the
        activations.
      conditioning: see `layers.Conditioning`.
    """

    shape: Sequence[int]
    width: int = 64
    attention: int = 32
    recipe: layers.Recipe = layers.Recipe("batch", "xavier")
    kernel_normalisation: str = "spectral"
    conditioning: layers.Conditioning = layers.Conditioning()

    @nn.compact
    def __call__(self, z: Array, *, train: bool, label: Array | None = None) -> Array:
        x, condition = layers.condition_generator(z, label, self.conditioning)
        kernels = kernel_recipe(self.recipe, self.kernel_normalisation)
        widths = WIDTHS[self.shape[0]]
        stem = (BOTTOM, BOTTOM, widths.stem * self.width)
        x = layers.Dense(math.prod(stem), kernels)(x, train=train)
        x = x.reshape(x.shape[0], *stem)
        for multiple in widths.up:
            block = resnet.GeneratorBlock(
                multiple * self.width, self.recipe, self.conditioning.hidden, kernels
            )
            x = block(x, train=train, condition=condition)
            if x.shape[1] == self.attention:
                x = layers.SelfAttention(kernels)(x, train=train)
        x = nn.relu(layers.Norm(self.recipe)(x, train=train))
        x = layers.Conv(self.shape[-1], (3, 3), recipe=kernels)(x, train=train)
        return layers.finish(x)


class SAGANDiscriminator(nn.Module):
    """`images [B, H, W, C] -> DiscriminatorOutput`.

    At 128x128, with the blocks of `resnet` and w = 64:

    | layer | output | parameters |
    | --- | --- | --- |
    | block | 64 x 64 x w | 10 C w + 9 w^2 + 3w |
    | block | 32 x 32 x 2w | 56 w^2 + 6w |
    | self-attention | 32 x 32 x 2w | 5 w^2 + 1 |
    | block | 16 x 16 x 4w | 224 w^2 + 12 w |
    | block | 8 x 8 x 8w | 896 w^2 + 24 w |
    | block | 4 x 4 x 16w | 3584 w^2 + 48 w |
    | block without pooling | 4 x 4 x 16w | 4608 w^2 + 32 w |
    | ReLU, sum over places | 16w | 0 |
    | linear | 1 | 16w + 1 |

    For C = 3 these are 38,439,618 parameters; projection adds an embedding, 16 w K. The
    features are the sums.

    Attributes:
      side: H = W.
      width, attention, conditioning: as of `SAGANGenerator`.
      recipe: its normalisation; `spectral` and `weight` reach every layer.
    """

    side: int
    width: int = 64
    attention: int = 32
    recipe: layers.Recipe = layers.Recipe("spectral", "xavier")
    conditioning: layers.Conditioning = layers.Conditioning()

    @nn.compact
    def __call__(
        self, x: Array, *, train: bool, label: Array | None = None
    ) -> types.DiscriminatorOutput:
        x = layers.condition_discriminator(x, label, self.conditioning)
        widths = WIDTHS[self.side]
        for index, multiple in enumerate(widths.down):
            block = resnet.DiscriminatorBlock(
                multiple * self.width, self.recipe, pool=True, first=index == 0
            )
            x = block(x, train=train)
            if x.shape[1] == self.attention:
                x = layers.SelfAttention(self.recipe)(x, train=train)
        for multiple in widths.level:
            block = resnet.DiscriminatorBlock(multiple * self.width, self.recipe)
            x = block(x, train=train)
        features = nn.relu(x).sum((1, 2))
        head = layers.Head(self.recipe, self.conditioning)
        return head(features, train=train, label=label)


def sagan(
    shape: Sequence[int],
    recipes: types.Pair,
    conditioning: types.Pair,
    *,
    width: int = 64,
    attention: int | None = None,
    kernel_normalisation: str = "spectral",
) -> types.Pair:
    """Both players with the same width.

    Args:
      shape: `(H, W, C)`, H = W = 32, 64 or 128.
      recipes: per player.
      conditioning: per player.
      width: w, 64 in the paper.
      attention: side of the maps on which self-attention acts in both players, 0 for
        none, by default 32 as in the paper, or 16 for images of 32x32.
      kernel_normalisation: of the generator's kernels, beside the normalisation of its
        activations, which `recipes` gives.

    Raises:
      UserError: if the networks cannot be made so.
    """
    layers.require(
        len(shape) == 3
        and shape[0] == shape[1]
        and shape[0] in WIDTHS
        and shape[2] >= 1,
        f"shape={tuple(shape)} does not suit the network 'sagan', which makes images "
        "(H, W, C) of 32x32, 64x64 and 128x128; resize them or use 'conv'.",
    )
    side = shape[0]
    if attention is None:
        attention = min(32, side // 2)
    layers.require(width >= 1, f"width={width} must be at least 1.")
    check_kernel_normalisation(kernel_normalisation)
    _check_attention(attention, side, width)
    return types.Pair(
        SAGANGenerator(
            tuple(shape),
            width,
            attention,
            recipes.generator,
            kernel_normalisation,
            conditioning.generator,
        ),
        SAGANDiscriminator(
            side, width, attention, recipes.discriminator, conditioning.discriminator
        ),
    )


def kernel_recipe(recipe: layers.Recipe, kernel_normalisation: str) -> layers.Recipe:
    """The recipe of kernels beside one whose normalisation may be of activations."""
    if recipe.normalisation in layer_recipes.KERNEL_NORMALISATIONS:
        return recipe
    return dataclasses.replace(recipe, normalisation=kernel_normalisation)


def check_kernel_normalisation(name: str) -> None:
    """Raises `UserError` unless it is one of `KERNEL_NORMALISATIONS`."""
    layers.require(
        name in KERNEL_NORMALISATIONS,
        f"kernel_normalisation={name!r} is not known; "
        f"{errors.choice(name, KERNEL_NORMALISATIONS)}",
    )


def _check_attention(attention: int, side: int, width: int) -> None:
    if not attention:
        return
    widths = WIDTHS[side]
    up = {BOTTOM * 2 ** (i + 1): c * width for i, c in enumerate(widths.up)}
    down = {side // 2 ** (i + 1): c * width for i, c in enumerate(widths.down)}
    both = sorted(up.keys() & down.keys())
    layers.require(
        attention in both,
        f"attention={attention} must be the side of maps that both players have, "
        f"{', '.join(map(str, both))}, or 0 for none.",
    )
    layers.require(
        min(up[attention], down[attention]) >= 8,
        f"width={width} leaves {min(up[attention], down[attention])} channels to "
        "self-attention, which needs 8; choose a larger width or attention=0.",
    )
