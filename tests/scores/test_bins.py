import jax
import numpy as np
import pytest
from scipy import stats
from scipy.spatial import distance

from jaxgan import scores
from jaxgan.core import errors


def normal(n, shift=0.0, seed=0):
    return (np.random.default_rng(seed).normal(size=(n, 2)) + shift).astype(np.float32)


def test_every_sample_is_counted_at_its_nearest_centre():
    centres = np.array([[0.0, 0.0], [4.0, 0.0], [0.0, 4.0]], np.float32)
    x = np.concatenate([centres[[0, 1, 1, 2, 2, 2]] + 0.3])
    np.testing.assert_array_equal(scores.bin_counts(x, centres), [1, 2, 3])


def test_distinct_bins_are_those_of_the_test_of_two_proportions():
    random = np.random.default_rng(0)
    real = random.multinomial(2000, np.full(20, 0.05))
    fake = random.multinomial(3000, random.dirichlet(np.full(20, 30.0)))
    expected = 0
    for a, b in zip(real, fake, strict=True):
        table = [[a, 2000 - a], [b, 3000 - b]]
        expected += stats.chi2_contingency(table, correction=False).pvalue < 0.05
    assert scores.number_of_distinct_bins(real, fake).value == expected > 0


def test_a_perfect_generator_shows_the_floor():
    def of(seed):
        random = np.random.default_rng(seed)
        real, fake = (random.multinomial(5000, np.full(100, 0.01)) for _ in range(2))
        return scores.number_of_distinct_bins(real, fake)

    values = np.array([of(seed).value for seed in range(60)])
    assert abs(values.mean() - of(0).floor) < 4 * values.std() / np.sqrt(60)


def test_bins_that_nobody_hits_do_not_differ():
    assert scores.number_of_distinct_bins([5, 5, 0], [5, 5, 0]).value == 0
    assert scores.number_of_distinct_bins([100, 0], [0, 100]).value == 2
    assert np.isnan(scores.number_of_distinct_bins([5, 5], [np.nan, 1]).value)


def test_a_dead_generator_has_no_bins_and_no_curve():
    real = normal(40)
    centres = scores.cluster_centres(real, 3)
    of_real = scores.bin_counts(real, centres)
    partly = real.copy()
    partly[7, 1] = np.nan
    for dead in (partly, np.full_like(real, np.nan), np.full_like(real, np.inf)):
        counts = scores.bin_counts(dead, centres)
        assert np.isnan(scores.number_of_distinct_bins(of_real, counts).value)
        assert np.isnan(scores.bins_js(of_real, counts))
        for pair in ((real, dead), (dead, real)):
            curve = scores.prd(*pair, num_bins=3, num_angles=5, num_runs=2)
            assert all(np.isnan(x).all() for x in jax.tree.leaves(curve))
        with pytest.raises(errors.UserError, match="features must be finite"):
            scores.cluster_centres(dead, 3)


def test_bins_are_of_different_samples():
    random = np.random.default_rng(0)
    copies = np.repeat(normal(3), [100, 60, 40], axis=0)
    centres = scores.cluster_centres(copies, 3)
    assert sorted(scores.bin_counts(copies, centres)) == [40, 60, 100]
    # A network's features of copies can differ in their last digit.
    noisy = np.repeat(normal(1), 300, axis=0)
    noisy *= 1 + 1e-7 * random.integers(0, 2, noisy.shape).astype(np.float32)
    for x, number, different in ((copies, 4, 3), (noisy, 2, 1), (noisy[:1], 1, None)):
        if different is None:
            assert scores.cluster_centres(x, number).shape == (1, 2)
            continue
        with pytest.raises(errors.UserError, match=f"holds {different} different"):
            scores.cluster_centres(x, number)


@pytest.mark.filterwarnings("error")
def test_curves_of_few_different_samples_are_exact_and_silent():
    one, two = normal(2)
    half = np.repeat([one, two], 50, axis=0)
    same = scores.prd(np.repeat([one], 100, axis=0), np.repeat([one], 100, axis=0))
    assert same.f_8 == same.f_1_8 == pytest.approx(1, abs=1e-4)
    found = scores.prd(half, np.repeat([one], 100, axis=0))
    assert found.precision.max() == pytest.approx(1, abs=1e-4)
    assert found.recall.max() == pytest.approx(0.5, abs=1e-4)
    assert dict(found.protocol)["num_bins"] == 2


