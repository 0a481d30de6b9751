"""Tests of jaxgan.data.builders and jaxgan.data.fetching on small archives."""

import gzip
import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest

from jaxgan.core import errors
from jaxgan.data import archives, builders, dataset, folders

REAL = os.environ.get("JAXGAN_DATA_DIR")
RNG = np.random.default_rng(0)
PARTS = {
    "train": (RNG.integers(0, 256, (20, 3, 4, 1), np.uint8), np.arange(20) % 3),
    "test": (RNG.integers(0, 256, (7, 3, 4, 1), np.uint8), np.arange(7) % 3),
}
PREFIX = {"train": "train", "test": "t10k"}


def idx(array):
    array = np.asarray(array, np.uint8)
    shape = np.array(array.shape, ">i4").tobytes()
    return gzip.compress(bytes([0, 0, 8, array.ndim]) + shape + array.tobytes())


@pytest.fixture
def official(tmp_path_factory, monkeypatch):
    """Folder of small official archives of "mnist", to which their URLs lead."""
    folder = tmp_path_factory.mktemp("official")
    files = []
    for part, (x, label) in PARTS.items():
        for kind, array in (("images-idx3", x[..., 0]), ("labels-idx1", label)):
            name, content = f"{PREFIX[part]}-{kind}-ubyte.gz", idx(array)
            (folder / name).write_bytes(content)
            digest = hashlib.sha256(content).hexdigest()
            url = (folder / name).as_uri()
            files.append(archives.File(name, url, len(content), digest))
    archive = archives.Archive(
        tuple(files), (3, 4, 1), ("a", "b", "c"), archives.read_idx_parts
    )
    monkeypatch.setitem(archives.ARCHIVES, "mnist", archive)
    return folder


@pytest.fixture
def offline(official, monkeypatch):
    """The same, where nothing can be downloaded."""
    archive = archives.ARCHIVES["mnist"]
    files = tuple(
        file._replace(url=f"file:///nowhere/{file.name}") for file in archive.files
    )
    monkeypatch.setitem(archives.ARCHIVES, "mnist", archive._replace(files=files))
    return official


def assert_is_whole(found):
    assert found.num_classes == 3
    for split, (x, label) in zip(
        (found.train, found.test), PARTS.values(), strict=True
    ):
        assert split.x.dtype == np.uint8 and split.label.dtype == np.int32
        assert split.x.flags.c_contiguous
        got = sorted(zip(map(bytes, split.x), split.label, strict=True))
        assert got == sorted(zip(map(bytes, x), label, strict=True))


@pytest.mark.parametrize("below", ["", "mnist"])
def test_archives_in_the_folder_are_prepared_and_need_no_network(
    offline, below, tmp_path
):
    (tmp_path / below).mkdir(exist_ok=True)
    for path in offline.iterdir():
        path.rename(tmp_path / below / path.name)
    assert dataset.is_at_hand("mnist", str(tmp_path))
    assert_is_whole(dataset.load("mnist", data_dir=str(tmp_path)))
    assert builders.prepared("mnist", str(tmp_path)) == tmp_path
    for path in (tmp_path / below).glob("*.gz"):
        path.unlink()
    assert dataset.is_at_hand("mnist", str(tmp_path))
    assert_is_whole(dataset.load("mnist", data_dir=str(tmp_path)))


def test_archives_are_downloaded_once_to_a_folder_of_their_own(
    official, tmp_path, monkeypatch
):
    assert not dataset.is_at_hand("mnist", str(tmp_path))
    monkeypatch.setenv("JAXGAN_DATA_DIR", str(tmp_path))
    assert_is_whole(dataset.load("mnist"))
    downloads = tmp_path / "downloads" / "jaxgan_mnist"
    names = sorted(path.name for path in downloads.iterdir())
    assert names == sorted(path.name for path in official.iterdir())
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "downloads",
        "jaxgan_mnist",
    ]


def test_a_folder_that_cannot_be_written_is_left_alone(offline, default_folder):
    offline.chmod(0o555)
    try:
        before = sorted(offline.iterdir())
        assert_is_whole(dataset.load("mnist", data_dir=str(offline)))
        assert sorted(offline.iterdir()) == before
    finally:
        offline.chmod(0o755)
    assert builders.prepared("mnist") == default_folder
    assert_is_whole(dataset.load("mnist"))


def test_without_archives_and_network_the_way_out_is_said(offline, tmp_path):
    with pytest.raises(errors.UserError, match="downloaded from") as error:
        dataset.load("mnist", data_dir=str(tmp_path))
    for words in ("train-images-idx3-ubyte.gz", str(tmp_path), "data_dir"):
        assert words in str(error.value)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not dataset.is_at_hand("mnist", str(tmp_path))


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda content: content[:-5], "truncated: it has"),
        (lambda content: content[:-9] + bytes(9), "has the sha256"),
        (lambda content: content + b"x", "has the sha256"),
    ],
)
def test_damaged_archives_are_refused_by_name_before_they_are_read(
    offline, damage, words, monkeypatch
):
    path = offline / "t10k-labels-idx1-ubyte.gz"
    path.write_bytes(damage(path.read_bytes()))
    archive = archives.ARCHIVES["mnist"]._replace(read=pytest.fail)
    monkeypatch.setitem(archives.ARCHIVES, "mnist", archive)
    with pytest.raises(errors.UserError, match=words) as error:
        dataset.load("mnist", data_dir=str(offline))
    assert str(path) in str(error.value)
    assert builders.prepared("mnist", str(offline)) is None


