"""What the losses ask of the shapes of their arguments, which are always known."""

import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxgan.core import errors


def not_empty(**arrays: ArrayLike) -> None:
    """Asks, by the names given, that every array has something to average.

    Raises:
      UserError: for the first that is empty, or None.
    """
    for name, array in arrays.items():
        if array is None:
            raise errors.UserError(
                f"{name} is None, but this loss needs it: pass the logits of a batch."
            )
        if jnp.size(array) == 0:
            raise errors.UserError(
                f"{name} has shape {jnp.shape(array)}, an empty batch, which has no "
                "mean: pass at least one example."
            )


def pairs(**arrays: ArrayLike) -> None:
    """Asks, by the names given, that the arrays have one shape and are not empty.

    Raises:
      UserError: if they differ, because broadcasting would pair rows wrongly.
    """
    not_empty(**arrays)
    shapes = {name: jnp.shape(array) for name, array in arrays.items()}
    if len(set(shapes.values())) > 1:
        raise errors.UserError(
            f"{_listed(shapes)}, but they are compared row by row: pass arrays of one "
            "shape."
        )


def labelled(**arrays: ArrayLike) -> None:
    """Asks that class logits `[B, K]`, given first, have labels `[B]`, given second.

    Raises:
      UserError: if they do not, or are empty.
    """
    (logits_name, logits), (labels_name, labels) = arrays.items()
    rows(2, **{logits_name: logits})
    if jnp.shape(labels) != jnp.shape(logits)[:1]:
        raise errors.UserError(
            f"{labels_name} has shape {jnp.shape(labels)}, but {logits_name} has shape "
            f"{jnp.shape(logits)}: pass one integer label per row."
        )
    if not jnp.issubdtype(jnp.result_type(labels), jnp.integer):
        raise errors.UserError(
            f"{labels_name} has dtype {jnp.result_type(labels)}: pass integer labels "
            "in [0, K), not one-hot rows or probabilities."
        )


def rows(num_axes: int, **arrays: ArrayLike) -> None:
    """Asks that arrays have `num_axes` axes, agree in all but the first, and rows.

    Raises:
      UserError: for the first that does not fit.
    """
    not_empty(**arrays)
    shapes = {name: jnp.shape(array) for name, array in arrays.items()}
    for name, shape in shapes.items():
        if len(shape) != num_axes:
            raise errors.UserError(
                f"{name} has shape {shape}: pass an array with {num_axes} axes, the "
                "first of them the batch."
            )
    if len({shape[1:] for shape in shapes.values()}) > 1:
        raise errors.UserError(
            f"{_listed(shapes)}: pass arrays that differ in their first axis only."
        )


def _listed(shapes: dict[str, tuple[int, ...]]) -> str:
    return " and ".join(f"{name} has shape {shape}" for name, shape in shapes.items())
