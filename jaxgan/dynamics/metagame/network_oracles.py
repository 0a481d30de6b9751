"""Double oracle of a GAN: networks respond to mixtures of networks by training."""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxgan import losses, population, types
from jaxgan.core import errors, randomness
from jaxgan.dynamics import values
from jaxgan.dynamics.duality import responses
from jaxgan.dynamics.metagame import double_oracle as oracles
from jaxgan.dynamics.metagame import payoffs
from jaxgan.steps import adaptive, core


def against(
    player: str, gradient: types.Gradient, opponents: payoffs.Side, weights: Array
) -> types.Gradient:
    """The gradient of one player against a mixture of opponents.

    The mean of its gradients against each of them, all with the same batch and latents,
    in one vmapped program; collections and metrics are such means too.

    Args:
      player: whose gradient.
      gradient: of that player.
      opponents: M of them.
      weights: `[M]`, summing to 1; those of weight 0 cost as much as others.

    Raises:
      UserError: if the gradient is the other player's.
    """
    types.check_player("gradient", gradient, player, "gradient")
    other = _other(player)

    def mixed(hparams, state, batch, key):
        def against_one(opponent):
            at = state._replace(
                params=state.params._replace(**{other: opponent.params}),
                collections=state.collections._replace(**{other: opponent.collections}),
            )
            return gradient(hparams, at, batch, key)

        every = jax.vmap(against_one)(opponents._replace(standardiser=None))
        return jax.tree.map(mean, every)

    def mean(leaf):
        if not jnp.issubdtype(leaf.dtype, jnp.inexact):
            return leaf[0]
        return jnp.tensordot(weights.astype(leaf.dtype), leaf, 1)

    return types.played_by(player, mixed, "gradient")


def gan_oracles(
    gan: types.GAN,
    hparams: types.HParams,
    discriminator: types.Gradient,
    generator: types.Gradient,
    batches: types.Batch,
    held_out: types.Batch,
    key: Array,
    *,
    k: int,
    capacity: int,
    optimizer: core.Optimizer = adaptive.adam,
    payoff: values.Payoff = losses.minimax_value,
) -> oracles.Oracles:
    """The oracles of a GAN, for `double_oracle`.

    A strategy is `(params, collections)` of one network. A response begins at its
    player's heaviest strategy, with fresh moments, and takes k updates against the
    opponent's mixture. Its programs are compiled once, for as many strategies as a
    player may have; places that are empty are computed and not used.

    Args:
      gan: both players.
      hparams: of one member; the optimiser's numbers of the responses.
      discriminator, generator: gradients of losses that rise and fall with V.
      batches: `[T, B, ...]` to respond on, taken in turn.
      held_out: `[N, ...]` on which payoffs are measured.
      key: of the latents, and of the responses.
      k: updates of a response, at least 1; structure.
      capacity: strategies that each player may have, at least 2: two more than the
        rounds are always enough.
      optimizer: optax factory of the responses.
      payoff: V, of the logits.

    Raises:
      UserError: if a number is too small, the players are swapped, or the payoff has no
        value. The oracles raise it if there are more strategies than places.
    """
    responses.require_updates(k=k)
    errors.require_whole(capacity=capacity)
    if capacity < 2:
        raise errors.UserError(f"capacity={capacity} strategies must be at least 2.")
    types.check_players(discriminator, generator, "gradient")
    play = payoffs.payoff_matrix(gan, payoff)
    own = types.Pair(generator, discriminator)
    train = {
        player: _training(player, getattr(own, player), optimizer, hparams, k)
        for player in core.PLAYERS
    }
    value_key, response_key = jax.random.split(randomness.threefry(key))

    def side(strategies: Sequence) -> payoffs.Side:
        if len(strategies) > capacity:
            raise errors.UserError(
                f"capacity={capacity} is less than the {len(strategies)} strategies "
                "that there are; give two more than the rounds."
            )
        padded = [*strategies, *strategies[:1] * (capacity - len(strategies))]
        return payoffs.Side(*population.stack(padded))

    def matrix(rows, columns):
        sides = types.Pair(side(rows), side(columns))
        return np.asarray(play(sides, held_out, value_key))[: len(rows), : len(columns)]

    def respond(player, game):
        mine, theirs = (game.rows, game.columns), (game.columns, game.rows)
        mixtures = game.solution.row, game.solution.column
        at = core.PLAYERS.index(player)
        opponents, weights = theirs[at], mixtures[1 - at]
        weights = np.pad(weights, (0, capacity - len(weights)))
        best = mine[at][int(np.argmax(mixtures[at]))]
        number = len(game.rows) + len(game.columns)
        own_key = jax.random.fold_in(response_key, 2 * number + at)
        weights = jnp.asarray(weights, jnp.float32)
        return train[player](best, side(opponents), weights, batches, own_key)

    return oracles.Oracles(matrix, respond)


def _training(player, gradient, optimizer, hparams, k) -> Callable:
    """Builds `(own, opponents, weights, batches, key) -> own` after k updates."""
    other = _other(player)

    @jax.jit
    def train(own, opponents, weights, batches, key):
        mixed = against(player, gradient, opponents, weights)
        opponent = population.take((opponents.params, opponents.collections), 0)
        params, collections = (
            types.Pair(**{player: mine, other: theirs})
            for mine, theirs in zip(own, opponent, strict=True)
        )
        state = types.TrainState(
            jnp.zeros((), jnp.int32),
            params,
            collections,
            types.Pair(None, None),
            None,
            jnp.ones((), bool),
        )
        step = core.update(player, mixed, optimizer)
        starts = (responses.fresh(optimizer),)
        respond = responses.best_response(player, step, k, starts)
        after = respond(hparams, state, batches, key)
        return getattr(after.params, player), getattr(after.collections, player)

    return train


def _other(player: str) -> str:
    return next(name for name in core.PLAYERS if name != player)
