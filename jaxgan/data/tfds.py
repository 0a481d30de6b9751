"""Image datasets of TensorFlow Datasets, read from disk without TensorFlow.

References:
  https://www.tensorflow.org/datasets/data_source
"""

import contextlib
import io
import json
import pathlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from jaxgan.core import errors
from jaxgan.data import folders, layouts, shuffling

CHUNK = 1_000
"""Records that are read together."""


class Images(NamedTuple):
    """The two parts of an image dataset.

    Attributes:
      train_x: `[N, H, W, C]` uint8.
      train_label: `[N]` int32, or None.
      test_x: `[N, H, W, C]` uint8.
      test_label: `[N]` int32, or None.
      num_classes: K of the labels, or None.
      class_names: K names, or None where these are just the numbers.
      notes: sentences for the user, on which splits are read.
    """

    train_x: np.ndarray
    train_label: np.ndarray | None
    test_x: np.ndarray
    test_label: np.ndarray | None
    num_classes: int | None
    class_names: tuple[str, ...] | None = None
    notes: tuple[str, ...] = ()


def is_prepared(name: str, data_dir: str | None = None) -> bool:
    """Whether TFDS has prepared a dataset in the array_record format; needs no TFDS.

    Args:
      name: as for `load`.
      data_dir: as for `load`.
    """
    return any(map(_is_array_record, _prepared(name, data_dir)))


def _prepared(name: str, data_dir: str | None) -> Iterator[pathlib.Path]:
    """The files about a dataset that are there, of all versions."""
    path = folders.chosen(data_dir) or folders.default()
    # The folders are name/version or name/configuration/version.
    path = pathlib.Path(path, *name.replace(":", "/").split("/"))
    for depth in range(3):
        yield from path.glob("/".join(["*"] * depth + ["dataset_info.json"]))


def load(name: str, data_dir: str | None = None) -> Images:
    """Reads an image dataset that was prepared with `file_format="array_record"`.

    The image is the feature marked as the supervised input, or else the only feature
    that holds uint8 images: an `Image`, or a `Tensor` of shape `[H, W, C]` or `[H, W]`.
    The label is the `ClassLabel` marked as the supervised target, or else the only
    `ClassLabel`. A part in which a label is -1, as TFDS writes unknown ones, has none.

    The parts are the splits "train" and "test", or for want of that one for validation,
    by a name of `layouts.SPLITS`. Where there is neither, a tenth of each class of
    "train" is held out instead, at random by what the images are, see
    `shuffling.held_out`; where no class has two, a tenth of all.

    Args:
      name: as TFDS spells it, with configuration and version where wanted:
        `name/config:version`.
      data_dir: the folder of prepared datasets; None for `JAXGAN_DATA_DIR`, or without
        that the default of TFDS.

    Returns:
      The images in memory, each part one contiguous array, in the order on disk.

    Raises:
      UserError: if the dataset is unknown, not prepared, not in the array_record
        format, holds no images, its images are not all of one size, or TFDS needs
        TensorFlow to read it.
    """
    with _without_tensorflow(name, data_dir):
        return _load(name, data_dir)


def _load(name: str, data_dir: str | None) -> Images:
    builder = _builder(name, folders.chosen(data_dir))
    image_key, label_key = _image_key(name, builder), _label_key(builder)
    train = _read(name, builder, "train", image_key, label_key)
    tested, notes = _test_split(name, list(builder.info.splits))
    if tested is not None:
        test = _read(name, builder, tested, image_key, label_key)
    else:
        held_out = shuffling.held_out(*train)
        if not held_out.any():
            held_out = shuffling.held_out(train[0])
        test = _part(train, held_out)
        train = _part(train, ~held_out)
    if not (len(train[0]) and len(test[0])):
        raise errors.UserError(
            f"The dataset {name!r} has {len(train[0])} training and {len(test[0])} "
            "test images; choose one with at least one of each."
        )
    if train[0].shape[1:] != test[0].shape[1:]:
        raise errors.UserError(
            f"The images of {name!r} are {train[0].shape[1:]} in training and "
            f"{test[0].shape[1:]} in test; choose a dataset with images of one size."
        )
    return Images(*train, *test, *_classes(builder, label_key), notes)


def _classes(builder, label_key) -> tuple[int | None, tuple[str, ...] | None]:
    if label_key is None:
        return None, None
    feature = builder.info.features[label_key]
    names = tuple(feature.names)
    numbers = tuple(map(str, range(feature.num_classes)))
    return feature.num_classes, None if names == numbers else names


def _test_split(name: str, splits: list[str]) -> tuple[str | None, tuple[str, ...]]:
    """The split that is the test part, or None, and sentences about the splits."""
    roles = {split: layouts.SPLITS.get(split.lower()) for split in splits}
    choices = [
        *(split for split in splits if split == "test"),
        *(split for split in splits if roles[split] == layouts.VALIDATION),
    ]
    tested, notes = choices[0] if choices else None, []
    if tested not in (None, "test"):
        notes.append(f"the test part of {name} is its split {tested!r}")
    unused = [split for split in splits if split not in ("train", tested)]
    if unused:
        notes.append(f"not used of {name}: its splits {', '.join(unused)}")
    return tested, tuple(notes)


