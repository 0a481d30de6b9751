"""Averages of weights: one for sampling, one that training goes back to."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import optax
from jax.typing import ArrayLike

from jaxgan import types
from jaxgan.core import errors
from jaxgan.steps import order

Decay = Callable[[ArrayLike, jax.Array], ArrayLike]
"""`(hparams.ema_decay, steps taken before this one) -> decay of this step`."""


def constant(decay: ArrayLike, num_steps: jax.Array) -> ArrayLike:
    """The decay as it is."""
    del num_steps
    return decay


def warmed_up(decay: ArrayLike, num_steps: jax.Array) -> ArrayLike:
    """`min(decay, (1 + t) / (10 + t))` at step t, counted from 0.

    The average forgets the initial weights quickly: in the first t steps it looks back
    over about t / 9 steps instead of `1 / (1 - decay)`.

    When:
      With `averaged`, to forget the initial weights sooner.
    """
    return jnp.minimum(decay, (1 + num_steps) / (10 + num_steps))


def averaged(step: types.Step, decay: Decay = constant) -> types.Step:
    """Keeps an exponential moving average of the generator's weights in `state.ema`.

    `ema <- decay ema + (1 - decay) params`, after each step, with `hparams.ema_decay`.
    The average is for sampling only; training does not see it.

    Args:
      step: a `Step`, which must not be averaged itself.
      decay: `constant`, or `warmed_up` to start with a short memory.

    Raises:
      UserError: when traced with `hparams.ema_decay=None`.

    When:
      Nearly always; samples are drawn from the average.

    References:
      Yazici et al., The Unusual Effectiveness of Averaging in GAN Training, 2018,
      https://arxiv.org/abs/1806.04498
    """

    def averaging(hparams, state, batch, key):
        if hparams.ema_decay is None:
            raise errors.UserError(
                "hparams.ema_decay=None but the step is averaged; give a decay in "
                "[0, 1) or leave out steps.averaged."
            )
        if state.ema is None:
            raise errors.UserError(
                "hparams.ema_decay is given but the state was initialised without an "
                "average; give it to population.init too."
            )
        rate = 1.0 - decay(hparams.ema_decay, state.step)
        state, metrics = step(hparams, state, batch, key)
        ema = optax.incremental_update(state.params.generator, state.ema, rate)
        return state._replace(ema=_as(state.ema, ema)), metrics

    return averaging


def require(
    hparams: types.HParams, before: types.TrainState, after: types.TrainState
) -> None:
    """Asks that a step which is given a decay, or exponents, moves averages by them.

    One that stays as it was initialised would be sampled in place of what was trained.

    Args:
      hparams: of one member.
      before: what the step was given, in tracing.
      after: what it made of that.

    Raises:
      UserError: if the generator was moved and its average handed on as it was.
    """
    if hparams.ema_decay is None and hparams.averages is None:
        return
    weights = before.params.generator, after.params.generator
    if _same(*weights):
        return
    if hparams.averages is not None and _same(before.averages, after.averages):
        raise errors.UserError(
            "hparams.averages is given but the step keeps no power-function averages; "
            "give steps.power_averaged(step), or leave averages out."
        )
    if hparams.ema_decay is not None and _same(before.ema, after.ema):
        raise errors.UserError(
            "hparams.ema_decay is given but the step keeps no average; give "
            "steps.averaged(step), or leave ema_decay out."
        )


def _same(before: types.Tree, after: types.Tree) -> bool:
    """Whether all leaves were handed on as they were."""
    pairs = zip(jax.tree.leaves(before), jax.tree.leaves(after), strict=True)
    return all(old is new for old, new in pairs)


def lookahead(step: types.Step, k: int = 5, alpha: ArrayLike = 0.5) -> types.Step:
    """Goes back part of the way after every k steps, with both players at once.

    `w <- w_start + alpha (w_k - w_start)`, with `w_k` the weights after k times `step`.
    Optimiser moments and collections stay those of `w_k`. The batch is cut into k equal
    parts, one for each inner step; the metrics are means over the k steps.

    Args:
      step: of both players, such as `alternating(d, g)`.
      k: inner steps, at least 1; structure.
      alpha: how much of the way is kept, in (0, 1]; at 1 this is `repeat(step, k)`.

    Raises:
      UserError: if k < 1, or (when traced) if k does not divide the batch.

    When:
      Against noise, around any other step.

    References:
      Chavdarova et al., Taming GANs with Lookahead-Minmax, 2021,
      https://arxiv.org/abs/2006.14567
    """
    inner = order.repeat(step, k)

    def looking_ahead(hparams, state, batch, key):
        after, metrics = inner(hparams, state, batch, key)
        params = jax.tree.map(
            lambda start, end: start + alpha * (end - start), state.params, after.params
        )
        return after._replace(params=_as(state.params, params)), metrics

    return looking_ahead


def _as(old: types.Tree, new: types.Tree) -> types.Tree:
    """`new` in the dtypes of `old`, so that a float32 rate widens no weights."""
    return jax.tree.map(lambda a, b: b.astype(a.dtype), old, new)
