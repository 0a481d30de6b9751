"""Replicator dynamics of a matrix game: strategies grow by what they gain.

    d/dt log p_i = (p A q) - (A q)_i        rows minimise
    d/dt log q_j = (p A)_j - (p A q)        columns maximise

With a Nash equilibrium (p*, q*) that plays every strategy, `sum_i p*_i log p_i + sum_j
q*_j log q_j` is conserved: the mixtures turn around the equilibrium for ever, and their
averages over time come to it.
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from jaxgan.core import errors
from jaxgan.dynamics.metagame import matrix_games


class Path(NamedTuple):
    """How mixtures evolve, from where they begin.

    Attributes:
      row: `[T + 1, G]`.
      column: `[T + 1, D]`.
      mean_row: `[G]`, average over time.
      mean_column: `[D]`, average over time.
    """

    row: Array
    column: Array
    mean_row: Array
    mean_column: Array


def replicator(
    matrix: ArrayLike,
    row: ArrayLike,
    column: ArrayLike,
    *,
    num_steps: int,
    step_size: float = 0.05,
) -> Path:
    """Follows both mixtures, by the classical Runge-Kutta method on their logarithms.

    Args:
      matrix: `[G, D]`; rows minimise, columns maximise.
      row: `[G]`, where the rows' mixture begins; what it does not play never appears.
      column: `[D]`, likewise.
      num_steps: T, at least 1; structure.
      step_size: in units of time, positive; errors fall with its fourth power.

    Returns:
      The path, in single precision.

    Raises:
      UserError: if the matrix is none or not finite, a mixture is none of its
        strategies, or a number is not positive.

    References:
      Hofbauer and Sigmund, Evolutionary Games and Population Dynamics, 1998, chapter
      11, https://doi.org/10.1017/CBO9781139173179
    """
    errors.require_whole(num_steps=num_steps)
    if num_steps < 1:
        raise errors.UserError(f"num_steps={num_steps} must be at least 1.")
    if not 0 < step_size < float("inf"):
        raise errors.UserError(f"step_size={step_size} must be a positive number.")
    payoffs = matrix_games.as_matrix(matrix)
    begins = (
        matrix_games.as_mixture("row", row, payoffs.shape[0]),
        matrix_games.as_mixture("column", column, payoffs.shape[1]),
    )
    single = (jnp.asarray(x, jnp.float32) for x in (payoffs, *begins, step_size))
    return _follow(*single, num_steps)


@functools.partial(jax.jit, static_argnums=4)
def _follow(matrix, row, column, step_size, num_steps) -> Path:
    def mixtures(logs):
        return jax.tree.map(jax.nn.softmax, logs)

    def speed(logs):
        # A softmax does not see what all strategies gain alike.
        p, q = mixtures(logs)
        return -matrix @ q, p @ matrix

    def moved(logs, speeds, scale):
        return jax.tree.map(lambda x, v: x + scale * v, logs, speeds)

    def advance(logs, _):
        first = speed(logs)
        second = speed(moved(logs, first, step_size / 2))
        third = speed(moved(logs, second, step_size / 2))
        fourth = speed(moved(logs, third, step_size))
        mean = jax.tree.map(
            lambda a, b, c, d: (a + 2 * b + 2 * c + d) / 6,
            *(first, second, third, fourth),
        )
        # Centred, as single precision has few digits for what softmax does not see.
        after = moved(logs, mean, step_size)
        after = jax.tree.map(lambda x: x - jnp.max(x), after)
        return after, mixtures(after)

    logs = jnp.log(row), jnp.log(column)
    _, path = jax.lax.scan(advance, logs, length=num_steps)
    own = [
        jnp.concatenate([begin[None], later])
        for begin, later in zip((row, column), path, strict=True)
    ]
    means = (jnp.mean((x[:-1] + x[1:]) / 2, axis=0) for x in own)
    return Path(*own, *means)
