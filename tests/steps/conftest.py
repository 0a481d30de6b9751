"""Two-player games whose dynamics are known, in the form that the steps take."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import pytest

from jaxgan import gradients, types


class Game(NamedTuple):
    """A differentiable game: the generator plays x, the discriminator y.

    Attributes:
      discriminator, generator: their `Gradient`s, which ignore batch and key.
      begin: `(optimizer, hparams, x, y) -> TrainState`.
    """

    discriminator: types.Gradient
    generator: types.Gradient
    begin: Callable[..., types.TrainState]


def numbers(learning_rate=0.1, *, ema_decay=None, players=None, **weights):
    """Hyperparameters, the same for both players unless `players` says otherwise."""
    rate = jnp.asarray(learning_rate, float)
    both = {"learning_rate": rate, **(players or {})}
    return types.HParams(types.Pair(both, both), weights, ema_decay)


def play(step, hparams, state, num_steps, samples=120):
    """The state after so many steps of a compiled loop."""
    batch = types.Batch(jnp.zeros((samples, 1)))

    def body(_, state):
        state, _ = step(hparams, state, batch, jax.random.key(0))
        return state._replace(step=state.step + 1)

    return jax.lax.fori_loop(0, num_steps, body, state)


def norm(state):
    """`|w|` of both players together."""
    return gradients.global_norm(state.params)


def of_losses(generator_loss, discriminator_loss):
    """The game in which each player minimises a function of `(x, y)`."""

    def gradient(player, loss):
        def of_player(hparams, state, batch, key):
            def objective(weights):
                params = state.params._replace(**{player: weights})
                return loss(params.generator, params.discriminator)

            value, grads = jax.value_and_grad(objective)(getattr(state.params, player))
            collections = getattr(state.collections, player)
            return grads, collections, {f"{player}_loss": value}

        return of_player

    def begin(optimizer, hparams, x, y):
        params = types.Pair(jnp.asarray(x), jnp.asarray(y))
        opt_state = types.Pair(
            *(
                optimizer(**of_player).init(weights)
                for of_player, weights in zip(hparams.optimizer, params, strict=True)
            )
        )
        return types.TrainState(
            step=jnp.zeros((), jnp.int32),
            params=params,
            collections=types.Pair({}, {}),
            opt_state=opt_state,
            ema=None if hparams.ema_decay is None else params.generator,
            alive=jnp.ones((), bool),
        )

    return Game(
        gradient("discriminator", discriminator_loss),
        gradient("generator", generator_loss),
        begin,
    )


class Tools(NamedTuple):
    """Everything above, for tests to reach through one fixture."""

    numbers: Callable = numbers
    play: Callable = play
    norm: Callable = norm
    of_losses: Callable = of_losses
    bilinear: Game = of_losses(
        lambda x, y: jnp.sum(x * y), lambda x, y: -jnp.sum(x * y)
    )


@pytest.fixture
def games():
    """Tools to play games: `numbers`, `play`, `norm`, `of_losses`, `bilinear`."""
    return Tools()
