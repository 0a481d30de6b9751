"""Tests of jaxgan.ensembles.mix_gan."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special

from jaxgan import ensembles, gan, losses, penalties, population, steps, types
from jaxgan.core import errors
from jaxgan.ensembles import mix_gan

# Its discriminator compares the samples of a batch, so that it matters which are one.
ONE = gan.mlp((2,), hidden=(4,), latent_dim=2, minibatch="discrimination")
LOSS = losses.get("non_saturating")
ADAM = {"learning_rate": 1e-2}
BOTH = types.Pair(ADAM, ADAM)
BATCH = types.Batch(jnp.asarray(np.random.default_rng(0).normal(size=(6, 2))))
PENALTIES = {"r1": penalties.PENALTIES["r1"]}


def tree_of(tree, i):
    return jax.tree.map(lambda x: x[i], tree)


def judge(params, x):
    return ONE.discriminate(params, {}, x)[0].logits


K, N, ENTROPY, R1 = 3, 2, 0.2, 0.5
MIXED = mix_gan.with_players(ONE, K, N)
MIX_HPARAMS = types.HParams(BOTH, {"r1": R1, "mixture_entropy": ENTROPY})


@pytest.fixture(scope="module")
def mixed():
    """A state with uneven weights, and both players' gradients."""
    d = mix_gan.discriminator(MIXED, LOSS, PENALTIES)
    g = mix_gan.generator(MIXED, LOSS)

    @jax.jit
    def play(key):
        state = steps.initialise(MIXED)(MIX_HPARAMS, key)
        own = types.Pair(
            state.params.generator | {"logits": jnp.array([0.5, -0.2, 0.1])},
            state.params.discriminator | {"logits": jnp.array([-0.3, 0.4])},
        )
        state = state._replace(params=own)
        return (
            state,
            g(MIX_HPARAMS, state, BATCH, key),
            d(MIX_HPARAMS, state, BATCH, key),
        )

    return play(jax.random.key(0))


def fakes_of(state, key):
    keys = jax.random.split(key, K)
    own = state.params.generator["players"]
    return [
        ONE.generate(tree_of(own, i), {}, ONE.latent(keys[i], 6))[0] for i in range(K)
    ]


def cost_of(state, player, fakes, u, v):
    """The double sum over all pairs, one after the other."""
    total = 0.0
    for j in range(N):
        d = tree_of(state.params.discriminator["players"], j)
        for i in range(K):
            pair = getattr(LOSS, player)(judge(d, BATCH.x), judge(d, fakes[i]))
            total += u[i] * v[j] * pair
    return total


def test_both_players_objectives_are_sums_over_all_pairs(mixed):
    state, (_, _, of_g), (_, _, of_d) = mixed
    u = special.softmax([0.5, -0.2, 0.1])
    v = special.softmax([-0.3, 0.4])
    key = jax.random.key(0)
    found = cost_of(state, "generator", fakes_of(state, key), u, v)
    np.testing.assert_allclose(of_g["generator_loss"], found, rtol=1e-5)
    own = jax.random.split(key, 2)[0]
    found = cost_of(state, "discriminator", fakes_of(state, own), u, v)
    np.testing.assert_allclose(of_d["discriminator_loss"], found, rtol=1e-5)
    entropies = of_g["generator_entropy"], of_d["discriminator_entropy"]
    expected = [-(w * np.log(w)).sum() for w in (u, v)]
    np.testing.assert_allclose(entropies, expected, rtol=1e-5)


def test_the_weights_move_towards_what_costs_least_and_towards_even_ones(mixed):
    # d/da_i = u_i (c_i - sum_k u_k c_k) + c (u_i - 1/K), by hand.
    state, (grads, _, _), _ = mixed
    u, v = special.softmax([0.5, -0.2, 0.1]), special.softmax([-0.3, 0.4])
    fakes = fakes_of(state, jax.random.key(0))
    costs = np.array([cost_of(state, "generator", fakes, e, v) for e in np.eye(K)])
    expected = u * (costs - u @ costs) + ENTROPY * (u - 1 / K)
    np.testing.assert_allclose(grads["logits"], expected, rtol=1e-4, atol=1e-6)


