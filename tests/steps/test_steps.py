"""Tests of the basic steps and of each player's gradient."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgan import gan, gradients, losses, penalties, population, steps, types
from jaxgan.core import errors
from jaxgan.steps import averages

NETWORKS = gan.mlp(
    (2,),
    latent_dim=3,
    hidden=(8,),
    generator_normalisation="batch",
    discriminator_normalisation="spectral",
)
LOSS = losses.get("non_saturating")
B = 12


def hparams(learning_rate=0.1, weights=None, ema_decay=None):
    rate = {"learning_rate": jnp.float32(learning_rate)}
    return types.HParams(types.Pair(rate, rate), weights or {}, ema_decay)


def players(loss=LOSS, optimizer=optax.sgd, **terms):
    d = gradients.discriminator(NETWORKS, loss, terms)
    g = gradients.generator(NETWORKS, loss)
    return (
        steps.update("discriminator", d, optimizer),
        steps.update("generator", g, optimizer),
    )


initialise = jax.jit(steps.initialise(NETWORKS, optax.sgd))


def start(numbers=None):
    return initialise(numbers or hparams(), jax.random.key(0))


def batch(n=B, seed=1, *, first=None):
    """Real samples, the first number of which is `first` unless None."""
    x = np.random.default_rng(seed).normal(size=(n, 2)).astype(np.float32)
    if first is not None:
        x[0, 0] = first
    return types.Batch(jnp.asarray(x))


def changed(before, after):
    """Per field and player, whether anything moved."""
    return {
        (field, player): any(
            bool((np.asarray(a) != np.asarray(b)).any())
            for a, b in zip(
                jax.tree.leaves(getattr(getattr(before, field), player)),
                jax.tree.leaves(getattr(getattr(after, field), player)),
                strict=True,
            )
        )
        for field in ("params", "collections")
        for player in types.Pair._fields
    }


def same(one, other, **tolerance):
    assert jax.tree.structure(one) == jax.tree.structure(other)
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        np.testing.assert_allclose(a, b, **tolerance)


KEY = jax.random.key(2)


@pytest.mark.parametrize("player", types.Pair._fields)
def test_a_players_step_moves_its_own_weights_and_collections_alone(player):
    step = dict(zip(("discriminator", "generator"), players(), strict=True))[player]
    before = start()
    after, _ = jax.jit(step)(hparams(), before, batch(), KEY)
    assert changed(before, after) == {
        (field, name): name == player
        for field in ("params", "collections")
        for name in types.Pair._fields
    }


def test_gradient_descent_on_the_discriminator_lowers_its_loss_on_the_same_batch():
    d, _ = players()
    state, first = jax.jit(d)(hparams(0.05), start(), batch(), KEY)
    _, second = jax.jit(d)(hparams(0.05), state, batch(), KEY)
    assert second["discriminator_loss"] < first["discriminator_loss"]


def test_gradient_descent_on_the_generator_raises_the_logits_of_its_samples():
    _, g = players(losses.get("wasserstein"))
    state, first = jax.jit(g)(hparams(0.05), start(), batch(), KEY)
    _, second = jax.jit(g)(hparams(0.05), state, batch(), KEY)
    assert second["generator_loss"] < first["generator_loss"]


def test_a_gradient_is_that_of_the_loss_and_its_weighted_penalties():
    weight = 0.7
    gradient = jax.jit(
        gradients.discriminator(NETWORKS, LOSS, {"r1": penalties.get("r1")})
    )
    state, real = start(), batch()
    grads, _, _ = gradient(hparams(weights={"r1": weight}), state, real, KEY)

    def objective(params):
        def logits(x, collections):
            out, after = NETWORKS.discriminate(params, collections, x, train=True)
            return out.logits, after

        latent_key, _ = jax.random.split(KEY, 2)
        fake, _ = NETWORKS.generate(
            state.params.generator,
            state.collections.generator,
            NETWORKS.latent(latent_key, B),
            train=True,
        )
        on_real, after = logits(real.x, state.collections.discriminator)
        on_fake, _ = logits(fake, after)
        one = lambda x: logits(x[None], state.collections.discriminator)[0][0]  # noqa: E731
        squares = jnp.sum(jax.vmap(jax.grad(one))(real.x) ** 2, -1)
        value = jnp.mean(jax.nn.softplus(-on_real)) + jnp.mean(jax.nn.softplus(on_fake))
        return value + weight * jnp.mean(squares)

    expected = jax.jit(jax.grad(objective))(state.params.discriminator)
    same(grads, expected, rtol=1e-4, atol=1e-6)


def test_the_weight_of_a_penalty_enters_linearly_and_a_weight_of_zero_leaves_the_loss():
    gradient = jax.jit(
        gradients.discriminator(NETWORKS, LOSS, {"r1": penalties.get("r1")})
    )
    plain = jax.jit(gradients.discriminator(NETWORKS, LOSS))
    state, real = start(), batch()
    zero, one, two = (
        gradient(hparams(weights={"r1": w}), state, real, KEY)[0]
        for w in (0.0, 1.0, 2.0)
    )
    first = jax.tree.map(np.subtract, one, zero)
    second = jax.tree.map(np.subtract, two, one)
    same(first, second, rtol=1e-3, atol=1e-6)
    assert gradients.global_norm(first) > 0
    assert "r1" not in plain(hparams(), state, real, KEY)[2]


def test_repeating_once_is_the_step_itself():
    d, _ = players()
    assert steps.repeat(d, 1) is d


def test_repeating_takes_the_parts_of_the_batch_in_turn():
    seen = []

    def step(numbers, state, part, key):
        del numbers, key
        jax.debug.callback(lambda x: seen.append(np.asarray(x)), part.x, ordered=True)
        return state + part.x.sum(), {"loss": part.x.mean()}

    x = jnp.arange(6.0)[:, None]
    total, metrics = steps.repeat(step, 3)(None, jnp.float32(0), types.Batch(x), KEY)
    jax.effects_barrier()
    assert total == 15 and metrics["loss"] == 2.5
    np.testing.assert_array_equal(np.concatenate(seen), x)


def test_alternating_is_the_critics_steps_and_then_the_generators_on_the_last_part():
    d, g = players()
    numbers, real = hparams(), batch(3 * B)
    after, _ = jax.jit(steps.alternating(d, g, n_critic=3))(numbers, start(), real, KEY)
    d_key, g_key = jax.random.split(KEY)
    state = start()
    for i, key in enumerate(jax.random.split(d_key, 3)):
        part = types.Batch(real.x[i * B : (i + 1) * B])
        state, _ = jax.jit(d)(numbers, state, part, key)
    state, _ = jax.jit(g)(numbers, state, types.Batch(real.x[-B:]), g_key)
    same(after, state, rtol=1e-5, atol=1e-6)


def test_simultaneous_players_do_not_see_each_others_move():
    d, g = players()
    numbers, real = hparams(), batch()
    after, metrics = jax.jit(steps.simultaneous(d, g))(numbers, start(), real, KEY)
    d_key, g_key = jax.random.split(KEY)
    by_d, _ = jax.jit(d)(numbers, start(), real, d_key)
    by_g, _ = jax.jit(g)(numbers, start(), real, g_key)
    for field in ("params", "collections", "opt_state"):
        both, d_only, g_only = (getattr(s, field) for s in (after, by_d, by_g))
        same(both.discriminator, d_only.discriminator, rtol=1e-6)
        same(both.generator, g_only.generator, rtol=1e-6)
    assert {"discriminator_loss", "generator_loss"} <= set(metrics)


def test_simultaneous_keeps_what_combinators_inside_it_did():
    d, g = players()
    numbers, poisoned = hparams(ema_decay=0.9), batch(first=np.nan)
    step = jax.jit(steps.simultaneous(steps.quarantine(d), steps.averaged(g)))
    before = start(numbers)
    after, _ = step(numbers, before, batch(), KEY)
    moved = jax.tree.map(
        lambda a, b: bool((np.asarray(a) != np.asarray(b)).any()), after.ema, before.ema
    )
    assert any(jax.tree.leaves(moved)) and after.alive
    dead, _ = step(numbers, before, poisoned, KEY)
    assert not dead.alive


def test_the_moving_average_follows_its_recurrence():
    _, g = players()
    numbers = hparams(ema_decay=jnp.float32(0.9))
    state = start(numbers)
    expected = state.params.generator
    step = jax.jit(steps.averaged(g))
    for i in range(3):
        state, _ = step(numbers, state, batch(seed=i), jax.random.key(i))
        expected = jax.tree.map(
            lambda e, p: 0.9 * np.asarray(e) + 0.1 * np.asarray(p),
            expected,
            state.params.generator,
        )
    same(state.ema, expected, rtol=1e-5, atol=1e-7)


@pytest.fixture(scope="module")
def guarded():
    return jax.jit(steps.quarantine(steps.alternating(*players())))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_quarantine_keeps_the_last_finite_state_for_good(guarded, bad):
    step, state = guarded, start()
    good, _ = step(hparams(), state, batch(), KEY)
    poisoned = batch(first=bad)
    dead, _ = step(hparams(), good, poisoned, KEY)
    assert good.alive and not dead.alive
    same(dead._replace(alive=good.alive), good, rtol=0)
    later, _ = step(hparams(), dead, batch(), KEY)
    assert not later.alive
    same(later, dead, rtol=0)


@pytest.mark.parametrize(
    ("name", "optimizer"), [("alternating", optax.adam), ("simultaneous", optax.sgd)]
)
def test_steps_keep_tree_shapes_and_dtypes_for_a_population_in_one_trace(
    name, optimizer, traces
):
    d, g = players(optimizer=optimizer)
    step = steps.quarantine(steps.averaged(getattr(steps, name)(d, g)))
    numbers = population.broadcast(hparams(ema_decay=0.9), 3)
    rates = {"learning_rate": jnp.array([1e-3, 1e-2, 1e-1])}
    numbers = numbers._replace(optimizer=types.Pair(rates, rates))
    state = population.init(
        steps.initialise(NETWORKS, optimizer),
        numbers,
        population.keys(jax.random.key(0), 3),
    )
    run = jax.jit(jax.vmap(traces(step), in_axes=(0, 0, None, None)))
    after, _ = run(numbers, state, batch(), KEY)
    after, metrics = run(jax.tree.map(lambda x: 0.5 * x, numbers), after, batch(), KEY)
    assert traces.count == 1
    assert jax.tree.structure(after) == jax.tree.structure(state)
    for old, new in zip(jax.tree.leaves(state), jax.tree.leaves(after), strict=True):
        assert (old.shape, old.dtype) == (new.shape, new.dtype)
    assert all(values.shape == (3,) for values in metrics.values())


def test_a_learning_rate_per_player_moves_that_player_alone():
    d, g = players()
    rates = types.Pair({"learning_rate": 0.0}, {"learning_rate": 0.1})
    step = jax.jit(steps.alternating(d, g))
    before = start()
    after, _ = step(hparams()._replace(optimizer=rates), before, batch(), KEY)
    moved = changed(before, after)
    assert moved["params", "discriminator"] and not moved["params", "generator"]


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: steps.update("critic", None), "critic"),
        (lambda: steps.repeat(lambda: None, 0), "n=0"),
        (
            functools.partial(
                steps.repeat(players()[0], 5), hparams(), start(), batch(12), KEY
            ),
            "12",
        ),
        (
            functools.partial(
                steps.averaged(players()[1]), hparams(), start(), batch(), KEY
            ),
            "ema_decay",
        ),
        (
            functools.partial(
                players()[0], hparams(weights={"r3": 1.0}), start(), batch(), KEY
            ),
            "r3",
        ),
    ],
)
def test_what_does_not_fit_together_is_said(make, said):
    with pytest.raises(errors.UserError, match=said):
        make()


def test_a_generator_of_which_a_part_moves_needs_an_average_that_moves():
    still, one, other = jnp.zeros(2), jnp.ones(2), jnp.full(2, 2.0)

    def state(weights, ema):
        params, nothing = types.Pair(weights, {}), types.Pair({}, {})
        return types.TrainState(0, params, nothing, nothing, ema, True)

    hparams = types.HParams(types.Pair({}, {}), {}, ema_decay=0.9)
    before = state([still, one], ema=[still, one])
    averages.require(hparams, before, state([still, other], ema=[still, other]))
    with pytest.raises(errors.UserError, match="keeps no average"):
        averages.require(hparams, before, state([still, other], ema=[still, one]))
