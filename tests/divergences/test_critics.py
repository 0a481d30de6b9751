"""What critics and discriminators say about divergences."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxgan import divergences
from jaxgan.core import errors

KL = divergences.kl_from_discriminator
REVERSE_KL = divergences.reverse_kl_from_discriminator
JS = divergences.js_from_discriminator
ESTIMATES = {
    "kl": (jax.jit(KL, static_argnames="base"), divergences.kl),
    "reverse_kl": (jax.jit(REVERSE_KL, static_argnames="base"), divergences.reverse_kl),
    "js": (jax.jit(JS, static_argnames="base"), divergences.js),
}
each = pytest.mark.parametrize("name", ESTIMATES)
# Counts of samples in four cells, so that means over them are exact expectations.
REAL = np.array([50, 10, 20, 20])
FAKE = np.array([10, 40, 40, 10])
LOGITS = np.log(REAL / FAKE)


def of_samples(logits):
    return np.repeat(logits, REAL), np.repeat(logits, FAKE)


@each
def test_an_optimal_discriminator_gives_the_divergence(x64, name):
    function, divergence = ESTIMATES[name]
    exact = divergence(REAL / 100, FAKE / 100)
    np.testing.assert_allclose(function(*of_samples(LOGITS)).value, exact, rtol=1e-9)
    bits = function(*of_samples(LOGITS), base=2)
    np.testing.assert_allclose(bits.value, exact / np.log(2), rtol=1e-9)
    np.testing.assert_allclose(
        bits.standard_error * np.log(2),
        function(*of_samples(LOGITS)).standard_error,
        rtol=1e-9,
    )


def test_the_density_ratio_of_an_optimal_discriminator():
    np.testing.assert_allclose(divergences.density_ratio(LOGITS), REAL / FAKE, 1e-5)
    probability = 1 / (1 + np.exp(-LOGITS))
    ratio = divergences.density_ratio(LOGITS)
    np.testing.assert_allclose(ratio, probability / (1 - probability), rtol=1e-5)
    assert np.isnan(divergences.density_ratio(jnp.nan))


def test_a_constant_does_not_change_donsker_varadhan(x64):
    real, fake = of_samples(LOGITS)
    value = divergences.donsker_varadhan(real, fake)
    np.testing.assert_allclose(
        divergences.donsker_varadhan(real + 3, fake + 3), value, rtol=1e-12
    )
    np.testing.assert_allclose(value, divergences.kl(REAL / 100, FAKE / 100))


@jax.jit
def several(real, fake):
    return {
        "donsker_varadhan": divergences.donsker_varadhan(real, fake),
        "nguyen": divergences.variational_bound("kl", real, fake),
        "js": divergences.js_from_discriminator(real, fake).value,
    }


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-6, 6), min_size=4, max_size=4))
def test_no_critic_exceeds_the_divergence(critic):
    value = several(*of_samples(np.array(critic)))
    exact = divergences.kl(REAL / 100, FAKE / 100)
    assert value["nguyen"] <= value["donsker_varadhan"] + 1e-4
    assert value["donsker_varadhan"] <= exact + 1e-5
    assert value["js"] <= divergences.js(REAL / 100, FAKE / 100) + 1e-6


@each
def test_the_standard_error_is_the_spread_over_samples(name):
    """For the optimal discriminator of two Gaussians one apart."""

    @jax.jit
    @jax.vmap
    def draw(key):
        noise = jax.random.normal(key, (2, 200))
        return ESTIMATES[name][0](noise[0] + 1 - 0.5, noise[1] - 0.5)

    estimate = draw(jax.random.split(jax.random.key(0), 500))
    # log(p / q)(x) = x - 1/2 for p = N(1, 1), q = N(0, 1). A standard deviation from
    # 500 draws is known to 3 %; heavy tails of the exponential add to it.
    np.testing.assert_allclose(
        estimate.standard_error.mean(), estimate.value.std(), rtol=0.2
    )
    error = estimate.value.std() / np.sqrt(500)
    exact = {"kl": 0.5, "reverse_kl": 0.5}.get(name)
    if exact is not None:  # the logarithm of a mean is biased by about 1 / N
        assert abs(estimate.value.mean() - exact) < 5 * error + 0.02


@each
def test_extreme_logits_stay_finite_where_the_answer_is(name):
    function, _ = ESTIMATES[name]
    real, fake = jnp.full(5, 1e4), jnp.full(5, -1e4)
    estimate = function(real, fake)
    expected = np.log(2) if name == "js" else 2e4
    np.testing.assert_allclose(estimate.value, expected, rtol=1e-5)
    np.testing.assert_allclose(estimate.standard_error, 0, atol=1e-6)
    gradient = jax.grad(lambda x, y: function(x, y).value, argnums=(0, 1))
    for part in jax.jit(gradient)(real, fake):
        assert np.isfinite(part).all()
    assert np.isnan(function(real.at[0].set(jnp.nan), fake).value)


def test_leading_axes_are_a_batch():
    real, fake = np.random.default_rng(0).normal(size=(2, 3, 8)).astype(np.float32)
    batched = ESTIMATES["kl"][0](real, fake[:, :5])
    for i in range(3):
        one = ESTIMATES["kl"][0](real[i], fake[i, :5])
        np.testing.assert_allclose([part[i] for part in batched], one, rtol=1e-5)


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: divergences.donsker_varadhan([], [1.0]), "critic_real has shape"),
        (lambda: divergences.kl_from_discriminator([1.0], [1.0, 2]), "at least 2"),
        (lambda: divergences.reverse_kl_from_discriminator([1.0, 2], [1.0]), "fake"),
        (lambda: divergences.js_from_discriminator([1.0, 2.0], 1.0), "fake_logits"),
    ],
)
def test_too_few_samples_are_refused(call, words):
    with pytest.raises(errors.UserError, match=words):
        call()
