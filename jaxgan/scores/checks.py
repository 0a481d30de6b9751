"""What the scores ask of their arguments, checked before anything is traced.

As in `jaxgan.divergences.checks`, on which this stands: shapes are always checked,
values only where they are known, and NaN passes, because it comes from dead generators,
whose scores are NaN with and without tracing.
"""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from jaxgan.core import errors
from jaxgan.divergences import checks


def class_probabilities(probs: ArrayLike) -> Array:
    """Asks that `probs [N, K]` are probabilities of classes; gives them as float.

    Raises:
      UserError: for another shape, and for known values that are negative or do not
        sum to one.
    """
    if jnp.ndim(probs) != 2 or 0 in jnp.shape(probs):
        raise errors.UserError(
            "probs must be class probabilities of shape [samples, classes], not an "
            f"array of shape {jnp.shape(probs)}."
        )
    return checks.probabilities("probs", probs)


def same_width(one_name: str, one: Array, other_name: str, other: Array) -> None:
    """Asks that two sets of features `[N, F]` have as many features.

    Raises:
      UserError: otherwise.
    """
    if one.shape[1] != other.shape[1]:
        raise errors.UserError(
            f"{one_name} and {other_name} must come from the same network, but have "
            f"{one.shape[1]} and {other.shape[1]} features."
        )


def image_range(name: str, x: ArrayLike) -> None:
    """Asks that images in floating point lie in [-1, 1], where they are known.

    Values that are not finite pass, as of a dead generator.

    Raises:
      UserError: otherwise.
    """
    values = checks.concrete(x)
    if values is None or not jnp.issubdtype(values.dtype, jnp.floating):
        return
    values = values[np.isfinite(values)]
    if values.size and not (-1.001 <= values.min() and values.max() <= 1.001):
        raise errors.UserError(
            f"{name} must hold images in [-1, 1], but its values lie between "
            f"{values.min():g} and {values.max():g}; scale them first."
        )


def features(name: str, values: ArrayLike, at_least: int = 1) -> Array:
    """Asks that `values` are `[N, F]` with so many samples; gives them as float.

    Raises:
      UserError: otherwise.
    """
    shape = jnp.shape(values)
    if len(shape) != 2 or shape[0] < at_least or shape[1] == 0:
        raise errors.UserError(
            f"{name} must have shape [samples, features] with at least {at_least} "
            f"samples, not {shape}; flatten each sample to a row, or give more."
        )
    return checks.floating(values)


def same_shapes(
    one_name: str, one: NamedTuple, other_name: str, other: NamedTuple
) -> None:
    """Asks that two records of sums are of the same features, classes and parts.

    Raises:
      UserError: naming the first field that differs.
    """
    for field, a, b in zip(one._fields, one, other, strict=True):
        if jnp.shape(a) != jnp.shape(b):
            raise errors.UserError(
                f"{one_name} and {other_name} are not of the same features, classes or "
                f"parts: their {field} have shapes {jnp.shape(a)} and {jnp.shape(b)}."
            )