def test_bins_of_clusters_that_are_far_apart_see_what_is_within_them():
    # Two clusters of 1 m, 400 km apart; all samples are in one half of theirs.
    far = np.repeat([[0.0, 0.0], [4e5, 0.0]], 200, axis=0)
    real, fake = far + normal(400), far + normal(400, seed=1)
    fake[:, 1] = far[:, 1] + np.abs(fake[:, 1] - far[:, 1])
    centres = scores.cluster_centres(real, 8)
    counts = [scores.bin_counts(x, centres) for x in (real, fake)]
    expected = [
        np.bincount(distance.cdist(x, centres).argmin(1), minlength=8)
        for x in (real, fake)
    ]
    np.testing.assert_array_equal(counts, expected)
    assert scores.number_of_distinct_bins(*counts).value >= 4


def test_the_divergence_of_bins_is_symmetric_and_bounded():
    np.testing.assert_allclose(scores.bins_js([1, 3], [2, 6]), 0, atol=1e-7)
    np.testing.assert_allclose(scores.bins_js([1, 0], [0, 9]), np.log(2), rtol=1e-6)


def curve_by_hand(p, q, angles):
    slopes = np.tan(np.linspace(1e-6, np.pi / 2 - 1e-6, angles))
    precision = np.minimum(np.outer(slopes, p), q).sum(1)
    return precision, precision / slopes


def test_the_curve_is_that_of_its_definition():
    p, q = np.array([0.5, 0.3, 0.2, 0.0]), np.array([0.1, 0.3, 0.2, 0.4])
    found = scores.prd_of_counts(100 * p, 50 * q, 101)
    precision, recall = curve_by_hand(p, q, 101)
    np.testing.assert_allclose(found.precision, precision, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found.recall, recall, rtol=1e-4, atol=1e-5)
    both = (1 + 64) * precision * recall / (64 * precision + recall)
    np.testing.assert_allclose(found.f_8, both.max(), rtol=1e-4)


def test_recall_is_of_the_real_and_precision_of_the_generated_samples():
    half = scores.prd_of_counts([1, 1], [1, 0])  # one of two modes, and nothing else
    assert half.precision.max() == pytest.approx(1, abs=1e-5)
    assert half.recall.max() == pytest.approx(0.5, abs=1e-5)
    assert half.f_1_8 > 0.95 > 0.6 > half.f_8
    invented = scores.prd_of_counts([1, 0], [1, 1])
    assert invented.precision.max() == pytest.approx(0.5, abs=1e-5)
    assert invented.f_8 > 0.95 > 0.6 > invented.f_1_8


def test_equal_samples_have_everything_and_distant_ones_nothing():
    x = normal(200)
    same = scores.prd(x, x, num_runs=2)
    assert same.f_8 == pytest.approx(1, abs=1e-4)
    apart = scores.prd(x, normal(200, 100.0), num_runs=2)
    assert apart.f_8 < 1e-3 and apart.f_1_8 < 1e-3
    near = scores.prd(x, normal(200, seed=1), num_runs=2)
    assert 0.8 < near.f_8 <= 1


def test_members_are_scored_together():
    fakes = np.array([[4.0, 4, 2], [10, 0, 0]])
    found = jax.vmap(lambda c: scores.prd_of_counts(np.array([4.0, 4, 2]), c).f_8)
    np.testing.assert_allclose(found(fakes)[0], 1, atol=1e-4)
    assert found(fakes)[1] < 0.6


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: scores.prd(normal(5), normal(6)), "as many samples"),
        (lambda: scores.prd(normal(30), normal(30), num_runs=0), "num_runs=0"),
        (lambda: scores.cluster_centres(normal(3), 4), "at least 4"),
        (lambda: scores.cluster_centres(normal(3), 0), "num_bins=0"),
        (lambda: scores.prd_of_counts([1], [1], 2), "num_angles=2"),
        (lambda: scores.number_of_distinct_bins([1], [1, 2]), "shapes"),
        (lambda: scores.number_of_distinct_bins([1], [1], 1.0), "significance=1.0"),
    ],
)
def test_bad_input_is_named(call, said):
    with pytest.raises(errors.UserError, match=said):
        call()
