"""Tests of jaxgan.data.long_tail, and of datasets with one."""

import numpy as np
import pytest

from jaxgan.core import errors
from jaxgan.data import dataset, long_tail


@pytest.mark.parametrize(
    ("counts", "factor", "expected"),
    [
        ([16] * 5, 16, [16, 8, 4, 2, 1]),
        # 100^(-k / 9) of 5,000, as in the long-tailed CIFAR-10.
        ([5000] * 10, 100, [5000, 2997, 1796, 1077, 645, 387, 232, 139, 83, 50]),
        ([7, 7, 7], 1, [7, 7, 7]),
        # The first class has more than the second lets it keep: 4 * 10 = 40 at most.
        ([100, 4], 10, [40, 4]),
        ([10, 1000], 10, [10, 1]),
    ],
)
def test_a_class_keeps_its_share_of_the_first(counts, factor, expected):
    kept = long_tail.kept_counts(counts, factor)
    np.testing.assert_array_equal(kept, expected)
    assert np.all(kept <= counts)


@pytest.mark.parametrize(
    ("counts", "factor", "said"),
    [
        ([50] * 4, 51, "imbalance=51 leaves class 3 without.*give at most 50"),
        # With the middle class's 2 the last one keeps 2 / sqrt(f).
        ([100, 2, 50], 9, "imbalance=9 leaves class 2 .*give at most 4"),
        ([50] * 4, 0.5, "imbalance=0.5 must be at least 1"),
        ([50] * 4, float("nan"), "imbalance=nan must be at least 1"),
        ([50] * 4, float("inf"), "imbalance=inf must be at least 1"),
        ([50, 0, 3], 2, "class 1 of 3 has 0"),
        ([50], 2, "at least two classes"),
    ],
)
def test_a_tail_that_leaves_a_class_empty_is_refused(counts, factor, said):
    with pytest.raises(errors.UserError, match=said):
        long_tail.kept_counts(counts, factor)


@pytest.mark.parametrize(
    ("counts", "most", "first"), [([139, 145, 141], 139, 139), ([100, 2, 50], 4, 4)]
)
def test_the_limit_that_is_named_is_one_that_is_taken(counts, most, first):
    kept = long_tail.kept_counts(counts, most)
    assert kept[-1] == 1 and kept[0] == first


def test_the_tail_is_the_rarest_third():
    np.testing.assert_array_equal(long_tail.tail([9, 1, 5, 2, 7, 8, 3]), [1, 3])
    np.testing.assert_array_equal(long_tail.tail([5, 2]), [1])


@pytest.fixture(scope="module")
def digits():
    return dataset.load("digits"), dataset.load("digits", imbalance=20)


def test_a_long_tail_cuts_the_training_part_alone(digits):
    whole, cut = digits
    counts = np.bincount(cut.train.label)
    first = counts[0]
    expected = first * 20.0 ** (-np.arange(10) / 9)
    assert np.all((counts <= expected + 1e-6) & (counts > expected - 1))
    np.testing.assert_array_equal(cut.test.x, whole.test.x)
    np.testing.assert_array_equal(cut.whole.x, whole.train.x)
    # What is kept is of the training part, with its own label.
    known = {x.tobytes(): y for x, y in zip(*whole.train, strict=True)}
    assert all(known[x.tobytes()] == y for x, y in zip(*cut.train, strict=True))
    said = f"class 0 keeps {first} and class 9 {counts[-1]}; the tail is the 3 rarest"
    assert said in dataset.about(cut) and "(7, 8, 9)" in dataset.about(cut)


def test_which_samples_are_kept_does_not_depend_on_their_order(digits):
    whole, cut = digits
    rows = np.random.default_rng(0).permutation(len(whole.train.x))
    train = dataset.Split(whole.train.x[rows], whole.train.label[rows])
    again = dataset.with_long_tail(whole._replace(train=train), 20)
    kept = [sorted(x.tobytes() for x in own.train.x) for own in (cut, again)]
    assert kept[0] == kept[1]


def test_modes_of_points_and_tuples_of_images_have_a_tail_too():
    points = dataset.load("ring", num_samples=4000, imbalance=10)
    counts = np.bincount(points.train.label)
    assert counts[0] / counts[7] == pytest.approx(10, rel=0.05)
    assert len(points.test.x) == 4000
    tuples = dataset.load("stacked_digits", num_tuples=3000, imbalance=2)
    assert len(tuples.train.x) < 3000 == len(tuples.whole.x) == len(tuples.stack.train)


def test_a_tail_needs_labels():
    with pytest.raises(errors.UserError, match="imbalance=10 is for labelled data"):
        dataset.load("polygons", num_samples=5, imbalance=10)
