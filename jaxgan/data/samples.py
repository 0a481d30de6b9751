"""Samples that are read in parts, so that not all of them need be in memory.

They come from a dataset by its name and part, such as `mnist:test`, from a folder of
image files, or from a `.npz` or `.npy` file.
"""

import functools
import hashlib
import pathlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from jaxgan.core import errors
from jaxgan.data import dataset, images, layouts, own, ranges, resizing, shuffling

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
      values: of black and white in the file, where they were not bytes; or None.
      notes: sentences for the user, on how files were read.
      order: `seed -> rows [N]` in a random order that follows from what the samples are
        and not from the order they are in; None where they have none of their own.
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
    values: ranges.Range | None = None
    notes: tuple[str, ...] = ()
    order: Callable[[int], np.ndarray] | None = None


def is_dataset(name: str, data_dir: str | None = None) -> bool:
    """Whether a name, with or without its part, is that of a dataset.

    Such a name is never the path of a file or folder: that is `./NAME`.

    Args:
      name: as for `find`.
      data_dir: likewise.
    """
    stem, _ = _split(name) or (name, "")
    if stem in (*dataset.NAMES, *dataset.PREPARED):
        return True
    is_path = stem.startswith((".", "/", "~")) or stem == dataset.FILES
    return not is_path and dataset.is_at_hand(stem, data_dir)


def find(
    name: str,
    *,
    data_dir: str | None = None,
    image_size: tuple[int, int] | None = None,
    value_range: ranges.Range | None = None,
    load: Callable[..., dataset.Dataset] = dataset.load,
) -> Samples:
    """The samples of a name.

    Args:
      name: `NAME:train` or `NAME:test` of a dataset that `dataset.load` knows; or the
        path of a folder or file as `own.load` takes, all of it, with `:train` or
        `:test` behind it where it has these parts. Arrays may also be points `[N, F]`.
        The name of a dataset comes before a path like it, see `is_dataset`.
      data_dir: of datasets, as for `dataset.load`.
      image_size: `(H, W)` to which images are resized, or None to keep theirs.
      value_range: of the images in files, where it cannot be told, see `own.load`.
      load: reads a dataset; give one with a memory to read several parts.

    Raises:
      UserError: if there are no such samples, or they cannot be read.
    """
    path, part = _place(name, data_dir)
    if path is None:
        data = load(_split(name)[0], data_dir=data_dir, image_size=image_size)
        return _of_dataset(data, part)
    found = of_path(path, image_size=image_size, value_range=value_range)
    if part not in found:
        # As it was written: without its ./ it may be the name of a dataset.
        stem = name.removesuffix(f":{part}") if part else name
        parts = " or ".join(f"{stem}:{own}" for own in found if own)
        raise errors.UserError(
            f"{name} has {'the parts train and test' if parts else 'no parts'}; write "
            f"{parts or stem}."
        )
    return found[part]._replace(name=name)


def dataset_of(
    name: str,
    *,
    data_dir: str | None = None,
    image_size: tuple[int, int] | None = None,
    value_range: ranges.Range | None = None,
    load: Callable[..., dataset.Dataset] = dataset.load,
) -> dataset.Dataset:
    """The dataset, training and test part, that the samples of a name belong to.

    Args:
      name: as for `find`.
      data_dir: likewise.
      image_size: likewise.
      value_range: likewise.
      load: likewise.

    Raises:
      UserError: as `dataset.load`.
    """
    path, _ = _place(name, data_dir)
    if path is None:
        return load(_split(name)[0], data_dir=data_dir, image_size=image_size)
    return load(
        dataset.FILES,
        data_dir=str(path),
        image_size=image_size,
        value_range=value_range,
    )


def _place(name: str, data_dir: str | None) -> tuple[pathlib.Path | None, str]:
    """The path, or None for a dataset, and the part of a name."""
    split, path = _split(name), pathlib.Path(name).expanduser()
    if is_dataset(name, data_dir):
        if split is None:
            there = f", or ./{name} for what lies here" if path.exists() else ""
            raise errors.UserError(
                f"{name} is a dataset; write {name}:train or {name}:test{there}."
            )
        return None, split[1]
    if path.exists():
        return path, ""
    if split is not None:
        path = pathlib.Path(split[0]).expanduser()
        return path if path.exists() else None, split[1]
    raise errors.UserError(
        f"{name} is neither a file, nor a folder, nor a dataset with its part; write "
        "NAME:train or NAME:test for a dataset."
    )


def other_part(name: str) -> str | None:
    """`NAME:test` of `NAME:train` and the reverse; None of what has no parts."""
    split = _split(name)
    if split is None:
        return None
    stem, part = split
    return f"{stem}:{PARTS[1 - PARTS.index(part)]}"


def of_path(
    path: pathlib.Path,
    *,
    image_size: tuple[int, int] | None = None,
    value_range: ranges.Range | None = None,
) -> dict[str, Samples]:
    """The samples of a folder or file, by the part: "", or "train" and "test".

    Raises:
      UserError: if they cannot be read.
    """
    if path.is_dir():
        return _of_folder(path, image_size, value_range)
    if path.suffix.lower() not in (".npz", ".npy"):
        raise errors.UserError(
            f"{path} is a file that is neither .npz nor .npy; give one of these or a "
            "folder of images."
        )
    return _of_file(path, image_size, value_range)


