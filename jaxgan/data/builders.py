"""TFDS datasets of our own, prepared from the official archives without TensorFlow.

TFDS decodes the archives of its own `mnist`, `fashion_mnist` and `cifar10` with
TensorFlow. The builders here read them with NumPy and store plain arrays, under the
names `jaxgan_mnist`, `jaxgan_fashion_mnist` and `jaxgan_cifar10`, so that both can live
in one folder. Records are stored in an order that TFDS shuffles by a hash: it is always
the same, and is not that of the archive.
"""

import contextlib
import io
import os
import pathlib
import sys
import tempfile

import numpy as np

from jaxgan.core import errors
from jaxgan.data import archives, fetching, folders, tfds

VERSION = "1.0.0"
"""Of what is stored; a folder of another version is left alone and not read."""


def stored_name(name: str) -> str:
    """The name of our own dataset in a folder of prepared ones."""
    return f"jaxgan_{name}"


def prepared(name: str, data_dir: str | None = None) -> pathlib.Path | None:
    """The folder in which our own dataset is prepared, or None; needs no TFDS."""
    for folder in folders.searched(data_dir):
        if (folder / stored_name(name) / VERSION / "dataset_info.json").is_file():
            return folder
    return None


def has_archives(name: str, data_dir: str | None = None) -> bool:
    """Whether all archives of a dataset lie on disk, not verified except their size."""
    places = [*_places(name, data_dir), _downloads(name, _root(data_dir))]
    found = [
        (fetching.found(file, places), file) for file in archives.ARCHIVES[name].files
    ]
    return all(path and path.stat().st_size == file.size for path, file in found)


def prepare(name: str, data_dir: str | None = None) -> pathlib.Path:
    """Prepares a dataset from its official archives, unless that has been done.

    The archives are taken from `data_dir/name` or `data_dir`, under their original
    names, and otherwise downloaded. They are verified by size and sha256 before they
    are read. What is prepared, and what is downloaded (under `downloads/jaxgan_NAME`),
    goes to `data_dir` if that can be written, else to the default folder of TFDS. The
    dataset appears when it is complete; an interruption leaves nothing that loads.

    Args:
      name: one of `archives.ARCHIVES`.
      data_dir: None for `JAXGAN_DATA_DIR`, or without that the default of TFDS.

    Returns:
      The folder that holds it under its `stored_name`.

    Raises:
      UserError: if an archive is truncated, has another checksum or can neither be
        found nor downloaded, or nothing can be written.
    """
    folder = prepared(name, data_dir)
    if folder is not None:
        return folder
    root, archive = _root(data_dir), archives.ARCHIVES[name]
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise errors.UserError(
            f"{root} cannot be made ({error.strerror}), in which to prepare {name!r}; "
            "give a data_dir that can be written."
        ) from error
    paths = fetching.fetch(
        name, archive, _places(name, data_dir), _downloads(name, root)
    )
    try:
        with tempfile.TemporaryDirectory(dir=root, prefix=".preparing-") as temporary:
            _build(name, archive, archive.read(paths), temporary)
            _publish(pathlib.Path(temporary) / stored_name(name), root)
    except OSError as error:
        raise errors.UserError(
            f"{name!r} cannot be prepared in {root} ({error.strerror or error}); give "
            "a data_dir that can be written and has room."
        ) from error
    return root


def load(name: str, data_dir: str | None = None) -> tfds.Images:
    """Reads a dataset of official archives, and prepares it first where it is not.

    One that TFDS itself has prepared under `name` in that folder, in the array_record
    format, is read as it is.

    Args:
      name: one of `archives.ARCHIVES`.
      data_dir: as for `prepare`.

    Raises:
      UserError: as `prepare` and `tfds.load`.
    """
    chosen = folders.chosen(data_dir)
    if chosen and os.path.exists(chosen) and not os.path.isdir(chosen):
        raise errors.UserError(
            f"data_dir is {chosen}, which is a file; give the folder that holds the "
            f"archives of {name!r}, or dataset 'files' for images of your own."
        )
    if chosen and not os.path.exists(chosen):
        raise errors.UserError(
            f"data_dir is {chosen}, which does not exist; correct it, or make the "
            f"folder first to have {name!r} prepared in it."
        )
    if prepared(name, data_dir) is None and tfds.is_prepared(name, data_dir):
        return tfds.load(name, data_dir)
    return tfds.load(stored_name(name), str(prepare(name, data_dir)))


def _places(name: str, data_dir: str | None) -> list[pathlib.Path]:
    data_dir = folders.chosen(data_dir)
    # Datasets name their files alike, so the folder of this one goes first.
    return [pathlib.Path(data_dir, name), pathlib.Path(data_dir)] if data_dir else []


def _root(data_dir: str | None) -> pathlib.Path:
    searched = folders.searched(data_dir)
    return next((path for path in searched if folders.can_write(path)), searched[0])


def _downloads(name: str, root: pathlib.Path) -> pathlib.Path:
    return root / "downloads" / stored_name(name)


def _publish(made: pathlib.Path, root: pathlib.Path) -> None:
    (root / made.name).mkdir(exist_ok=True)
    target = root / made.name / VERSION
    try:
        os.rename(made / VERSION, target)
    except OSError:
        # Another process was faster, with the same content.
        if not (target / "dataset_info.json").is_file():
            raise


def _build(
    name: str, archive: archives.Archive, parts: archives.Parts, folder: str
) -> None:
    """Writes a dataset of these parts in the TFDS format into a folder."""
    import tensorflow_datasets
    from tensorflow_datasets import core, features

    image = features.Tensor(shape=archive.shape, dtype=np.uint8, encoding="bytes")
    label = features.ClassLabel(names=archive.classes)
    stored = features.FeaturesDict({"image": image, "label": label})

    # Not at the top of the module, as its base is imported only when it is needed.
    class Builder(core.GeneratorBasedBuilder, skip_registration=True):  # type: ignore[call-arg]
        VERSION = core.Version(VERSION)

        def _info(self):
            return core.DatasetInfo(
                builder=self, features=stored, supervised_keys=("image", "label")
            )

        def _split_generators(self, dl_manager):
            del dl_manager
            return {part: self._generate_examples(part) for part in parts}

        def _generate_examples(self, part):
            for i, (x, label) in enumerate(zip(*parts[part], strict=True)):
                yield i, {"image": x, "label": int(label)}

    Builder.name = stored_name(name)
    if not sys.stderr.isatty():
        tensorflow_datasets.disable_progress_bar()
    builder = Builder(data_dir=folder, file_format="array_record")
    # It announces a download, which is not its own, and a folder that will be moved.
    with contextlib.redirect_stdout(io.StringIO()):
        builder.download_and_prepare(download_dir=os.path.join(folder, "downloads"))
