"""What the divergences ask of their arguments, checked before anything is traced.

Shapes are always known and always checked. Values are checked only when they are
there to be looked at: under `jit`, `vmap` or `grad` an argument is a tracer, nothing
is raised, and a value that is not a probability (negative, NaN) makes the result NaN.
Looking waits for the device and copies to the host, so `jit` what is called often.
"""

import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from jaxgan.core import errors
from jaxgan.divergences import offsets


def floating(x: ArrayLike) -> Array:
    """Gives `x` as an array of float32 or, where it already is, float64."""
    x = jnp.asarray(x)
    return x.astype(jnp.promote_types(x.dtype, jnp.float32))


def concrete(x: ArrayLike) -> np.ndarray | None:
    """Gives the values of `x` as NumPy sees them, or None if it has none yet."""
    for leaf in jax.tree.leaves(x):  # a list may hold arrays, traced ones too
        if isinstance(leaf, jax.core.Tracer):
            return None
        if isinstance(leaf, Array) and not leaf.is_fully_addressable:
            return None
    return np.asarray(x)


def not_empty(name: str, x: Array, num_axes: int, shape: str) -> None:
    """Asks that `x` has at least `num_axes` axes and at least one element.

    Raises:
      UserError: otherwise; `shape` says what was expected.
    """
    if x.ndim < num_axes:
        raise errors.UserError(
            f"{name} has shape {x.shape}; give it the shape {shape}."
        )
    if x.size == 0:
        raise errors.UserError(
            f"{name} has shape {x.shape}, which holds nothing; give it at least one "
            f"element, shape {shape}."
        )


def vectors(name: str, x: ArrayLike, shape: str, least: int = 1) -> Array:
    """Asks for at least `least` numbers along the last axis of `x`.

    Args:
      name: what the caller named the argument.
      x: of at least one axis.
      shape: what was expected, such as `[..., N]`.
      least: length of the last axis.

    Returns:
      `x` as a floating-point array.

    Raises:
      UserError: if it is shorter or empty.
    """
    array = floating(x)
    not_empty(name, array, 1, shape)
    if array.shape[-1] < least:
        raise errors.UserError(
            f"{name} has shape {array.shape}; give at least {least} numbers along its "
            f"last axis, shape {shape}."
        )
    return array


def probabilities(name: str, x: ArrayLike) -> Array:
    """Asks that `x [..., K]` holds distributions over its last axis.

    Sums may be off by 1e-4 (1e-2 in half precision), which leaves room for a softmax
    that was computed in that precision. NaN passes, to be handed on as NaN.

    Args:
      name: what the caller named the argument.
      x: `[..., K]`.

    Returns:
      `x` as a floating-point array.

    Raises:
      UserError: if it is empty, or its values are known and are negative or do not
        sum to one.
    """
    array = floating(x)
    not_empty(name, array, 1, "[..., K]")
    values = concrete(x)
    if values is None:
        return array
    tolerance = 1e-2 if jnp.finfo(_float_dtype(values)).bits < 32 else 1e-4
    values = values.astype(np.float64)
    if np.any(values < 0):
        raise errors.UserError(
            f"{name} holds the negative value {np.nanmin(values):g}; give "
            "probabilities, or use the function for logits."
        )
    sums = values.sum(axis=-1)
    if np.any(np.abs(sums - 1) > tolerance):
        worst = sums.flat[np.nanargmax(np.abs(sums - 1))]
        raise errors.UserError(
            f"{name} sums to {worst:g} over its last axis; divide it by its sum to "
            "make it a distribution."
        )
    return array


def rows(x: ArrayLike) -> ArrayLike:
    """Samples `[N]` as `[N, 1]`; others as they are."""
    if np.ndim(x) != 1:
        return x
    return x[:, None] if isinstance(x, Array) else np.expand_dims(x, -1)


def two_samples(x: ArrayLike, y: ArrayLike, least: int = 1) -> tuple[Array, Array]:
    """Asks for `x [..., N, F]` and `y [..., M, F]`; reads `[N]` as `[N, 1]`.

    Only differences of samples count: of those in float64 that would be rounded, a
    common offset is taken off before.

    Raises:
      UserError: if one is empty or has fewer than `least` samples, the features
        differ, or the leading axes do not broadcast.
    """
    x, y = map(floating, offsets.centred(rows(x), rows(y)))
    for name, array in (("x", x), ("y", y)):
        not_empty(name, array, 2, "[..., N, F]")
        if array.shape[-2] < least:
            raise errors.UserError(
                f"{name} has shape {array.shape}; give at least {least} samples, shape "
                "[..., N, F]."
            )
    same_axis("x", x[..., 0, :], "y", y[..., 0, :])
    dtype = jnp.result_type(x, y)
    return x.astype(dtype), y.astype(dtype)


