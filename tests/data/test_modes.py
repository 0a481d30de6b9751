"""Tests of jaxgan.data.modes."""

import jax
import numpy as np
import pytest

from jaxgan.core import errors
from jaxgan.data import digits, mixtures, modes


def own_entries(found):
    """The samples of each mode, without padding."""
    return [
        np.asarray(row[:count])
        for row, count in zip(found.table, found.counts, strict=True)
    ]


def test_every_entry_of_a_row_has_the_label_of_the_row():
    labels = np.random.default_rng(0).integers(0, 7, 500)
    found = modes.from_labels(labels)
    assert found.table.dtype == found.counts.dtype == np.int32
    np.testing.assert_array_equal(found.counts, np.bincount(labels))
    assert found.table.shape == (7, found.counts.max())
    expected = np.broadcast_to(np.arange(7)[:, None], found.table.shape)
    np.testing.assert_array_equal(labels[found.table], expected)


def test_points_in_float64_are_clustered_wherever_they_lie():
    rng = np.random.default_rng(0)
    label = np.repeat(np.arange(4), 50)
    x = 3.0 * label[:, None] + 0.1 * rng.normal(size=(200, 2))
    found = modes.cluster(4.2e7 + 0.01 * x, 4)  # float32 knows multiples of 4 there
    assert modes.purity(found, label) == 1


def test_the_rows_partition_the_samples():
    labels = np.random.default_rng(1).integers(0, 5, 101)
    entries = np.concatenate(own_entries(modes.from_labels(labels)))
    np.testing.assert_array_equal(np.sort(entries), np.arange(101))


def test_short_rows_repeat_themselves_cyclically():
    found = modes.from_labels(np.array([0, 1, 1, 0, 1, 1, 1]))
    np.testing.assert_array_equal(found.table, [[0, 3, 0, 3, 0], [1, 2, 4, 5, 6]])


@pytest.mark.parametrize(
    ("name", "seed"), [("pacgan_ring", 0), ("pacgan_grid", 1), ("wgan_gp_grid", 2)]
)
def test_clustering_finds_exactly_the_modes_of_a_mixture(name, seed):
    mixture = mixtures.VARIANTS[name]
    # More samples than are fitted, so that assigning the rest is tested too.
    x, mode = mixtures.sample(mixture, jax.random.key(seed), modes.MAX_FITTED + 1000)
    found = modes.cluster(x, len(mixture.means), seed)
    assert modes.purity(found, mode) == 1.0
    np.testing.assert_array_equal(np.sort(found.counts), np.sort(np.bincount(mode)))


def test_clustering_finds_modes_of_very_different_weight():
    weights = np.array([0.6, 0.3, 0.05, 0.01, 0.01, 0.01, 0.01, 0.01], np.float32)
    mixture = mixtures.ring()._replace(weights=weights)
    x, mode = mixtures.sample(mixture, jax.random.key(0), 3000)
    assert modes.purity(modes.cluster(x, 8), mode) == 1.0


def test_clusters_of_digits_are_mostly_of_one_class():
    x, label, _, _ = digits.load()
    found = modes.cluster(x, 10)
    assert modes.purity(found, label) > 0.9
    majorities = {np.bincount(label[row]).argmax() for row in own_entries(found)}
    assert majorities == set(range(10))


def test_equal_arguments_give_equal_clusters():
    x, _, _, _ = digits.load()
    first, second = modes.cluster(x[:300], 10, 3), modes.cluster(x[:300], 10, 3)
    np.testing.assert_array_equal(first.table, second.table)


def test_identical_samples_are_one_cluster_and_no_more():
    x = np.ones((200, 4, 4, 1))
    np.testing.assert_array_equal(modes.cluster(x, 1).counts, [200])
    with pytest.raises(errors.UserError, match="3, but only 1 of the 200.*at most 1"):
        modes.cluster(x, 3)


@pytest.mark.parametrize("shape", [(2,), (4, 4, 1)])
def test_clusters_are_never_more_than_there_are_different_samples(shape):
    x = np.random.default_rng(0).normal(size=(5, *shape)).repeat(40, axis=0)
    x = np.random.default_rng(1).permutation(x)
    with pytest.raises(errors.UserError, match="num_modes is 8, but only 5 of the 200"):
        modes.cluster(x, 8)
    found = modes.cluster(x, 5)
    np.testing.assert_array_equal(found.counts, [40] * 5)
    for row in own_entries(found):
        assert (x[row] == x[row[0]]).all()
    assert modes.num_distinct(x) == 5


def test_equal_samples_are_in_one_cluster_and_count_once():
    x, _, _, _ = digits.load()
    alone = modes.cluster(x[:200], 10)
    found = modes.cluster(np.concatenate([x[:200], x[:50], x[:50], x[:50]]), 10)
    for own, copies in zip(own_entries(alone), own_entries(found), strict=True):
        np.testing.assert_array_equal(own, copies[copies < 200])
        np.testing.assert_array_equal(
            np.sort((copies[copies >= 200] - 200) % 50),
            np.sort(own[own < 50].repeat(3)),
        )


def test_zeros_of_both_signs_are_equal():
    assert modes.num_distinct(np.array([[0.0], [-0.0]])) == 1


@pytest.mark.parametrize(("num_samples", "num_modes"), [(1, 1), (4, 4), (40, 3)])
def test_few_samples_can_be_clustered(num_samples, num_modes):
    x = np.random.default_rng(0).normal(size=(num_samples, 4, 4, 1))
    found = modes.cluster(x, num_modes)
    entries = np.concatenate(own_entries(found))
    np.testing.assert_array_equal(np.sort(entries), np.arange(num_samples))
    assert found.counts.min() >= 1


