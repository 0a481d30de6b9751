"""Single image files: which are read, and how, so that they are what a viewer shows."""

import functools
import os
import pathlib
import struct
import zlib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeVar

import numpy as np

from jaxgan.core import errors

FORMATS = ("AVIF", "BMP", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "TIFF", "WEBP")
"""Pillow's names of the formats that are read, as far as Pillow was built with them.
All begin with a signature and are decoded within the process; of Pillow's others some
start programs (EPS), hold several pictures (ICO) or know none of themselves (TGA)."""

GREY = ("1", "L", "LA", "La")
"""Pillow's modes of images without colour."""

DEEP = ("I", "F")
"""The first letter of Pillow's modes with more than 8 bits."""

BACKGROUND = "white"
"""What transparent images are laid over, as on a page."""

LATE = {b"eXIf", b"iTXt", b"tEXt", b"zTXt"}
"""Chunks of a PNG that may turn it, and may come after the pixels."""

ORIENTATION = 0x0112
"""The tag of EXIF that says how an image is turned."""

Read = TypeVar("Read")


class Header(NamedTuple):
    """What is known of an image without its pixels.

    Attributes:
      size: `(H, W)` as shown.
      grey: whether it has no colour.
    """

    size: tuple[int, int]
    grey: bool


@functools.cache
def suffixes() -> frozenset[str]:
    """Endings, in lower case, of the files that are read."""
    from PIL import Image

    known = Image.registered_extensions().items()
    return frozenset(
        suffix for suffix, name in known if name in FORMATS and name in Image.OPEN
    )


def header(path: pathlib.Path) -> Header:
    """Reads the header of an image, and decodes nothing unless it must.

    Raises:
      UserError: if it cannot be read, has more than 8 bits a channel or several frames.
    """
    return _open(path, functools.partial(_header, path))


def pixels(path: pathlib.Path, mode: str) -> np.ndarray:
    """Reads an image as a viewer shows it, `[H, W, C]` uint8.

    It is turned as its EXIF data say, and laid over white where it is transparent.
    Colour profiles are not applied.

    Args:
      path: of the file.
      mode: "L" for C = 1 or "RGB" for C = 3.

    Raises:
      UserError: if it cannot be read.
    """
    x = _open(path, functools.partial(_shown, mode=mode))
    return x if x.ndim == 3 else x[..., None]


def _open(path: pathlib.Path, use: Callable[[Any], Read]) -> Read:
    from PIL import Image

    try:
        # Pillow maps some TIFF files that it opens by name, and mixes up the pixels of
        # those that are turned.
        with path.open("rb") as raw, Image.open(raw, formats=FORMATS) as file:
            return use(file)
    # What Pillow raises for damaged files depends on where the damage is.
    except (
        OSError,
        SyntaxError,
        ValueError,
        EOFError,
        IndexError,
        TypeError,
        struct.error,
        zlib.error,
        Image.DecompressionBombError,
    ) as error:
        if isinstance(error, errors.UserError):
            raise
        raise errors.UserError(
            f"The image {path} cannot be read ({error}); repair or remove it."
        ) from error


def _header(path: pathlib.Path, file: Any) -> Header:
    if file.mode[0] in DEEP or _bits(path, file) > 8:
        raise errors.UserError(
            f"The image {path} has more than 8 bits a channel (mode {file.mode}); "
            "convert it to 8 bits."
        )
    # A camera's MPO is a photograph with previews behind it.
    if getattr(file, "is_animated", False) and file.format != "MPO":
        raise errors.UserError(
            f"The image {path} has {file.n_frames} frames; save those that are wanted "
            "as files of their own."
        )
    turned = file.format != "TIFF" and _orientation_before_loading(path, file) >= 5
    return Header(file.size if turned else file.size[::-1], file.mode in GREY)


def _bits(path: pathlib.Path, file: Any) -> int:
    """Bits of a channel in the file, of which Pillow drops some without a word."""
    if file.format == "TIFF":
        return max(file.tag_v2.get(258, (1,)))
    if file.format == "PPM":
        # The largest value comes last, where it is not 255.
        args = file.tile[0].args
        return int(args[-1]).bit_length() if isinstance(args, tuple) else 8
    if file.format == "PNG":
        with path.open("rb") as raw:
            return raw.read(25)[24]
    if file.format == "JPEG2000":
        content = path.read_bytes()
        return 1 + (content[content.index(b"\xff\x4f\xff\x51") + 42] & 0x7F)
    if file.format == "AVIF":
        content = path.read_bytes()
        deep = content[content.index(b"av1C") + 6] & 0x40
        return 10 if deep else 8
    return 8


def _orientation_before_loading(path: pathlib.Path, file: Any) -> int:
    from PIL import Image

    if file.format == "PNG" and not LATE & set(_after_pixels(path)):
        # Its own getexif would decode the pixels to get at what comes after them.
        return _orientation(file, Image.Image.getexif)
    return _orientation(file)


def _after_pixels(path: pathlib.Path) -> Iterator[bytes]:
    """The types of a PNG's chunks from the first with pixels on."""
    begun = False
    with path.open("rb") as file:
        file.seek(8)
        while len(head := file.read(8)) == 8:
            begun = begun or head[4:] == b"IDAT"
            if begun:
                yield head[4:]
            file.seek(int.from_bytes(head[:4]) + 4, os.SEEK_CUR)


def _orientation(file: Any, getexif: Callable[[Any], Any] | None = None) -> int:
    """1 to 8; 1, for not turned, too where EXIF data are damaged, as viewers do."""
    try:
        exif = file.getexif() if getexif is None else getexif(file)
        found = exif.get(ORIENTATION, 1)
    except (SyntaxError, ValueError, LookupError, TypeError, struct.error):
        return 1
    return found if found in range(1, 9) else 1


def _shown(file: Any, mode: str) -> np.ndarray:
    from PIL import Image

    file.load()
    way = Image.Transpose
    turns = {
        2: way.FLIP_LEFT_RIGHT,
        3: way.ROTATE_180,
        4: way.FLIP_TOP_BOTTOM,
        5: way.TRANSPOSE,
        6: way.ROTATE_270,
        7: way.TRANSVERSE,
        8: way.ROTATE_90,
    }
    turn, image = turns.get(_orientation(file)), file
    if image.has_transparency_data:
        # Pillow does not go from La, which is premultiplied, to RGBA at once.
        image = image.convert("LA") if image.mode == "La" else image
        image = image.convert("RGBA")
        below = Image.new("RGBA", image.size, BACKGROUND)
        image = Image.alpha_composite(below, image)
    image = image.convert(mode)
    return np.asarray(image if turn is None else image.transpose(turn))
