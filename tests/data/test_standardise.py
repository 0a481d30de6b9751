"""Tests of jaxgan.data.standardise."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.data import dataset, modes, pool, standardise

N, K = 300, 4
RNG = np.random.default_rng(0)
LABEL = RNG.choice(K, N, p=[0.1, 0.2, 0.3, 0.4])
X = (RNG.normal(size=(N, 2)) * [0.01, 3.0] + LABEL[:, None] * [10.0, -2]).astype("f4")
MODES = modes.from_labels(LABEL)
WEIGHTS = np.array(
    [[1.0, 0, 0, 0], [0, 0, 0, 1.0], [0.25, 0.25, 0.25, 0.25], [0, 2.0, 6.0, 0]], "f4"
)
BUILD = jax.jit(jax.vmap(lambda w: standardise.standardiser(X, MODES, w)))


def weighted_moments(weights):
    """Moments of the pool, each sample weighted by the share of its mode."""
    share = (weights / weights.sum() / np.bincount(LABEL))[LABEL]
    mean = np.average(X.astype(np.float64), axis=0, weights=share)
    return mean, np.sqrt(np.average((X - mean) ** 2, axis=0, weights=share))


def test_moments_are_those_of_the_weighted_pool():
    built = BUILD(WEIGHTS)
    for member, weights in enumerate(WEIGHTS):
        mean, std = weighted_moments(weights.astype(np.float64))
        # float32 keeps 1e-7 of the largest coordinate, 30.
        np.testing.assert_allclose(built.location[member], mean, atol=1e-5)
        np.testing.assert_allclose(built.scale[member], std, rtol=1e-3)


def test_no_weights_and_proportional_weights_describe_all_the_data():
    whole = standardise.standardiser(X, None, None)
    np.testing.assert_allclose(whole.location, X.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(whole.scale, X.std(axis=0), rtol=1e-5)
    shares = standardise.standardiser(X, MODES, modes.proportions(MODES))
    np.testing.assert_allclose(shares.location, whole.location, rtol=1e-5)
    np.testing.assert_allclose(shares.scale, whole.scale, rtol=1e-5)


def test_a_member_sees_mean_zero_and_deviation_one_and_can_go_back():
    built = standardise.standardiser(X, MODES, WEIGHTS[1])
    x = X[LABEL == 3]
    standard = standardise.standardise(built, x)
    np.testing.assert_allclose(standard.mean(axis=0), 0, atol=1e-3)
    np.testing.assert_allclose(standard.std(axis=0), 1, rtol=1e-3)
    back = standardise.unstandardise(built, standard)
    np.testing.assert_allclose(back, x, rtol=1e-5, atol=1e-5)


def test_a_mode_of_one_repeated_point_does_not_divide_by_zero():
    x = np.full((5, 2), 3.0, np.float32)
    for weights in (None, jnp.ones(1)):
        built = standardise.standardiser(x, modes.everything(5), weights)
        assert np.all(built.scale > 0)
        np.testing.assert_array_equal(standardise.standardise(built, x), 0)


def test_a_sample_that_a_bag_repeats_counts_as_often():
    table = np.array([[0, 0, 0, 1], [2, 2, 2, 2]], np.int32)
    bags = modes.Modes(table, np.array([4, 1], np.int32))
    built = standardise.standardiser(X, bags, jnp.array([1.0, 0.0]))
    np.testing.assert_allclose(built.location, X[[0, 0, 0, 1]].mean(axis=0), rtol=1e-5)


@pytest.mark.parametrize("shape", [(20, 2), (20, 4, 4, 1)])
def test_location_and_scale_have_the_shape_of_a_sample(shape):
    x = RNG.integers(0, 256, shape).astype(np.uint8)
    built = standardise.standardiser(x, modes.everything(20), jnp.ones(1))
    assert built.location.shape == built.scale.shape == shape[1:]
    scaled = np.asarray(dataset.to_float(x))
    np.testing.assert_allclose(built.scale, scaled.std(axis=0), rtol=1e-4)


def test_other_data_of_the_same_shape_take_the_same_program():
    # They are its arguments: XLA would compute with constants while it compiles.
    found = [pool.standardisers(pool.put(x, MODES), WEIGHTS) for x in (X, X + 1)]
    before = pool._standardisers._cache_size()
    pool.standardisers(pool.put(X * 2, MODES), WEIGHTS)
    assert pool._standardisers._cache_size() == before
    np.testing.assert_allclose(
        found[1].location, found[0].location + 1, rtol=1e-5, atol=1e-5
    )
