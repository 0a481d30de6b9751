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
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from jaxgan import population, types
from jaxgan.core import errors
from jaxgan.data import standardise
from jaxgan.dynamics import values
from jaxgan.steps import core, order


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


class Start(Protocol):
    """Where a player's response starts: `-> state`, of which it has changed its own."""

    def __call__(
        self, hparams: types.HParams, state: types.TrainState, player: str, key: Array
    ) -> types.TrainState: ...


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
    starts: Sequence[Start] = (),
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
    require_updates(k=k)
    types.check_players(discriminator, generator)
    up = best_response("discriminator", discriminator, k, starts)
    down = best_response("generator", generator, k, starts)

    def measure(hparams, state, batches, held_out, key):
        require_finite(state)
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


def best_response(
    player: str, step: types.Step, k: int, starts: Sequence[Start] = ()
) -> Callable[[types.HParams, types.TrainState, types.Batch, Array], types.TrainState]:
    """Builds `(hparams, state, batches, key) -> state` after one player's k updates.

    Args:
      player: who responds; the other one is as before.
      step: of that player, or of both, of which the other's part is taken back.
      k: updates, at least 1; structure.
      starts: see `duality_gap`.

    Raises:
      UserError: if k < 1, or there is no such player.
    """
    require_updates(k=k)
    if player not in core.PLAYERS:
        raise errors.UserError(
            f"player={errors.shown(player)} is not known; "
            f"{errors.choice(player, core.PLAYERS)}"
        )

    def respond(hparams, state, batches, key):
        start_key, key = jax.random.split(key)
        begun = started(hparams, state, player, starts, start_key)

        def body(i, at):
            own_key = jax.random.fold_in(key, i)
            after, _ = step(hparams, at, batch_of(batches, i), own_key)
            return only(player, at, after)._replace(step=at.step + 1)

        return jax.lax.fori_loop(0, k, body, begun)

    return respond


def perturbed(scale: ArrayLike) -> Start:
    """Starts a response near the state: adds `N(0, scale^2)` to the player's weights.

    From the state itself a response may never leave a point at which its gradient
    vanishes without being best.

    Args:
      scale: standard deviation, not negative.

    Raises:
      UserError: if it is negative or not finite, as far as it is not traced.

    References:
      Sidheekh et al., On Duality Gap as a Measure for Monitoring GAN Training, 2021,
      https://arxiv.org/abs/2012.06723
    """
    if not isinstance(scale, jax.core.Tracer) and not 0 <= scale < float("inf"):
        raise errors.UserError(
            f"scale={errors.shown(scale)} of a perturbation must be zero or a positive "
            "number."
        )

    def start(hparams, state, player, key):
        leaves, tree = jax.tree.flatten(getattr(state.params, player))
        keys = jax.random.split(key, len(leaves))
        moved = [
            leaf + scale * jax.random.normal(own, leaf.shape, leaf.dtype)
            for leaf, own in zip(leaves, keys, strict=True)
        ]
        params = {player: jax.tree.unflatten(tree, moved)}
        return state._replace(params=state.params._replace(**params))

    return start


def fresh(optimizer: core.Optimizer) -> Start:
    """Starts a response without the moments of the training.

    So members that were trained by optimisers of different states respond by one.

    Args:
      optimizer: optax factory, the same that the response's step is built with.
    """

    def start(hparams, state, player, key):
        params = getattr(state.params, player)
        moments = core.built(optimizer, hparams, player).init(params)
        return state._replace(opt_state=state.opt_state._replace(**{player: moments}))

    return start


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
        require_finite(state)
        return measured(hparams, state, batches, held_out, keys)

    return of_all


def started(
    hparams: types.HParams,
    state: types.TrainState,
    player: str,
    starts: Sequence[Start],
    key: Array,
) -> types.TrainState:
    """The state from which a player's response starts."""
    for i, start in enumerate(starts):
        state = start(hparams, state, player, jax.random.fold_in(key, i))
    return state


def only(
    player: str, state: types.TrainState, after: types.TrainState
) -> types.TrainState:
    """`state`, of which one player is as it is in `after`."""
    players = {name: after if name == player else state for name in core.PLAYERS}
    return order.joined(state, **players)


def batch_of(batches: types.Batch, i: ArrayLike) -> types.Batch:
    """Batch i mod T of some, whose leaves are `[T, B, ...]`."""
    return jax.tree.map(lambda x: x[i % x.shape[0]], batches)


def standardised(hparams: types.HParams, batch: types.Batch) -> types.Batch:
    """A batch in the units that a member was trained in."""
    if hparams.standardiser is None:
        return batch
    return batch._replace(x=standardise.standardise(hparams.standardiser, batch.x))


def require_updates(**numbers: int) -> None:
    """Asks for whole numbers of updates, at least 1 each.

    Raises:
      UserError: if one is not.
    """
    errors.require_whole(**numbers)
    for name, number in numbers.items():
        if number < 1:
            raise errors.UserError(
                f"{name}={number} updates of a best response must be at least 1."
            )


def require_finite(state: types.TrainState) -> None:
    """Asks for finite weights, of one member or of all, as far as they are not traced.

    Raises:
      UserError: if some are not; of a population it names the members.
    """
    weights = state.params, state.collections
    require_finite_leaves("state", weights, jnp.shape(state.alive))


def require_finite_leaves(
    name: str, tree: types.Tree, members: tuple[int, ...]
) -> None:
    """Asks for finite numbers in a tree, as far as they are not traced.

    Args:
      name: of the argument.
      tree: every leaf has the axes of `members` in front.
      members: `(P,)` of a population, () of one member.

    Raises:
      UserError: if some are not; of a population it names the members.
    """
    leaves = jax.tree.leaves(tree)
    if any(isinstance(leaf, jax.core.Tracer) for leaf in leaves):
        return
    finite = np.ones(members, bool)
    for leaf in jax.device_get(leaves):
        axes = tuple(range(len(members), np.ndim(leaf)))
        finite &= np.isfinite(leaf).all(axis=axes)
    if not members and not finite:
        raise errors.UserError(
            f"{name} has weights that are not finite, so that it has no value; measure "
            "one that has not diverged."
        )
    if members and not finite.all():
        broken = ", ".join(map(str, np.flatnonzero(~finite)))
        raise errors.UserError(
            f"{name} has weights that are not finite, of the members {broken}; leave "
            "these out with population.take."
        )
