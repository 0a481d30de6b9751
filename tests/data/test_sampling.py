"""Tests of jaxgan.data.sampling."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxgan.data import modes, sampling

N, K, B = 60, 5, 512
LABEL = np.random.default_rng(0).permutation(np.arange(N) % 8 % K)
X = np.arange(N, dtype=np.float32)[:, None] * np.ones(3, np.float32)
MODES = modes.from_labels(LABEL)
SAMPLE = jax.jit(sampling.sampler(X, MODES, B, LABEL))
DRAW = jax.jit(sampling.categorical, static_argnums=2)


def bound(probability, n):
    """Five standard deviations of a binomial share."""
    return 5 * np.sqrt(probability * (1 - probability) / n)


@settings(deadline=None, max_examples=50)
@given(
    st.lists(
        st.sampled_from([0.0, 1e-30, 0.1, 1 / 3, 1.0, 1e3]), min_size=9, max_size=9
    ),
    st.integers(0, 2**31 - 1),
)
def test_a_category_of_weight_zero_is_never_drawn(weights, seed):
    weights = np.asarray(weights, np.float32)
    weights[seed % 9] = 1.0
    index = np.asarray(DRAW(weights, jax.random.key(seed), 4096))
    assert index.min() >= 0 and index.max() < 9
    assert np.all(weights[index] > 0)


@pytest.mark.parametrize("u", [0.0, 0.5, 1 - 2**-24])
def test_the_ends_of_the_uniform_numbers_never_draw_weight_zero(u, monkeypatch):
    # Many weights, so that a parallel cumulative sum rounds differently along the way.
    weights = np.random.default_rng(0).uniform(size=1001).astype(np.float32)
    weights[::2] = 0
    monkeypatch.setattr(jax.random, "uniform", lambda key, shape, dtype: dtype(u))
    index = sampling.categorical(weights, jax.random.key(0), ())
    assert weights[index] > 0


def test_rounding_of_the_cumulative_sum_never_draws_weight_zero():
    # From some hundreds of categories on, the sum is computed in blocks, and there it
    # differs by a rounding before and after a weight of zero.
    weights = np.random.default_rng(1).uniform(size=4000).astype(np.float32)
    weights[np.random.default_rng(2).uniform(size=4000) < 0.7] = 0
    cdf = np.asarray(jnp.cumsum(weights))
    # All the numbers within four roundings of a jump.
    u = [cdf / cdf[-1]]
    for towards in (0.0, 2.0):
        around = u[0]
        for _ in range(4):
            around = np.nextafter(around, np.float32(towards))
            u.append(around)
    u = np.clip(np.concatenate(u), 0, 1 - 2**-24).astype(np.float32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jax.random, "uniform", lambda key, shape, dtype: jnp.asarray(u))
        index = sampling.categorical(weights, jax.random.key(0), len(u))
    assert np.all(weights[index] > 0)


def test_categories_occur_in_proportion_to_their_weights():
    weights = np.array([3.0, 0.0, 1.0, 0.5, 5.5])
    n = 50_000
    share = np.bincount(DRAW(weights, jax.random.key(2), n), minlength=5) / n
    assert np.all(np.abs(share - weights / 10) <= bound(weights / 10, n))


def test_a_batch_keeps_samples_and_labels_together():
    batch = SAMPLE(jnp.full(K, 1 / K), jax.random.key(0))
    assert batch.x.shape == (B, 3) and batch.x.dtype == jnp.float32
    index = np.asarray(batch.x[:, 0]).astype(int)
    np.testing.assert_array_equal(batch.x, X[index])
    np.testing.assert_array_equal(batch.label, LABEL[index])


@pytest.mark.parametrize("mode", range(K))
def test_a_one_hot_row_draws_its_mode_alone_and_all_of_it(mode):
    batch = SAMPLE(jnp.eye(K)[mode], jax.random.key(mode))
    assert set(np.asarray(batch.label)) == {mode}
    # 512 draws miss one of at most 16 samples with probability below 1e-13.
    assert set(np.asarray(batch.x[:, 0])) == set(np.flatnonzero(LABEL == mode))


def test_samples_of_a_mode_are_drawn_alike_whatever_its_padding():
    keys = jax.random.split(jax.random.key(0), 40)
    weights = jnp.array([0.5, 0, 0, 0, 0.5])
    x = jax.vmap(lambda key: SAMPLE(weights, key).x[:, 0])(keys)
    share = np.bincount(np.asarray(x, int).ravel(), minlength=N) / x.size
    # Modes 0 and 4 differ in size, so the rows differ in padding.
    size = np.bincount(LABEL)
    assert size[0] != size[4]
    expected = np.where(np.isin(LABEL, [0, 4]), 0.5 / size[LABEL], 0)
    assert np.all(np.abs(share - expected) <= bound(expected, x.size))


def test_no_weights_draw_from_all_the_data_alike():
    sample = sampling.sampler(X, None, B)
    keys = jax.random.split(jax.random.key(0), 40)
    batch = jax.jit(jax.vmap(lambda key: sample(None, key)))(keys)
    assert batch.label is None
    share = np.bincount(np.asarray(batch.x[..., 0], int).ravel(), minlength=N)
    assert np.all(np.abs(share / (40 * B) - 1 / N) <= bound(1 / N, 40 * B))


def test_images_are_scaled():
    x = np.array([0, 255], np.uint8).reshape(2, 1, 1, 1)
    batch = sampling.sampler(x, modes.everything(2), 64)(jnp.ones(1), jax.random.key(0))
    assert batch.x.shape == (64, 1, 1, 1) and batch.x.dtype == jnp.float32
    assert set(np.asarray(batch.x).ravel()) == {-1.0, 1.0}


def test_a_member_draws_what_it_draws_alone():
    weights = jnp.concatenate([jnp.eye(K), jnp.full((1, K), 1 / K)])
    keys = jax.random.split(jax.random.key(3), K + 1)
    together = jax.jit(jax.vmap(SAMPLE))(weights, keys)
    for member in range(K + 1):
        alone = SAMPLE(weights[member], keys[member])
        np.testing.assert_array_equal(together.x[member], alone.x)
        np.testing.assert_array_equal(together.label[member], alone.label)


def test_other_keys_give_other_batches():
    first, second = (
        SAMPLE(jnp.ones(K), key) for key in jax.random.split(jax.random.key(0))
    )
    assert not np.array_equal(first.x, second.x)


def test_the_data_may_be_an_argument_of_the_program():
    @jax.jit
    def draw(x, table, weights, key):
        return sampling.sampler(x, table, B)(weights, key).x

    key = jax.random.key(1)
    np.testing.assert_array_equal(
        draw(X, MODES, jnp.ones(K), key), SAMPLE(jnp.ones(K), key).x
    )