def test_everything_is_one_mode_in_order():
    found = modes.everything(6)
    np.testing.assert_array_equal(found.table, [np.arange(6)])
    np.testing.assert_array_equal(found.counts, [6])


def test_bags_are_drawn_with_replacement_and_differ():
    n = 2000
    found = modes.bootstrap(jax.random.key(0), n, 4)
    assert found.table.shape == (4, n) and found.table.dtype == np.int32
    np.testing.assert_array_equal(found.counts, [n] * 4)
    assert np.all((found.table >= 0) & (found.table < n))
    for row in np.asarray(found.table):
        share = len(np.unique(row)) / n
        # The variance of the share is below e^-1 (1 - 2 e^-1) / n.
        assert abs(share - (1 - (1 - 1 / n) ** n)) < 5 * np.sqrt(0.1 / n)
    assert len(np.unique(np.asarray(found.table), axis=0)) == 4


def test_proportions_are_shares_of_the_data():
    found = modes.from_labels(np.repeat(np.arange(3), [1, 3, 6]))
    np.testing.assert_allclose(modes.proportions(found), [0.1, 0.3, 0.6], rtol=1e-6)


def test_purity_counts_the_majority_of_each_mode():
    found = modes.from_labels(np.array([0, 0, 0, 1, 1, 1, 1, 1]))
    assert modes.purity(found, np.array([7, 7, 9, 9, 9, 9, 9, 7])) == 6 / 8


def test_the_commonest_label_of_a_mode_is_one_of_its_own_samples():
    # The second row repeats itself, as it is shorter than the first.
    found = modes.Modes(np.array([[0, 1, 2, 3], [4, 5, 6, 4]]), np.array([4, 3]))
    label = np.array([5, 2, 5, 2, 1, 9, 9])
    np.testing.assert_array_equal(modes.commonest(found, label), [2, 9])


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: modes.cluster(np.zeros((5, 2)), 6), "num_modes is 6.*1..5"),
        (lambda: modes.cluster(np.zeros((5, 2)), 0), "num_modes is 0"),
        (lambda: modes.cluster(np.full((5, 2), np.nan), 2), "not finite"),
        (lambda: modes.from_labels(np.array([0, 2])), "1..2"),
        (lambda: modes.from_labels(np.array([0, 2, 2])), "label 1"),
        (lambda: modes.from_labels(np.array([0, 1, 2]), 2), "0 to 2"),
        (lambda: modes.from_labels(np.array([-1, 0, 1])), "-1 to 1"),
        (lambda: modes.from_labels(np.array([0.5])), "float64"),
        (lambda: modes.from_labels(np.array([], int)), "empty"),
        (lambda: modes.everything(0), "0 samples"),
        (lambda: modes.bootstrap(jax.random.key(0), 10, 0), "num_bags is 0"),
    ],
)
def test_modes_that_cannot_be_are_refused(make, words):
    with pytest.raises(errors.UserError, match=words):
        make()


def test_tempered_weights_go_from_even_to_the_shares_of_the_data():
    own = modes.from_labels(np.repeat([0, 1, 2], [100, 10, 1]))
    counts = np.array([100.0, 10.0, 1.0])
    for temperature in (0.0, 0.5, 1.0, 2.0):
        expected = counts**temperature / (counts**temperature).sum()
        found = modes.tempered(own, temperature)
        np.testing.assert_allclose(found, expected, rtol=1e-5)
    shares = modes.proportions(own)
    np.testing.assert_allclose(modes.tempered(own, 1.0), shares, rtol=1e-6)


@pytest.mark.parametrize("number", [1, 7])
def test_extra_samples_are_one_mode_more_behind_the_others(number):
    own = modes.from_labels(np.array([1, 0, 1, 1]))
    found = modes.with_extra(own, 4, number)
    assert found.counts.tolist() == [1, 3, number]
    for row, count, members in zip(
        found.table, found.counts, ([1], [0, 2, 3], range(4, 4 + number)), strict=True
    ):
        assert row[:count].tolist() == list(members) and set(row) == set(members)
    weights = modes.with_extra_share(np.array([[3.0, 1.0], [0.0, 2.0]]), 0.2)
    np.testing.assert_allclose(weights, [[0.6, 0.2, 0.2], [0, 0.8, 0.2]], rtol=1e-6)
    with pytest.raises(errors.UserError, match="num_extra is 0"):
        modes.with_extra(own, 4, 0)


def test_a_weighted_bag_holds_each_sample_as_often_as_its_weight_says():
    weights = np.random.default_rng(0).dirichlet(np.full(40, 0.5), size=3)
    found = modes.weighted(weights)
    for own, entries in zip(weights, own_entries(found), strict=True):
        held = np.bincount(entries, minlength=40)
        assert (np.abs(held - 40 * own) < 1).all()
    even = modes.weighted(np.full((1, 7), 1 / 7))
    np.testing.assert_array_equal(even.table, [np.arange(7)])


def test_samples_of_no_weight_are_in_no_bag():
    weights = np.array([[0.0, 0.5, 0.0, 0.5, 0.0]])
    assert set(modes.weighted(weights).table[0]) == {1, 3}


@pytest.mark.parametrize(
    "weights", [np.ones(3), np.array([[0.5, 0.6]]), np.array([[1.5, -0.5]])]
)
def test_weights_that_are_none_are_refused(weights):
    with pytest.raises(errors.UserError, match="weights have"):
        modes.weighted(weights)


def test_labels_undo_from_labels():
    label = np.random.default_rng(2).integers(0, 6, 90)
    np.testing.assert_array_equal(modes.labels(modes.from_labels(label), 90), label)
    bags = modes.bootstrap(jax.random.key(0), 20, 2)
    with pytest.raises(errors.UserError, match="no partition"):
        modes.labels(bags, 20)