def test_a_download_that_is_damaged_leaves_nothing(official, tmp_path):
    path = official / "train-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(
        errors.UserError, match="What .*sent for .*is truncated"
    ) as said:
        dataset.load("mnist", data_dir=str(tmp_path))
    assert ".tmp" not in str(said.value) and "try again" in str(said.value)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_the_same_names_of_another_dataset_are_not_taken_for_its_own(
    offline, monkeypatch
):
    mine = archives.ARCHIVES["mnist"]
    files = tuple(file._replace(sha256="0" * 64) for file in mine.files)
    monkeypatch.setitem(archives.ARCHIVES, "fashion_mnist", mine._replace(files=files))
    with pytest.raises(errors.UserError, match="sha256.*'fashion_mnist'"):
        dataset.load("fashion_mnist", data_dir=str(offline))


def test_an_interrupted_preparation_leaves_nothing_that_loads(
    offline, tmp_path, monkeypatch
):
    def interrupted(paths):
        parts = archives.read_idx_parts(paths)

        class Cut(list):
            def __iter__(self):
                yield from list.__iter__(self)
                raise KeyboardInterrupt

        return parts | {"test": (Cut(parts["test"][0]), parts["test"][1])}

    archive = archives.ARCHIVES["mnist"]
    monkeypatch.setitem(archives.ARCHIVES, "mnist", archive._replace(read=interrupted))
    for path in offline.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    with pytest.raises(KeyboardInterrupt):
        dataset.load("mnist", data_dir=str(tmp_path))
    assert builders.prepared("mnist", str(tmp_path)) is None
    assert all(path.is_file() for path in tmp_path.iterdir())
    monkeypatch.setitem(archives.ARCHIVES, "mnist", archive)
    assert_is_whole(dataset.load("mnist", data_dir=str(tmp_path)))


def test_whoever_prepares_second_uses_what_the_first_has_made(offline, monkeypatch):
    once = builders._publish

    def late(made, root):
        once(made, root)
        (made / builders.VERSION).mkdir()
        (made / builders.VERSION / "other").touch()
        once(made, root)

    monkeypatch.setattr(builders, "_publish", late)
    assert_is_whole(dataset.load("mnist", data_dir=str(offline)))


def test_no_tensorflow_and_no_output(offline):
    monkey = (
        "import sys\n"
        "from jaxgan.data import archives, builders\n"
        "x = __import__('numpy').zeros((3, 2, 2, 1), 'uint8')\n"
        "parts = {'train': (x, [0, 1, 0]), 'test': (x, [0, 1, 0])}\n"
        "archive = archives.Archive((), (2, 2, 1), ('a', 'b'), lambda paths: parts)\n"
        "archives.ARCHIVES['tiny'] = archive\n"
        "assert 'tensorflow_datasets' not in sys.modules\n"
        "found = builders.load('tiny', sys.argv[1])\n"
        "assert found.train_x.shape == (3, 2, 2, 1)\n"
        "assert 'tensorflow' not in sys.modules\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", monkey, str(offline)],
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout == "" and "ownload" not in done.stderr, done.stderr


def test_write_permission_is_asked_of_the_nearest_folder_there_is(tmp_path):
    assert folders.can_write(tmp_path / "a" / "b")
    tmp_path.chmod(0o555)
    try:
        assert not folders.can_write(tmp_path / "a" / "b")
    finally:
        tmp_path.chmod(0o755)
    (tmp_path / "file").touch()
    assert not folders.can_write(tmp_path / "file")


def test_a_data_dir_that_is_a_file_is_refused(official, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(errors.UserError, match="file, which is a file"):
        dataset.load("mnist", data_dir=str(tmp_path / "file"))


def test_a_data_dir_that_does_not_exist_is_refused_and_not_made(official, tmp_path):
    with pytest.raises(errors.UserError, match="mistyped, which does not exist"):
        dataset.load("mnist", data_dir=str(tmp_path / "mistyped"))
    assert not (tmp_path / "mistyped").exists()


@pytest.mark.skipif(not REAL, reason="JAXGAN_DATA_DIR is not set")
@pytest.mark.parametrize("name", archives.ARCHIVES)
def test_the_official_datasets_load(name, tmp_path, monkeypatch):
    monkeypatch.setenv("JAXGAN_DATA_DIR", REAL)
    if not dataset.is_at_hand(name):
        pytest.skip(f"{name} is not in JAXGAN_DATA_DIR")
    found = dataset.load(name)
    counts = {"cifar10": 50_000}.get(name, 60_000), 10_000
    assert (len(found.train.x), len(found.test.x)) == counts
    per_class = np.bincount(found.test.label)
    assert len(per_class) == 10 and (name == "mnist" or (per_class == 1000).all())
