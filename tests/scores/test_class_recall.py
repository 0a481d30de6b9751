"""Tests of jaxgan.scores.class_recall."""

import jax
import numpy as np
import pytest

from jaxgan import scores
from jaxgan.core import errors

N = 1000
UNIFORM = np.full(4, 0.25)


def recall(counts, good=None, target=UNIFORM, tail=(2, 3)):
    mode = np.repeat(np.arange(len(counts)), counts)
    good = np.ones(len(mode), bool) if good is None else good
    return scores.class_recall(mode, good, target, tail)


def test_recall_is_the_share_of_the_target_share_and_at_most_one():
    found = recall([600, 250, 100, 50])
    np.testing.assert_allclose(found.recall, [1, 1, 0.4, 0.2], rtol=1e-6)
    np.testing.assert_allclose(found.tail_recall, 0.3, rtol=1e-6)
    np.testing.assert_allclose(found.head_recall, 1, rtol=1e-6)


def test_the_target_need_not_be_uniform_and_may_be_counts():
    found = recall([600, 250, 100, 50], target=np.array([12, 5, 2, 1]), tail=[3])
    np.testing.assert_allclose(found.recall, 1, rtol=1e-6)
    swapped = recall([600, 250, 100, 50], target=np.array([1, 2, 5, 12]), tail=[3])
    np.testing.assert_allclose(swapped.recall, [1, 1, 0.4, 1 / 12], rtol=1e-5)


def test_samples_that_are_not_good_are_no_recall_but_count():
    mode = np.repeat(np.arange(4), 250)
    good = np.arange(N) % 2 == 0
    np.testing.assert_allclose(recall([250] * 4, good).recall, 0.5, rtol=1e-6)
    dead = scores.class_recall(np.full(N, -1), np.zeros(N, bool), UNIFORM, [3])
    np.testing.assert_array_equal(dead.recall, 0)
    half = np.where(np.arange(N) % 2, mode, -1)
    np.testing.assert_allclose(
        scores.class_recall(half, np.ones(N, bool), UNIFORM, [3]).recall, 0.5
    )


def test_a_perfect_generator_shows_the_ceiling():
    target = np.array([0.5, 0.3, 0.15, 0.05])
    counts = np.random.default_rng(0).multinomial(N, target, size=20_000)
    expected = np.minimum(counts / N / target, 1)[:, 2:].mean()
    found = recall([600, 250, 100, 50], target=target).ceiling
    # The normal in the place of the binomial; the mean itself is sure to 0.0003.
    np.testing.assert_allclose(found, expected, atol=2e-3)


def test_a_class_without_a_target_does_not_count():
    found = recall([500, 500], target=np.array([1.0, 0.0]), tail=[0, 1])
    assert np.isnan(found.recall[1]) and found.tail_recall == 0.5
    assert np.isnan(found.head_recall)


def test_members_are_scored_as_alone():
    modes = np.stack([np.arange(N) % 4, np.zeros(N, int)])
    good = np.ones((2, N), bool)
    found = jax.vmap(lambda m, g: scores.class_recall(m, g, UNIFORM, [3]))(modes, good)
    np.testing.assert_allclose(found.tail_recall, [1, 0])
    assert found.recall.shape == (2, 4)


def test_a_tail_of_unknown_classes_is_refused():
    for tail in ([], [4], [-1]):
        with pytest.raises(errors.UserError, match="tail="):
            recall([1, 1, 1, 1], tail=tail)
    with pytest.raises(errors.UserError, match="both have shape"):
        scores.class_recall(np.zeros(3, int), np.ones(2, bool), UNIFORM, [0])
