"""What all points have in common, taken off before it costs them digits.

What only depends on differences does not change if a constant is added to all points.
JAX rounds float64 to float32, unless told otherwise, of which a constant can be worth
all digits: points around 4e6 are 0.5 apart or equal.
"""

import jax
import numpy as np
from jax.typing import ArrayLike


def centred(*sets: ArrayLike) -> tuple[ArrayLike, ...]:
    """Sets of points `[..., F]` without the offset that they have, see `of`."""
    if not rounds(*sets):
        return sets
    offset = of(*sets)
    return tuple(np.asarray(x, np.float64) - offset for x in sets)


def of(*sets: ArrayLike) -> np.ndarray:
    """The offset `[F]` in float64 of points `[..., F]` that JAX would round, else 0.

    It is the mean of those points of the first set that are finite.
    """
    if not rounds(*sets):
        return np.zeros(np.shape(sets[0])[-1:])
    points = np.asarray(sets[0], np.float64).reshape(-1, np.shape(sets[0])[-1])
    points = points[np.isfinite(points).all(axis=1)]
    return points.mean(axis=0) if len(points) else np.zeros(points.shape[1:])


def rounds(*sets: ArrayLike) -> bool:
    """Whether JAX would round some of these points `[..., F]`, all of the same F."""
    kept = jax.dtypes.canonicalize_dtype(np.float64)
    if kept == np.float64 or any(isinstance(x, jax.core.Tracer) for x in sets):
        return False
    shapes = [np.shape(x) for x in sets]
    widths = {shape[-1:] for shape in shapes}
    if any(0 in shape for shape in shapes) or len(widths) > 1 or () in widths:
        return False
    # An array of JAX has been rounded when it was made.
    known = [np.asarray(x) for x in sets if not isinstance(x, jax.Array)]
    return any(x.dtype == np.float64 for x in known)
