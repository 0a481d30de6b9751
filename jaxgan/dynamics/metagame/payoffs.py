"""The meta-game of a population: every generator against every discriminator.

Entry (i, j) of a payoff matrix `[G, D]` is `V(G_i, D_j)`, which the discriminator
maximises and the generator minimises: the generator of row i pays it to the
discriminator of column j. Members may be seeds, settings or checkpoints of one run.
"""

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from jaxgan import ensembles, losses, types
from jaxgan.core import errors, randomness
from jaxgan.data import standardise
from jaxgan.dynamics import values
from jaxgan.dynamics.duality import responses
from jaxgan.dynamics.metagame import matrix_games

BLOCK = 1024
"""Samples that a network sees at a time, which bounds the memory of a matrix."""


class Side(NamedTuple):
    """The members that one player may choose from.

    Attributes:
      params: their weights, every leaf `[M, ...]`.
      collections: of the same player, every leaf `[M, ...]`.
      standardiser: of the data that each was trained on, `[M, ...]`, or None.
    """

    params: types.Tree
    collections: types.Tree
    standardiser: standardise.Standardiser | None = None


def payoff_matrix(
    gan: types.GAN,
    payoff: values.Payoff = losses.minimax_value,
    *,
    block: int = BLOCK,
) -> Callable[[types.Pair, types.Batch, Array], Array]:
    """Builds the payoff matrix of some generators and discriminators.

    One compiled program. Each generator generates once, all of the same latents; each
    discriminator sees the real samples once and each generator's once. Neither is in
    training mode. A member's row and column have the same numbers whoever else plays.

    Args:
      gan: that all members were trained as.
      payoff: of the logits; the minimax value by default, `payoff_of` gives others.
      block: samples that a network sees at a time, static.

    Returns:
      `(sides, batch [N], key) -> [G, D]`: `sides` is a `Pair` of `Side`, `batch` holds
      real samples in the units of the data, and labels if the GAN is conditional, of
      which the generators are asked for the same. It raises UserError for members of
      another structure, or that are not finite, before anything is compiled.

    Raises:
      UserError: if block < 1, or the payoff of a mixture of generators is not the mean
        of their payoffs, so that there is no matrix game.
    """
    types.require_gan(gan)
    errors.require_whole(block=block)
    if block < 1:
        raise errors.UserError(f"block={block} samples must be at least 1.")
    require_value(payoff)

    @jax.jit
    def play(sides, batch, key):
        z = gan.latent(key, batch.x.shape[0])

        def logits(member, x):
            def discriminate(x, label):
                output, _ = gan.discriminate(
                    member.params, member.collections, x, label
                )
                return output.logits

            if member.standardiser is not None:
                x = standardise.standardise(member.standardiser, x)
            return _in_blocks(discriminate, block, x, batch.label)

        def of_generator(member):
            def generate(z, label):
                return gan.generate(member.params, member.collections, z, label)[0]

            fake = _in_blocks(generate, block, z, batch.label)
            if member.standardiser is not None:
                fake = standardise.unstandardise(member.standardiser, fake)

            def against(opponent):
                return payoff(opponent[1], logits(opponent[0], fake))

            return jax.lax.map(against, (sides.discriminator, real_logits))

        real_logits = jax.lax.map(lambda m: logits(m, batch.x), sides.discriminator)
        return jax.lax.map(of_generator, sides.generator)

    def matrix(sides: types.Pair, batch: types.Batch, key: Array) -> Array:
        _require_members(gan, sides)
        return play(sides, batch, randomness.threefry(key))

    return matrix


def sides(state: types.TrainState, hparams: types.HParams | None = None) -> types.Pair:
    """Both sides of a population that plays against itself, a `Pair` of `Side`.

    The players are as they train; where the moving average of a generator is to play,
    put it into the state's parameters first.

    Args:
      state: of the members, every leaf `[P, ...]`.
      hparams: of the members, for their standardisers, or None if they have none.
    """
    types.require_state(state)
    own = None if hparams is None else hparams.standardiser
    return types.Pair(
        *(
            Side(params, collections, own)
            for params, collections in zip(state.params, state.collections, strict=True)
        )
    )


