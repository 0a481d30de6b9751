"""Tests of jaxgan.scores.copies."""

import jax
import numpy as np
import pytest
from scipy.spatial import distance

from jaxgan.core import errors
from jaxgan.scores import copies

N, F = 400, 6


@pytest.fixture(scope="module")
def sets():
    """Training, held-out and generated samples of one law, and what is near."""
    random = np.random.default_rng(0)
    training, held_out, fake = random.normal(size=(3, N, F)).astype(np.float32)
    near = copies.to_training(held_out, training, 0.1)
    return training, held_out, fake, near, copies.to_each_other(training, 0.1)


def test_what_is_near_is_a_quantile_of_real_distances(sets):
    training, held_out, _, near, others = sets
    nearest = distance.cdist(held_out, training).min(axis=1)
    np.testing.assert_allclose(near.distance, np.sort(nearest)[39], rtol=1e-5)
    own = distance.cdist(training, training)
    np.fill_diagonal(own, np.inf)
    expected = np.sort(own.min(axis=1))[39]
    np.testing.assert_allclose(others.distance, expected, rtol=1e-5)
    assert near.share == pytest.approx(0.1) and others.num_real == N


def test_new_samples_of_the_law_are_no_copies_and_copies_are(sets):
    training, _, fake, near, _ = sets
    fair = copies.memorisation(fake, training, near)
    expected = np.mean(distance.cdist(fake, training).min(axis=1) <= near.distance)
    np.testing.assert_allclose(fair.value, expected, atol=1e-6)
    assert abs(fair.value - fair.floor) < 5 * np.sqrt(2) * 0.015  # (0.1 * 0.9 / N)^1/2
    half = np.concatenate([training[: N // 2] + 1e-3, 50 + fake[: N // 2]])
    found = copies.memorisation(half, training, near)
    assert found.value == 0.5 and found.floor == near.share


def test_repeated_samples_are_found_though_each_is_as_good_as_a_real_one(sets):
    training, _, fake, _, others = sets
    fair = copies.repetition(fake, others)
    assert abs(fair.value - fair.floor) < 5 * np.sqrt(2) * 0.015
    twice = np.concatenate([fake[: N // 2], fake[: N // 2] + 1e-4])
    assert copies.repetition(twice, others).value == 1
    # One image a class, over and over, and spread out as no real samples are.
    assert copies.repetition(np.repeat(fake[:10], N // 10, axis=0), others).value == 1
    assert copies.repetition(100 * fake, others).value == 0


def test_real_samples_that_are_equal_raise_the_floor(sets):
    training, *_ = sets
    real = np.concatenate([training[:300], training[:100]])
    near = copies.to_each_other(real, 0.1)
    assert near.distance == 0 and near.share == pytest.approx(0.5)


def test_a_dead_generator_has_no_score_and_no_effect_on_others(sets):
    training, _, fake, near, others = sets
    both = np.stack([fake, np.full_like(fake, np.nan)])
    found = jax.vmap(lambda x: copies.memorisation(x, training, near).value)(both)
    assert found[0] == copies.memorisation(fake, training, near).value
    assert np.isnan(found[1])
    assert np.isnan(copies.repetition(both[1], others).value)


def test_arguments_that_do_not_fit_are_refused(sets):
    training, held_out, fake, near, others = sets
    with pytest.raises(errors.UserError, match="are of 10 samples.*among 400"):
        copies.repetition(fake[:10], others)
    for quantile in (0, 1, float("nan")):
        with pytest.raises(errors.UserError, match=f"quantile={quantile}"):
            copies.to_training(held_out, training, quantile)
    with pytest.raises(errors.UserError, match="same network"):
        copies.memorisation(fake[:, :3], training, near)
