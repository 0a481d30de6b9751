"""Tests of jaxgan.scores.real_or_fake."""

import math

import numpy as np
import pytest

from jaxgan.core import errors
from jaxgan.scores import real_or_fake

RANDOM = np.random.default_rng(0)
REAL, FAKE = RANDOM.integers(0, 9, 40) + 2.0, RANDOM.integers(0, 9, 30) + 0.0
ODDS = math.log(3)  # of a probability of 3/4


def test_the_area_counts_pairs_and_ties_half():
    pairs = REAL[:, None] - FAKE
    assert (pairs == 0).any()
    won = (pairs > 0) + 0.5 * (pairs == 0)
    found = real_or_fake.area_under_curve(REAL, FAKE)
    assert found.value == pytest.approx(won.mean())
    parts = (won.mean(axis=axis).var(ddof=1) / won.shape[1 - axis] for axis in (0, 1))
    assert found.spread == pytest.approx(np.sqrt(sum(parts)))


def test_the_area_sees_order_alone_and_turns_with_the_players():
    value = real_or_fake.area_under_curve(REAL, FAKE).value
    other = real_or_fake.area_under_curve(np.exp(REAL), np.exp(FAKE)).value
    assert other == pytest.approx(value)
    assert real_or_fake.area_under_curve(FAKE, REAL).value == pytest.approx(1 - value)
    assert real_or_fake.area_under_curve(np.ones(3), np.ones(5)).value == 0.5
    assert real_or_fake.area_under_curve([1.0], [0.0]).spread is None


def test_the_area_of_gaussians_is_known_and_its_spread_is_that_of_repeats():
    gap, number = 1.0, 400
    real = RANDOM.normal(gap, size=(300, number))
    fake = RANDOM.normal(size=(300, number // 2))
    found = [
        real_or_fake.area_under_curve(*own) for own in zip(real, fake, strict=True)
    ]
    values = np.array([own.value for own in found])
    expected = 0.5 * (1 + math.erf(gap / 2))  # Phi(gap / sqrt(2))
    assert values.mean() == pytest.approx(expected, abs=4 * values.std() / 300**0.5)
    spread = np.mean([own.spread for own in found])
    assert spread == pytest.approx(values.std(), rel=0.2)


def test_who_is_as_sure_as_it_is_right_is_calibrated():
    real, fake = np.array([ODDS, ODDS, ODDS, -ODDS]), np.array([-ODDS] * 3 + [ODDS])
    found = real_or_fake.calibration_error
    assert found(real, fake).value == pytest.approx(0, abs=1e-12)
    # How many there are of each kind does not count.
    assert found(real, np.tile(fake, 5)).value == pytest.approx(0, abs=1e-12)
    # Twice as sure: 9/10 where 3/4 is right.
    assert found(2 * real, 2 * fake).value == pytest.approx(0.15)
    # Sure of the opposite: 1/4 where 3/4 is right.
    assert found(-real, -fake).value == pytest.approx(0.5)
    assert found(0 * real, 0 * fake).value == pytest.approx(0)


@pytest.mark.parametrize(("sign", "error"), [(1, 0.0), (-1, 1.0)])
def test_the_surest_logits_have_a_bin(sign, error):
    found = real_or_fake.calibration_error([sign * 1e4], [-sign * 1e4])
    assert found.value == pytest.approx(error)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_logits_that_are_not_finite_have_no_scores(bad):
    for score in (real_or_fake.area_under_curve, real_or_fake.calibration_error):
        assert np.isnan(score([0.0, bad], [0.0]).value)
        assert np.isnan(score([0.0], [0.0, bad]).value)


def test_what_is_no_vector_of_logits_is_refused():
    for score in (real_or_fake.area_under_curve, real_or_fake.calibration_error):
        with pytest.raises(errors.UserError, match=r"other_logits has shape \(0,\)"):
            score([1.0], [])
        with pytest.raises(errors.UserError, match=r"real_logits has shape \(2, 1\)"):
            score(np.ones((2, 1)), [1.0])
    with pytest.raises(errors.UserError, match="num_bins=0"):
        real_or_fake.calibration_error([1.0], [1.0], 0)
