"""The proximal duality gap, for games without a Nash equilibrium.

The generator moves first and the discriminator answers, but not far from where it is:

    V_p(theta, phi)  = max_psi V(theta, psi) - weight * d(psi, phi)
    DG_p(theta, phi) = max_phi' V_p(theta, phi') - min_theta' V_p(theta', phi)

The first maximum is that of V itself. With a large weight this is the duality gap; with
weight 0 it is what the generator lacks against a discriminator that always answers, 0
at a Stackelberg equilibrium.

References:
  Sidheekh et al., On Characterizing GAN Convergence Through Proximal Duality Gap, 2021,
  https://arxiv.org/abs/2105.04801
  Farnia and Ozdaglar, Do GANs always have Nash equilibria?, 2020,
  https://proceedings.mlr.press/v119/farnia20a.html
"""

from collections.abc import Sequence
from typing import Protocol

import jax
import jax.numpy as jnp
from jax import Array

from jaxgan import types
from jaxgan.dynamics import values
from jaxgan.dynamics.duality import gap as duality
from jaxgan.dynamics.duality import responses
from jaxgan.steps import adaptive, core, field

WEIGHT = "proximal"
"""Under this name `hparams.penalties` holds the weight of the distance."""


class Distance(Protocol):
    """How far the discriminator of one state is from that of another; a scalar >= 0,
    differentiable in the first. The batch is of real samples."""

    def __call__(
        self, state: types.TrainState, anchor: types.TrainState, batch: types.Batch
    ) -> Array: ...


def squared_distance(
    state: types.TrainState, anchor: types.TrainState, batch: types.Batch
) -> Array:
    """The squared Euclidean distance of the discriminators' weights."""
    here, there = state.params.discriminator, anchor.params.discriminator
    difference = field.add(here, -1.0, there)
    return field.dot(difference, difference)


def sobolev(gan: types.GAN) -> Distance:
    """Builds the distance of the papers, `E |grad_x (D(x) - D_0(x))|^2` on real x.

    It is between functions and so does not depend on how weights describe them. D is
    the logit, not in training mode.
    """
    types.require_gan(gan)

    def distance(state, anchor, batch):
        def logits(x, at):
            output, _ = gan.discriminate(
                at.params.discriminator, at.collections.discriminator, x, batch.label
            )
            return output.logits

        def difference(x):
            return jnp.sum(logits(x, state) - logits(x, anchor))

        slope = jax.grad(difference)(batch.x)
        return jnp.sum(jnp.square(slope)) / batch.x.shape[0]

    return distance


def proximal_duality_gap(
    value: values.Value,
    discriminator: types.Gradient,
    generator: types.Step,
    *,
    k: int,
    inner: int,
    optimizer: core.Optimizer = adaptive.adam,
    distance: Distance = squared_distance,
    starts: Sequence[responses.Start] = (),
) -> duality.Measure:
    """Builds the measure of a state's proximal duality gap.

    The weight of the distance is `hparams.penalties["proximal"]`. Before each update of
    the generator, and before it is measured, the discriminator answers it by `inner`
    updates that begin at the state's own.

    Args:
      value: V, such as `values.game_value(gan)`.
      discriminator: gradient of a loss that falls as V rises, of the same slope; the
        distance, with its weight, is added to it.
      generator: step of a loss that falls with V.
      k: updates of each player, at least 1; structure.
      inner: updates of each answer, at least 1; structure.
      optimizer: optax factory of the discriminator's updates.
      distance: d.
      starts: of every response, see `duality_gap`.

    Returns:
      A measure; `worst_for_discriminator` is min V_p, `value` is V.

    Raises:
      UserError: if `k` or `inner` < 1, or the players are swapped. The measure raises
        it if there is no such weight, and for a state that is not finite.
    """
    responses.require_updates(k=k, inner=inner)
    types.check_player("discriminator", discriminator, "discriminator", "gradient")
    types.check_player("generator", generator, "generator")
    up = responses.best_response(
        "discriminator",
        core.update("discriminator", discriminator, optimizer),
        k,
        starts,
    )

    def answer(hparams, weight, state, anchor, batches, key):
        near = _with_distance(discriminator, distance, weight, anchor)
        step = core.update("discriminator", near, optimizer)
        respond = responses.best_response("discriminator", step, inner, starts)
        begun = responses.only("discriminator", state, anchor)
        return respond(hparams, begun, batches, key)

    def measure(hparams, state, batches, held_out, key):
        responses.require_finite(state)
        weight, hparams = field.own_weight(hparams, WEIGHT)
        d_key, g_key, last_key, value_key = jax.random.split(key, 4)
        start_key, g_key = jax.random.split(g_key)

        def body(i, at):
            own_key, step_key = jax.random.split(jax.random.fold_in(g_key, i))
            against = answer(hparams, weight, at, state, batches, own_key)
            batch = responses.batch_of(batches, i)
            after, _ = generator(hparams, against, batch, step_key)
            return responses.only("generator", at, after)._replace(step=at.step + 1)

        begun = responses.started(hparams, state, "generator", starts, start_key)
        low = jax.lax.fori_loop(0, k, body, begun)
        low = answer(hparams, weight, low, state, batches, last_key)
        high = up(hparams, state, batches, d_key)
        worst_for_generator = value(hparams, high, held_out, value_key)
        worst_for_discriminator = value(
            hparams, low, held_out, value_key
        ) - weight * distance(low, state, held_out)
        return duality.DualityGap(
            worst_for_generator - worst_for_discriminator,
            value(hparams, state, held_out, value_key),
            worst_for_generator,
            worst_for_discriminator,
        )

    return measure


def _with_distance(gradient, distance, weight, anchor) -> types.Gradient:
    """The gradient of the discriminator's loss plus its distance from where it was."""

    def near(hparams, state, batch, key):
        grads, collections, metrics = gradient(hparams, state, batch, key)

        def away(params):
            at = state._replace(params=state.params._replace(discriminator=params))
            return distance(at, anchor, batch)

        slope = jax.grad(away)(state.params.discriminator)
        return field.add(grads, weight, slope), collections, metrics

    return types.played_by("discriminator", near, "gradient")
