"""Euclidean norms of the rows of a batch."""

import jax.numpy as jnp
from jax import Array


def squared_norms(x: Array) -> Array:
    """`[B, ...] -> [B]`, the sum of squares over all axes but the first."""
    return jnp.sum(jnp.square(x), axis=tuple(range(1, x.ndim)))


def norms(x: Array) -> Array:
    """`[B, ...] -> [B]`, the square root, with derivative 0 instead of NaN at 0."""
    squares = squared_norms(x)
    positive = squares > 0
    return jnp.where(positive, jnp.sqrt(jnp.where(positive, squares, 1)), 0)
