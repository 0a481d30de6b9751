"""The duality gap: what each player would gain if it alone went on.

    DG(theta, phi) = max_phi' V(theta, phi') - min_theta' V(theta', phi)

It is at least 0, and 0 exactly at a Nash equilibrium of the zero-sum game in which the
discriminator maximises V and the generator minimises it. Here the best responses are
what k updates of a step reach, so that both worst cases are estimates from inside and
the gap is one from below: a response that got stuck, or k too small, hides a gap. As
responses learn from some batches and are measured on others, an estimate may be
negative.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

import jax
from jax import Array

from jaxgan import population, types
from jaxgan.data import standardise
from jaxgan.dynamics import values
from jaxgan.dynamics.duality import responses


class DualityGap(NamedTuple):
    """The gap and what it is made of, each a scalar, `[P]` of a population.

    Attributes:
      gap: `worst_for_generator - worst_for_discriminator`.
      value: V at the state itself.
      worst_for_generator: V against the discriminator's best response.
      worst_for_discriminator: V against the generator's best response.
    """

    gap: Array
    value: Array
    worst_for_generator: Array
    worst_for_discriminator: Array


class Measure(Protocol):
    """Measures a state: it responds on `batches` and is measured on `held_out`.

    Both are as the member is trained on, so standardised where that is. The leaves of
    `batches` are `[T, B, ...]`; update i takes batch i mod T.
    """

    def __call__(
        self,
        hparams: types.HParams,
        state: types.TrainState,
        batches: types.Batch,
        held_out: types.Batch,
        key: Array,
    ) -> DualityGap: ...


def duality_gap(
    value: values.Value,
    discriminator: types.Step,
    generator: types.Step,
    *,
    k: int,
    starts: Sequence[responses.Start] = (),
) -> Measure:
    """Builds the measure of a state's duality gap.

    Whatever else a step moves, in a response its opponent stands still. All three
    values are measured on the same held-out samples and latents.

    Args:
      value: V, such as `values.game_value(gan)`.
      discriminator, generator: how the players respond, such as
        `steps.update(player, gradient)`; the losses of their gradients should rise and
        fall with V.
      k: updates of each response, at least 1; structure.
      starts: change where a response starts, in this order; none for the state itself,
        with the moments of its optimiser.

    Raises:
      UserError: if k < 1, or the players are swapped. The measure raises it for a state
        that is not finite, as far as it is not traced.

    References:
      Grnarova et al., A Domain Agnostic Measure for Monitoring and Evaluating GANs,
      2019, https://arxiv.org/abs/1811.05512
    """
    responses.require_updates(k=k)
    types.check_players(discriminator, generator)
    up = responses.best_response("discriminator", discriminator, k, starts)
    down = responses.best_response("generator", generator, k, starts)

    def measure(hparams, state, batches, held_out, key):
        responses.require_finite(state)
        d_key, g_key, value_key = jax.random.split(key, 3)
        worst = (
            up(hparams, state, batches, d_key),
            down(hparams, state, batches, g_key),
        )
        here, high, low = (
            value(hparams, at, held_out, value_key) for at in (state, *worst)
        )
        return DualityGap(high - low, here, high, low)

    return measure


def of_population(measure: Measure, mapper: types.Mapper = population.vmap) -> Callable:
    """Lifts a measure to a population, in one compiled program.

    All members see the same batches and the same held-out samples, each standardised as
    it was in its training.

    Args:
      measure: of one member, such as `duality_gap` builds.
      mapper: see `population.automatic`.

    Returns:
      `(hparams [P], state [P], batches, held_out, keys [P]) -> DualityGap`, `[P]` each.
      It raises UserError for members that are not finite, and unless all have the same
      structure and number.
    """

    @jax.jit
    def measured(hparams, state, batches, held_out, keys):
        def of_member(hparams, state, key):
            own = (standardised(hparams, batch) for batch in (batches, held_out))
            return measure(hparams, state, *own, key)

        return mapper(of_member)(hparams, state, keys)

    def of_all(hparams, state, batches, held_out, keys):
        population.size((hparams, state, keys))
        responses.require_finite(state)
        return measured(hparams, state, batches, held_out, keys)

    return of_all


def standardised(hparams: types.HParams, batch: types.Batch) -> types.Batch:
    """A batch in the units that a member was trained in."""
    if hparams.standardiser is None:
        return batch
    return batch._replace(x=standardise.standardise(hparams.standardiser, batch.x))
