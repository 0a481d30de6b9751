"""WAV files: reading integer samples of 8 to 32 bits, and writing those of 16.

Python's own `wave` finds the samples in a file and NumPy decodes them, so that no
library is needed for the format in which nearly all recordings come. What `wave` does
not know (samples that are floating-point or compressed) is refused in a sentence.
"""

import os
import pathlib
import wave
from typing import BinaryIO, NamedTuple

import numpy as np
from jax.typing import ArrayLike

from jaxgan.core import errors, files

FULL_SCALE = 32768
"""Of 16 bits: the number that stands for 1."""

WAY_OUT = "write it as WAV with integer samples, such as 16-bit PCM"


class Wave(NamedTuple):
    """A recording.

    Attributes:
      x: `[N]` float32 in [-1, 1), one channel; samples of up to 24 bits are exact.
      sample_rate: samples a second.
    """

    x: np.ndarray
    sample_rate: int


def read(file: pathlib.Path | BinaryIO, name: str | None = None) -> Wave:
    """Reads a recording of one channel.

    Args:
      file: path, or an open file.
      name: of it in messages; None for its path.

    Raises:
      UserError: if it is no such file, holds no samples or fewer than it says, or has
        several channels, samples of more than 32 bits or none a second.
    """
    name = str(file) if name is None else name
    try:
        opened = os.fspath(file) if isinstance(file, pathlib.Path) else file
        with wave.open(opened, "rb") as found:
            header, raw = found.getparams(), found.readframes(found.getnframes())
    except (OSError, EOFError, wave.Error) as error:
        why = str(error) or "it ends too early"
        raise errors.UserError(f"{name} cannot be read ({why}); {WAY_OUT}.") from None
    if header.nchannels != 1:
        raise errors.UserError(
            f"{name} has {header.nchannels} channels, but recordings must have one; "
            "mix them down to mono, or write the channels as files of their own."
        )
    if not 1 <= header.sampwidth <= 4 or header.framerate < 1:
        raise errors.UserError(
            f"{name} has {8 * header.sampwidth}-bit samples, {header.framerate} a "
            f"second, but has to have 8 to 32 bits and at least 1; {WAY_OUT}."
        )
    if len(raw) != header.nframes * header.sampwidth or not raw:
        raise errors.UserError(
            f"{name} says that it holds {header.nframes:,} samples and holds "
            f"{len(raw) // header.sampwidth:,}; write it anew, or leave it out."
        )
    return Wave(_decoded(raw, header.sampwidth), header.framerate)


def _decoded(raw: bytes, width: int) -> np.ndarray:
    """Little-endian integers of so many bytes as float32 in [-1, 1)."""
    if width == 1:  # the only ones without a sign
        return (np.frombuffer(raw, np.uint8).astype(np.float32) - 128) / 128
    # The highest bytes of 32 bits, so that all widths have the same scale.
    wide = np.zeros((len(raw) // width, 4), np.uint8)
    wide[:, 4 - width :] = np.frombuffer(raw, np.uint8).reshape(-1, width)
    return (wide.view("<i4")[:, 0] / 2.0**31).astype(np.float32)


def to_int16(x: ArrayLike) -> np.ndarray:
    """Rounds samples from [-1, 1] to 16 bits, the inverse of `dataset.to_float`.

    Args:
      x: floating-point of any shape; values outside of [-1, 1) are clipped.
    """
    scaled = np.rint(np.asarray(x, np.float64) * FULL_SCALE)
    return np.clip(scaled, -FULL_SCALE, FULL_SCALE - 1).astype(np.int16)


def write(path: pathlib.Path, x: ArrayLike, sample_rate: int) -> None:
    """Writes a recording as 16-bit PCM of one channel.

    Args:
      path: of the file, whose place is taken if it is there.
      x: `[N]` floating-point; values outside of [-1, 1) are clipped.
      sample_rate: samples a second.
    """

    def fill(own: str) -> None:
        with wave.open(own, "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(sample_rate)
            file.writeframes(to_int16(x).astype("<i2").tobytes())

    files.write_whole(path, fill)
