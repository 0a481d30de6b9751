"""Sums that lose no digits."""

import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike


def add(total: Array, rest: Array, term: Array) -> tuple[Array, Array]:
    """Adds a term to a sum and to what that has rounded off, by Knuth's two-sum.

    Args:
      total: the sum so far.
      rest: what it has rounded off.
      term: of the same shape.

    Returns:
      The new sum and its rest.
    """
    whole = total + term
    of_term = whole - total
    error = (total - (whole - of_term)) + (term - of_term)
    return whole, rest + error


def difference(
    one: Array, one_rest: Array, other: Array, other_rest: Array
) -> tuple[Array, Array]:
    """`one - other` of two sums with what they have rounded off, and its own rest."""
    return add(one - other, 0.0, one_rest - other_rest)


def split(x: ArrayLike) -> tuple[Array, Array | None]:
    """An array as JAX has it, and what that rounds off, None if nothing can be.

    Only of float64 on the host is anything rounded off.
    """
    if isinstance(x, Array) or np.asarray(x).dtype != np.float64:
        return jnp.asarray(x), None
    value = jnp.asarray(x)
    if value.dtype == np.float64:
        return value, None
    near = np.asarray(value, np.float64)
    # What is not finite leaves nothing.
    rest = np.where(np.isfinite(near), x - np.where(np.isfinite(near), near, 0), 0)
    return value, jnp.asarray(rest, value.dtype)
