"""One's own images: a `.npz` or `.npy` file, or a folder of PNG and JPEG files."""

import pathlib
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from jaxgan import errors
from jaxgan.data import images as image_folders
from jaxgan.data import resizing, shuffling

IMAGE_KEYS = ("train_images", "x_train", "images", "x", "arr_0")
"""Names in a `.npz` of the training images; the first that occurs is read."""

LABEL_KEYS = ("train_labels", "y_train", "labels", "label", "y")
TEST_IMAGE_KEYS = ("test_images", "x_test")
TEST_LABEL_KEYS = ("test_labels", "y_test")
"""Names of the labels and of the test part, all of which may be absent."""


class Part(NamedTuple):
    """Images and labels.

    Attributes:
      x: `[N, H, W, C]` uint8.
      label: `[N]` int32, or None.
    """

    x: np.ndarray
    label: np.ndarray | None = None


def load(
    path: str | pathlib.Path,
    *,
    image_size: tuple[int, int] | None = None,
    resize: str = "lanczos",
) -> tuple[Part, Part, int | None, tuple[str, ...] | None]:
    """Reads images from a file or a folder.

    A `.npz` file holds training images under the first of the names `IMAGE_KEYS` that
    it has, and if it likes labels (`LABEL_KEYS`), test images (`TEST_IMAGE_KEYS`) and
    their labels (`TEST_LABEL_KEYS`). A `.npy` file holds images alone.

    Images are `[N, H, W]` or `[N, H, W, C]`, either uint8 in 0..255 or floating-point
    in [0, 1] or in [-1, 1], where the second is meant if any value is negative. They
    are rounded to the nearest of 256 levels. Labels are integers, one per image, none
    negative; those that occur are renumbered from 0, where they do not count so
    already, and keep their own numbers as names. Files that need pickle are refused, as
    they could run code.

    A folder is described at `images.read`; one with the subfolders `train` and `test`
    has these as its parts.

    Where there is no test part, a tenth of each class is held out as one, at random by
    what the images are, see `shuffling.held_out`; both parts keep their order.

    Args:
      path: of the file or folder.
      image_size: `(H, W)` to which all are resized, or None to keep their size.
      resize: how, see `resizing.resizer`.

    Returns:
      The training and the test part, the number of classes, which is that of different
      labels or of subfolders, and the names of the classes. The last two are None
      without labels, and the names are where labels count from 0 without a gap.

    Raises:
      UserError: if nothing that can be read is there, values or labels are out of
        range, images differ in size, there are fewer than two, or a class has images
        in the test part alone.
    """
    path = pathlib.Path(path).expanduser()
    if not path.exists():
        raise errors.UserError(
            f"data_dir is {path}, which does not exist; give a .npz or .npy file or a "
            "folder of images."
        )
    if path.is_dir():
        train, test, num_classes, names = _folder(path, image_size, resize)
    elif path.suffix.lower() in (".npz", ".npy"):
        train, test, num_classes, names = _arrays(path)
        train, test = (
            part and part._replace(x=resizing.resize_all(part.x, image_size, resize))
            for part in (train, test)
        )
    else:
        raise errors.UserError(
            f"data_dir is {path}, a file that is neither .npz nor .npy; give one of "
            "these or a folder of images."
        )
    if test is None:
        train, test = _hold_out(path, train)
    if train.x.shape[1:] != test.x.shape[1:]:
        raise errors.UserError(
            f"The images of {path} are {train.x.shape[1:]} in training and "
            f"{test.x.shape[1:]} in test; make them alike, or give image_size=(H, W) "
            "where only their size differs."
        )
    return train, test, num_classes, names


