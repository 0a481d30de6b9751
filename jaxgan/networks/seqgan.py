"""SeqGAN's players: an LSTM that draws symbol by symbol, and a network of windows.

Yu et al., SeqGAN: Sequence Generative Adversarial Nets with Policy Gradient, 2017,
https://arxiv.org/abs/1609.05473. Which symbol is drawn is no smooth function of the
weights, so that a generator's gradient comes from `jaxgan.gradients.policy`.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxgan import types
from jaxgan.core import recurrence
from jaxgan.networks import layers, text_resnet

WINDOWS = 5
"""Widths of windows, 1 to 5, that the discriminator looks through."""


class SeqGANGenerator(nn.Module):
    """`z [B, T] -> sequences [B, T, V]`, one-hot in {-1, 1}.

    Symbol t is the least v of which `P(x_t <= v | x_1 .. x_(t-1))` exceeds
    `Phi(z_t)`, so that it is drawn by those probabilities, and the same z up to t gives
    the same symbols up to t: what comes after them is drawn anew by another end of z.

    | layer | output | parameters |
    | --- | --- | --- |
    | embedding of the symbol before | w | V w + w |
    | LSTM | w | 8 w^2 + 4w |
    | linear, softmax | V | w V + V |

    The last row of the embedding stands for the beginning. For w = 32 and V = 5000, as
    in the paper, these are 333,352 parameters. No gradient comes through the symbols.

    Attributes:
      shape: `(T, V)`.
      width: w.
      recipe: its initialisation; norms have no place in it.
      conditioning: one-hot labels enter beside the embedding, K rows more of the LSTM.
    """

    shape: Sequence[int]
    width: int = 32
    recipe: layers.Recipe = layers.Recipe("none", "xavier")
    conditioning: layers.Conditioning = layers.Conditioning()

    def setup(self) -> None:
        symbols, w = self.shape[1], self.width
        further = 0
        if self.conditioning.kind == "concat":
            further = self.conditioning.num_classes or 0
        initialise = layers.INITIALISATIONS[self.recipe.initialisation]
        zeros = nn.initializers.zeros
        self.embedding = self.param("embedding", initialise, (symbols + 1, w))
        self.kernel = self.param("kernel", initialise, (2 * w + further, 4 * w))
        self.bias = self.param("bias", zeros, (4 * w,))
        self.out = self.param("out", initialise, (w, symbols))
        self.out_bias = self.param("out_bias", zeros, (symbols,))

    def __call__(self, z: Array, *, train: bool, label: Array | None = None) -> Array:
        del train
        length, symbols = self.shape
        layers.require(
            z.shape[-1] == length,
            f"latent_dim={z.shape[-1]} must be {length} for the network 'seqgan', one "
            "number for each symbol.",
        )
        advance = self._advance(z, label)

        def body(state, z_t):
            carry, probs = advance(*state)
            # The last one is 1 but for rounding, and must not be exceeded.
            below = jnp.cumsum(probs, -1)[:, :-1] <= jax.scipy.stats.norm.cdf(z_t)
            token = below.sum(-1)
            return (carry, token), token

        _, tokens = jax.lax.scan(body, self._begin(len(z)), z.T[..., None])
        return 2 * jax.nn.one_hot(tokens.T, symbols, dtype=jnp.float32) - 1

    def log_probs(self, x: Array, label: Array | None = None) -> Array:
        """`log p(x_t | x_1 .. x_(t-1))` of one-hot sequences `[B, T, V]`: `[B, T]`."""
        advance, tokens = self._advance(x, label), jnp.argmax(x, -1)

        def body(state, token):
            carry, probs = advance(*state)
            found = jnp.take_along_axis(probs, token[:, None], 1)[:, 0]
            return (carry, token), found

        _, found = jax.lax.scan(body, self._begin(len(x)), tokens.T)
        return jnp.log(jnp.maximum(found, jnp.finfo(found.dtype).tiny)).T

    def _begin(self, batch: int) -> tuple[recurrence.Carry, Array]:
        carry = recurrence.begin(batch, self.width, self._dtype())
        return carry, jnp.full(batch, self.shape[1])

    def _dtype(self):
        return self.recipe.compute or self.kernel.dtype

    def _advance(self, of: Array, label: Array | None):
        """`(carry, symbol before) -> (carry, probabilities [B, V])`, float32."""
        dtype = self._dtype()
        weights = self.embedding, self.kernel, self.bias, self.out, self.out_bias
        embedding, kernel, bias, out, out_bias = (own.astype(dtype) for own in weights)
        none = jnp.zeros((len(of), 0), dtype)
        beside, _ = layers.condition_generator(none, label, self.conditioning)

        def advance(carry, token):
            seen = jnp.concatenate([embedding[token], beside], -1)
            carry = recurrence.lstm(carry, seen, kernel, bias)
            logits = layers.finish(carry[1] @ out + out_bias, bounded=False)
            return carry, jax.nn.softmax(logits)

        return advance


class SeqGANDiscriminator(nn.Module):
    """`sequences [B, T, V] -> DiscriminatorOutput`.

    | layer | output | parameters |
    | --- | --- | --- |
    | embedding | T x w | V w |
    | convs of k = 1 .. n places, ReLU, greatest of all places | n f | k w f + f each |
    | highway: `t relu(a) + (1 - t) x` | n f | 2 (n f)^2 + 2 n f |
    | linear | 1 | n f + 1 |

    In the paper there are 12 widths of windows up to 20 with 100 to 200 features each,
    of an embedding of 64, with dropout and a penalty on the weights; here there are n
    widths with f = w features each. For w = 64, n = 5 and V = 64 these are 271,617
    parameters. The features are those of the highway layer.

    Attributes:
      width: w.
      windows: n.
      recipe: its normalisation; `spectral` and `weight` reach every layer, others the
        convolutions.
      conditioning: see `layers.Conditioning`.
    """

    width: int = 64
    windows: int = WINDOWS
    recipe: layers.Recipe = layers.Recipe("none", "xavier")
    conditioning: layers.Conditioning = layers.Conditioning()

    @nn.compact
    def __call__(
        self, x: Array, *, train: bool, label: Array | None = None
    ) -> types.DiscriminatorOutput:
        x = layers.condition_discriminator(x, label, self.conditioning)
        x = layers.Dense(self.width, self.recipe, use_bias=False)(x, train=train)
        bias = layers.has_bias(self.recipe)
        found = []
        for size in range(1, self.windows + 1):
            conv = layers.Conv(
                self.width, (size,), padding="VALID", recipe=self.recipe, use_bias=bias
            )
            y = layers.Norm(self.recipe)(conv(x, train=train), train=train)
            found.append(nn.relu(y).max(1))
        y = jnp.concatenate(found, -1)
        gate, changed = (
            layers.Dense(y.shape[-1], self.recipe)(y, train=train) for _ in range(2)
        )
        t = jax.nn.sigmoid(gate)
        y = t * nn.relu(changed) + (1 - t) * y
        return layers.Head(self.recipe, self.conditioning)(y, train=train, label=label)


def seqgan(
    shape: Sequence[int],
    recipes: types.Pair,
    conditioning: types.Pair,
    *,
    width: int = 32,
    windows: int = WINDOWS,
) -> types.Pair:
    """A generator of width w, 32 in the paper, and a discriminator of width 2 w.

    Args:
      shape: `(T, V)`.
      recipes: per player.
      conditioning: per player; labels enter the generator beside the symbol before.
      width: w.
      windows: n, widths of windows of the discriminator, at most T.

    Raises:
      UserError: if the networks cannot be made so.
    """
    text_resnet.require_sequences("seqgan", shape, width=width, windows=windows)
    layers.require(
        windows <= shape[0],
        f"windows={windows} must be at most the {shape[0]} symbols of a sequence.",
    )
    normalisation, kind = recipes.generator.normalisation, conditioning.generator.kind
    layers.require(
        normalisation == "none",
        f"generator_normalisation={normalisation!r} has no place in the network "
        "'seqgan'; leave it out.",
    )
    layers.require(
        kind in ("none", "concat"),
        f"generator_conditioning={kind!r} has no place in the network 'seqgan'; "
        "choose 'concat'.",
    )
    return types.Pair(
        SeqGANGenerator(tuple(shape), width, recipes.generator, conditioning.generator),
        SeqGANDiscriminator(
            2 * width, windows, recipes.discriminator, conditioning.discriminator
        ),
    )


def latent_dim(shape: Sequence[int]) -> int:
    """D: a number for each symbol."""
    return shape[0]
