"""Scores of labelled samples of several members, of points in the plane."""

import jax
import numpy as np
import pytest

from jaxgan.scores import class_scores

CENTRES = np.array([[1, 0], [-1, 1], [-1, -1]])
ALIVE = [True, True, False, True]


def draw(seed, n):
    random = np.random.default_rng(seed)
    labels = random.integers(0, 3, n)
    return (CENTRES[labels] + 0.1 * random.normal(size=(n, 2))).astype("f4"), labels


def rate(members, labels, alive):
    return class_scores.accuracy_of_members(
        *draw(0, 300), np.stack(members), np.stack(labels), alive, seed=0
    )


@pytest.fixture(scope="module")
def members():
    """Real ones, ones under wrong labels, none, and all but the last class."""
    x, labels = draw(1, 200)
    few = labels % 2
    return [x, x, 0 * x, CENTRES[few].astype("f4")], [labels, (labels + 1) % 3] + [
        labels,
        few,
    ]


@pytest.fixture(scope="module")
def found(members):
    return rate(*members, ALIVE)


def test_classifiers_learn_what_their_samples_show(found):
    taught = found["classification_accuracy_score"]
    # Classes lie ten standard deviations apart; a class that is not shown is not known.
    _, labels = draw(0, 300)
    shown = np.mean(labels[150:] != 2)
    np.testing.assert_allclose(taught.value, [1, 0, np.nan, shown], atol=0.01)
    np.testing.assert_array_equal(taught.ceiling[:2], 1)
    np.testing.assert_allclose(taught.floor[:2], 1 / 3, rtol=1e-6)
    entries = dict(taught.protocol)
    counts = ("num_real", "num_fake", "num_held_out")
    assert [entries[name] for name in counts] == [150, 150, 150]
    assert entries["direction"] == "train_on_fake"


def test_a_classifier_of_real_samples_knows_what_shows_its_label(found):
    met = found["accuracy_on_generated"].value
    np.testing.assert_allclose(met, [1, 0, np.nan, 1], atol=0.01)


def test_members_are_scored_as_alone(found, members):
    alone = rate(members[0][3:], members[1][3:], [True])
    for name, own in found.items():
        pairs = zip(*map(jax.tree.leaves, (own, alone[name])), strict=True)
        for together, one in pairs:
            np.testing.assert_array_equal(together[3], one[0])


def test_dead_members_alone_have_no_accuracy(members):
    gone = rate(members[0][2:3], members[1][2:3], [False])
    assert all(np.isnan(own.value).all() for own in gone.values())