def _folder(path, image_size, resize):
    if not all((path / part).is_dir() for part in ("train", "test")):
        found = image_folders.read(path, image_size=image_size, resize=resize)
        num_classes = len(found.classes) if found.classes else None
        return Part(found.x, found.label), None, num_classes, found.classes
    train, test = (
        image_folders.read(path / part, image_size=image_size, resize=resize)
        for part in ("train", "test")
    )
    if test.classes and train.classes != test.classes:
        raise errors.UserError(
            f"The subfolders of {path / 'test'} ({', '.join(test.classes)}) are not "
            f"those of {path / 'train'} ({', '.join(train.classes or ()) or 'none'}); "
            "make them the same, one per class."
        )
    num_classes = len(train.classes) if train.classes else None
    parts = Part(train.x, train.label), Part(test.x, test.label)
    return *parts, num_classes, train.classes


def _arrays(path: pathlib.Path):
    arrays = read_arrays(path)
    train, test = pick(arrays, IMAGE_KEYS), pick(arrays, TEST_IMAGE_KEYS)
    if train is None:
        raise errors.UserError(
            f"{path} has no array named {' or '.join(IMAGE_KEYS)} (found: "
            f"{', '.join(arrays) or 'nothing'}); rename the one with the images."
        )
    parts = [train] if test is None else [train, test]
    # One range for both parts, as a part may happen to have no negative value.
    signed = any([is_signed(path, *part) for part in parts])
    picked = [
        pick(arrays, names)
        for names, _ in zip((LABEL_KEYS, TEST_LABEL_KEYS), parts, strict=False)
    ]
    label = [
        named and read_labels(path, *named, len(x))
        for named, (_, x) in zip(picked, parts, strict=True)
    ]
    _check_trained(path, *label)
    label, num_classes, names = renumbered(label)
    train, *test = (
        Part(to_bytes(x, signed), values)
        for (_, x), values in zip(parts, label, strict=True)
    )
    if train.label is None:
        num_classes = names = None
    return train, test[0] if test else None, num_classes, names


def read_arrays(path: pathlib.Path) -> Mapping[str, np.ndarray]:
    """The arrays of a `.npz` of which the names are known, None for others.

    Of a `.npy` the array is called images, and is mapped rather than read.

    Raises:
      UserError: if the file cannot be read, or not without pickle.
    """
    wanted = {*IMAGE_KEYS, *LABEL_KEYS, *TEST_IMAGE_KEYS, *TEST_LABEL_KEYS}
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


def pick(
    arrays: Mapping[str, np.ndarray], names: tuple[str, ...]
) -> tuple[str, np.ndarray] | None:
    """The first of the names that there is, and its array."""
    return next(((name, arrays[name]) for name in names if name in arrays), None)


def is_signed(path: pathlib.Path, name: str, x: np.ndarray) -> bool:
    """Checks images and says whether they reach below zero.

    Raises:
      UserError: for other shapes, and values out of range.
    """
    if x.ndim not in (3, 4) or 0 in x.shape:
        raise errors.UserError(
            f"{name} of {path} has shape {x.shape}; images must be [N, H, W] or "
            "[N, H, W, C] with no empty axis."
        )
    if x.dtype == np.uint8:
        return False
    found = str(x.dtype)
    if np.issubdtype(x.dtype, np.floating):
        low, high = x.min(), x.max()
        if -1 <= low and high <= 1:
            return bool(low < 0)
        found += f" in [{low:g}, {high:g}]"
    raise errors.UserError(
        f"{name} of {path} is {found}; images must be uint8 in 0..255 or "
        "floating-point in [0, 1] or [-1, 1]."
    )


def to_bytes(x: np.ndarray, signed: bool) -> np.ndarray:
    """Images `[N, H, W, C]` uint8 of what `is_signed` has checked."""
    if x.dtype != np.uint8:
        x = x.astype(np.float32)
        x = np.rint((x + 1) * 127.5 if signed else x * 255).astype(np.uint8)
    return x if x.ndim == 4 else x[..., None]


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
      names; no names if nothing was renumbered, and neither K if there are no labels.
    """
    found = sorted(
        {value for own in label if own is not None for value in own.tolist()}
    )
    if not found:
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
    return tuple(
        Part(part.x[rows], None if part.label is None else part.label[rows])
        for rows in (~held_out, held_out)
    )
