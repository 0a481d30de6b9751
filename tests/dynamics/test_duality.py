"""The duality gap against games in which best responses are known."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgan import dynamics, gan, gradients, losses, population, steps, types
from jaxgan.core import errors
from jaxgan.dynamics import values
from jaxgan.dynamics.duality import responses

NO_BATCHES = types.Batch(jnp.zeros((1, 1, 1)))
NO_SAMPLES = types.Batch(jnp.zeros((1, 1)))
A, B, C = 1.0, 0.7, 1.6


def bilinear(x, y):
    return jnp.sum(x * y)


def quadratic(x, y):
    return A / 2 * x**2 + B * x * y - C / 2 * y**2


def value_of(payoff):
    def value(hparams, state, batch, key):
        return payoff(state.params.generator, state.params.discriminator)

    return value


def gradient_of(player, payoff):
    """Of the player's loss: V for the generator, which minimises it, else -V."""
    sign = {"generator": 1.0, "discriminator": -1.0}[player]

    def gradient(hparams, state, batch, key):
        def loss(own):
            return sign * payoff(*state.params._replace(**{player: own}))

        own = getattr(state.params, player)
        return jax.grad(loss)(own), getattr(state.collections, player), {}

    return types.played_by(player, gradient, "gradient")


def step_of(player, payoff, most=jnp.inf):
    """A step of gradient descent, after which the player's weights lie within most."""
    update = steps.update(player, gradient_of(player, payoff), optax.sgd)

    def step(hparams, state, batch, key):
        state, metrics = update(hparams, state, batch, key)
        own = jnp.clip(getattr(state.params, player), -most, most)
        return state._replace(params=state.params._replace(**{player: own})), metrics

    return types.played_by(player, step)


def numbers(rate, **weights):
    return types.HParams(
        types.Pair({"learning_rate": rate}, {"learning_rate": rate}), weights
    )


def state_at(x, y):
    params = types.Pair(jnp.asarray(x), jnp.asarray(y))
    moments = types.Pair(*(optax.sgd(0.1).init(weights) for weights in params))
    return types.TrainState(
        jnp.zeros((), jnp.int32),
        params,
        types.Pair({}, {}),
        moments,
        None,
        jnp.array(True),
    )


def players(payoff, most=jnp.inf):
    return (
        step_of("discriminator", payoff, most),
        step_of("generator", payoff, most),
    )


def measured(measure, hparams, points):
    """The gaps of many states at once."""

    def of_point(point):
        state = state_at(*point)
        return measure(hparams, state, NO_BATCHES, NO_SAMPLES, jax.random.key(0))

    return jax.jit(jax.vmap(of_point))(jnp.asarray(points))


POINTS = np.array([(0.5, -0.25), (-1.0, 0.125), (0.75, 0.75), (0.0, 0.5), (0.0, 0.0)])


def test_the_gap_of_the_bilinear_game_on_a_square_is_the_sum_of_both_sides_exactly():
    measure = dynamics.duality_gap(value_of(bilinear), *players(bilinear, 1.0), k=3)
    found = measured(measure, numbers(16.0), POINTS)
    x, y = POINTS.T
    np.testing.assert_array_equal(found.worst_for_generator, abs(x))
    np.testing.assert_array_equal(found.worst_for_discriminator, -abs(y))
    np.testing.assert_array_equal(found.gap, abs(x) + abs(y))
    np.testing.assert_array_equal(found.value, x * y)


@pytest.mark.parametrize(
    "mutant", ["the generator stands", "the discriminator stands", "the sign is wrong"]
)
def test_no_gap_is_right_in_which(mutant):
    """Mutants of the test above: one-sided gaps, and one with the adversary's sign."""

    def stands(hparams, state, batch, key):
        return state, {}

    up, down = players(bilinear, 1.0)
    if mutant == "the generator stands":
        down = stands
    elif mutant == "the discriminator stands":
        up = stands
    else:
        down = players(lambda x, y: -bilinear(x, y), 1.0)[1]
    measure = dynamics.duality_gap(value_of(bilinear), up, down, k=3)
    inside = POINTS[[0, 2]]
    found = measured(measure, numbers(16.0), inside)
    assert np.all(np.abs(found.gap - np.abs(inside).sum(axis=1)) > 0.01)


def test_the_gap_of_a_quadratic_game_has_its_closed_form():
    measure = dynamics.duality_gap(value_of(quadratic), *players(quadratic), k=100)
    found = measured(measure, numbers(0.5), POINTS)
    x, y = POINTS.T
    high = (A + B**2 / C) * x**2 / 2
    low = -(C + B**2 / A) * y**2 / 2
    np.testing.assert_allclose(found.worst_for_generator, high, atol=1e-6)
    np.testing.assert_allclose(found.worst_for_discriminator, low, atol=1e-6)
    np.testing.assert_allclose(found.gap, high - low, atol=1e-6)


