"""Tests of jaxgan.data.sounds and spoken_digits: recordings that a user brings."""

import tarfile
import zipfile

import numpy as np
import pytest

from jaxgan.core import errors
from jaxgan.data import clips, dataset, wav

RANDOM = np.random.default_rng(0)
FORM = clips.Form(length=40, normalise="none")


def save(path, length=40, rate=8000):
    path.parent.mkdir(parents=True, exist_ok=True)
    x = RANDOM.uniform(-0.9, 0.9, length)
    wav.write(path, x, rate)
    return wav.to_int16(x)


def load(folder, form=FORM, name="sounds"):
    return dataset.load(name, data_dir=str(folder), form=form)


def test_subfolders_are_classes_and_a_tenth_of_each_is_held_out(tmp_path):
    for name in ("up", "down"):
        for i in range(10):
            save(tmp_path / name / f"{i}.wav")
    known = {
        tuple(wav.to_int16(wav.read(path).x)): path.parent.name
        for path in tmp_path.rglob("*.wav")
    }
    (tmp_path / "notes.txt").write_text("passed over")
    found = load(tmp_path)
    assert found.class_names == ("down", "up") and found.sample_rate == 8000
    assert found.train.x.shape == (18, 40, 1) and found.test.x.shape == (2, 40, 1)
    for part in (found.train, found.test):
        for x, label in zip(part.x, part.label, strict=True):
            assert known.pop(tuple(x[:, 0])) == found.class_names[label]
    assert known == {} and any("1 file" in own for own in found.notes)


def test_parts_are_what_folders_say_and_labels_those_of_training(tmp_path):
    for name in ("b", "a"):
        save(tmp_path / "train" / name / "0.wav")
    held_out = save(tmp_path / "test" / "b" / "0.wav")
    found = load(tmp_path)
    assert found.class_names == ("a", "b") and found.test.label.tolist() == [1]
    np.testing.assert_array_equal(found.test.x[0, :, 0], held_out)
    save(tmp_path / "test" / "c" / "0.wav")
    with pytest.raises(errors.UserError, match="test recordings of 'c'"):
        load(tmp_path)


def test_a_folder_without_subfolders_has_no_labels(tmp_path):
    for i in range(3):
        save(tmp_path / f"{i}.wav")
    found = load(tmp_path)
    assert found.train.label is found.test.label is found.num_classes is None


def test_mixed_rates_and_short_clips_are_refused_with_a_way_out(tmp_path):
    for i, (length, rate) in enumerate([(40, 8000), (30, 8000), (80, 16_000)]):
        save(tmp_path / f"{i}.wav", length, rate)
    with pytest.raises(errors.UserError, match="sample_rate=8000"):
        load(tmp_path)
    at_one_rate = FORM._replace(sample_rate=8000)
    with pytest.raises(errors.UserError, match="1.wav has 30 samples"):
        load(tmp_path, at_one_rate)
    assert len(load(tmp_path, at_one_rate._replace(pad="end")).train.x) == 2


@pytest.mark.parametrize("make", [lambda p: None, lambda p: p.write_bytes(b"x")])
def test_what_is_no_folder_of_recordings_is_refused(make, tmp_path):
    make(tmp_path / "a")
    with pytest.raises(errors.UserError, match="no folder"):
        load(tmp_path / "a")
    with pytest.raises(errors.UserError, match="holds no recordings"):
        load(tmp_path)


@pytest.fixture(scope="module")
def spoken(tmp_path_factory):
    """A clone of spoken digits, its archives, and the packed form of the same."""
    top = tmp_path_factory.mktemp("spoken")
    clone, takes = top / "clone" / "recordings", (0, 4, 5, 10)
    rows = []
    for digit in range(10):
        for speaker, name in enumerate((b"anna", b"bert")):
            for take in takes:
                length = int(RANDOM.integers(20, 61))
                x = save(clone / f"{digit}_{name.decode()}_{take}.wav", length)
                rows.append((np.resize(x, 40) * (np.arange(40) < length), digit))
                rows[-1] += (speaker, take, length)
    columns = [np.array(own) for own in zip(*rows, strict=True)]
    names = ("audio", "label", "speaker", "index", "length")
    arrays = dict(zip(names, columns, strict=True))
    arrays |= {"speaker_names": np.array([b"anna", b"bert"]), "sample_rate": 8000}
    np.savez(top / "packed.npz", **arrays)
    with zipfile.ZipFile(top / "a.zip", "w") as archive:
        for path in clone.iterdir():
            archive.write(path, f"free-spoken-digit-dataset-1.0/recordings/{path.name}")
    with tarfile.open(top / "a.tar.gz", "w:gz") as archive:
        archive.add(clone, "free-spoken-digit-dataset-1.0/recordings")
    return top


@pytest.mark.parametrize("form", ["clone", "clone/recordings", "a.zip", "a.tar.gz"])
def test_spoken_digits_are_the_same_from_each_form(form, spoken):
    packed = load(spoken / "packed.npz", name="spoken_digits")
    found = load(spoken / form, name="spoken_digits")
    for part, own in zip(packed[1:3], found[1:3], strict=True):
        np.testing.assert_array_equal(part.x, own.x)
        np.testing.assert_array_equal(part.label, own.label)
    # Takes 0 and 4 of two speakers are the test set, takes 5 and 10 are not.
    assert np.bincount(found.test.label).tolist() == [4] * 10
    assert np.bincount(found.train.label).tolist() == [4] * 10
    assert found.sample_rate == 8000


def test_the_held_out_takes_are_the_official_ones(spoken):
    found = load(spoken / "clone", name="spoken_digits")
    form = FORM._replace(pad="end")
    for take, part in ((4, found.test), (10, found.train)):
        path = spoken / "clone" / "recordings" / f"7_bert_{take}.wav"
        x, _, _ = clips.make([wav.read(path)], ["a"], form)
        row = np.flatnonzero((part.x == x).all((1, 2)))
        assert part.label[row].tolist() == [7]


def test_more_than_the_packed_form_holds_is_refused(spoken):
    for form in ({"length": 41}, {"crop": "loudest"}, {"sample_rate": 4000}):
        with pytest.raises(errors.UserError, match="first 40 samples"):
            load(spoken / "packed.npz", FORM._replace(**form), "spoken_digits")
    with pytest.raises(errors.UserError, match="cannot be read as spoken digits"):
        np.savez(spoken / "other.npz", x=np.zeros(3))
        load(spoken / "other.npz", name="spoken_digits")
    with pytest.raises(errors.UserError, match="not at hand"):
        load(spoken / "nowhere", name="spoken_digits")
