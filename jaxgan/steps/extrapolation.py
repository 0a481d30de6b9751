"""Steps that first look where the players are heading.

All samples and keys are those of one step: both evaluations of a gradient see the same
batch and the same latents, so that each rule is the textbook's on the sampled game
(Mishchenko et al., Revisiting Stochastic Extragradient, 2019,
https://arxiv.org/abs/1905.11373).
"""

import jax

from jaxgan import types
from jaxgan.core import errors
from jaxgan.steps import core, optimizers, order


def extragradient(step: types.Step) -> types.Step:
    """Moves the weights as `step` would move them one step later.

    `w' = w + u(w)`, then `w <- w + u(w')`, with u the update of the optimiser; with
    `optax.sgd` that is `w <- w - eta v(w - eta v(w))`. Moments and collections advance
    in both evaluations. Unlike `simultaneous` it converges on the game xy, for eta < 1.

    Args:
      step: of both players, normally `simultaneous(d, g)`. Wrap `averaged` and
        `quarantine` around the outside.

    Returns:
      A `Step` that costs two of `step`; the metrics are those at w.

    When:
      Against rotation.

    References:
      Korpelevich, The extragradient method for finding saddle points and other
      problems, 1976.
      Gidel et al., A Variational Inequality Perspective on Generative Adversarial
      Networks, 2019, https://arxiv.org/abs/1802.10551
    """

    def extrapolating(hparams, state, batch, key):
        ahead, metrics = step(hparams, state, batch, key)
        after, _ = step(hparams, ahead, batch, key)
        return _from(state, ahead, after), metrics

    return extrapolating


def extragradient_from_the_past(
    step: types.Step, optimizer: core.Optimizer
) -> types.Step:
    """Extragradient that extrapolates with the gradient of the step before.

    `w' = w - eta v_last`, `v_last <- v(w')`, `w <- w - eta v_last`: one evaluation of
    the gradients a step instead of two. `v_last` is zero at the beginning. As in
    `extragradient`, the optimiser's moments are updated in both.

    Args:
      step: of both players, built with `optimizer`, and taking each gradient once.
      optimizer: `remembering(...)`, also given to `initialise`.

    Returns:
      A `Step`; the metrics are those at w'.

    Raises:
      UserError: when traced with a state whose optimiser remembers nothing.

    When:
      Against rotation, at the price of one gradient.

    References:
      Popov, A modification of the Arrow-Hurwicz method for search of saddle points,
      1980.
      Gidel et al., A Variational Inequality Perspective on Generative Adversarial
      Networks, 2019, section 3.3, https://arxiv.org/abs/1802.10551
    """

    def extrapolating(hparams, state, batch, key):
        ahead = state
        for player in core.PLAYERS:
            memory = getattr(state.opt_state, player)
            if not isinstance(memory, optimizers.Memory):
                raise errors.UserError(
                    f"the {player}'s optimiser state is a {type(memory).__name__} "
                    "without the last gradient; build the state, the updates and "
                    "extragradient_from_the_past with steps.remembering(optimizer)."
                )
            ahead = core.move(player, optimizer, hparams, ahead, memory.gradient)
        after, metrics = step(hparams, ahead, batch, key)
        return _from(state, ahead, after), metrics

    return extrapolating


def lola(discriminator: types.Step, generator: types.Step) -> types.Step:
    """Each player answers where the other is about to go: one-step look-ahead.

    `theta <- theta - eta v_G(theta, phi - eta v_D)` and
    `phi <- phi - eta v_D(theta - eta v_G, phi)`, the opponent's move being the one that
    its own step, with its own optimiser, would make from the same state. This is the
    look-ahead part of learning with opponent-learning awareness; the part by which a
    player shapes the other's learning needs each objective's gradient by the
    opponent's weights, which a `Gradient` does not give, and is left out. On the game
    xy it coincides with extragradient.

    Args:
      discriminator: step of the discriminator.
      generator: step of the generator.

    Returns:
      A `Step` that costs both steps twice; moments and collections of a player advance
      once. The metrics are those against the foreseen opponent.

    When:
      To look one step ahead, without the shaping term that `gradients.unrolled(1)` has.

    References:
      Zhang and Lesser, Multi-Agent Learning with Policy Prediction, AAAI 2010.
      Foerster et al., Learning with Opponent-Learning Awareness, 2018,
      https://arxiv.org/abs/1709.04326
      Letcher et al., Stable Opponent Shaping in Differentiable Games, 2019,
      https://arxiv.org/abs/1811.08469
    """
    plan = order.simultaneous(discriminator, generator)

    def step(hparams, state, batch, key):
        foreseen, _ = plan(hparams, state, batch, key)
        against_g = order.joined(state, generator=foreseen, discriminator=state)
        against_d = order.joined(state, generator=state, discriminator=foreseen)
        d_key, g_key = jax.random.split(key)
        after_d, d_metrics = discriminator(hparams, against_g, batch, d_key)
        after_g, g_metrics = generator(hparams, against_d, batch, g_key)
        return order.joined(state, after_g, after_d), {**d_metrics, **g_metrics}

    return step


def _from(
    state: types.TrainState, ahead: types.TrainState, after: types.TrainState
) -> types.TrainState:
    """`after`, with the move from `ahead` to it made from the weights of `state`."""
    params = jax.tree.map(
        lambda start, a, b: start + (b - a), state.params, ahead.params, after.params
    )
    return after._replace(params=params)
