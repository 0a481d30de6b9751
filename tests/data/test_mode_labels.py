"""Tests of jaxgan.data.mode_labels."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan import types
from jaxgan.core import errors
from jaxgan.data import mode_labels, pool, standardise

LABELS = np.array([[0, 0, 1, 2, 2, 2], [2, 1, 0, 0, 1, 0]])
X = 10.0 * np.arange(6, dtype=np.float32)[:, None]


def hparams(weights, standardiser=None):
    return types.HParams(types.Pair({}, {}), {}, None, weights, standardiser)


def test_each_member_draws_its_own_clusters_and_is_told_which():
    table, weights = mode_labels.tables(LABELS, 3)
    data = pool.put(X, table)
    draw = mode_labels.draw(3)(4000)
    keys = jax.random.split(jax.random.key(0), 2)
    sample = jax.jit(jax.vmap(lambda w, key: draw(data, hparams(w), key)))
    batch = sample(jnp.asarray(weights), keys)
    for member in range(2):
        index = np.asarray(batch.x[member, :, 0] / 10).astype(int)
        np.testing.assert_array_equal(batch.label[member], LABELS[member][index])
        # All samples alike, as every cluster has its share.
        counts = np.bincount(index, minlength=6)
        assert (np.abs(counts / 4000 - 1 / 6) < 5 * np.sqrt(5 / 36 / 4000)).all()


def test_a_member_draws_the_same_alone_and_among_others():
    random = np.random.default_rng(0)
    labels = random.integers(0, 7, (9, 400))
    x = np.arange(400, dtype=np.float32)[:, None]
    draw, key = mode_labels.draw(7)(5000), jax.random.key(1)
    drawn = []
    for own, member in ((labels, 8), (labels[8:], 0)):
        table, weights = mode_labels.tables(own, 7)
        drawn.append(draw(pool.put(x, table), hparams(weights[member]), key))
    np.testing.assert_array_equal(drawn[0].x, drawn[1].x)
    np.testing.assert_array_equal(drawn[0].label, drawn[1].label)


def test_where_several_members_have_weight_each_is_drawn_by_its_own():
    table, weights = mode_labels.tables(LABELS, 3)
    both = hparams(0.25 * weights[0] + 0.75 * weights[1])
    found = mode_labels.draw(3)(8000)(pool.put(X, table), both, jax.random.key(1))
    at, label = np.asarray(found.x[:, 0] / 10).astype(int), np.asarray(found.label)
    counts = np.zeros((6, 3))
    np.add.at(counts, (at, label), 1)
    expected = sum(
        share / 6 * (own[:, None] == np.arange(3))
        for share, own in zip((0.25, 0.75), LABELS, strict=True)
    )
    np.testing.assert_allclose(counts / 8000, expected, atol=5 * 0.5 / 8000**0.5)


def test_tables_have_one_shape_whatever_the_clusters_are():
    others = np.array([[0, 1, 2, 0, 1, 2], [0, 0, 0, 0, 1, 2]])
    for labels in (LABELS, others):
        table, weights = mode_labels.tables(labels, 3)
        assert table.table.shape == (6, 6) and weights.shape == (2, 6)
        np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=1e-6)
        assert not weights[0, 3:].any() and not weights[1, :3].any()


def test_samples_come_in_the_units_of_the_member():
    table, weights = mode_labels.tables(LABELS[:1], 3)
    own = standardise.Standardiser(jnp.array([20.0]), jnp.array([10.0]))
    draw = mode_labels.draw(3)(50)
    batch = draw(pool.put(X, table), hparams(weights[0], own), jax.random.key(0))
    assert set(np.asarray(batch.x[:, 0])) <= {-2.0, -1.0, 0.0, 1.0, 2.0, 3.0}


def test_what_is_missing_is_said():
    with pytest.raises(errors.UserError, match="num_modes=0"):
        mode_labels.draw(0)
    with pytest.raises(errors.UserError, match="modes"):
        mode_labels.draw(2)(3)(pool.put(X), hparams(None), jax.random.key(0))
    table, weights = mode_labels.tables(LABELS, 3)
    with pytest.raises(errors.UserError, match="6 modes.*num_modes=4"):
        own = hparams(weights[0])
        mode_labels.draw(4)(3)(pool.put(X, table), own, jax.random.key(0))
    with pytest.raises(errors.UserError, match="label 1"):
        mode_labels.tables([[0, 0, 2]], 3)
