"""One's own recordings: folders of WAV files, with a subfolder per class or without.

Which subfolders are parts and which are classes is told as for images, see `layouts`.
"""

import pathlib

import numpy as np

from jaxgan.core import errors
from jaxgan.data import clips, layouts, shuffling, wav

KINDS = (".wav", ".wave")


def load(folder: pathlib.Path, form: clips.Form) -> clips.Loaded:
    """Reads the `.wav` files of a folder.

    Where there is no test part, a tenth of each class is held out, see
    `shuffling.held_out`.

    Args:
      folder: with recordings of one channel and, unless `form.sample_rate` says to
        which all are brought, of one sample rate.
      form: of the clips; where its `pad` is None, shorter recordings are refused.

    Raises:
      UserError: if there is no such folder or a file cannot be read, as `clips.make`,
        if there are fewer than two recordings, or if the test part has a class that is
        never trained.
    """
    folder = folder.expanduser()
    if not folder.is_dir():
        raise errors.UserError(
            f"data_dir is {folder}, which is no folder; give one of .wav files."
        )
    parts = layouts.parts(layouts.walk(folder, KINDS, "recordings"))
    trees = [tree for tree in (parts.train, parts.test) if tree is not None]
    listed = [layouts.classes(tree) for tree in trees]
    paths = [path for found, _, _ in listed for path in found]
    form = form._replace(pad=form.pad or "refuse")
    read = [wav.read(path) for path in paths]
    x, rate, notes = clips.make(read, list(map(str, paths)), form)
    label, names = _labels(folder, listed)
    test = np.arange(len(x)) >= len(listed[0][0])
    if len(listed) == 1:
        test = _held_out(folder, x, label)
    by_part = [None if label is None else label[rows] for rows in (~test, test)]
    return clips.Loaded(
        *(x[~test], by_part[0], x[test], by_part[1]),
        None if names is None else len(names),
        names,
        rate,
        (*parts.notes, *notes),
    )


def _labels(
    folder: pathlib.Path, listed: list[tuple]
) -> tuple[np.ndarray | None, tuple[str, ...] | None]:
    """The labels of all parts, by the classes of the first; none of a single class."""
    names = listed[0][2]
    if any(own is None for _, own, _ in listed) or len(names) < 2:
        return None, None
    place = {name: i for i, name in enumerate(names)}
    unknown = [name for _, _, own in listed for name in own if name not in place]
    if unknown:
        raise errors.UserError(
            f"{folder} has test recordings of {unknown[0]!r}, but no training ones; "
            "add some, or leave these out."
        )
    label = [place[own[i]] for _, found, own in listed for i in found]
    return np.array(label, np.int32), names


def _held_out(
    folder: pathlib.Path, x: np.ndarray, label: np.ndarray | None
) -> np.ndarray:
    held_out = shuffling.held_out(x, label)
    if not held_out.any():
        raise errors.UserError(
            f"{folder} holds {len(x)} recordings, of which none can be held out; add "
            "recordings, or a folder 'test' beside one called 'train'."
        )
    return held_out
