"""Tests of jaxgan.data.samples."""

import numpy as np
import pytest

from jaxgan.core import errors
from jaxgan.data import dataset, samples


@pytest.fixture
def x():
    shape = (25, 9, 8, 3)
    return np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)


def all_of(found):
    return np.concatenate(list(samples.batches(found, 7)))


def save(folder, x):
    from PIL import Image

    folder.mkdir(parents=True)
    for i, image in enumerate(x):
        Image.fromarray(image).save(folder / f"{i:03}.png")
    return folder


def test_a_part_of_a_dataset_is_read_by_its_name():
    found = samples.find("digits:test")
    data = dataset.load("digits")
    np.testing.assert_array_equal(all_of(found), data.test.x)
    np.testing.assert_array_equal(found.label, data.test.label)
    assert (found.name, found.num_classes) == ("digits:test", 10)
    assert found.shape == (8, 8, 1) and found.number == len(data.test.x)


@pytest.mark.parametrize("ending", ["npy", "npz"])
def test_arrays_are_read_in_parts(ending, x, tmp_path):
    path = tmp_path / f"x.{ending}"
    np.save(path, x) if ending == "npy" else np.savez(path, x)
    found = samples.find(str(path))
    assert (found.number, found.shape) == (25, (9, 8, 3))
    np.testing.assert_array_equal(all_of(found), x)
    np.testing.assert_array_equal(found.read(np.array([3, 1])), x[[3, 1]])


def test_floats_become_the_bytes_they_came_from(x, tmp_path):
    for name, values in (("a", x / 255), ("b", x / 127.5 - 1)):
        np.save(tmp_path / f"{name}.npy", values.astype(np.float32))
        found = samples.find(str(tmp_path / f"{name}.npy"))
        np.testing.assert_array_equal(all_of(found), x)


def test_a_folder_is_read_in_parts_and_resized(x, tmp_path):
    folder = save(tmp_path / "images", x)
    found = samples.find(str(folder))
    np.testing.assert_array_equal(all_of(found), x)
    small = samples.find(str(folder), image_size=(4, 5))
    assert small.shape == (4, 5, 3) and all_of(small).shape == (25, 4, 5, 3)


def test_a_truncated_image_is_named_when_it_is_reached(x, tmp_path):
    folder = save(tmp_path / "images", x)
    path = folder / "020.png"
    path.write_bytes(path.read_bytes()[:-40])
    found = samples.find(str(folder))
    with pytest.raises(errors.UserError, match="020.png"):
        all_of(found)


def test_parts_are_asked_for_by_name(x, tmp_path):
    path = tmp_path / "x.npz"
    np.savez(path, x_train=x, x_test=x[:4], y_train=np.arange(25), y_test=np.arange(4))
    np.testing.assert_array_equal(all_of(samples.find(f"{path}:test")), x[:4])
    assert samples.find(f"{path}:train").number == 25
    with pytest.raises(errors.UserError, match="x.npz:train or .*x.npz:test"):
        samples.find(str(path))
    save(tmp_path / "f" / "train", x)
    save(tmp_path / "f" / "test", x[:5])
    assert samples.find(f"{tmp_path / 'f'}:test").number == 5
    assert samples.other_part("mnist:test") == "mnist:train"
    assert samples.other_part("somewhere") is None


def test_points_are_read_as_they_are(tmp_path):
    points = np.random.default_rng(0).normal(size=(30, 2)) * 50
    np.save(tmp_path / "x.npy", points)
    found = samples.find(str(tmp_path / "x.npy"))
    np.testing.assert_allclose(all_of(found), points, rtol=1e-6)
    points[3, 1] = np.inf
    np.save(tmp_path / "x.npy", points)
    with pytest.raises(errors.UserError, match="x.npy holds values .* not finite"):
        samples.find(str(tmp_path / "x.npy"))


def test_the_hash_is_of_the_content(x, tmp_path):
    first, second = (save(tmp_path / name, x) for name in "ab")
    hashes = [samples.find(str(folder)).sha256() for folder in (first, second)]
    assert hashes[0] == hashes[1]
    assert samples.find(str(first), image_size=(4, 4)).sha256() != hashes[0]
    changed = x[7].copy()
    changed[0, 0] ^= 1
    save(tmp_path / "c", [*x[:7], changed, *x[8:]])
    assert samples.find(str(tmp_path / "c")).sha256() != hashes[0]
    np.save(tmp_path / "x.npy", x)
    one = samples.find(str(tmp_path / "x.npy"))
    assert samples.choose(one, 25, 0).sha256() != samples.choose(one, 25, 1).sha256()


def test_a_choice_is_without_replacement_and_keeps_labels_beside_images():
    found = samples.find("digits:test")
    some = samples.choose(found, 50, seed=3)
    assert some.number == 50 and len(some.label) == 50
    data = dataset.load("digits").test
    rows = [
        np.flatnonzero((np.asarray(data.x) == image).all(axis=(1, 2, 3)))
        for image in all_of(some)
    ]
    for own, label in zip(rows, some.label, strict=True):
        assert label in np.asarray(data.label)[own]
    assert samples.choose(found, 10**6, seed=3).number == found.number


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nowhere", "NAME:test"),
        ("digits", "digits:train or digits:test"),
        ("nonsense:test", "nonsense"),
        ("file.txt", "neither .npz nor .npy"),
        ("wide.npy", "images must be"),
        ("range.npy", r"in \[0, 3\]"),
        ("one.npy:test", "no parts"),
    ],
)
def test_what_is_no_samples_is_said(name, said, x, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "none"))
    (tmp_path / "file.txt").touch()
    np.save("wide.npy", x[None])
    np.save("range.npy", np.linspace(0, 3, 64).reshape(4, 4, 4))
    np.save("one.npy", x)
    with pytest.raises(errors.UserError, match=said):
        samples.find(name)


def test_chosen_samples_are_of_the_set_and_not_of_its_names_or_rows(x, tmp_path):
    order = np.random.default_rng(1).permutation(len(x))
    for name, own in (("a", x), ("b", x[order])):
        save(tmp_path / name, own)
        np.save(tmp_path / f"{name}.npy", own)
        data = dataset.Dataset("own", dataset.Split(own), dataset.Split(own))
        found = [samples.find("own:test", load=lambda *_, data=data, **__: data)]
        found += [samples.find(str(tmp_path / n)) for n in (name, f"{name}.npy")]
        chosen = [all_of(samples.choose(own, 9, seed=3)) for own in found]
        if name == "a":
            first = chosen
    for one, other in zip(first, chosen, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_folder_called_like_a_dataset_is_never_answered_with_that(
    x, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    save(tmp_path / "digits", x)
    np.savez(tmp_path / "mnist.npz", x_train=x, x_test=x)
    for part in ("train", "test"):
        save(tmp_path / "mnist" / part, x)
    asked = {
        "./digits:test": r"write \./digits\.",
        "./mnist": r"write \./mnist:train or \./mnist:test\.",
        "mnist.npz": r"write mnist.npz:train or mnist.npz:test\.",
    }
    for name, said in asked.items():
        with pytest.raises(errors.UserError, match=said):
            samples.find(name)
