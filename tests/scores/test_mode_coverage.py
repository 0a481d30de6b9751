from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from jaxgan import scores
from jaxgan.core import errors

ANGLES = 2 * np.pi * np.arange(8) / 8
MIXTURES = {
    "ring": (np.stack([np.cos(ANGLES), np.sin(ANGLES)], 1), 0.01),
    "grid": (
        np.array([(a, b) for a in range(-4, 5, 2) for b in range(-4, 5, 2)]),
        0.05,
    ),
}

mode_coverage = jax.jit(scores.mode_coverage)
nearest_mode = jax.jit(scores.nearest_mode, static_argnames="rule")


def exact_samples(name, n, seed=0, modes=None):
    means, std = MIXTURES[name]
    rng = np.random.default_rng(seed)
    mode = rng.integers(len(means), size=n) if modes is None else modes
    x = means[mode] + std * rng.normal(size=(n, 2))
    return jnp.asarray(x, jnp.float32), jnp.asarray(means, jnp.float32), std, mode


@partial(jax.jit, static_argnames="rule")
def cover(x, means, std, rule="euclidean"):
    mode, high_quality = nearest_mode(x, means, std, rule=rule)
    return mode_coverage(mode, high_quality, jnp.ones(len(means)))


# The bounds leave five standard deviations of the sampling error: 0.21 % of the share
# at 98.9 %, 0.15 % at 99.5 %, and 0.0009 (0.0014) around 0.0015 (0.0049) of the KL.
@pytest.mark.parametrize("name, modes, kl", [("ring", 8, 0.006), ("grid", 25, 0.012)])
@pytest.mark.parametrize(
    "rule, share, width", [("euclidean", 0.98889, 0.0105), ("box", 0.99461, 0.0075)]
)
def test_exact_samples_reach_floor_and_ceiling(name, modes, kl, rule, share, width):
    x, means, std, mode = exact_samples(name, 2500)
    result = cover(x, means, std, rule=rule)
    assert result.modes == modes
    assert abs(result.high_quality - share) < width
    assert result.reverse_kl < kl
    assert result.finite == 1 and not result.collapsed
    np.testing.assert_array_equal(result.histogram, np.bincount(mode))


def test_the_published_ring_whose_ends_coincide_has_seven_modes_and_its_reverse_kl():
    # np.linspace(0, 2 pi, 8) as in the demo: one mode has 2/8, and one has nothing.
    angles = np.linspace(0, 2 * np.pi, 8)
    own = np.stack([np.cos(angles), np.sin(angles)], 1)
    seven = np.unique(own.round(6), axis=0)
    mode, good = nearest_mode(np.repeat(own, 300, axis=0), seven, 0.01)
    counts = np.bincount(mode, minlength=7)
    assert sorted(counts) == [300] * 6 + [600]
    padded = mode_coverage(mode, good, jnp.ones(8))
    assert padded.modes == 7
    np.testing.assert_allclose(padded.reverse_kl, np.log(2) / 4, rtol=1e-5)  # 0.173


@pytest.mark.parametrize("counts", [[40], [10, 30], [8] * 5])
def test_entropy_is_that_of_the_shares_of_the_modes(counts):
    mode = np.repeat(np.arange(len(counts)), counts)
    share = np.array(counts) / 40
    found = mode_coverage(mode, np.ones(40, bool), np.ones(5))
    np.testing.assert_allclose(found.entropy, -np.sum(share * np.log(share)), atol=1e-6)
    # To equal shares the reverse KL is what of the entropy of equal shares is missing.
    np.testing.assert_allclose(found.reverse_kl, np.log(5) - found.entropy, atol=1e-6)
    dead = mode_coverage(np.full(40, -1), np.zeros(40, bool), np.ones(5))
    assert np.isnan(dead.entropy)


@pytest.mark.parametrize("rule", ["euclidean", "box"])
def test_modes_in_float64_are_found_wherever_they_lie(rule):
    means, std = MIXTURES["ring"]
    rng = np.random.default_rng(0)
    x = np.repeat(means, 50, axis=0) + std * rng.normal(size=(400, 2))
    place = np.array([5e5, 4.2e6])
    expected = scores.nearest_mode(x, means, std, rule=rule)
    found = scores.nearest_mode(x + place, means + place, std, rule=rule)
    np.testing.assert_array_equal(found, expected)
    assert 0.95 < np.mean(found[1]) < 1


@pytest.mark.parametrize(
    "rule, dimensions, expected",
    [
        ("euclidean", 2, 1 - np.exp(-4.5)),
        ("box", 2, (1 - 2 * stats.norm.sf(3)) ** 2),
        ("euclidean", 700, stats.chi2.cdf(9, 700)),
        ("euclidean", 3, stats.chi2.cdf(9, 3)),
    ],
)
def test_ceilings_of_a_perfect_generator(rule, dimensions, expected):
    ceiling = scores.high_quality_ceiling(3.0, dimensions, rule)
    assert ceiling == pytest.approx(expected, abs=1e-6)


