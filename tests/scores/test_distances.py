"""Distances that no constant, no cluster far away and no chunk takes digits from."""

import functools

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import distance

from jaxgan import scores
from jaxgan.scores import distances, neighbours

DRAWS = settings(max_examples=8, deadline=None)
squared = jax.jit(distances.squared)


def draw(seed, n, width, shift=0.0):
    return np.random.default_rng(seed).normal(size=(n, width)) + shift


@functools.partial(jax.jit, static_argnums=2)
def swept(x, y, chunk):
    return distances.sweep(
        lambda carry, index, squares: (carry, squares),
        None,
        *distances.points(x, y),
        chunk,
    )[1]


@DRAWS
@given(
    seed=st.integers(0, 10**6),
    width=st.sampled_from([1, 2, 16, 37]),
    exponent=st.integers(-6, 7),
)
def test_distances_are_those_in_float64(seed, width, exponent):
    shift = 0.0 if exponent < -5 else 10.0**exponent
    x, y = draw(seed, 13, width, shift), draw(seed + 1, 9, width, shift)
    expected = distance.cdist(x, y, "sqeuclidean")
    found = squared(*distances.points(x, y))
    np.testing.assert_allclose(found, expected, rtol=5e-6)
    # Rounded to float32 the points are others, but none of their digits are lost.
    x, y = x.astype(np.float32), y.astype(np.float32)
    expected = distance.cdist(x.astype(float), y.astype(float), "sqeuclidean")
    found = squared(*distances.points(x, y))
    np.testing.assert_allclose(found, expected, rtol=5e-6)


@DRAWS
@given(seed=st.integers(0, 10**6), width=st.sampled_from([1, 5, 16, 50]))
def test_a_pair_has_one_distance_in_every_chunk_direction_and_vmap(seed, width):
    x, y = (draw(seed + i, n, width).astype(np.float32) for i, n in enumerate((11, 8)))
    found = np.asarray(swept(x, y, 11))
    np.testing.assert_array_equal(found, np.asarray(swept(y, x, 8)).T)
    for chunk in (1, 4, 100):
        np.testing.assert_array_equal(found, swept(x, y, chunk))
    mapped = jax.jit(jax.vmap(lambda own: swept(own, y, 3)))(np.stack([x, x]))
    np.testing.assert_array_equal([found, found], mapped)
    np.testing.assert_array_equal(np.diagonal(swept(x, x, 4)), 0)


def test_copies_lie_in_balls_of_radius_zero():
    x = draw(0, 400, 16).astype(np.float32)
    real = np.repeat(x, 4, axis=0)
    found = scores.precision_recall(real, x)
    assert found["precision"].value == found["recall"].value == 1
    np.testing.assert_array_equal(scores.nearest_neighbours(x, real).distance, 0)


@DRAWS
@given(
    seed=st.integers(0, 10**6),
    width=st.sampled_from([2, 16, 37]),
    chunk=st.sampled_from([1, 7, 256]),
    exact=st.booleans(),
)
def test_a_ball_holds_its_copies_up_to_the_kth_and_no_more(seed, width, chunk, exact):
    # Each ball ends at its k-th neighbour: its centre, and k more, lie in it.
    k, real = 4, draw(seed, 40, width, shift=100.0)
    real = real if exact else real.astype(np.float32)
    fake = real[np.random.default_rng(seed).permutation(40)]
    for pair in ((real, fake), (fake, real)):
        found = scores.density_coverage(*pair, k=k, chunk=chunk)
        np.testing.assert_allclose(found["density"].value, (k + 1) / k, rtol=1e-6)
        assert found["coverage"].value == 1


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_clusters_that_are_far_apart_do_not_run_into_one_another(dtype):
    # Two of 5 m, 400 km apart, and what is generated is 60 m beside them.
    centres = np.repeat([[0.0, 0.0], [4e5, 0.0]], 200, axis=0)
    real = (centres + 5 * draw(0, 400, 2)).astype(dtype)
    fake = (centres + [0, 60] + 5 * draw(1, 400, 2)).astype(dtype)
    found = neighbours.all_four(real, fake)
    assert found["precision"].value == found["recall"].value == 0
    assert found["density"].value == found["coverage"].value == 0


def test_points_in_float64_keep_their_digits():
    place = np.array([5e5, 4.2e6])
    real, fake = (place + 0.05 * draw(seed, 300, 2) for seed in (0, 1))
    about_zero = scores.density_coverage(real - place, fake - place)
    found = scores.density_coverage(real, fake)
    for name, score in found.items():
        assert score.value == about_zero[name].value
        assert 0.8 < score.value < 1.2
    near = scores.nearest_neighbours(fake, real, 2)
    expected = np.sort(distance.cdist(fake, real), axis=1)[:, :2]
    np.testing.assert_allclose(near.distance, expected, rtol=1e-5)


def test_one_pass_gives_what_the_scores_give_by_themselves():
    real, fake = draw(0, 60, 6), draw(1, 50, 6, shift=0.4)
    alone = scores.precision_recall(real, fake) | scores.density_coverage(real, fake)
    together = neighbours.all_four(real, fake)
    assert alone.keys() == together.keys()
    for name, score in alone.items():
        assert score.value == together[name].value
        assert score.protocol == together[name].protocol
