"""Tests of jaxgan.data.moving."""

import itertools

import numpy as np
import pytest

from jaxgan.core import errors
from jaxgan.data import dataset, digits, moving

LAWS = [
    moving.Moving("shapes"),
    moving.Moving("digits"),
    moving.Moving("shapes", 5, 11),
]


def centroids(x):
    """`[N, T, 2]`: down and right."""
    bright = x[..., 0].astype(float)
    place = np.arange(x.shape[2])
    total = bright.sum((2, 3))
    down = (bright.sum(3) * place).sum(2) / total
    right = (bright.sum(2) * place).sum(2) / total
    return np.stack([down, right], axis=-1)


@pytest.mark.parametrize("law", LAWS, ids=str)
def test_what_moves_keeps_its_velocity_and_stays_whole(law):
    x, mode = moving.videos(law, 0, 400)
    assert x.shape == (400, law.num_frames, law.size, law.size, 1)
    assert x.dtype == np.uint8
    steps = np.diff(centroids(x), axis=1)
    expected = moving.VELOCITIES[mode][:, None].repeat(law.num_frames - 1, axis=1)
    np.testing.assert_allclose(steps, expected, atol=1e-9)
    # Nothing of it leaves the frame or changes.
    values = np.sort(x.reshape(*x.shape[:2], -1))
    np.testing.assert_array_equal(values, values[:, :1].repeat(law.num_frames, axis=1))


def test_velocities_are_the_eight_steps_to_a_neighbour_and_called_so():
    every = set(itertools.product((-1, 0, 1), repeat=2)) - {(0, 0)}
    assert {tuple(own) for own in moving.VELOCITIES.tolist()} == every
    for (down, right), name in zip(moving.VELOCITIES, moving.DIRECTIONS, strict=True):
        words = [{1: "down", -1: "up"}.get(down), {1: "right", -1: "left"}.get(right)]
        assert set(name.split()) == {word for word in words if word}


def test_velocities_and_places_are_all_drawn_alike():
    law = moving.Moving("shapes", num_frames=2, size=8)
    x, mode = moving.videos(law, 1, 16_000)
    counts = np.bincount(mode, minlength=8)
    # 2,000 of each, with a standard deviation of 42.
    assert np.abs(counts - 2000).max() < 5 * 42
    # A box of 6 that moves right has two places across and three down.
    start = centroids(x[mode == 0])[:, 0].round(6)
    places, numbers = np.unique(start, axis=0, return_counts=True)
    np.testing.assert_array_equal(
        places, [(2.5 + i, 2.5 + j) for i in range(3) for j in range(2)]
    )
    assert np.abs(numbers / numbers.sum() - 1 / 6).max() < 0.05


def test_a_seed_gives_the_same_videos_and_parts_differ():
    one, same = (dataset.load("moving_digits", num_samples=50) for _ in range(2))
    np.testing.assert_array_equal(one.train.x, same.train.x)
    assert (one.train.x != one.test.x).any()
    assert (
        one.train.x != dataset.load("moving_digits", num_samples=50, seed=1).train.x
    ).any()
    assert one.motion == moving.Moving("digits") and one.num_classes == 8


def test_held_out_videos_show_held_out_digits():
    data = dataset.load("moving_digits", num_samples=200)
    train_x, _, test_x, _ = digits.load()
    for part, known, other in (
        (data.train, train_x, test_x),
        (data.test, test_x, train_x),
    ):
        both = {own.tobytes() for own in known}, {own.tobytes() for own in other}
        first = part.x[:, 0]
        shown = []
        for frame in first:
            boxes = (
                frame[i : i + 8, j : j + 8].tobytes()
                for i in range(9)
                for j in range(9)
            )
            found = set(boxes)
            shown.append((bool(found & both[0]), bool(found & both[1])))
        assert all(in_own for in_own, _ in shown)
        assert np.mean([in_other for _, in_other in shown]) < 0.1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"image_size": (16, 12)}, "must be square for moving_digits"),
        ({"image_size": (14, 14)}, r"need image_size=\(15, 15\), or fewer frames"),
        ({"num_frames": 10}, "num_frames=10 do not fit into frames of 16 x 16"),
        ({"num_frames": 1}, "num_frames=1 must be at least 2"),
        ({"num_samples": 0}, "num_samples is 0"),
    ],
)
def test_what_has_no_room_to_move_is_refused(arguments, said):
    with pytest.raises(errors.UserError, match=said):
        dataset.load("moving_digits", **arguments)


def test_frames_are_of_videos_alone():
    with pytest.raises(errors.UserError, match="num_frames=4 is for videos"):
        dataset.load("digits", num_frames=4)
    with pytest.raises(errors.UserError, match="cannot be stacked"):
        dataset.load("stacked2_moving_shapes")
