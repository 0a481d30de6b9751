"""The long short-term memory, as a pure function of its weights."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

Carry = tuple[Array, Array]
"""`(c, h)`, each `[B, H]`."""


def lstm(carry: Carry, x: Array, kernel: Array, bias: Array) -> Carry:
    """One step of a long short-term memory.

    `[i, f, o, g] = [x, h] W + b`, `c' = sigmoid(f) c + sigmoid(i) tanh(g)`,
    `h' = sigmoid(o) tanh(c')`.

    Args:
      carry: before.
      x: `[B, E]`.
      kernel: W, `[E + H, 4 H]`.
      bias: b, `[4 H]`.

    References:
      Hochreiter and Schmidhuber, Long Short-Term Memory, 1997; with the forget gate of
      Gers et al., Learning to Forget, 2000
    """
    c, h = carry
    gates = jnp.concatenate([x, h], axis=-1) @ kernel + bias
    i, f, o, g = jnp.split(gates, 4, axis=-1)
    c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
    return c, jax.nn.sigmoid(o) * jnp.tanh(c)


def begin(batch: int, hidden: int, dtype: Any = jnp.float32) -> Carry:
    """Zeros, from which a sequence begins."""
    zeros = jnp.zeros((batch, hidden), dtype)
    return zeros, zeros
