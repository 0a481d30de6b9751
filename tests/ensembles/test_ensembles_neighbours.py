"""Tests of jaxgan.ensembles.neighbours."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan import gan, losses, population, steps, types
from jaxgan.core import errors
from jaxgan.ensembles import neighbours

# Generator m makes the number a_m; discriminator m's logit is b_m x.
NUMBERS = types.GAN(
    init=lambda key: (
        types.Pair({"a": jnp.zeros(())}, {"b": jnp.zeros(())}),
        types.Pair({}, {}),
    ),
    latent=lambda key, n: jnp.zeros((n, 1)),
    generate=lambda params, collections, z, label=None, train=False: (
        params["a"] + z,
        collections,
    ),
    discriminate=lambda params, collections, x, label=None, train=False: (
        types.DiscriminatorOutput((params["b"] * x)[:, 0], x),
        collections,
    ),
)
INITIALISE = steps.initialise(NUMBERS)
WASSERSTEIN = losses.get("wasserstein")
BATCH = types.Batch(jnp.full((4, 1), 2.0))
ADAM = {"learning_rate": 1e-3}
HPARAMS = types.HParams(types.Pair(ADAM, ADAM), {}, 0.9)


def members(a, b, alive=None):
    a, b = np.asarray(a, np.float32), np.asarray(b, np.float32)
    hparams = population.broadcast(HPARAMS, len(a))
    keys = population.keys(jax.random.key(0), len(a))
    state = population.init(INITIALISE, hparams, keys)
    mu = state.opt_state.generator[0]._replace(mu={"a": jnp.asarray(100 + a)})
    return hparams, state._replace(
        params=types.Pair({"a": jnp.asarray(a)}, {"b": jnp.asarray(b)}),
        ema={"a": jnp.asarray(10 + a)},
        opt_state=state.opt_state._replace(
            generator=(mu, state.opt_state.generator[1])
        ),
        alive=jnp.ones(len(a), bool) if alive is None else jnp.asarray(alive),
    )


@functools.cache
def exchange(shape):
    return jax.jit(neighbours.exchange(NUMBERS, WASSERSTEIN, shape))


def expected(a, b, alive, near):
    """The fittest around each place, in NumPy: losses -b a and b a - 2 b."""
    a, b = np.asarray(a, float), np.asarray(b, float)
    g, d = -np.outer(a, b), np.outer(a, b) - 2 * b
    chosen = []
    for around in near:
        there = [i for i in around if alive[i]]
        for cost in (g, d.T):
            fitness = [
                cost[i][there].mean() if alive[i] and there else np.inf for i in around
            ]
            chosen.append(around[int(np.argmin(fitness))])
    return np.array(chosen).reshape(-1, 2).T


def test_neighbourhoods_of_a_ring_and_a_torus():
    np.testing.assert_array_equal(
        neighbours.neighbourhoods((4,)), [[0, 3, 1], [1, 0, 2], [2, 1, 3], [3, 2, 0]]
    )
    torus = neighbours.neighbourhoods((3, 4))
    for place, around in enumerate(torus):
        row, column = divmod(place, 4)
        steps_away = {(0, 0), (1, 0), (-1, 0), (0, 1), (0, -1)}
        there = {4 * ((row + i) % 3) + (column + j) % 4 for i, j in steps_away}
        assert around[0] == place and set(around) == there and len(around) == 5


@pytest.mark.parametrize(
    ("number", "shape"), [(1, (1,)), (7, (7,)), (8, (2, 4)), (25, (5, 5))]
)
def test_members_are_laid_out_as_squarely_as_they_go(number, shape):
    assert neighbours.nearest_torus(number) == shape


@pytest.mark.parametrize("dead", [(), (1,), (0, 1, 2)])
def test_each_place_takes_the_fittest_around_it(dead):
    rng = np.random.default_rng(len(dead))
    a, b = rng.normal(size=6), rng.normal(size=6)
    alive = ~np.isin(np.arange(6), dead)
    hparams, state = members(a, b, alive)
    after, moved = exchange((6,))(hparams, state, BATCH, jax.random.key(1))
    g, d = expected(a, b, alive, neighbours.neighbourhoods((6,)))
    np.testing.assert_allclose(after.params.generator["a"], a[g], rtol=1e-6)
    np.testing.assert_allclose(after.params.discriminator["b"], b[d], rtol=1e-6)
    np.testing.assert_array_equal(moved.generator, g != np.arange(6))
    np.testing.assert_array_equal(after.alive, alive[g] & alive[d])


def test_moments_and_averages_move_with_the_weights_and_steps_do_not():
    hparams, state = members([0.0, 5, 1, 2, 3, 4], np.ones(6))
    averages = {"a": 1000 + state.params.generator["a"][:, None]}
    state = state._replace(step=jnp.arange(6), averages=averages)
    after, _ = exchange((6,))(hparams, state, BATCH, jax.random.key(1))
    a = np.asarray(after.params.generator["a"])
    np.testing.assert_allclose(after.ema["a"], 10 + a)
    np.testing.assert_allclose(after.opt_state.generator[0].mu["a"], 100 + a)
    np.testing.assert_allclose(after.averages["a"][:, 0], 1000 + a)
    np.testing.assert_array_equal(after.step, np.arange(6))


def test_equals_stay_where_they_are():
    hparams, state = members(np.ones(6), np.ones(6))
    _, moved = exchange((6,))(hparams, state, BATCH, jax.random.key(1))
    assert not np.asarray(moved).any()


def test_the_fittest_spreads_by_one_place_in_each_exchange():
    hparams, state = members([9.0, 0, 0, 0, 0, 0], np.ones(6))
    for there in ([0, 1, 5], [0, 1, 2, 4, 5], range(6)):
        state, _ = exchange((6,))(hparams, state, BATCH, jax.random.key(1))
        found = np.flatnonzero(np.asarray(state.params.generator["a"]) == 9)
        assert set(found) == set(there)


def test_networks_are_compared_as_well():
    networks = gan.mlp((2,), hidden=(4,), latent_dim=2)
    hparams = population.broadcast(HPARAMS, 4)
    keys = population.keys(jax.random.key(0), 4)
    state = population.init(steps.initialise(networks), hparams, keys)
    loss = losses.get("non_saturating")
    batch = types.Batch(jax.random.normal(jax.random.key(1), (8, 2)))
    key = jax.random.key(2)

    @jax.jit
    def both(state):
        return neighbours.pair_losses(networks, loss, state, batch, key)

    found = both(state)
    assert found.generator.shape == found.discriminator.shape == (4, 4)
    g, d = population.take(state, 1), population.take(state, 3)
    fake, _ = networks.generate(g.params.generator, {}, networks.latent(key, 8))
    said = [
        networks.discriminate(d.params.discriminator, {}, x)[0].logits
        for x in (batch.x, fake)
    ]
    np.testing.assert_allclose(found.generator[1, 3], loss.generator(*said), rtol=1e-5)
    np.testing.assert_allclose(
        found.discriminator[1, 3], loss.discriminator(*said), rtol=1e-5
    )


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(errors.UserError, match="ring"):
        neighbours.neighbourhoods((2, 2, 2))
    hparams, state = members(np.ones(3), np.ones(3))
    wrong = neighbours.exchange(NUMBERS, WASSERSTEIN, (4,))
    with pytest.raises(errors.UserError, match="4 places, but there are 3"):
        wrong(hparams, state, BATCH, jax.random.key(0))
