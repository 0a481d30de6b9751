"""Sequences of symbols from residual convolutions, with softmax or sampled outputs.

Gulrajani et al., Improved Training of Wasserstein GANs, 2017,
https://arxiv.org/abs/1704.00028, appendix C: a generator whose softmax outputs the
critic sees as they are, beside one-hot real sequences. With samples of a
Gumbel-softmax in their place it sees one-hot ones of both: Jang et al., Categorical
Reparameterization with Gumbel-Softmax, 2017, https://arxiv.org/abs/1611.01144, and, for
a GAN of a grammar, Kusner and Hernandez-Lobato, GANS for Sequences of Discrete Elements
with the Gumbel-softmax Distribution, 2016, https://arxiv.org/abs/1611.04051.
"""

import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxgan import types
from jaxgan.networks import layers

KERNEL, SYMBOL = (5,), (1,)
SHARE = 0.3
"""Of what a block adds, as in the authors' code."""

CONTENT = 64
"""Dimensions of z beside those of the Gumbel noise."""


class Block(nn.Module):
    """`[B, T, w] -> [B, T, w]`, `x + 0.3 conv(relu(conv(relu(x))))`.

    Attributes:
      recipe: a norm that it asks for comes before each ReLU.
      hidden: see `layers.Norm`.
    """

    recipe: layers.Recipe = layers.Recipe()
    hidden: int = 0

    @nn.compact
    def __call__(self, x: Array, *, train: bool, condition: Array | None) -> Array:
        bias, y = layers.has_bias(self.recipe), x
        for last in (False, True):
            norm = layers.Norm(self.recipe, self.hidden)
            y = nn.relu(norm(y, train=train, condition=condition))
            # Only before a norm a bias would be taken away again.
            conv = layers.Conv(
                x.shape[-1], KERNEL, recipe=self.recipe, use_bias=bias or last
            )
            y = conv(y, train=train)
        return x + SHARE * y


class TextResNetGenerator(nn.Module):
    """`z [B, D] -> sequences [B, T, V]` in [-1, 1], `2 p - 1` of probabilities p.

    | layer | output | parameters |
    | --- | --- | --- |
    | linear | T x w | D T w + T w |
    | k blocks of two convs 5 | T x w | k (10 w^2 + 2w) |
    | conv 1, softmax | T x V | w V + V |

    For w = 512, k = 5, T = 32, V = 65 and D = 128, as in the paper, these are
    15,259,201 parameters. With `gumbel` the last T V dimensions of z are noise g and
    the first C = D - T V take the place of D: what comes out is the one-hot symbol of
    the greatest `logits + g`, whose gradient is that of `softmax((logits + g) / t)`.

    Attributes:
      shape: `(T, V)`.
      width: w.
      blocks: k.
      gumbel: whether symbols are sampled.
      temperature: t, where they are.
      recipe: its normalisation is of the blocks.
      conditioning: see `layers.Conditioning`.
    """

    shape: Sequence[int]
    width: int = 512
    blocks: int = 5
    gumbel: bool = False
    temperature: float = 1.0
    recipe: layers.Recipe = layers.Recipe("none", "he")
    conditioning: layers.Conditioning = layers.Conditioning()

    @nn.compact
    def __call__(self, z: Array, *, train: bool, label: Array | None = None) -> Array:
        noise = math.prod(self.shape) if self.gumbel else 0
        layers.require(
            z.shape[-1] > noise,
            f"latent_dim={z.shape[-1]} must be more than the {noise} numbers of noise "
            f"that the network 'gumbel_text' draws symbols by; give {noise + CONTENT}.",
        )
        z, g = z[:, : z.shape[-1] - noise], z[:, z.shape[-1] - noise :]
        x, condition = layers.condition_generator(z, label, self.conditioning)
        stem = (self.shape[0], self.width)
        x = layers.Dense(math.prod(stem), self.recipe)(x, train=train)
        x = x.reshape(x.shape[0], *stem)
        for _ in range(self.blocks):
            block = Block(self.recipe, self.conditioning.hidden)
            x = block(x, train=train, condition=condition)
        output = layers.output_recipe(self.recipe)
        logits = layers.Conv(self.shape[1], SYMBOL, recipe=output)(x, train=train)
        logits = layers.finish(logits, bounded=False)
        if not self.gumbel:
            return 2 * jax.nn.softmax(logits) - 1
        return 2 * straight_through(logits, g, self.temperature) - 1


