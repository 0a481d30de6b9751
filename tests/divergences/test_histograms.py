"""Binned divergences and their finite-sample floor."""

import functools

import jax
import numpy as np
import pytest
from scipy import stats
from scipy.spatial import distance

from jaxgan import divergences
from jaxgan.core import errors

KEY = jax.random.key(0)
BOTH = {"kl": divergences.histogram_kl, "js": divergences.histogram_js}
STATIC = ("bins", "pseudo_count", "num_permutations", "base")
JITTED = {name: jax.jit(f, static_argnames=STATIC) for name, f in BOTH.items()}
WITH_EDGES = {name: jax.jit(f, static_argnames=STATIC[1:]) for name, f in BOTH.items()}
either = pytest.mark.parametrize("name", BOTH)
EDGES = np.array([-2.0, -1.0, 0.0, 0.5, 2.0])
OPEN = np.array([-np.inf, -1.0, 0.0, 0.5, np.inf])


def oracle(name, counts_x, counts_y, pseudo_count):
    p, q = (
        (counts + pseudo_count) / np.sum(counts + pseudo_count)
        for counts in (counts_x.ravel(), counts_y.ravel())
    )
    if name == "kl":
        return stats.entropy(p, q)
    return distance.jensenshannon(p, q) ** 2


def samples(num_x=300, num_y=200, num_features=None, shift=0.5, seed=0):
    generator = np.random.default_rng(seed)
    shape = () if num_features is None else (num_features,)
    x = generator.normal(size=(num_x, *shape))
    y = shift + generator.normal(size=(num_y, *shape))
    return x.astype(np.float32), y.astype(np.float32)


@either
def test_value_is_that_of_the_histograms(name):
    x, y = samples()
    counts = [np.histogram(side, OPEN)[0] for side in (x, y)]
    for pseudo_count, base in ((0.0, None), (0.5, 2)):
        value = WITH_EDGES[name](x, y, KEY, EDGES, pseudo_count, 2, base).value
        expected = oracle(name, *counts, pseudo_count) / np.log(base or np.e)
        np.testing.assert_allclose(value, expected, rtol=1e-4)


@either
def test_a_number_of_bins_spans_the_range_of_both(name):
    x, y = samples()
    pooled = np.concatenate([x, y])
    edges = np.linspace(pooled.min(), pooled.max(), 9)
    edges[[0, -1]] = -np.inf, np.inf
    counts = [np.histogram(side, edges)[0] for side in (x, y)]
    record = JITTED[name](x, y, KEY, 8, num_permutations=2)
    expected = oracle(name, *counts, {"kl": 0.5, "js": 0.0}[name])
    np.testing.assert_allclose(record.value, expected, rtol=1e-4)


@pytest.mark.parametrize("edges", [EDGES, np.stack([EDGES, EDGES + 0.25])])
def test_two_features_give_a_grid_of_cells(edges):
    x, y = samples(num_features=2)
    each = np.broadcast_to(edges, (2, 5)).copy()
    each[:, 0], each[:, -1] = -np.inf, np.inf
    counts = [np.histogramdd(side, list(each))[0] for side in (x, y)]
    record = WITH_EDGES["js"](x, y, KEY, edges, 0.5, num_permutations=2)
    np.testing.assert_allclose(record.value, oracle("js", *counts, 0.5), rtol=1e-4)


def test_the_floor_is_what_equal_distributions_score():
    """Also with so many bins that most are empty."""
    few, many = np.linspace(-3, 3, 5), np.linspace(-3, 3, 201)

    @jax.jit
    @functools.partial(jax.vmap, in_axes=(0, None))
    def score(key, shift):
        key_x, key_y, key = jax.random.split(key, 3)
        x = jax.random.normal(key_x, (60,))
        y = shift + jax.random.normal(key_y, (40,))
        return (
            divergences.histogram_kl(x, y, key, few, num_permutations=20),
            divergences.histogram_js(x, y, key, many, num_permutations=20),
        )

    keys = jax.random.split(KEY, 100)
    for null, apart in zip(score(keys, 0.0), score(keys, 4.0), strict=True):
        error = null.value.std() / 10
        assert abs(null.value.mean() - null.floor.mean()) < 5 * error
        np.testing.assert_allclose(
            null.floor_deviation.mean(), null.value.std(), rtol=0.35
        )
        assert (apart.value > apart.floor + 3 * apart.floor_deviation).all()


def test_the_floor_of_well_filled_bins_is_that_of_theory():
    """To first order KL has the mean (K - 1) / 2 (1 / N + 1 / M), and JS a quarter."""
    x, y = samples(600, 400, shift=0.0)
    theory = (4 - 1) / 2 * (1 / 600 + 1 / 400)
    for name, factor in (("kl", 1), ("js", 1 / 4)):
        record = WITH_EDGES[name](x, y, KEY, EDGES, 0.1, num_permutations=400)
        # 400 draws know the mean to sqrt(2 / 3) / 20, about 4 %.
        np.testing.assert_allclose(record.floor, factor * theory, rtol=0.25)


def test_an_empty_cell_makes_plain_kl_infinite_and_js_log_two():
    x, y = np.zeros(5, np.float32), np.ones(5, np.float32)
    kl, smooth, js = (
        JITTED[name](x, y, KEY, 2, pseudo_count=count, num_permutations=2).value
        for name, count in (("kl", 0.0), ("kl", 0.5), ("js", 0.0))
    )
    assert kl == np.inf and np.isfinite(smooth)
    np.testing.assert_allclose(js, np.log(2), rtol=1e-6)


def test_nan_is_not_counted_as_a_number():
    x, y = samples(50, 50)
    x[7] = np.nan
    for sides in ((x, y), (y, x)):
        assert np.isnan(np.array(JITTED["js"](*sides, KEY, 8))).all()


@either
@pytest.mark.parametrize(
    "x, bins, words",
    [
        (np.zeros(0), 4, "x has shape"),
        (np.zeros((2, 3, 1)), 4, "jax.vmap"),
        (np.zeros((3, 2)), 4, "last axis the same"),
        (np.zeros(3), 0, "bins is 0"),
        (np.zeros(3), [0.0, 1.0, 1.0], "increase"),
        (np.zeros(3), [0.0], "bins has shape"),
        (np.zeros(3), np.zeros((2, 4)), "bins has shape"),
    ],
)
def test_what_cannot_be_binned_is_refused(name, x, bins, words):
    with pytest.raises(errors.UserError, match=words):
        BOTH[name](x, np.zeros(3), KEY, bins)


def test_other_mistakes_are_named():
    x = np.zeros((3, 9))
    with pytest.raises(errors.UserError, match="cells"):
        divergences.histogram_js(x, x, KEY, 100)
    with pytest.raises(errors.UserError, match="pseudo_count is -1"):
        divergences.histogram_js(x, x, KEY, 2, -1.0)
    with pytest.raises(errors.UserError, match="num_permutations is 1"):
        divergences.histogram_js(x, x, KEY, 2, num_permutations=1)
