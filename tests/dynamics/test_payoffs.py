"""Payoff matrices against one game at a time, and what has no value in them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan import dynamics, ensembles, gan, losses, population, steps, types
from jaxgan.core import errors
from jaxgan.data import standardise

KEY, SAMPLES = jax.random.key(3), 10


def members(gan_of, num_members, seed=0):
    hparams = population.broadcast(
        types.HParams(types.Pair(*[{"learning_rate": 1e-3}] * 2), {}), num_members
    )
    keys = population.keys(jax.random.key(seed), num_members)
    state = population.init(steps.initialise(gan_of), hparams, keys)
    # Weights as they are drawn first make players that are hardly apart.
    return state._replace(params=jax.tree.map(lambda x: 3 * x, state.params)), hparams


@pytest.fixture(scope="module")
def made():
    """A GAN, sides of three generators and two discriminators, and their matrix."""
    gan_of = gan.mlp((2,), hidden=(6,), latent_dim=2)
    state, _ = members(gan_of, 3)
    sides = dynamics.sides(state)
    sides = sides._replace(discriminator=population.take(sides.discriminator, [2, 0]))
    real = jax.random.normal(jax.random.key(1), (SAMPLES, 2))
    batch = types.Batch(real)
    play = dynamics.payoff_matrix(gan_of, block=4)
    return gan_of, sides, batch, play, np.asarray(play(sides, batch, KEY))


def logits_of(gan_of, sides, batch, i, j):
    """Logits of real and fake samples of generator i and discriminator j."""
    g, d = population.take(sides.generator, i), population.take(sides.discriminator, j)
    z = gan_of.latent(KEY, SAMPLES)
    fake, _ = gan_of.generate(g.params, g.collections, z)
    return (
        np.asarray(gan_of.discriminate(d.params, d.collections, x)[0].logits, float)
        for x in (batch.x, fake)
    )


def test_each_generator_in_a_row_plays_each_discriminator_in_a_column(made):
    """A transposed matrix has another shape, one of the wrong sign other entries."""
    gan_of, sides, batch, _, matrix = made
    assert matrix.shape == (3, 2)
    for i, j in np.ndindex(3, 2):
        real, fake = logits_of(gan_of, sides, batch, i, j)
        value = -np.mean(np.log1p(np.exp(-real))) - np.mean(np.log1p(np.exp(fake)))
        assert matrix[i, j] == pytest.approx(value, rel=1e-4)
    assert np.ptp(matrix, axis=0).min() > 1e-3 and np.ptp(matrix, axis=1).min() > 1e-3


def test_a_member_has_its_row_and_column_whoever_else_plays(made):
    _, sides, batch, play, matrix = made
    some = types.Pair(
        population.take(sides.generator, [2, 0]),
        population.take(sides.discriminator, [1, 0]),
    )
    found = play(some, batch, KEY)
    np.testing.assert_array_equal(found, matrix[np.ix_([2, 0], [1, 0])])


def test_standardised_members_meet_in_the_units_of_the_data(made):
    gan_of, sides, batch, _, matrix = made
    play = dynamics.payoff_matrix(gan_of)
    location, scale = jnp.array([5.0, -1.0]), jnp.array([2.0, 0.5])
    units = {
        player: standardise.Standardiser(
            jnp.tile(location, (number, 1)), jnp.tile(scale, (number, 1))
        )
        for player, number in (("generator", 3), ("discriminator", 2))
    }
    own = types.Pair(
        **{
            player: side._replace(standardiser=units[player])
            for player, side in sides._asdict().items()
        }
    )
    moved = types.Batch(batch.x * scale + location)
    np.testing.assert_allclose(play(own, moved, KEY), matrix, rtol=1e-4)


def test_a_payoff_of_a_loss_is_what_its_discriminator_maximises():
    real, fake = jnp.array([1.0, -0.5]), jnp.array([0.25, 2.0, -1.0])
    wasserstein = dynamics.payoff_of("wasserstein")(real, fake)
    assert wasserstein == pytest.approx(float(real.mean() - fake.mean()))
    for name in ("minimax", "non_saturating"):
        value = losses.minimax_value(real, fake)
        assert dynamics.payoff_of(name)(real, fake) == pytest.approx(float(value))
    hinge = dynamics.payoff_of(losses.get("hinge"))(real, fake)
    expected = -np.mean([0, 1.5]) - np.mean([1.25, 3, 0])
    assert hinge == pytest.approx(expected)


@pytest.mark.parametrize("name", ["relativistic", "relativistic_average"])
def test_losses_that_compare_real_and_fake_have_no_value(name):
    with pytest.raises(errors.UserError, match=f"loss='{name}' has no value"):
        dynamics.payoff_of(name)
    loss = losses.get(name)

    def payoff(real_logits, fake_logits):
        return -loss.discriminator(real_logits, fake_logits)

    with pytest.raises(errors.UserError, match="is no value: of a mixture"):
        dynamics.payoff_matrix(gan.mlp((2,), hidden=(6,)), payoff)


def test_a_mixture_of_generators_has_the_weights_and_the_generators(made):
    gan_of, sides, batch, _, matrix = made
    nash = dynamics.solve(matrix)
    mixture = dynamics.nash_mixture(gan_of, sides.generator, nash.row, KEY)
    np.testing.assert_allclose(mixture.weights, nash.row, rtol=1e-6)
    x, member = ensembles.sample(gan_of, mixture, KEY, 200)
    assert x.shape == (200, 2)
    assert set(np.asarray(member)) <= set(np.flatnonzero(nash.row > 0))
    with pytest.raises(errors.UserError, match="there are 3 strategies"):
        dynamics.nash_mixture(gan_of, sides.generator, nash.column, KEY)


def test_members_that_cannot_play_are_said_in_a_sentence(made):
    gan_of, sides, batch, play, _ = made
    with pytest.raises(errors.UserError, match="block=0 samples must be at least 1"):
        dynamics.payoff_matrix(gan_of, block=0)
    wider, _ = members(gan.mlp((2,), hidden=(7,), latent_dim=2), 3)
    other = sides._replace(discriminator=dynamics.sides(wider).discriminator)
    with pytest.raises(errors.UserError, match="sides.discriminator are not discrim"):
        play(other, batch, KEY)
    alone = sides._replace(generator=population.take(sides.generator, 0))
    with pytest.raises(errors.UserError, match="sides.generator are not generators"):
        play(alone, batch, KEY)
    broken = jax.tree.map(lambda x: x.at[1].set(jnp.inf), sides.generator)
    with pytest.raises(errors.UserError, match="not finite, of the members 1"):
        play(sides._replace(generator=broken), batch, KEY)
