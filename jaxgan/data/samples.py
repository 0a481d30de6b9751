"""Samples that are read in parts, so that not all of them need be in memory.

They come from a dataset by its name and part, such as `mnist:test`, from a folder of
PNG and JPEG files, or from a `.npz` or `.npy` file.
"""

import hashlib
import pathlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from jaxgan import errors
from jaxgan.data import dataset, images, own, resizing

PARTS = ("train", "test")

BATCH = 1000
"""Samples that `batches` reads at a time."""


class Samples(NamedTuple):
    """Samples somewhere.

    Attributes:
      name: what the user calls them.
      number: N of them.
      shape: of one, `(H, W, C)` of images.
      read: `rows [B] -> [B, ...]`: images uint8, or float32 in [-1, 1] if they are
        generated; points float32, or float64 where they were.
      sha256: of all that the samples depend on; may read them all.
      label: int32 `[N]`, or None.
      num_classes: K of the labels, or None.
      class_names: K names of the classes, or None where these are just numbers.
      facts: what else belongs in the protocol of their scores, or None.
    """

    name: str
    number: int
    shape: tuple[int, ...]
    read: Callable[[np.ndarray], np.ndarray]
    sha256: Callable[[], str]
    label: np.ndarray | None = None
    num_classes: int | None = None
    class_names: tuple[str, ...] | None = None
    facts: Mapping[str, Any] | None = None


def find(
    name: str,
    *,
    data_dir: str | None = None,
    image_size: tuple[int, int] | None = None,
    load: Callable[..., dataset.Dataset] = dataset.load,
) -> Samples:
    """The samples of a name.

    Args:
      name: `NAME:train` or `NAME:test` of a dataset that `dataset.load` knows; or the
        path of a folder or file as `own.load` takes, all of it, with `:train` or
        `:test` behind it where it has these parts. Arrays may also be points `[N, F]`.
      data_dir: of datasets, as for `dataset.load`.
      image_size: `(H, W)` to which images are resized, or None to keep theirs.
      load: reads a dataset; give one with a memory to read several parts.

    Raises:
      UserError: if there are no such samples, or they cannot be read.
    """
    path, part = pathlib.Path(name).expanduser(), ""
    if not path.exists() and (split := _split(name)) is not None:
        stem, part = split
        path = pathlib.Path(stem).expanduser()
        if not path.exists():
            data = load(stem, data_dir=data_dir, image_size=image_size)
            return _of_dataset(data, part)
    if not path.exists():
        raise errors.UserError(
            f"{name} is neither a file, nor a folder, nor a dataset with its part; "
            "write NAME:train or NAME:test for a dataset."
        )
    found = of_path(path, image_size=image_size)
    if part not in found:
        parts = " or ".join(f"{path}:{own}" for own in found if own)
        raise errors.UserError(
            f"{name} has {'the parts train and test' if parts else 'no parts'}; write "
            f"{parts or path}."
        )
    return found[part]._replace(name=name)


def dataset_of(
    name: str,
    *,
    data_dir: str | None = None,
    image_size: tuple[int, int] | None = None,
    load: Callable[..., dataset.Dataset] = dataset.load,
) -> dataset.Dataset:
    """The dataset, training and test part, that the samples of a name belong to.

    Args:
      name: as for `find`.
      data_dir: likewise.
      image_size: likewise.
      load: likewise.

    Raises:
      UserError: as `dataset.load`.
    """
    stem, part = _split(name) or (name, "")
    path = pathlib.Path(name if part == "" else stem).expanduser()
    if path.exists():
        own_path = str(path)
        return load(dataset.FILES, data_dir=own_path, image_size=image_size)
    return load(stem, data_dir=data_dir, image_size=image_size)


def other_part(name: str) -> str | None:
    """`NAME:test` of `NAME:train` and the reverse; None of what has no parts."""
    split = _split(name)
    if split is None:
        return None
    stem, part = split
    return f"{stem}:{PARTS[1 - PARTS.index(part)]}"


def of_path(
    path: pathlib.Path, *, image_size: tuple[int, int] | None = None
) -> dict[str, Samples]:
    """The samples of a folder or file, by the part: "", or "train" and "test".

    Raises:
      UserError: if they cannot be read.
    """
    if path.is_dir():
        folders = {part: path / part for part in PARTS}
        if not all(folder.is_dir() for folder in folders.values()):
            folders = {"": path}
        return {
            part: _of_folder(folder, image_size) for part, folder in folders.items()
        }
    if path.suffix.lower() not in (".npz", ".npy"):
        raise errors.UserError(
            f"{path} is a file that is neither .npz nor .npy; give one of these or a "
            "folder of images."
        )
    return _of_file(path, image_size)


def choose(samples: Samples, number: int, seed: int) -> Samples:
    """Some of the samples, or all of them if there are no more, in a random order.

    Folders are sorted, by class too; in a random order every part of the samples is
    like any other.
    """
    rows = np.random.default_rng(seed).permutation(samples.number)[:number]
    return samples._replace(
        number=len(rows),
        read=lambda asked: samples.read(rows[asked]),
        sha256=lambda: f"{samples.sha256()}, {len(rows)} in the order of seed {seed}",
        label=None if samples.label is None else samples.label[rows],
        facts={**(samples.facts or {}), "of": samples.number, "order_seed": seed},
    )


