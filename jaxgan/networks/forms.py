"""The three linear maps of a convolution, each computed in two ways.

For an input `x [B, *n, C]`, a kernel `w [*k, C, F]` and strides `s`,

    forward          y[b, o, f] = sum_{a, c} x[b, o s + a - lo, c] w[a, c, f]
    input_gradient   x[b, i, c] = sum_{o, f} y[b, o, f] w[i + lo - o s, c, f]
    kernel_gradient  w[a, c, f] = sum_{b, o} x[b, o s + a - lo, c] y[b, o, f]

`canonical` calls only convolutions of inputs `[B, *n, C]` with kernels `[*k, C, F]` and
outputs `[B, *n, F]`, whatever is computed: XLA's CPU compiler knows fast code for this
order of dimensions, and inside of loops for no other, while the gradients that JAX
derives have other orders. `matmul` gathers patches and multiplies matrices.

A stride is dealt with in both by phases: with `a = s u + r`, the kernel is a kernel of
`u` alone whose channels are `(r, c)`, and it acts on an input whose blocks of `s`
places are channels too.
"""

import functools
import itertools
import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

Sizes = tuple[int, ...]


class Geometry(NamedTuple):
    """What is fixed about a convolution besides batch and channels, per dimension.

    Attributes:
      size: places n of the input.
      kernel: places k of the kernel.
      strides: s.
      padding: zeros `(lo, hi)` around the input; negative ones cut it.
    """

    size: Sizes
    kernel: Sizes
    strides: Sizes
    padding: tuple[tuple[int, int], ...]


class Form(NamedTuple):
    """One way to compute the three maps, `(array, array, Geometry) -> array`."""

    forward: Callable[[Array, Array, Geometry], Array]
    input_gradient: Callable[[Array, Array, Geometry], Array]
    kernel_gradient: Callable[[Array, Array, Geometry], Array]


def output_size(geometry: Geometry) -> Sizes:
    """Places of the output, per dimension; not positive if the kernel does not fit."""
    return tuple(
        (n + lo + hi - k) // s + 1 for n, k, s, (lo, hi) in zip(*geometry, strict=True)
    )


def order(dimensions: int) -> tuple[str, str, str]:
    """Dimension numbers of `[B, *n, C]`, `[*k, C, F]` and `[B, *o, F]`."""
    places = "0123456789"[:dimensions]
    return f"N{places}C", f"{places}IO", f"N{places}C"


def in_turn(
    function: Callable[[Array, Array, Geometry], Array], *, folds: bool
) -> Callable[[Array, Array, Geometry], Array]:
    """Gives a map a rule for `vmap`: its members one after another.

    Batched over members it would be a convolution in groups, which is slow on CPUs.
    Where `folds`, members that share the second array are put into one batch instead.
    """

    @functools.cache
    def of(geometry: Geometry):
        @jax.custom_batching.custom_vmap
        def map_(a, b):
            return function(a, b, geometry)

        @map_.def_vmap
        def rule(size, batched, a, b):
            if all(batched):
                return lax.map(lambda each: map_(*each), (a, b)), True
            if batched[0] and folds:
                together = map_(a.reshape(-1, *a.shape[2:]), b)
                return together.reshape(size, -1, *together.shape[1:]), True
            if batched[0]:
                return lax.map(lambda each: map_(each, b), a), True
            return lax.map(lambda each: map_(a, each), b), True

        return map_

    return lambda a, b, geometry: of(geometry)(a, b)


def in_groups(
    function: Callable[[Array, Array], Array], groups: int
) -> Callable[[Array, Array], Array]:
    """A map of two arrays, each group of whose channels, the last axis, is by itself.

    Args:
      function: the map, of the arrays of one group.
      groups: that the last axes of both arguments and of the result are split into.
    """
    together = jax.vmap(function, (-2, -2), -2)

    def apart(a, b):
        a, b = (each.reshape(*each.shape[:-1], groups, -1) for each in (a, b))
        result = together(a, b)
        return result.reshape(*result.shape[:-2], -1)

    return apart


