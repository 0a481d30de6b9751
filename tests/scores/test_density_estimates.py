"""Likelihoods of known generators, against closed forms."""

import jax
import numpy as np
import pytest
from scipy import stats

from jaxgan.core import errors
from jaxgan.data import mixtures
from jaxgan.scores import density_estimates

RING = mixtures.ring(std=0.1)


def draw(seed, n, std=1.0):
    return np.random.default_rng(seed).normal(size=(n, 2), scale=std).astype(np.float32)


def test_the_density_of_a_mixture_is_that_of_its_gaussians():
    mixture = mixtures.grid(side=3, spacing=1.0, std=0.3, scale=2.0)
    weights = np.arange(1, 10) / 45
    mixture = mixture._replace(weights=weights.astype(np.float32))
    x = np.random.default_rng(0).normal(size=(7, 2))
    expected = np.log(
        sum(
            w * stats.multivariate_normal(m / 2, 0.15**2 * np.eye(2)).pdf(x)
            for w, m in zip(weights, mixture.means, strict=True)
        )
    )
    np.testing.assert_allclose(mixtures.log_density(mixture, x), expected, rtol=1e-4)
    with pytest.raises(errors.UserError, match="noise in 700 of them"):
        mixtures.log_density(mixtures.embedded(), np.zeros((1, 1200)))


def test_estimates_are_near_the_closed_form_for_a_gaussian_generator():
    # The generator is wider than the data: E_p log q in closed form.
    data, generator = 1.0, 1.5
    real, fake = draw(0, 2000, data), draw(1, 2000, generator)
    found = density_estimates.of_members(real, fake[None])
    closed = -np.log(2 * np.pi * generator**2) - (data / generator) ** 2
    for score in found.values():
        np.testing.assert_allclose(score.value, closed, atol=0.1)
    windows = found["parzen_log_likelihood"]
    assert 0.05 < windows.bandwidth < 1 and windows.ceiling is None


def test_the_truth_is_the_ceiling_and_worse_generators_and_dead_ones_are_told():
    real, _ = mixtures.sample(RING, jax.random.key(0), 2000)
    good, _ = mixtures.sample(RING, jax.random.key(1), 2000)
    real, good = np.asarray(real), np.asarray(good)
    collapsed = good[good[:, 0] > 0]
    collapsed = np.concatenate([collapsed, collapsed])[:2000]
    dead = np.full_like(good, np.nan)
    found = density_estimates.of_members(
        real,
        np.stack([good, collapsed, dead]),
        log_density=lambda x: mixtures.log_density(RING, x),
    )
    # Eight modes that hardly overlap: log 8 more than the entropy of one.
    entropy = np.log(8) + np.log(2 * np.pi * np.e * 0.1**2)
    for score in found.values():
        np.testing.assert_allclose(score.ceiling, -entropy, atol=0.1)
        assert score.value[1] < score.value[0] - 0.5
        assert score.value[0] < score.ceiling[0] + 0.05
        np.testing.assert_allclose(score.value[0], -entropy, atol=0.35)
        assert np.isnan(score.value[2]) and "known_failure" in dict(score.protocol)
