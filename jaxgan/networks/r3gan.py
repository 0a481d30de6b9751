"""Residual networks without normalisation, of grouped convolutions.

Huang et al., The GAN is dead; long live the GAN! A Modern GAN Baseline, 2024,
https://arxiv.org/abs/2501.05441. They are trained with the loss "relativistic" and the
penalties R1 and R2; every block starts as the identity, in the place of norms.
"""

import dataclasses
import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxgan import types
from jaxgan.networks import layers

BOTTOM = 4
"""Places a side that a generator starts from and a discriminator ends with."""

WIDE = 32
"""Up to this side all maps have the full width, beyond it half at each doubling."""

LAYERS = 3
"""Convolutions of a block."""

ACTIVATION_GAIN = math.sqrt(2 / (1 + 0.2**2))
"""Keeps the variance through a leaky ReLU of slope 0.2 (He et al. 2015)."""


class ResidualBlock(nn.Module):
    """`[B, *n, C] -> [B, *n, C]`, an inverted bottleneck with m = e C channels.

    | layer | parameters |
    | --- | --- |
    | conv 1x1, leaky ReLU | C m + m |
    | conv 3x3 in g groups, leaky ReLU | 9 m^2 / g + m |
    | conv 1x1 | m C |

    Their result is added to x. The last kernel starts at zero, the others with the
    recipe's initialisation times `gain L^(-1/4)`, where L is the number of blocks in
    the network (Zhang et al. 2019, https://arxiv.org/abs/1901.09321).

    Attributes:
      groups: g.
      expansion: e.
      depth: L.
      recipe: of the convolutions.
    """

    groups: int
    expansion: int
    depth: int
    recipe: layers.Recipe

    @nn.compact
    def __call__(self, x: Array, *, train: bool) -> Array:
        dimensions, channels = x.ndim - 2, x.shape[-1]
        middle = self.expansion * channels
        gain = ACTIVATION_GAIN * self.depth ** (-1 / (2 * LAYERS - 2))
        zero = dataclasses.replace(self.recipe, initialisation="zero")
        one, three = (1,) * dimensions, (3,) * dimensions
        expand = layers.Conv(middle, one, recipe=self.recipe, gain=gain)
        mix = layers.Conv(
            middle, three, groups=self.groups, recipe=self.recipe, gain=gain
        )
        reduce = layers.Conv(channels, one, recipe=zero, use_bias=False)
        y = layers.leaky_relu(expand(x, train=train))
        y = layers.leaky_relu(mix(y, train=train))
        return x + reduce(y, train=train)


class R3GANGenerator(nn.Module):
    """`z [B, D] -> images [B, H, W, C]`.

    With n blocks a stage; the widths are w up to 32 x 32, then halved at each doubling:

    | layer | output | parameters |
    | --- | --- | --- |
    | learned maps, each times a linear function of z | 4 x 4 x w | 16 w + D w |
    | n blocks | 4 x 4 x w | see `ResidualBlock` |
    | upsampling, conv 1x1 if the width changes | 8 x 8 x w | 0 |
    | n blocks, and so on up to the size | H x W x w | |
    | conv 1x1 | H x W x C | w C |

    The published network of CIFAR-10 (width 768, 96 groups, D = 64) has 20,732,160
    parameters without labels. There are no biases but the blocks' and, unless
    `bounded`, no tanh, as published; images may then lie a little outside [-1, 1].

    Attributes:
      shape: `(H, W, C)`, H = W.
      width: w.
      groups: of the blocks' convolutions at full width.
      blocks: n.
      expansion: of the blocks.
      bounded: whether a tanh keeps the output in [-1, 1].
      recipe: without normalisation.
      conditioning: of kind "none" or "concat".
    """

    shape: Sequence[int]
    width: int = 64
    groups: int = 8
    blocks: int = 2
    expansion: int = 2
    bounded: bool = False
    recipe: layers.Recipe = layers.Recipe()
    conditioning: layers.Conditioning = layers.Conditioning()

    @nn.compact
    def __call__(self, z: Array, *, train: bool, label: Array | None = None) -> Array:
        z, _ = layers.condition_generator(z, label, self.conditioning)
        sides = _sides(self.shape[0])
        basis = self.param(
            "basis", nn.initializers.normal(1.0), (BOTTOM, BOTTOM, self.width)
        )
        modulate = layers.Dense(self.width, self.recipe, use_bias=False)
        x = modulate(z, train=train)[:, None, None]
        x = x * basis.astype(x.dtype)
        for side in sides:
            if side > BOTTOM:
                x = _project(x, _share(self.width, side), self.recipe, train)
                x = upsample(x)
            x = _stage(self, x, len(sides), train)
        last = layers.Conv(self.shape[-1], (1, 1), recipe=self.recipe, use_bias=False)
        return layers.finish(last(x, train=train), self.bounded)


