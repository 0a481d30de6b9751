"""Folders of image files, with a subfolder per class or without classes."""

import pathlib
from collections.abc import Sequence
from concurrent import futures
from typing import NamedTuple

import numpy as np

from jaxgan.core import errors
from jaxgan.data import formats, layouts, resizing


class Images(NamedTuple):
    """Images of a folder.

    Attributes:
      x: `[N, H, W, C]` uint8, C = 1 if all are grey, else 3.
      label: `[N]` int32, which of `classes`, or None.
      classes: the names of the subfolders in natural order, or None if the images lie
        in the folder itself.
    """

    x: np.ndarray
    label: np.ndarray | None
    classes: tuple[str, ...] | None


class Listing(NamedTuple):
    """The images of a folder, none of them decoded.

    Attributes:
      paths: of the N files, in their order.
      label: `[N]` int32, which of `classes`, or None.
      classes: as of `Images`.
      mode: "L" or "RGB", to which all are brought.
      size: `(H, W)`, likewise.
    """

    paths: tuple[pathlib.Path, ...]
    label: np.ndarray | None
    classes: tuple[str, ...] | None
    mode: str
    size: tuple[int, int]


def read(
    tree: layouts.Tree,
    *,
    image_size: tuple[int, int] | None = None,
    resize: str = "lanczos",
) -> Images:
    """Reads the image files of a folder, all that `formats.suffixes` names.

    Files in the folder itself have no labels. Otherwise each subfolder that holds
    images, at any depth, is a class; classes and files are in natural order, "2" before
    "10". Images are as a viewer shows them, see `formats.pixels`: turned by their EXIF
    data, and over white where they are transparent. They are grey if all of them are;
    if one has colour, all become RGB.

    Args:
      tree: the folder, from `layouts`.
      image_size: `(H, W)` to which all are resized, or None if they are of one size.
      resize: how, see `resizing.resizer`.

    Raises:
      UserError: if images lie both in the folder and in subfolders, one cannot be read,
        has more than 8 bits a channel or several frames, or sizes differ and there is
        no `image_size`.
    """
    found = scan(tree, image_size=image_size)
    x = decode(found, found.paths, resize=resize)
    return Images(x, found.label, found.classes)


def scan(tree: layouts.Tree, *, image_size: tuple[int, int] | None = None) -> Listing:
    """Looks at the header of each image of a folder, and decodes none.

    Args:
      tree: as for `read`.
      image_size: likewise.

    Raises:
      UserError: as `read`, but for damage behind the header.
    """
    paths, label, classes = layouts.classes(tree)
    with futures.ThreadPoolExecutor() as threads:
        headers = list(threads.map(formats.header, paths))
    mode = "L" if all(header.grey for header in headers) else "RGB"
    size = image_size or _common_size(paths, [header.size for header in headers])
    return Listing(paths, label, classes, mode, tuple(size))


def scan_parts(
    parts: layouts.Parts, *, image_size: tuple[int, int] | None = None
) -> list[Listing]:
    """Looks at the training part and, if there is one, the test part, as `scan` does.

    What they are brought to is the same: colour, and the labels, which are those of the
    training part. One class that both have is none.

    Raises:
      UserError: as `scan`, and if the test part has a class that is never trained.
    """
    trees = [tree for tree in (parts.train, parts.test) if tree is not None]
    found = [scan(tree, image_size=image_size) for tree in trees]
    mode = "RGB" if any(own.mode == "RGB" for own in found) else "L"
    train, *test = (own._replace(mode=mode) for own in found)
    if not test:
        return [train]
    if test[0].classes is not None:
        test = [_labelled_alike(parts, train, test[0])]
    if len(train.classes or ()) == 1:
        return [own._replace(label=None, classes=None) for own in (train, *test)]
    return [train, *test]


def decode(
    found: Listing, paths: Sequence[pathlib.Path], *, resize: str = "lanczos"
) -> np.ndarray:
    """Reads some of the images of a folder, `[B, H, W, C]` uint8.

    Args:
      found: from `scan`.
      paths: of it.
      resize: how, see `resizing.resizer`.

    Raises:
      UserError: naming an image that cannot be read.
    """
    change = resizing.resizer(found.size, resize)
    x = np.empty((len(paths), *found.size, len(found.mode)), np.uint8)

    def fill(i: int) -> None:
        x[i] = change(formats.pixels(paths[i], found.mode))

    with futures.ThreadPoolExecutor() as threads:
        list(threads.map(fill, range(len(paths))))
    return x


def largest_or_above_one(found: Listing) -> int:
    """The largest value of all images, or the first above 1 that is met.

    Most folders answer with their first image.

    Raises:
      UserError: naming an image that cannot be read.
    """
    largest = 0
    for path in found.paths:
        largest = max(largest, int(formats.pixels(path, found.mode).max()))
        if largest > 1:
            break
    return largest


def _labelled_alike(parts: layouts.Parts, train: Listing, test: Listing) -> Listing:
    known = train.classes or ()
    new = [name for name in test.classes if name not in known]
    if new:
        raise errors.UserError(
            f"The test images in {parts.test.folder} have the classes "
            f"{', '.join(test.classes)}, but the training images in "
            f"{parts.train.folder} have {', '.join(known) or 'none'}; make them the "
            "same, a folder for each."
        )
    place = np.array([known.index(name) for name in test.classes], np.int32)
    return test._replace(label=place[test.label], classes=known)


def _common_size(
    paths: Sequence[pathlib.Path], sizes: Sequence[tuple[int, int]]
) -> tuple[int, int]:
    for path, size in zip(paths, sizes, strict=True):
        if size != sizes[0]:
            raise errors.UserError(
                f"The image {path} is {size[0]} x {size[1]} (height x width), but "
                f"{paths[0].name} is {sizes[0][0]} x {sizes[0][1]}; bring them to one "
                "size, or give image_size=(H, W) to resize all of them."
            )
    return sizes[0]
