"""Tests of jaxgan.data.videos: one's own videos, from arrays and folders."""

import numpy as np
import pytest
from PIL import Image

from jaxgan.core import errors
from jaxgan.data import dataset

SIZE = (6, 8)


def film(number, frames=4, size=SIZE):
    """A video whose pixels say which video, frame and place they are of."""
    height, width = size
    place = np.arange(height * width).reshape(height, width)
    x = 5 * np.arange(frames)[:, None, None] + place
    x[:, 0, 0] = number
    return x.astype(np.uint8)


def numbers(part):
    """Which videos the pieces of a part are of."""
    return np.asarray(part.x)[:, 0, 0, 0, 0]


def write(folder, x):
    folder.mkdir(parents=True)
    for i, frame in enumerate(x):
        Image.fromarray(frame).save(folder / f"{i}.png")


def load(path, **options):
    return dataset.load("videos", data_dir=str(path), **options)


def shown(*splits):
    """The videos of some parts in an order of their own, grey."""
    x = np.concatenate([np.asarray(own.x) for own in splits])[..., 0]
    return x[np.lexsort(x.reshape(len(x), -1).T[::-1])]


def test_folders_are_videos_and_their_files_frames_in_natural_order(tmp_path):
    films = [film(i, frames=12) for i in range(3)]
    for i, x in enumerate(films):
        write(tmp_path / f"clip {i}", x)
    data = load(tmp_path)
    assert data.train.x.shape == (2, 12, *SIZE, 1) and data.train.label is None
    np.testing.assert_array_equal(shown(data.train, data.test), films)


def test_folders_of_videos_are_classes(tmp_path):
    for i in range(6):
        write(tmp_path / ("walk", "run")[i % 2] / f"{i}", film(i))
    data = load(tmp_path)
    assert data.class_names == ("run", "walk") and data.num_classes == 2
    for part in (data.train, data.test):
        np.testing.assert_array_equal(part.label, 1 - numbers(part) % 2)
    assert len(data.train.x) == 4 and len(data.test.x) == 2


def test_parts_of_folders_are_found_and_share_their_classes(tmp_path):
    for i in range(4):
        write(tmp_path / "train" / "ab"[i % 2] / f"{i}", film(i))
    write(tmp_path / "test" / "b" / "5", film(5))
    data = load(tmp_path)
    np.testing.assert_array_equal(data.train.label, [0, 0, 1, 1])
    np.testing.assert_array_equal(data.test.label, [1])
    np.testing.assert_array_equal(data.test.x[0, ..., 0], film(5))


@pytest.mark.parametrize("colour", [(), (3,)], ids=["grey", "RGB"])
def test_arrays_are_videos_with_a_label_each(tmp_path, colour):
    x = np.stack([film(i) for i in range(10)])
    x = np.stack([x] * 3, axis=-1) if colour else x
    np.savez(tmp_path / "own.npz", x=x / np.float32(255), y=np.arange(10) % 2 + 3)
    data = load(tmp_path / "own.npz")
    assert data.train.x.shape[1:] == (4, *SIZE, *(colour or (1,)))
    assert data.class_names == ("3", "4")
    np.testing.assert_array_equal(
        shown(data.train, data.test), [film(i) for i in range(10)]
    )
    np.testing.assert_array_equal(data.train.label, numbers(data.train) % 2)


def test_videos_of_all_lengths_are_cut_into_pieces_of_one_part_each(tmp_path):
    lengths = (4, 5, 9, 8)
    for i, frames in enumerate(lengths):
        write(tmp_path / f"{i}", film(i, frames))
    data = load(tmp_path, num_frames=4)
    expected = [
        film(i, n)[4 * k : 4 * k + 4]
        for i, n in enumerate(lengths)
        for k in range(n // 4)
    ]
    np.testing.assert_array_equal(shown(data.train, data.test), expected)
    train, test = (set(numbers(own).tolist()) for own in (data.train, data.test))
    assert test and not train & test and train | test == set(range(4))


def test_the_end_of_a_single_video_is_held_out(tmp_path):
    write(tmp_path / "frames", film(0, 33))
    data = load(tmp_path / "frames", num_frames=3)
    np.testing.assert_array_equal(data.train.x[..., 0].reshape(-1, *SIZE), film(0, 30))
    np.testing.assert_array_equal(data.test.x[0, ..., 0], film(0, 33)[30:])


def test_frames_are_resized(tmp_path):
    for i in range(2):
        write(tmp_path / f"{i}", np.full((3, 8 + 4 * i, 8), 80 + i, np.uint8))
    data = load(tmp_path, image_size=(4, 4))
    assert data.train.x.shape == (1, 3, 4, 4, 1)
    assert set(np.unique(shown(data.train, data.test))) == {80, 81}


def folders(path, *films):
    for i, x in enumerate(films):
        write(path / f"{i}", x)


def array(path, x, **others):
    np.savez(path / "own.npz", x=x, **others)


REFUSED = {
    "sizes": (
        lambda path: folders(path, film(0), film(1, size=(8, 8))),
        {},
        r"bring them to one size, or give image_size=\(H, W\)",
    ),
    "lengths": (
        lambda path: folders(path, film(0), film(1, 6)),
        {},
        "have 4 to 6 frames; give num_frames=T",
    ),
    "short": (
        lambda path: folders(path, film(0), film(1, 6)),
        {"num_frames": 5},
        "has a video of 4 frames, fewer than num_frames=5",
    ),
    "one frame": (
        lambda path: folders(path, film(0, 1), film(1, 1)),
        {},
        "have one frame each, which does not move",
    ),
    "one frame asked for": (
        lambda path: folders(path, film(0), film(1)),
        {"num_frames": 1},
        "num_frames=1 must be at least 2",
    ),
    "one video": (
        lambda path: folders(path, film(0)),
        {},
        "holds one video of 4 frames; at least two",
    ),
    "depths": (
        lambda path: (write(path / "a" / "0", film(0)), write(path / "b", film(1))),
        {},
        "has frames in a/0 and b; give each video a subfolder",
    ),
    "no frames": (lambda path: (path / "empty").mkdir(), {}, "holds no images"),
    "nothing": (lambda path: path.rmdir(), {}, "which does not exist"),
    "images": (
        lambda path: array(path, np.zeros((5, 8, 8), np.uint8)),
        {},
        r"shape \(5, 8, 8\); videos must be \[N, T, H, W\]",
    ),
    "an empty axis": (
        lambda path: array(path, np.zeros((5, 0, 8, 8), np.uint8)),
        {},
        "with no empty axis",
    ),
    "labels": (
        lambda path: array(path, np.zeros((5, 2, 8, 8), np.uint8), y=np.arange(4)),
        {},
        r"labels must be integers of shape \(5,\)",
    ),
    "a ragged array": (
        lambda path: array(path, np.array([film(0), film(1, 6)], object)),
        {},
        "cannot be read",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_are_no_videos_alike_is_refused_in_a_sentence(tmp_path, name):
    path = tmp_path / "own"
    path.mkdir()
    make, options, said = REFUSED[name]
    make(path)
    found = path / "own.npz"
    with pytest.raises(errors.UserError, match=said) as error:
        load(found if found.exists() else path, **options)
    assert "\n" not in str(error.value)


def test_videos_need_a_place(monkeypatch):
    monkeypatch.delenv("JAXGAN_DATA_DIR", raising=False)
    with pytest.raises(errors.UserError, match="or to a folder of videos"):
        dataset.load("videos")