class R3GANDiscriminator(nn.Module):
    """`images [B, H, W, C] -> DiscriminatorOutput`, the generator turned around.

    | layer | output | parameters |
    | --- | --- | --- |
    | conv 1x1 | H x W x w | C w |
    | n blocks | H x W x w | see `ResidualBlock` |
    | downsampling, conv 1x1 if the width changes | H/2 x W/2 x w | 0 |
    | n blocks, and so on down to 4 x 4 | 4 x 4 x w | |
    | conv 4x4 of each channel by itself | w | 16 w |
    | linear | 1 | w |

    At the published width of CIFAR-10 these are 20,683,776 parameters without labels.
    With labels the paper has two linear maps in the place of the last one, of the
    features and of the label, whose product is the logit; projection, which adds one
    vector of w weights per class to those shared by all, can express the same. The
    features are those of the 4x4 convolution.

    Attributes:
      side: H = W.
      width, groups, blocks, expansion: as of `R3GANGenerator`.
      recipe: without normalisation.
      conditioning: see `layers.Conditioning`.
    """

    side: int
    width: int = 64
    groups: int = 8
    blocks: int = 2
    expansion: int = 2
    recipe: layers.Recipe = layers.Recipe()
    conditioning: layers.Conditioning = layers.Conditioning()

    @nn.compact
    def __call__(
        self, x: Array, *, train: bool, label: Array | None = None
    ) -> types.DiscriminatorOutput:
        x = layers.condition_discriminator(x, label, self.conditioning)
        sides = _sides(self.side)
        first = layers.Conv(
            _share(self.width, self.side), (1, 1), recipe=self.recipe, use_bias=False
        )
        x = first(x, train=train)
        for side in reversed(sides):
            x = _stage(self, x, len(sides), train)
            if side > BOTTOM:
                x = downsample(x)
                x = _project(x, _share(self.width, side // 2), self.recipe, train)
        basis = layers.Conv(
            self.width,
            (BOTTOM, BOTTOM),
            padding="VALID",
            groups=self.width,
            recipe=self.recipe,
            use_bias=False,
        )
        features = basis(x, train=train)[:, 0, 0]
        head = layers.Head(self.recipe, self.conditioning, use_bias=False)
        return head(features, train=train, label=label)


def upsample(x: Array) -> Array:
    """`[B, *n, C] -> [B, *(2n), C]`, linear interpolation.

    Each new place is 3/4 of the nearest old one and 1/4 of the next, zero beyond the
    edges: zeros between the places, then the low pass (1, 3, 3, 1) / 4 a side, which is
    (1, 2, 1) applied to repeated places.
    """
    for axis in range(1, x.ndim - 1):
        before, after = _neighbours(x, axis)
        pair = jnp.stack([3 * x + before, 3 * x + after], axis + 1) / 4
        x = pair.reshape(*x.shape[:axis], 2 * x.shape[axis], *x.shape[axis + 1 :])
    return x


def downsample(x: Array) -> Array:
    """`[B, *n, C] -> [B, *(n/2), C]`, the low pass (1, 3, 3, 1) / 8 a side.

    It is the transpose of `upsample`, over 2 for each dimension.
    """
    for axis in range(1, x.ndim - 1):
        pairs = x.reshape(*x.shape[:axis], -1, 2, *x.shape[axis + 1 :])
        even, odd = (jax.lax.index_in_dim(pairs, i, axis + 1, False) for i in (0, 1))
        before, after = _neighbours(odd, axis)[0], _neighbours(even, axis)[1]
        x = (before + 3 * even + 3 * odd + after) / 8
    return x


def r3gan(
    shape: Sequence[int],
    recipes: types.Pair,
    conditioning: types.Pair,
    *,
    width: int = 64,
    groups: int = 8,
    blocks: int = 2,
    expansion: int = 2,
    bounded: bool = False,
) -> types.Pair:
    """Both players with the same numbers.

    Args:
      shape: `(H, W, C)`, H = W = 8, 16, 32, 64, 128 or 256.
      recipes: per player, without normalisation.
      conditioning: per player; the generator's is "none" or "concat".
      width: of maps up to 32x32, 768 in the paper for CIFAR-10.
      groups: of the blocks' convolutions, 96 in the paper for CIFAR-10, which gives
        each group 16 channels; beyond 32x32 they are halved together with the width.
      blocks: residual blocks at each size.
      expansion: channels within a block, in multiples of those outside.
      bounded: whether a tanh keeps images in [-1, 1].

    Raises:
      UserError: if the networks cannot be made so.
    """
    layers.require(
        len(shape) == 3
        and shape[0] == shape[1]
        and shape[0] in (8, 16, 32, 64, 128, 256)
        and shape[2] >= 1,
        f"shape={tuple(shape)} does not suit the network 'r3gan', which makes square "
        "images (H, W, C) of 8, 16, 32, 64, 128 or 256 a side; resize them or use "
        "'conv'.",
    )
    numbers = {
        "width": width,
        "groups": groups,
        "blocks": blocks,
        "expansion": expansion,
    }
    for name, value in numbers.items():
        layers.require(value >= 1, f"{name}={value} must be at least 1.")
    halved = max(1, shape[0] // WIDE)
    layers.require(
        width % halved == 0
        and groups % halved == 0
        and (width * expansion) % groups == 0,
        f"groups={groups} does not suit width={width} and expansion={expansion}; for "
        f"images of {shape[0]}x{shape[0]} groups must divide width times expansion"
        + (f", and {halved} both groups and width." if halved > 1 else "."),
    )
    for player, recipe in zip(types.Pair._fields, recipes, strict=True):
        layers.require(
            recipe.normalisation == "none",
            f"{player}_normalisation={recipe.normalisation!r} does not suit the "
            "network 'r3gan', which does without; use 'none' or the network 'resnet'.",
        )
    kind = conditioning.generator.kind
    layers.require(
        kind in ("none", "concat"),
        f"generator_conditioning={kind!r} does not suit the network 'r3gan', which has "
        "no norms to condition; use 'concat' with labels or 'none'.",
    )
    return types.Pair(
        R3GANGenerator(
            tuple(shape),
            bounded=bounded,
            recipe=recipes.generator,
            conditioning=conditioning.generator,
            **numbers,
        ),
        R3GANDiscriminator(
            shape[0],
            recipe=recipes.discriminator,
            conditioning=conditioning.discriminator,
            **numbers,
        ),
    )


def _sides(side: int) -> list[int]:
    """4, 8, ... up to the side."""
    return [BOTTOM * 2**i for i in range((side // BOTTOM).bit_length())]


def _share(number: int, side: int) -> int:
    """What maps of that side have of the width or the groups."""
    return number // max(1, side // WIDE)


def _project(x: Array, features: int, recipe: layers.Recipe, train: bool) -> Array:
    if x.shape[-1] == features:
        return x
    one = (1,) * (x.ndim - 2)
    layer = layers.Conv(features, one, recipe=recipe, use_bias=False)
    return layer(x, train=train)


def _stage(
    network: R3GANGenerator | R3GANDiscriminator, x: Array, stages: int, train: bool
) -> Array:
    """The blocks at one size, of a network with so many sizes."""
    for _ in range(network.blocks):
        block = ResidualBlock(
            _share(network.groups, x.shape[1]),
            network.expansion,
            stages * network.blocks,
            network.recipe,
        )
        x = block(x, train=train)
    return x


def _neighbours(x: Array, axis: int) -> tuple[Array, Array]:
    """The places before and after each one, zero beyond the edges."""
    padding = [(0, 0)] * x.ndim
    padding[axis] = (1, 1)
    padded, size = jnp.pad(x, padding), x.shape[axis]
    before, after = (
        jax.lax.slice_in_dim(padded, i, i + size, axis=axis) for i in (0, 2)
    )
    return before, after
