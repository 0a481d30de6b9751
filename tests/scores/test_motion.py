"""Tests of jaxgan.scores.motion and jaxgan.scores.video_suites."""

import jax
import numpy as np
import pytest

from jaxgan.core import errors
from jaxgan.data import dataset, moving
from jaxgan.scores import motion, suites, video_suites

FRAMES, SIZE = 5, 12
SCORED = 200


def film(*places, side=3, level=1.0):
    """A video of a square whose upper left corner is at these places."""
    x = -np.ones((1, len(places), SIZE, SIZE, 1), np.float32)
    for time, (down, right) in enumerate(places):
        x[0, time, down : down + side, right : right + side] = 2 * level - 1
    return x


velocity_mode = jax.jit(lambda x: motion.velocity_mode(x, moving.VELOCITIES))


def straight(velocity, start=(5, 5), frames=4):
    steps = np.arange(frames)[:, None] * np.array(velocity)
    return (np.array(start) + steps).tolist()


@pytest.mark.parametrize("number", range(8))
def test_a_video_has_the_velocity_that_its_frames_were_moved_by(number):
    x = film(*straight(moving.VELOCITIES[number]))
    mode, good, match = velocity_mode(x)
    assert mode.tolist() == [number] and good.tolist() == [True]
    np.testing.assert_allclose(match, 1, rtol=1e-6)


def test_matches_are_the_cosines_of_frames_that_are_moved():
    # A square of 3 x 3 and the same one pixel lower share six of nine pixels.
    x = film((2, 2), (3, 2))
    found = motion.matches(x, [(1, 0), (0, 0), (2, 0), (1, 1), (0, 1), (-1, 0)])
    np.testing.assert_allclose(found[0, 0] * 9, [9, 6, 6, 6, 4, 3], rtol=1e-6)


def test_brightness_that_changes_does_not_hide_a_velocity():
    bright = film((2, 2), (3, 3))
    x = bright.copy()
    x[:, 1] = (x[:, 1] + 1) * 0.3 - 1
    np.testing.assert_allclose(motion.matches(x, [(1, 1)]), 1, rtol=1e-6)


@pytest.mark.parametrize(
    "places",
    [
        pytest.param([(4, 4)] * 4, id="stands still"),
        pytest.param(straight((0, 2), (4, 1)), id="is too fast"),
        pytest.param([(4, 1), (4, 2), (4, 4), (4, 5)], id="jumps"),
        pytest.param([(4, 1), (4, 2), (4, 3), (4, 2)], id="turns"),
    ],
)
def test_a_video_that_does_not_keep_a_velocity_is_not_good(places):
    _, good, _ = velocity_mode(film(*places))
    assert good.tolist() == [False]


def test_a_black_video_and_a_dead_one_have_no_velocity():
    x = np.concatenate([film(*straight((0, 1)))] * 3)
    x[1], x[2, 0, 0, 0, 0] = -1, np.nan
    mode, good, match = velocity_mode(x)
    assert good.tolist() == [True, False, False]
    assert mode[2] == -1 and match[1] == 0 and np.isnan(match[2])


@pytest.mark.parametrize("shape", [(2, 1, 8, 8, 1), (2, 8, 8, 1)])
def test_what_is_no_video_is_refused(shape):
    with pytest.raises(errors.UserError, match="videos are"):
        motion.matches(np.zeros(shape), [(0, 1)])


def test_features_are_frames_and_changes_of_frames():
    x = np.random.default_rng(0).normal(size=(3, 4, 5, 6, 2)).astype(np.float32)
    frames, changes = (
        video_suites.frame_features(x),
        video_suites.difference_features(x),
    )
    np.testing.assert_allclose(frames, x.reshape(12, 60))
    expected = [x[n, t + 1] - x[n, t] for n in range(3) for t in range(3)]
    np.testing.assert_allclose(changes, np.reshape(expected, (9, 60)), rtol=1e-5)


