"""A critic trained on each f-GAN finds the divergence of two known densities."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan import divergences, losses

NUM_BINS, NUM_SAMPLES = 32, 4096


def p_density(x):
    return 1 + 0.7 * np.sin(2 * np.pi * x)


def q_density(x):
    return 1 + 0.6 * np.cos(2 * np.pi * x)


# f(u) by the books, with the constants of `divergences`; D_f = E_q f(p / q).
GENERATORS = {
    "kl": lambda u: u * np.log(u),
    "reverse_kl": lambda u: -np.log(u),
    "js": lambda u: (u * np.log(u) - (u + 1) * np.log((u + 1) / 2)) / 2,
    "gan": lambda u: u * np.log(u) - (u + 1) * np.log(u + 1),
    "jeffreys": lambda u: (u - 1) * np.log(u),
    "total_variation": lambda u: np.abs(u - 1) / 2,
    "squared_hellinger": lambda u: (np.sqrt(u) - 1) ** 2 / 2,
    "pearson_chi2": lambda u: (u - 1) ** 2,
    "neyman_chi2": lambda u: (u - 1) ** 2 / u,
}


def true_divergence(name):
    x = (np.arange(100_000) + 0.5) / 100_000
    return np.mean(q_density(x) * GENERATORS[name](p_density(x) / q_density(x)))


@functools.cache
def bins(density):
    """The bin of every one of NUM_SAMPLES equally likely points of [0, 1]."""
    x = (np.arange(100_000) + 0.5) / 100_000
    cumulative = np.cumsum(density(x)) / np.sum(density(x))
    points = x[
        np.searchsorted(cumulative, (np.arange(NUM_SAMPLES) + 0.5) / NUM_SAMPLES)
    ]
    return np.floor(points * NUM_BINS).astype(int)


def trained_loss(loss, learning_rate=0.1, num_steps=1500):
    """The discriminator loss that sign descent with shrinking steps ends with.

    The critic is a table of one logit per bin.
    """
    real, fake = bins(p_density), bins(q_density)

    def objective(table):
        return loss.discriminator(table[real], table[fake])

    def step(table, i):
        rate = learning_rate * (1 - i / num_steps)
        return table - rate * jnp.sign(jax.grad(objective)(table)), None

    table, _ = jax.lax.scan(step, jnp.zeros(NUM_BINS), jnp.arange(num_steps))
    return objective(table)


def test_every_f_divergence_is_known_here():
    assert set(GENERATORS) == set(divergences.F_DIVERGENCES)


@pytest.mark.parametrize("name", sorted(GENERATORS))
def test_a_trained_critic_reaches_its_divergence(name):
    bound = -jax.jit(lambda: trained_loss(losses.f_gan(name)))()
    np.testing.assert_allclose(bound, true_divergence(name), rtol=0.05)


def test_a_trained_discriminator_of_the_original_game_reaches_its_optimal_value():
    x = (np.arange(NUM_BINS) + 0.5) / NUM_BINS
    p, q = (density(x) / NUM_BINS for density in (p_density, q_density))
    value = -jax.jit(lambda: trained_loss(losses.minimax()))()
    # Against the distance from -log 4, where everything starts.
    expected = np.asarray(jax.jit(losses.optimal_value)(p, q)) + np.log(4)
    np.testing.assert_allclose(value + np.log(4), expected, rtol=0.05)


@pytest.mark.parametrize("name", sorted(GENERATORS))
def test_the_losses_are_the_bound_and_its_parts(name):
    real, fake = (np.random.default_rng(s).normal(size=5) for s in (0, 1))
    record = divergences.F_DIVERGENCES[name]
    loss, kind = losses.f_gan(name), losses.f_gan(name, non_saturating=True)

    @jax.jit
    def played(real, fake):
        activated = record.activation(real), record.activation(fake)
        games = [
            (own.discriminator(real, fake), own.generator(real, fake))
            for own in (loss, kind)
        ]
        return *activated, record.conjugate(activated[1]), games

    by_real, by_fake, conjugate, games = played(real, fake)
    gain, cost = np.mean(by_real), np.mean(conjugate)
    expected = [(cost - gain, -cost), (cost - gain, -np.mean(by_fake))]
    np.testing.assert_allclose(games, expected, rtol=1e-4, atol=1e-6)


def test_a_record_of_the_alpha_family_makes_a_game():
    bound = -jax.jit(
        lambda: trained_loss(losses.f_gan(divergences.alpha_f_divergence(0.5)))
    )()
    # The alpha divergence of order 1/2 is 4 times the squared Hellinger distance here
    # counted as sum (sqrt p - sqrt q)^2 / 2.
    np.testing.assert_allclose(
        bound, 4 * true_divergence("squared_hellinger"), rtol=0.05
    )


@pytest.mark.parametrize("name", sorted(GENERATORS))
def test_overflow_is_continued_without_a_jump_or_a_kink(name, x64):
    logits = np.linspace(-45, 45, 9001)
    loss = losses.f_gan(name)

    def cost(logit):
        return loss.discriminator(jnp.zeros(1), logit[None])

    def gain(logit):
        return loss.discriminator(logit[None], jnp.zeros(1))

    for function in (cost, gain):
        values, slopes = jax.jit(jax.vmap(jax.value_and_grad(function)))(logits)
        # In steps of 0.01 even exp(v) changes by one part in a hundred only.
        turns, size = np.abs(np.diff(slopes)), np.maximum(np.abs(slopes[1:]), 1)
        assert np.all(turns <= 0.011 * size)
        area = (slopes[1:] + slopes[:-1]) / 2 * 0.01
        np.testing.assert_allclose(np.diff(values), area, rtol=1e-2, atol=1e-4)
