"""What the penalties ask of the shapes of their arguments, which are always known."""

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from jaxgan.core import errors


def not_empty(**arrays: ArrayLike) -> None:
    """Asks, by the names given, that every array has something to average.

    Raises:
      UserError: for the first that is empty.
    """
    for name, array in arrays.items():
        if jnp.size(array) == 0:
            raise errors.UserError(
                f"{name} has shape {jnp.shape(array)}, an empty batch, which has no "
                "mean: pass at least one example."
            )


def same_shape(**arrays: ArrayLike) -> None:
    """Asks, by the names given, that the arrays have one shape and are not empty.

    Raises:
      UserError: if they differ, because their rows belong together.
    """
    not_empty(**arrays)
    shapes = {name: jnp.shape(array) for name, array in arrays.items()}
    if len(set(shapes.values())) > 1:
        listed = " and ".join(f"{name} has shape {s}" for name, s in shapes.items())
        raise errors.UserError(
            f"{listed}, but their rows belong together: pass arrays of one shape."
        )


def not_negative(name: str, value: ArrayLike) -> None:
    """Asks for a number of at least 0; a traced one is not looked at.

    Raises:
      UserError: otherwise, also for NaN.
    """
    if not isinstance(value, jax.core.Tracer) and not value >= 0:
        raise errors.UserError(f"{name} is {value}: pass a number of at least 0.")


def positive(name: str, value: ArrayLike) -> None:
    """Asks for a positive number; a traced one is not looked at.

    Raises:
      UserError: otherwise, also for NaN.
    """
    if not isinstance(value, jax.core.Tracer) and not value > 0:
        raise errors.UserError(f"{name} is {value}: pass a positive number.")


def one_logit_each(x: Array, logits: Array) -> None:
    """Asks that a critic said one number of each example of `x [B, ...]`.

    Raises:
      UserError: if `logits` are not `[B]`.
    """
    if logits.shape != x.shape[:1]:
        raise errors.UserError(
            f"critic maps x {x.shape} to logits {logits.shape}, but a penalty on "
            f"its slope needs logits {x.shape[:1]}: pass a critic with one logit per "
            "example."
        )
