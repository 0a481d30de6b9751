"""Tests of jaxgan.dynamics.pathologies.vanishing, and of gradient norms by layer."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from scipy import integrate, stats

from jaxgan import dynamics, gan, gradients, losses, steps, types
from jaxgan.core import errors
from jaxgan.dynamics.pathologies import vanishing
from jaxgan.training import methods

DISTANCES = np.array([0.5, 2.0, 5.0, -1.5])


def by_quadrature(distance, sigma, loss):
    """`d/dd E loss(logit(x))` over `x ~ N(d, sigma^2)`, the logit held fixed.

    By integrating the loss itself and taking central differences of where samples lie.
    """
    p, q = stats.norm(0, sigma), stats.norm(distance, sigma)

    def value(shift):
        def integrand(x):
            logit = p.logpdf(x + shift) - q.logpdf(x + shift)
            return q.pdf(x) * loss(logit)

        ends = distance - 12 * sigma, distance + 12 * sigma
        return integrate.quad(integrand, *ends, limit=200, epsabs=1e-13)[0]

    return (value(1e-3) - value(-1e-3)) / 2e-3


def saturating_loss(logit):
    return -np.logaddexp(0, logit)


def other_loss(logit):
    return np.logaddexp(0, -logit)


def test_gaussian_case_is_that_of_quadrature():
    for sigma in (1.0, 0.7):
        found = dynamics.gaussian_gradients(DISTANCES, sigma)
        for index, d in enumerate(DISTANCES):
            saturating = by_quadrature(d, sigma, saturating_loss)
            other = by_quadrature(d, sigma, other_loss)
            np.testing.assert_allclose(found.saturating[index], saturating, rtol=1e-4)
            np.testing.assert_allclose(found.non_saturating[index], other, rtol=1e-4)
            p, q = stats.norm(0, sigma), stats.norm(d, sigma)
            right = max(p.cdf(d / 2) + q.sf(d / 2), p.sf(d / 2) + q.cdf(d / 2)) / 2
            np.testing.assert_allclose(found.accuracy[index], right, rtol=1e-12)


def test_gaussian_case_has_the_limits_of_theory():
    far = np.array([20.0, 30.0, 1e3])
    found = dynamics.gaussian_gradients(far)
    tail = np.sqrt(np.pi / 2) * np.exp(-(far**2) / 8)
    np.testing.assert_allclose(found.saturating[:2], tail[:2], rtol=2e-2)
    assert found.saturating[2] == 0
    np.testing.assert_allclose(found.non_saturating, far, rtol=1e-12)
    np.testing.assert_array_equal(found.wasserstein, 1)
    near = dynamics.gaussian_gradients([1e-3, -1e-3], 2.0)
    for values in (near.saturating, near.non_saturating):
        np.testing.assert_allclose(values, np.array([1, -1]) * 1e-3 / 8, rtol=1e-6)
    both = dynamics.gaussian_gradients([-3.0, 0.0, 3.0])
    for values in both[2:]:
        np.testing.assert_allclose(values, -values[::-1])
    # They add up to the slope of the logit, as the losses differ by the logit.
    slope = both.saturating + both.non_saturating
    np.testing.assert_allclose(slope, both.distance, rtol=1e-14)


def test_spread_of_gradients_is_that_of_numpy_also_of_the_smallest():
    rows = np.random.default_rng(0).normal(1, 0.5, (5, 7)).astype(np.float32)
    for size in (1.0, 1e-30):
        tree = {"a": jnp.array(size * rows[:, :3]), "b": jnp.array(size * rows[:, 3:])}
        found = vanishing.spread(tree)
        expected = (
            np.linalg.norm(rows, axis=1).mean(),
            np.linalg.norm(rows.mean(0)),
            np.sqrt(rows.var(0, ddof=1).sum()),
        )
        np.testing.assert_allclose(np.array(found) / size, expected, rtol=1e-5)
    assert not np.any(vanishing.spread({"a": jnp.zeros((3, 2))}))


LINE = types.GAN(
    init=lambda key: (
        types.Pair(jnp.zeros(()), jax.random.normal(key, (2,))),
        types.Pair({}, {}),
    ),
    latent=lambda key, n: jax.random.normal(key, (n, 1)),
    generate=lambda d, used, z, label=None, train=False: (z + d, used),
    discriminate=lambda w, used, x, label=None, train=False: (
        types.DiscriminatorOutput(w[0] + w[1] * x[:, 0], x),
        used,
    ),
)
"""The exact case as a GAN, whose best discriminator is a logistic regression."""

RATE = {"learning_rate": 0.5}
HPARAMS = types.HParams(types.Pair(RATE, RATE), {})


def normal(data, hparams, key):
    return types.Batch(jax.random.normal(key, (2000, 1)))


def line_gradients():
    names = ("minimax", "non_saturating")
    watched = {name: gradients.generator(LINE, losses.get(name)) for name in names}
    return gradients.discriminator(LINE, losses.get("minimax")), watched


@functools.cache
def retrained():
    """Fresh discriminators against generators at 0, 1 and 3, as one population."""
    discriminator, watched = line_gradients()
    member = dynamics.fresh_discriminator(
        *(LINE, discriminator, watched, normal),
        num_steps=300,
        every=100,
        optimizer=optax.sgd,
        num_batches=4,
    )
    begin = steps.initialise(LINE, optax.sgd)

    def of_distance(d, key):
        state = begin(HPARAMS, key)
        # That the state has a discriminator of its own must not matter.
        params = types.Pair(d, jnp.full(2, jnp.nan))
        return member(HPARAMS, state._replace(params=params), None, key)

    keys = jax.random.split(jax.random.key(0), 3)
    return jax.jit(jax.vmap(of_distance))(jnp.array([0.0, 1.0, 3.0]), keys)


def test_a_fresh_discriminator_leaves_the_gradient_of_the_best_one():
    found, exact = retrained(), dynamics.gaussian_gradients([0.0, 1.0, 3.0])
    np.testing.assert_array_equal(found.steps, [[0, 100, 200, 300]] * 3)
    np.testing.assert_allclose(found.accuracy[1:, -1], exact.accuracy[1:], atol=0.02)
    for name, expected in (
        ("minimax", exact.saturating),
        ("non_saturating", exact.non_saturating),
    ):
        norm = found.mean_norm[name][:, -1]
        np.testing.assert_allclose(norm, np.abs(expected), rtol=0.12, atol=0.05)
        # Of one weight, which has a sign, the batches differ little.
        assert np.all(found.norm[name] >= found.mean_norm[name] * (1 - 1e-5))
        assert np.all(found.deviation[name] < 0.1)


def test_the_first_record_is_of_the_discriminator_before_any_step():
    key = jax.random.split(jax.random.key(0), 3)[1]
    begin_key = jax.random.split(key, 3)[0]
    fresh = steps.initialise(LINE, optax.sgd)(HPARAMS, begin_key).params.discriminator
    x = np.random.default_rng(0).normal(size=200_000)
    logits = fresh[0] + fresh[1] * (x + 1)
    expected = abs(float(fresh[1])) * np.mean(1 / (1 + np.exp(-logits)))
    np.testing.assert_allclose(
        retrained().mean_norm["minimax"][1, 0], expected, rtol=0.05
    )


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"num_steps": 0}, "num_steps=0"),
        ({"every": 0}, "every=0"),
        ({"every": 3}, "multiple of every=3"),
        ({"num_batches": 1}, "num_batches=1"),
        ({"watched": {}}, "watched is"),
        ({"watched": {"x": line_gradients()[0]}}, r"watched\['x'\].*swap"),
        ({"discriminator": line_gradients()[1]["minimax"]}, "discriminator .*swap"),
    ],
)
def test_bad_input_is_one_sentence(changed, said):
    discriminator, watched = line_gradients()
    usual = {"discriminator": discriminator, "watched": watched, "sample": normal}
    usual |= {"num_steps": 10, "every": 5} | changed
    with pytest.raises(errors.UserError, match=said):
        dynamics.fresh_discriminator(LINE, **usual)


@pytest.mark.parametrize("distance", [[np.nan], [[1.0]]])
def test_distances_that_are_none_are_refused(distance):
    with pytest.raises(errors.UserError, match="distance=.* must be finite"):
        dynamics.gaussian_gradients(distance)
    with pytest.raises(errors.UserError, match="sigma=0"):
        dynamics.gaussian_gradients([1.0], 0)


def test_norms_by_layer_add_up_and_change_nothing_else():
    networks = gan.mlp((2,), hidden=(4,), latent_dim=2)
    both = types.Pair(*2 * ({"learning_rate": 1e-2, "b1": 0.5},))
    method = methods.Method("non_saturating", {"r1": 0.1}, both)
    x = jnp.asarray(np.random.default_rng(0).normal(size=(8, 2)), jnp.float32)
    found = []
    for own in (method, method._replace(layer_norms=True)):
        made, key = methods.make(networks, own), jax.random.key(0)
        state = made.initialise(made.hparams, key)
        found.append(jax.jit(made.step)(made.hparams, state, types.Batch(x), key))
    (plain, metrics), (same, more) = found
    jax.tree.map(np.testing.assert_array_equal, plain, same)
    assert {name for name in more if "/" not in name} == set(metrics)
    assert not any("/" in name for name in metrics)
    for player, last in (("generator", "Dense_1"), ("discriminator", "Head_0/Dense_0")):
        front = f"{player}_gradient_norm"
        assert {name for name in more if name.startswith(front + "/")} == {
            f"{front}/{name}" for name in ("Dense_0", last)
        }
        squares = sum(v**2 for name, v in more.items() if name.startswith(front + "/"))
        np.testing.assert_allclose(np.sqrt(squares), more[front], rtol=1e-5)


def test_norms_of_nobodys_gradient_are_refused():
    with pytest.raises(errors.UserError, match="not known whose"):
        gradients.with_layer_norms(lambda *given: given)
