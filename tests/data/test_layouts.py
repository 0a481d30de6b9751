"""Tests of jaxgan.data.layouts: which folders are parts, and which are classes."""

import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxgan.core import errors
from jaxgan.data import layouts


def make(folder, *files):
    """Empty files, which is all that a layout is told from; `a/3` are three images."""
    for file in files:
        path = folder / file
        if path.name.isdigit():
            names = [path.parent / f"{i}.png" for i in range(int(path.name))]
        else:
            names = [path]
        for name in names:
            name.parent.mkdir(parents=True, exist_ok=True)
            name.touch()
    return folder


def parts(folder, *files):
    return layouts.parts(layouts.walk(make(folder, *files)))


def described(folder, tree):
    """Where a part lies, and its classes with the number of images of each."""
    if tree is None:
        return None
    _, label, names = layouts.classes(tree)
    where = tree.folder.relative_to(folder).as_posix()
    if names is None:
        return where, len(tree.images)
    return where, dict(zip(names, np.bincount(label).tolist(), strict=True))


TWO = {"cat": 2, "dog": 3}


@pytest.mark.parametrize(
    ("train", "test"),
    [
        ("train", "test"),
        ("Train", "VAL"),
        ("training", "Validation"),
        ("TRAINING_SET", "test-set"),
        ("trainset", "testset"),
        ("TrainImages", "TestImages"),
        ("train2017", "val2017"),
        ("seg_train", "seg_test"),
        ("train", "dev"),
        ("trn", "eval"),
        ("train", "holdout"),
        ("images train", "images valid"),
    ],
)
def test_usual_names_of_splits_are_parts(train, test, tmp_path):
    files = f"{train}/cat/2", f"{train}/dog/3", f"{test}/cat/1", f"{test}/dog/1"
    found = parts(tmp_path, *files)
    assert described(tmp_path, found.train) == (train, TWO)
    assert described(tmp_path, found.test) == (test, {"cat": 1, "dog": 1})
    said = "; ".join(found.notes)
    assert f"training part is {tmp_path / train}" in said
    assert f"test part is {tmp_path / test}" in said


def test_a_training_part_alone_is_all_that_is_there(tmp_path):
    found = parts(tmp_path, "train/cat/2", "train/dog/3")
    assert described(tmp_path, found.train) == ("train", TWO) and found.test is None


def test_validation_images_beside_test_images_are_told_of(tmp_path):
    found = parts(tmp_path, "train/cat/2", "test/cat/1", "val/cat/7", "val/dog/2")
    assert described(tmp_path, found.test) == ("test", {"cat": 1})
    (said,) = [note for note in found.notes if "not used" in note]
    assert f"{tmp_path / 'val'} is not used (9 images)" in said


@pytest.mark.parametrize("wrapper", ["data", "a/b", "mnist_train"])
def test_a_folder_with_one_subfolder_stands_for_that(wrapper, tmp_path):
    found = parts(tmp_path / "1", f"{wrapper}/cat/2", f"{wrapper}/dog/3", "notes.txt")
    assert described(tmp_path / "1", found.train) == (wrapper, TWO)
    assert "passed over 1 file" in found.notes[-1]
    found = parts(tmp_path / "2", f"{wrapper}/4")
    assert described(tmp_path / "2", found.train) == (wrapper, 4)
    found = parts(tmp_path / "3", f"{wrapper}/train/cat/2", f"{wrapper}/val/cat/1")
    assert described(tmp_path / "3", found.train)[0] == f"{wrapper}/train"
    assert any("lie in" in note for note in found.notes)


