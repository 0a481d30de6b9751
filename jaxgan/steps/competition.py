"""Competitive gradient descent: both players play the local bilinear game's solution.

The mixed derivatives enter by forward-mode products only, so the gradients need forward
mode: networks whose convolutions carry custom reverse-mode rules must be built in the
plain form.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import jax.scipy.sparse.linalg
import optax

from jaxgan import types
from jaxgan.core import errors
from jaxgan.steps import core, field


def competitive(
    discriminator: types.Gradient,
    generator: types.Gradient,
    optimizer: core.Optimizer = optax.sgd,
    solver: Callable = jax.scipy.sparse.linalg.bicgstab,
    tolerance: float = 1e-6,
    max_iterations: int = 20,
) -> types.Step:
    """Competitive gradient descent, matrix-free.

    With `B = dv_G/dphi` and `C = dv_D/dtheta` the directions p and q solve
    `p = v_G - eta_D B q` and `q = v_D - eta_G C p`, so that

        (I - eta_G eta_D B C) p = v_G - eta_D B v_D,   q = v_D - eta_G C p,

    and `theta <- theta - eta_G p`, `phi <- phi - eta_D q`. Converges on the game xy for
    every eta. Each eta is `hparams.optimizer.<player>["learning_rate"]`; another
    optimiser than `optax.sgd` is given p and q in place of the gradients.

    Args:
      discriminator: its `Gradient`, with forward mode.
      generator: its `Gradient`, with forward mode.
      optimizer: optax factory of both players, with a `learning_rate`.
      solver: of the linear system, like those of `jax.scipy.sparse.linalg`. Its `cg`,
        the paper's, needs `C = -B^T`: a zero-sum game whose players see the same
        samples. The gradients of a GAN draw latents of their own, so that even
        `losses.minimax` has this in expectation only.
      tolerance: relative residual at which the solver stops.
      max_iterations: after which it stops anyway; one iteration costs two products.

    Returns:
      A `Step` with the metric `competitive_residual`, the relative residual that the
      solver left: near `tolerance` unless it failed.

    Raises:
      UserError: if the players are swapped; when traced without a learning rate of
        each player.

    When:
      Where the players interact strongly.

    References:
      Schaefer and Anandkumar, Competitive Gradient Descent, 2019,
      https://arxiv.org/abs/1905.12103
    """
    types.check_players(discriminator, generator, "gradient")

    def step(hparams, state, batch, key):
        eta_g, eta_d = (_learning_rate(hparams, player) for player in core.PLAYERS)
        v_of = field.field(discriminator, generator, hparams, state, batch, key)
        v, (collections, metrics) = v_of(state.params)
        theta, phi = state.params
        _, b = jax.linearize(lambda phi: v_of(types.Pair(theta, phi))[0].generator, phi)
        _, c = jax.linearize(
            lambda theta: v_of(types.Pair(theta, phi))[0].discriminator, theta
        )

        def matrix(p):
            return field.add(p, -eta_g * eta_d, b(c(p)))

        right = field.add(v.generator, -eta_d, b(v.discriminator))
        p, _ = solver(matrix, right, tol=tolerance, maxiter=max_iterations)
        q = field.add(v.discriminator, -eta_g, c(p))
        left = field.add(right, -1.0, matrix(p))
        residual = jnp.sqrt(field.dot(left, left) / field.dot(right, right))
        direction = types.Pair(generator=p, discriminator=q)
        state = field.move(optimizer, hparams, state, direction, collections)
        # Where the right-hand side is zero, so is the solution, without a residual.
        residual = jnp.where(field.dot(right, right) > 0, residual, 0.0)
        return state, {**metrics, "competitive_residual": residual}

    return step


def _learning_rate(hparams: types.HParams, player: str):
    numbers = getattr(hparams.optimizer, player)
    if "learning_rate" not in numbers:
        raise errors.UserError(
            f"hparams.optimizer.{player} has {sorted(numbers)} but no learning_rate, "
            "which competitive needs to foresee the move; add it."
        )
    return numbers["learning_rate"]