def batches(samples: Samples, size: int = BATCH) -> Iterator[np.ndarray]:
    """All of the samples, so many at a time."""
    for start in range(0, samples.number, size):
        yield samples.read(np.arange(start, min(start + size, samples.number)))


def _split(name: str) -> tuple[str, str] | None:
    stem, _, part = name.rpartition(":")
    return (stem, part) if stem and part in PARTS else None


def _of_dataset(data: dataset.Dataset, part: str) -> Samples:
    own_part = getattr(data, part)
    x = np.asarray(own_part.x)
    label = None if own_part.label is None else np.asarray(own_part.label)

    def sha256() -> str:
        digest = hashlib.sha256(f"{x.dtype.str}{x.shape}".encode())
        digest.update(np.ascontiguousarray(x).data)
        return digest.hexdigest()

    return Samples(
        f"{data.name}:{part}",
        len(x),
        x.shape[1:],
        lambda rows: x[rows],
        sha256,
        label,
        data.num_classes,
        data.class_names,
    )


def _of_folder(folder: pathlib.Path, image_size) -> Samples:
    found = images.scan(folder, image_size=image_size)

    def read(rows: np.ndarray) -> np.ndarray:
        return images.decode(found, [found.paths[row] for row in rows])

    def sha256() -> str:
        digest = hashlib.sha256(f"{found.size} {found.mode}".encode())
        for path in found.paths:
            content = path.read_bytes()
            digest.update(f"{path.relative_to(folder)}\0{len(content)}\0".encode())
            digest.update(content)
        return digest.hexdigest()

    return Samples(
        str(folder),
        len(found.paths),
        (*found.size, len(found.mode)),
        read,
        sha256,
        found.label,
        len(found.classes) if found.classes else None,
        found.classes,
    )


def _of_file(path: pathlib.Path, image_size) -> dict[str, Samples]:
    arrays = own.read_arrays(path)
    picked = {
        part: own.pick(arrays, names)
        for part, names in zip(
            PARTS, (own.IMAGE_KEYS, own.TEST_IMAGE_KEYS), strict=True
        )
    }
    there = {part: pair for part, pair in picked.items() if pair is not None}
    if not there:
        raise errors.UserError(
            f"{path} has no array named {' or '.join(own.IMAGE_KEYS)} (found: "
            f"{', '.join(arrays) or 'nothing'}); rename the one with the samples."
        )
    points = {x.ndim for _, x in there.values()} == {2}
    readers = _points(path, there) if points else _images(path, there, image_size)
    labels, num_classes, class_names = _labels(path, arrays, there)

    def of_part(part: str) -> Samples:
        name, x = there[part]
        shape, read = readers[part]
        label = labels[part]

        def sha256() -> str:
            with path.open("rb") as file:
                content = hashlib.file_digest(file, "sha256").hexdigest()
            return f"{content}, {name} of shape {x.shape} as {shape}"

        known = (None, None) if label is None else (num_classes, class_names)
        return Samples(str(path), len(x), shape, read, sha256, label, *known)

    if len(there) == 1:
        return {"": of_part(*there)}
    return {part: of_part(part) for part in there}


def _labels(path, arrays, there):
    """The labels of each part, renumbered together, and number and names of classes."""
    names = {"train": own.LABEL_KEYS, "test": own.TEST_LABEL_KEYS}
    found = {part: own.pick(arrays, names[part]) for part in there}
    read = [
        label and own.read_labels(path, *label, len(there[part][1]))
        for part, label in found.items()
    ]
    new, num_classes, class_names = own.renumbered(read)
    return dict(zip(there, new, strict=True)), num_classes, class_names


def _images(path, there, image_size):
    """How to read each part, and the shape of an image."""
    # One range for both parts, as a part may happen to have no negative value.
    signed = any([own.is_signed(path, *pair) for pair in there.values()])

    def of_part(x: np.ndarray):
        def read(rows: np.ndarray) -> np.ndarray:
            return resizing.resize_all(own.to_bytes(x[rows], signed), image_size)

        height, width, *channels = x.shape[1:]
        channels = channels[0] if channels else 1
        return (*(image_size or (height, width)), channels), read

    return {part: of_part(x) for part, (_, x) in there.items()}


def _points(path, there):
    def of_part(name: str, x: np.ndarray):
        if 0 in x.shape or not np.issubdtype(x.dtype, np.floating):
            raise errors.UserError(
                f"{name} of {path} is {x.dtype} of shape {x.shape}; points must be "
                "floating-point of shape [N, F]."
            )
        if not np.isfinite(x).all():
            raise errors.UserError(
                f"{name} of {path} holds values that are not finite; leave such "
                "samples out."
            )
        # As exact as they are: coordinates can need more digits than float32 has.
        dtype = np.float64 if x.dtype.itemsize > 4 else np.float32
        return x.shape[1:], lambda rows: np.asarray(x[rows], dtype)

    return {part: of_part(*pair) for part, pair in there.items()}
