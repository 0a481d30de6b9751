"""SeqGAN's oracle: a random LSTM as the law of sequences, whose likelihood is exact.

References:
  Yu et al., SeqGAN: Sequence Generative Adversarial Nets with Policy Gradient, 2017,
  https://arxiv.org/abs/1609.05473, whose oracle has 5,000 symbols
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxgan.core import randomness, recurrence

LENGTH, VOCABULARY, HIDDEN = 20, 64, 32
"""Symbols of a sequence, different ones, and width of embedding and memory."""

SEED = 0
"""Of the weights, so that all runs have the same oracle."""


class Oracle(NamedTuple):
    """A random LSTM, all of whose weights are N(0, 1).

    Attributes:
      vocabulary: V.
      hidden: E = H, of the embedding and the memory, 32 in the paper.
      seed: of the weights.
    """

    vocabulary: int = VOCABULARY
    hidden: int = HIDDEN
    seed: int = SEED


class Weights(NamedTuple):
    """Of an oracle; row V of the embedding stands for the beginning."""

    embedding: Array
    kernel: Array
    bias: Array
    out: Array
    out_bias: Array


def weights(oracle: Oracle) -> Weights:
    """The weights of an oracle, the same ones for the same seed."""
    v, h = oracle.vocabulary, oracle.hidden
    shapes = (v + 1, h), (2 * h, 4 * h), (4 * h,), (h, v), (v,)
    keys = jax.random.split(randomness.key(oracle.seed), len(shapes))
    drawn = (jax.random.normal(key, own) for key, own in zip(keys, shapes, strict=True))
    return Weights(*drawn)


def sample(oracle: Oracle, key: Array, n: int, length: int) -> np.ndarray:
    """Draws sequences, `[n, T]` int32 numbers of symbols."""
    return np.asarray(_sample(weights(oracle), key, n, length))


def log_probs(oracle: Oracle, tokens: Array) -> np.ndarray:
    """`log p(x_t | x_1 .. x_(t-1))` of sequences `[N, T]`, exact: `[N, T]` in nats."""
    return np.asarray(_log_probs(weights(oracle), jnp.asarray(tokens)))


@functools.partial(jax.jit, static_argnums=(2, 3))
def _sample(own: Weights, key: Array, n: int, length: int) -> Array:
    def body(state, key):
        carry, logits = _advance(own, *state)
        token = jax.random.categorical(key, logits)
        return (carry, token), token

    _, drawn = jax.lax.scan(body, _beginning(own, n), jax.random.split(key, length))
    return drawn.T.astype(jnp.int32)


@jax.jit
def _log_probs(own: Weights, tokens: Array) -> Array:
    def body(state, token):
        carry, logits = _advance(own, *state)
        found = jax.nn.log_softmax(logits)
        return (carry, token), jnp.take_along_axis(found, token[:, None], 1)[:, 0]

    _, found = jax.lax.scan(body, _beginning(own, len(tokens)), tokens.T)
    return found.T


def _beginning(own: Weights, n: int) -> tuple[recurrence.Carry, Array]:
    return recurrence.begin(n, own.out.shape[0]), jnp.full(n, own.out.shape[1])


def _advance(own: Weights, carry: recurrence.Carry, token: Array):
    carry = recurrence.lstm(carry, own.embedding[token], own.kernel, own.bias)
    return carry, carry[1] @ own.out + own.out_bias