def test_the_ceilings_are_the_published_ones():
    assert round(100 * scores.high_quality_ceiling(3.0, 2), 3) == 98.889
    assert round(100 * scores.high_quality_ceiling(3.0, 2, "box"), 3) == 99.461


@pytest.mark.parametrize("name, expected", [("ring", np.log(8)), ("grid", np.log(25))])
def test_one_mode_is_complete_collapse(name, expected):
    x, means, std, _ = exact_samples(name, 500, modes=np.full(500, 3))
    result = cover(x, means, std)
    assert result.modes == 1 and result.collapsed
    np.testing.assert_allclose(result.reverse_kl, expected, rtol=1e-5)


def test_two_modes_are_no_complete_collapse():
    x, means, std, _ = exact_samples("ring", 500, modes=np.arange(500) % 2)
    result = cover(x, means, std)
    assert result.modes == 2 and not result.collapsed


def test_covering_the_only_mode_is_no_collapse():
    coverage = mode_coverage(jnp.zeros(5, int), jnp.ones(5, bool), jnp.ones(1))
    assert coverage.modes == 1 and not coverage.collapsed
    assert coverage.reverse_kl == 0


def test_a_ring_of_seven_modes_with_one_doubled():
    # Angles linspace(0, 2 pi, 8) repeat the first: its weight is 2/8, another's 0.
    mode = jnp.asarray([0, 0, 1, 2, 3, 4, 5, 6])
    result = mode_coverage(mode, jnp.ones(8, bool), jnp.ones(8))
    assert result.modes == 7
    np.testing.assert_allclose(result.reverse_kl, np.log(8) - 1.9061547, rtol=1e-5)


# Mean of 200 draws of the histogram of n exact samples, from the literature notes.
FLOORS = [
    (8, 2_500, 0.0015),
    (25, 2_500, 0.0049),
    (25, 10_000, 0.0012),
    (8, 50_000, 0.00007),
    (25, 50_000, 0.00024),
    (1000, 26_000, 0.0195),
    (1000, 50_000, 0.0101),
]


@pytest.mark.parametrize("k, n, simulated", FLOORS)
def test_the_floor_is_what_exact_samples_show(k, n, simulated):
    mode = jnp.arange(n) % k
    floor = mode_coverage(mode, jnp.ones(n, bool), jnp.ones(k)).floor
    np.testing.assert_allclose(floor, (k - 1) / (2 * n), rtol=1e-6)
    # The table is rounded, and 1000 modes show a little of the next order.
    np.testing.assert_allclose(floor, simulated, atol=0.0001, rtol=0.02)


def test_the_floor_counts_only_modes_of_the_reference():
    reference = jnp.asarray([1.0, 1.0, 0.0, 0.0])
    coverage = mode_coverage(jnp.arange(10) % 2, jnp.ones(10, bool), reference)
    assert coverage.floor == pytest.approx(1 / 20)


def test_the_reverse_kl_is_that_of_all_samples_against_the_reference():
    mode = jnp.asarray([0, 0, 0, 1])
    high_quality = jnp.asarray([True, False, False, False])
    result = mode_coverage(mode, high_quality, jnp.asarray([10.0, 20.0, 70.0]))
    expected = stats.entropy([0.75, 0.25, 0], [0.1, 0.2, 0.7])
    np.testing.assert_allclose(result.reverse_kl, expected, rtol=1e-5)
    assert result.modes == 1
    assert result.high_quality == 0.25


def test_a_mode_that_the_reference_lacks_makes_the_reverse_kl_infinite():
    result = mode_coverage(
        jnp.asarray([0, 1]), jnp.ones(2, bool), jnp.asarray([1.0, 0.0])
    )
    assert result.reverse_kl == jnp.inf


def test_the_two_rules_differ_in_the_corner_of_the_box():
    x, means = jnp.asarray([[2.9, 2.9], [0.0, 2.9]]), jnp.zeros((1, 2))
    _, euclidean = nearest_mode(x, means, 1.0, rule="euclidean")
    _, box = nearest_mode(x, means, 1.0, rule="box")
    assert euclidean.tolist() == [False, True]
    assert box.tolist() == [True, True]


def test_each_mode_may_have_its_own_width():
    means = jnp.asarray([[0.0], [10.0]])
    mode, good = nearest_mode(
        jnp.asarray([[2.0], [12.0]]), means, jnp.asarray([0.1, 1.0])
    )
    assert mode.tolist() == [0, 1] and good.tolist() == [False, True]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_samples_that_are_not_finite_belong_to_no_mode(bad):
    x, means, std, mode = exact_samples("ring", 80, modes=np.arange(80) % 8)
    x = x.at[:20, 1].set(bad)
    assigned, good = nearest_mode(x, means, std)
    assert (assigned[:20] == -1).all() and not good[:20].any()
    result = mode_coverage(assigned, good, jnp.ones(8))
    np.testing.assert_array_equal(result.histogram, np.bincount(mode[20:]))
    assert result.finite == 0.75 and result.high_quality <= 0.75
    np.testing.assert_allclose(result.floor, 7 / 120, rtol=1e-6)


