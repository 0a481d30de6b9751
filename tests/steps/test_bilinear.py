"""The game f = xy, in which x descends and y ascends, has exact answers.

One step of each linear method multiplies w by a matrix whose eigenvalues are known; the
ratios `|w_100| / |w_0|` below follow from them for eta = 0.1 and w_0 = (1, 1).
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgan import steps, types

pytestmark = pytest.mark.usefixtures("x64")

PAST = steps.remembering(optax.sgd)


def updates(game, optimizer=optax.sgd):
    """The steps of y and of x."""
    return (
        steps.update("discriminator", game.discriminator, optimizer),
        steps.update("generator", game.generator, optimizer),
    )


def x_first(game, optimizer=optax.sgd):
    y, x = updates(game, optimizer)
    # Plain functions have no mark of the player who should come second.
    return steps.alternating(lambda *args: x(*args), lambda *args: y(*args))


def at_once(game, optimizer=optax.sgd):
    return steps.simultaneous(*updates(game, optimizer))


def of_gradients(builder, **options):
    def build(game, optimizer=optax.sgd):
        return builder(game.discriminator, game.generator, optimizer, **options)

    return build


RULES = {
    "simultaneous": at_once,
    "alternating": x_first,
    "extragradient": lambda game: steps.extragradient(at_once(game)),
    "optimistic": lambda game: at_once(game, steps.optimistic(optax.sgd)),
    "consensus": of_gradients(steps.consensus),
    "symplectic": of_gradients(steps.symplectic),
    "competitive": of_gradients(steps.competitive),
    "lola": lambda game: steps.lola(*updates(game)),
    "lookahead": lambda game: steps.lookahead(at_once(game), k=5, alpha=0.5),
    "from_the_past": lambda game: steps.extragradient_from_the_past(
        at_once(game, PAST), PAST
    ),
    "negative_momentum": lambda game: x_first(game, steps.negative_momentum),
}
OPTIMIZERS = {
    "optimistic": steps.optimistic(optax.sgd),
    "from_the_past": PAST,
    "negative_momentum": steps.negative_momentum,
}
WEIGHTS = {"consensus": {"consensus": 1.0}, "symplectic": {"symplectic": 1.0}}

# `|w_100| / |w_0|` where a step multiplies every w by one number.
RATIOS = {
    "simultaneous": 1.01**50,
    "extragradient": (1 - 0.1**2 + 0.1**4) ** 50,
    "consensus": ((1 - 0.1) ** 2 + 0.1**2) ** 50,
    "symplectic": ((1 - 0.1) ** 2 + 0.1**2) ** 50,
    "competitive": (1 + 0.1**2) ** -50,
    "lola": ((1 - 0.1**2) ** 2 + 0.1**2) ** 50,
    "lookahead": abs(1 - 0.5 + 0.5 * (1 - 0.1j) ** 5) ** 20,
}
PRINTED = {
    "simultaneous": "1.64463",
    "alternating": "0.98562",
    "extragradient": "0.608069",
    "optimistic": "0.608101",
    "consensus": "4.9056e-05",
    "symplectic": "4.9056e-05",
    "competitive": "0.608039",
    "lola": "0.608069",
    "lookahead": "0.685921",
}


def matrices(name, eta):
    """The linear recursion of the rules that remember, in `(w_t, memory)`."""
    v = np.array([[0.0, 1.0], [-1.0, 0.0]])
    one, zero = np.eye(2), np.zeros((2, 2))
    if name == "optimistic":  # memory: the last gradient
        return np.block([[one - 2 * eta * v, eta * one], [v, zero]])
    if name == "from_the_past":  # memory: the last gradient g; w' = w - eta g
        return np.block([[one - eta * v, eta**2 * v], [v, -eta * v]])
    if name == "negative_momentum":  # memory: both heavy balls; x moves first
        x = np.array([[1, -eta, 0.5 * eta, 0], [0, 1, 0, 0], [0, 1, -0.5, 0]])
        x = np.vstack([x, [0, 0, 0, 1]])
        y = np.array([[1, 0, 0, 0], [eta, 1, 0, 0.5 * eta], [0, 0, 1, 0]])
        y = np.vstack([y, [-1, 0, 0, -0.5]])
        return y @ x
    raise KeyError(name)


def expected(name):
    """`|w_100| / |w_0|`, in NumPy."""
    w = np.ones(2)
    if name == "alternating":
        one = np.array([[1, 0], [0.1, 1]]) @ np.array([[1, -0.1], [0, 1]])
        after = np.linalg.matrix_power(one, 100) @ w
    elif name in RATIOS:
        return RATIOS[name]
    else:
        first = np.array([w[1], -w[0]]) if name == "optimistic" else np.zeros(2)
        recursion = np.linalg.matrix_power(matrices(name, 0.1), 100)
        after = (recursion @ np.concatenate([w, first]))[:2]
    return np.linalg.norm(after) / np.sqrt(2)


def ratio(games, name, eta, num_steps, start=(1.0, 1.0)):
    """`|w_n| / |w_0|`, with n counted in inner steps; eta may be traced."""
    optimizer = OPTIMIZERS.get(name, optax.sgd)
    hparams = games.numbers(eta, **WEIGHTS.get(name, {}))
    state = games.bilinear.begin(optimizer, hparams, *start)
    step = RULES[name](games.bilinear)
    after = games.play(
        step, hparams, state, num_steps // (5 if name == "lookahead" else 1)
    )
    return games.norm(after) / games.norm(state)


@pytest.mark.parametrize("name", RULES)
def test_the_ratio_after_100_steps_is_the_exact_one(games, name):
    np.testing.assert_allclose(ratio(games, name, 0.1, 100), expected(name), rtol=1e-6)


@pytest.mark.parametrize("name", PRINTED)
def test_the_expected_ratios_are_those_of_the_published_table(name):
    digits = len(PRINTED[name].split("e")[0].replace(".", "").lstrip("0"))
    assert float(f"{expected(name):.{digits}g}") == float(PRINTED[name])


def largest_stable(games, name, etas, num_steps=3000):
    """The largest step size at which w still shrinks after many steps."""

    def last_growth(eta):
        early, late = (
            ratio(games, name, eta, n, start=(1.0, 0.3))
            for n in (num_steps // 2, num_steps)
        )
        return late / early

    growth = jax.jit(jax.vmap(last_growth))(etas)
    stable = np.asarray(growth) < 1
    assert (np.diff(stable.astype(int)) <= 0).all(), "stable below, unstable above"
    assert stable.any() and not stable.all()
    return etas[stable].max()


@pytest.mark.parametrize(
    "name, threshold",
    [
        ("extragradient", 1.0),
        ("lola", 1.0),
        ("optimistic", 1 / np.sqrt(3)),
        ("from_the_past", 1 / np.sqrt(3)),
    ],
)
def test_a_sweep_over_step_sizes_finds_where_stability_ends(games, name, threshold):
    spacing = 0.005
    etas = np.arange(0.2, 1.2, spacing) + spacing / 2
    found = largest_stable(games, name, etas, num_steps=1000)
    assert found < threshold < found + spacing


@pytest.mark.parametrize("name", ["competitive", "simultaneous"])
def test_some_rules_are_stable_for_all_step_sizes_or_for_none(games, name):
    etas = np.array([0.01, 0.1, 0.5, 1.0, 3.0, 10.0])
    one = functools.partial(ratio, games, name, num_steps=20)
    measured = jax.jit(jax.vmap(lambda eta: one(eta)))(etas)
    power = -10 if name == "competitive" else 10
    np.testing.assert_allclose(measured, (1 + etas**2) ** power, rtol=1e-6)


@pytest.mark.parametrize(
    "name, best, factor",
    [("extragradient", np.sqrt(0.5), np.sqrt(0.75)), ("optimistic", 0.5, np.sqrt(0.5))],
)
def test_the_best_step_size_is_the_known_one(games, name, best, factor):
    etas = np.linspace(0.3, 0.9, 121)

    def rate(eta):
        early, late = (ratio(games, name, eta, n) for n in (200, 280))
        return (late / early) ** (1 / 80)

    rates = np.asarray(jax.jit(jax.vmap(rate))(etas))
    np.testing.assert_allclose(etas[rates.argmin()], best, atol=0.005)
    # At the optimistic best two roots meet, and n r^n approaches its rate slowly.
    np.testing.assert_allclose(rates.min(), factor, rtol=5e-3)


def test_negative_momentum_converges_linearly_where_none_and_positive_do_not(games):
    def after(beta, num_steps):
        hparams = games.numbers(0.5, players={"momentum": beta})
        state = games.bilinear.begin(steps.negative_momentum, hparams, 1.0, 1.0)
        step = x_first(games.bilinear, steps.negative_momentum)
        return games.norm(games.play(step, hparams, state, num_steps))

    betas = jnp.array([-0.5, 0.0, 0.5])
    negative, none, positive = jax.vmap(lambda beta: after(beta, 200))(betas)
    radius = np.abs(np.linalg.eigvals(matrices("negative_momentum", 0.5))).max()
    assert radius < 1
    assert 1e-3 * radius**200 < negative < 1e3 * radius**200
    assert 0.1 < none < 10 and positive > 1e3


def test_extrapolating_from_the_past_is_optimism_seen_at_other_points(games):
    """`w' = w - eta v_last` of the former moves as the latter, from `v_(-1) = 0`."""
    eta = 0.1
    hparams = games.numbers(eta)
    state = games.bilinear.begin(PAST, hparams, 1.0, 1.0)
    step = RULES["from_the_past"](games.bilinear)
    points = []
    for n in (0, 1, 2, 3):
        after = games.play(step, hparams, state, n)
        last = [memory.gradient for memory in after.opt_state]
        points.append(np.asarray(after.params) - eta * np.asarray(last))
    v = [np.array([w[1], -w[0]]) for w in points]
    for t in (1, 2):
        there = points[t] - 2 * eta * v[t] + eta * v[t - 1]
        np.testing.assert_allclose(points[t + 1], there, rtol=1e-12)


def test_consensus_reports_half_the_squared_length_of_the_field(games):
    """Which is `(y, -x)` here."""
    game = games.bilinear
    step = steps.consensus(game.discriminator, game.generator, optax.sgd)
    hparams = games.numbers(0.1, consensus=1.0)
    state = game.begin(optax.sgd, hparams, 3.0, 4.0)
    batch = types.Batch(jnp.zeros((1, 1)))
    _, metrics = step(hparams, state, batch, jax.random.key(0))
    np.testing.assert_allclose(metrics["consensus"], (3**2 + 4**2) / 2, rtol=1e-6)
