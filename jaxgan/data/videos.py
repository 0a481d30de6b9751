"""One's own videos: a `.npz` or `.npy` file, or folders of frames."""

import collections
import hashlib
import pathlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from jaxgan.core import errors
from jaxgan.data import images as image_folders
from jaxgan.data import layouts, own, ranges, resizing, shuffling

Films = list[np.ndarray]
"""Videos of any lengths, each `[T, H, W, C]` uint8."""


class Part(NamedTuple):
    """Videos before they are cut into pieces.

    Attributes:
      films: N of them.
      label: `[N]` int32, or None.
    """

    films: Films
    label: np.ndarray | None = None


class _Read(NamedTuple):
    """What was read, as one or two parts before any is held out."""

    parts: list[Part]
    num_classes: int | None
    class_names: tuple[str, ...] | None
    notes: tuple[str, ...]


def load(
    path: str | pathlib.Path,
    *,
    num_frames: int | None = None,
    image_size: tuple[int, int] | None = None,
    resize: str = "lanczos",
    value_range: ranges.Range | None = None,
) -> own.Loaded:
    """Reads videos from a file or a folder.

    A file holds arrays as `own.load` says, of videos `[N, T, H, W]` or
    `[N, T, H, W, C]`, with a label for each if it likes.

    Of a folder, every subfolder with images in it is a video, whose frames they are, in
    natural order. If such folders lie in others, these are classes; if the images lie
    in the folder itself, it is one video. Parts called train and test are found as
    `layouts.parts` says.

    Where there is no test part, a tenth of the videos of each class is held out, at
    random by what they are; of a single video, the last tenth of its pieces. Pieces of
    one video never are in both parts but so.

    Args:
      path: of the file or folder.
      num_frames: T; each video is cut into pieces of so many frames, from its
        beginning, and what is left at its end is left out. None for all frames, of
        which all videos then have as many.
      image_size: `(H, W)` to which all frames are resized, or None to keep their size.
      resize: how, see `resizing.resizer`.
      value_range: the values of black and white where they cannot be told, or None.

    Returns:
      As `own.load`, with `x` `[N, T, H, W, C]` uint8.

    Raises:
      UserError: if nothing that can be read is there, videos differ in size, or in
        length without `num_frames`, one is shorter than that or does not move as it has
        one frame, values or labels are out of range, or none can be held out.
    """
    path = pathlib.Path(path).expanduser()
    if not path.exists():
        raise errors.UserError(
            f"data_dir is {path}, which does not exist; give a .npz or .npy file or a "
            "folder of videos."
        )
    if num_frames is not None and num_frames < 2:
        raise errors.UserError(
            f"num_frames={num_frames} must be at least 2, as one frame does not move."
        )
    if path.is_dir():
        read = _folder(path, image_size, resize, value_range)
    elif path.suffix.lower() in (".npz", ".npy"):
        read = _arrays(path, image_size, resize, value_range)
    else:
        raise errors.UserError(
            f"data_dir is {path}, a file that is neither .npz nor .npy; give one of "
            "these or a folder with a subfolder of frames for each video."
        )
    shapes = {film.shape[1:] for part in read.parts for film in part.films}
    if len(shapes) > 1:
        raise errors.UserError(
            f"the videos of {path} have frames of {_listed(shapes)}; make them alike, "
            "or give image_size=(H, W) where only their size differs."
        )
    length = _length(path, read.parts) if num_frames is None else num_frames
    train, test = _pieces(path, read.parts, length)
    return own.Loaded(train, test, *read[1:])


def _arrays(path: pathlib.Path, image_size, resize, value_range) -> _Read:
    arrays = own.read_arrays(path)
    named = own.named_parts(arrays)
    if "train" not in named:
        raise errors.UserError(
            f"{path} has no array named {' or '.join(own.IMAGE_KEYS)} (found: "
            f"{', '.join(arrays) or 'nothing'}); rename the one with the videos."
        )
    for name, _ in named.values():
        _check_shape(path, name, arrays[name])
    frames = {
        name: arrays[name].reshape(-1, *arrays[name].shape[2:])
        for name, _ in named.values()
    }
    values = ranges.find(path, frames, value_range)
    notes = own.passed_over(path, arrays, named)
    if values != ranges.BYTES:
        notes += (f"{' and '.join(frames)} of {path}: read as {ranges.shown(values)}",)
    label, num_classes, names = own.labels_of(path, arrays, named)
    parts = []
    for (name, _), labels in zip(named.values(), label, strict=True):
        x = ranges.to_bytes(frames[name], values)
        x = resizing.resize_all(x, image_size, resize)
        films = x.reshape(*arrays[name].shape[:2], *x.shape[1:])
        parts.append(Part(list(films), labels))
    return _Read(parts, num_classes, names, notes)


def _check_shape(path: pathlib.Path, name: str, x: np.ndarray) -> None:
    if x.ndim not in (4, 5) or 0 in x.shape:
        raise errors.UserError(
            f"{name} of {path} has shape {x.shape}; videos must be [N, T, H, W] or "
            "[N, T, H, W, C] with no empty axis."
        )