def test_a_dead_generator_covers_nothing_and_its_divergence_is_unknown():
    _, means, std, _ = exact_samples("ring", 8)
    result = cover(jnp.full((50, 2), jnp.nan), means, std)
    assert result.modes == 0 and result.collapsed
    assert result.high_quality == 0 and result.finite == 0
    assert jnp.isnan(result.reverse_kl) and jnp.isnan(result.floor)
    assert not result.histogram.any()


def test_a_quality_claimed_for_a_dead_sample_does_not_count():
    result = mode_coverage(jnp.asarray([-1, 0]), jnp.asarray([True, True]), jnp.ones(2))
    assert result.modes == 1 and result.high_quality == 0.5


def test_the_mode_of_stacked_digits_is_their_number_in_decimal():
    digits = np.random.default_rng(0).integers(10, size=(200, 3))
    probs = np.eye(10)[digits] * 0.8 + 0.02
    probs[0, 1], probs[1, 2, 0] = 0.1, np.nan  # one digit unclear, one not finite
    stacked = jax.jit(scores.stacked_classes)
    mode, good = stacked(probs)
    np.testing.assert_array_equal(
        mode[2:], [int("".join(map(str, d))) for d in digits][2:]
    )
    assert mode[1] == -1
    np.testing.assert_array_equal(good, [False, False] + [True] * 198)
    np.testing.assert_array_equal(
        stacked(probs[:, ::-1])[0][2:],
        mode[2:] % 10 * 100 + mode[2:] // 10 % 10 * 10 + mode[2:] // 100,
    )


def test_stacked_mnist_without_a_digit_in_front_has_900_modes():
    every = np.stack(np.meshgrid(*[np.arange(10)] * 3, indexing="ij"), -1).reshape(
        -1, 3
    )
    kept = every[every[:, 0] != 7]
    mode, good = scores.stacked_classes(np.eye(10)[kept])
    found = mode_coverage(mode, good, np.full(1000, 1e-3))
    assert found.modes == 900 and found.high_quality == 1
    np.testing.assert_allclose(found.reverse_kl, np.log(10 / 9), rtol=1e-5)


def test_what_is_not_stacked_is_said():
    with pytest.raises(errors.UserError, match=r"shape \(5, 10\) must be \[N, D, K\]"):
        scores.stacked_classes(np.full((5, 10), 0.1))


def test_confident_classes():
    probs = jnp.asarray([[0.9, 0.1, 0], [0.4, 0.2, 0.4], [0.2, 0.5, 0.3]])
    mode, good = scores.confident_class(probs)
    assert mode.tolist() == [0, 0, 1] and good.tolist() == [True, False, False]
    assert scores.confident_class(probs, 0.3)[1].all()
    mode, good = scores.confident_class(probs.at[0, 2].set(jnp.nan), 0.3)
    assert mode.tolist() == [-1, 0, 1] and good.tolist() == [False, True, True]


def test_members_of_a_population_score_as_alone():
    means, std = MIXTURES["ring"]
    x = jnp.stack([exact_samples("ring", 64, seed)[0] for seed in range(3)])
    x = x.at[1].set(jnp.nan).at[2].multiply(1.5)
    score = jax.jit(jax.vmap(lambda member: cover(member, jnp.asarray(means), std)))
    together = scores.to_dict(score(x))
    for member in range(3):
        alone = scores.to_dict(cover(x[member], jnp.asarray(means), std))
        assert together.pop("protocol", alone["protocol"]) == alone["protocol"]
        alone.pop("protocol")
        for name, value in alone.items():
            np.testing.assert_allclose(together[name][member], value, rtol=1e-6)


def test_the_protocol_carries_how_modes_were_assigned():
    cover = jax.jit(partial(scores.mode_coverage, protocol=scores.protocol(rule="box")))
    coverage = cover(jnp.zeros(4, int), jnp.ones(4, bool), jnp.ones(2))
    assert dict(coverage.protocol)["rule"] == "box"
    assert dict(coverage.protocol)["num_samples"] == 4


@pytest.mark.parametrize(
    "reference", [jnp.zeros(3), jnp.asarray([1.0, -1.0, 3.0]), jnp.full(3, jnp.nan)]
)
def test_a_reference_that_is_no_distribution_is_refused(reference):
    with pytest.raises(errors.UserError, match="reference"):
        scores.mode_coverage(jnp.zeros(4, int), jnp.ones(4, bool), reference)


def test_unknown_rules_and_shapes_that_do_not_fit_are_refused():
    with pytest.raises(errors.UserError, match="euclidean, box.*'l1'"):
        scores.nearest_mode(jnp.ones((3, 2)), jnp.ones((2, 2)), 1.0, rule="l1")
    with pytest.raises(errors.UserError, match=r"\(3, 2\) and \(2, 3\)"):
        scores.nearest_mode(jnp.ones((3, 2)), jnp.ones((2, 3)), 1.0)
    with pytest.raises(errors.UserError, match="high_quality"):
        scores.mode_coverage(jnp.zeros(4, int), jnp.ones(3, bool), jnp.ones(2))
