"""Sums that lose no digits."""

from jax import Array


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