def _convolve(x, w, strides, padding, dilation=None):
    return lax.conv_general_dilated(
        x,
        w,
        strides,
        padding,
        rhs_dilation=dilation,
        dimension_numbers=order(x.ndim - 2),
    )


def _canonical_forward(x, w, geometry):
    return _convolve(x, w, geometry.strides, geometry.padding)


def _canonical_input_gradient(y, w, geometry):
    outputs = output_size(geometry)
    blocks = _blocks(geometry)
    first = [
        lo // s for (lo, _), s in zip(geometry.padding, geometry.strides, strict=True)
    ]
    last = [
        (lo + n - 1) // s
        for (lo, _), n, s in zip(
            geometry.padding, geometry.size, geometry.strides, strict=True
        )
    ]
    padding = [
        (u - 1 - a, b - (o - 1))
        for u, a, b, o in zip(blocks, first, last, outputs, strict=True)
    ]
    phases = jnp.flip(_phases(w, geometry), range(len(blocks)))
    # Without the barrier XLA folds the transposition into the convolution again.
    phases = lax.optimization_barrier(phases.swapaxes(-1, -2))
    z = _unfold(_convolve(y, phases, (1,) * len(blocks), padding), geometry)
    start = [
        lo - s * a
        for (lo, _), s, a in zip(geometry.padding, geometry.strides, first, strict=True)
    ]
    return _window(z, start, geometry.size)


def _canonical_kernel_gradient(x, y, geometry):
    places = range(1, x.ndim - 1)
    x = lax.optimization_barrier(x.transpose(x.ndim - 1, *places, 0))
    y = lax.optimization_barrier(y.transpose(*places, 0, y.ndim - 1))
    padding = [
        (lo, k + (o - 1) * s - n - lo)
        for n, k, s, (lo, _), o in zip(*geometry, output_size(geometry), strict=True)
    ]
    w = _convolve(x, y, (1,) * len(places), padding, geometry.strides)
    return w.transpose(*places, 0, w.ndim - 1)


def _matmul_forward(x, w, geometry):
    return _patches(x, geometry) @ _matrix(w, geometry)


def _matmul_input_gradient(y, w, geometry):
    columns = jnp.split(
        y @ _matrix(w, geometry).T, math.prod(_blocks(geometry)), axis=-1
    )
    inside = [(0, 0, 0)]
    z = sum(
        lax.pad(
            column,
            jnp.zeros((), y.dtype),
            inside
            + [
                (a, u - 1 - a, 0)
                for a, u in zip(offset, _blocks(geometry), strict=True)
            ]
            + inside,
        )
        for offset, column in zip(_offsets(geometry), columns, strict=True)
    )
    return _window(
        _unfold(z, geometry), [lo for lo, _ in geometry.padding], geometry.size
    )


def _matmul_kernel_gradient(x, y, geometry):
    patches = _patches(x, geometry)
    # The narrow side is transposed, and the barriers keep XLA from undoing that.
    y = lax.optimization_barrier(y)
    places = list(range(y.ndim - 1))
    w = lax.dot_general(y, patches, ((places, places), ((), ())))
    w = lax.optimization_barrier(w).T
    dimensions = len(geometry.size)
    w = w.reshape(*_blocks(geometry), *geometry.strides, -1, w.shape[-1])
    order = itertools.chain(*((d, d + dimensions) for d in range(dimensions)))
    w = w.transpose(*order, 2 * dimensions, 2 * dimensions + 1)
    padded = [u * s for u, s in zip(_blocks(geometry), geometry.strides, strict=True)]
    w = w.reshape(*padded, *w.shape[-2:])
    return w[tuple(slice(k) for k in geometry.kernel)]


CANONICAL = Form(
    in_turn(_canonical_forward, folds=True),
    in_turn(_canonical_input_gradient, folds=True),
    in_turn(_canonical_kernel_gradient, folds=False),
)
MATMUL = Form(_matmul_forward, _matmul_input_gradient, _matmul_kernel_gradient)


