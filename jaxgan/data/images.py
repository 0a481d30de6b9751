"""Folders of PNG and JPEG files, with a subfolder per class or without classes."""

import pathlib
import struct
import zlib
from collections.abc import Callable, Sequence
from concurrent import futures
from typing import Any, NamedTuple, TypeVar

import numpy as np

from jaxgan import errors
from jaxgan.data import resizing

SUFFIXES = (".png", ".jpg", ".jpeg")
"""Endings of the files that are read, in either case; others are passed over."""

GREY = ("1", "L", "LA", "La")
"""Pillow's modes of images without colour."""

DEEP = ("I", "F")
"""The first letter of Pillow's modes with more than 8 bits."""

Read = TypeVar("Read")


class Images(NamedTuple):
    """Images of a folder.

    Attributes:
      x: `[N, H, W, C]` uint8, C = 1 if all are grey, else 3.
      label: `[N]` int32, which of `classes`, or None.
      classes: the names of the subfolders in alphabetical order, or None if the images
        lie in the folder itself.
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
    folder: pathlib.Path,
    *,
    image_size: tuple[int, int] | None = None,
    resize: str = "lanczos",
) -> Images:
    """Reads the PNG and JPEG files of a folder.

    Files in the folder itself have no labels. Otherwise each subfolder that holds
    images, at any depth, is a class; classes and files are in alphabetical order. Files
    whose names begin with a dot or have another ending are passed over. Images are grey
    if all of them are; if one has colour, all become RGB. Transparency is dropped.

    Args:
      folder: exists.
      image_size: `(H, W)` to which all are resized, or None if they are of one size.
      resize: how, see `resizing.resizer`.

    Raises:
      UserError: if there are no images, they lie both in the folder and in subfolders,
        one cannot be read or has more than 8 bits a channel, or sizes differ and there
        is no `image_size`.
    """
    found = scan(folder, image_size=image_size)
    x = decode(found, found.paths, resize=resize)
    return Images(x, found.label, found.classes)


def scan(folder: pathlib.Path, *, image_size: tuple[int, int] | None = None) -> Listing:
    """Looks at the header of each image of a folder, and decodes none.

    Args:
      folder: as for `read`.
      image_size: likewise.

    Raises:
      UserError: as `read`, but for damage behind the header.
    """
    paths, label, classes = _paths(folder)
    with futures.ThreadPoolExecutor() as threads:
        headers = list(threads.map(lambda path: _open(path, _header), paths))
    mode = "L" if all(mode in GREY for _, mode in headers) else "RGB"
    size = image_size or _common_size(paths, [size for size, _ in headers])
    return Listing(tuple(paths), label, classes, mode, tuple(size))


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
        image = _open(paths[i], lambda file: np.asarray(file.convert(found.mode)))
        x[i] = change(image if image.ndim == 3 else image[..., None])

    with futures.ThreadPoolExecutor() as threads:
        list(threads.map(fill, range(len(paths))))
    return x


def _paths(
    folder: pathlib.Path,
) -> tuple[list[pathlib.Path], np.ndarray | None, tuple[str, ...] | None]:
    try:
        flat = _images_among(folder.iterdir())
    except OSError as error:
        raise errors.UserError(
            f"{folder} cannot be read ({error.strerror}); allow it or name another."
        ) from None
    below = [
        (path.name, _images_among(path.rglob("*")))
        for path in sorted(folder.iterdir())
        if path.is_dir() and not path.name.startswith(".")
    ]
    below = [(name, paths) for name, paths in below if paths]
    if flat and below:
        raise errors.UserError(
            f"{folder} holds images itself ({flat[0].name}) and in subfolders "
            f"({below[0][0]}); put all into subfolders, one per class, or none."
        )
    if not flat and not below:
        raise errors.UserError(
            f"{folder} holds no images; put files ending in {', '.join(SUFFIXES)} "
            "there or into its subfolders, one per class."
        )
    if flat:
        return flat, None, None
    label = np.repeat(np.arange(len(below)), [len(paths) for _, paths in below])
    classes = tuple(name for name, _ in below)
    return (
        [path for _, paths in below for path in paths],
        label.astype(np.int32),
        classes,
    )


def _images_among(paths: Any) -> list[pathlib.Path]:
    return sorted(
        path
        for path in paths
        if path.suffix.lower() in SUFFIXES
        and not path.name.startswith(".")
        and path.is_file()
    )


def _open(path: pathlib.Path, use: Callable[[Any], Read]) -> Read:
    from PIL import Image

    try:
        with Image.open(path) as file:
            return use(file)
    # What Pillow raises for damaged files depends on where the damage is.
    except (
        OSError,
        SyntaxError,
        ValueError,
        EOFError,
        IndexError,
        struct.error,
        zlib.error,
        Image.DecompressionBombError,
    ) as error:
        if isinstance(error, errors.UserError):
            raise
        raise errors.UserError(
            f"The image {path} cannot be read ({error}); repair or remove it."
        ) from error


def _header(file: Any) -> tuple[tuple[int, int], str]:
    """`(H, W)` and the mode, without decoding."""
    if file.mode[0] in DEEP:
        raise errors.UserError(
            f"The image {file.filename} has more than 8 bits a channel (mode "
            f"{file.mode}); convert it to 8 bits."
        )
    return file.size[::-1], file.mode


def _common_size(
    paths: list[pathlib.Path], sizes: list[tuple[int, int]]
) -> tuple[int, int]:
    for path, size in zip(paths, sizes, strict=True):
        if size != sizes[0]:
            raise errors.UserError(
                f"The image {path} is {size[0]} x {size[1]} (height x width), but "
                f"{paths[0].name} is {sizes[0][0]} x {sizes[0][1]}; give "
                "image_size=(H, W) to resize all of them."
            )
    return sizes[0]