def _folder(path: pathlib.Path, image_size, resize, value_range) -> _Read:
    found = layouts.parts(layouts.walk(path))
    trees = [tree for tree in (found.train, found.test) if tree is not None]
    folders = [_folders(tree) for tree in trees]
    label, classes = _classes(path, trees, folders)
    scanned = [image_folders.scan(tree, image_size=image_size) for tree in trees]
    mode = "RGB" if any(one.mode == "RGB" for one in scanned) else "L"
    decoded = [
        image_folders.decode(one._replace(mode=mode), one.paths, resize=resize)
        for one in scanned
    ]
    largest = max(int(x.max()) for x in decoded)
    values = ranges.of_bytes(f"The frames in {path}", largest, value_range)
    parts = []
    for x, counts, labels in zip(decoded, folders, label, strict=True):
        ends = np.cumsum(list(counts.values()))[:-1]
        parts.append(Part(np.split(ranges.to_bytes(x, values), ends), labels))
    return _Read(parts, len(classes) if classes else None, classes, found.notes)


def _folders(tree: layouts.Tree) -> dict[tuple[str, ...], int]:
    """The folder of each video below a part's, and how many frames it has."""
    found = collections.Counter(image[:-1] for image in tree.images)
    depths = {len(folder): folder for folder in found}
    if len(depths) > 1 or max(depths) > 2:
        said = " and ".join(str(pathlib.Path(*folder)) for folder in depths.values())
        raise errors.UserError(
            f"{tree.folder} has frames in {said}; give each video a subfolder with its "
            "frames, or each class one with its videos."
        )
    return dict(found)


def _classes(
    path: pathlib.Path,
    trees: Sequence[layouts.Tree],
    folders: Sequence[dict[tuple[str, ...], int]],
) -> tuple[list[np.ndarray | None], tuple[str, ...] | None]:
    """Labels of the videos of each part, and the classes' names, or None of both."""
    named = [[own[0] if len(own) == 2 else None for own in part] for part in folders]
    known = tuple(dict.fromkeys(name for name in named[0] if name is not None))
    # Where a part has but one class, `layouts.parts` takes its folder for the part's.
    named = [
        [tree.folder.name if tree.folder.name in known else own for own in part]
        for tree, part in zip(trees, named, strict=True)
    ]
    test = named[1:]
    new = [name for part in test for name in part if name not in (None, *known)]
    if new:
        raise errors.UserError(
            f"{path} has test videos of the class {new[0]}, but no training videos; "
            "add some, or leave these test videos out."
        )
    if len(known) < 2:
        return [None for _ in folders], None
    label = [
        None if None in part else np.array([known.index(own) for own in part], np.int32)
        for part in named
    ]
    return label, known


def _length(path: pathlib.Path, parts: Sequence[Part]) -> int:
    """The frames that all videos have."""
    lengths = sorted({len(film) for part in parts for film in part.films})
    if len(lengths) > 1:
        raise errors.UserError(
            f"the videos of {path} have {lengths[0]} to {lengths[-1]} frames; give "
            "num_frames=T to cut them into pieces of so many."
        )
    if lengths[0] < 2:
        raise errors.UserError(
            f"the videos of {path} have one frame each, which does not move; put all "
            "frames of a video into one folder."
        )
    return lengths[0]


def _pieces(
    path: pathlib.Path, parts: Sequence[Part], length: int
) -> tuple[own.Part, own.Part]:
    """The training and the test part, cut into pieces of a length."""
    for part in parts:
        shortest = min(map(len, part.films))
        if shortest < length:
            raise errors.UserError(
                f"{path} has a video of {shortest} frames, fewer than "
                f"num_frames={length}; leave it out, or ask for fewer."
            )
    if len(parts) == 2:
        train, test = (_cut(part, length) for part in parts)
        return train, test
    (part,) = parts
    if len(part.films) > 1:
        return _hold_out(path, part, length)
    pieces = _cut(part, length)
    number = max(1, round(len(pieces.x) / shuffling.HELD_OUT))
    if number == len(pieces.x):
        raise errors.UserError(
            f"{path} holds one video of {len(part.films[0])} frames; at least two, or "
            "two pieces of it by num_frames=T, are needed, as a tenth is held out."
        )
    return own.Part(pieces.x[:-number]), own.Part(pieces.x[-number:])


def _hold_out(path: pathlib.Path, part: Part, length: int) -> tuple[own.Part, own.Part]:
    digests = [hashlib.sha256(film.tobytes()).digest() for film in part.films]
    chosen = shuffling.held_out(
        np.stack([np.frombuffer(own, np.uint8) for own in digests]), part.label
    )
    if not chosen.any():
        raise errors.UserError(
            f"{path} holds one video of each of its {len(part.films)} classes, so that "
            "none can be held out; add videos, or a test part."
        )
    train, test = (
        Part(
            [part.films[i] for i in np.flatnonzero(rows)],
            None if part.label is None else part.label[rows],
        )
        for rows in (~chosen, chosen)
    )
    return _cut(train, length), _cut(test, length)


def _cut(part: Part, length: int) -> own.Part:
    """Pieces `[N, length, H, W, C]` of all videos, each with its video's label."""
    counts = [len(film) // length for film in part.films]
    x = np.concatenate(
        [
            film[: count * length].reshape(count, length, *film.shape[1:])
            for film, count in zip(part.films, counts, strict=True)
        ]
    )
    return own.Part(x, None if part.label is None else np.repeat(part.label, counts))


def _listed(shapes: set[tuple[int, ...]]) -> str:
    return " and ".join(" x ".join(map(str, shape)) for shape in sorted(shapes))
