"""BigGAN's networks of 32x32 images.

Brock et al., Large Scale GAN Training for High Fidelity Natural Image Synthesis, 2018,
https://arxiv.org/abs/1809.11096, in the widths that its authors use for CIFAR-10.
"""

import math
from collections.abc import Sequence

import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxgan import types
from jaxgan.networks import layers, resnet, sagan

SIDE = 32
BLOCKS = 3
WIDTHS = 4
"""Channels everywhere, in multiples of the width."""


class BigGANGenerator(nn.Module):
    """`z [B, D] -> images [B, 32, 32, C]` in [-1, 1].

    z is cut into four parts of d = D / 4: the first enters the linear layer, the others
    one block each, where they scale and shift the norms, together with an embedding of
    the label that all blocks share (E numbers; E = 0 without labels). With n = 4w and
    the blocks of `resnet`:

    | layer | output | parameters |
    | --- | --- | --- |
    | embedding of the label | E | K E |
    | linear | 4 x 4 x n | 16 d n + 16 n |
    | three blocks | 8 x 8, 16 x 16, 32 x 32 x n | 3 (19 n^2 + 4 n (d + E)) |
    | norm, ReLU, conv 3x3, tanh | 32 x 32 x C | 2n + 9 n C + C |

    Blocks have no biases, which batch normalisation would take away. For w = 64,
    D = 128, E = 128, C = 3 and K = 10 these are 4,370,947 parameters. The maps from a
    condition to scales and shifts start at zero and are not normalised; the last norm
    is not conditional.

    Attributes:
      shape: `(32, 32, C)`.
      width: w.
      embedding: E.
      recipe: its normalisation is of the activations; if that is one of kernels, these
        are normalised so and the activations not at all.
      kernel_normalisation: of all kernels, the last one too, if the recipe's is of the
        activations.
      conditioning: of kind "none" or "normalisation".

    Raises:
      UserError: if four does not divide D.
    """

    shape: Sequence[int]
    width: int = 64
    embedding: int = 128
    recipe: layers.Recipe = layers.Recipe("batch", "orthogonal")
    kernel_normalisation: str = "spectral"
    conditioning: layers.Conditioning = layers.Conditioning()

    @nn.compact
    def __call__(self, z: Array, *, train: bool, label: Array | None = None) -> Array:
        layers.require(
            z.shape[-1] % (BLOCKS + 1) == 0,
            f"latent_dim={z.shape[-1]} does not suit the network 'biggan_small', which "
            f"cuts z into {BLOCKS + 1} equal parts; choose a multiple of that.",
        )
        z, classes = layers.condition_generator(z, label, self.conditioning)
        first, *parts = jnp.split(z, BLOCKS + 1, axis=-1)
        if classes is not None:
            plain = layers.Recipe(
                initialisation=self.recipe.initialisation, dtype=self.recipe.dtype
            )
            embed = layers.Dense(
                self.embedding, plain, use_bias=False, name="embedding"
            )
            shared = embed(classes, train=train).astype(z.dtype)
            parts = [jnp.concatenate([shared, part], axis=-1) for part in parts]
        kernels = sagan.kernel_recipe(self.recipe, self.kernel_normalisation)
        stem = (sagan.BOTTOM, sagan.BOTTOM, WIDTHS * self.width)
        x = layers.Dense(math.prod(stem), kernels)(first, train=train)
        x = x.reshape(x.shape[0], *stem)
        for condition in parts:
            block = resnet.GeneratorBlock(
                WIDTHS * self.width, self.recipe, kernels=kernels
            )
            x = block(x, train=train, condition=condition)
        x = nn.relu(layers.Norm(self.recipe)(x, train=train))
        x = layers.Conv(self.shape[-1], (3, 3), recipe=kernels)(x, train=train)
        return layers.finish(x)


class BigGANDiscriminator(nn.Module):
    """`images [B, 32, 32, C] -> DiscriminatorOutput`.

    With n = 4w and the blocks of `resnet`:

    | layer | output | parameters |
    | --- | --- | --- |
    | block | 16 x 16 x n | 10 C n + 9 n^2 + 3n |
    | block | 8 x 8 x n | 19 n^2 + 3n |
    | two blocks without pooling | 8 x 8 x n | 36 n^2 + 4n |
    | ReLU, sum over places | n | 0 |
    | linear | 1 | n + 1 |

    For w = 64, C = 3 these are 4,204,801 parameters; projection adds an embedding, n K.
    The features are the sums.

    Attributes:
      width: w.
      recipe: its normalisation; `spectral` and `weight` reach every layer.
      conditioning: see `layers.Conditioning`.
    """

    width: int = 64
    recipe: layers.Recipe = layers.Recipe("spectral", "orthogonal")
    conditioning: layers.Conditioning = layers.Conditioning()

    @nn.compact
    def __call__(
        self, x: Array, *, train: bool, label: Array | None = None
    ) -> types.DiscriminatorOutput:
        x = layers.condition_discriminator(x, label, self.conditioning)
        for index in range(4):
            block = resnet.DiscriminatorBlock(
                WIDTHS * self.width, self.recipe, pool=index < 2, first=index == 0
            )
            x = block(x, train=train)
        features = nn.relu(x).sum((1, 2))
        head = layers.Head(self.recipe, self.conditioning)
        return head(features, train=train, label=label)


def biggan_small(
    shape: Sequence[int],
    recipes: types.Pair,
    conditioning: types.Pair,
    *,
    width: int = 64,
    embedding: int = 128,
    kernel_normalisation: str = "spectral",
) -> types.Pair:
    """Both players with the same width.

    Args:
      shape: `(32, 32, C)`.
      recipes: per player.
      conditioning: per player; the generator's is "none" or "normalisation".
      width: w, 64 for CIFAR-10.
      embedding: numbers that a label is embedded in.
      kernel_normalisation: of the generator's kernels, beside the normalisation of its
        activations, which `recipes` gives.

    Raises:
      UserError: if the networks cannot be made so.
    """
    layers.require(
        len(shape) == 3 and tuple(shape[:2]) == (SIDE, SIDE) and shape[2] >= 1,
        f"shape={tuple(shape)} does not suit the network 'biggan_small', which makes "
        "images (H, W, C) of 32x32; resize them or use 'sagan' for 64x64 and 128x128.",
    )
    layers.require(width >= 1, f"width={width} must be at least 1.")
    layers.require(embedding >= 1, f"embedding={embedding} must be at least 1.")
    sagan.check_kernel_normalisation(kernel_normalisation)
    kind = conditioning.generator.kind
    layers.require(
        kind in ("none", "normalisation"),
        f"generator_conditioning={kind!r} does not suit the network 'biggan_small', "
        "whose norms are conditioned on parts of z in any case; use 'normalisation' "
        "with labels or 'none'.",
    )
    return types.Pair(
        BigGANGenerator(
            tuple(shape),
            width,
            embedding,
            recipes.generator,
            kernel_normalisation,
            conditioning.generator,
        ),
        BigGANDiscriminator(width, recipes.discriminator, conditioning.discriminator),
    )