def _blocks(geometry: Geometry) -> Sizes:
    """Blocks of one stride that the kernel touches, `ceil(k / s)`."""
    return tuple(
        -(-k // s) for k, s in zip(geometry.kernel, geometry.strides, strict=True)
    )


def _offsets(geometry: Geometry) -> itertools.product:
    return itertools.product(*(range(u) for u in _blocks(geometry)))


def _phases(w: Array, geometry: Geometry) -> Array:
    """The kernel `[*k, C, F]` as `[*u, r c, F]`, padded with zeros to whole blocks."""
    blocks, dimensions = _blocks(geometry), len(geometry.size)
    pad = [
        (0, u * s - k)
        for u, s, k in zip(blocks, geometry.strides, geometry.kernel, strict=True)
    ]
    w = jnp.pad(w, [*pad, (0, 0), (0, 0)])
    split = itertools.chain(*zip(blocks, geometry.strides, strict=True))
    w = w.reshape(*split, *w.shape[-2:])
    order = (*range(0, 2 * dimensions, 2), *range(1, 2 * dimensions, 2))
    w = w.transpose(*order, 2 * dimensions, 2 * dimensions + 1)
    return w.reshape(*blocks, -1, w.shape[-1])


def _matrix(w: Array, geometry: Geometry) -> Array:
    phases = _phases(w, geometry)
    return phases.reshape(-1, phases.shape[-1])


def _patches(x: Array, geometry: Geometry) -> Array:
    """What each output sees, `[B, *o, u r c]`."""
    outputs = output_size(geometry)
    total = [
        s * (o + u - 1)
        for s, o, u in zip(geometry.strides, outputs, _blocks(geometry), strict=True)
    ]
    x = _fold(_window(x, [-lo for lo, _ in geometry.padding], total), geometry)
    slices = [
        x[
            (
                slice(None),
                *(slice(a, a + o) for a, o in zip(offset, outputs, strict=True)),
            )
        ]
        for offset in _offsets(geometry)
    ]
    return slices[0] if len(slices) == 1 else jnp.concatenate(slices, axis=-1)


def _window(x: Array, start: list[int], size: Sizes | list[int]) -> Array:
    """Places `start .. start + size` of `[B, *n, C]`, zero beyond the edges."""
    edges = [
        (-a, a + m - n, 0) for a, m, n in zip(start, size, x.shape[1:-1], strict=True)
    ]
    edges = [(0, 0, 0), *edges, (0, 0, 0)]
    if all(edge == (0, 0, 0) for edge in edges):
        return x
    return lax.pad(x, jnp.zeros((), x.dtype), edges)


def _fold(x: Array, geometry: Geometry) -> Array:
    """`[B, *(q s), C] -> [B, *q, r c]`: the places of a block become channels."""
    if set(geometry.strides) == {1}:
        return x
    dimensions = len(geometry.strides)
    size = [n // s for n, s in zip(x.shape[1:-1], geometry.strides, strict=True)]
    split = itertools.chain(*zip(size, geometry.strides, strict=True))
    y = x.reshape(x.shape[0], *split, x.shape[-1])
    places, inner = range(1, 2 * dimensions, 2), range(2, 2 * dimensions + 1, 2)
    return y.transpose(0, *places, *inner, 2 * dimensions + 1).reshape(
        x.shape[0], *size, -1
    )


def _unfold(z: Array, geometry: Geometry) -> Array:
    """`[B, *q, r c] -> [B, *(q s), C]`, the inverse of `_fold`."""
    if set(geometry.strides) == {1}:
        return z
    dimensions = len(geometry.strides)
    size = z.shape[1:-1]
    x = z.reshape(z.shape[0], *size, *geometry.strides, -1)
    order = itertools.chain(*((d + 1, d + 1 + dimensions) for d in range(dimensions)))
    x = x.transpose(0, *order, 2 * dimensions + 1)
    whole = [q * s for q, s in zip(size, geometry.strides, strict=True)]
    return x.reshape(z.shape[0], *whole, x.shape[-1])
