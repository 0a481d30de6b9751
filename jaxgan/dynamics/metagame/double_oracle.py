"""Double oracle: a matrix game that grows by best responses until nobody gains.

The players begin with one strategy each. In each round the restricted game is solved,
each player responds to its opponent's Nash mixture, and responses that gain are added.
With exact responses to the whole of a finite game this ends at an equilibrium of it.

References:
  McMahan, Gordon and Blum, Planning in the Presence of Cost Functions Controlled by an
  Adversary, 2003, https://www.aaai.org/Papers/ICML/2003/ICML03-071.pdf
  Aung et al., DO-GAN: A Double Oracle Framework for Generative Adversarial Networks,
  2022, https://arxiv.org/abs/2102.08577
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from jaxgan import types
from jaxgan.core import errors
from jaxgan.dynamics.metagame import matrix_games

Strategy = Any
"""What one player plays: an index, a network's weights, whatever its oracles take."""


class Restricted(NamedTuple):
    """The game of the strategies that are there.

    Attributes:
      rows: strategies of the generator, in the order in which they came.
      columns: of the discriminator.
      matrix: `[G, D]`, what they pay.
      solution: its Nash equilibrium.
    """

    rows: tuple[Strategy, ...]
    columns: tuple[Strategy, ...]
    matrix: np.ndarray
    solution: matrix_games.Solution


class Oracles(NamedTuple):
    """A game that is known by its payoffs and its best responses.

    Attributes:
      payoffs: `(rows, columns) -> [G, D]`.
      respond: `(player, game) -> strategy` against the opponent's Nash mixture.
    """

    payoffs: Callable[[Sequence[Strategy], Sequence[Strategy]], ArrayLike]
    respond: Callable[[str, Restricted], Strategy]


class Outcome(NamedTuple):
    """Where a double oracle ends.

    Attributes:
      game: the last restricted game.
      gains: per round, a `Pair` of what each player's response gained. In the last
        round neither is more than the tolerance, if `converged`; with exact responses
        their sum is then the exploitability of the equilibrium in the whole game.
      converged: whether nobody gained more than the tolerance.
    """

    game: Restricted
    gains: list[types.Pair]
    converged: bool


def double_oracle(
    oracles: Oracles,
    row: Strategy,
    column: Strategy,
    *,
    tolerance: float,
    most_rounds: int,
) -> Outcome:
    """Adds best responses until nobody gains more than a tolerance.

    Args:
      oracles: the game.
      row: the generator's first strategy.
      column: the discriminator's first strategy.
      tolerance: in units of the payoffs, not negative.
      most_rounds: after which it ends anyhow, at least 1.

    Raises:
      UserError: if a number is out of its range, or a payoff is not finite.
    """
    errors.require_whole(most_rounds=most_rounds)
    if most_rounds < 1:
        raise errors.UserError(f"most_rounds={most_rounds} must be at least 1.")
    if not 0 <= tolerance < float("inf"):
        raise errors.UserError(
            f"tolerance={tolerance} must be zero or a positive number."
        )
    game = _solved((row,), (column,), oracles.payoffs((row,), (column,)))
    gains: list[types.Pair] = []
    for _ in range(most_rounds):
        rows = (*game.rows, oracles.respond("generator", game))
        columns = (*game.columns, oracles.respond("discriminator", game))
        matrix = matrix_games.as_matrix(oracles.payoffs(rows, columns))
        gain = _gains(game.solution, matrix)
        gains.append(gain)
        if max(gain) <= tolerance:
            return Outcome(game, gains, True)
        ends = [None if one > tolerance else -1 for one in gain]
        game = _solved(
            rows[: ends[0]], columns[: ends[1]], matrix[: ends[0], : ends[1]]
        )
    return Outcome(game, gains, False)


def matrix_oracles(matrix: ArrayLike) -> Oracles:
    """The oracles of a matrix game, whose strategies are its rows and columns.

    Args:
      matrix: `[G, D]`; rows minimise, columns maximise.

    Raises:
      UserError: if it is no matrix or not finite.
    """
    whole = matrix_games.as_matrix(matrix)

    def respond(player, game):
        if player == "generator":
            return int(np.argmin(whole[:, list(game.columns)] @ game.solution.column))
        return int(np.argmax(game.solution.row @ whole[list(game.rows)]))

    return Oracles(lambda rows, columns: whole[np.ix_(rows, columns)], respond)


def _solved(rows, columns, payoffs) -> Restricted:
    matrix = matrix_games.as_matrix(payoffs)
    return Restricted(rows, columns, matrix, matrix_games.solve(matrix))


def _gains(solution: matrix_games.Solution, matrix: np.ndarray) -> types.Pair:
    """What the last row and the last column gain against the mixtures of the others."""
    return types.Pair(
        float(solution.value - matrix[-1, :-1] @ solution.column),
        float(solution.row @ matrix[:-1, -1] - solution.value),
    )
