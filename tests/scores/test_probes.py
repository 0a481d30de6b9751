"""Tests of jaxgan.scores.probes."""

import numpy as np
import pytest

from jaxgan.core import errors
from jaxgan.scores import probes

RANDOM = np.random.default_rng(0)
CENTRES = RANDOM.normal(size=(3, 20))
LABEL = np.repeat([2, 5, 9], 40)


def drawn(seed, std):
    noise = np.random.default_rng(seed).normal(size=(len(LABEL), 20))
    return CENTRES[np.unique(LABEL, return_inverse=True)[1]] + std * noise


def test_a_subset_has_as_many_of_each_class_and_follows_from_its_seed():
    label = RANDOM.permutation(np.repeat([0, 3, 4], [50, 7, 20]))
    rows = probes.subset(label, 7, (1, 2))
    assert len(set(rows)) == 21 and (np.bincount(label[rows])[[0, 3, 4]] == 7).all()
    np.testing.assert_array_equal(rows, probes.subset(label, 7, (1, 2)))
    assert not np.array_equal(rows, probes.subset(label, 7, (2, 1)))


@pytest.mark.parametrize("per_class", [0, 8, -1, 1.5])
def test_a_subset_takes_no_more_than_there_are(per_class):
    with pytest.raises(errors.UserError, match="per_class="):
        probes.subset(np.repeat([0, 1], [9, 7]), per_class, 0)
    with pytest.raises(errors.UserError, match="smallest class has, 0"):
        probes.subset(np.zeros(0, int), 1, 0)


@pytest.mark.parametrize("classifier", probes.CLASSIFIERS)
def test_classes_that_lie_apart_are_known_and_labels_that_mean_nothing_are_not(
    classifier,
):
    x, held_out = drawn(1, 0.1), drawn(2, 0.1)
    found = probes.accuracy(x, LABEL, held_out, LABEL, classifier=classifier)
    assert found.value == 1 and found.spread == 0
    assert found.floor == pytest.approx(1 / 3)
    guessed = np.random.default_rng(3).permutation(LABEL)
    found = probes.accuracy(x, guessed, held_out, LABEL, classifier=classifier)
    assert found.value < 0.6  # 1/3 but for chance: classes of 40, not single samples
    assert found.spread == pytest.approx(
        np.sqrt(found.value * (1 - found.value) / len(LABEL))
    )


@pytest.mark.parametrize("classifier", probes.CLASSIFIERS)
def test_units_and_the_order_of_features_and_samples_do_not_count(classifier):
    x, held_out = drawn(1, 2.0), drawn(2, 2.0)
    own = probes.accuracy(x, LABEL, held_out, LABEL, classifier=classifier).value
    assert 0.4 < own < 1
    features, rows = RANDOM.permutation(20), RANDOM.permutation(len(x))
    other = probes.accuracy(
        *(64 * x[rows][:, features] + 2, LABEL[rows]),
        *(64 * held_out[:, features] + 2, LABEL),
        classifier=classifier,
    )
    assert other.value == pytest.approx(own, abs=1.5 / len(LABEL))


def test_the_penalty_suits_features_without_meaning():
    # Two features tell the classes apart, and a thousand are noise: least squares
    # without a penalty fits the noise.
    random = np.random.default_rng(4)
    label = np.repeat([0, 1], 30)

    def made():
        signal = (2 * label[:, None] - 1) * np.ones(2) + 0.3 * random.normal(
            size=(60, 2)
        )
        return np.hstack([signal, 0.05 * random.normal(size=(60, 1000))])

    assert probes.accuracy(made(), label, made(), label).value > 0.95


def test_the_nearest_labelled_samples_vote():
    x = np.array([[0.0], [0.1], [0.2], [5.0], [5.1], [5.2], [5.3]])
    label = [0, 0, 0, 1, 1, 1, 1]
    found = probes.accuracy(
        x, label, [[0.15], [5.15], [2.0]], [0, 1, 1], classifier="nearest"
    )
    assert found.value == pytest.approx(2 / 3)  # 2.0 has three neighbours of class 0


def test_features_that_are_not_finite_have_no_accuracy():
    x = drawn(1, 0.1)
    bad = x.copy()
    bad[3, 4] = np.inf
    for own in ((bad, LABEL, x, LABEL), (x, LABEL, bad, LABEL)):
        found = probes.accuracy(*own)
        assert np.isnan(found.value) and np.isnan(found.spread)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"x": np.ones((4, 3, 1))}, r"x has shape \(4, 3, 1\)"),
        ({"labels": np.arange(3)}, r"x has shape \(4, 2\) and its labels \(3,\)"),
        ({"held_out_x": np.ones((4, 3))}, "x has 2 features and held_out_x has 3"),
        ({"labels": np.zeros(4)}, "of one class"),
        ({"classifier": "linea"}, "did you mean 'linear'"),
    ],
)
def test_what_does_not_fit_together_is_said(changed, said):
    x, label = np.arange(8.0).reshape(4, 2), np.array([0, 1, 0, 1])
    given = {"x": x, "labels": label, "held_out_x": x, "held_out_labels": label}
    with pytest.raises(errors.UserError, match=said):
        probes.accuracy(**given | changed)
