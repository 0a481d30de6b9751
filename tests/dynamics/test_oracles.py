"""Double oracle: on matrices against the whole game, on networks in closed form."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgan import dynamics, gradients, losses, types
from jaxgan.core import errors
from jaxgan.dynamics.metagame import double_oracle, payoffs
from jaxgan.dynamics.metagame.double_oracle import Oracles


@pytest.mark.parametrize("seed", range(6))
def test_with_exact_oracles_it_ends_at_an_equilibrium_of_the_whole_game(seed):
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(9, 12)) if seed % 2 else rng.integers(-2, 3, (9, 12))
    whole = dynamics.solve(matrix)
    outcome = dynamics.double_oracle(
        dynamics.matrix_oracles(matrix), 0, 0, tolerance=1e-9, most_rounds=30
    )
    assert outcome.converged
    game = outcome.game
    assert game.solution.value == pytest.approx(whole.value, abs=1e-8)
    row, column = np.zeros(9), np.zeros(12)
    row[list(game.rows)], column[list(game.columns)] = game.solution[1:]
    assert dynamics.exploitability(matrix, row, column) < 1e-8
    assert len(set(game.rows)) == len(game.rows)
    assert len(set(game.columns)) == len(game.columns)
    np.testing.assert_array_equal(game.matrix, matrix[np.ix_(game.rows, game.columns)])


def test_gains_bound_the_value_from_both_sides_in_every_round():
    matrix = np.random.default_rng(7).normal(size=(20, 20))
    value, seen = dynamics.solve(matrix).value, []
    exact = dynamics.matrix_oracles(matrix)

    def respond(player, game):
        seen.append(game.solution.value)
        return exact.respond(player, game)

    outcome = dynamics.double_oracle(
        Oracles(exact.payoffs, respond), 3, 5, tolerance=0.05, most_rounds=40
    )
    for at, gain in zip(seen[::2], outcome.gains, strict=True):
        assert at - gain.generator - 1e-9 <= value <= at + gain.discriminator + 1e-9
    assert max(outcome.gains[-1]) <= 0.05 < max(outcome.gains[-2])
    game = outcome.game
    row, column = np.zeros(20), np.zeros(20)
    row[list(game.rows)], column[list(game.columns)] = game.solution[1:]
    left = dynamics.exploitability(matrix, row, column)
    assert left == pytest.approx(sum(outcome.gains[-1]), abs=1e-8)


def test_it_ends_after_its_rounds_and_says_that_somebody_still_gains():
    cycle = np.array([[0.0, -1, 1], [1, 0, -1], [-1, 1, 0]])
    oracles = dynamics.matrix_oracles(cycle)
    outcome = dynamics.double_oracle(oracles, 0, 0, tolerance=0.0, most_rounds=1)
    assert not outcome.converged and len(outcome.gains) == 1
    done = dynamics.double_oracle(oracles, 0, 0, tolerance=1e-9, most_rounds=9)
    assert set(done.game.rows) == set(done.game.columns) == {0, 1, 2}
    np.testing.assert_allclose(done.game.solution.row, 1 / 3)


RATE, UPDATES, REAL = 0.1, 3, 2.0


def point_gan():
    """Generators that make one number, and discriminators that multiply by one."""

    def generate(params, collections, z, label=None, train=False):
        return jnp.broadcast_to(params["at"], (len(z), 1)), collections

    def discriminate(params, collections, x, label=None, train=False):
        logits = params["slope"] * x[:, 0]
        return types.DiscriminatorOutput(logits, x), collections

    def init(key):
        return types.Pair({"at": jnp.zeros(())}, {"slope": jnp.zeros(())}), types.Pair(
            {}, {}
        )

    return types.GAN(init, lambda key, n: jnp.zeros((n, 1)), generate, discriminate)


def players_of(gan):
    loss = losses.get("wasserstein")
    return gradients.discriminator(gan, loss), gradients.generator(gan, loss)


def numbers():
    return types.HParams(types.Pair(*[{"learning_rate": RATE}] * 2), {})


def oracles_of(gan, capacity=4):
    real = jnp.full((1, 4, 1), REAL)
    return dynamics.gan_oracles(
        gan,
        numbers(),
        *players_of(gan),
        types.Batch(real),
        types.Batch(real[0]),
        jax.random.key(0),
        k=UPDATES,
        capacity=capacity,
        optimizer=optax.sgd,
        payoff=dynamics.payoff_of("wasserstein"),
    )


def point(value):
    return {"at": jnp.float32(value)}, {}


def slope(value):
    return {"slope": jnp.float32(value)}, {}


def test_networks_respond_to_the_mixture_and_not_to_one_opponent():
    # V = slope * (REAL - at), so that each update of a player is a constant.
    oracles = oracles_of(point_gan())
    rows, columns = [point(0.0), point(3.0)], [slope(1.0), slope(-0.5)]
    matrix = oracles.payoffs(rows, columns)
    np.testing.assert_allclose(matrix, [[2.0, -1.0], [-1.0, 0.5]], rtol=1e-6)
    solution = dynamics.solve(matrix)
    solution = solution._replace(
        row=np.array([0.75, 0.25]), column=np.array([0.2, 0.8])
    )
    game = double_oracle.Restricted(tuple(rows), tuple(columns), matrix, solution)
    (new, _), (answer, _) = (
        oracles.respond(player, game) for player in ("generator", "discriminator")
    )
    # From the heaviest of one's own, 0 and -0.5.
    mean_slope, mean_point = 0.2 * 1 + 0.8 * -0.5, 0.25 * 3
    assert new["at"] == pytest.approx(0 + RATE * UPDATES * mean_slope, rel=1e-5)
    expected = -0.5 + RATE * UPDATES * (REAL - mean_point)
    assert answer["slope"] == pytest.approx(expected, rel=1e-5)


def test_networks_come_nearer_to_the_data_as_the_game_grows():
    outcome = dynamics.double_oracle(
        oracles_of(point_gan(), 8),
        point(0.0),
        slope(0.5),
        tolerance=1e-3,
        most_rounds=5,
    )
    assert len(outcome.game.rows) > 1
    assert max(outcome.gains[0]) > 0
    places = [float(row[0]["at"]) for row in outcome.game.rows]
    assert abs(np.dot(outcome.game.solution.row, places) - REAL) < REAL


def test_a_gradient_against_a_mixture_is_the_mean_of_those_against_each():
    gan = point_gan()
    _, generator = players_of(gan)
    slopes, weights = jnp.array([1.0, 2.0, -4.0]), jnp.array([0.5, 0.25, 0.25])
    opponents = payoffs.Side({"slope": slopes}, {})
    mixed = dynamics.against("generator", generator, opponents, weights)
    state = types.TrainState(
        jnp.zeros((), jnp.int32),
        types.Pair({"at": jnp.ones(())}, {"slope": jnp.zeros(())}),
        types.Pair({}, {}),
        types.Pair(None, None),
        None,
        jnp.array(True),
    )
    batch = types.Batch(jnp.ones((4, 1)))
    grads, _, _ = mixed(numbers(), state, batch, jax.random.key(0))
    # d/d at of -slope at
    assert grads["at"] == pytest.approx(-float(weights @ slopes))
    with pytest.raises(errors.UserError, match="swap the players"):
        dynamics.against("discriminator", generator, opponents, weights)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"most_rounds": 0}, "most_rounds=0 must be at least 1"),
        ({"tolerance": -1.0}, "tolerance=-1.0 must be zero or a positive"),
        ({"tolerance": np.nan}, "tolerance=nan must be"),
    ],
)
def test_numbers_out_of_range_are_said_in_a_sentence(changed, said):
    numbers = {"tolerance": 0.1, "most_rounds": 3} | changed
    with pytest.raises(errors.UserError, match=said):
        dynamics.double_oracle(dynamics.matrix_oracles([[0.0]]), 0, 0, **numbers)


def test_more_strategies_than_places_are_said_in_a_sentence():
    oracles = oracles_of(point_gan(), 2)
    with pytest.raises(errors.UserError, match="capacity=2 is less than the 3"):
        oracles.payoffs([point(0.0)] * 3, [slope(1.0)])
    with pytest.raises(errors.UserError, match="capacity=1 strategies"):
        oracles_of(point_gan(), 1)
