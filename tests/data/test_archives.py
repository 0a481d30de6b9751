"""Tests of jaxgan.data.archives on small archives in the official formats."""

import gzip
import io
import pathlib
import tarfile

import numpy as np
import pytest
import tensorflow_datasets

from jaxgan.data import archives


def write_idx(path, array):
    head = bytes([0, 0, 8, array.ndim])
    shape = np.array(array.shape, ">i4").tobytes()
    path.write_bytes(gzip.compress(head + shape + array.tobytes()))


def write_cifar(path, parts):
    """`parts`: images and labels by file name, planes stored one after another."""
    with tarfile.open(path, "w:gz") as archive:
        for name, (x, label) in parts.items():
            records = np.concatenate(
                [label[:, None], x.transpose(0, 3, 1, 2).reshape(len(x), -1)], axis=1
            )
            content = records.astype(np.uint8).tobytes()
            info = tarfile.TarInfo(f"cifar-10-batches-bin/{name}.bin")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))


@pytest.mark.parametrize("shape", [(7,), (3, 4, 5), (300, 2)])
def test_idx_files_hold_what_was_written(shape, tmp_path):
    array = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    write_idx(tmp_path / "a.gz", array)
    np.testing.assert_array_equal(archives.read_idx(tmp_path / "a.gz"), array)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\0\0\x0b\x01\0\0\0\x01\0\0", "unsigned bytes"),
        (b"\0\0\x08\x01\0\0\0\x03\0\0", "announces"),
    ],
)
def test_other_content_is_no_idx_file(content, words, tmp_path):
    (tmp_path / "a.gz").write_bytes(gzip.compress(content))
    with pytest.raises(ValueError, match=words):
        archives.read_idx(tmp_path / "a.gz")


def test_cifar_records_become_images_with_channels_last(tmp_path):
    rng = np.random.default_rng(0)
    names = [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]
    parts = {
        name: (
            rng.integers(0, 256, (2, 32, 32, 3), np.uint8),
            rng.integers(0, 10, 2, np.uint8),
        )
        for name in names
    }
    path = tmp_path / "cifar-10-binary.tar.gz"
    write_cifar(path, parts)
    found = archives.read_cifar10({path.name: path})
    for part, of_part in (("train", names[:5]), ("test", names[5:])):
        for got, place in zip(found[part], (0, 1), strict=True):
            expected = np.concatenate([parts[name][place] for name in of_part])
            np.testing.assert_array_equal(got, expected)
            assert got.dtype == np.uint8


@pytest.mark.parametrize("name", archives.ARCHIVES)
def test_names_sizes_and_checksums_are_those_that_tfds_registers(name):
    folder = pathlib.Path(tensorflow_datasets.__file__).parent / "url_checksums"
    lines = (folder / f"{name}.txt").read_text().splitlines()
    registered = {tuple(line.split("\t")) for line in lines}
    ours = {
        (file.url, str(file.size), file.sha256, file.name)
        for file in archives.ARCHIVES[name].files
    }
    assert ours == registered


@pytest.mark.parametrize("name", archives.ARCHIVES)
def test_there_are_ten_classes_of_different_names(name):
    assert len(set(archives.ARCHIVES[name].classes)) == 10
