"""A few samples of each trial, kept in the folder of a sweep to be looked at.

A population's samples are one file, `samples/GROUP.npz`, of the trials' names and of
images and videos in eight bits or points as they are: `x [P, n, ...]`.
"""

import pathlib
import zipfile
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from jaxgan.core import errors, files

FOLDER = "samples"
POINTS, IMAGES, VIDEOS = 256, 16, 8
"""How many are kept of a trial."""


def few(x: ArrayLike) -> np.ndarray:
    """The first samples of each member, as many as are kept.

    Args:
      x: `[P, n, H, W, C]` images, `[P, n, T, H, W, C]` videos or `[P, n, F]` points.
    """
    number = {5: IMAGES, 6: VIDEOS}.get(np.ndim(x), POINTS)
    return np.asarray(x[:, :number])


def save(folder: pathlib.Path, group: str, trials: Sequence[str], x: ArrayLike) -> None:
    """Keeps samples of a group's trials, beside those that are kept of others.

    Args:
      folder: of the sweep.
      group: its name.
      trials: names of P of its trials; what is kept of them is replaced.
      x: images or videos in [-1, 1], or points, as for `few`. What is not finite, as of
        a trial that died, becomes grey; points stay as they are.

    Raises:
      UserError: if there are not as many trials as members, or what is kept cannot be
        read.
    """
    x = np.asarray(x, np.float32)
    if len(x) != len(trials):
        raise errors.UserError(
            f"there are samples of {len(x)} members and {len(trials)} trials; give as "
            "many of each."
        )
    if x.ndim >= 5:
        x = np.where(np.isfinite(x), x, 0)
        x = np.rint((np.clip(x, -1, 1) + 1) * 127.5).astype(np.uint8)
    (folder / FOLDER).mkdir(exist_ok=True)
    kept = read(folder, [group]) | dict(zip(trials, x, strict=True))
    names, samples = np.array([*kept], str), np.stack([*kept.values()])
    path = folder / FOLDER / f"{group}.npz"

    def write(name: str) -> None:
        np.savez_compressed(name, trial=names, x=samples)

    def verify(name: str) -> None:
        found = _load(pathlib.Path(name))
        same = [*found] == [*kept] and all(
            np.array_equal(found[trial], kept[trial], equal_nan=True) for trial in kept
        )
        files.require_faithful(same, path)

    files.write_whole(path, write, verify)


def read(folder: pathlib.Path, groups: Iterable[str]) -> dict[str, np.ndarray]:
    """The samples of each trial, `[n, ...]`, of the groups that have any.

    Raises:
      UserError: if a file is not what `save` writes.
    """
    found: dict[str, np.ndarray] = {}
    for group in groups:
        path = folder / FOLDER / f"{group}.npz"
        if path.exists():
            found |= _load(path)
    return found


def _load(path: pathlib.Path) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as file:
            return dict(zip(file["trial"].tolist(), file["x"], strict=True))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        raise errors.UserError(
            f"{path} does not hold samples of trials; remove it."
        ) from None
