"""Schedules: optax's own values, from numbers that differ between members."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgan import steps, types
from jaxgan.core import errors
from jaxgan.steps import schedules

T = np.arange(130)
RATES = np.float32([0.5, 0.003])
LENGTHS, FINALS, WARM = (100, 60), (0.1, 0.25), (10, 25)


def hparams(**changing):
    named = {name.replace("__", "."): value for name, value in changing.items()}
    both = types.Pair({"learning_rate": 1.0, "b1": 0.5}, {"learning_rate": 2.0})
    return types.HParams(both, {"r1": 4.0}, 0.5, schedules=named)


def of_members(named):
    """A learning rate by its schedule, `[P, T]`, all of one program."""

    @jax.jit
    @jax.vmap
    def rates(rate, own):
        both = types.Pair({"learning_rate": rate}, {})
        now = types.HParams(both, {}, schedules=schedules.of_both(own))

        def at(t):
            found = schedules.at(now, t)
            assert found.schedules is None
            return found.optimizer.generator["learning_rate"]

        return jax.vmap(at)(T)

    front = "optimizer.generator.learning_rate."
    own = {front + name: np.float32(values) for name, values in named.items()}
    return np.asarray(rates(RATES, own))


def warmed_cosine(rate, steps, final, warm):
    # optax counts the warm-up into the decay.
    return optax.warmup_cosine_decay_schedule(0, rate, warm, warm + steps, rate * final)


CASES = {
    "linear": (
        {"linear.steps": LENGTHS, "linear.final": FINALS},
        lambda rate, i: optax.linear_schedule(rate, rate * FINALS[i], LENGTHS[i]),
    ),
    "cosine": (
        {"cosine.steps": LENGTHS, "cosine.final": FINALS},
        lambda rate, i: optax.cosine_decay_schedule(rate, LENGTHS[i], FINALS[i]),
    ),
    "warm_up and cosine": (
        {
            "warm_up.steps": WARM,
            **{"cosine.begin": WARM, "cosine.steps": LENGTHS, "cosine.final": FINALS},
        },
        lambda rate, i: warmed_cosine(rate, LENGTHS[i], FINALS[i], WARM[i]),
    ),
    "piecewise": (
        {
            **{"piecewise.at_1": (20, 50), "piecewise.factor_1": (0.5, 3.0)},
            **{"piecewise.at_2": (70, 80), "piecewise.factor_2": FINALS},
        },
        lambda rate, i: optax.piecewise_constant_schedule(
            rate, [{20: 0.5, 70: FINALS[0]}, {50: 3.0, 80: FINALS[1]}][i]
        ),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_schedule_of_a_population_is_that_of_optax_alone(case):
    named, theirs = CASES[case]

    @jax.jit
    def alone():
        return [theirs(float(rate), i)(jnp.asarray(T)) for i, rate in enumerate(RATES)]

    np.testing.assert_allclose(of_members(named), alone(), rtol=1e-6)


def test_a_cosine_keeps_its_digits_down_to_zero():
    expected = np.cos(np.pi / 2 * np.minimum(T / np.reshape(LENGTHS, (2, 1)), 1)) ** 2
    expected *= T < np.reshape(
        LENGTHS, (2, 1)
    )  # where the cosine of pi / 2 is not quite 0
    found = of_members({"cosine.steps": LENGTHS})
    np.testing.assert_allclose(found, RATES[:, None] * expected, rtol=1e-6)


def test_an_inverse_square_root_begins_after_its_steps():
    found = of_members({"inverse_square_root.steps": WARM})
    expected = RATES[:, None] / np.sqrt(np.maximum(T / np.reshape(WARM, (2, 1)), 1))
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_every_kind_of_number_may_have_a_schedule():
    named = {
        "learning_rate.linear.steps": 4.0,
        "optimizer.discriminator.learning_rate.linear.steps": 2.0,
        **{"optimizer.generator.b1.linear.steps": 4.0, "penalties.r1.linear.steps": 4},
        **{"ema_decay.linear.steps": 4.0, "ema_decay.linear.final": 1.5},
    }
    changing = hparams()._replace(schedules=schedules.of_both(named))
    now = jax.jit(schedules.at)(changing, 1)
    # A quarter of the way; the discriminator has a length of its own.
    assert now.optimizer.generator == {"learning_rate": 0.75, "b1": 0.375}
    assert now.optimizer.discriminator == {"learning_rate": 1.0}
    assert (now.penalties, now.ema_decay) == ({"r1": 3.0}, 0.5625)


def test_a_step_moves_by_its_own_rate_whatever_it_does_inside(games):
    slope = games.of_losses(lambda x, y: jnp.sum(x), lambda x, y: jnp.sum(y))
    d, g = (
        steps.update(player, getattr(slope, player), optax.sgd)
        for player in ("discriminator", "generator")
    )
    step = steps.scheduled(steps.alternating(d, g, n_critic=3))
    numbers = games.numbers(0.5)
    changing = schedules.of_both({"learning_rate.linear.steps": 4.0})
    begun = slope.begin(optax.sgd, numbers, 0.0, 0.0)

    @jax.jit
    def play(changing):
        return games.play(step, numbers._replace(schedules=changing), begun, 6)

    state = play(changing)
    # Factors 1, 3/4, 1/2, 1/4, 0, 0 in six steps.
    assert (state.params.generator, state.params.discriminator) == (-1.25, -3.75)


def test_without_schedules_a_step_is_the_same_program(games):
    d, g = (
        steps.update(player, getattr(games.bilinear, player), optax.sgd)
        for player in ("discriminator", "generator")
    )
    step, numbers = steps.simultaneous(d, g), games.numbers(0.5)
    state = games.bilinear.begin(optax.sgd, numbers, 1.0, 1.0)
    batch, key = types.Batch(np.zeros((1, 1))), jax.random.key(0)
    plain, scheduled = (
        str(jax.make_jaxpr(own)(numbers, state, batch, key))
        for own in (step, steps.scheduled(step))
    )
    assert plain == scheduled


def test_schedules_that_no_step_looks_up_are_refused(games):
    step = steps.update("generator", games.bilinear.generator, optax.sgd)
    named = schedules.of_both({"learning_rate.linear.steps": 4.0})
    numbers = games.numbers(0.5)._replace(schedules=named)
    state = games.bilinear.begin(optax.sgd, numbers, 1.0, 1.0)
    with pytest.raises(errors.UserError, match="the step is not scheduled; give"):
        jax.eval_shape(step, numbers, state, types.Batch(np.zeros((1, 1))), None)


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ({"cosine": 1.0}, "must be named FIELD.SHAPE.NUMBER"),
        ({"penalties.r1.cosin.steps": 1.0}, "did you mean 'cosine'"),
        ({"penalties.r1.cosine.step": 1.0}, "did you mean 'steps'"),
        ({"penalties.r1.cosine.final": 1.0}, "give penalties.r1.cosine.steps too"),
        ({"penalties.r2.cosine.steps": 1.0}, "no number of .* did you mean 'pen.*r1'"),
        ({"penalties.r1.piecewise.at_2": 1.0}, "give penalties.r1.piecewise.factor_2"),
        ({"penalties.r1.piecewise.at": 1.0}, "has 'at', which piecewise does not take"),
    ],
    ids=lambda own: "" if isinstance(own, str) else next(iter(own)),
)
def test_a_schedule_that_says_nothing_is_refused(named, said):
    with pytest.raises(errors.UserError, match=said):
        schedules.check(hparams()._replace(schedules=named))


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ({"ema_decay.cosine.steps": 0.0}, "is 0, but must be .* positive"),
        ({"penalties.r1.cosine.steps": -1.0}, "is -1, but must be .* positive"),
        ({"penalties.r1.cosine.final": -0.5}, "is -0.5, but must .* not negative"),
        ({"penalties.r1.cosine.steps": math.nan}, "is nan, but must be finite"),
        ({"penalties.r1.cosine.steps": math.inf}, "is inf, but must be finite"),
        (
            {"ema_decay.cosine.final": 2.0, "ema_decay.cosine.steps": 5.0},
            "reaches 1, but ema_decay must stay below 1",
        ),
        (
            {
                "optimizer.generator.b1.linear.final": 3.0,
                "optimizer.generator.b1.linear.steps": 5.0,
            },
            "reaches 1.5, but .*b1 must",
        ),
        (
            {"ema_decay.warm_up.first": 4.0, "ema_decay.warm_up.steps": 5.0},
            "ema_decay.warm_up reaches 2,",
        ),
        (
            {
                "ema_decay.piecewise.at_1": 9.0,
                "ema_decay.piecewise.factor_1": 0.2,
                "ema_decay.piecewise.at_2": 3.0,
                "ema_decay.piecewise.factor_2": 5.0,
            },
            "ema_decay.piecewise reaches 2.5,",
        ),
        (
            {"penalties.approximate_sigma.cosine.steps": 5.0},
            "approximate_sigma.cosine reaches 0, but .* must stay above it",
        ),
        (
            {"penalties.approximate_sigma.warm_up.steps": 5.0},
            "approximate_sigma.warm_up reaches 0",
        ),
        # Each by itself stays below 1: 0.5 * 1.5 * 1.5.
        (
            {
                "ema_decay.linear.final": 1.5,
                "ema_decay.linear.steps": 4.0,
                "ema_decay.piecewise.at_1": 4.0,
                "ema_decay.piecewise.factor_1": 1.5,
            },
            "ema_decay.linear and piecewise reaches 1.125,",
        ),
        # 0.5 * 4 from step 3 on, when the other factor is 0.25 for good.
        (
            {
                "ema_decay.linear.final": 0.25,
                "ema_decay.linear.steps": 2.0,
                "ema_decay.piecewise.at_1": 3.0,
                "ema_decay.piecewise.factor_1": 4.0,
            },
            None,
        ),
        ({"penalties.r1.linear.final": 3.0, "penalties.r1.linear.steps": 1.0}, None),
    ],
    ids=lambda own: "" if not isinstance(own, dict) else next(iter(own)),
)
def test_lengths_are_positive_and_decays_stay_below_one(named, said):
    asked = hparams()._replace(schedules=named)
    if said is None:
        schedules.check_values(asked)
        return
    with pytest.raises(errors.UserError, match=said):
        schedules.check_values(asked)


def test_schedules_beyond_the_run_are_said():
    named = {"b1.cosine.steps": 90.0, "b1.cosine.begin": 11.0, "b2.linear.steps": 100}
    (said,) = schedules.longer(named, 100)
    assert "b1.cosine ends at step 101, after the 100 steps" in said
