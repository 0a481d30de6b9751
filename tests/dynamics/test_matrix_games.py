"""Matrix games against closed forms, enumeration of supports and their certificate."""

import itertools

import jax
import numpy as np
import pytest

from jaxgan import dynamics
from jaxgan.core import errors
from jaxgan.dynamics.metagame import matrix_games

PENNIES = np.array([[1.0, -1.0], [-1.0, 1.0]])
ROCK_PAPER_SCISSORS = np.array([[0.0, -1, 1], [1, 0, -1], [-1, 1, 0]])


def biased(a, b, c):
    """Rock, paper, scissors in which the three wins are worth a, b and c."""
    return np.array([[0, -a, b], [a, 0, -c], [-b, c, 0]], float)


CLOSED_FORMS = {
    "matching pennies": (PENNIES, 0, [1 / 2, 1 / 2], [1 / 2, 1 / 2]),
    "rock, paper, scissors": (ROCK_PAPER_SCISSORS, 0, [1 / 3] * 3, [1 / 3] * 3),
    "biased wins": (biased(2, 3, 1), 0, [1 / 6, 1 / 2, 1 / 3], [1 / 6, 1 / 2, 1 / 3]),
    # (a d - b c) / (a + d - b - c), and weights (d - c, a - b), (d - b, a - c)
    "two by two": ([[3, 0], [1, 2]], 3 / 2, [1 / 4, 3 / 4], [1 / 2, 1 / 2]),
    "a saddle point": ([[4, 1, 2], [3, 2, 2.5], [5, -1, 9]], 3, [0, 1, 0], [1, 0, 0]),
    "a dominated row": ([[3, 0], [1, 2], [4, 3]], 3 / 2, [1 / 4, 3 / 4, 0], [0.5, 0.5]),
    "one strategy": ([[7.0]], 7, [1], [1]),
    # Of many optima the one of least norm.
    "all alike": (np.full((2, 4), 3.0), 3, [1 / 2] * 2, [1 / 4] * 4),
    "rock twice": (
        ROCK_PAPER_SCISSORS[[0, 0, 1, 2]],
        0,
        [1 / 6, 1 / 6, 1 / 3, 1 / 3],
        [1 / 3] * 3,
    ),
    "a mean beside its rows": (
        [[0, 1], [1, 0], [0.5, 0.5]],
        1 / 2,
        [1 / 3] * 3,
        [1 / 2] * 2,
    ),
    "optima with an edge": ([[0, 0], [1, -2]], 0, [1, 0], [2 / 3, 1 / 3]),
}


@pytest.mark.parametrize("name", CLOSED_FORMS)
def test_value_and_mixtures_have_their_closed_form(name):
    matrix, value, row, column = CLOSED_FORMS[name]
    found = dynamics.solve(matrix)
    assert found.value == pytest.approx(value, abs=1e-10)
    np.testing.assert_allclose(found.row, row, atol=1e-10)
    np.testing.assert_allclose(found.column, column, atol=1e-10)


def game_of(row, column, value, rng):
    """A random matrix with this equilibrium, in which both play everything."""
    own = rng.normal(size=(len(row), len(column)))
    return value + own - row @ own - (own @ column)[:, None] + row @ own @ column


@pytest.mark.parametrize("seed", range(10))
def test_random_games_have_the_mixtures_that_they_were_made_of(seed):
    rng = np.random.default_rng(seed)
    row, column = rng.dirichlet(np.full(6, 3.0), 2)
    found = dynamics.solve(game_of(row, column, 0.3, rng))
    assert found.value == pytest.approx(0.3, abs=1e-8)
    np.testing.assert_allclose(found.row, row, atol=1e-8)
    np.testing.assert_allclose(found.column, column, atol=1e-8)


def by_supports(matrix):
    """Value and mixtures of a game without ties, of all its square kernels."""
    g, d = matrix.shape
    for size in range(1, min(g, d) + 1):
        for rows in map(list, itertools.combinations(range(g), size)):
            for columns in map(list, itertools.combinations(range(d), size)):
                kernel = matrix[np.ix_(rows, columns)]
                border = np.block(
                    [
                        [kernel, -np.ones((size, 1))],
                        [np.ones((1, size)), np.zeros((1, 1))],
                    ]
                )
                unit = np.eye(size + 1)[size]
                q = np.linalg.solve(border, unit)
                border[:size, :size] = kernel.T
                p = np.linalg.solve(border, unit)
                row, column = np.zeros(g), np.zeros(d)
                row[rows], column[columns] = p[:size], q[:size]
                best = min(p[:size].min(), q[:size].min()) >= 0
                best &= (row @ matrix).max() <= q[size] + 1e-12
                if best and (matrix @ column).min() >= q[size] - 1e-12:
                    return q[size], row, column
    raise AssertionError("a game has an equilibrium")


@pytest.mark.parametrize("seed", range(10))
def test_random_games_of_any_shape_agree_with_the_enumeration_of_supports(seed):
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=rng.integers(2, 6, 2))
    found = dynamics.solve(matrix)
    value, row, column = by_supports(matrix)
    assert found.value == pytest.approx(value, abs=1e-8)
    np.testing.assert_allclose(found.row, row, atol=1e-8)
    np.testing.assert_allclose(found.column, column, atol=1e-8)


def degenerate(seed):
    rng = np.random.default_rng(seed)
    g, d = rng.integers(2, 9, 2)
    if seed % 2:
        return rng.integers(-1, 2, (g, d)).astype(float), rng
    return rng.normal(size=(g, 2)) @ rng.normal(size=(2, d)), rng


