import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special, stats

from jaxgan import scores
from jaxgan.core import errors

diversity = jax.jit(scores.within_class_diversity)
modified = jax.jit(scores.modified_inception_score)


def sample(seed=0, n=40, k=4, f=6):
    rng = np.random.default_rng(seed)
    probs = special.softmax(2 * rng.normal(size=(n, k)), axis=1)
    return jnp.asarray(rng.normal(size=(n, f)), jnp.float32), jnp.asarray(
        probs, jnp.float32
    )


def over_pairs(labels, distance):
    """Per class the mean of `distance(i, j)` over all ordered pairs, one by one."""
    labels = np.asarray(labels)
    members = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    return [
        np.mean([distance(i, j) for i, j in itertools.permutations(rows, 2)])
        for rows in members
        if len(rows) > 1
    ]


def test_diversity_is_the_mean_over_pairs_and_classes():
    features, probs = sample()
    expected = over_pairs(
        probs.argmax(1), lambda i, j: np.sum((features[i] - features[j]) ** 2)
    )
    np.testing.assert_allclose(
        diversity(features, probs).value, np.mean(expected), rtol=1e-5
    )


def test_modified_inception_score_is_the_mean_over_pairs_and_classes():
    _, probs = sample()
    expected = over_pairs(
        probs.argmax(1), lambda i, j: stats.entropy(probs[i], probs[j])
    )
    np.testing.assert_allclose(
        modified(probs).value, np.mean(np.exp(expected)), rtol=1e-4
    )


def test_the_inception_score_is_blind_to_one_image_for_each_class():
    k = 10
    labels = np.arange(200) % k
    one_image_each = jnp.asarray(np.random.default_rng(0).normal(size=(k, 16)))[labels]
    probs = jax.nn.one_hot(labels, k)
    np.testing.assert_allclose(scores.inception_score(probs).value, k, rtol=1e-6)
    assert diversity(one_image_each, probs).value < 1e-10
    assert modified(probs).value == 1


def test_the_expected_diversity_does_not_depend_on_the_number_of_samples():
    features = jax.random.normal(jax.random.key(0), (2000, 6, 5))
    probs = jnp.ones((6, 1))
    few = jax.jit(jax.vmap(lambda f: scores.within_class_diversity(f, probs).value))
    # 2 tr C = 10, with 2000 draws of standard deviation 2 sqrt(2 F / 5) = 2.8.
    assert abs(few(features).mean() - 10) < 5 * 2.8 / np.sqrt(2000)


def test_diversity_keeps_its_precision_far_from_zero():
    rng = np.random.default_rng(0)
    features = (1000 + 0.01 * rng.normal(size=(50, 3))).astype(np.float32)
    expected = 2 * features.astype(np.float64).var(axis=0, ddof=1).sum()
    value = diversity(features, jnp.ones((50, 1))).value
    np.testing.assert_allclose(value, expected, rtol=1e-3)


def test_classes_of_one_sample_do_not_count():
    features = jnp.asarray([[0.0], [2.0], [50.0]])
    probs = jax.nn.one_hot(jnp.asarray([0, 0, 1]), 3)
    assert diversity(features, probs).value == pytest.approx(4)
    assert jnp.isnan(diversity(features[1:], probs[1:]).value)
    assert jnp.isnan(modified(probs[1:]).value)


def test_samples_that_are_not_finite_belong_to_no_class():
    features, probs = sample()
    broken = features.at[3, 1].set(jnp.inf).at[7].set(jnp.nan)
    keep = np.setdiff1d(np.arange(40), [3, 7])
    np.testing.assert_allclose(
        diversity(broken, probs).value,
        diversity(features[keep], probs[keep]).value,
        rtol=1e-5,
    )
    assert jnp.isnan(diversity(jnp.full((40, 6), jnp.nan), probs).value)


def test_a_class_ruled_out_by_one_sample_only_makes_m_is_infinite():
    probs = jnp.asarray([[1.0, 0.0], [0.75, 0.25]])
    assert modified(probs).value == jnp.inf


def test_members_of_a_population_score_as_alone():
    features, probs = map(jnp.stack, zip(*[sample(s) for s in range(3)], strict=True))
    together = jax.jit(jax.vmap(scores.within_class_diversity))(features, probs)
    for member in range(3):
        alone = diversity(features[member], probs[member])
        np.testing.assert_allclose(together.value[member], alone.value, rtol=1e-5)


def test_what_real_data_show_is_carried_as_the_target():
    features, probs = sample()
    real = diversity(features, probs).value
    assert diversity(features, probs, real).target == real
    assert diversity(features, probs).target is None
    # Neither of them has a ceiling: noise can be above real data.
    for own in (diversity(features, probs, real), modified(probs, real)):
        assert own.target == real and own.ceiling is None


def test_features_of_other_samples_are_refused():
    with pytest.raises(errors.UserError, match="39 of features and 40"):
        scores.within_class_diversity(jnp.ones((39, 2)), jnp.full((40, 4), 0.25))
    with pytest.raises(errors.UserError, match="probs"):
        scores.modified_inception_score(jnp.ones((40, 4)))
