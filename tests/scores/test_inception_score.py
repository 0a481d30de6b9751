import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special, stats

from jaxgan import scores
from jaxgan.core import errors

inception_score = jax.jit(scores.inception_score, static_argnums=1)


def probabilities(seed, n, k, zeros=False):
    logits = 2 * np.random.default_rng(seed).normal(size=(n, k))
    if zeros:
        logits[np.arange(n), np.arange(n) % k] = -np.inf
    return special.softmax(logits, axis=1)


def by_definition(probs, splits):
    """The definition, one split and one sample at a time."""
    values = []
    for part in np.array_split(probs, splits):
        marginal = part.mean(axis=0)
        values.append(np.exp(np.mean([stats.entropy(row, marginal) for row in part])))
    return np.mean(values), np.std(values)


@pytest.mark.parametrize("zeros", [False, True])
@pytest.mark.parametrize(
    "n, k, splits", [(60, 5, 10), (57, 5, 10), (7, 3, 7), (9, 4, 1)]
)
def test_equals_the_definition(x64, n, k, splits, zeros):
    probs = probabilities(n, n, k, zeros)
    score = inception_score(jnp.asarray(probs), splits)
    value, spread = by_definition(probs, splits)
    np.testing.assert_allclose(score.value, value, rtol=1e-10)
    np.testing.assert_allclose(score.spread, spread, rtol=1e-8, atol=1e-12)


def test_float32_is_within_1e_5_of_the_definition():
    probs = probabilities(0, 5000, 50).astype(np.float32)
    value, _ = by_definition(probs.astype(np.float64), 10)
    np.testing.assert_allclose(inception_score(probs, 10).value, value, rtol=1e-5)


@pytest.mark.parametrize("k", [2, 10])
def test_uniform_predictions_score_one(k):
    score = inception_score(jnp.full((40, k), 1 / k), 10)
    np.testing.assert_allclose([score.value, score.spread], [1, 0], atol=1e-6)


def test_one_class_scores_one():
    score = inception_score(jax.nn.one_hot(jnp.full(40, 3), 10), 10)
    np.testing.assert_allclose([score.value, score.spread], [1, 0], atol=1e-6)


def test_balanced_one_hot_predictions_reach_the_ceiling():
    score = inception_score(jax.nn.one_hot(jnp.arange(200) % 10, 10), 10)
    np.testing.assert_allclose(score.value, 10, rtol=1e-6)
    assert score.ceiling == 10


def test_a_split_smaller_than_the_number_of_classes_limits_the_score():
    score = inception_score(jax.nn.one_hot(jnp.arange(10), 10), 3)
    np.testing.assert_allclose(score.value, (4 + 3 + 3) / 3, rtol=1e-6)
    np.testing.assert_allclose(score.ceiling, (4 + 3 + 3) / 3, rtol=1e-6)


def test_the_splits_are_contiguous():
    labels = jnp.repeat(jnp.arange(10), 10)
    sorted_score = inception_score(jax.nn.one_hot(labels, 10), 10)
    np.testing.assert_allclose(sorted_score.value, 1, rtol=1e-6)


def test_members_of_a_population_score_as_alone():
    probs = jnp.stack([probabilities(seed, 33, 4) for seed in range(3)])
    together = jax.jit(jax.vmap(lambda p: scores.inception_score(p, 4)))(probs)
    for member in range(3):
        alone = inception_score(probs[member], 4)
        np.testing.assert_allclose(together.value[member], alone.value, rtol=1e-5)
        np.testing.assert_allclose(together.spread[member], alone.spread, rtol=1e-3)
    assert together.protocol == alone.protocol


def test_a_dead_member_is_nan_and_leaves_the_others_alone():
    probs = jnp.stack([jnp.full((20, 4), jnp.nan), jnp.full((20, 4), 0.25)])
    value = jax.vmap(scores.inception_score)(probs).value
    assert jnp.isnan(value[0]) and value[1] == pytest.approx(1)
    assert jnp.isnan(scores.inception_score(probs[0]).value)


def test_the_gradient_is_finite_at_zero_probabilities():
    probs = jax.nn.one_hot(jnp.arange(8) % 4, 4)
    gradient = jax.grad(lambda p: scores.inception_score(p, 2).value)
    assert jnp.all(jnp.isfinite(jax.jit(gradient)(probs)))


@pytest.mark.parametrize("splits", [0, -1, 21])
def test_impossible_splits_are_refused(splits):
    with pytest.raises(errors.UserError, match=rf"splits .*20.* {splits};"):
        scores.inception_score(jnp.full((20, 4), 0.25), splits)


@pytest.mark.parametrize(
    "probs", [jnp.ones((20, 4)), jnp.tile(jnp.array([1.5, -0.5]), (20, 1))]
)
def test_what_is_no_probability_is_refused(probs):
    with pytest.raises(errors.UserError, match="probs"):
        scores.inception_score(probs)


def test_a_wrong_shape_is_refused():
    with pytest.raises(errors.UserError, match=r"\(20,\)"):
        scores.inception_score(jnp.ones(20))