class TextResNetDiscriminator(nn.Module):
    """`sequences [B, T, V] -> DiscriminatorOutput`.

    | layer | output | parameters |
    | --- | --- | --- |
    | conv 1 | T x w | V w + w |
    | k blocks of two convs 5 | T x w | k (10 w^2 + 2w) |
    | linear | 1 | T w + 1 |

    For w = 512, k = 5, T = 32 and V = 65, as in the paper, these are 13,162,497
    parameters. The features are the flattened last maps.

    Attributes:
      width: w.
      blocks: k.
      recipe: its normalisation; `spectral` and `weight` reach every layer.
      conditioning: see `layers.Conditioning`.
    """

    width: int = 512
    blocks: int = 5
    recipe: layers.Recipe = layers.Recipe("none", "he")
    conditioning: layers.Conditioning = layers.Conditioning()

    @nn.compact
    def __call__(
        self, x: Array, *, train: bool, label: Array | None = None
    ) -> types.DiscriminatorOutput:
        x = layers.condition_discriminator(x, label, self.conditioning)
        x = layers.Conv(self.width, SYMBOL, recipe=self.recipe)(x, train=train)
        for _ in range(self.blocks):
            x = Block(self.recipe)(x, train=train, condition=None)
        head = layers.Head(self.recipe, self.conditioning)
        return head(x.reshape(x.shape[0], -1), train=train, label=label)


def straight_through(logits: Array, normal: Array, temperature: float) -> Array:
    """Samples of categorical distributions, with the gradient of a Gumbel-softmax.

    Args:
      logits: `[B, T, V]`.
      normal: `[B, T V]`, N(0, 1), of which Gumbel noise is made.
      temperature: t, positive; the lower, the less biased and the more noisy are the
        gradients.

    Returns:
      `[B, T, V]`, one-hot.
    """
    # -log of a uniform number, from the tail that keeps its digits.
    exponential = -jax.scipy.special.log_ndtr(normal.astype(logits.dtype))
    g = -jnp.log(exponential).reshape(logits.shape)
    soft = jax.nn.softmax((logits + g) / temperature)
    hard = jax.nn.one_hot(jnp.argmax(soft, -1), logits.shape[-1], dtype=soft.dtype)
    return hard + (soft - jax.lax.stop_gradient(soft))


def latent_dim(shape: Sequence[int]) -> int:
    """D of sampled outputs: content and the noise of each symbol."""
    return CONTENT + math.prod(shape)


def text_resnet(
    shape: Sequence[int],
    recipes: types.Pair,
    conditioning: types.Pair,
    *,
    width: int = 512,
    blocks: int = 5,
) -> types.Pair:
    """Both players with the same width, with softmax outputs.

    Args:
      shape: `(T, V)`.
      recipes: per player.
      conditioning: per player.
      width: w, 512 in the paper.
      blocks: k of each player, 5 in the paper.

    Raises:
      UserError: if the networks cannot be made so.
    """
    require_sequences("text_resnet", shape, width=width, blocks=blocks)
    generator, discriminator = (
        {"width": width, "blocks": blocks, "recipe": own, "conditioning": other}
        for own, other in zip(recipes, conditioning, strict=True)
    )
    return types.Pair(
        TextResNetGenerator(tuple(shape), **generator),
        TextResNetDiscriminator(**discriminator),
    )


def gumbel_text(
    shape: Sequence[int],
    recipes: types.Pair,
    conditioning: types.Pair,
    *,
    width: int = 512,
    blocks: int = 5,
    temperature: float = 1.0,
) -> types.Pair:
    """`text_resnet` whose generator samples its symbols.

    Args:
      shape, recipes, conditioning, width, blocks: as of `text_resnet`.
      temperature: t of the Gumbel-softmax, positive.

    Raises:
      UserError: if the networks cannot be made so.
    """
    pair = text_resnet(shape, recipes, conditioning, width=width, blocks=blocks)
    layers.require(
        temperature > 0, f"temperature={temperature} must be a positive number."
    )
    sampling = pair.generator.clone(gumbel=True, temperature=float(temperature))
    return pair._replace(generator=sampling)


def require_sequences(name: str, shape: Sequence[int], **numbers: int) -> None:
    """Asks for sequences `(T, V)` of at least two symbols, and positive numbers.

    Raises:
      UserError: if it is something else.
    """
    layers.require(
        len(shape) == 2 and shape[1] >= 2,
        f"shape={tuple(shape)} does not suit the network {name!r}, which makes "
        "sequences (T, V) of T symbols, V of which are different; give such data.",
    )
    for number, value in numbers.items():
        layers.require(value >= 1, f"{number}={value} must be at least 1.")
