"""Tests of jaxgan.data.reclustering."""

import itertools

import numpy as np
import pytest

from jaxgan.core import errors
from jaxgan.data import modes, reclustering

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("seed", range(5))
def test_names_are_kept_under_permuted_labels(seed):
    rng = np.random.default_rng(seed)
    before = np.concatenate([np.arange(7), rng.integers(0, 7, 200)])
    permuted = rng.permutation(7)[before]
    np.testing.assert_array_equal(reclustering.matched(permuted, before, 7), before)


def test_the_matching_agrees_at_as_many_samples_as_any_could():
    own, before = RNG.integers(0, 4, (2, 60))
    found = reclustering.matched(own, before, 4)
    most = max(
        (np.array(names)[own] == before).sum()
        for names in itertools.permutations(range(4))
    )
    assert (found == before).sum() == most
    # A renaming: what was together stays together, and apart.
    assert len({*zip(own, found, strict=True)}) == len(np.unique(own))


def blobs(centres, per=30):
    label = np.repeat(np.arange(len(centres)), per)
    return centres[label] + 0.1 * RNG.normal(size=(len(label), 2)), label


CENTRES = np.array([[0.0, 0], [5, 0], [0, 5], [5, 5]])


def test_clusters_that_move_together_keep_their_identities():
    x, label = blobs(CENTRES)
    turned = (x - 3) @ np.array([[0.0, -1], [1, 0]]) * 7 + 100
    np.testing.assert_array_equal(reclustering.reclustered(turned, label, 4), label)


def test_samples_that_moved_to_another_cluster_change_their_name_alone():
    x, label = blobs(CENTRES)
    x[:5] += CENTRES[3]
    found = reclustering.reclustered(x, label, 4)
    np.testing.assert_array_equal(found[5:], label[5:])
    assert (found[:5] == 3).all()


def test_clusters_are_found_without_any_before():
    x, label = blobs(CENTRES)
    found = reclustering.clustered(x, 4, seed=1)
    assert modes.purity(modes.from_labels(found), label) == 1
    np.testing.assert_array_equal(found, reclustering.clustered(x, 4, seed=1))


def test_more_samples_than_are_fitted_all_get_a_cluster(monkeypatch):
    monkeypatch.setattr(modes, "MAX_FITTED", 40)
    x, label = blobs(CENTRES)
    np.testing.assert_array_equal(reclustering.reclustered(x, label, 4), label)


@pytest.mark.parametrize("x", [np.zeros((12, 2)), np.full((12, 2), np.nan)])
def test_features_that_tell_nothing_apart_leave_the_clusters_as_they_were(x):
    before = np.arange(12) % 3
    np.testing.assert_array_equal(reclustering.reclustered(x, before, 3), before)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: reclustering.clustered(np.zeros((9, 2)), 2), "num_modes is 2"),
        (lambda: reclustering.matched([0, 3], [0, 1], 3), "labels"),
        (lambda: reclustering.matched([0, 1], [0.5, 1], 3), "before"),
        (lambda: reclustering.matched([0, 1], [0, 1, 1], 2), "2 samples"),
        (lambda: reclustering.reclustered(np.eye(3), [0, 0, 2], 3), "cluster 1"),
        (lambda: reclustering.reclustered(np.eye(3), [0, 1], 2), "3 samples"),
    ],
)
def test_what_are_no_clusters_is_said_in_a_sentence(call, said):
    with pytest.raises(errors.UserError, match=said):
        call()
