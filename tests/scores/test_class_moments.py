"""Tests of jaxgan.scores.class_moments."""

import jax
import numpy as np
import pytest

from jaxgan import scores
from jaxgan.core import errors
from jaxgan.scores import class_moments

N, F, K = 200, 5, 4
update, merge = jax.jit(class_moments.update), jax.jit(class_moments.merge)


def draw(seed=0, n=N, mean=100.0):
    random = np.random.default_rng(seed)
    features = (random.normal(size=(n, F)) + mean).astype(np.float32)
    probs = random.dirichlet(np.ones(K), n).astype(np.float32)
    return features, probs


def exact(features, probs):
    """The definition, over all pairs."""
    x, label = features.astype(np.float64), probs.argmax(axis=1)
    values = []
    for k in range(K):
        own = x[label == k]
        if len(own) > 1:
            squares = ((own[:, None] - own[None]) ** 2).sum(-1)
            values.append(squares.sum() / (len(own) * (len(own) - 1)))
    return np.mean(values)


def score(kept):
    return class_moments.within_class_diversity(kept).value


@pytest.mark.parametrize("size", [1, 7, 64, N])
@pytest.mark.parametrize("shuffled", [False, True])
def test_the_diversity_is_that_of_all_pairs_however_samples_come(size, shuffled):
    features, probs = draw()
    rows = np.arange(N)
    if shuffled:
        rows = np.random.default_rng(1).permutation(N)
    kept = class_moments.empty(K, F)
    for start in range(0, N, size):
        own = rows[start : start + size]
        kept = update(kept, features[own], probs[own])
    np.testing.assert_allclose(score(kept), exact(features, probs), rtol=1e-6)
    whole = scores.within_class_diversity(features, probs)
    np.testing.assert_allclose(score(kept), whole.value, rtol=1e-6)


@pytest.mark.parametrize("shards", [(N,), (0, 1, 199), (50, 150)])
def test_merged_shards_equal_the_whole(shards):
    features, probs = draw()
    kept, start = class_moments.empty(K, F), 0
    for size in shards:
        rows = slice(start, start + size)
        own = class_moments.empty(K, F)
        if size:
            own = update(own, features[rows], probs[rows])
        kept, start = merge(kept, own), start + size
    np.testing.assert_allclose(score(kept), exact(features, probs), rtol=1e-6)
    counts = np.bincount(probs.argmax(1), minlength=K)
    np.testing.assert_array_equal(kept.count, counts)


def test_samples_that_are_not_finite_belong_to_no_class():
    features, probs = draw()
    broken = features.copy()
    broken[::3] = np.nan
    kept = class_moments.of(broken, probs)
    left = np.arange(N) % 3 != 0
    np.testing.assert_allclose(score(kept), exact(features[left], probs[left]), 1e-6)


def test_other_widths_are_refused():
    features, probs = draw()
    with pytest.raises(errors.UserError, match="5 features in 4 classes"):
        class_moments.update(class_moments.empty(K, F), features[:, 1:], probs)
    with pytest.raises(errors.UserError, match="200 of features and 199 of probs"):
        class_moments.of(features, probs[1:])
