"""Every rule on a quadratic game, on real networks, and inside other combinators."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgan import gan, gradients, losses, steps, types
from jaxgan.core import errors

RNG = np.random.default_rng(0)
P, Q = RNG.normal(size=(3, 3)), RNG.normal(size=(2, 2))
P, Q = P @ P.T, Q @ Q.T
B, C = RNG.normal(size=(3, 2)), RNG.normal(size=(2, 3))
OFFSET = RNG.normal(size=5)
X, Y = RNG.normal(size=3), RNG.normal(size=2)
ETA_G, ETA_D = 0.05, 0.2


def jacobian(zero_sum):
    """Of `v(w) = J w + offset`."""
    return np.block([[P, B], [-B.T if zero_sum else C, Q]])


def quadratic(games, zero_sum):
    c = -B.T if zero_sum else C
    return games.of_losses(
        lambda x, y: x @ P @ x / 2 + x @ B @ y + OFFSET[:3] @ x,
        lambda x, y: y @ Q @ y / 2 + y @ c @ x + OFFSET[3:] @ y,
    )


def two_time_scales(games, **weights):
    rates = types.Pair({"learning_rate": ETA_G}, {"learning_rate": ETA_D})
    return games.numbers(**weights)._replace(optimizer=rates)


def players(d, g, optimizer=optax.sgd):
    return (
        steps.update("discriminator", d, optimizer),
        steps.update("generator", g, optimizer),
    )


def moved(games, build, *, zero_sum=True, sign=1.0, num_steps=1, **weights):
    """The weights after some steps from (X, Y), as one vector."""
    game = quadratic(games, zero_sum)
    hparams = two_time_scales(games, **weights)
    state = game.begin(optax.sgd, hparams, sign * X, sign * Y)
    step = build(game.discriminator, game.generator)
    run = jax.jit(lambda state: games.play(step, hparams, state, num_steps))
    return np.concatenate(run(state).params)


W = np.concatenate([X, Y])
ETA = np.array([ETA_G] * 3 + [ETA_D] * 2)


@pytest.mark.parametrize("zero_sum", [True, False])
@pytest.mark.usefixtures("x64")
class TestOneStepOfAQuadraticGame:
    """The players learn at different speeds: two time scales."""

    def test_simultaneous(self, games, zero_sum):
        after = moved(
            games, lambda d, g: steps.simultaneous(*players(d, g)), zero_sum=zero_sum
        )
        v = jacobian(zero_sum) @ W + OFFSET
        np.testing.assert_allclose(after, W - ETA * v, rtol=1e-12)

    def test_extragradient(self, games, zero_sum):
        def build(d, g):
            return steps.extragradient(steps.simultaneous(*players(d, g)))

        there = W - ETA * (jacobian(zero_sum) @ W + OFFSET)
        v = jacobian(zero_sum) @ there + OFFSET
        after = moved(games, build, zero_sum=zero_sum)
        np.testing.assert_allclose(after, W - ETA * v, rtol=1e-10)

    def test_consensus(self, games, zero_sum):
        j = jacobian(zero_sum)
        v = j @ W + OFFSET
        after = moved(
            games,
            lambda d, g: steps.consensus(d, g, optax.sgd),
            zero_sum=zero_sum,
            consensus=0.7,
        )
        np.testing.assert_allclose(after, W - ETA * (v + 0.7 * j.T @ v), rtol=1e-10)

    @pytest.mark.parametrize("epsilon", [0.1, -1e6])
    def test_symplectic(self, games, zero_sum, epsilon):
        j = jacobian(zero_sum)
        v = j @ W + OFFSET
        turned = (j - j.T).T / 2 @ v
        sign = np.sign((v @ (j.T @ v)) * (turned @ (j.T @ v)) / 5 + epsilon)
        after = moved(
            games,
            lambda d, g: steps.symplectic(d, g, optax.sgd, epsilon=epsilon),
            zero_sum=zero_sum,
            symplectic=0.7,
        )
        direction = v + 0.7 * sign * turned
        np.testing.assert_allclose(after, W - ETA * direction, rtol=1e-10)

    def test_competitive(self, games, zero_sum):
        """Both moves solve the bilinear game with quadratic costs of moving."""
        j = jacobian(zero_sum)
        v = j @ W + OFFSET
        mixed = j.copy()
        mixed[:3, :3] = mixed[3:, 3:] = 0
        expected = W - np.linalg.solve(np.diag(1 / ETA) + mixed, v)
        solver = jax.scipy.sparse.linalg.cg
        if not zero_sum:
            solver = jax.scipy.sparse.linalg.bicgstab
        after = moved(
            games,
            lambda d, g: steps.competitive(d, g, solver=solver, tolerance=1e-12),
            zero_sum=zero_sum,
        )
        np.testing.assert_allclose(after, expected, rtol=1e-8)

    def test_lola(self, games, zero_sum):
        j = jacobian(zero_sum)
        there = W - ETA * (j @ W + OFFSET)
        against_d = j @ np.concatenate([X, there[3:]]) + OFFSET
        against_g = j @ np.concatenate([there[:3], Y]) + OFFSET
        v = np.concatenate([against_d[:3], against_g[3:]])
        after = moved(games, lambda d, g: steps.lola(*players(d, g)), zero_sum=zero_sum)
        np.testing.assert_allclose(after, W - ETA * v, rtol=1e-12)

    def test_lookahead(self, games, zero_sum):
        w = W
        for _ in range(4):
            w = w - ETA * (jacobian(zero_sum) @ w + OFFSET)
        after = moved(
            games,
            lambda d, g: steps.lookahead(
                steps.simultaneous(*players(d, g)), k=4, alpha=0.3
            ),
            zero_sum=zero_sum,
        )
        np.testing.assert_allclose(after, W + 0.3 * (w - W), rtol=1e-12)


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize(
    "builder, name",
    [(steps.consensus, "consensus"), (steps.symplectic, "symplectic")],
)
def test_a_correction_of_weight_zero_leaves_the_simultaneous_step(games, builder, name):
    plain = moved(games, lambda d, g: steps.simultaneous(*players(d, g)))
    after = moved(games, lambda d, g: builder(d, g, optax.sgd), **{name: 0.0})
    np.testing.assert_allclose(after, plain, rtol=1e-14)


@pytest.mark.usefixtures("x64")
def test_the_symplectic_sign_turns_away_from_an_unstable_point(games):
    """v = (e x + y, e y - x): A^T v pulls to 0, where the flow is stable iff e > 0."""

    @jax.jit
    def sign(e):
        game = games.of_losses(
            lambda x, y: e * x**2 / 2 + x * y, lambda x, y: e * y**2 / 2 - x * y
        )
        hparams = games.numbers(0.1, symplectic=1.0)
        state = game.begin(optax.sgd, hparams, 1.0, 2.0)
        step = steps.symplectic(game.discriminator, game.generator, optax.sgd, 0.0)
        batch = types.Batch(jnp.zeros((1, 1)))
        return step(hparams, state, batch, jax.random.key(0))[1]["symplectic"]

    assert sign(0.3) == 1 and sign(-0.3) == -1


@pytest.mark.usefixtures("x64")
def test_the_residual_tells_that_the_solver_has_stopped_early(games):
    def residual(tolerance, max_iterations):
        game = quadratic(games, zero_sum=True)
        hparams = two_time_scales(games)
        state = game.begin(optax.sgd, hparams, X, Y)
        step = steps.competitive(
            game.discriminator,
            game.generator,
            tolerance=tolerance,
            max_iterations=max_iterations,
        )
        batch = types.Batch(jnp.zeros((1, 1)))
        _, metrics = jax.jit(step)(hparams, state, batch, jax.random.key(0))
        return metrics["competitive_residual"]

    assert residual(1e-10, 20) < 1e-9 < 1e-6 < residual(1e-10, 1)


def test_competitive_stays_where_the_field_is_zero(games):
    hparams = games.numbers(0.1)
    state = games.bilinear.begin(optax.sgd, hparams, 0.0, 0.0)
    step = steps.competitive(games.bilinear.discriminator, games.bilinear.generator)
    after, metrics = jax.jit(step)(
        hparams, state, types.Batch(jnp.zeros((1, 1))), jax.random.key(0)
    )
    assert tuple(after.params) == (0, 0) and metrics["competitive_residual"] == 0


# Adam by hand.


class Adam:
    """Moments of `optax.adam`, as in the paper, over one vector."""

    def __init__(self, rate=0.1, b1=0.5, b2=0.9, epsilon=1e-8):
        self.numbers = rate, b1, b2, epsilon
        self.t, self.m, self.v = 0, 0.0, 0.0

    def __call__(self, g):
        rate, b1, b2, epsilon = self.numbers
        self.t += 1
        self.m = b1 * self.m + (1 - b1) * g
        self.v = b2 * self.v + (1 - b2) * g**2
        m, v = self.m / (1 - b1**self.t), self.v / (1 - b2**self.t)
        return -rate * m / (np.sqrt(v) + epsilon)


def with_adam(games, build, optimizer, num_steps):
    hparams = games.numbers(0.1, players={"b1": 0.5, "b2": 0.9})
    state = games.bilinear.begin(optimizer, hparams, 1.0, 0.3)
    both = players(games.bilinear.discriminator, games.bilinear.generator, optimizer)
    step = build(steps.simultaneous(*both))
    return np.stack(games.play(step, hparams, state, num_steps).params)


def rotation(w):
    return np.array([w[1], -w[0]])


@pytest.mark.usefixtures("x64")
def test_extragradient_updates_adams_moments_in_both_calls(games):
    adam, w = Adam(), np.array([1.0, 0.3])
    for _ in range(7):
        there = w + adam(rotation(w))
        w = w + adam(rotation(there))
    after = with_adam(games, steps.extragradient, optax.adam, 7)
    np.testing.assert_allclose(after, w, rtol=1e-10)


@pytest.mark.usefixtures("x64")
def test_extrapolation_from_the_past_updates_adams_moments_in_both_calls(games):
    adam, w, last = Adam(), np.array([1.0, 0.3]), np.zeros(2)
    for _ in range(7):
        there = w + adam(last)
        last = rotation(there)
        w = w + adam(last)
    optimizer = steps.remembering(optax.adam)
    build = functools.partial(steps.extragradient_from_the_past, optimizer=optimizer)
    after = with_adam(games, build, optimizer, 7)
    np.testing.assert_allclose(after, w, rtol=1e-10)


@pytest.mark.usefixtures("x64")
def test_optimistic_adam_takes_back_the_scaled_update(games):
    adam, w, last = Adam(), np.array([1.0, 0.3]), None
    for _ in range(7):
        update = adam(rotation(w))
        w, last = w + 2 * update - (update if last is None else last), update
    after = with_adam(games, lambda step: step, steps.optimistic(optax.adam), 7)
    np.testing.assert_allclose(after, w, rtol=1e-10)


# Batches, averages, accumulation.


def digits(player):
    """A step that writes down the means of the batches it sees, as decimal digits."""

    def step(hparams, state, batch, key):
        seen = 10 * getattr(state.params, player) + jnp.mean(batch.x)
        return state._replace(params=state.params._replace(**{player: seen})), {}

    return step


@pytest.mark.parametrize(
    "n_critic, n_generator, seen_by_discriminator, seen_by_generator",
    [
        (1, 1, 3.5, 3.5),
        (6, 1, 123456, 6),
        (1, 6, 1, 123456),
        (2, 3, 10 * 1.5 + 3.5, 100 * 1.5 + 10 * 3.5 + 5.5),
    ],
)
def test_players_that_alternate_share_the_parts_of_the_batch(
    games, n_critic, n_generator, seen_by_discriminator, seen_by_generator
):
    state = games.bilinear.begin(optax.sgd, games.numbers(), 0.0, 0.0)
    step = steps.alternating(
        digits("discriminator"), digits("generator"), n_critic, n_generator
    )
    batch = types.Batch(jnp.arange(1.0, 7.0))
    after, _ = step(games.numbers(), state, batch, jax.random.key(0))
    assert after.params.discriminator == seen_by_discriminator
    assert after.params.generator == seen_by_generator


@pytest.mark.parametrize("longest, num_steps", [(0.999, 5), (0.7, 18), (0.7, 40)])
def test_a_warmed_up_average_follows_its_schedule(games, longest, num_steps):
    def step(hparams, state, batch, key):
        generator = state.params.generator + 1.0
        return state._replace(params=state.params._replace(generator=generator)), {}

    hparams = games.numbers(ema_decay=jnp.float32(longest))
    state = games.bilinear.begin(optax.sgd, hparams, 0.0, 0.0)
    averaged = steps.averaged(step, steps.warmed_up)
    after = games.play(averaged, hparams, state, num_steps)
    ema = 0.0
    for t in range(num_steps):
        decay = min(longest, (1 + t) / (10 + t))
        ema = decay * ema + (1 - decay) * (t + 1)
    np.testing.assert_allclose(after.ema, ema, rtol=1e-5)
    assert after.ema.dtype == state.ema.dtype


def regression(hparams, state, batch, key):
    """Gradient of a mean over samples, with statistics and a counter."""

    def objective(w):
        value = jnp.mean(jnp.square(batch.x @ w - batch.label))
        return value, {"regression_loss": value}

    grads, metrics = jax.grad(objective, has_aux=True)(state.params.generator)
    collections = {"mean": jnp.mean(batch.x, axis=0), "count": jnp.int32(3)}
    return grads, collections, metrics


@pytest.mark.parametrize("n", [1, 2, 6])
def test_accumulated_gradients_are_those_of_the_whole_batch(games, n):
    state = games.bilinear.begin(optax.sgd, games.numbers(), jnp.ones(3), jnp.ones(3))
    x = jax.random.normal(jax.random.key(0), (12, 3))
    batch = types.Batch(x, jnp.sin(jnp.arange(12.0)))
    inputs = games.numbers(), state, batch, jax.random.key(1)
    whole = regression(*inputs)
    found = jax.jit(gradients.accumulated(regression, n))(*inputs)
    assert jax.tree.structure(found) == jax.tree.structure(whole)
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(whole), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
        assert a.dtype == b.dtype


# On networks.

# Symplectic and competitive steps need forward-mode derivatives.
NETWORKS = gan.mlp((2,), latent_dim=2, hidden=(4,), convolution="lax")
LOSS = losses.get("non_saturating")


def adam(learning_rate, b1=0.5):
    return optax.adam(learning_rate, b1=b1, eps_root=1e-12)


def of_steps(combine, optimizer=adam):
    return (lambda d, g: combine(*players(d, g, optimizer))), optimizer, {}


def of_gradients(builder, weights=(), **options):
    return (lambda d, g: builder(d, g, adam, **options)), adam, dict(weights)


def of_unrolling(d, g):
    step, _ = players(d, g, adam)
    ahead = gradients.unrolled(NETWORKS, LOSS, step, 2)
    return steps.alternating(step, steps.update("generator", ahead, adam))


PAST = steps.remembering(adam)
RULES = {
    "alternating": of_steps(functools.partial(steps.alternating, n_generator=2)),
    "extragradient": of_steps(
        lambda d, g: steps.extragradient(steps.simultaneous(d, g))
    ),
    "from_the_past": of_steps(
        lambda d, g: steps.extragradient_from_the_past(steps.simultaneous(d, g), PAST),
        PAST,
    ),
    "optimistic": of_steps(steps.simultaneous, steps.optimistic(adam)),
    "negative_momentum": of_steps(steps.alternating, steps.negative_momentum),
    "lola": of_steps(steps.lola),
    "lookahead": of_steps(
        lambda d, g: steps.lookahead(steps.alternating(d, g), k=2, alpha=0.5)
    ),
    "consensus": of_gradients(steps.consensus, {"consensus": 0.1}),
    "symplectic": of_gradients(steps.symplectic, {"symplectic": 1.0}),
    "competitive": of_gradients(steps.competitive),
    "unrolled": (of_unrolling, adam, {}),
    "accumulated": (
        lambda d, g: steps.alternating(
            *players(gradients.accumulated(d, 2), gradients.accumulated(g, 2), adam)
        ),
        adam,
        {},
    ),
}


@jax.jit
@jax.vmap
def initial_states(hparams, key):
    """The state that each rule begins with; one program makes the weights of all."""
    return {
        name: steps.initialise(NETWORKS, optimizer)(hparams, key)
        for name, (_, optimizer, _) in RULES.items()
    }


X_REAL = np.random.default_rng(1).normal(size=(8, 2)).astype(np.float32)


def everything_around(step):
    return steps.quarantine(steps.averaged(step, steps.warmed_up))


@pytest.mark.parametrize("name", RULES)
def test_a_population_sweeps_learning_rates_in_one_trace(traces, name):
    """The tree, shapes and dtypes stay; a member of rate 0 stays; the others move."""
    build, optimizer, weights = RULES[name]
    d, g = gradients.discriminator(NETWORKS, LOSS), gradients.generator(NETWORKS, LOSS)
    step = traces(everything_around(build(d, g)))

    def hparams(rates):
        rate = {"learning_rate": jnp.asarray(rates, jnp.float32)}
        penalties = {
            k: jnp.full(len(rates), w, jnp.float32) for k, w in weights.items()
        }
        decay = jnp.full(len(rates), 0.9, jnp.float32)
        return types.HParams(types.Pair(rate, rate), penalties, decay)

    first, second = hparams([0.0, 0.01]), hparams([0.0, 0.02])
    keys = jax.random.split(jax.random.key(0))
    states = initial_states(first._replace(penalties={}), keys)[name]
    x = X_REAL
    run = jax.jit(jax.vmap(step, in_axes=(0, 0, None, None)))
    after, metrics = run(first, states, types.Batch(x), jax.random.key(2))
    again, _ = run(second, after, types.Batch(x), jax.random.key(3))

    assert traces.count == 1
    kind = functools.partial(jax.tree.map, lambda leaf: (leaf.shape, leaf.dtype))
    assert kind(again) == kind(after) == kind(states)
    assert jax.tree.structure(again) == jax.tree.structure(states)
    assert again.alive.all()
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(metrics))
    for before, now in zip(states.params, again.params, strict=True):
        changed = jax.tree.map(
            lambda a, b: (a != b).any(axis=tuple(range(1, a.ndim))),
            *jax.device_get((before, now)),
        )
        rate_0_moved, moved = np.any(jax.tree.leaves(changed), axis=0)
        assert moved and not rate_0_moved


def test_unrolling_by_nothing_is_alternating():
    d, g = gradients.discriminator(NETWORKS, LOSS), gradients.generator(NETWORKS, LOSS)
    d_step, g_step = players(d, g)
    none = gradients.unrolled(NETWORKS, LOSS, d_step, 0)
    rate = {"learning_rate": 0.1}
    hparams = types.HParams(types.Pair(rate, rate), {})
    begin = jax.jit(steps.initialise(NETWORKS, optax.sgd))
    state = begin(hparams, jax.random.key(0))
    batch = types.Batch(X_REAL)
    one, other = (
        jax.jit(steps.alternating(d_step, step))(
            hparams, state, batch, jax.random.key(2)
        )
        for step in (g_step, steps.update("generator", none, optax.sgd))
    )
    jax.tree.map(np.testing.assert_array_equal, one, other)


@pytest.mark.usefixtures("x64")
def test_unrolling_differentiates_through_adam():
    """Against finite differences of the loss, which the metrics report."""
    d = gradients.discriminator(NETWORKS, LOSS)
    optimizer = functools.partial(optax.adam, b1=0.5, eps_root=1e-8)
    ahead = gradients.unrolled(
        NETWORKS, LOSS, steps.update("discriminator", d, optimizer), 3
    )
    rate = {"learning_rate": 0.05}
    hparams = types.HParams(types.Pair(rate, rate), {})
    begin = jax.jit(steps.initialise(NETWORKS, optimizer))
    state = begin(hparams, jax.random.key(0))
    state = jax.tree.map(
        lambda a: np.float64(a) if jnp.issubdtype(a.dtype, jnp.floating) else a, state
    )
    batch = types.Batch(X_REAL.astype(float))
    flat, unravel = jax.flatten_util.ravel_pytree(state.params.generator)

    @jax.jit
    def at(weights):
        params = state.params._replace(generator=unravel(weights))
        grads, _, metrics = ahead(
            hparams, state._replace(params=params), batch, jax.random.key(2)
        )
        return jax.flatten_util.ravel_pytree(grads)[0], metrics["generator_loss"]

    direction = np.random.default_rng(1).normal(size=flat.size)
    h = 1e-5
    slope = (at(flat + h * direction)[1] - at(flat - h * direction)[1]) / (2 * h)
    np.testing.assert_allclose(at(flat)[0] @ direction, slope, rtol=1e-5)


# Bad input.


def test_steps_say_which_number_they_miss(games):
    game = games.bilinear
    hparams = games.numbers()
    state = game.begin(optax.sgd, hparams, 1.0, 1.0)
    inputs = hparams, state, types.Batch(jnp.zeros((1, 1))), jax.random.key(0)
    for name in ("consensus", "symplectic"):
        step = getattr(steps, name)(game.discriminator, game.generator, optax.sgd)
        with pytest.raises(errors.UserError, match=name):
            step(*inputs)
    nothing = hparams._replace(optimizer=types.Pair({}, {}))
    step = steps.competitive(game.discriminator, game.generator)
    with pytest.raises(errors.UserError, match="learning_rate"):
        step(nothing, *inputs[1:])
    both = steps.simultaneous(*players(game.discriminator, game.generator))
    step = steps.extragradient_from_the_past(both, steps.remembering(optax.sgd))
    with pytest.raises(errors.UserError, match="remembering"):
        step(*inputs)


@pytest.mark.parametrize(
    "build",
    [
        lambda step: steps.lookahead(step, k=0),
        lambda step: steps.alternating(step, step, n_generator=0),
        lambda step: gradients.accumulated(step, 0),
        lambda step: gradients.unrolled(NETWORKS, LOSS, step, -1),
    ],
)
def test_counts_that_make_no_sense_are_refused_when_building(build):
    with pytest.raises(errors.UserError, match="must"):
        build(lambda *inputs: inputs)


def test_a_batch_that_cannot_be_cut_is_refused(games):
    state = games.bilinear.begin(optax.sgd, games.numbers(), jnp.ones(3), 0.0)
    batch = types.Batch(jnp.zeros((7, 3)), jnp.zeros(7))
    with pytest.raises(errors.UserError, match="7 samples"):
        gradients.accumulated(regression, 2)(
            games.numbers(), state, batch, jax.random.key(0)
        )
