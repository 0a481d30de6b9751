"""A text file as sequences of its characters or bytes."""

import os
import pathlib
from typing import NamedTuple

import numpy as np

from jaxgan.core import errors
from jaxgan.data import sequences

UNITS = ("characters", "bytes")
HELD_OUT = 10
"""The last one of so many equal parts of the text is held out."""


class Text(NamedTuple):
    """A text in windows.

    Attributes:
      train: `[N, T]` numbers of symbols.
      test: `[M, T]`, from the held-out end of the text.
      symbols: V, sorted; if more were stated than found, the rest are empty.
      note: a sentence on what was read.
    """

    train: np.ndarray
    test: np.ndarray
    symbols: tuple[str, ...]
    note: str


def load(
    path: str | os.PathLike,
    *,
    length: int,
    vocabulary: int | None = None,
    unit: str = "characters",
    most: int | None = None,
) -> Text:
    """Reads a text file.

    The first nine tenths of the text are for training and the last one is held out, so
    that no window has symbols of both.

    Args:
      path: the file, UTF-8 if its unit is a character.
      length: T, symbols in a window.
      vocabulary: V, or None for as many as there are.
      unit: one of `UNITS`.
      most: windows of each part, evenly spread; None for as many as
        `sequences.MOST_BYTES` hold.

    Raises:
      UserError: if there is no such file, it is not UTF-8, has more symbols than were
        stated, or is too short for a window in each part.
    """
    sequences.require_length(length)
    if unit not in UNITS:
        raise errors.UserError(
            f"unit={unit!r} is not known; {errors.choice(unit, UNITS)}"
        )
    own = _symbols(pathlib.Path(path), unit)
    held_out = len(own) // HELD_OUT
    if held_out < length:
        raise errors.UserError(
            f"length={length}, but {path} has {len(own)} {unit}, of which a tenth, "
            f"{held_out}, is held out and holds no window; give a longer text or "
            "shorter windows."
        )
    found, numbers = np.unique(own, return_inverse=True)
    symbols = tuple(map(chr, found))
    if unit == "bytes":
        symbols = tuple(repr(bytes([int(value)]))[2:-1] for value in found)
    sequences.require_vocabulary(symbols, vocabulary, str(path))
    size = len(symbols) if vocabulary is None else vocabulary
    train, test = (
        sequences.windows(part, length, size, most)
        for part in (numbers[:-held_out], numbers[-held_out:])
    )
    note = (
        f"{path}: {len(own):,} {unit}, {len(symbols)} different ones; windows of "
        f"{length}, the last tenth of the text held out"
    )
    return Text(train, test, symbols + ("",) * (size - len(symbols)), note)


def _symbols(path: pathlib.Path, unit: str) -> np.ndarray:
    """The code of each symbol of a file, `[M]` integers."""
    try:
        read = path.read_bytes()
    except OSError as error:
        raise errors.UserError(
            f"data_dir={path} cannot be read as a text ({error.strerror}); give the "
            "path of a file."
        ) from None
    if unit == "bytes":
        return np.frombuffer(read, np.uint8)
    try:
        # As UTF-32 every character is a number.
        coded = read.decode("utf-8").encode("utf-32-le")
    except UnicodeDecodeError as error:
        raise errors.UserError(
            f"{path} is not UTF-8: byte {error.start} is "
            f"0x{read[error.start]:02x}; convert it, or read it as bytes "
            "(unit='bytes')."
        ) from None
    return np.frombuffer(coded, np.uint32)
