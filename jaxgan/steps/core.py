"""Where a state comes from, how one player moves, and when a member is given up."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import optax

from jaxgan import errors, types
from jaxgan.steps import adaptive

Optimizer = Callable[..., optax.GradientTransformation]

PLAYERS = types.Pair._fields

BEFORE_ANY_STEP = 2**32 - 1
"""Training folds the step's number into a member's key, initialisation this one."""


def initialise(
    gan: types.GAN, optimizer: Optimizer = adaptive.adam
) -> Callable[[types.HParams, jax.Array], types.TrainState]:
    """Builds `(hparams, key) -> TrainState` of one member.

    Args:
      gan: the two networks.
      optimizer: optax factory, the same that `update` is built with.

    Returns:
      A pure function. The moving average starts at the initial weights if
      `hparams.ema_decay` is given and is None otherwise.
    """

    def init(hparams: types.HParams, key: jax.Array) -> types.TrainState:
        params, collections = gan.init(jax.random.fold_in(key, BEFORE_ANY_STEP))
        opt_state = types.Pair(
            *(
                optimizer(**numbers).init(weights)
                for numbers, weights in zip(hparams.optimizer, params, strict=True)
            )
        )
        return types.TrainState(
            step=jnp.zeros((), jnp.int32),
            params=params,
            collections=collections,
            opt_state=opt_state,
            ema=None if hparams.ema_decay is None else params.generator,
            alive=jnp.ones((), bool),
        )

    return init


def update(
    player: str, gradient: types.Gradient, optimizer: Optimizer = adaptive.adam
) -> types.Step:
    """Builds the step that moves one player along its gradient.

    Args:
      player: "generator" or "discriminator".
      gradient: of that player.
      optimizer: optax factory, called with `hparams.optimizer.<player>`.

    Raises:
      UserError: if there is no such player.
    """
    if player not in PLAYERS:
        raise errors.UserError(
            f"player={player!r} is not known; choose one of {', '.join(PLAYERS)}."
        )

    def step(hparams, state, batch, key):
        grads, collections, metrics = gradient(hparams, state, batch, key)
        state = move(player, optimizer, hparams, state, grads)
        return state._replace(
            collections=state.collections._replace(**{player: collections})
        ), metrics

    return step


def move(
    player: str,
    optimizer: Optimizer,
    hparams: types.HParams,
    state: types.TrainState,
    grads: types.Tree,
) -> types.TrainState:
    """Moves one player's weights by the optimiser's answer to `grads`."""
    params = getattr(state.params, player)
    updates, opt_state = optimizer(**getattr(hparams.optimizer, player)).update(
        grads, getattr(state.opt_state, player), params
    )
    params = optax.apply_updates(params, updates)
    return state._replace(
        params=state.params._replace(**{player: params}),
        opt_state=state.opt_state._replace(**{player: opt_state}),
    )


def quarantine(step: types.Step) -> types.Step:
    """Freezes a member at its last finite state.

    Where the state after `step` is not finite, the state before it is kept and `alive`
    is cleared for good; from then on the member does not move. Its metrics go on being
    those of the step that failed, so they may be NaN. In a population no other member
    is touched.
    """

    def guarded(hparams, state, batch, key):
        after, metrics = step(hparams, state, batch, key)
        alive = state.alive & is_finite(after)
        kept = jax.tree.map(lambda new, old: jnp.where(alive, new, old), after, state)
        return kept._replace(alive=alive), metrics

    return guarded


def is_finite(tree: types.Tree) -> jax.Array:
    """Whether every number in the tree is finite, as a bool scalar."""
    return jnp.all(
        jnp.stack([jnp.all(jnp.isfinite(leaf)) for leaf in jax.tree.leaves(tree)])
    )
