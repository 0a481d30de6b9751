"""Losses on class logits, codes and features, against NumPy and SciPy."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special, stats

from jaxgan import divergences, losses
from jaxgan.core import errors

K = 4
LABELS = np.array([0, 3, 1, 1, 2])
info_gan = jax.jit(losses.info_gan)


def logits(seed, num=5, scale=2.0):
    values = scale * np.random.default_rng(seed).normal(size=(num, K))
    return values.astype(np.float32)


def cross_entropy(class_logits, labels):
    probs = special.softmax(class_logits.astype(np.float64), axis=1)
    return -np.mean(np.log(probs[np.arange(len(labels)), labels]))


def test_ac_gan_is_cross_entropy_on_real_and_on_generated_samples():
    real, fake, fake_labels = logits(0), logits(1, 3), np.array([2, 0, 0])
    pair = jax.jit(losses.ac_gan)(real, LABELS, fake, fake_labels)
    on_fake = cross_entropy(fake, fake_labels)
    np.testing.assert_allclose(pair.generator, on_fake, rtol=1e-5)
    np.testing.assert_allclose(
        pair.discriminator, cross_entropy(real, LABELS) + on_fake, rtol=1e-5
    )


def test_tac_gan_trains_the_twin_on_generated_samples_and_the_generator_against_it():
    real, fake, twin = logits(2), logits(3, 3), logits(4, 3)
    fake_labels = np.array([1, 1, 3])
    pair = jax.jit(losses.tac_gan)(real, LABELS, fake, twin, fake_labels)
    on_twin = cross_entropy(twin, fake_labels)
    np.testing.assert_allclose(
        pair.generator, cross_entropy(fake, fake_labels) - on_twin, rtol=1e-5
    )
    np.testing.assert_allclose(
        pair.discriminator, cross_entropy(real, LABELS) + on_twin, rtol=1e-5
    )


def test_the_generator_term_of_tac_gan_vanishes_when_the_classifiers_agree():
    fake = logits(5)
    pair = jax.jit(losses.tac_gan)(fake, LABELS, fake, fake, LABELS)
    assert pair.generator == 0


def test_info_gan_is_zero_for_guesses_and_minus_the_entropy_for_certainty():
    np.testing.assert_allclose(info_gan(np.zeros((5, K)), LABELS), 0, atol=1e-6)
    certain = 100 * np.eye(K)[LABELS]
    np.testing.assert_allclose(info_gan(certain, LABELS), -np.log(K), rtol=1e-6)


def test_info_gan_counts_the_entropy_of_its_prior():
    prior = np.array([0.5, 0.25, 0.25, 0.0])
    value = jax.jit(lambda x: losses.info_gan(x, LABELS, prior))(logits(6))
    expected = cross_entropy(logits(6), LABELS) - stats.entropy(prior)
    np.testing.assert_allclose(value, expected, rtol=1e-5)


def test_continuous_info_gan_is_a_gaussian_likelihood():
    rng = np.random.default_rng(7)
    mean, log_std = rng.normal(size=(5, 2)), rng.normal(size=(5, 2))
    codes = rng.uniform(-1, 1, size=(5, 2))
    log_q = stats.norm.logpdf(codes, mean, np.exp(log_std)).sum(axis=1).mean()
    likelihood = jax.jit(losses.info_gan_continuous)
    value = likelihood(mean, log_std, codes)
    np.testing.assert_allclose(value, -log_q - 2 * np.log(2), rtol=1e-4)
    value = likelihood(mean, log_std, codes, entropy=0.5)
    np.testing.assert_allclose(value, -log_q - 0.5, rtol=1e-4)


def test_pseudo_labels_are_the_classes_that_the_teacher_is_sure_of():
    said, taught = logits(6), logits(7, scale=3.0)
    probs = special.softmax(taught, axis=1)
    threshold = np.sort(probs.max(axis=1))[2]  # two of five samples are above it
    sure = probs.max(axis=1) > threshold
    expected = sure.sum() / 5 * cross_entropy(said[sure], taught[sure].argmax(axis=1))
    both = jax.jit(jax.value_and_grad(losses.pseudo_labels, argnums=1))
    found, by_teacher = both(said, taught, threshold)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert not np.any(by_teacher)


@pytest.mark.parametrize("weight", [0.5, 1.0])
def test_semi_supervised_is_a_classifier_with_a_class_for_fakes(weight):
    labelled, real, fake = logits(8), logits(9, 7), logits(10, 3)

    def fake_probability(class_logits):
        extended = np.concatenate([class_logits, np.zeros((len(class_logits), 1))], 1)
        return special.softmax(extended.astype(np.float64), axis=1)[:, K]

    unlabelled = np.mean(np.log(1 - fake_probability(real)))
    unlabelled += np.mean(np.log(fake_probability(fake)))
    own = functools.partial(losses.semi_supervised, unlabelled_weight=weight)
    value = jax.jit(own)(labelled, LABELS, real, fake)
    expected = cross_entropy(labelled, LABELS) - weight * unlabelled
    np.testing.assert_allclose(value, expected, rtol=1e-5)


def test_class_evidence_is_the_logit_of_not_being_the_class_for_fakes():
    class_logits = logits(11)
    z = np.sum(np.exp(class_logits.astype(np.float64)), axis=1)
    evidence = jax.jit(losses.class_evidence)(class_logits)
    np.testing.assert_allclose(special.expit(evidence), z / (z + 1), rtol=1e-5)


CLASS_LOSSES = {
    "ac_gan": lambda x: losses.ac_gan(x, LABELS, -x, LABELS),
    "tac_gan": lambda x: losses.tac_gan(x, LABELS, -x, 2 * x, LABELS),
    "info_gan": lambda x: losses.info_gan(x, LABELS),
    "semi_supervised": lambda x: losses.semi_supervised(x, LABELS, x, -x),
}


@pytest.mark.parametrize("name", sorted(CLASS_LOSSES))
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
def test_values_and_gradients_are_finite_at_extreme_class_logits(name, dtype):
    x = np.where(np.arange(5 * K).reshape(5, K) % 3 == 0, 1e4, -1e4).astype(dtype)

    def total(x):
        return sum(jax.tree.leaves(CLASS_LOSSES[name](x)))

    value, grads = jax.jit(jax.value_and_grad(total))(x)
    assert value.dtype == dtype
    assert np.isfinite(float(value)) and np.isfinite(np.float32(grads)).all()


@pytest.mark.parametrize("name", sorted(CLASS_LOSSES))
def test_members_have_their_own_class_losses(name):
    x = np.stack([logits(s) for s in (12, 13, 14)])
    together = jax.jit(jax.vmap(CLASS_LOSSES[name]))(x)
    alone = jax.jit(CLASS_LOSSES[name])(x[1])
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a[1], b, rtol=1e-5), together, alone
    )


@pytest.mark.parametrize("label", [-1, K])
def test_a_label_that_is_no_class_gives_nan(label):
    labels = LABELS.copy()
    labels[2] = label
    assert np.isnan(info_gan(np.zeros((5, K)), labels))


def test_feature_matching_is_the_squared_distance_of_the_means():
    real, fake = logits(15, 6), logits(16, 3)
    gap = real.mean(axis=0) - fake.mean(axis=0)
    value = jax.jit(losses.feature_matching)(real, fake)
    np.testing.assert_allclose(value, np.sum(gap**2), rtol=1e-5)
    assert jax.jit(losses.feature_matching)(real, real[::-1]) < 1e-10


@pytest.mark.parametrize("bandwidths", [None, (0.5, 3.0)])
def test_mmd_gan_plays_for_the_unbiased_discrepancy(bandwidths):
    real, fake = (logits(s, n).astype(np.float64) for s, n in ((17, 6), (18, 5)))

    def kernel(x, y):
        squares = np.sum((x[:, None] - y[None]) ** 2, axis=2)
        used = bandwidths or (1, 2, 4, 8, 16)
        return sum(np.exp(-squares / (2 * b**2)) for b in used)

    def within(x):
        return (kernel(x, x).sum() - np.trace(kernel(x, x))) / (len(x) * (len(x) - 1))

    expected = within(real) + within(fake) - 2 * kernel(real, fake).mean()
    loss = losses.mmd_gan(bandwidths and divergences.rbf_kernel(bandwidths))
    both = jax.jit(lambda *args: (loss.generator(*args), loss.discriminator(*args)))
    generator, discriminator = both(np.float32(real), np.float32(fake))
    np.testing.assert_allclose(generator, expected, rtol=1e-3, atol=1e-5)
    assert discriminator == -generator


def test_mmd_gan_moves_generated_features_towards_real_ones():
    real = logits(19, 6)
    gradient = jax.jit(jax.grad(losses.mmd_gan().generator, 1))(real, real + 3)
    assert np.all(np.isfinite(gradient))
    assert np.all(np.asarray(gradient).mean(axis=0) > 0)


ZEROS = np.zeros((5, K), np.float32)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: losses.ac_gan(ZEROS, LABELS[:4], ZEROS, LABELS), "real_labels has sh"),
        (lambda: losses.ac_gan(ZEROS, LABELS, ZEROS[:0], LABELS[:0]), "empty batch"),
        (lambda: losses.info_gan(ZEROS, jax.nn.one_hot(LABELS, K)), "codes has shape"),
        (lambda: losses.info_gan(ZEROS, jnp.zeros(5)), "codes has dtype float32"),
        (
            lambda: losses.info_gan(ZEROS, LABELS, np.ones(3) / 3),
            r"prior has shape \(3",
        ),
        (lambda: losses.info_gan(ZEROS[0], LABELS), "2 axes"),
        (
            lambda: losses.info_gan_continuous(ZEROS, ZEROS[:, :1], ZEROS),
            r"code_log_std has shape \(5, 1\)",
        ),
        (
            lambda: losses.semi_supervised(ZEROS, LABELS, ZEROS[:, :3], ZEROS),
            r"real_class_logits has shape \(5, 3\)",
        ),
        (
            lambda: losses.semi_supervised(ZEROS, LABELS[:4], ZEROS, ZEROS),
            r"labels has shape \(4,\)",
        ),
        (
            lambda: losses.semi_supervised(ZEROS, jnp.zeros(5), ZEROS, ZEROS),
            "labels has dtype float32",
        ),
        (
            lambda: losses.feature_matching(ZEROS, ZEROS[:, :2]),
            r"fake_features has shape \(5, 2\)",
        ),
        (lambda: losses.feature_matching(ZEROS[0], ZEROS[0]), "2 axes"),
        (lambda: losses.mmd_gan().generator(ZEROS, ZEROS[:1]), "1"),
    ],
)
def test_bad_input_is_refused_in_a_sentence(call, message):
    with pytest.raises(errors.UserError, match=message):
        call()
