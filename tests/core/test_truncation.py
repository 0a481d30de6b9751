"""Truncated latents have the moments of the truncated normal distribution."""

import jax
import numpy as np
import pytest
from scipy import stats

from jaxgan.core import errors, truncation

Z = np.random.default_rng(0).normal(size=200_000).astype(np.float32)
RESAMPLED = jax.jit(truncation.resampling)


@pytest.mark.parametrize("threshold", [0.1, 0.5, 1.0, 2.0, 10.0])
def test_resampled_coordinates_have_the_law_of_normal_ones_within(threshold):
    found = np.float64(RESAMPLED(Z, threshold))
    assert np.abs(found).max() <= np.float32(threshold)
    # Var = 1 - 2 t p(t) / (F(t) - F(-t)), p the normal density and F its integral.
    share = stats.norm.cdf(threshold) - stats.norm.cdf(-threshold)
    variance = 1 - 2 * threshold * stats.norm.pdf(threshold) / share
    np.testing.assert_allclose(found.var(), variance, rtol=0.015)
    assert abs(found.mean()) < 4 * np.sqrt(variance / len(Z))
    law = stats.truncnorm(-threshold, threshold)
    # Of one draw in ten thousand the distance is larger.
    assert stats.kstest(found, law.cdf).statistic < 2.23 / np.sqrt(len(Z))


def test_one_latent_moves_in_order_as_the_threshold_falls():
    few = np.sort(Z[:1000])
    found = np.stack([RESAMPLED(few, t) for t in (0.3, 1.0, 3.0)])
    assert (np.diff(found, axis=1) >= 0).all()
    assert (np.diff(np.abs(found), axis=0) >= -1e-6).all()


def test_a_threshold_that_cuts_nothing_off_changes_nothing():
    # As far as float32 tells erf(z / sqrt(2)) from 1.
    near = Z[np.abs(Z) < 4]
    np.testing.assert_allclose(RESAMPLED(near, 12.0), near, rtol=1e-3, atol=1e-6)


def test_latents_beyond_float32s_error_function_end_at_the_threshold():
    far = np.float32([-50, -7, 7, 50])
    np.testing.assert_allclose(RESAMPLED(far, 2.0), [-2, -2, 2, 2], rtol=1e-6)


def test_scaling_multiplies():
    np.testing.assert_allclose(truncation.scaling(Z, 0.5), Z / 2)


@pytest.mark.parametrize(
    ("rule", "level", "said"),
    [
        ("cutting", 1.0, "rule='cutting'"),
        ("scaling", 0.0, "level=0"),
        ("resampling", float("nan"), "level=nan"),
        ("resampling", float("inf"), "level=inf"),
    ],
)
def test_rules_and_levels_that_leave_nothing_are_refused(rule, level, said):
    with pytest.raises(errors.UserError, match=said):
        truncation.check(rule, level)
