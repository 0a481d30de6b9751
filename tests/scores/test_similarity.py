import jax
import numpy as np
import pytest
from scipy import ndimage

from jaxgan import scores
from jaxgan.core import errors
from jaxgan.scores import similarity


def images(n, size=32, seed=0, channels=1):
    random = np.random.default_rng(seed)
    x = ndimage.gaussian_filter(
        random.normal(size=(n, size, size, channels)), (0, 2, 2, 0)
    )
    return np.clip(x / x.std() / 3, -1, 1).astype(np.float32)


def by_hand(x, y):
    """Scale by scale with SciPy's filters, in float64, one channel, of 0 to 255."""
    x, y = (127.5 * (a[..., 0].astype(np.float64) + 1) for a in (x, y))
    place = np.arange(11) - 5
    window = np.exp(-(place**2) / 4.5)
    window /= window.sum()
    scales = sum(len(x) >> s >= 11 for s in range(5))
    weights = np.array(similarity.WEIGHTS[:scales])
    weights /= weights.sum()
    total = 1.0

    def blur(a):
        for axis in (0, 1):
            a = ndimage.correlate1d(a, window, axis)
        return a[5:-5, 5:-5]

    for scale, weight in enumerate(weights):
        mx, my = blur(x), blur(y)
        vx, vy, c = blur(x * x) - mx**2, blur(y * y) - my**2, blur(x * y) - mx * my
        c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
        value = (2 * c + c2) / (vx + vy + c2)
        if scale == scales - 1:
            value = value * (2 * mx * my + c1) / (mx**2 + my**2 + c1)
        total *= max(value.mean(), 0) ** weight
        x, y = (a.reshape(len(a) // 2, 2, -1, 2).mean((1, 3)) for a in (x, y))
    return total


@pytest.mark.parametrize("size", [16, 32, 64])
def test_similarity_is_that_of_its_definition(size):
    x, y = images(2, size)
    y = 0.7 * x + 0.3 * y
    np.testing.assert_allclose(scores.ms_ssim(x, y), by_hand(x, y), atol=2e-4)


def test_plain_greys_are_as_alike_as_their_brightness():
    dark, light = (np.full((11, 11, 1), grey, np.float32) for grey in (-0.1, 0.1))
    expected = (2 * 0.45 * 0.55 + 1e-4) / (0.45**2 + 0.55**2 + 1e-4)
    np.testing.assert_allclose(scores.ms_ssim(dark, light), expected, rtol=1e-5)


def test_equal_images_are_alike_and_similarity_is_symmetric():
    x, y = images(4, channels=3), images(4, seed=1, channels=3)
    np.testing.assert_allclose(scores.ms_ssim(x, x), np.ones(4), atol=1e-5)
    np.testing.assert_allclose(scores.ms_ssim(x, y), scores.ms_ssim(y, x), atol=1e-6)
    assert (scores.ms_ssim(x, y) < 0.9).all()


@pytest.mark.parametrize("shape", [(5, 7, 1), (1, 1, 3), (28, 28, 1), (12, 40, 3)])
def test_small_and_oblong_images_have_a_similarity(shape):
    x = np.random.default_rng(0).uniform(-1, 1, shape).astype(np.float32)
    assert scores.ms_ssim(x, x) == pytest.approx(1, abs=1e-4)


def test_copies_are_less_diverse_than_different_images():
    x, key = images(30), jax.random.key(0)
    apart = scores.ms_ssim_diversity(x, key, 60)
    copies = scores.ms_ssim_diversity(np.repeat(x[:2], 15, axis=0), key, 60)
    assert copies.value > apart.value + 5 * apart.spread


def test_only_pairs_of_different_samples_are_drawn():
    x = images(2)
    expected = scores.ms_ssim(x[0], x[1])
    found = scores.ms_ssim_diversity(x, jax.random.key(1), 20)
    np.testing.assert_allclose(found.value, expected, atol=1e-5)
    np.testing.assert_allclose(found.spread, 0, atol=1e-5)


def test_the_support_of_a_uniform_law_is_its_size():
    random = np.random.default_rng(0)
    values = [
        float(scores.birthday_support(random.integers(0, 50, (400, 1)), 0.1).value)
        for _ in range(30)
    ]
    shares = 1 / np.array(values)
    assert abs(shares.mean() - 1 / 50) < 4 * shares.std() / np.sqrt(30)


def test_support_counts_pairs_within_the_threshold():
    x = np.array([[0.0], [0.5], [10.0], [20.0]])
    assert scores.birthday_support(x, 0.4).value == np.inf
    assert scores.birthday_support(x, 0.5).value == 6  # one pair of six
    assert scores.birthday_support(x + 1e4, 0.5, chunk=1).value == 6
    assert scores.birthday_support(np.zeros((5, 3)), 0).value == 1
    assert np.isnan(scores.birthday_support(np.full((3, 1), np.nan), 1).value)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: scores.ms_ssim(np.zeros((8, 8)), np.zeros((8, 8))), "shapes"),
        (lambda: scores.ms_ssim_diversity(images(1), jax.random.key(0)), "two images"),
        (lambda: scores.birthday_support(np.zeros((3, 1)), -1), "threshold=-1"),
        (lambda: scores.birthday_support(np.zeros((1, 1)), 1), "at least 2"),
    ],
)
def test_bad_input_is_named(call, said):
    with pytest.raises(errors.UserError, match=said):
        call()
