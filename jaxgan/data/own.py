"""One's own images: a `.npz` or `.npy` file, or a folder of image files."""

import pathlib
import zipfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from jaxgan.core import errors
from jaxgan.data import images as image_folders
from jaxgan.data import layouts, ranges, resizing, shuffling

IMAGE_KEYS = ("train_images", "x_train", "images", "x", "arr_0")
"""Names in a `.npz` of the training images; the first that occurs is read."""

LABEL_KEYS = ("train_labels", "y_train", "labels", "label", "y")
TEST_IMAGE_KEYS = ("test_images", "x_test")
TEST_LABEL_KEYS = ("test_labels", "y_test")
VALIDATION_IMAGE_KEYS = ("val_images", "x_val", "x_valid")
VALIDATION_LABEL_KEYS = ("val_labels", "y_val", "y_valid")
"""Names of the labels and of the test part, all of which may be absent. Images for
validation are the test part where there is no other."""


class Part(NamedTuple):
    """Images and labels.

    Attributes:
      x: `[N, H, W, C]` uint8.
      label: `[N]` int32, or None.
    """

    x: np.ndarray
    label: np.ndarray | None = None


class Loaded(NamedTuple):
    """What was read.

    Attributes:
      train: the training part.
      test: the test part.
      num_classes: K, of different labels or of subfolders; None without labels.
      class_names: K names; None without labels, and where labels count from 0 without
        a gap.
      notes: sentences for the user: how values were read, what was passed over, and
        which folders became which part.
    """

    train: Part
    test: Part
    num_classes: int | None
    class_names: tuple[str, ...] | None
    notes: tuple[str, ...]


class _Read(NamedTuple):
    """What was read, as one or two parts before any is held out."""

    parts: list[Part]
    num_classes: int | None
    class_names: tuple[str, ...] | None
    notes: tuple[str, ...]


def load(
    path: str | pathlib.Path,
    *,
    image_size: tuple[int, int] | None = None,
    resize: str = "lanczos",
    value_range: ranges.Range | None = None,
) -> Loaded:
    """Reads images from a file or a folder.

    A `.npz` file holds training images under the first of the names `IMAGE_KEYS` that
    it has, and if it likes labels (`LABEL_KEYS`), test images (`TEST_IMAGE_KEYS`, or
    else `VALIDATION_IMAGE_KEYS`) and their labels. A `.npy` file holds images alone.

    Images are `[N, H, W]` or `[N, H, W, C]`, either uint8 in 0..255, bool, or
    floating-point in [0, 1] or in [-1, 1]; which of these is told by all parts
    together, see `ranges.find`. They are rounded to the nearest of 256 levels. Labels
    are integers, one per image, none negative; those that occur are renumbered from 0,
    where they do not count so already, and keep their own numbers as names. Files that
    need pickle are refused, as they could run code.

    A folder has its parts in subfolders such as `train` and `test`, see
    `layouts.parts`, and is else described at `images.read`.

    Where there is no test part, a tenth of each class is held out as one, at random by
    what the images are, see `shuffling.held_out`; both parts keep their order.

    Args:
      path: of the file or folder.
      image_size: `(H, W)` to which all are resized, or None to keep their size.
      resize: how, see `resizing.resizer`.
      value_range: the values of black and white where they cannot be told, or None.

    Raises:
      UserError: if nothing that can be read is there, values or labels are out of
        range, images differ in size, there are fewer than two, or a class has images
        in the test part alone.
    """
    path = pathlib.Path(path).expanduser()
    if not path.exists():
        raise errors.UserError(
            f"data_dir is {path}, which does not exist; give a .npz or "
            ".npy file or a folder of images."
        )
    if path.is_dir():
        read = _folder(path, image_size, resize, value_range)
    elif path.suffix.lower() in (".npz", ".npy"):
        read = _arrays(path, value_range)
        parts = [
            part._replace(x=resizing.resize_all(part.x, image_size, resize))
            for part in read.parts
        ]
        read = read._replace(parts=parts)
    else:
        raise errors.UserError(
            f"data_dir is {path}, a file that is neither .npz nor .npy; "
            "give one of these or a folder of images."
        )
    parts = read.parts if len(read.parts) == 2 else _hold_out(path, *read.parts)
    train, test = parts
    if train.x.shape[1:] != test.x.shape[1:]:
        raise errors.UserError(
            f"The images of {path} are {train.x.shape[1:]} in training and "
            f"{test.x.shape[1:]} in test; make them alike, or give image_size=(H, W) "
            "where only their size differs."
        )
    return Loaded(train, test, *read[1:])