@pytest.mark.parametrize("seed", range(12))
def test_in_games_of_many_optima_nobody_gains_and_one_choice_is_made(seed):
    matrix, rng = degenerate(seed)
    found = dynamics.solve(matrix)
    assert found.row.min() >= 0 and found.column.min() >= 0
    np.testing.assert_allclose([found.row.sum(), found.column.sum()], 1, rtol=1e-12)
    # No pure strategy gains, and none that is played loses.
    rows, columns = matrix @ found.column, found.row @ matrix
    assert rows.min() >= found.value - 1e-9 and columns.max() <= found.value + 1e-9
    np.testing.assert_allclose(found.row * (rows - found.value), 0, atol=1e-9)
    np.testing.assert_allclose(found.column * (found.value - columns), 0, atol=1e-9)
    order = [rng.permutation(number) for number in matrix.shape]
    again = dynamics.solve(matrix[np.ix_(*order)])
    np.testing.assert_allclose(again.row, found.row[order[0]], atol=1e-8)
    np.testing.assert_allclose(again.column, found.column[order[1]], atol=1e-8)
    swapped = dynamics.solve(-matrix.T)
    np.testing.assert_allclose(swapped.row, found.column, atol=1e-8)
    np.testing.assert_allclose(swapped.column, found.row, atol=1e-8)


@pytest.mark.parametrize(
    ("mutant", "changed"),
    [
        ("a transposed matrix", np.transpose),
        ("the wrong sign", np.negative),
        ("a transposed matrix and the wrong sign", lambda matrix: -matrix.T),
    ],
)
def test_another_game_is_solved_by_a_mutant_with(mutant, changed):
    matrix = np.array([[4, 1, 2], [3, 2, 2.5], [5, -1, 9]])
    found = dynamics.solve(changed(matrix))
    assert dynamics.exploitability(matrix, found.row, found.column) > 3
    own = dynamics.solve(matrix)
    assert dynamics.exploitability(matrix, own.row, own.column) < 1e-9


def test_exploitability_is_what_both_players_would_gain():
    heads, even = [1.0, 0.0], [0.5, 0.5]
    assert dynamics.exploitability(PENNIES, even, even) == 0
    # One-sided measures see one of these.
    assert dynamics.exploitability(PENNIES, heads, even) == 1
    assert dynamics.exploitability(PENNIES, even, heads) == 1
    assert dynamics.exploitability(PENNIES, heads, heads) == 2


def test_exploitabilities_are_those_of_each_player_over_the_value():
    matrix = np.array([[3.0, 0.0], [1.0, 2.0], [4.0, 3.0]])
    found = dynamics.exploitabilities(matrix, dynamics.solve(matrix))
    np.testing.assert_allclose(found.pure.generator, [1.5, 0.5, 2.5])
    np.testing.assert_allclose(found.pure.discriminator, [0.5, 1.5])
    assert found.uniform.generator == pytest.approx(8 / 3 - 1.5)
    assert found.uniform.discriminator == pytest.approx(0)
    np.testing.assert_allclose(found.nash, 0, atol=1e-9)


def test_replicators_turn_around_an_inner_equilibrium_and_average_to_it():
    matrix = biased(2, 3, 1)
    nash = dynamics.solve(matrix)
    path = dynamics.replicator(
        matrix, [0.5, 0.3, 0.2], [0.2, 0.3, 0.5], num_steps=8000, step_size=0.05
    )
    conserved = np.log(path.row) @ nash.row + np.log(path.column) @ nash.column
    np.testing.assert_allclose(conserved, conserved[0], atol=1e-3)
    assert np.ptp(path.row, axis=0).min() > 0.1
    np.testing.assert_allclose(path.row.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(path.mean_row, nash.row, atol=0.01)
    np.testing.assert_allclose(path.mean_column, nash.column, atol=0.01)


def test_replicators_leave_a_dominated_row_and_move_as_rows_minimise():
    path = dynamics.replicator(
        [[0.0], [1.0]], [0.25, 0.75], [1.0], num_steps=100, step_size=0.1
    )
    # One logistic equation: log p_0 / p_1 grows by 1 per unit of time.
    time = 0.1 * np.arange(101)
    expected = 1 / (1 + 3 * np.exp(-time))
    np.testing.assert_allclose(path.row[:, 0], expected, atol=1e-5)
    np.testing.assert_allclose(path.column, 1)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: dynamics.solve([[0, np.nan]]), "holds nan in row 0 and column 1"),
        (lambda: dynamics.solve([[np.inf]]), "holds inf in row 0 and column 0"),
        (lambda: dynamics.solve([1, 2]), r"matrix has shape \(2,\)"),
        (lambda: dynamics.solve(np.zeros((0, 2))), r"matrix has shape \(0, 2\)"),
        (
            lambda: dynamics.exploitability(PENNIES, [1], [1, 0]),
            r"row has shape \(1,\), but there are 2 strategies",
        ),
        (
            lambda: dynamics.exploitability(PENNIES, [0.5, 0.5], [0.5, 0.6]),
            "column is .* sums to 1.1",
        ),
        (
            lambda: dynamics.replicator(PENNIES, [1, 0], [1, 0], num_steps=0),
            "num_steps=0 must be at least 1",
        ),
        (
            lambda: dynamics.replicator(
                PENNIES, [1, 0], [1, 0], num_steps=1, step_size=-1.0
            ),
            "step_size=-1.0 must be a positive",
        ),
    ],
)
def test_what_is_no_game_is_refused_in_a_sentence(call, said):
    with pytest.raises(errors.UserError, match=said):
        call()


def test_a_wide_game_of_ties_is_solved():
    matrix = np.array(jax.random.normal(jax.random.key(0), (64, 64))).round(1)
    found = matrix_games.solve(matrix)
    assert dynamics.exploitability(matrix, found.row, found.column) < 1e-8