@pytest.mark.parametrize("weight", [0.0, 0.5, 20.0])
def test_the_proximal_gap_of_a_quadratic_game_has_its_closed_form(weight):
    measure = dynamics.proximal_duality_gap(
        value_of(quadratic),
        gradient_of("discriminator", quadratic),
        step_of("generator", quadratic),
        k=200,
        inner=60,
        optimizer=optax.sgd,
    )
    rate = 1 / (C + 2 * weight)  # one step answers exactly
    hparams = numbers(0.5, proximal=weight)
    hparams = hparams._replace(
        optimizer=types.Pair({"learning_rate": 0.5}, {"learning_rate": rate})
    )
    found = measured(measure, hparams, POINTS)
    x, y = POINTS.T
    stiff = C + 2 * weight
    # V_p is quadratic in theta': minimise it.
    own = -2 * weight * B * y / (A * stiff + B**2)
    low = A / 2 * own**2 + (B * own + 2 * weight * y) ** 2 / (2 * stiff) - weight * y**2
    np.testing.assert_allclose(found.worst_for_discriminator, low, atol=2e-5)
    high = (A + B**2 / C) * x**2 / 2
    np.testing.assert_allclose(found.gap, high - low, atol=2e-5)


def test_a_step_of_both_players_responds_for_one():
    both = steps.simultaneous(*players(quadratic))
    hparams, state = numbers(0.5), state_at(0.5, -0.25)
    for player in steps.PLAYERS:
        alone = step_of(player, quadratic)
        responses = [
            dynamics.best_response(player, step, 7)(
                hparams, state, NO_BATCHES, jax.random.key(1)
            )
            for step in (both, alone)
        ]
        assert responses[0].params == responses[1].params
        assert responses[0].step == 7


def saddle(x, y):
    """Stationary at 0, where the generator is at the top of a hill."""
    return jnp.cos(x) - y**2


def test_a_perturbed_start_leaves_a_stationary_point_that_is_no_equilibrium():
    from_state, perturbed = (
        dynamics.duality_gap(value_of(saddle), *players(saddle), k=200, starts=starts)
        for starts in ((), (dynamics.perturbed(1e-2),))
    )
    origin = np.zeros((1, 2))
    assert measured(from_state, numbers(0.2), origin).gap == 0
    np.testing.assert_allclose(
        measured(perturbed, numbers(0.2), origin).gap, 2, atol=1e-3
    )


def small_gans(num_members):
    gan_of = gan.mlp((2,), hidden=(8,), latent_dim=2)
    hparams = population.broadcast(numbers(1e-2), num_members)
    rates = 1e-3 * (1.0 + jnp.arange(num_members))
    hparams = hparams._replace(
        optimizer=types.Pair({"learning_rate": rates}, {"learning_rate": rates})
    )
    keys = population.keys(jax.random.key(0), num_members)
    state = population.init(steps.initialise(gan_of), hparams, keys)
    return gan_of, hparams, state, keys


def real(*shape):
    return types.Batch(np.random.default_rng(5).normal(size=(*shape, 2)).astype("f4"))


def test_a_member_of_a_population_has_the_gap_that_it_has_alone_and_fresh_moments_fit():
    gan_of, hparams, state, keys = small_gans(3)
    loss = losses.get("non_saturating")
    measure = dynamics.duality_gap(
        values.game_value(gan_of),
        steps.update("discriminator", gradients.discriminator(gan_of, loss), optax.sgd),
        steps.update("generator", gradients.generator(gan_of, loss), optax.sgd),
        k=20,
        starts=(dynamics.fresh(optax.sgd),),
    )
    batches, held_out = real(4, 16), real(32)
    every = dynamics.of_population(measure, population.chunks(1))
    found = every(hparams, state, batches, held_out, keys)
    one = jnp.array([1])
    alone = every(*population.take((hparams, state), one), batches, held_out, keys[one])
    np.testing.assert_array_equal(
        [leaf[1] for leaf in found], [leaf[0] for leaf in alone]
    )
    assert np.all(found.worst_for_discriminator < found.value)
    assert np.all(found.value < found.worst_for_generator)

    broken = jax.tree.map(np.array, state.params)
    for leaf in jax.tree.leaves(broken):
        leaf[2] = np.nan
    with pytest.raises(errors.UserError, match="not finite, of the members 2"):
        every(hparams, state._replace(params=broken), batches, held_out, keys)
    with pytest.raises(errors.UserError, match="same leading axis"):
        every(hparams, state, batches, held_out, keys[:2])