def _folder(path, image_size, resize, value_range) -> _Read:
    parts = layouts.parts(layouts.walk(path))
    found = image_folders.scan_parts(parts, image_size=image_size)
    decoded = [image_folders.decode(own, own.paths, resize=resize) for own in found]
    largest = max(int(x.max()) for x in decoded)
    values = ranges.of_bytes(f"The images in {path}", largest, value_range)
    classes = found[0].classes
    return _Read(
        [
            Part(ranges.to_bytes(x, values), own.label)
            for x, own in zip(decoded, found, strict=True)
        ],
        len(classes) if classes else None,
        classes,
        parts.notes,
    )


def _arrays(path: pathlib.Path, value_range) -> _Read:
    arrays = read_arrays(path)
    named = named_parts(arrays)
    if "train" not in named:
        raise errors.UserError(
            f"{path} has no array named {' or '.join(IMAGE_KEYS)} (found: "
            f"{', '.join(arrays) or 'nothing'}); rename the one with the images."
        )
    values, notes = range_of(path, arrays, named, value_range)
    label, num_classes, names = labels_of(path, arrays, named)
    parts = [
        Part(ranges.to_bytes(arrays[images], values), own)
        for (images, _), own in zip(named.values(), label, strict=True)
    ]
    return _Read(parts, num_classes, names, notes)


def read_arrays(path: pathlib.Path) -> Mapping[str, np.ndarray]:
    """The arrays of a `.npz` of which the names are known, None for others.

    Of a `.npy` the array is called images, and is mapped rather than read.

    Raises:
      UserError: if the file cannot be read, or not without pickle.
    """
    wanted = {
        *(*IMAGE_KEYS, *LABEL_KEYS, *TEST_IMAGE_KEYS, *TEST_LABEL_KEYS),
        *(*VALIDATION_IMAGE_KEYS, *VALIDATION_LABEL_KEYS),
    }
    try:
        if zipfile.is_zipfile(path) != (path.suffix.lower() == ".npz"):
            raise ValueError("its content is not what its ending says")
        if path.suffix.lower() == ".npy":
            # An array that is mapped is read when it is copied, once.
            return {"images": np.load(path, mmap_mode="r", allow_pickle=False)}
        # Opened here, as NumPy leaves a damaged file open.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as found:
            return {name: found[name] if name in wanted else None for name in found}
    # The last two are of a .npz that is encrypted or compressed in an unknown way.
    except (
        *(OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error),
        *(RuntimeError, NotImplementedError),
    ) as error:
        raise errors.UserError(
            f"{path} cannot be read ({error}); write it with np.save or np.savez, as "
            "arrays of numbers."
        ) from error


def named_parts(
    arrays: Mapping[str, np.ndarray],
) -> dict[str, tuple[str, str | None]]:
    """The names of the images and of the labels, or None, of "train" and "test".

    A part without images is left out.
    """

    def first(names: tuple[str, ...]) -> str | None:
        return next((name for name in names if name in arrays), None)

    train = first(IMAGE_KEYS), first(LABEL_KEYS)
    test = first(TEST_IMAGE_KEYS), first(TEST_LABEL_KEYS)
    validation = first(VALIDATION_IMAGE_KEYS), first(VALIDATION_LABEL_KEYS)
    found = {"train": train, "test": test if test[0] else validation}
    return {part: names for part, names in found.items() if names[0]}


def range_of(
    path: pathlib.Path,
    arrays: Mapping[str, np.ndarray],
    named: Mapping[str, tuple[str, str | None]],
    asked: ranges.Range | None = None,
) -> tuple[ranges.Range, tuple[str, ...]]:
    """The range of the images of all parts, and sentences on what is read and how.

    Args:
      path: of the file, for messages.
      arrays: of it.
      named: from `named_parts`.
      asked: see `ranges.find`.

    Raises:
      UserError: for other shapes than those of images, and as `ranges.find`.
    """
    found = {images: arrays[images] for images, _ in named.values()}
    for name, x in found.items():
        check_shape(path, name, x)
    values = ranges.find(path, found, asked)
    notes = passed_over(path, arrays, named)
    if values != ranges.BYTES:
        notes += (f"{' and '.join(found)} of {path}: read as {ranges.shown(values)}",)
    return values, notes


