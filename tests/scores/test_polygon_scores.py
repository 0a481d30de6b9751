"""Tests of jaxgan.scores.polygons."""

import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.core import errors
from jaxgan.data import dataset, polygons
from jaxgan.scores import polygons as scores
from jaxgan.scores import suites

LAW = polygons.Polygons(size=14)
REAL = polygons.images(LAW, 1, 30) / np.float32(127.5) - 1
CORNERS = polygons.sample(LAW, 2, 400).reshape(400, -1)


def generate(z):
    """The manifold itself."""
    return 2 * polygons.draw(LAW, z.reshape(-1, 3, 2))[..., None] - 1


@pytest.fixture(scope="module")
def found():
    return np.asarray(scores.distances(LAW, REAL))


def test_real_images_are_on_the_manifold(found):
    assert found.max() < 0.2 * scores.delta(LAW)
    assert scores.precision(LAW, REAL).value == 1


def test_a_distance_is_no_less_than_that_of_the_noise_that_was_added(found):
    """Noise that is orthogonal to the manifold but for its few dimensions."""
    noise = np.random.default_rng(0).normal(size=REAL.shape) * 0.2
    squared = np.sum((noise / 2) ** 2, axis=(1, 2, 3))
    noisy = np.asarray(scores.distances(LAW, REAL + noise))
    assert (noisy < 1.02 * squared + 0.05).all()  # at least as near as where it was
    assert (noisy > 0.8 * squared).all()
    assert scores.precision(LAW, REAL + noise).value == 0


def test_images_that_are_no_polygons_are_far():
    images = -np.ones_like(REAL)
    images[0] = 0  # grey
    images[1, 2:12, 2:12] = 1
    images[1, 4:10, 4:10] = -1  # a frame
    grey, frame = scores.distances(LAW, images)[:2]
    assert grey > 196 / 4 / 2  # most pixels miss by a half
    assert frame > 100 * scores.delta(LAW)


def test_what_can_make_all_triangles_recalls_all_and_one_triangle_none():
    whole = scores.recall(LAW, generate, CORNERS, REAL)
    assert whole.value == 1 and whole.spread == 0
    one = jnp.asarray(REAL[:1])
    copies = scores.recall(
        LAW, lambda z: jnp.broadcast_to(one, (len(z), 14, 14, 1)), CORNERS, REAL
    )
    assert copies.value == pytest.approx(1 / 30)


def test_a_dead_generator_has_neither():
    assert np.isnan(scores.precision(LAW, REAL * np.nan).value)
    dead = scores.recall(LAW, lambda z: generate(z) * jnp.nan, CORNERS, REAL)
    assert np.isnan(dead.value)


def test_f1_is_the_harmonic_mean():
    found = scores.f1(np.array([1.0, 0.5, 0.0]), np.array([1.0, 0.25, 0.0]))
    np.testing.assert_allclose(found, [1, 1 / 3, 0], rtol=1e-6)


def test_what_is_near_is_in_proportion_to_the_pixels():
    assert scores.delta(polygons.Polygons()) == 0.75
    assert scores.delta(LAW) == 0.75 / 4


def test_the_panel_of_polygons_gives_precision_and_the_inversion_the_rest():
    data = dataset.load("polygons", num_samples=30, image_size=(14, 14))
    scores._known.cache_clear()  # as in a program that begins with the suite
    suite, references, _ = suites.of_dataset(data, num_samples=20, seed=0)
    found = suite(np.stack([REAL[:20], REAL[:20] * np.nan]))["precision"]
    np.testing.assert_array_equal(found.value, [1, np.nan])
    assert references["held-out real images"]["precision"]["value"] == [1.0]
    assert "fit of corners" in dict(found.protocol)["estimator"]
    more = suites.inversion(data)(generate, CORNERS, jnp.array(0.5))
    recall = float(more["recall"].value)
    assert recall > 0.9 and more["f1"].value == pytest.approx(recall / (0.5 + recall))
    assert "inversion" in dict(more["recall"].protocol)["estimator"]
    assert suites.inversion(dataset.load("ring", num_samples=1)) is None


def test_images_of_another_shape_are_refused():
    swapped = REAL.transpose(0, 3, 1, 2)
    for call in (
        lambda: scores.precision(LAW, swapped),
        lambda: scores.recall(LAW, generate, CORNERS[:5], swapped),
    ):
        with pytest.raises(errors.UserError, match="each of its images must be"):
            call()
