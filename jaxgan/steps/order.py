"""Who moves when: steps one after the other, in turn, or at once."""

import jax
import jax.numpy as jnp

from jaxgan import gradients, types
from jaxgan.core import errors


def repeat(step: types.Step, n: int) -> types.Step:
    """Takes `step` n times, on n equal parts of the batch, one after the other.

    The batch must therefore hold n times the samples that one step should see. The
    metrics are means over the n steps. `repeat(step, 1)` is `step` itself.

    Raises:
      UserError: if n < 1, or (when traced) if n does not divide the batch.

    When:
      For several steps of one player in a row.
    """
    errors.require_whole(n=n)
    if n < 1:
        raise errors.UserError(f"n={n} repeats of a step must be at least 1.")
    if n == 1:
        return step

    def repeated(hparams, state, batch, key):
        def body(state, part_and_key):
            return step(hparams, state, *part_and_key)

        keys = jax.random.split(key, n)
        parts = gradients.parts(batch, n)
        state, metrics = jax.lax.scan(body, state, (parts, keys))
        return state, jax.tree.map(lambda x: jnp.mean(x, axis=0), metrics)

    return types.played_by(types.player_of(step), repeated)


def alternating(
    discriminator: types.Step,
    generator: types.Step,
    n_critic: int = 1,
    n_generator: int = 1,
) -> types.Step:
    """The discriminator's step `n_critic` times, then the generator's `n_generator`.

    The batch is cut into `max(n_critic, n_generator)` equal parts. Every step sees one
    part, in order: the discriminator begins with the first, the generator ends with the
    last. The generator answers the discriminator as it then is. Where the generator
    should move first, give plain functions around the steps in that order.

    Raises:
      UserError: if the players are swapped, a number is < 1, or (when traced) if the
        batch cannot be cut so.

    When:
      The default, with `n_critic` steps of the discriminator to one of the generator.

    References:
      Goodfellow et al., Generative Adversarial Networks, 2014, Algorithm 1,
      https://arxiv.org/abs/1406.2661
    """
    types.check_players(discriminator, generator)
    critic, answer = repeat(discriminator, n_critic), repeat(generator, n_generator)

    def step(hparams, state, batch, key):
        d_key, g_key = jax.random.split(key)
        parts = gradients.parts(batch, max(n_critic, n_generator))

        def some(where):
            return jax.tree.map(
                lambda x: x[where].reshape(-1, *x.shape[2:]),
                parts,
            )

        state, d_metrics = critic(hparams, state, some(slice(n_critic)), d_key)
        last = some(slice(-n_generator, None))
        state, g_metrics = answer(hparams, state, last, g_key)
        return state, {**d_metrics, **g_metrics}

    return step


def simultaneous(discriminator: types.Step, generator: types.Step) -> types.Step:
    """Both players' steps from the same state, each unaware of the other's move.

    Raises:
      UserError: if the players are swapped.

    When:
      To study the game; both players move at once.
    """
    types.check_players(discriminator, generator)

    def step(hparams, state, batch, key):
        d_key, g_key = jax.random.split(key)
        after_d, d_metrics = discriminator(hparams, state, batch, d_key)
        after_g, g_metrics = generator(hparams, state, batch, g_key)
        return joined(state, after_g, after_d), {**d_metrics, **g_metrics}

    return step


def joined(
    state: types.TrainState,
    generator: types.TrainState,
    discriminator: types.TrainState,
) -> types.TrainState:
    """`state`, with each player as it is in the state given for that player.

    Averages are the generator's; a member is alive if it is in both.
    """

    def each(field):
        return types.Pair(
            getattr(generator, field).generator,
            getattr(discriminator, field).discriminator,
        )

    return state._replace(
        params=each("params"),
        collections=each("collections"),
        opt_state=each("opt_state"),
        ema=generator.ema,
        averages=generator.averages,
        alive=generator.alive & discriminator.alive,
    )