def test_each_generator_s_gradient_is_its_own_times_its_weight(mixed):
    state, (grads, _, _), _ = mixed
    u, v = special.softmax([0.5, -0.2, 0.1]), special.softmax([-0.3, 0.4])
    z = ONE.latent(jax.random.split(jax.random.key(0), K)[1], 6)

    def alone(params):
        x, _ = ONE.generate(params, {}, z)
        return u[1] * sum(
            v[j]
            * LOSS.generator(
                judge(d := tree_of(state.params.discriminator["players"], j), BATCH.x),
                judge(d, x),
            )
            for j in range(N)
        )

    own = jax.grad(alone)(tree_of(state.params.generator["players"], 1))
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a[1], b, rtol=1e-4, atol=1e-6),
        grads["players"],
        own,
    )


def test_a_population_trains_and_ends_in_a_mixture_with_learnt_weights():
    d = steps.update("discriminator", mix_gan.discriminator(MIXED, LOSS, PENALTIES))
    g = steps.update("generator", mix_gan.generator(MIXED, LOSS))
    step = steps.quarantine(steps.averaged(steps.alternating(d, g)))
    hparams = population.broadcast(MIX_HPARAMS._replace(ema_decay=0.9), 2)
    keys = population.keys(jax.random.key(1), 2)
    state = population.init(steps.initialise(MIXED), hparams, keys)
    run = jax.jit(jax.vmap(step, (0, 0, None, 0)))
    for _ in range(3):
        state, _ = run(hparams, state, BATCH, keys)
    weights = np.asarray(mix_gan.weights(state))
    assert state.alive.all() and weights.shape == (2, K)
    np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=1e-6)
    assert np.ptp(weights, axis=1).min() > 0
    own, numbers = ensembles.separated(state, hparams, mix_gan.players)
    own, numbers = jax.tree.map(lambda x: x[K:], (own, numbers))
    made = ensembles.mixture(ONE, own, numbers, weights[1], jax.random.key(2))
    np.testing.assert_allclose(made.weights, weights[1], rtol=1e-6)
    jax.tree.map(
        np.testing.assert_array_equal,
        made.params,
        tree_of(state.ema["players"], 1),
    )


def test_what_networks_carry_keeps_its_types():
    one = gan.mlp(
        (2,),
        hidden=(4,),
        latent_dim=2,
        discriminator_normalisation="virtual_batch",
        reference_size=2,
    )
    networks = mix_gan.with_players(one, K, N)
    d = steps.update("discriminator", mix_gan.discriminator(networks, LOSS, PENALTIES))
    state = jax.eval_shape(steps.initialise(networks), MIX_HPARAMS, jax.random.key(0))
    after, _ = jax.eval_shape(d, MIX_HPARAMS, state, BATCH, jax.random.key(1))
    assert after.collections == state.collections


def test_what_is_missing_is_said_in_a_sentence():
    state = jax.eval_shape(
        lambda key: steps.initialise(MIXED)(MIX_HPARAMS, key), jax.random.key(0)
    )
    for gradient in (
        mix_gan.generator(MIXED, LOSS),
        mix_gan.discriminator(MIXED, LOSS, PENALTIES),
    ):
        with pytest.raises(errors.UserError, match="mixture_entropy"):
            gradient(types.HParams(BOTH, {}), state, BATCH, jax.random.key(0))
    with pytest.raises(errors.UserError, match="packs of 2"):
        mix_gan.with_players(gan.mlp((2,), latent_dim=2, pack=2), 3, 2)
    with pytest.raises(errors.UserError, match="num_generators=0"):
        mix_gan.with_players(ONE, 0, 2)