def test_large_frames_are_averaged():
    x = np.full((2, 3, 32, 48, 1), 0.25, np.float32)
    x[:, :, :16] = -0.25
    found = np.asarray(video_suites.frame_features(x)).reshape(6, 16, 16)
    np.testing.assert_allclose(found[:, :7], -0.25, atol=1e-6)
    np.testing.assert_allclose(found[:, 9:], 0.25, atol=1e-6)


def test_frames_in_random_order_are_the_same_frames():
    x = np.arange(40 * 5).reshape(40, 5)
    found = video_suites.in_random_order(x, 0)
    np.testing.assert_array_equal(np.sort(found, axis=1), x)
    assert len({tuple(own) for own in (found % 5).tolist()}) > 20


def frechet(one, other):
    """`|m - n|^2 + tr(C + D - 2 (C D)^(1/2))` in float64."""
    covariances = [np.cov(own, rowvar=False) for own in (one, other)]
    roots = np.linalg.eigvals(covariances[0] @ covariances[1])
    cross = np.sqrt(np.maximum(roots.real, 0)).sum()
    means = ((one.mean(0) - other.mean(0)) ** 2).sum()
    return means + sum(map(np.trace, covariances)) - 2 * cross


def test_distances_are_those_of_the_pixels_beside_held_out_videos():
    rng = np.random.default_rng(0)
    real, held_out, fake = (
        rng.uniform(-1, 1, size=(n, 3, 2, 2, 1)).astype(np.float32)
        for n in (80, 60, 50)
    )
    fake *= 0.5
    found = video_suites.of_videos(real, held_out, 60)(np.stack([fake, fake[::-1]]))

    def pixels(x, kind):
        x = x if kind == "frame" else np.diff(x, axis=1)
        return x.reshape(-1, 4).astype(float)

    for kind in video_suites.KINDS:
        score = found[f"{kind}_frechet_distance"]
        expected = frechet(pixels(real, kind), pixels(fake, kind))
        np.testing.assert_allclose(score.value, [expected] * 2, rtol=1e-3)
        floor = frechet(pixels(real, kind), pixels(held_out, kind))
        np.testing.assert_allclose(score.floor, [floor] * 2, rtol=2e-3, atol=1e-4)


@pytest.fixture(scope="module")
def scoring():
    data = dataset.load("moving_shapes", num_samples=600)
    return data, suites.of_dataset(data, num_samples=SCORED, seed=0)


def test_the_suite_tells_real_videos_from_their_frames_in_random_order(scoring):
    data, (suite, references, note) = scoring
    real, shuffled, still = references.values()
    assert real["coverage"]["modes"] == [8]
    assert real["coverage"]["high_quality"] == [1] and real["motion_match"][
        "value"
    ] == [1]
    held_out = np.bincount(data.test.label, minlength=8)
    assert (
        np.abs(
            np.array(real["coverage"]["histogram"][0]) / SCORED - held_out / 600
        ).max()
        < 0.1
    )
    assert shuffled["coverage"]["modes"] == [0] and still["coverage"]["modes"] == [0]
    name = "frame_frechet_distance"
    # The frames are the same ones: but for rounding, so is their distance.
    np.testing.assert_allclose(shuffled[name]["value"], real[name]["value"], rtol=0.05)
    own, other = (
        row["difference_frechet_distance"]["value"][0] for row in (real, shuffled)
    )
    assert own < other / 10
    assert real["difference_frechet_distance"]["floor"] == pytest.approx(
        [own], rel=1e-4
    )
    assert "exact" in note


def test_seeds_are_scored_apart_and_a_dead_one_by_itself(scoring):
    data, (suite, references, _) = scoring
    x = np.asarray(dataset.to_float(data.test.x[:SCORED]))
    dead = np.full_like(x, np.nan)
    found = suite(np.stack([dead, x]))
    assert found["coverage"].modes.tolist() == [0, 8]
    for name in (
        "motion_match",
        "difference_frechet_distance",
        "frame_frechet_distance",
    ):
        assert np.isfinite(found[name].value).tolist() == [False, True]
