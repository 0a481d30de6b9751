"""Tests of jaxgan.data.resizing."""

import numpy as np
import pytest

from jaxgan.core import errors
from jaxgan.data import dataset, resizing

X = np.random.default_rng(0).integers(0, 256, (5, 6, 4, 3), np.uint8)


@pytest.mark.parametrize("method", resizing.METHODS)
@pytest.mark.parametrize("channels", [1, 2, 3])
def test_the_size_is_as_asked_and_each_channel_is_on_its_own(method, channels):
    x = X[..., :channels]
    out = resizing.resize_all(x, (8, 9), method)
    assert out.shape == (5, 8, 9, channels) and out.dtype == np.uint8
    for channel in range(channels):
        alone = resizing.resize_all(x[..., channel : channel + 1], (8, 9), method)
        np.testing.assert_array_equal(out[..., channel], alone[..., 0])


@pytest.mark.parametrize("method", resizing.METHODS)
def test_the_same_size_changes_nothing(method):
    for size in (None, (6, 4)):
        np.testing.assert_array_equal(resizing.resize_all(X, size, method), X)


def test_padding_keeps_the_image_in_the_middle_of_black():
    out = resizing.resize_all(X, (10, 7), "pad")
    np.testing.assert_array_equal(out[:, 2:8, 1:5], X)
    assert out.sum(dtype=int) == X.sum(dtype=int)
    np.testing.assert_array_equal(resizing.resizer((10, 7), "pad")(X[3]), out[3])


def test_box_averages_when_it_shrinks_and_repeats_when_it_enlarges():
    small = resizing.resize_all(X, (3, 2), "box")
    means = X.reshape(5, 3, 2, 2, 2, 3).mean(axis=(2, 4))
    np.testing.assert_allclose(small, means, atol=1)
    large = resizing.resize_all(X, (12, 8), "box")
    np.testing.assert_array_equal(large, X.repeat(2, axis=1).repeat(2, axis=2))


def test_lanczos_keeps_a_constant_and_a_smooth_image():
    constant = np.full((1, 6, 4, 1), 77, np.uint8)
    assert (resizing.resize_all(constant, (9, 13)) == 77).all()
    places = np.arange(32)
    ramp = np.broadcast_to(8 * places[:, None, None], (1, 32, 32, 1)).astype(np.uint8)
    out = resizing.resize_all(ramp, (64, 32))[0, 8:-8, 0, 0].astype(float)
    expected = 8 * ((np.arange(64) + 0.5) / 2 - 0.5)[8:-8]
    np.testing.assert_allclose(out, expected, atol=1)


def test_images_of_any_dataset_are_resized_and_points_are_not():
    plain = dataset.load("digits")
    padded = dataset.load("digits", image_size=(12, 10), resize="pad")
    np.testing.assert_array_equal(padded.train.x[:, 2:-2, 1:-1], plain.train.x)
    np.testing.assert_array_equal(padded.test.label, plain.test.label)
    with pytest.raises(errors.UserError, match=r"image_size=\(8, 8\).*points"):
        dataset.load("ring", image_size=(8, 8))


@pytest.mark.parametrize(
    ("size", "method", "words"),
    [
        ((0, 3), "box", r"image_size=\(0, 3\)"),
        ((3,), "box", r"image_size=\(3,\)"),
        ((8, 8), "cubic", "resize='cubic'.*lanczos, box, pad"),
        ((8, 3), "pad", r"\(8, 3\) is smaller than an image of \(6, 4\)"),
    ],
)
def test_sizes_and_methods_that_cannot_be_are_refused(size, method, words):
    with pytest.raises(errors.UserError, match=words):
        resizing.resize_all(X, size, method)