def passed_over(
    path: pathlib.Path,
    arrays: Iterable[str],
    named: Mapping[str, Iterable[str | None]],
) -> tuple[str, ...]:
    """A sentence about arrays that are not read, if there are such."""
    read = {name for names in named.values() for name in names}
    left = [name for name in arrays if name not in read]
    if not left:
        return ()
    return (
        f"passed over in {path}, as what is read has other names: {', '.join(left)}",
    )


def check_shape(path: pathlib.Path, name: str, x: np.ndarray) -> None:
    """Asks for the shape of images.

    Raises:
      UserError: for others.
    """
    if x.ndim not in (3, 4) or 0 in x.shape:
        raise errors.UserError(
            f"{name} of {path} has shape {x.shape}; images must be [N, H, W] or "
            "[N, H, W, C] with no empty axis."
        )


def labels_of(
    path: pathlib.Path,
    arrays: Mapping[str, np.ndarray],
    named: Mapping[str, tuple[str, str | None]],
) -> tuple[list[np.ndarray | None], int | None, tuple[str, ...] | None]:
    """The labels of all parts, as `renumbered` gives them; none without those of train.

    Args:
      path: of the file, for messages.
      arrays: of it.
      named: from `named_parts`.

    Raises:
      UserError: as `read_labels`, and if a class is tested and not trained.
    """
    read = [
        None if name is None else read_labels(path, name, arrays[name], len(arrays[x]))
        for x, name in named.values()
    ]
    _check_trained(path, *read)
    label, num_classes, names = renumbered(read)
    return label, *((None, None) if label[0] is None else (num_classes, names))


def read_labels(
    path: pathlib.Path, name: str, label: np.ndarray, num_samples: int
) -> np.ndarray:
    """Checks labels and brings them to `[N]`, with the numbers that they have.

    Raises:
      UserError: for other shapes, and values out of range.
    """
    flat = label[:, 0] if label.ndim == 2 and label.shape[1] == 1 else label
    if flat.shape != (num_samples,) or not np.issubdtype(flat.dtype, np.integer):
        raise errors.UserError(
            f"{name} of {path} is {label.dtype} of shape {label.shape}; labels must be "
            f"integers of shape ({num_samples},), one per image."
        )
    if flat.min() < 0:
        raise errors.UserError(
            f"{name} of {path} runs from {flat.min()} to {flat.max()}; labels must not "
            "be negative, so leave out images whose class is not known."
        )
    return flat


def renumbered(
    label: Sequence[np.ndarray | None],
) -> tuple[list[np.ndarray | None], int | None, tuple[str, ...] | None]:
    """Labels of several parts, brought to 0 ... K-1 together, in the order they have.

    Args:
      label: of each part `[N]` integers, or None.

    Returns:
      Those of each part as int32, K, and the numbers that the classes had as their
      names; no names if nothing was renumbered, and no labels either if there is but
      one class, as a folder of one class has none.
    """
    found = sorted(
        {value for own in label if own is not None for value in own.tolist()}
    )
    if len(found) < 2:
        return [None for _ in label], None, None
    place = {value: i for i, value in enumerate(found)}
    new = [
        None
        if own is None
        else np.array([place[value] for value in own.tolist()], "i4")
        for own in label
    ]
    counted = found[-1] == len(found) - 1
    return new, len(found), None if counted else tuple(map(str, found))


def _check_trained(path: pathlib.Path, train, test=None) -> None:
    """Asks for training images of all classes that are tested."""
    if train is None or test is None:
        return
    missing = sorted(set(test.tolist()) - set(train.tolist()))
    if missing:
        raise errors.UserError(
            f"{path} has test images of label {missing[0]}, but no training images"
            f"{f', and so of {len(missing) - 1} labels more' if missing[1:] else ''}; "
            "add some, or leave these test images out."
        )


def _hold_out(path: pathlib.Path, part: Part) -> tuple[Part, Part]:
    if len(part.x) < 2:
        raise errors.UserError(
            f"{path} holds {len(part.x)} image; at least 2 are needed, as a tenth is "
            "held out."
        )
    held_out = shuffling.held_out(part.x, part.label)
    if not held_out.any():
        raise errors.UserError(
            f"{path} holds one image of each of its {len(part.x)} classes, so that "
            "none can be held out; add images, or a test part."
        )
    train, test = (
        Part(part.x[rows], None if part.label is None else part.label[rows])
        for rows in (~held_out, held_out)
    )
    return train, test
