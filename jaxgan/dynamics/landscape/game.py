"""The gradient field near a state, and products with its derivatives.

`J` is never formed: what it makes of a vector costs about as much as two gradients. All
products are taken in reverse mode, and so networks of any form of convolution have
them, those without forward mode too.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array

from jaxgan import types
from jaxgan.core import errors
from jaxgan.steps import core
from jaxgan.steps import field as field_lib

Field = Callable[[types.Pair], types.Pair]
"""`w -> v(w)`, both as a `Pair` of trees."""


def field(
    discriminator: types.Gradient,
    generator: types.Gradient,
    hparams: types.HParams,
    state: types.TrainState,
    batch: types.Batch,
    key: Array,
) -> Field:
    """Builds `v(w) = (dl_G/dtheta, dl_D/dphi)`, everything else held fixed.

    Batch and key fix the samples, so that v is the field of a game of its own, which is
    nearer to the game in expectation the larger the batch is. Collections are those of
    the state: statistics of batch normalisation are those of the batch.

    Args:
      discriminator: its `Gradient`, penalties included.
      generator: its `Gradient`.
      hparams: of one member, without the weight of a step rule's own term.
      state: of one member.
      batch: real samples; as many latents are drawn.
      key: of the latents; the players get those that `steps.simultaneous` gives them.

    Raises:
      UserError: if the players are swapped, or an argument is something else.
    """
    types.check_players(discriminator, generator, "gradient")
    types.require_hparams(hparams)
    types.require_state(state)
    v_of = field_lib.field(discriminator, generator, hparams, state, batch, key)
    return lambda params: v_of(params)[0]


def transposed_jacobian(v: Field, params: types.Pair) -> Field:
    """Builds `u -> J^T u` at `params`."""
    _, pull_back = jax.vjp(v, params)
    return lambda u: pull_back(u)[0]


def jacobian(v: Field, params: types.Pair) -> Field:
    """Builds `u -> J u` at `params`, as the transpose of `u -> J^T u`."""
    zero = jax.tree.map(jnp.zeros_like, params)
    return transposed_jacobian(transposed_jacobian(v, params), zero)


def hessian(v: Field, params: types.Pair, player: str) -> Callable:
    """Builds `u -> H u` at `params`, where H is a player's own block of J.

    `d2 l_G / dtheta2` or `d2 l_D / dphi2`, which are symmetric.

    Args:
      v: from `field`.
      params: of both players.
      player: "generator" or "discriminator".

    Raises:
      UserError: if there is no such player.
    """
    if player not in core.PLAYERS:
        raise errors.UserError(
            f"player={errors.shown(player)} is not known; "
            f"{errors.choice(player, core.PLAYERS)}"
        )

    def own(weights):
        return getattr(v(params._replace(**{player: weights})), player)

    return transposed_jacobian(own, getattr(params, player))
