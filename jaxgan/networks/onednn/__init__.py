"""Convolutions by oneDNN, as a form of `networks.forms`.

oneDNN, https://github.com/uxlfoundation/oneDNN, is where PyTorch's convolutions on CPUs
come from. XLA's own kernel gradients reach a fifth of what a processor can do where
oneDNN reaches nine tenths, see `docs/networks.md`. It is an extra, as it needs a C++
compiler: `pip install 'jaxgan[onednn]'`, and the form `onednn`.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxgan.core import errors
from jaxgan.networks import forms
from jaxgan.networks.onednn import library
from jaxgan.networks.onednn.library import installed as installed

DTYPES = (jnp.float32, jnp.bfloat16)

MOST_DIMENSIONS = 3


@functools.cache
def form(groups: int = 1) -> forms.Form:
    """The three maps, with kernels `[*k, C / groups, F]`.

    Raises:
      UserError: on another backend than a CPU, or if oneDNN cannot be had.
    """
    backend = jax.default_backend()
    if backend != "cpu":
        raise errors.UserError(
            f"convolution='onednn' computes on CPUs and the backend is {backend!r}; "
            "use 'auto'."
        )
    library.load()
    return forms.Form(
        forms.in_turn(functools.partial(_forward, groups), folds=True),
        forms.in_turn(functools.partial(_input_gradient, groups), folds=True),
        forms.in_turn(functools.partial(_kernel_gradient, groups), folds=False),
    )


def suits(geometry: forms.Geometry) -> bool:
    """Whether oneDNN knows it: it cannot cut edges off, as negative padding does, and
    has no more than three dimensions in space."""
    uncut = min(map(min, geometry.padding)) >= 0
    return uncut and len(geometry.size) <= MOST_DIMENSIONS


def power_iteration(matrix: Array, u: Array) -> tuple[Array, Array]:
    """A step of the power iteration for the largest singular value, in one call.

    `v = A u / |A u|`, then the direction and the length of `v A`. XLA makes some twenty
    loops of it, which take longer to compile than all else of a small network.

    Args:
      matrix: float32 `[K, F]`, A.
      u: float32 `[F]`, a direction.

    Returns:
      The next u, which is the old one where `v A` is zero or not finite, and the
      length, of which the derivative by A is `v u^T` of the next u; u itself has none.

    Raises:
      UserError: on another backend than a CPU, or if oneDNN cannot be had.
    """
    form()
    u, _, length = _power_iteration(matrix, u)
    return u, length


@jax.custom_jvp
def _power_iteration(matrix: Array, u: Array) -> tuple[Array, Array, Array]:
    shapes = (u.shape, matrix.shape[:1], ())
    call = jax.ffi.ffi_call(
        "jaxgan_onednn_power_iteration",
        [jax.ShapeDtypeStruct(shape, jnp.float32) for shape in shapes],
        vmap_method="sequential",
    )
    u, v, length = call(matrix, u)
    return u, v, length


@_power_iteration.defjvp
def _derivative(primals, tangents):
    # By the function that has this rule, so that there is always one more derivative.
    u, v, length = _power_iteration(*primals)
    by_matrix = v @ tangents[0] @ u
    return (u, v, length), (jnp.zeros_like(u), jnp.zeros_like(v), by_matrix)


def _forward(groups: int, x: Array, w: Array, geometry: forms.Geometry) -> Array:
    shape = (x.shape[0], *forms.output_size(geometry), w.shape[-1])
    return _call("forward", x, w, shape, geometry, groups)


def _input_gradient(groups: int, y: Array, w: Array, geometry: forms.Geometry) -> Array:
    shape = (y.shape[0], *geometry.size, w.shape[-2] * groups)
    return _call("input_gradient", y, w, shape, geometry, groups)


def _kernel_gradient(
    groups: int, x: Array, y: Array, geometry: forms.Geometry
) -> Array:
    shape = (*geometry.kernel, x.shape[-1] // groups, y.shape[-1])
    return _call("kernel_gradient", x, y, shape, geometry, groups)


def _call(
    name: str,
    a: Array,
    b: Array,
    shape: tuple[int, ...],
    geometry: forms.Geometry,
    groups: int,
) -> Array:
    _check_dtypes(a.dtype, b.dtype)
    before, after = np.array(geometry.padding, np.int64).T
    call = jax.ffi.ffi_call(
        f"jaxgan_onednn_{name}", jax.ShapeDtypeStruct(shape, a.dtype)
    )
    return call(
        *(a, b),
        strides=np.array(geometry.strides, np.int64),
        before=np.ascontiguousarray(before),
        after=np.ascontiguousarray(after),
        groups=np.int64(groups),
    )


def _check_dtypes(one: jnp.dtype, other: jnp.dtype) -> None:
    if one not in DTYPES:
        raise errors.UserError(
            f"convolution='onednn' computes in float32 and bfloat16, not {one}; "
            "use 'canonical'."
        )
    if one != other:
        raise errors.UserError(
            f"convolution='onednn' needs arrays of one dtype, not {one} and {other}; "
            "give one of them the dtype of the other."
        )
    if one == jnp.bfloat16 and not library.computes_bfloat16():
        raise errors.UserError(
            "convolution='onednn' computes in bfloat16 only on processors with "
            "AVX-512; use float32 or another form."
        )
