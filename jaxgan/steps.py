"""Steps and their combinators: everything that trains is a `Step`.

A step is `(hparams, state, batch, key) -> (state, metrics)`. The combinators here take
steps and return steps, so that a training rule is read from the inside out:

    d = update("discriminator", gradients.discriminator(gan, loss, penalties))
    g = update("generator", gradients.generator(gan, loss))
    step = quarantine(averaged(alternating(d, g, n_critic=5)))

An optimiser is an optax factory, called inside the traced step with the member's own
numbers, `optimizer(**hparams.optimizer.generator)`: that is what lets learning rates
and betas differ between the members of one compiled program. Arguments that a factory
compares in Python must be bound beforehand with `functools.partial`.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import optax

from jaxgan import errors, types

Optimizer = Callable[..., optax.GradientTransformation]

PLAYERS = types.Pair._fields


def initialise(
    gan: types.GAN, optimizer: Optimizer = optax.adam
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
        params, collections = gan.init(key)
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
    player: str, gradient: types.Gradient, optimizer: Optimizer = optax.adam
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
        params = getattr(state.params, player)
        updates, opt_state = optimizer(**getattr(hparams.optimizer, player)).update(
            grads, getattr(state.opt_state, player), params
        )
        state = state._replace(
            params=state.params._replace(
                **{player: optax.apply_updates(params, updates)}
            ),
            collections=state.collections._replace(**{player: collections}),
            opt_state=state.opt_state._replace(**{player: opt_state}),
        )
        return state, metrics

    return step


def repeat(step: types.Step, n: int) -> types.Step:
    """Takes `step` n times, on n equal parts of the batch, one after the other.

    The batch must therefore hold n times the samples that one step should see. The
    metrics are means over the n steps. `repeat(step, 1)` is `step` itself.

    Raises:
      UserError: if n < 1, or (when traced) if n does not divide the batch.
    """
    if n < 1:
        raise errors.UserError(f"n={n} repeats of a step must be at least 1.")
    if n == 1:
        return step

    def repeated(hparams, state, batch, key):
        def body(state, part_and_key):
            return step(hparams, state, *part_and_key)

        keys = jax.random.split(key, n)
        state, metrics = jax.lax.scan(body, state, (_parts(batch, n), keys))
        return state, jax.tree.map(lambda x: jnp.mean(x, axis=0), metrics)

    return repeated


def alternating(
    discriminator: types.Step, generator: types.Step, n_critic: int = 1
) -> types.Step:
    """The discriminator's step `n_critic` times, then the generator's step.

    The batch holds `n_critic` parts: the discriminator sees one after the other, the
    generator the last one, and answers the discriminator as it then is (Goodfellow et
    al. 2014, Algorithm 1, https://arxiv.org/abs/1406.2661).
    """
    critic = repeat(discriminator, n_critic)

    def step(hparams, state, batch, key):
        d_key, g_key = jax.random.split(key)
        state, d_metrics = critic(hparams, state, batch, d_key)
        last = jax.tree.map(lambda x: x[-1], _parts(batch, n_critic))
        state, g_metrics = generator(hparams, state, last, g_key)
        return state, {**d_metrics, **g_metrics}

    return step


def simultaneous(discriminator: types.Step, generator: types.Step) -> types.Step:
    """Both players' steps from the same state, each unaware of the other's move."""

    def step(hparams, state, batch, key):
        d_key, g_key = jax.random.split(key)
        after_d, d_metrics = discriminator(hparams, state, batch, d_key)
        after_g, g_metrics = generator(hparams, state, batch, g_key)

        def each(field):
            return types.Pair(
                getattr(after_g, field).generator, getattr(after_d, field).discriminator
            )

        state = state._replace(
            params=each("params"),
            collections=each("collections"),
            opt_state=each("opt_state"),
        )
        return state, {**d_metrics, **g_metrics}

    return step


def averaged(step: types.Step) -> types.Step:
    """Keeps an exponential moving average of the generator's weights in `state.ema`.

    `ema <- decay ema + (1 - decay) params`, after each step, with `hparams.ema_decay`.
    The average is for sampling only; training does not see it (Yazici et al. 2018,
    https://arxiv.org/abs/1806.04498).

    Raises:
      UserError: when traced with `hparams.ema_decay=None`.
    """

    def averaging(hparams, state, batch, key):
        if hparams.ema_decay is None:
            raise errors.UserError(
                "hparams.ema_decay=None but the step is averaged; give a decay in "
                "[0, 1) or leave out steps.averaged."
            )
        state, metrics = step(hparams, state, batch, key)
        ema = optax.incremental_update(
            state.params.generator, state.ema, 1.0 - hparams.ema_decay
        )
        return state._replace(ema=ema), metrics

    return averaging


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


def _parts(batch: types.Batch, n: int) -> types.Batch:
    size = batch.x.shape[0]
    if size % n:
        raise errors.UserError(
            f"a batch of {size} samples cannot be cut into {n} equal parts; "
            f"draw a multiple of {n}."
        )
    return jax.tree.map(lambda x: x.reshape(n, size // n, *x.shape[1:]), batch)
