"""What is to be seen of videos: strips of their frames, and films."""

import pathlib
from collections.abc import Mapping

import numpy as np

from jaxgan.reports import films

STRIPS = 8
"""Videos that a page shows as strips."""

COLUMNS = 8
"""Videos in a row of a film."""

GAP = 1
"""Pixels between two frames of a strip, grey."""


def first_strips(x: np.ndarray) -> np.ndarray:
    """The first `STRIPS` videos as `strips`."""
    return strips(x[:STRIPS])


def strips(x: np.ndarray) -> np.ndarray:
    """Videos as images: their frames side by side, from left to right.

    Args:
      x: `[N, T, H, W, C]` in [-1, 1].

    Returns:
      `[N, H, T (W + GAP) - GAP, C]`.
    """
    x = np.asarray(x)
    number, frames, height, width, channels = x.shape
    spaced = np.zeros((number, height, frames, width + GAP, channels), x.dtype)
    spaced[:, :, :, :width] = np.moveaxis(x, 1, 2)
    return spaced.reshape(number, height, -1, channels)[:, :, :-GAP]


def keep(folder: pathlib.Path, samples: Mapping[str, np.ndarray]) -> None:
    """Writes `samples-TITLE.gif` and `.webp`, sheets of videos with all their frames.

    Args:
      folder: of the run.
      samples: by title `[N, T, H, W, C]` in [-1, 1].
    """
    for title, x in samples.items():
        sheet = np.moveaxis(np.asarray(x), 1, 0)
        name = f"samples-{title.replace(' ', '-')}"
        for ending in films.FORMATS:
            films.save_film(folder / f"{name}{ending}", sheet, COLUMNS)
