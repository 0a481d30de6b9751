"""The game's gradient field v(w) as one function of both players' weights."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from jaxgan import types
from jaxgan.core import errors
from jaxgan.steps import core


def field(
    discriminator: types.Gradient,
    generator: types.Gradient,
    hparams: types.HParams,
    state: types.TrainState,
    batch: types.Batch,
    key: Array,
) -> Callable[[types.Pair], tuple[types.Pair, tuple[types.Pair, types.Metrics]]]:
    """Builds `params -> (v, (collections, metrics))`, everything else held fixed.

    The keys are those that `simultaneous` would give to the two players.
    """
    d_key, g_key = jax.random.split(key)

    def v(params):
        at = state._replace(params=params)
        d, d_collections, d_metrics = discriminator(hparams, at, batch, d_key)
        g, g_collections, g_metrics = generator(hparams, at, batch, g_key)
        collections = types.Pair(g_collections, d_collections)
        return types.Pair(g, d), (collections, {**d_metrics, **g_metrics})

    return v


def move(
    optimizer: core.Optimizer,
    hparams: types.HParams,
    state: types.TrainState,
    direction: types.Pair,
    collections: types.Pair,
) -> types.TrainState:
    """Moves both players by the optimiser's answer to `direction`."""
    for player in core.PLAYERS:
        grads = getattr(direction, player)
        state = core.move(player, optimizer, hparams, state, grads)
    return state._replace(collections=collections)


def own_weight(hparams: types.HParams, name: str) -> tuple[ArrayLike, types.HParams]:
    """The weight of a step's own term, and the numbers without it for the gradients.

    Raises:
      UserError: if there is no such weight.
    """
    if name not in hparams.penalties:
        raise errors.UserError(
            f"hparams.penalties has weights for {sorted(hparams.penalties)} but the "
            f"step needs one for {name!r}; add it."
        )
    others = {key: w for key, w in hparams.penalties.items() if key != name}
    return hparams.penalties[name], hparams._replace(penalties=others)


def add(tree: types.Tree, scale: ArrayLike, other: types.Tree) -> types.Tree:
    """`tree + scale * other`, in the dtypes of `tree`."""
    return jax.tree.map(lambda a, b: (a + scale * b).astype(a.dtype), tree, other)


def dot(left: types.Tree, right: types.Tree) -> Array:
    """The inner product of two trees."""
    products = jax.tree.map(lambda a, b: jnp.sum(a * b), left, right)
    return jnp.asarray(sum(jax.tree.leaves(products)))