def check_alike(*found: Samples) -> None:
    """Asks that the values of all images in files were read by one range.

    Where some are read as [0, 1] since none of their values is negative, and others as
    [-1, 1], the first may happen to be bright.

    Raises:
      UserError: if they were not.
    """
    known = {own.values: own for own in found if own.values is not None}
    if len(known) > 1:
        said = " and ".join(
            f"{own.name} as {ranges.shown(values)}" for values, own in known.items()
        )
        raise errors.UserError(
            f"the values of {said} would be read by different ranges; save them alike, "
            "or say value_range=(LOW, HIGH) if they are."
        )


def choose(samples: Samples, number: int, seed: int) -> Samples:
    """Some of the samples, or all of them if there are no more, in a random order.

    Folders and arrays are sorted, by class too; in a random order every part of the
    samples is like any other. Files that are called otherwise, and arrays in another
    order, are the same samples in the same order.
    """
    if samples.order is None:
        rows = np.random.default_rng(seed).permutation(samples.number)[:number]
    else:
        rows = samples.order(seed)[:number]
    return samples._replace(
        number=len(rows),
        read=lambda asked: samples.read(rows[asked]),
        sha256=lambda: f"{samples.sha256()}, {len(rows)} shuffled by seed {seed}",
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
        order=functools.partial(shuffling.order, x),
    )


def _of_folder(path: pathlib.Path, image_size, value_range) -> dict[str, Samples]:
    parts = layouts.parts(layouts.walk(path))
    found = images.scan_parts(parts, image_size=image_size)
    trees = [tree for tree in (parts.train, parts.test) if tree is not None]
    largest = max(map(images.largest_or_above_one, found))
    values = ranges.of_bytes(f"The images in {path}", largest, value_range)
    names = PARTS if len(found) == 2 else ("",)
    return {
        name: _of_listing(tree.folder, own, values, parts.notes)
        for name, tree, own in zip(names, trees, found, strict=True)
    }


def _of_listing(folder: pathlib.Path, found: images.Listing, values, notes) -> Samples:
    def read(rows: np.ndarray) -> np.ndarray:
        x = images.decode(found, [found.paths[row] for row in rows])
        return ranges.to_bytes(x, values)

    def sha256() -> str:
        how = f"{found.size} {found.mode} as shown, {ranges.shown(values)}"
        digest = hashlib.sha256(how.encode())
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
        notes=notes,
        order=lambda seed: shuffling.order_of(
            (path.read_bytes() for path in found.paths), seed
        ),
    )


def _of_file(path: pathlib.Path, image_size, value_range) -> dict[str, Samples]:
    arrays = own.read_arrays(path)
    named = own.named_parts(arrays)
    there = {part: (images, arrays[images]) for part, (images, _) in named.items()}
    if not there:
        raise errors.UserError(
            f"{path} has no array named {' or '.join(own.IMAGE_KEYS)} (found: "
            f"{', '.join(arrays) or 'nothing'}); rename the one with the samples."
        )
    points = {x.ndim for _, x in there.values()} == {2}
    if points:
        values, notes = None, own.passed_over(path, arrays, named)
        readers = _points(path, there)
    else:
        values, notes = own.range_of(path, arrays, named, value_range)
        readers = _images(there, image_size, values)
    labels, num_classes, class_names = _labels(path, arrays, named)

    def of_part(part: str) -> Samples:
        name, x = there[part]
        shape, read = readers[part]
        label = labels[part]

        def sha256() -> str:
            with path.open("rb") as file:
                content = hashlib.file_digest(file, "sha256").hexdigest()
            how = "" if values is None else f" from {ranges.shown(values)}"
            return f"{content}, {name} of shape {x.shape}{how} as {shape}"

        known = (None, None) if label is None else (num_classes, class_names)
        told = values if x.dtype.kind == "f" else None
        return Samples(
            *(str(path), len(x), shape, read, sha256, label, *known),
            facts=told and {"values": f"read from {ranges.shown(told)}"},
            values=told,
            notes=notes,
            order=functools.partial(shuffling.order, x),
        )

    if len(there) == 1:
        return {"": of_part(*there)}
    return {part: of_part(part) for part in there}


def _labels(path, arrays, named):
    """The labels of each part, renumbered together, and number and names of classes."""
    read = [
        name and own.read_labels(path, name, arrays[name], len(arrays[images]))
        for images, name in named.values()
    ]
    new, num_classes, class_names = own.renumbered(read)
    return dict(zip(named, new, strict=True)), num_classes, class_names


def _images(there, image_size, values):
    """How to read each part, and the shape of an image."""

    def of_part(x: np.ndarray):
        def read(rows: np.ndarray) -> np.ndarray:
            return resizing.resize_all(ranges.to_bytes(x[rows], values), image_size)

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
