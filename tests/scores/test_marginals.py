"""Tests of jaxgan.scores.marginals."""

import jax
import numpy as np
import pytest
from scipy import special

from jaxgan import scores
from jaxgan.core import errors
from jaxgan.scores import marginals

N, K = 257, 6
update, merge = jax.jit(marginals.update), jax.jit(marginals.merge)


def probabilities(seed=0, n=N):
    logits = 3 * np.random.default_rng(seed).normal(size=(n, K))
    return special.softmax(logits, axis=1).astype(np.float32)


def in_batches(probs, part, size, splits):
    kept = marginals.empty(K, splits)
    for start in range(0, len(probs), size):
        kept = update(kept, probs[start : start + size], part[start : start + size])
    return kept


def exact(probs, splits):
    """The definition, in float64."""
    values = []
    for own in np.array_split(probs.astype(np.float64), splits):
        own = own / own.sum(axis=1, keepdims=True)
        terms = special.rel_entr(own, own.mean(axis=0))
        values.append(np.exp(terms.sum(axis=1).mean()))
    return np.mean(values), np.std(values)


@pytest.mark.parametrize("splits", [1, 10])
@pytest.mark.parametrize("size", [1, 7, 64, N])
def test_the_score_is_that_of_all_at_once_however_samples_are_cut(size, splits):
    probs = probabilities()
    kept = in_batches(probs, marginals.parts(N, splits), size, splits)
    found = marginals.inception_score(kept)
    value, spread = exact(probs, splits)
    np.testing.assert_allclose(found.value, value, rtol=1e-6)
    np.testing.assert_allclose(found.spread, spread, atol=3e-6)
    whole = scores.inception_score(probs, splits)
    np.testing.assert_allclose(found.value, whole.value, rtol=3e-6)
    np.testing.assert_allclose(found.ceiling, whole.ceiling, rtol=1e-6)
    assert found.floor == whole.floor == 1


def test_samples_may_come_in_any_order_with_their_parts():
    probs, part = probabilities(), marginals.parts(N, 10)
    order = np.random.default_rng(1).permutation(N)
    found = [
        marginals.inception_score(in_batches(probs[rows], part[rows], 64, 10))
        for rows in (np.arange(N), order)
    ]
    np.testing.assert_allclose(found[0].value, found[1].value, rtol=1e-6)
    np.testing.assert_allclose(found[0].spread, found[1].spread, atol=2e-6)


@pytest.mark.parametrize("shards", [(N,), (1, 256), (0, 57, 200), (50, 50, 157)])
def test_merged_shards_equal_the_whole(shards):
    probs, part = probabilities(), marginals.parts(N, 10)
    kept, start = marginals.empty(K, 10), 0
    for size in shards:
        own = marginals.empty(K, 10)
        if size:
            rows = slice(start, start + size)
            own = update(own, probs[rows], part[rows])
        kept, start = merge(kept, own), start + size
    whole = in_batches(probs, part, N, 10)
    for own, expected in zip(kept, whole, strict=True):
        np.testing.assert_allclose(own, expected, rtol=1e-6, atol=1e-5)
    np.testing.assert_allclose(
        marginals.inception_score(kept).value, exact(probs, 10)[0], rtol=1e-6
    )


def test_fifty_thousand_samples_lose_no_digits():
    probs = probabilities(n=50_000)

    @jax.jit
    def all_at_once(probs, part):
        def step(kept, batch):
            return marginals.update(kept, *batch), None

        return jax.lax.scan(step, marginals.empty(K, 1), (probs, part))[0]

    part = np.zeros((5000, 10), np.int32)
    kept = all_at_once(probs.reshape(5000, 10, K), part)
    found = marginals.inception_score(kept).value
    np.testing.assert_allclose(found, exact(probs, 1)[0], rtol=1e-6)


def test_members_are_scored_together_and_a_dead_one_is_nan():
    probs = np.stack([probabilities(0), np.full((N, K), np.nan), probabilities(1)])
    part = marginals.parts(N, 4)

    @jax.vmap
    def score(own):
        kept = marginals.update(marginals.empty(K, 4), own, part)
        return marginals.inception_score(kept)

    value = score(probs).value
    assert np.isnan(value[1])
    for i in (0, 2):
        np.testing.assert_allclose(value[i], exact(probs[i], 4)[0], rtol=1e-6)


@pytest.mark.parametrize("n, splits", [(10, 3), (10, 10), (7, 1)])
def test_parts_are_those_of_contiguous_splits(n, splits):
    found = marginals.parts(n, splits)
    for i, rows in enumerate(np.array_split(np.arange(n), splits)):
        np.testing.assert_array_equal(np.flatnonzero(found == i), rows)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: marginals.parts(5, 6), "splits must be between 1 and .* 5, not 6"),
        (lambda: marginals.parts(5, 0), "not 0"),
        (lambda: add(np.ones((2, K)), [0, 0]), "probs sums to 6"),
        (lambda: add(np.full((2, 5), 0.2), [0, 0]), r"\[B, 6\]"),
        (lambda: add(probabilities(n=2), [0]), r"\[B\]"),
        (lambda: add(probabilities(n=2), [0, 2]), "runs from 0 to 2, .* 2 parts"),
        (lambda: marginals.inception_score(marginals.empty(K, 3)), "3 of 3 parts"),
    ],
)
def test_what_cannot_be_summed_is_said(call, said):
    with pytest.raises(errors.UserError, match=said):
        call()


def add(probs, part):
    return marginals.update(marginals.empty(K, 2), probs, np.asarray(part))
