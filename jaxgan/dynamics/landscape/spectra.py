"""The outer eigenvalues of each player's Hessian and of the game's Jacobian.

With `v(w) = (dl_G/dtheta, dl_D/dphi)` and `J = dv/dw` the players' own Hessians are the
diagonal blocks of J. `verdicts` says what eigenvalues mean.

References:
  Mescheder et al., The Numerics of GANs, 2017, https://arxiv.org/abs/1705.10461
  Berard et al., A Closer Look at the Optimization Landscapes of Generative Adversarial
  Networks, 2020, https://arxiv.org/abs/1906.04848
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np
from jax import flatten_util

from jaxgan import gradients, types
from jaxgan.core import errors
from jaxgan.dynamics.landscape import game, krylov, members
from jaxgan.steps import core

STEPS = 4
"""Products with each matrix for each eigenvalue that is asked for, unless said."""


class Eigenvalues(NamedTuple):
    """Some eigenvalues of each member's matrix.

    Attributes:
      values: `[P, k]`, real of a player's block, complex of J.
      residuals: `[P, k]`, see `krylov.Ritz`.
    """

    values: np.ndarray
    residuals: np.ndarray


class Ends(NamedTuple):
    """The outer eigenvalues of each member's matrix, by their real parts.

    Attributes:
      top: with the largest real parts, falling.
      bottom: with the least real parts, rising.
    """

    top: Eigenvalues
    bottom: Eigenvalues


class Spectrum(NamedTuple):
    """What is known of the derivatives of v at each member's state.

    Attributes:
      generator: of its Hessian, `count` at each end.
      discriminator: of its Hessian, `count` at each end.
      game: of J, twice as many at each end, as it is of both.
      largest: of J, as many with the largest moduli, falling.
      rotation: `[P]`, `sum |Im| / sum |lambda|` over `largest`, from 0 for a game in
        which players only descend, to 1 for one in which they only turn; 0 if J is 0.
      field_norm: `[P]`, `|v|`, 0 at a stationary point.
    """

    generator: Ends
    discriminator: Ends
    game: Ends
    largest: Eigenvalues
    rotation: np.ndarray
    field_norm: np.ndarray


def spectrum(
    discriminator: types.Gradient,
    generator: types.Gradient,
    *,
    count: int = 10,
    steps: int | None = None,
    mapper: types.Mapper | None = None,
) -> Callable[..., Spectrum]:
    """Builds the spectrum of a population's games, one compiled program for all.

    Args:
      discriminator: its `Gradient`, penalties included.
      generator: its `Gradient`.
      count: eigenvalues at each end of each player's block.
      steps: products with each matrix, at most its rows. More steps make eigenvalues
        more exact, above all those that are close to others, as the least ones often
        are; residuals tell. None for `4 count`.
      mapper: see `population.automatic`; None for what suits the members.

    Returns:
      `(hparams, state, batch, keys) -> Spectrum`. Every leaf is `[P, ...]`, that of the
      batch `[P, B, ...]`; `hparams` are without the weight of a step rule's own term.
      It raises `UserError` for what is no population, weights that are not finite, and
      more eigenvalues than weights.

    Raises:
      UserError: if the players are swapped, or a number is out of range.
    """
    types.check_players(discriminator, generator, "gradient")
    steps = _checked(count, steps)

    def of_member(hparams, state, batch, key):
        v = game.field(discriminator, generator, hparams, state, batch, key)
        norm = gradients.global_norm(v(state.params))
        keys = jax.random.split(jax.random.fold_in(key, 1), 3)
        blocks = [
            _project(
                krylov.lanczos,
                game.hessian(v, state.params, player),
                getattr(state.params, player),
                own_key,
                steps,
            )
            for player, own_key in zip(core.PLAYERS, keys[:2], strict=True)
        ]
        # J and its transpose have the same eigenvalues, and J^T u costs less than J u.
        product = game.transposed_jacobian(v, state.params)
        whole = _project(krylov.arnoldi, product, state.params, keys[2], steps)
        return types.Pair(*blocks), whole, norm

    measure = members.measured(of_member, mapper)

    def of_population(hparams, state, batch, keys):
        members.require(hparams, batch, keys, state=state)
        require_fewer(count, members.shapes_of_one(state.params))
        blocks, whole, norm = measure(hparams, state, batch, keys)
        generator_block, discriminator_block = map(krylov.symmetric_ritz, blocks)
        found = krylov.ritz(whole)
        largest = _first(found, -np.abs(found.values), 2 * count)
        return Spectrum(
            _ends(generator_block, count),
            _ends(discriminator_block, count),
            _ends(found, 2 * count),
            largest,
            _rotation(largest.values),
            norm,
        )

    return of_population


def require_fewer(count: int, params: types.Pair) -> None:
    """Asks for no more eigenvalues than a player has weights.

    Args:
      count: eigenvalues at each end.
      params: of one member, or their shapes.

    Raises:
      UserError: if there are more.
    """
    for player in core.PLAYERS:
        leaves = jax.tree.leaves(getattr(params, player))
        size = sum(math.prod(np.shape(leaf)) for leaf in leaves)
        if count > size:
            raise errors.UserError(
                f"count={count} eigenvalues are more than the {size} weights of the "
                f"{player}; ask for at most as many."
            )


def _project(method, product, like, key, steps):
    """What a Krylov method leaves of a product of trees."""
    flat, tree_of = flatten_util.ravel_pytree(like)

    def flattened(u):
        return flatten_util.ravel_pytree(product(tree_of(u)))[0]

    size = flat.size
    return method(flattened, size, min(steps, size), key, flat.dtype)


def _ends(found: krylov.Ritz, count: int) -> Ends:
    values = found.values
    top, bottom = ((-values.real, -values.imag), (values.real, values.imag))
    return Ends(*(_first(found, *order, count) for order in (top, bottom)))


def _first(found: krylov.Ritz, *order_and_count) -> Eigenvalues:
    *order, count = order_and_count
    places = np.lexsort(tuple(reversed(order)), axis=-1)[:, :count]
    return Eigenvalues(
        *(np.take_along_axis(values, places, axis=-1) for values in found)
    )


def _rotation(values: np.ndarray) -> np.ndarray:
    total = np.abs(values).sum(axis=-1)
    turning = np.abs(values.imag).sum(axis=-1)
    return np.where(total == 0, 0.0, turning / np.where(total == 0, 1.0, total))


def _checked(count: int, steps: int | None) -> int:
    errors.require_whole(count=count)
    if count < 1:
        raise errors.UserError(f"count={count} eigenvalues must be at least 1.")
    if steps is None:
        return STEPS * count
    errors.require_whole(steps=steps)
    if steps < 2 * count:
        raise errors.UserError(
            f"steps={steps} are too few for count={count} eigenvalues at each end; "
            f"give at least {2 * count}."
        )
    return steps
