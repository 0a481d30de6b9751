"""Which values of images mean black and white, and images as bytes."""

import pathlib
from collections.abc import Mapping

import numpy as np

from jaxgan.core import errors

Range = tuple[float, float]
"""The values of black and of white."""

BYTES: Range = (0.0, 255.0)
POSITIVE: Range = (0.0, 1.0)
SIGNED: Range = (-1.0, 1.0)

TOLERANCE = 1 / 510
"""By which values may lie outside of a range, as a share of it: half of one of 256
levels, so that what they are clipped to is also what they are rounded to."""

NEGATIVE = 0.01
"""The share of values below zero from which images are taken to be in [-1, 1]."""

DEEPEST = -0.5
"""What the least value must be at most for that."""

ROWS = 1000
"""Images that are looked at together."""

HOW = "or say which values are black and white by value_range=(LOW, HIGH)"


def find(
    path: pathlib.Path, arrays: Mapping[str, np.ndarray], asked: Range | None = None
) -> Range:
    """The range of the images in a file, of all its parts together.

    Integers of 8 bits without a sign are bytes, and truth values are black and white.
    Floating-point values that reach from -1 or thereabouts to 1 are in [-1, 1], if
    enough of them are negative (`NEGATIVE`, `DEEPEST`), and those without negative
    values in [0, 1]; both may be exceeded by `TOLERANCE`. What is neither, other
    integers, and images that would be almost black, need an answer.

    Args:
      path: of the file, for messages.
      arrays: of images, by their names in it.
      asked: the answer. It says nothing of truth values, nor of bytes above 1.

    Raises:
      UserError: for values outside of the range, and where an answer is needed.
    """
    names = " and ".join(arrays)
    dtype, *others = (x.dtype for x in arrays.values())
    if any(
        own.kind != dtype.kind or own != dtype and own.kind != "f" for own in others
    ):
        types = " and ".join(map(str, (dtype, *others)))
        raise errors.UserError(
            f"{names} of {path} are {types}; save them as arrays of one type."
        )
    if dtype.kind == "b":
        return POSITIVE
    where = f"{names} of {path}"
    if dtype == np.uint8:
        return of_bytes(where, max(int(x.max()) for x in arrays.values()), asked)
    if not (
        np.issubdtype(dtype, np.floating)
        or asked is not None
        and np.issubdtype(dtype, np.integer)
    ):
        raise errors.UserError(
            f"{where} is {dtype}; images must be uint8 in 0..255 or floating-point in "
            f"[0, 1] or [-1, 1], {HOW}."
        )
    low, high, negative = _extent(arrays)
    if asked is None:
        return _guessed(f"{where} is {dtype}", low, high, negative)
    if not _within(low, high, _checked(asked)):
        raise errors.UserError(
            f"{where} has values from {low:g} to {high:g}, outside of "
            f"{shown(asked)}; correct value_range."
        )
    return asked


def of_bytes(where: str, largest: int, asked: Range | None = None) -> Range:
    """The range of images of bytes, of which the largest value is known.

    Args:
      where: what they are called in messages.
      largest: value of all of them.
      asked: as for `find`.

    Raises:
      UserError: if they are 0 and 1 alone and nothing is asked for.
    """
    if largest != 1:
        return BYTES
    if asked is None:
        raise errors.UserError(
            f"{where} has no value above 1, and so would be almost black among bytes "
            "from 0 to 255; multiply masks by 255 (or save an array of them as bool), "
            f"{HOW}."
        )
    return _checked(asked)


def to_bytes(x: np.ndarray, values: Range) -> np.ndarray:
    """Images `[N, H, W, C]` uint8 of `[N, H, W]` or `[N, H, W, C]` in a range."""
    if x.dtype != np.uint8 or values != BYTES:
        low, high = values
        x = (x.astype(np.float32) - low) * (255 / (high - low))
        x = np.rint(np.clip(x, 0, 255)).astype(np.uint8)
    return x if x.ndim == 4 else x[..., None]


def shown(values: Range) -> str:
    """As it is written: `[-1, 1]`."""
    return f"[{values[0]:g}, {values[1]:g}]"


def _checked(asked: Range) -> Range:
    low, high = asked
    if not (np.isfinite(low) and np.isfinite(high) and low < high):
        raise errors.UserError(
            f"value_range is {low:g} and {high:g}; it must be the "
            "value of black and a larger one of white."
        )
    return asked


def _extent(arrays: Mapping[str, np.ndarray]) -> tuple[float, float, float]:
    """The least and the largest value, and the share of those below zero."""
    lows, highs, below, total = [], [], 0, 0
    for x in arrays.values():
        for start in range(0, len(x), ROWS):
            rows = x[start : start + ROWS]
            lows.append(float(rows.min()))
            highs.append(float(rows.max()))
            below += np.count_nonzero(rows < -TOLERANCE)
            total += rows.size
    return float(np.min(lows)), float(np.max(highs)), below / total


def _within(low: float, high: float, values: Range) -> bool:
    more = TOLERANCE * (values[1] - values[0])
    return values[0] - more <= low and high <= values[1] + more


def _guessed(found: str, low: float, high: float, negative: float) -> Range:
    if 0 < high * 255 < 1.5 and _within(low, high, POSITIVE):
        raise errors.UserError(
            f"{found} in [{low:g}, {high:g}], and so would be almost black in [0, 1]; "
            f"rescale it, {HOW}."
        )
    if _within(low, high, POSITIVE):
        return POSITIVE
    if not _within(low, high, SIGNED):
        raise errors.UserError(
            f"{found} in [{low:g}, {high:g}]; images must be uint8 in 0..255 or "
            f"floating-point in [0, 1] or [-1, 1], {HOW}."
        )
    if low <= DEEPEST and negative >= NEGATIVE:
        return SIGNED
    raise errors.UserError(
        f"{found} in [{low:g}, {high:g}], of which {negative:.2g} of all values are "
        "negative: too little for [-1, 1] and too much for [0, 1]; clip or rescale "
        f"them, {HOW}."
    )
