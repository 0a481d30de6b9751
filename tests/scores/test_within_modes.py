"""Tests of jaxgan.scores.within_modes: spread within modes, against mathematics."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings, strategies
from scipy import stats

from jaxgan import scores
from jaxgan.core import errors
from jaxgan.data import mixtures
from jaxgan.scores import suites

RING = mixtures.ring()
MEANS = np.asarray(mixtures.centres(RING))
STD, K = float(mixtures.spread(RING)), 8
SQUARES_OF_COPIES = 2 * math.sqrt(math.pi / 2) - math.sqrt(math.pi)


@jax.jit
def measured(x):
    """Deviation and energy distance of points in units of the ring's modes."""
    x = jnp.asarray(x, jnp.float32)
    mode, good = scores.nearest_mode(x, MEANS, STD)
    return (
        scores.within_mode_deviation(x, mode, good, MEANS, STD),
        scores.within_mode_energy(x, mode, MEANS, STD),
    )


def points(residuals):
    """`[K, n, 2]` residuals as points, in random order of the modes."""
    x = MEANS[:, None] + STD * residuals
    return np.random.default_rng(1).permutation(x.reshape(-1, 2))


def normal(n, seed=0):
    return np.random.default_rng(seed).normal(size=(K, n, 2))


def test_a_perfect_generator_has_the_real_deviation_and_the_floor():
    found = [measured(points(normal(200, seed))) for seed in range(8)]
    deviations = np.array([own.value for own, _ in found])
    spread = float(found[0][0].spread)
    assert spread == pytest.approx(1 / math.sqrt(2 * 2 * (K * 200)), rel=0.02)
    assert abs(deviations.mean() - 1) < 4 * spread / math.sqrt(8)
    assert 0.3 * spread < deviations.std() < 2 * spread
    squares = np.array([own.value**2 for _, own in found])
    floor = float(found[0][1].floor)
    assert floor == pytest.approx(math.sqrt(math.sqrt(math.pi) / 200), rel=1e-5)
    np.testing.assert_allclose(squares.mean(), floor**2, rtol=0.3)


def test_copies_of_the_centres_have_no_deviation_and_their_known_distance():
    deviation, energy = measured(points(np.zeros((K, 50, 2))))
    assert float(deviation.value) < 1e-5
    np.testing.assert_allclose(energy.value**2, SQUARES_OF_COPIES, rtol=1e-4)


@pytest.mark.parametrize("share", [0.2, 0.5])
def test_modes_that_are_too_narrow_have_the_ratio_of_the_deviations(share):
    deviation, energy = measured(points(share * normal(1000)))
    # None of them is further away than three deviations, which takes 2.6 % of the
    # standard deviation of the real ones.
    inside = stats.chi2.cdf(9, 4) / stats.chi2.cdf(9, 2)
    np.testing.assert_allclose(
        deviation.value, share / math.sqrt(inside), rtol=4 / math.sqrt(4 * K * 1000)
    )
    # Distances of N(0, a I) and N(0, b I) in the plane are sqrt((a + b) pi / 2).
    across = math.sqrt((1 + share**2) * math.pi / 2)
    within = math.sqrt(math.pi) * share
    expected = 2 * across - within - math.sqrt(math.pi) + within / 1000
    np.testing.assert_allclose(energy.value**2, expected, rtol=0.1)


def test_strays_do_not_hide_a_mode_that_has_collapsed():
    residuals = np.zeros((K, 100, 2))
    residuals[:, :10] = normal(10) * 2 + 10
    deviation, energy = measured(points(residuals))
    assert float(deviation.value) < 0.05
    assert float(energy.value) > math.sqrt(SQUARES_OF_COPIES)


def test_a_stray_however_far_away_does_not_count():
    residuals = normal(50)
    expected = measured(points(residuals))[0].value
    residuals[0, 0] = 1e25
    found = measured(points(residuals))[0].value
    np.testing.assert_allclose(found, expected, rtol=0.02)


@settings(max_examples=5, deadline=None)
@given(seed=strategies.integers(0, 100), far=strategies.booleans())
def test_the_energy_distance_is_that_of_many_points_of_the_mode(seed, far):
    rng = np.random.default_rng(seed)
    own = rng.normal(size=(1, 30, 2)) * (30 if far else 0.7) + 0.3
    law = rng.normal(size=(40_000, 2))
    found = jax.jit(scores.within_mode_energy)(
        jnp.asarray(own[0], jnp.float32), jnp.zeros(30, int), jnp.zeros((1, 2)), 1.0
    ).value
    across = np.linalg.norm(own[0][:, None] - law, axis=-1).mean()
    within = np.linalg.norm(own[0][:, None] - own[0], axis=-1).mean()
    expected = 2 * across - within - math.sqrt(math.pi)
    np.testing.assert_allclose(found**2, expected, atol=0.03, rtol=0.02)


def test_seeds_score_as_alone_in_any_order_and_the_dead_are_nan():
    suite = suites.of_mixture(MEANS, STD, np.full(K, 1 / K))
    x = points(normal(40)).astype(np.float32)
    dead, some = np.full_like(x, np.nan), x.copy()
    some[::3] = np.inf
    found = suite(np.stack([x, np.random.default_rng(2).permutation(x), dead, some]))
    alone = suite(x[None])
    for name in ("within_mode_deviation", "within_mode_energy"):
        values = np.asarray(found[name].value)
        np.testing.assert_allclose(values[:2], alone[name].value[0], rtol=1e-4)
        assert np.isnan(values[2]) and np.isfinite(values[3])
    ceiling = dict(found["coverage"].protocol)["high_quality_ceiling"]
    assert ceiling == pytest.approx(1 - math.exp(-4.5))


def test_samples_that_are_not_in_the_plane_are_refused():
    with pytest.raises(errors.UserError, match="in the plane"):
        scores.within_mode_energy(
            jnp.zeros((4, 3)), jnp.zeros(4, int), jnp.zeros((1, 3)), 1.0
        )


def test_no_decomposition_is_compiled():
    """Batched decompositions of many seeds would share the threads of one pool."""
    suite = suites.of_mixture(MEANS, STD, np.full(K, 1 / K))
    assert "lapack" not in jax.jit(suite).lower(np.zeros((2, 64, 2))).as_text()