def test_folders_within_a_part_that_say_nothing_are_passed_through(tmp_path):
    files = "train/images/4", "train/labels/a.txt", "val/images/2"
    found = parts(tmp_path / "1", *files)
    assert described(tmp_path / "1", found.train) == ("train/images", 4)
    assert described(tmp_path / "1", found.test) == ("val/images", 2)
    files = "seg_train/seg_train/cat/2", "seg_test/seg_test/cat/1"
    found = parts(tmp_path / "2", *files)
    assert described(tmp_path / "2", found.train) == (
        "seg_train/seg_train",
        {"cat": 2},
    )
    found = parts(tmp_path / "3", "train/3/2", "train/7/1", "test/7/1")
    assert described(tmp_path / "3", found.test) == ("test", {"7": 1})


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (["test/cat/2"], "no folder 'train'"),
        (["val/cat/2", "test/cat/2"], "'test' and 'val'|'val' and 'test'"),
        (["train/cat/2", "training/cat/2"], "the same part"),
        (["train/cat/2", "val/cat/2", "dev/cat/2"], "the same part"),
        (["train/cat/2", "test/cat/1", "unlabeled/4"], "beside 'unlabeled'"),
        (["cat/2", "dog/2", "test/2"], "'test', beside 'cat'"),
        (["cat/2", "dog/2", "train/cat/2"], "'train', beside 'cat'"),
        (["cat/train/2", "cat/test/1", "dog/train/2", "dog/test/1"], "within a class"),
        (["cat_train/2", "cat_test/1", "dog_train/2", "dog_test/1"], "some read as"),
        (["trainA/2", "trainB/2", "testA/1", "testB/1"], "some read as"),
        (["train/2", "test/1", "logo.png"], "holds images itself .logo.png."),
        (["train/2", "train/cat/1", "test/1"], "holds images itself"),
    ],
)
def test_what_else_looks_like_splits_is_refused(files, said, tmp_path):
    with pytest.raises(errors.UserError, match=said) as error:
        found = parts(tmp_path, *files)
        layouts.classes(found.train)
    assert str(tmp_path) in str(error.value)


@pytest.mark.parametrize(
    "names",
    [
        ("bicycle", "car", "train"),
        ("Train", "bus"),
        ("airport", "train_station"),
        ("latest", "retrained", "contrast"),
        ("test_tube", "train_station"),
    ],
)
def test_classes_whose_names_only_sound_like_splits_are_classes(names, tmp_path):
    found = parts(tmp_path, *(f"{name}/2" for name in names))
    assert found.test is None
    where, classes = described(tmp_path, found.train)
    assert where == "." and set(classes) == set(names)


def test_ten_comes_after_two(tmp_path):
    found = parts(tmp_path, *(f"{i}/{i + 1}" for i in range(12)), "a10/1", "a9/1")
    _, label, names = layouts.classes(found.train)
    assert names == (*map(str, range(12)), "a9", "a10")
    np.testing.assert_array_equal(np.bincount(label), [*range(1, 13), 1, 1])


@given(st.lists(st.text("0123ab-²", min_size=1), unique=True, max_size=6))
def test_natural_order_is_one_of_all_names(names):
    once = sorted(names, key=layouts.natural)
    assert sorted(reversed(names), key=layouts.natural) == once


def test_files_that_are_no_images_are_counted(tmp_path):
    others = [f"cat/{i}.heic" for i in range(12)] + ["dog/a.txt", "owl/a.heic", "owl/b"]
    found = parts(tmp_path, "cat/2", "dog/3", *others, ".hidden/a.txt", "cat/.DS_Store")
    assert described(tmp_path, found.train) == (".", TWO)
    (said,) = found.notes
    assert "passed over 15 files" in said and ".heic 13" in said
    assert "no images are in owl" in said


def test_images_behind_links_are_found_and_circles_end(tmp_path):
    data = make(tmp_path / "data", "cat/1", "dog/3")
    make(tmp_path / "elsewhere", "deep/2")
    for name in ("cat", "dog"):
        os.symlink(tmp_path / "elsewhere", data / name / "more")
    os.symlink(data, data / "dog" / "circle")
    os.symlink(tmp_path / "lost.png", data / "dog" / "link.png")
    found = layouts.parts(layouts.walk(data))
    assert described(data, found.train) == (".", {"cat": 3, "dog": 6})