def nash_mixture(
    gan: types.GAN,
    generators: Side,
    weights: ArrayLike,
    key: Array,
    classes: Array | None = None,
) -> ensembles.Mixture:
    """The mixture of some generators, ready to be sampled and kept.

    Each generator has its batch statistics collected anew, see `ensembles.mixture`;
    those without any are as they played.

    Args:
      gan: that they were trained as.
      generators: M of them.
      weights: `[M]`, such as the `row` of `matrix_games.solve`.
      key: consumed by the standing statistics.
      classes: `[M, K]` probabilities of the labels, or None for unconditional
        generators.

    Raises:
      UserError: if there is not a probability for each generator.
    """
    total = len(jax.tree.leaves(generators.params)[0])
    weights = jnp.asarray(matrix_games.as_mixture("weights", weights, total))
    mixture = ensembles.Mixture(weights.astype(jnp.float32), *generators, classes)
    return ensembles.with_standing_statistics(gan, mixture, key)


def payoff_of(loss: str | types.Loss) -> values.Payoff:
    """The payoff that a loss plays for: the discriminator's loss, negated.

    For `minimax` and `non_saturating` it is the minimax value. Where a loss is no
    zero-sum game, as the hinge loss, the generator minimises what its opponent
    maximises and not its own loss.

    Args:
      loss: a key of `losses.LOSSES`, or a loss.

    Raises:
      UserError: if there is no such loss, or it has no value: those that compare real
        samples with fake ones, as the relativistic losses.
    """
    own = losses.get(loss) if isinstance(loss, str) else loss
    if not isinstance(own, types.Loss):
        raise errors.UserError(
            f"loss is {errors.shown(loss)}, but must be a Loss or the name of one; "
            "losses.get(name) gives one."
        )

    def payoff(real_logits, fake_logits):
        return -own.discriminator(real_logits, fake_logits)

    if not _has_value(payoff):
        named = f"loss={loss!r}" if isinstance(loss, str) else "loss"
        known = ", ".join(name for name in losses.LOSSES if _known(name))
        raise errors.UserError(
            f"{named} has no value in a payoff matrix, as it compares real samples "
            f"with fake ones; give one of {known}."
        )
    return payoff


def require_value(payoff: values.Payoff) -> None:
    """Asks that a mixture of generators is worth the mean of their payoffs.

    That is tried on a few numbers.

    Raises:
      UserError: if it is not.
    """
    if not _has_value(payoff):
        raise errors.UserError(
            f"payoff={errors.shown(payoff)} is no value: of a mixture of two fakes it "
            "is not the mean of both, as in losses that compare pairs; give "
            "losses.minimax_value or dynamics.payoff_of(name)."
        )


def _has_value(payoff) -> bool:
    """Whether the payoff is linear in the distribution of the fake samples."""
    with jax.ensure_compile_time_eval():
        real = jnp.array([1.5, -0.5, 0.25])
        fakes = jnp.array([[-1.0, 0.5, 2.0], [0.75, -2.5, -0.25]])
        try:
            both = payoff(real, jnp.concatenate(fakes))
            apart = jnp.mean(jnp.stack([payoff(real, fake) for fake in fakes]))
        except errors.UserError:  # of a loss that needs as many fake samples as real
            return False
        return bool(jnp.allclose(both, apart, rtol=1e-4, atol=1e-5))


@functools.cache
def _known(name: str) -> bool:
    loss = losses.LOSSES[name]
    return _has_value(lambda real, fake: -loss.discriminator(real, fake))


def _in_blocks(function, block, *arrays):
    """`function(*arrays)`, of which it sees so many rows at a time."""
    total = jax.tree.leaves(arrays)[0].shape[0]
    size = min(block, total)
    index = np.minimum(np.arange(total + -total % size), total - 1)
    blocks = jax.tree.map(lambda x: x[index].reshape(-1, size, *x.shape[1:]), arrays)
    out = jax.lax.map(lambda rows: function(*rows), blocks)
    return out.reshape(-1, *out.shape[2:])[:total]


def _require_members(gan: types.GAN, sides: types.Pair) -> None:
    """Asks for finite members of this GAN on both sides."""
    expected = jax.eval_shape(gan.init, randomness.key(0))
    for player, side in sides._asdict().items():
        wanted = tuple(getattr(own, player) for own in expected)
        given = side.params, side.collections
        leaves = jax.tree.leaves(given)
        same = jax.tree.structure(given) == jax.tree.structure(wanted)
        members = {jnp.shape(leaf)[:1] for leaf in leaves}
        if (
            not same
            or len(members) != 1
            or members == {()}
            or any(
                jnp.shape(leaf)[1:] != one.shape
                for leaf, one in zip(leaves, jax.tree.leaves(wanted), strict=True)
            )
        ):
            raise errors.UserError(
                f"sides.{player} are not {player}s of this GAN, every leaf with one "
                "axis of members in front; members of different structure cannot play "
                "in one matrix."
            )
        responses.require_finite_leaves(f"sides.{player}", given, *members)