def _builder(name: str, data_dir: str | None) -> Any:
    import tensorflow_datasets

    folder = data_dir or "the default folder of TFDS"
    try:
        builder = tensorflow_datasets.builder(name, data_dir=data_dir)
    # TFDS asserts that it knows the version asked for.
    except (ValueError, ImportError, AssertionError) as error:
        if getattr(error, "name", None) == "tensorflow":
            raise
        way = f", or give 'files' with data_dir={name!r} for what lies there"
        there = way if name and pathlib.Path(name).exists() else ""
        raise errors.UserError(
            f"dataset is {name!r}, which is neither built in (ring, grid, digits, "
            "mnist, fashion_mnist, cifar10, files) nor known to TFDS, nor prepared in "
            f"{folder}; check its name and the folder{there}."
        ) from error
    if "train" not in builder.info.splits:
        found = ", ".join(builder.info.splits) or "none, it is not prepared"
        raise errors.UserError(
            f"The dataset {name!r} has no split 'train' in {builder.data_path} (splits "
            f"found: {found}); prepare it there with download_and_prepare() of "
            f"tfds.builder({name!r}, file_format='array_record', data_dir=...)."
        )
    file_format = builder.info.file_format.value
    if file_format != "array_record":
        raise errors.UserError(
            f"The dataset {name!r} is in the {file_format} format in "
            f"{builder.data_path}, which cannot be read without TensorFlow; prepare it "
            "in another folder with file_format='array_record'."
        )
    return builder


@contextlib.contextmanager
def _without_tensorflow(name: str, data_dir: str | None) -> Iterator[None]:
    """Says so where TFDS asks for TensorFlow, and for the sake of what."""
    try:
        # It prints at length what is said here in a sentence.
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    except ImportError as error:
        if error.name != "tensorflow":
            raise
        found = next(_prepared(name, data_dir), None)
        if found is None:
            where = folders.chosen(data_dir) or folders.default()
            raise errors.UserError(
                f"The dataset {name!r} is not prepared in {where}, and TFDS needs "
                "TensorFlow to prepare it; do so where there is TensorFlow, with "
                "file_format='array_record'."
            ) from None
        asking = ", ".join(_made_with_tensorflow(found)) or "features"
        raise errors.UserError(
            f"The dataset {name!r} in {found.parent} is prepared, but has {asking}, "
            "which TFDS decodes with TensorFlow alone; prepare it without, or choose "
            "another."
        ) from None


def _made_with_tensorflow(info: pathlib.Path) -> Iterator[str]:
    """The features of a dataset that cannot be made without, and their kinds."""
    from tensorflow_datasets import features

    stored = json.loads((info.parent / "features.json").read_text())
    for key, content in stored["featuresDict"]["features"].items():
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                features.FeatureConnector.from_json(content)
        except ImportError:
            yield f"{key} ({content['pythonClassName'].rpartition('.')[2]})"


def _is_array_record(path: pathlib.Path) -> bool:
    try:
        return json.loads(path.read_text()).get("fileFormat") == "array_record"
    except (OSError, ValueError):
        return False


def _image_key(name: str, builder: Any) -> str:
    features = builder.info.features
    images = [key for key in features if _is_image(features[key])]
    supervised = builder.info.supervised_keys
    if supervised and supervised[0] in images:
        return supervised[0]
    if len(images) != 1:
        raise errors.UserError(
            f"The dataset {name!r} has {len(images)} features that hold uint8 images, "
            f"among {', '.join(features)}; choose a dataset with one."
        )
    return images[0]


def _is_image(feature: Any) -> bool:
    from tensorflow_datasets import features

    # A LabeledImage is a map of classes, for segmentation.
    if isinstance(feature, features.LabeledImage):
        return False
    if not isinstance(feature, features.Image | features.Tensor):
        return False
    return feature.np_dtype == np.uint8 and len(feature.shape) in (2, 3)


def _label_key(builder: Any) -> str | None:
    from tensorflow_datasets import features

    labels = [
        key
        for key, feature in builder.info.features.items()
        if isinstance(feature, features.ClassLabel)
    ]
    supervised = builder.info.supervised_keys
    if supervised and supervised[1] in labels:
        return supervised[1]
    return labels[0] if len(labels) == 1 else None


def _read(
    name: str, builder: Any, split: str, image_key: str, label_key: str | None
) -> tuple[np.ndarray, np.ndarray | None]:
    source = builder.as_data_source(split=split)
    x, label = None, np.full(len(source), -1, np.int32)
    for i, record in enumerate(_records(source)):
        image = record[image_key]
        if x is None:
            x = np.empty((len(source), *image.shape), np.uint8)
        if image.shape != x.shape[1:]:
            raise errors.UserError(
                f"The images of {name!r} are not all of one size ({x.shape[1:]} and "
                f"{image.shape}); choose a dataset with images of one size."
            )
        x[i] = image
        if label_key is not None:
            label[i] = record[label_key]
    if x is None:
        x = np.empty((0, 1, 1, 1), np.uint8)
    x = x if x.ndim == 4 else x[..., None]
    return x, None if (label < 0).any() else label


def _records(source: Any) -> Iterator[Any]:
    # Asking for many records at once takes half the time of one by one.
    for start in range(0, len(source), CHUNK):
        indices = range(start, min(start + CHUNK, len(source)))
        yield from source.__getitems__(indices)


def _part(
    split: tuple[np.ndarray, np.ndarray | None], chosen: np.ndarray
) -> tuple[np.ndarray, np.ndarray | None]:
    x, label = split
    return x[chosen], None if label is None else label[chosen]
