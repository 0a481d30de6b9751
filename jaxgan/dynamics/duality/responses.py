"""Best responses: one player moves for some updates while the other stands still."""

from collections.abc import Callable, Sequence
from typing import Protocol

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from jaxgan import types
from jaxgan.core import errors
from jaxgan.steps import core, order


class Start(Protocol):
    """Where a player's response starts: `-> state`, of which it has changed its own."""

    def __call__(
        self, hparams: types.HParams, state: types.TrainState, player: str, key: Array
    ) -> types.TrainState: ...


def best_response(
    player: str, step: types.Step, k: int, starts: Sequence[Start] = ()
) -> Callable[[types.HParams, types.TrainState, types.Batch, Array], types.TrainState]:
    """Builds `(hparams, state, batches, key) -> state` after one player's k updates.

    Args:
      player: who responds; the other one is as before.
      step: of that player, or of both, of which the other's part is taken back.
      k: updates, at least 1; structure.
      starts: see `duality_gap`.

    Raises:
      UserError: if k < 1, or there is no such player.
    """
    require_updates(k=k)
    if player not in core.PLAYERS:
        raise errors.UserError(
            f"player={errors.shown(player)} is not known; "
            f"{errors.choice(player, core.PLAYERS)}"
        )

    def respond(hparams, state, batches, key):
        start_key, key = jax.random.split(key)
        begun = started(hparams, state, player, starts, start_key)

        def body(i, at):
            own_key = jax.random.fold_in(key, i)
            after, _ = step(hparams, at, batch_of(batches, i), own_key)
            return only(player, at, after)._replace(step=at.step + 1)

        return jax.lax.fori_loop(0, k, body, begun)

    return respond


def perturbed(scale: ArrayLike) -> Start:
    """Starts a response near the state: adds `N(0, scale^2)` to the player's weights.

    From the state itself a response may never leave a point at which its gradient
    vanishes without being best.

    Args:
      scale: standard deviation, not negative.

    Raises:
      UserError: if it is negative or not finite, as far as it is not traced.

    References:
      Sidheekh et al., On Duality Gap as a Measure for Monitoring GAN Training, 2021,
      https://arxiv.org/abs/2012.06723
    """
    if not isinstance(scale, jax.core.Tracer) and not 0 <= scale < float("inf"):
        raise errors.UserError(
            f"scale={errors.shown(scale)} of a perturbation must be zero or a positive "
            "number."
        )

    def start(hparams, state, player, key):
        leaves, tree = jax.tree.flatten(getattr(state.params, player))
        keys = jax.random.split(key, len(leaves))
        moved = [
            leaf + scale * jax.random.normal(own, leaf.shape, leaf.dtype)
            for leaf, own in zip(leaves, keys, strict=True)
        ]
        params = {player: jax.tree.unflatten(tree, moved)}
        return state._replace(params=state.params._replace(**params))

    return start


def fresh(optimizer: core.Optimizer) -> Start:
    """Starts a response without the moments of the training.

    So members that were trained by optimisers of different states respond by one.

    Args:
      optimizer: optax factory, the same that the response's step is built with.
    """

    def start(hparams, state, player, key):
        params = getattr(state.params, player)
        moments = core.built(optimizer, hparams, player).init(params)
        return state._replace(opt_state=state.opt_state._replace(**{player: moments}))

    return start


def started(
    hparams: types.HParams,
    state: types.TrainState,
    player: str,
    starts: Sequence[Start],
    key: Array,
) -> types.TrainState:
    """The state from which a player's response starts."""
    for i, start in enumerate(starts):
        state = start(hparams, state, player, jax.random.fold_in(key, i))
    return state


def only(
    player: str, state: types.TrainState, after: types.TrainState
) -> types.TrainState:
    """`state`, of which one player is as it is in `after`."""
    players = {name: after if name == player else state for name in core.PLAYERS}
    return order.joined(state, **players)


def batch_of(batches: types.Batch, i: ArrayLike) -> types.Batch:
    """Batch i mod T of some, whose leaves are `[T, B, ...]`."""
    return jax.tree.map(lambda x: x[i % x.shape[0]], batches)


def require_updates(**numbers: int) -> None:
    """Asks for whole numbers of updates, at least 1 each.

    Raises:
      UserError: if one is not.
    """
    errors.require_whole(**numbers)
    for name, number in numbers.items():
        if number < 1:
            raise errors.UserError(
                f"{name}={number} updates of a best response must be at least 1."
            )


def require_finite(state: types.TrainState) -> None:
    """Asks for finite weights, of one member or of all, as far as they are not traced.

    Raises:
      UserError: if some are not; of a population it names the members.
    """
    weights = state.params, state.collections
    require_finite_leaves("state", weights, jnp.shape(state.alive))


def require_finite_leaves(
    name: str, tree: types.Tree, members: tuple[int, ...]
) -> None:
    """Asks for finite numbers in a tree, as far as they are not traced.

    Args:
      name: of the argument.
      tree: every leaf has the axes of `members` in front.
      members: `(P,)` of a population, () of one member.

    Raises:
      UserError: if some are not; of a population it names the members.
    """
    leaves = jax.tree.leaves(tree)
    if any(isinstance(leaf, jax.core.Tracer) for leaf in leaves):
        return
    finite = np.ones(members, bool)
    for leaf in jax.device_get(leaves):
        axes = tuple(range(len(members), np.ndim(leaf)))
        finite &= np.isfinite(leaf).all(axis=axes)
    if not members and not finite:
        raise errors.UserError(
            f"{name} has weights that are not finite, so that it has no value; measure "
            "one that has not diverged."
        )
    if members and not finite.all():
        broken = ", ".join(map(str, np.flatnonzero(~finite)))
        raise errors.UserError(
            f"{name} has weights that are not finite, of the members {broken}; leave "
            "these out with population.take."
        )
