"""Image datasets of TensorFlow Datasets, read from disk without TensorFlow.

References:
  https://www.tensorflow.org/datasets/data_source
"""

import json
import pathlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from jaxgan import errors
from jaxgan.data import folders, shuffling

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
    """

    train_x: np.ndarray
    train_label: np.ndarray | None
    test_x: np.ndarray
    test_label: np.ndarray | None
    num_classes: int | None


def is_prepared(name: str, data_dir: str | None = None) -> bool:
    """Whether TFDS has prepared a dataset in the array_record format; needs no TFDS.

    Args:
      name: as for `load`.
      data_dir: as for `load`.
    """
    path = folders.chosen(data_dir) or folders.default()
    # The folders are name/version or name/configuration/version.
    path = pathlib.Path(path, *name.replace(":", "/").split("/"))
    infos = (path.glob("/".join(["*"] * n + ["dataset_info.json"])) for n in range(3))
    return any(_is_array_record(info) for found in infos for info in found)


def load(name: str, data_dir: str | None = None) -> Images:
    """Reads an image dataset that was prepared with `file_format="array_record"`.

    The image is the feature marked as the supervised input, or else the only feature
    that holds uint8 images: an `Image`, or a `Tensor` of shape `[H, W, C]` or `[H, W]`.
    The label is the `ClassLabel` marked as the supervised target, or else the only
    `ClassLabel`. A part in which a label is -1, as TFDS writes unknown ones, has none.

    The parts are the splits "train" and "test". Where there is no "test", a tenth of
    each class of "train" is held out instead, at random by what the images are, see
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
        format, holds no images, or its images are not all of one size.
    """
    builder = _builder(name, folders.chosen(data_dir))
    image_key, label_key = _image_key(name, builder), _label_key(builder)
    train = _read(name, builder, "train", image_key, label_key)
    if "test" in builder.info.splits:
        test = _read(name, builder, "test", image_key, label_key)
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
    num_classes = builder.info.features[label_key].num_classes if label_key else None
    return Images(*train, *test, num_classes)


def _builder(name: str, data_dir: str | None) -> Any:
    import tensorflow_datasets

    folder = data_dir or "the default folder of TFDS"
    try:
        builder = tensorflow_datasets.builder(name, data_dir=data_dir)
    # TFDS asserts that it knows the version asked for.
    except (ValueError, ImportError, AssertionError) as error:
        raise errors.UserError(
            f"dataset is {name!r}, which is neither built in (ring, grid, digits, "
            "mnist, fashion_mnist, cifar10, files) nor known to TFDS, nor prepared in "
            f"{folder}; check its name and the folder."
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
