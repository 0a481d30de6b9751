"""The resize of the published scores, against loops over pixels."""

import jax
import numpy as np
import pytest

from jaxgan.scores import tf_resize

RESIZE = jax.jit(tf_resize.bilinear, static_argnums=1)


def by_loops(x, size):
    """Pixel by pixel, each operation rounded to float32."""
    _, height, width, _ = x.shape
    out = np.empty((len(x), size, size, x.shape[-1]), np.float32)
    f = np.float32
    for i in range(size):
        y = f(i) * f(height / size)
        top, dy = int(y), y - f(int(y))
        bottom = min(top + 1, height - 1)
        for j in range(size):
            place = f(j) * f(width / size)
            left, dx = int(place), place - f(int(place))
            right = min(left + 1, width - 1)
            upper = x[:, top, left] + (x[:, top, right] - x[:, top, left]) * dx
            lower = x[:, bottom, left] + (x[:, bottom, right] - x[:, bottom, left]) * dx
            out[:, i, j] = upper + (lower - upper) * dy
    return out


@pytest.mark.parametrize(
    "height, width, size", [(7, 5, 23), (28, 28, 37), (50, 40, 11)]
)
def test_every_bit_is_that_of_separate_operations(height, width, size):
    x = np.random.default_rng(0).integers(0, 256, (2, height, width, 3))
    x = x.astype(np.float32)
    np.testing.assert_array_equal(RESIZE(x, size), by_loops(x, size))


def test_the_same_size_changes_nothing():
    x = np.random.default_rng(0).integers(0, 256, (1, 9, 9, 1)).astype(np.float32)
    np.testing.assert_array_equal(RESIZE(x, 9), x)


def test_first_pixels_coincide_and_the_last_is_repeated():
    x = np.array([0.0, 100.0], np.float32).reshape(1, 1, 2, 1)
    np.testing.assert_array_equal(RESIZE(x, 4)[0, 0, :, 0], [0, 50, 100, 100])
