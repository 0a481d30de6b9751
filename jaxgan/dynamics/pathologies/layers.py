"""The layers of both players: in which order they come, and what goes into them."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxgan import types
from jaxgan.core import errors, layers
from jaxgan.networks import layer_inputs

OPPONENTS = ("frozen", "moved")
"""Whether the other player stays as it was before a step, or moves as well."""


def order(gan: types.GAN, batch: types.Batch) -> types.Pair:
    """The names of each player's layers, in the order in which they are applied.

    Traces the networks once and computes nothing.

    Args:
      gan: whose networks are Flax modules, as those of `gan.make` are.
      batch: as in training, or its shapes.

    Raises:
      UserError: if weights belong to no Flax module, so that their order is not known.
    """
    names: list[tuple[str, ...]] = []

    def trace(key, batch):
        params, collections = gan.init(key)
        given = inputs(gan, params, collections, batch, key)
        for player, own, weights in zip(given._fields, given, params, strict=True):
            _require_all(player, own, weights)
            names.append(tuple(own))

    jax.eval_shape(trace, jax.random.key(0), batch)
    return types.Pair(*names)


def inputs(
    gan: types.GAN,
    params: types.Pair,
    collections: types.Pair,
    batch: types.Batch,
    key: Array,
) -> types.Pair:
    """What goes into each layer when generated and real samples are told apart.

    Statistics are those of the batch, as in training, which the real and the generated
    samples pass one after the other.

    Args:
      gan: whose networks are Flax modules.
      params, collections: of both players.
      batch: of real samples; as many are generated, with its labels.
      key: of the latents.

    Returns:
      Per player, by the name of a layer, the inputs `[N, ..., C]`; of the discriminator
      those for the real samples come first.
    """
    z = gan.latent(key, batch.x.shape[0])

    def generate():
        own = params.generator, collections.generator
        return gan.generate(*own, z, batch.label, train=True)

    def discriminate():
        own, used = params.discriminator, collections.discriminator
        _, used = gan.discriminate(own, used, batch.x, batch.label, train=True)
        return gan.discriminate(own, used, fake, batch.label, train=True)

    (fake, _), of_generator = layer_inputs.layer_inputs(generate)
    _, of_discriminator = layer_inputs.layer_inputs(discriminate)
    return types.Pair(of_generator, of_discriminator)


def check_opponent(opponent: str) -> None:
    """Asks for one of `OPPONENTS`.

    Raises:
      UserError: if it is another word.
    """
    if opponent not in OPPONENTS:
        raise errors.UserError(
            f"opponent={errors.shown(opponent)} is not known; "
            f"{errors.choice(opponent, OPPONENTS)}"
        )


def check_states(before: types.TrainState, after: types.TrainState) -> None:
    """Asks for two states of the same GAN.

    Raises:
      UserError: if their weights have other structures or shapes, or are not finite,
        as far as they are not traced.
    """
    for name, state in (("before", before), ("after", after)):
        types.require_state(state)
        _require_finite(name, state)
    shapes = [
        [(jax.tree_util.keystr(path), jnp.shape(leaf)) for path, leaf in leaves]
        for leaves in (
            jax.tree_util.tree_leaves_with_path(state.params)
            for state in (before, after)
        )
    ]
    if shapes[0] != shapes[1]:
        raise errors.UserError(
            "before and after hold weights of different networks; give two states of "
            "the same member."
        )


def check_names(names: Sequence[str], weights: types.Tree) -> None:
    """Asks for each layer of a player once.

    Raises:
      UserError: if one is missing, comes twice or is not known.
    """
    there = list(layers.split(weights))
    if sorted(names) != sorted(there):
        raise errors.UserError(
            f"layers is {list(names)}, but must name each of {there} once, in the "
            "order in which they are applied; dynamics.layer_order gives it."
        )


def _require_finite(name: str, state: types.TrainState) -> None:
    leaves = jax.tree.leaves(state.params)
    if any(isinstance(leaf, jax.core.Tracer) for leaf in leaves):
        return
    if not all(np.isfinite(leaf).all() for leaf in leaves):
        raise errors.UserError(
            f"{name} holds weights that are not finite; give a member that is alive."
        )


def _require_all(player: str, given: dict[str, Array], weights: types.Tree) -> None:
    unseen = [name for name in layers.split(weights) if name not in given]
    if unseen:
        raise errors.UserError(
            f"the {player}'s layers {unseen} are no Flax modules, so that it is not "
            "known when they are applied; write their order down yourself."
        )
