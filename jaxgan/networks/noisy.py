"""Networks with noise before their layers, for few labels."""

import math
from collections.abc import Sequence

from flax import linen as nn
from jax import Array

from jaxgan import types
from jaxgan.networks import layers

INPUT_NOISE, HIDDEN_NOISE = 0.6, 0.5
"""Standard deviations; the paper's 0.3 is of images in [0, 1], and here of [-1, 1]."""

CONV_NOISE = 0.3
"""Of `noisy_conv`, in which less is enough beside augmentations."""

WIDTHS = (1.0, 0.5, 0.25, 0.25, 0.25)
"""Of the discriminator's hidden layers, in those of the first."""


class NoisyMLPGenerator(nn.Module):
    """`z [B, D] -> x [B, *shape]` in [-1, 1]: two hidden softplus layers.

    For the width w and n entries of a sample: `D w + w^2 + w n + n` parameters, and
    those of the normalisation.

    Attributes:
      shape: of one sample.
      width: w of both hidden layers.
      recipe: its normalisation is of the hidden layers.
      conditioning: see `layers.Conditioning`.
    """

    shape: Sequence[int]
    width: int = 500
    recipe: layers.Recipe = layers.Recipe("batch")
    conditioning: layers.Conditioning = layers.Conditioning()

    @nn.compact
    def __call__(self, z: Array, *, train: bool, label: Array | None = None) -> Array:
        x, condition = layers.condition_generator(z, label, self.conditioning)
        bias = layers.has_bias(self.recipe)
        for _ in range(2):
            x = layers.Dense(self.width, self.recipe, use_bias=bias)(x, train=train)
            norm = layers.Norm(self.recipe, self.conditioning.hidden)
            x = nn.softplus(norm(x, train=train, condition=condition))
        output = layers.output_recipe(self.recipe)
        x = layers.Dense(math.prod(self.shape), output)(x, train=train)
        return layers.finish(x.reshape(x.shape[0], *self.shape))


class NoisyMLPDiscriminator(nn.Module):
    """`x [B, ...] -> DiscriminatorOutput`: ReLU layers, noise before each and the last.

    The features are the last hidden layer before its noise.

    Attributes:
      width: of the first hidden layer, a multiple of four; `WIDTHS` has the others.
      recipe: its normalisation is of the hidden layers; `spectral` and `weight` reach
        the output layer too.
      conditioning: see `layers.Conditioning`.
    """

    width: int = 1000
    recipe: layers.Recipe = layers.Recipe("weight")
    conditioning: layers.Conditioning = layers.Conditioning()

    @nn.compact
    def __call__(
        self, x: Array, *, train: bool, label: Array | None = None
    ) -> types.DiscriminatorOutput:
        x = x.reshape(x.shape[0], -1)
        x = layers.condition_discriminator(x, label, self.conditioning)
        bias = layers.has_bias(self.recipe)
        noise = INPUT_NOISE
        for share in WIDTHS:
            x = layers.GaussianNoise(noise)(x, train=train)
            width = round(share * self.width)
            x = layers.Dense(width, self.recipe, use_bias=bias)(x, train=train)
            x = nn.relu(layers.Norm(self.recipe)(x, train=train))
            noise = HIDDEN_NOISE
        head = layers.Head(self.recipe, self.conditioning)
        seen = layers.GaussianNoise(noise)(x, train=train)
        return head(seen, train=train, label=label)._replace(features=x)


class NoisyConvDiscriminator(nn.Module):
    """`images [B, H, W, C] -> DiscriminatorOutput`: noise before the dense layers.

    | layer | output | parameters |
    | --- | --- | --- |
    | conv 5x5 s2, leaky ReLU | H/2 x W/2 x w | 25 C w + w |
    | conv 5x5 s2, leaky ReLU | H/4 x W/4 x 3w | 75 w^2 + 3w |
    | linear, leaky ReLU | h | 3 H W w h / 16 + h |

    Noise is added to the image and before both linear layers. The features are the last
    hidden layer before its noise.

    Attributes:
      width: w.
      hidden: h.
      recipe: its normalisation; `spectral` and `weight` reach every layer.
      conditioning: see `layers.Conditioning`.
    """

    width: int = 8
    hidden: int = 100
    recipe: layers.Recipe = layers.Recipe("weight")
    conditioning: layers.Conditioning = layers.Conditioning()

    @nn.compact
    def __call__(
        self, x: Array, *, train: bool, label: Array | None = None
    ) -> types.DiscriminatorOutput:
        noise = layers.GaussianNoise(CONV_NOISE)
        x = layers.condition_discriminator(
            noise(x, train=train), label, self.conditioning
        )
        bias = layers.has_bias(self.recipe)

        def activated(x):
            return layers.leaky_relu(layers.Norm(self.recipe)(x, train=train))

        for width in (self.width, 3 * self.width):
            layer = layers.Conv(
                width, (5, 5), (2, 2), recipe=self.recipe, use_bias=bias
            )
            x = activated(layer(x, train=train))
        x = x.reshape(x.shape[0], -1)
        x = layers.GaussianNoise(CONV_NOISE)(x, train=train)
        dense = layers.Dense(self.hidden, self.recipe, use_bias=bias)
        x = activated(dense(x, train=train))
        seen = layers.GaussianNoise(CONV_NOISE)(x, train=train)
        head = layers.Head(self.recipe, self.conditioning)
        return head(seen, train=train, label=label)._replace(features=x)


def noisy_conv(
    shape: Sequence[int],
    recipes: types.Pair,
    conditioning: types.Pair,
    *,
    width: int = 8,
    hidden: int = 100,
) -> types.Pair:
    """A small convolutional discriminator with noise, and the generator of `noisy_mlp`.

    The generator's layers have `2 hidden` units.
    """
    layers.require(
        width >= 1 and hidden >= 1,
        f"width={width} and hidden={hidden} must be at least 1.",
    )
    layers.require(
        len(shape) == 3 and min(shape[:2]) >= 4,
        f"shape={tuple(shape)} does not suit the network 'noisy_conv', which makes "
        "images (H, W, C) of at least 4 x 4; use 'noisy_mlp' or resize them.",
    )
    return types.Pair(
        NoisyMLPGenerator(
            tuple(shape), 2 * hidden, recipes.generator, conditioning.generator
        ),
        NoisyConvDiscriminator(
            width, hidden, recipes.discriminator, conditioning.discriminator
        ),
    )


def noisy_mlp(
    shape: Sequence[int],
    recipes: types.Pair,
    conditioning: types.Pair,
    *,
    hidden: int = 1000,
) -> types.Pair:
    """The networks of Salimans et al. 2016 for MNIST, of any first width `hidden`.

    Published are 1000, 500, 250, 250 and 250 units of the discriminator and two layers
    of 500 of the generator, which has half as many as the discriminator's first.

    References:
      Salimans et al., Improved Techniques for Training GANs, 2016,
      https://arxiv.org/abs/1606.03498 and its code
    """
    layers.require(
        hidden >= 4 and hidden % 4 == 0,
        f"hidden={hidden} must be a positive multiple of 4.",
    )
    return types.Pair(
        NoisyMLPGenerator(
            tuple(shape), hidden // 2, recipes.generator, conditioning.generator
        ),
        NoisyMLPDiscriminator(
            hidden, recipes.discriminator, conditioning.discriminator
        ),
    )