def same_axis(name_p: str, p: Array, name_q: str, q: Array, num_axes: int = 1) -> None:
    """Asks that two arrays agree in their last axes and broadcast over the others.

    Raises:
      UserError: if they do not.
    """
    if p.shape[p.ndim - num_axes :] != q.shape[q.ndim - num_axes :]:
        axes = "axis" if num_axes == 1 else f"{num_axes} axes"
        raise errors.UserError(
            f"{name_p} has shape {p.shape} and {name_q} has shape {q.shape}; make "
            f"their last {axes} the same."
        )
    same_batch(name_p, p, name_q, q, num_axes)


def same_batch(name_p: str, p: Array, name_q: str, q: Array, num_axes: int = 1) -> None:
    """Asks that two arrays broadcast over all but their last axes.

    Raises:
      UserError: if they do not.
    """
    batch_p, batch_q = p.shape[: p.ndim - num_axes], q.shape[: q.ndim - num_axes]
    pairs = zip(reversed(batch_p), reversed(batch_q), strict=False)
    if not all(a == b or 1 in (a, b) for a, b in pairs):
        raise errors.UserError(
            f"{name_p} has shape {p.shape} and {name_q} has shape {q.shape}; make "
            "their leading axes broadcast."
        )


def no_batch(name: str, x: Array, num_axes: int, shape: str) -> None:
    """Asks that `x` has no leading axes beyond its `num_axes`."""
    if x.ndim != num_axes:
        raise errors.UserError(
            f"{name} has shape {x.shape}; give it the shape {shape} and batch the call "
            "with jax.vmap."
        )


def static_number(name: str, value: float) -> float:
    """Asks for a plain number, one that decides between formulas in Python.

    Raises:
      UserError: if it is traced, not a scalar or not a number.
    """
    if isinstance(value, jax.core.Tracer):
        raise errors.UserError(
            f"{name} is traced; pass it as a Python number, because it chooses the "
            "formula (close over it, or make it a static argument)."
        )
    if np.ndim(value) != 0 or math.isnan(float(value)):
        raise errors.UserError(f"{name} is {value}; give one number.")
    return float(value)


def finite(name: str, value: float) -> float:
    """Asks for a plain number that is not infinite, by `static_number`."""
    value = static_number(name, value)
    if math.isinf(value):
        raise errors.UserError(f"{name} is {value}; give a finite number.")
    return value


def not_negative(name: str, value: float) -> float:
    """Asks for a plain number in [0, inf], by `static_number`."""
    value = static_number(name, value)
    if value < 0:
        raise errors.UserError(f"{name} is {value:g}; give a number of at least 0.")
    return value


def positive(name: str, value: ArrayLike) -> Array:
    """Asks for numbers that, where known, are greater than zero."""
    array = floating(value)
    values = concrete(value)
    if array.size == 0 or (values is not None and not np.all(values > 0)):
        raise errors.UserError(f"{name} is {values}; give numbers greater than 0.")
    return array


def at_least(name: str, value: int, least: int) -> None:
    """Asks for a whole number that is not below `least`."""
    if not isinstance(value, int | np.integer) or value < least:
        raise errors.UserError(
            f"{name} is {value}; give a whole number of at least {least}."
        )


def one_of(name: str, value: object, choices: Sequence[object]) -> None:
    """Asks that `value` is one of the choices, and says which there are."""
    if value not in choices:
        raise errors.UserError(
            f"{name} is {value!r}; {errors.choice(value, map(str, choices))}"
        )


def log_base(base: float | None) -> float:
    """Gives the natural logarithm of `base`, 1 for None, by which nats are divided.

    Raises:
      UserError: if the base is not greater than zero, or is one.
    """
    if base is None:
        return 1.0
    base = static_number("base", base)
    if not 0 < base < math.inf or base == 1:
        raise errors.UserError(
            f"base is {base:g}; give a positive number other than 1, 2 for bits, or "
            "None for nats."
        )
    return math.log(base)


def _float_dtype(values: np.ndarray) -> np.dtype:
    floats = jnp.issubdtype(values.dtype, jnp.floating)
    return values.dtype if floats else np.dtype(np.float64)
