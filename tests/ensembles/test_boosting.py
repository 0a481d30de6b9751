"""Tests of jaxgan.ensembles.boosting."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import optimize

from jaxgan import gan, gradients, losses, steps, types
from jaxgan.core import errors
from jaxgan.ensembles import boosting


def closed_form(p, q, beta):
    """Q of Theorem 1 of Tolstikhin et al. on atoms, lambda by root finding."""

    def excess(level):
        return np.maximum(level * p - (1 - beta) * q, 0).sum() / beta - 1

    level = optimize.brentq(excess, 0, 2 / p.min(), xtol=1e-15, rtol=1e-14)
    return np.maximum(level * p - (1 - beta) * q, 0) / beta


@pytest.mark.parametrize("beta", [0.05, 0.2, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("seed", range(4))
def test_weights_equal_the_closed_form_on_discrete_distributions(beta, seed):
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.ones(30))
    q = rng.dirichlet(np.full(30, 0.3))
    found = boosting.data_weights(q / p, beta, shares=p)
    np.testing.assert_allclose(found, closed_form(p, q, beta), atol=1e-6, rtol=0)


@pytest.mark.parametrize("beta", [0.1, 0.5])
def test_lambda_lies_between_the_ratios_that_it_parts(beta):
    # The weighted samples are those below it.
    r = np.sort(np.random.default_rng(0).gamma(1.0, size=500))
    w = boosting.data_weights(r, beta)
    assert w.sum() == pytest.approx(1, abs=1e-12)
    own = np.flatnonzero(w)
    levels = w[own] * 500 * beta + (1 - beta) * r[own]
    np.testing.assert_allclose(levels, levels[0], rtol=1e-9)
    assert (1 - beta) * r[own[-1]] <= levels[0] <= (1 - beta) * r[own[-1] + 1]


def test_a_mixture_that_is_right_everywhere_leaves_the_data_as_they_are():
    w = boosting.data_weights(np.ones((2, 40)), 0.25)
    np.testing.assert_allclose(w, 1 / 40)


def test_what_the_mixture_never_makes_weighs_most():
    r = np.array([2.0, 0.0, 1.0, 0.0, 1.5])
    w = boosting.data_weights(r, 0.4)
    assert set(np.flatnonzero(w == w.max())) == {1, 3}


def test_weights_do_not_depend_on_the_order_of_samples_or_on_other_seeds():
    rng = np.random.default_rng(1)
    r, order = rng.gamma(1.0, size=(3, 50)), rng.permutation(50)
    whole = boosting.data_weights(r, 0.3)
    np.testing.assert_allclose(boosting.data_weights(r[:, order], 0.3), whole[:, order])
    np.testing.assert_array_equal(boosting.data_weights(r[1], 0.3), whole[1])


def test_uniform_betas_mix_all_rounds_alike():
    betas = boosting.uniform_betas(7)
    np.testing.assert_allclose(boosting.mixture_weights(betas), np.full(7, 1 / 7))


def test_mixture_weights_are_those_of_mixing_round_by_round():
    betas, weights = [0.3, 0.4, 0.25, 0.9], np.ones(1)
    for beta in betas[1:]:
        weights = np.append((1 - beta) * weights, beta)
    np.testing.assert_allclose(boosting.mixture_weights(betas), weights, rtol=1e-12)


def perfect(p):
    """Rounds on atoms whose generators learn their weighted data without error."""

    def ratios(components, weights):
        return weights @ np.stack(components) / p

    return (lambda t, weights: weights), ratios


def test_generators_of_one_mode_each_find_all_modes():
    # A learner that only makes the atom it has seen most, as one that collapses.
    p, rounds = np.full(6, 1 / 6), 6

    def fit(t, weights):
        return np.eye(6)[np.argmax(weights)]

    _, ratios = perfect(p)
    found, weights = boosting.boost(fit, ratios, 6, boosting.uniform_betas(rounds))
    np.testing.assert_allclose(weights @ np.stack(found), p)


def test_no_round_of_a_perfect_learner_moves_away_from_the_data():
    rng = np.random.default_rng(3)
    fit, ratios = perfect(np.full(20, 1 / 20))
    first = rng.dirichlet(np.full(20, 0.2))
    fit_or_first = lambda t, w: first if t == 0 else fit(t, w)  # noqa: E731
    betas = np.array([1.0, 0.2, 0.2, 0.2, 0.2])
    found, _ = boosting.boost(fit_or_first, ratios, 20, betas)
    distances = []
    for t in range(1, 6):
        mixed = boosting.mixture_weights(betas[:t]) @ np.stack(found[:t])
        distances.append(np.abs(mixed - 1 / 20).sum())
    # No worse than mixing in the data themselves, by which it falls by 1 - beta.
    ratios_of = np.array(distances[1:]) / np.array(distances[:-1])
    assert (ratios_of <= 0.8 + 1e-9).all()


def test_the_first_round_is_not_weighted_and_asks_no_classifier():
    seen = []

    def ratios(components, weights):
        seen.append(len(components))
        return np.ones(5)

    boosting.boost(lambda t, w: w, ratios, 5, boosting.uniform_betas(3))
    assert seen == [1, 2]


def test_ratios_are_the_odds_against_real_and_of_nonsense_none():
    logits = np.array([0.0, np.log(4.0), -np.log(4.0), np.nan, -np.inf])
    found = boosting.from_logits(logits)
    np.testing.assert_allclose(found[:4], [1, 0.25, 4, 1])
    assert np.isfinite(found).all()


def test_a_discriminator_learns_each_member_s_own_samples():
    networks = gan.mlp((2,), hidden=(4,), latent_dim=2)
    replayed = boosting.replaying(networks, 3)
    adam = {"learning_rate": 0.1}
    hparams = types.HParams(types.Pair(adam, adam), {})
    kept = jnp.arange(12.0).reshape(2, 3, 2)
    step = steps.update(
        "discriminator", gradients.discriminator(replayed, losses.get("hinge"))
    )

    def of_member(samples, key):
        state = steps.initialise(replayed)(hparams, key)
        own = state.collections._replace(generator={"samples": samples})
        state = state._replace(collections=own)
        fakes, _ = replayed.generate({}, own.generator, replayed.latent(key, 64))
        batch = types.Batch(jnp.zeros((4, 2)))
        after, _ = step(hparams, state, batch, key)
        return fakes, after.collections.generator["samples"], state.params.generator

    keys = jax.random.split(jax.random.key(0), 2)
    fakes, after, nothing = jax.jit(jax.vmap(of_member))(kept, keys)
    assert nothing == {}
    np.testing.assert_array_equal(after, kept)
    for own, made in zip(kept, fakes, strict=True):
        there = {tuple(x) for x in np.asarray(own)}
        assert {tuple(x) for x in np.asarray(made)} == there


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: boosting.data_weights([1.0, -1.0], 0.5), "ratios"),
        (lambda: boosting.data_weights([1.0, np.inf], 0.5), "ratios"),
        (lambda: boosting.data_weights([1.0, 1.0], 0.0), "beta=0.0"),
        (lambda: boosting.data_weights([1.0, 1.0], 0.5, [0.5, 0.6]), "sums to 1.1"),
        (lambda: boosting.mixture_weights([]), "betas is empty"),
        (lambda: boosting.mixture_weights([1.0, 1.5]), "beta=1.5"),
        (lambda: boosting.uniform_betas(0), "num_rounds=0"),
    ],
)
def test_what_are_no_weights_is_said_in_a_sentence(call, said):
    with pytest.raises(errors.UserError, match=said) as error:
        call()
    assert "\n" not in str(error.value)
