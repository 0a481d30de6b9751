"""Tests of jaxgan.data.polygons."""

import numpy as np
import pytest

from jaxgan.core import errors
from jaxgan.data import dataset, polygons

LAW = polygons.Polygons(size=14)


def inner_angles(corners):
    """By the cosine rule, in degrees."""
    a, b, c = (
        np.linalg.norm(corners[:, i] - corners[:, (i + 1) % 3], axis=-1)
        for i in range(3)
    )
    cosines = [
        (x**2 + y**2 - z**2) / (2 * x * y)
        for x, y, z in ((a, b, c), (b, c, a), (c, a, b))
    ]
    return np.degrees(np.arccos(cosines))


def covered(corners, size, times=16):
    """Share of each pixel that lies in a polygon, from many points of it."""
    middle = (np.arange(size * times) + 0.5) / times - size / 2
    y, x = np.meshgrid(-middle, middle, indexing="ij")
    inside = np.ones_like(x, bool)
    for (x0, y0), (x1, y1) in zip(corners, np.roll(corners, -1, 0), strict=True):
        inside &= (x1 - x0) * (y - y0) >= (y1 - y0) * (x - x0)
    return inside.reshape(size, times, size, times).mean((1, 3))


def test_triangles_have_their_mean_in_the_middle_and_no_small_angle():
    corners = polygons.sample(LAW, 0, 500)
    assert corners.shape == (500, 3, 2)
    np.testing.assert_allclose(corners.mean(axis=1), 0, atol=1e-5)
    angles = inner_angles(corners)
    np.testing.assert_allclose(angles.sum(axis=0), 180, atol=1e-3)
    assert angles.min() > 20 - 1e-3 and angles.min() < 25
    assert np.abs(corners).max() <= LAW.size / 2


@pytest.mark.parametrize("corners", [3, 4, 5])
def test_polygons_are_convex_and_counter_clockwise(corners):
    found = polygons.sample(polygons.Polygons(corners, 14), 1, 200)
    edges = np.roll(found, -1, axis=1) - found
    following = np.roll(edges, -1, axis=1)
    turns = edges[..., 0] * following[..., 1] - edges[..., 1] * following[..., 0]
    assert (turns > 0).all()


def test_a_pixel_is_nearly_the_share_that_is_covered():
    corners = polygons.sample(LAW, 2, 20)
    drawn = np.asarray(polygons.draw(LAW, corners))
    exact = np.array([covered(own, LAW.size) for own in corners])
    assert np.abs(drawn - exact).mean() < 0.005
    assert ((drawn - exact) ** 2).sum((1, 2)).max() < 0.1


def test_rows_are_from_the_top():
    corners = np.array([[-3.0, -3], [3, -3], [3, 3]])
    drawn = np.asarray(polygons.draw(LAW, corners))
    assert drawn[9, 9] == 1 and drawn[4, 4] == 0  # below the diagonal, and above it
    assert drawn[4, 9] > 0.4 and drawn[9, 4] > 0.4  # on it


def test_crossed_and_clockwise_corners_are_not_valid():
    square = np.array([[-3.0, -3], [3, -3], [3, 3], [-3, 3]])
    law = polygons.Polygons(4, 14)
    assert polygons.is_valid(law, square)
    assert not polygons.is_valid(law, square[::-1])
    assert not polygons.is_valid(law, square[[0, 2, 1, 3]])
    assert not polygons.is_valid(law, 3 * square)


def test_the_dataset_is_images_that_are_always_the_same():
    one, other = (
        dataset.load("polygons", seed=3, num_samples=50, image_size=(14, 14))
        for _ in range(2)
    )
    assert one.train.x.shape == (50, 14, 14, 1) and one.train.x.dtype == np.uint8
    np.testing.assert_array_equal(one.train.x, other.train.x)
    assert (one.train.x != one.test.x).any() and one.shapes == LAW
    assert one.train.x.max() == 255 and one.train.x.min() == 0
    assert dataset.is_at_hand("polygons")


def test_what_cannot_be_drawn_is_refused():
    for law in (
        polygons.Polygons(2),
        polygons.Polygons(least_angle=60),
        polygons.Polygons(scale=0),
    ):
        with pytest.raises(errors.UserError, match="cannot be drawn"):
            polygons.sample(law, 0, 1)
    with pytest.raises(errors.UserError, match="square"):
        dataset.load("polygons", image_size=(14, 28), num_samples=1)
