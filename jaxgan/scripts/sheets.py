"""Sheets: what a look at a generator shows, and the files it becomes."""

import pathlib
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from jaxgan import reports
from jaxgan.core import errors, files
from jaxgan.data import clips, sequences, wav
from jaxgan.reports import films
from jaxgan.scores import spectrograms
from jaxgan.scripts import writing

NUMBERS = (".npy", ".npz")


class Sheet(NamedTuple):
    """What there is to see.

    Attributes:
      panels: by title the samples of a panel, `[N, ...]`, images row by row.
      columns: images in a row.
      arrays: by name what a `.npz` keeps; `x` is also what a `.npy` does.
      column_names: below each grid, or None.
      film: `[T, N, H, W, C]` images that change, or None.
      real: `[M, D]` real points to draw others over, or None.
      said: what else there is to say, in a few words.
      sample_rate: of waveforms in Hz, or None for other samples.
      text: what the symbols of sequences are, or None for other samples.
    """

    panels: Mapping[str, np.ndarray]
    columns: int
    arrays: Mapping[str, np.ndarray]
    column_names: Sequence[str] | None = None
    film: np.ndarray | None = None
    real: np.ndarray | None = None
    said: str = ""
    sample_rate: int | None = None
    text: sequences.Sequences | None = None


def check(path: pathlib.Path, *, moves: bool) -> None:
    """Asks, before anything is computed, for a file that can hold a sheet.

    Args:
      path: the file.
      moves: whether the sheet is to have a film.

    Raises:
      UserError: for a film that cannot be written, or where nothing moves.
    """
    if moves and films.is_film(path):
        films.check(path)
    if not moves and path.suffix.lower() in films.VIDEOS:
        raise errors.UserError(
            f"what is shown does not move, so that it is no film for {path.suffix}; "
            "give the ending of a picture, such as .png."
        )


def save(path: pathlib.Path, sheet: Sheet, title: str | None = None) -> None:
    """Writes a sheet: as numbers, as a film, as a recording, in writing, or as a
    picture.

    Args:
      path: the file; its ending says which.
      sheet: to write.
      title: above a picture.

    Raises:
      UserError: for an ending that does not suit, and samples that have no picture.
    """
    x = next(iter(sheet.panels.values()))
    shape = np.shape(x)
    if path.suffix in NUMBERS:
        save_numbers(path, sheet.arrays)
    elif sheet.film is not None and films.is_film(path):
        films.save_film(path, sheet.film)
    elif sheet.sample_rate is not None and path.suffix.lower() == ".wav":
        wav.write(path, clips.in_a_row(x, sheet.sample_rate), sheet.sample_rate)
    elif sheet.sample_rate is not None and len(shape) == 3:
        shown = {
            name: spectrograms.pictures(own, sheet.sample_rate)
            for name, own in sheet.panels.items()
        }
        reports.save_image_grid(path, shown, sheet.columns, title)
    elif sheet.text is not None and path.suffix.lower() == ".txt":
        lines = "".join(f"{own}\n" for own in writing.escaped(sheet.text, x))
        path.write_text(lines, encoding="utf-8")
    elif sheet.text is not None:
        shown = {
            name: writing.pictures(sheet.text, np.asarray(own))
            for name, own in sheet.panels.items()
        }
        reports.save_image_grid(path, shown, writing.IN_A_ROW, title)
    elif len(shape) == 4:
        reports.save_image_grid(
            path, sheet.panels, sheet.columns, title, sheet.column_names
        )
    elif len(shape) == 2:
        reports.save_scatter(path, sheet.panels, sheet.real, title)
    else:
        raise errors.UserError(
            f"samples of shape {shape[1:]} have no picture; give --out FILE.npy."
        )


def save_numbers(path: pathlib.Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Writes all arrays into a `.npz`, or those named `x` into a `.npy`."""
    kept = {name: np.asarray(value) for name, value in arrays.items()}
    single = path.suffix == ".npy"

    def write(name: str) -> None:
        if single:
            np.save(name, kept["x"])
        else:
            np.savez(name, **kept)

    def verify(name: str) -> None:
        found = np.load(name)
        read = {"x": found} if single else found
        expected = {"x": kept["x"]} if single else kept
        same = all(
            np.array_equal(read[own], value, equal_nan=value.dtype.kind == "f")
            for own, value in expected.items()
        )
        files.require_faithful(same, path)

    files.write_whole(path, write, verify)
