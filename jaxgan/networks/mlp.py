"""Multilayer perceptrons, for points and for small images."""

import math
from collections.abc import Sequence

from flax import linen as nn
from jax import Array

from jaxgan import types
from jaxgan.networks import layers


class MLPGenerator(nn.Module):
    """`z [B, D] -> x [B, *shape]`: hidden ReLU layers and a linear one.

    For `hidden = (h1, h2)`: `D h1 + h1 + h1 h2 + h2 + h2 n + n` parameters, where n is
    the number of entries of a sample.

    Attributes:
      shape: of one sample.
      hidden: widths of the hidden layers.
      bounded: whether a tanh keeps the output in [-1, 1], as images need.
      recipe: its normalisation is of the hidden layers.
      conditioning: see `layers.Conditioning`.
    """

    shape: Sequence[int]
    hidden: Sequence[int] = (128, 128)
    bounded: bool = False
    recipe: layers.Recipe = layers.Recipe()
    conditioning: layers.Conditioning = layers.Conditioning()

    @nn.compact
    def __call__(self, z: Array, *, train: bool, label: Array | None = None) -> Array:
        x, condition = layers.condition_generator(z, label, self.conditioning)
        bias = layers.has_bias(self.recipe)
        for width in self.hidden:
            x = layers.Dense(width, self.recipe, use_bias=bias)(x, train=train)
            norm = layers.Norm(self.recipe, self.conditioning.hidden)
            x = nn.relu(norm(x, train=train, condition=condition))
        output = layers.output_recipe(self.recipe)
        x = layers.Dense(math.prod(self.shape), output)(x, train=train)
        return layers.finish(x.reshape(x.shape[0], *self.shape), self.bounded)


class MLPDiscriminator(nn.Module):
    """`x [B, ...] -> DiscriminatorOutput`: hidden leaky ReLU layers.

    For `hidden = (h1, h2)`: `n h1 + h1 + h1 h2 + h2 + h2 + 1` parameters.

    Attributes:
      hidden: widths of the hidden layers; the last one gives the features.
      recipe: its normalisation is of the hidden layers; `spectral` and `weight` reach
        the output layer too.
      conditioning: see `layers.Conditioning`.
    """

    hidden: Sequence[int] = (128, 128)
    recipe: layers.Recipe = layers.Recipe()
    conditioning: layers.Conditioning = layers.Conditioning()

    @nn.compact
    def __call__(
        self, x: Array, *, train: bool, label: Array | None = None
    ) -> types.DiscriminatorOutput:
        x = x.reshape(x.shape[0], -1)
        x = layers.condition_discriminator(x, label, self.conditioning)
        bias = layers.has_bias(self.recipe)
        for width in self.hidden:
            x = layers.Dense(width, self.recipe, use_bias=bias)(x, train=train)
            x = layers.leaky_relu(layers.Norm(self.recipe)(x, train=train))
        head = layers.Head(self.recipe, self.conditioning)
        return head(x, train=train, label=label)


def mlp(
    shape: Sequence[int],
    recipes: types.Pair,
    conditioning: types.Pair,
    *,
    hidden: Sequence[int] = (128, 128),
    bounded: bool = False,
) -> types.Pair:
    """Both players with the same hidden widths, see `gan.mlp`."""
    layers.require(
        isinstance(hidden, Sequence),
        f"hidden={hidden!r} must hold the widths of the layers, such as (128, 128).",
    )
    layers.require(
        len(hidden) > 0 and min(hidden) >= 1,
        f"hidden={tuple(hidden)} must hold positive widths.",
    )
    return types.Pair(
        MLPGenerator(
            tuple(shape),
            tuple(hidden),
            bounded,
            recipes.generator,
            conditioning.generator,
        ),
        MLPDiscriminator(
            tuple(hidden), recipes.discriminator, conditioning.discriminator
        ),
    )
