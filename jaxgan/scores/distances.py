"""Distances of points by differences: none of their digits are lost.

`|x|^2 + |y|^2 - 2 x.y` leaves of a distance what the rounding of the lengths leaves: a
copy is not at distance 0, clusters that are far apart run into balls, and a constant
added to all points changes everything. A difference keeps all digits of near points,
wherever they lie. Coordinates are summed in the same order for each pair, so that a
pair has one distance, to the last bit, in whatever chunk, direction or role it occurs.

Points in float64 come as two float32, the second holding what the first rounds off.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from jaxgan.divergences import checks, offsets
from jaxgan.scores import sums

BLOCK = 16
"""Coordinates that are summed at a time: with fewer, the sums are read and written more
often, with more they leave the registers of a processor."""


class Points(NamedTuple):
    """Points `[..., N, F]`.

    Attributes:
      value: their coordinates.
      rest: what the value has rounded off, or None if that is nothing.
    """

    value: Array
    rest: Array | None = None


def points(*sets: ArrayLike | Points) -> tuple[Points, ...]:
    """Sets of points as what distances are taken of.

    If one of them is in float64 where JAX knows only float32, the mean of the first
    set is taken from all of them before they are rounded, and what rounding leaves is
    kept. Others are left as they are: their differences lose nothing anyway.

    Args:
      *sets: each `[..., N, F]`; what already are `Points` comes back as it is.
    """
    known = tuple(x for x in sets if isinstance(x, Points))
    if len(known) == len(sets):
        return known
    if not offsets.rounds(*sets):
        return tuple(Points(checks.floating(x)) for x in sets)
    return tuple(Points(*sums.split(x)) for x in offsets.centred(*sets))


def squared(x: Points, y: Points) -> Array:
    """Squared distances `[N, M]` of all pairs of points `[N, F]` and `[M, F]`."""
    return _squared(x, _columns(y))


def sweep(
    function: Callable[[Any, Array, Array], tuple[Any, Any]],
    carry: Any,
    rows: Points,
    others: Points,
    chunk: int,
) -> tuple[Any, Any]:
    """Goes through the distances of all pairs, some rows at a time.

    Args:
      function: `(carry, index [T], squares [T, M]) -> (carry, out)`, of T rows their
        numbers and squared distances to all others; every leaf of `out` is `[T, ...]`.
        The last chunk is filled up by repeating the last row.
      carry: for the first chunk.
      rows: `[N, F]`.
      others: `[M, F]`.
      chunk: rows at a time; of no effect on distances.

    Returns:
      The last carry, and all `out` as `[N, ...]`.
    """
    number = len(rows.value)
    chunk = min(chunk, number)
    index = jnp.minimum(jnp.arange(-(-number // chunk) * chunk), number - 1)
    columns = _columns(others)

    def step(carry, index):
        own = jax.tree.map(lambda x: x[index], rows)
        return function(carry, index, _squared(own, columns))

    carry, out = jax.lax.scan(step, carry, index.reshape(-1, chunk))
    return carry, jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:])[:number], out)


def _squared(x: Points, columns: Points) -> Array:
    """`[N, M]` of `[N, F]` and `[blocks, block, M]`, coordinates in blocks."""
    blocks, size, _ = columns.value.shape
    rows = jax.tree.map(lambda v: _blocked(v, blocks, size), x)

    def step(total, block):
        own, other = block
        squares = (_square(_difference(own, other, i)) for i in range(size))
        return total + sum(squares), None

    dtype = jnp.result_type(x.value, columns.value)
    zero = jnp.zeros((len(x.value), columns.value.shape[-1]), dtype)
    return jax.lax.scan(step, zero, (rows, columns))[0]


def _square(x: Array) -> Array:
    """`x^2`, rounded by itself.

    With nothing in between, compilers may round a product and its sum once, in some
    programs and not in others.
    """
    return jnp.where(x == 0, 0, x * x)


def _difference(x: Points, y: Points, i: int) -> Array:
    difference = x.value[:, i, None] - y.value[i]
    if x.rest is None or y.rest is None:
        return difference
    # Where points are near, the first difference is exact.
    return difference + (x.rest[:, i, None] - y.rest[i])


def _columns(y: Points) -> Points:
    """`[blocks, block, M]` of `[M, F]`."""
    width = y.value.shape[-1]
    size = min(BLOCK, width)
    blocked = jax.tree.map(lambda v: _blocked(v, -(-width // size), size), y)
    return jax.tree.map(lambda v: v.mT, blocked)


def _blocked(x: Array, blocks: int, size: int) -> Array:
    """`[blocks, N, size]` of `[N, F]`, filled up with coordinates that are 0."""
    x = jnp.pad(x, ((0, 0), (0, blocks * size - x.shape[-1])))
    return jnp.moveaxis(x.reshape(len(x), blocks, size), 1, 0)
