"""The optimal mixture of least norm, of all that a player of a matrix game has."""

import numpy as np

SLACK = 1e-11
"""By how much the value may be missed at first, as rounding might leave no point."""

ACTIVE = 1e-7
"""Weights and losses up to which they count as none in the end."""

ROUNDING = 1e-9
"""What the end may be worse by and still be taken."""


def mixture(matrix: np.ndarray, value: float) -> np.ndarray:
    """The p of least norm with `p A <= value`, a mixture of the rows.

    Around the uniform mixture that is the least-distance problem of Lawson and Hanson,
    solved by non-negative least squares in finitely many steps. It says which weights
    are zero and which columns reach the value; with these, p has the least norm of the
    solutions of linear equations, which has no tolerance.

    Args:
      matrix: `[G, D]`, of numbers in [-1, 1].
      value: of the game, in which rows minimise.

    Returns:
      p `[G]`, of which the weights sum to 1.

    References:
      Lawson and Hanson, Solving Least Squares Problems, 1974, chapter 23,
      https://doi.org/10.1137/1.9781611971217
    """
    number = len(matrix)
    even = np.full(number, 1 / number)
    # Directions in which the sum of the weights does not change.
    free = np.linalg.svd(even[None])[2][1:].T
    above = np.concatenate([free, -matrix.T @ free])
    least = np.concatenate([-even, even @ matrix - value - SLACK])
    near = even + free @ _least_distance(above, least)
    exact = _of_equations(matrix, value, near)
    lacks = max(-exact.min(), (exact @ matrix).max() - value)
    chosen = np.maximum(exact if lacks <= ROUNDING else near, 0.0)
    return chosen / chosen.sum()


def _least_distance(above, least) -> np.ndarray:
    """The y of least norm with `above y >= least`."""
    from scipy import optimize

    if least.max() <= 0:
        return np.zeros(above.shape[1])
    system = np.concatenate([above.T, least[None]])
    target = np.zeros(len(system))
    target[-1] = 1.0
    multipliers, _ = optimize.nnls(system, target, maxiter=30 * system.shape[1])
    rest = system @ multipliers - target
    return -rest[:-1] / rest[-1]


def _of_equations(matrix, value, near) -> np.ndarray:
    """The least solution that has the zeros and the best columns of `near`."""
    plays = near > ACTIVE
    best = near @ matrix > value - ACTIVE
    equations = np.concatenate([matrix[plays][:, best].T, np.ones((1, plays.sum()))])
    right = np.append(np.full(best.sum(), value), 1.0)
    exact = np.zeros(len(matrix))
    exact[plays] = np.linalg.lstsq(equations, right, rcond=1e-10)[0]
    return exact