def test_the_value_is_that_of_the_logits_and_metrics_say_it_beside_the_equilibrium():
    gan_of, hparams, state, keys = small_gans(1)
    own, held_out = population.take(state, 0), real(32)
    d, g = own.params.discriminator, own.params.generator
    fake, _ = gan_of.generate(g, {}, gan_of.latent(keys[0], 32))
    logits = [
        np.asarray(gan_of.discriminate(d, {}, x)[0].logits, float)
        for x in (held_out.x, fake)
    ]
    expected = -np.mean(np.log1p(np.exp(-logits[0])))
    expected -= np.mean(np.log1p(np.exp(logits[1])))
    metrics = values.value_metrics(gan_of)(None, own, held_out, keys[0])
    assert metrics["value"] == pytest.approx(expected, rel=1e-5)
    above = expected + np.log(4)
    assert metrics["value_above_equilibrium"] == pytest.approx(above, abs=1e-5)


def labelled_gan(score):
    """A conditional discriminator whose logits are `score(x, label)`."""

    def discriminate(params, collections, x, label=None, train=False):
        return types.DiscriminatorOutput(score(x, label), x), collections

    return types.GAN(None, None, None, discriminate)


def test_class_accuracy_is_the_share_of_classes_that_the_discriminator_knows():
    label = jnp.array([0, 1, 2, 3, 0, 1, 2, 3])
    batch = types.Batch(label[:, None].astype(float), label)
    state = state_at(0.0, 0.0)

    def accuracy(score):
        measure = values.class_accuracy(labelled_gan(score), 4)
        return measure(None, state, batch)["class_accuracy"]

    def near(x, c):
        return -jnp.abs(x[:, 0] - c)

    assert accuracy(near) == 1
    assert accuracy(lambda x, c: near(x, (c + 1) % 4)) == 0
    assert accuracy(lambda x, c: near(jnp.minimum(x, 2), c)) == 0.75
    assert accuracy(lambda x, c: x[:, 0]) == 0.25


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (
            lambda up, down: dynamics.duality_gap(None, up, down, k=0),
            "k=0 updates of a best response must be at least 1",
        ),
        (
            lambda up, down: dynamics.duality_gap(None, up, down, k=1.5),
            "k=1.5 must be a whole number",
        ),
        (
            lambda up, down: dynamics.duality_gap(None, down, up, k=1),
            "swap the players",
        ),
        (
            lambda up, down: dynamics.best_response("critic", up, 1),
            "player='critic' is not known",
        ),
        (
            lambda up, down: dynamics.proximal_duality_gap(
                None, gradient_of("discriminator", bilinear), down, k=1, inner=0
            ),
            "inner=0 updates",
        ),
        (lambda up, down: dynamics.perturbed(-1.0), "scale=-1.0 of a perturbation"),
        (
            lambda up, down: dynamics.duality_gap(value_of(bilinear), up, down, k=1)(
                numbers(0.1),
                state_at(jnp.nan, 0.0),
                NO_BATCHES,
                NO_SAMPLES,
                jax.random.key(0),
            ),
            "state has weights that are not finite",
        ),
        (
            lambda up, down: values.class_accuracy(labelled_gan(None), 1),
            "num_classes=1 must be at least 2",
        ),
        (
            lambda up, down: values.class_accuracy(labelled_gan(None), 2)(
                None, state_at(0.0, 0.0), NO_SAMPLES
            ),
            "batch.label is None",
        ),
    ],
)
def test_what_cannot_be_measured_is_said_in_a_sentence(call, said):
    with pytest.raises(errors.UserError, match=said):
        call(*players(bilinear))


def test_batches_are_taken_in_turn():
    batches = types.Batch(jnp.arange(3.0)[:, None])
    taken = [float(responses.batch_of(batches, i).x[0]) for i in range(5)]
    assert taken == [0, 1, 2, 0, 1]


def test_the_sobolev_distance_is_that_of_slopes_and_not_of_offsets():
    def discriminate(params, collections, x, label=None, train=False):
        logits = x @ params["slope"] + params["offset"]
        return types.DiscriminatorOutput(logits, x), collections

    linear = types.GAN(None, None, None, discriminate)

    def state(slope, offset):
        params = {"slope": jnp.asarray(slope), "offset": jnp.asarray(offset)}
        return state_at(0.0, 0.0)._replace(params=types.Pair(None, params))

    here, there = state([3.0, 1.0], 5.0), state([1.0, 2.0], -7.0)
    batch = types.Batch(jax.random.normal(jax.random.key(0), (6, 2)))
    distance = dynamics.sobolev(linear)
    assert distance(here, there, batch) == pytest.approx(2**2 + 1)
    assert distance(here, here, batch) == 0
    assert dynamics.squared_distance(here, there, batch) == 2**2 + 1 + 12**2
