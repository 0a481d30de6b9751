"""How far a gradient can be trusted along the step that was taken from it."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from jaxgan import gradients, types
from jaxgan.core import errors
from jaxgan.dynamics.pathologies import covariate_shift
from jaxgan.dynamics.pathologies import layers as own_layers


class AlongStep(NamedTuple):
    """One player's loss and gradient between two states, `[A]` each.

    Attributes:
      loss: at `w + a (w' - w)`, without penalties and terms.
      change: `|g(w + a (w' - w)) - g(w)|`, by which the gradient at w fails to predict
        the one there; 0 for a loss that is linear in w.
      angle: between those gradients, in radians; NaN where one of them is zero.
      smoothness: `change / |a (w' - w)|`, a lower bound of the Lipschitz constant of
        the gradient; NaN where that distance is zero.
    """

    loss: Array
    change: Array
    angle: Array
    smoothness: Array


def along_step(
    gradient: types.Gradient,
    hparams: types.HParams,
    before: types.TrainState,
    after: types.TrainState,
    batch: types.Batch,
    key: Array,
    fractions: ArrayLike,
) -> AlongStep:
    """Follows one player's step from `w` to `w'`, with the opponent as it was before.

    Batch, key and collections are the same all along.

    Args:
      gradient: of the player, with the metric `<player>_loss`.
      hparams: of the gradient.
      before, after: the states around the step.
      batch, key: of the gradient.
      fractions: `[A]`, the values of a; 0 is before the step, 1 after it, and more is
        beyond.

    Raises:
      UserError: if it is not known whose gradient it is, it tells no loss, or the
        states do not fit.

    References:
      Santurkar et al., How Does Batch Normalization Help Optimization?, 2018, section
      3, https://arxiv.org/abs/1805.11604
    """
    player = types.require_player_of(gradient)
    own_layers.check_states(before, after)
    old, new = (getattr(state.params, player) for state in (before, after))
    step = jax.tree.map(jnp.subtract, new, old)
    fractions = jnp.asarray(fractions, jnp.float32)
    if fractions.ndim != 1:
        raise errors.UserError(
            f"fractions has shape {fractions.shape}, but must be [A]; give a list."
        )

    def at(fraction):
        own = jax.tree.map(lambda w, s: w + fraction * s, old, step)
        state = before._replace(params=before.params._replace(**{player: own}))
        grads, _, metrics = gradient(hparams, state, batch, key)
        if f"{player}_loss" not in metrics:
            raise errors.UserError(
                f"gradient has no metric {player}_loss among {sorted(metrics)}; add it."
            )
        return grads, metrics[f"{player}_loss"]

    def body(first, place):
        grads, loss = at(jnp.where(place < 0, 0.0, fractions[place]))
        first = jax.tree.map(lambda a, b: jnp.where(place < 0, b, a), first, grads)
        return first, (loss, covariate_shift.compared(first, grads))

    places = jnp.arange(-1, fractions.size)
    zero = jax.tree.map(jnp.zeros_like, old)
    _, (loss, shift) = jax.lax.scan(body, zero, places)
    distance = jnp.abs(fractions) * gradients.global_norm(step)
    change = shift.norm[1:]
    return AlongStep(loss[1:], change, shift.angle[1:], change / distance)
