"""Films: sheets of images that change, as animated GIF or WebP.

Pillow writes them. It writes no MP4, and nothing else that jaxgan depends on does:
`ffmpeg -i film.webp film.mp4` makes one where ffmpeg is installed.
"""

import math
import os
import pathlib

import numpy as np
from jax.typing import ArrayLike

from jaxgan.core import errors, files
from jaxgan.reports import pictures

FORMATS = {
    ".gif": {"disposal": 1, "optimize": False},
    ".webp": {"lossless": True, "minimize_size": True},
}
"""By the ending what Pillow is told: a GIF has 256 colours, a WebP keeps all."""

VIDEOS = (".mp4", ".m4v", ".mov", ".mkv", ".avi", ".webm", ".mpg", ".mpeg")
"""Endings of films that are not written here."""

PER_SECOND = 12

HEIGHT = 320
"""Pixels to which small sheets are enlarged, by a whole factor."""


def is_film(path: str | os.PathLike) -> bool:
    """Whether the ending is that of a film, also of one that cannot be written."""
    return pathlib.Path(path).suffix.lower() in (*FORMATS, *VIDEOS)


def check(path: str | os.PathLike) -> None:
    """Asks for a format that can be written.

    Raises:
      UserError: for another ending.
    """
    ending = pathlib.Path(path).suffix
    if ending.lower() not in FORMATS:
        raise errors.UserError(
            f"films are written as {' or '.join(FORMATS)} and not as {ending}; give "
            "one of these endings, of which ffmpeg, for one, makes a video."
        )


def save_film(
    path: str | os.PathLike, x: ArrayLike, columns: int | None = None
) -> None:
    """Saves images that change, side by side, as a film that begins anew at its end.

    Args:
      path: the file, `.gif` or `.webp`.
      x: `[T, N, H, W, C]` in [-1, 1], T frames of N images each.
      columns: images in a row; None for about as many as rows.

    Raises:
      UserError: for another ending or shape.
    """
    from PIL import Image

    check(path)
    x = np.asarray(x)
    if x.ndim != 5 or 0 in x.shape:
        raise errors.UserError(
            f"x has shape {x.shape}; a film is of images [frames, N, H, W, C]."
        )
    columns = columns or math.ceil(math.sqrt(x.shape[1]))
    frames = [Image.fromarray(_sheet(own, columns)) for own in x]
    first, size = frames[0], frames[0].size

    def write(name: str) -> None:
        options = FORMATS[pathlib.Path(path).suffix.lower()]
        milliseconds = round(1000 / PER_SECOND)
        first.save(
            name,
            save_all=True,
            append_images=frames[1:],
            duration=milliseconds,
            loop=0,
            **options,
        )

    def verify(name: str) -> None:
        # Equal frames that follow each other are one that lasts longer.
        with Image.open(name) as film:
            files.require_faithful(film.size == size, path)

    files.write_whole(path, write, verify)


def _sheet(x: np.ndarray, columns: int) -> np.ndarray:
    """One frame, uint8 `[H', W']` or `[H', W', 3]`, large enough to be seen."""
    grid = pictures.image_grid(x, columns)
    factor = max(1, HEIGHT // grid.shape[0])
    grid = grid.repeat(factor, axis=0).repeat(factor, axis=1)
    return grid[..., 0] if grid.shape[-1] == 1 else grid
