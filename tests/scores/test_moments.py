import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan import scores
from jaxgan.core import errors
from jaxgan.scores import moments

F = 6


def draw(n, mean=100.0, seed=0):
    random = np.random.default_rng(seed)
    mix = random.normal(size=(F, F))
    return (random.normal(size=(n, F)) @ mix + mean).astype(np.float32)


update, merge = jax.jit(moments.update), jax.jit(moments.merge)


def in_batches(x, size):
    found = moments.empty(F)
    for start in range(0, len(x), size):
        found = update(found, x[start : start + size])
    return moments.finalize(found)


@pytest.mark.parametrize("size", [1, 7, 64, 700])
def test_moments_are_those_of_float64_however_samples_are_cut(size):
    x = draw(700)
    mean, covariance = in_batches(x, size)
    exact = x.astype(np.float64)
    np.testing.assert_allclose(mean, exact.mean(0), rtol=2e-7)
    scale = np.abs(np.cov(exact.T)).max()
    np.testing.assert_allclose(covariance, np.cov(exact.T), atol=1e-6 * scale)


def test_order_does_not_matter():
    x = draw(700)
    one = in_batches(x, 64)
    other = in_batches(x[np.random.default_rng(1).permutation(700)], 64)
    np.testing.assert_allclose(one[1], other[1], atol=1e-6 * np.abs(one[1]).max())


@pytest.mark.parametrize("parts", [(700,), (1, 699), (0, 300, 400), (100,) * 7])
def test_merged_shards_equal_the_whole(parts):
    x, found = draw(700), moments.empty(F)
    for part in np.split(x, np.cumsum(parts)[:-1]):
        own = moments.empty(F)
        if len(part):
            own = update(own, part)
        found = merge(found, own)
    mean, covariance = moments.finalize(found)
    exact = np.cov(x.astype(np.float64).T)
    np.testing.assert_allclose(mean, x.astype(np.float64).mean(0), rtol=2e-7)
    np.testing.assert_allclose(covariance, exact, atol=1e-6 * np.abs(exact).max())


def test_many_small_batches_lose_no_digits():
    x = draw(20_000)

    @jax.jit
    def all_at_once(x):
        return jax.lax.scan(
            lambda m, part: (moments.update(m, part), None), moments.empty(F), x
        )[0]

    mean, covariance = moments.finalize(all_at_once(x.reshape(-1, 2, F)))
    exact = np.cov(x.astype(np.float64).T)
    np.testing.assert_allclose(covariance, exact, atol=1e-6 * np.abs(exact).max())
    np.testing.assert_allclose(mean, x.astype(np.float64).mean(0), rtol=2e-7)


def test_the_distance_is_that_of_all_features_at_once():
    real, fake = draw(300, 0.0), draw(200, 0.5, seed=1)
    kept = [moments.update(moments.empty(F), x) for x in (real, fake)]
    expected = scores.frechet_distance(real, fake).value
    np.testing.assert_allclose(
        moments.frechet_distance(*kept).value, expected, rtol=1e-5
    )


@pytest.mark.parametrize(
    "fake",
    [
        np.zeros((5, F)),
        np.ones((1, F)),
        np.tile(np.arange(F), (9, 1)),
        np.outer(np.arange(9), np.ones(F)),
        draw(3, 0.0),
    ],
    ids=["constant", "single", "duplicates", "rank one", "fewer than features"],
)
def test_degenerate_samples_have_a_finite_distance(fake):
    kept = [moments.update(moments.empty(F), x) for x in (draw(50, 0.0), fake)]
    value = moments.frechet_distance(*kept).value
    assert np.isfinite(value) and value >= 0


def test_members_are_scored_together():
    real, fake = draw(50, 0.0), np.stack([draw(40, shift) for shift in (0.0, 1.0)])
    own = moments.update(moments.empty(F), real)
    both = jax.vmap(lambda x: moments.update(moments.empty(F), x))(jnp.asarray(fake))
    found = jax.vmap(lambda m: moments.frechet_distance(own, m).value)(both)
    for value, x in zip(found, fake, strict=True):
        expected = scores.frechet_distance(real, x).value
        np.testing.assert_allclose(value, expected, rtol=1e-4)


def test_other_features_are_refused():
    with pytest.raises(errors.UserError, match="6 features"):
        moments.update(moments.empty(F), np.zeros((2, 3)))
    with pytest.raises(errors.UserError, match="6 and 3 features"):
        moments.frechet_distance(moments.empty(F), moments.empty(3))
