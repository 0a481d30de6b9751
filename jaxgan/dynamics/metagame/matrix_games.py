"""Zero-sum games of finitely many strategies: Nash mixtures and exploitability.

A matrix `A [G, D]` holds what the generator of row i pays to the discriminator of
column j, `V(G_i, D_j)`. With mixtures p of the rows and q of the columns,

    value = min_p max_j (p A)_j = max_q min_i (A q)_i

Rows minimise and columns maximise, as in the game of a GAN: who has a matrix of what
rows gain gives its negative, and who swaps the players gives `-A.T`.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from jaxgan import types
from jaxgan.core import errors
from jaxgan.dynamics.metagame import least_distance

PRECISE = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}

SUPPORT = 1e-8
"""Weights of the programme's mixtures up to which they count as none."""


class Solution(NamedTuple):
    """A Nash equilibrium of a matrix game.

    Attributes:
      value: what the row player pays to the column player.
      row: `[G]`, the mixture of the rows.
      column: `[D]`, the mixture of the columns.
    """

    value: float
    row: np.ndarray
    column: np.ndarray


class Exploitability(NamedTuple):
    """What a best opponent gains over the value of the game, at least 0.

    Each is a `Pair` of the generator, whose rows a best column exploits, and of the
    discriminator, whose columns a best row exploits.

    Attributes:
      pure: `[G]` and `[D]`, of each strategy played alone.
      uniform: of the mixture that plays all alike.
      nash: of the Nash mixture, 0 but for rounding.
    """

    pure: types.Pair
    uniform: types.Pair
    nash: types.Pair


def solve(matrix: ArrayLike) -> Solution:
    """The Nash equilibrium nearest to the uniform mixtures.

    Where many mixtures are optimal, each player has the one of least Euclidean norm,
    which is that nearest to the uniform mixture: the optimal mixtures of a player are a
    polytope, in which exactly one point has the least norm. So strategies that are
    alike have the same weight, and the order of strategies does not matter.

    A linear programme finds an equilibrium. Its supports give the value as the solution
    of linear equations, and a least-distance problem the mixtures at that value.

    Args:
      matrix: `[G, D]`, finite; rows minimise, columns maximise.

    Raises:
      UserError: if it is no matrix, empty or not finite.
    """
    payoffs = as_matrix(matrix)
    lowest, spread = payoffs.min(), np.ptp(payoffs)
    scaled = (payoffs - lowest) / (spread or 1.0)
    value = _value(scaled, *_some_equilibrium(scaled))
    return Solution(
        float(lowest + spread * value),
        least_distance.mixture(scaled, value),
        least_distance.mixture(-scaled.T, -value),
    )


def _some_equilibrium(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mixtures of some equilibrium, to the tolerance of a linear programme."""
    from scipy import optimize

    g, d = matrix.shape
    found = optimize.linprog(
        np.eye(g + 1)[g],
        A_ub=np.concatenate([matrix.T, -np.ones((d, 1))], axis=1),
        b_ub=np.zeros(d),
        A_eq=(np.arange(g + 1) < g)[None].astype(float),
        b_eq=[1.0],
        bounds=[(0, None)] * g + [(None, None)],
        method="highs",
        options=PRECISE,
    )
    if found.x is None:
        raise ArithmeticError(f"the linear programme of a game failed: {found.message}")
    return found.x[:g], -found.ineqlin.marginals


def _value(matrix: np.ndarray, row: np.ndarray, column: np.ndarray) -> float:
    """The value, without the tolerance of the programme that gave the mixtures.

    Whatever weights on the support of one make all the support of the other alike, that
    is what these are worth.
    """
    kernel = matrix[np.ix_(row > SUPPORT, column > SUPPORT)]
    rows, columns = kernel.shape
    equations = np.concatenate([kernel.T, -np.ones((columns, 1))], axis=1)
    unit = (np.arange(rows + 1) < rows)[None].astype(float)
    right = np.arange(columns + 1) == columns
    solved = np.linalg.lstsq(np.concatenate([equations, unit]), right, rcond=1e-12)[0]
    return float(solved[-1])


def exploitability(matrix: ArrayLike, row: ArrayLike, column: ArrayLike) -> float:
    """What both players would gain together, `max_j (p A)_j - min_i (A q)_i`.

    It is the duality gap of the two mixtures, at least 0, and 0 at an equilibrium.

    Args:
      matrix: `[G, D]`; rows minimise, columns maximise.
      row: `[G]`, a mixture.
      column: `[D]`, a mixture.

    Raises:
      UserError: if the matrix is none, or a mixture is none of its strategies.
    """
    payoffs = as_matrix(matrix)
    row = as_mixture("row", row, payoffs.shape[0])
    column = as_mixture("column", column, payoffs.shape[1])
    return float(np.max(row @ payoffs) - np.min(payoffs @ column))


def exploitabilities(matrix: ArrayLike, solution: Solution) -> Exploitability:
    """How far each strategy and the usual mixtures can be exploited.

    Args:
      matrix: `[G, D]`; rows minimise, columns maximise.
      solution: of that game.

    Raises:
      UserError: as `exploitability`.
    """
    payoffs = as_matrix(matrix)
    shape = payoffs.shape
    row = as_mixture("solution.row", solution.row, shape[0])
    column = as_mixture("solution.column", solution.column, shape[1])
    even = (np.full(number, 1 / number) for number in shape)

    def of(rows, columns):
        return types.Pair(
            np.max(rows @ payoffs, axis=-1) - solution.value,
            solution.value - np.min(payoffs @ columns.T, axis=0),
        )

    return Exploitability(
        of(np.eye(shape[0]), np.eye(shape[1])), of(*even), of(row, column)
    )


def as_matrix(matrix: ArrayLike) -> np.ndarray:
    """A payoff matrix in double precision.

    Raises:
      UserError: if it is no matrix, empty or not finite.
    """
    payoffs = np.asarray(matrix, np.float64)
    if payoffs.ndim != 2 or not payoffs.size:
        raise errors.UserError(
            f"matrix has shape {payoffs.shape}, but must have a row for each generator "
            "and a column for each discriminator."
        )
    if not np.isfinite(payoffs).all():
        i, j = np.argwhere(~np.isfinite(payoffs))[0]
        raise errors.UserError(
            f"matrix holds {payoffs[i, j]} in row {i} and column {j}; leave members "
            "without a finite payoff out."
        )
    return payoffs


def as_mixture(name: str, mixture: ArrayLike, number: int) -> np.ndarray:
    """A mixture of so many strategies, in double precision.

    Raises:
      UserError: naming the argument, if it is none.
    """
    weights = np.asarray(mixture, np.float64)
    if weights.shape != (number,):
        raise errors.UserError(
            f"{name} has shape {weights.shape}, but there are {number} strategies; "
            "give a probability for each."
        )
    if not (weights.min() >= -1e-9 and abs(weights.sum() - 1) < 1e-6):
        raise errors.UserError(
            f"{name} is {errors.shown(weights)} that sums to {weights.sum():g}; give "
            "probabilities, which are not negative and sum to 1."
        )
    return weights
