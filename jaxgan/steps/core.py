"""Where a state comes from, how one player moves, and when a member is given up."""

import inspect
from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
import optax
from jax.typing import ArrayLike

from jaxgan import types
from jaxgan.core import errors
from jaxgan.steps import adaptive, power_averages

Optimizer = Callable[..., optax.GradientTransformation]

Optimizers = Optimizer | types.Pair
"""One optax factory for both players, or a `Pair` of them."""


PLAYERS = types.Pair._fields

BEFORE_ANY_STEP = 2**32 - 1
"""Training folds the step's number into a member's key, initialisation this one."""


def initialise(
    gan: types.GAN, optimizer: Optimizers = adaptive.adam
) -> Callable[..., types.TrainState]:
    """Builds `(hparams, key) -> TrainState` of one member.

    Args:
      gan: the two networks.
      optimizer: optax factory, the same that `update` is built with.

    Returns:
      A pure function. The moving average starts at the initial weights if
      `hparams.ema_decay` is given and is None otherwise, and so are the averages of
      `hparams.averages`. Other weights to begin with
      may be its third argument, `(params, collections)`, each a `Pair`.
    """

    types.require_gan(gan)

    def init(
        hparams: types.HParams,
        key: jax.Array,
        weights: tuple[types.Pair, types.Pair] | None = None,
    ) -> types.TrainState:
        params, collections = weights or first_weights(gan, key)
        opt_state = types.Pair(
            *(
                built(optimizer, hparams, player).init(getattr(params, player))
                for player in PLAYERS
            )
        )
        return types.TrainState(
            step=jnp.zeros((), jnp.int32),
            params=params,
            collections=collections,
            opt_state=opt_state,
            ema=None if hparams.ema_decay is None else params.generator,
            alive=jnp.ones((), bool),
            averages=None
            if hparams.averages is None
            else power_averages.beginning(params.generator, hparams.averages),
        )

    return init


def first_weights(gan: types.GAN, key: jax.Array) -> tuple[types.Pair, types.Pair]:
    """The weights and collections that a member of this key begins with."""
    return gan.init(jax.random.fold_in(key, BEFORE_ANY_STEP))


def update(
    player: str, gradient: types.Gradient, optimizer: Optimizers = adaptive.adam
) -> types.Step:
    """Builds the step that moves one player along its gradient.

    Args:
      player: "generator" or "discriminator".
      gradient: of that player.
      optimizer: optax factory, called with `hparams.optimizer.<player>`.

    Raises:
      UserError: if there is no such player, or the gradient is the other player's.
        When traced, if `hparams.optimizer` does not fit the optimiser, or the state was
        initialised for another one.
    """
    if player not in PLAYERS:
        raise errors.UserError(
            f"player={errors.shown(player)} is not known; "
            f"{errors.choice(player, PLAYERS)}"
        )

    types.check_player("gradient", gradient, player, "gradient")

    def step(hparams, state, batch, key):
        grads, collections, metrics = gradient(hparams, state, batch, key)
        state = move(player, optimizer, hparams, state, grads)
        return state._replace(
            collections=state.collections._replace(**{player: collections})
        ), metrics

    return types.played_by(player, step)


def move(
    player: str,
    optimizer: Optimizers,
    hparams: types.HParams,
    state: types.TrainState,
    grads: types.Tree,
) -> types.TrainState:
    """Moves one player's weights by the optimiser's answer to `grads`.

    Raises:
      UserError: when traced, if the numbers have schedules that nobody looked up.
    """
    if hparams.schedules:
        raise errors.UserError(
            f"hparams.schedules has {sorted(hparams.schedules)[0]!r} but the step is "
            "not scheduled; give steps.scheduled(step), or leave schedules out."
        )
    params, opt_state = getattr(state.params, player), getattr(state.opt_state, player)
    transformation = built(optimizer, hparams, player)
    _check_moments(player, transformation, params, opt_state)
    updates, opt_state = transformation.update(grads, opt_state, params)
    params = optax.apply_updates(params, updates)
    return state._replace(
        params=state.params._replace(**{player: params}),
        opt_state=state.opt_state._replace(**{player: opt_state}),
    )


def built(
    optimizer: Optimizers, hparams: types.HParams, player: str
) -> optax.GradientTransformation:
    """The optimiser of one player, with the numbers of `hparams.optimizer`.

    Raises:
      UserError: if that is no `Pair` of mappings, or the optimiser takes other numbers.
    """
    if not isinstance(hparams.optimizer, types.Pair):
        raise errors.UserError(
            f"hparams.optimizer is a {type(hparams.optimizer).__name__}, but must be a "
            "Pair of the generator's and the discriminator's numbers: "
            "types.Pair(numbers, numbers)."
        )
    numbers = getattr(hparams.optimizer, player)
    if not isinstance(numbers, Mapping):
        raise errors.UserError(
            f"hparams.optimizer.{player} is a {type(numbers).__name__}, but must be a "
            'mapping of the optimiser\'s arguments, such as {"learning_rate": 1e-3}.'
        )
    if isinstance(optimizer, types.Pair):
        optimizer = getattr(optimizer, player)
    return with_numbers(optimizer, numbers)


def with_numbers(
    optimizer: Optimizer, numbers: Mapping[str, ArrayLike]
) -> optax.GradientTransformation:
    """Calls an optax factory, and says which argument it does not take or misses.

    Raises:
      UserError: if there is such an argument.
    """
    parameters = inspect.signature(optimizer).parameters.values()
    takes = [p.name for p in parameters if p.kind is not p.VAR_KEYWORD]
    open_ended = len(takes) < len(parameters)
    for name in numbers:
        if name not in takes and not open_ended:
            raise errors.UserError(
                f"hparams.optimizer has {name!r}, which the optimiser does not take; "
                f"{errors.choice(name, takes, among='among')}"
            )
    missing = [p.name for p in parameters if p.default is p.empty and p.name in takes]
    for name in missing:
        if name not in numbers:
            raise errors.UserError(
                f"hparams.optimizer has no {name!r}, which the optimiser needs; it has "
                f"{sorted(numbers)}."
            )
    return optimizer(**numbers)


def _check_moments(player, transformation, params, opt_state) -> None:
    """Asks that the moments are those of this optimiser; costs nothing but tracing."""
    expected = jax.eval_shape(transformation.init, params)
    if jax.tree.structure(expected) != jax.tree.structure(opt_state):
        raise errors.UserError(
            f"state.opt_state.{player} is of another optimiser than the step's; give "
            "the same to steps.initialise and to steps.update."
        )


def quarantine(step: types.Step) -> types.Step:
    """Freezes a member at its last finite state.

    Where the state after `step` is not finite, the state before it is kept and `alive`
    is cleared for good; from then on the member does not move. Its metrics go on being
    those of the step that failed, so they may be NaN. In a population no other member
    is touched.

    When:
      In every population, so that one member's overflow stops that member alone.
    """

    def guarded(hparams, state, batch, key):
        after, metrics = step(hparams, state, batch, key)
        alive = state.alive & is_finite(after)

        def kept_of(new, old):
            return new if new is old else jnp.where(alive, new, old)

        kept = jax.tree.map(kept_of, after, state)
        return kept._replace(alive=alive), metrics

    return guarded


def is_finite(tree: types.Tree) -> jax.Array:
    """Whether every number in the tree is finite, as a bool scalar."""
    return jnp.all(
        jnp.stack([jnp.all(jnp.isfinite(leaf)) for leaf in jax.tree.leaves(tree)])
    )
