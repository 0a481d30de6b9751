"""Tests of jaxgan.scores.low_diversity."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan import scores
from jaxgan.core import errors
from jaxgan.scores import classifier, suites

CLASSES, FEATURES = 10, 5


def make(num_images, seed=0, copies=6000, sureness=0.99):
    """Features and probabilities of so many different images per class, repeated."""
    random = np.random.default_rng(seed)
    images = random.normal(size=(CLASSES, num_images, FEATURES))
    chosen = np.arange(copies // CLASSES) % num_images
    labels = np.arange(copies) % CLASSES
    features = images[labels, np.repeat(chosen, CLASSES)].astype(np.float32)
    probs = np.full((copies, CLASSES), (1 - sureness) / (CLASSES - 1), np.float32)
    probs[np.arange(copies), labels] = sureness
    return features, probs


def of(features, probs, real_inception, real_diversity, **shares):
    return scores.warn_of_low_diversity(
        scores.inception_score(probs),
        scores.within_class_diversity(features, probs),
        real_inception,
        real_diversity,
        **shares,
    )


@functools.cache
def real():
    features, probs = make(600, seed=1)
    diversity = scores.within_class_diversity(features, probs).value
    return scores.inception_score(probs).value, diversity


@pytest.mark.parametrize(
    "num_images, warning", [(1, True), (2, True), (20, False), (600, False)]
)
def test_few_images_per_class_raise_a_warning(num_images, warning):
    score = of(*make(num_images), *real())
    assert bool(score.warning) is warning
    np.testing.assert_allclose(score.value, real()[0], rtol=1e-5)


def test_a_share_of_diversity_is_left_by_repeated_images():
    images = [2, 3, 4, 8]
    for m in images:
        left = []
        for seed in range(30):
            features, probs = make(m, seed, copies=2400)
            own = scores.within_class_diversity(features, probs).value
            left.append(own / (2 * FEATURES))
        error = np.std(left) / np.sqrt(30)
        assert abs(np.mean(left) - (1 - 1 / m)) < 4 * error + 0.01


def test_a_low_score_with_low_diversity_needs_no_warning():
    score = of(*make(1, sureness=0.5), *real())
    assert score.value < 0.9 * real()[0] and not score.warning


def test_the_rule_is_of_the_shares_that_are_asked_for():
    features, probs = make(20)
    own = scores.inception_score(probs).value
    diversity = scores.within_class_diversity(features, probs).value
    for high, low, warning in [
        (0.99, 0.51, True),
        (1.01, 0.51, False),
        (0.99, 0.49, False),
    ]:
        score = of(features, probs, own, 2 * diversity, high=high, low=low)
        assert bool(score.warning) is warning


def test_nothing_else_in_the_record_changes():
    features, probs = make(2)
    plain = scores.inception_score(probs)
    score = of(features, probs, *real())
    assert plain.warning is None
    for name in ("value", "spread", "floor", "ceiling", "target"):
        assert getattr(score, name) == getattr(plain, name)
    assert score.protocol[:-1] == plain.protocol
    assert score.protocol[-1][0] == "warning"
    assert scores.to_dict(score)["warning"] is True


def test_members_are_warned_of_one_by_one_and_dead_ones_not_at_all():
    members = [make(1), make(600), make(1)]
    features, probs = (np.stack(parts) for parts in zip(*members, strict=True))
    probs[2] = np.nan
    score = jax.jit(jax.vmap(lambda f, p: of(f, p, *real())))(features, probs)
    np.testing.assert_array_equal(score.warning, [True, False, False])


def test_other_records_and_shares_are_refused():
    features, probs = make(2)
    inception = scores.inception_score(probs)
    diversity = scores.within_class_diversity(features, probs)
    unnamed = dataclasses.replace(inception, protocol=())
    for pair in ((diversity, inception), (inception, inception), (unnamed, diversity)):
        with pytest.raises(errors.UserError, match="record of"):
            scores.warn_of_low_diversity(*pair, 1.0, 1.0)
    for shares in ({"high": 0}, {"low": 1}, {"low": 0}):
        with pytest.raises(errors.UserError, match="between 0 and 1"):
            scores.warn_of_low_diversity(inception, diversity, 1.0, 1.0, **shares)


def test_a_suite_warns_of_copies_that_the_inception_score_likes():
    from sklearn import datasets

    data = datasets.load_digits()
    x = (data.images / 8 - 1).astype(np.float32)[..., None]
    network = classifier.train_classifier(
        x,
        data.target,
        num_classes=10,
        key=jax.random.key(0),
        architecture="fully_connected",
        num_epochs=15,
    )
    shares = np.full(10, 0.1)
    suite = suites.of_classifier(network, 0.9, x, shares, split_size=90)
    copies = suites.one_image_per_class(network, x, 900)
    found = suite(jnp.stack([copies, x[:900]]))
    inception = found["inception_score"]
    assert inception.value[0] >= inception.value[1]
    np.testing.assert_array_equal(inception.warning, [True, False])
    diversity = found["within_class_diversity"]
    assert diversity.value[0] < 1e-3 * diversity.target[0]
