"""Weights that stay as they are, such as the lower layers of a discriminator.

`still` and `holding` go together: the first takes the frozen weights out of the game
that the others play, the second keeps whatever an optimiser or a rule makes of them
from moving them, in every one of a step's updates. With the lower layers of the
discriminator this is FreezeD (Mo et al., Freeze the Discriminator: a Simple Baseline
for Fine-Tuning GANs, 2020, https://arxiv.org/abs/2002.10964).
"""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import optax

from jaxgan import types
from jaxgan.core import errors
from jaxgan.steps import core


def still(gradient: types.Gradient, layers: Sequence[str]) -> types.Gradient:
    """A gradient that is zero for the weights of some layers.

    Its metrics are those of the whole gradient.

    Args:
      gradient: of either player.
      layers: the players' modules or weights, as `discriminator.Conv_0`; what lies
        below such a name is frozen. Those of the other player are left alone.

    Raises:
      UserError: if it is not known whose gradient it is.
    """
    player = types.require_player_of(gradient)

    def masked(hparams, state, batch, key):
        grads, collections, metrics = gradient(hparams, state, batch, key)
        return _without(player, layers, grads), collections, metrics

    return types.played_by(player, masked, "gradient")


def holding(optimizer: core.Optimizer, layers: Sequence[str]) -> types.Pair:
    """The optimisers of both players, which do not move the weights of some layers.

    Neither decay of weights nor what a rule adds to a gradient moves these, and they do
    not count where gradients are clipped by their norm.

    Args:
      optimizer: optax factory.
      layers: as for `still`.

    Returns:
      A `Pair` of optax factories, to be given to `initialise` and to the updates.
    """

    def of_player(player: str) -> core.Optimizer:
        def factory(**numbers) -> optax.GradientTransformation:
            inner = core.with_numbers(optimizer, numbers)

            def update(grads, state, params=None):
                grads = _without(player, layers, grads)
                updates, state = inner.update(grads, state, params)
                return _without(player, layers, updates), state

            return optax.GradientTransformation(inner.init, update)

        return factory

    return types.Pair(*map(of_player, core.PLAYERS))


def frozen(step: types.Step, layers: Sequence[str]) -> types.Step:
    """A step after which the weights of some layers are what they were.

    For what moves weights without an optimiser. Wrap the update of one player, inside
    `alternating` or `repeat`: within a step of several updates the weights would move.

    Args:
      step: a `Step`; averages are taken outside of this one.
      layers: as for `still`.

    Raises:
      UserError: when traced, if a name is of no layer.
    """

    def freezing(hparams, state, batch, key):
        after, metrics = step(hparams, state, batch, key)
        params = freeze(after.params, state.params, layers)
        return after._replace(params=params), metrics

    return types.played_by(types.player_of(step), freezing)


def freeze(after: types.Pair, before: types.Pair, layers: Sequence[str]) -> types.Pair:
    """The weights `after`, but those of the layers as they were `before`.

    Raises:
      UserError: if a name is of no layer.
    """
    check(after, layers)
    names, leaves, structure = _named(after)
    kept = [
        old if any(_lies_in(name, layer) for layer in layers) else new
        for name, new, old in zip(names, leaves, jax.tree.leaves(before), strict=True)
    ]
    return jax.tree.unflatten(structure, map(jnp.asarray, kept))


def check(params: types.Pair, layers: Sequence[str]) -> None:
    """Asks that there are such layers.

    Args:
      params: of both players, or their shapes.
      layers: as for `still`.

    Raises:
      UserError: if a name is of no layer.
    """
    names, _, _ = _named(params)
    for layer in layers:
        if not any(_lies_in(name, layer) for name in names):
            known = dict.fromkeys(".".join(name.split(".")[:2]) for name in names)
            raise errors.UserError(
                f"there is no layer {layer!r}; {errors.choice(layer, known)}"
            )


def _without(player: str, layers: Sequence[str], tree: types.Tree) -> types.Tree:
    """One player's tree with zeros in the place of some layers."""
    names, leaves, structure = _named(tree)
    kept = [
        jnp.zeros_like(leaf)
        if any(_lies_in(f"{player}.{name}", layer) for layer in layers)
        else leaf
        for name, leaf in zip(names, leaves, strict=True)
    ]
    return jax.tree.unflatten(structure, kept)


def _named(params: types.Tree) -> tuple[list[str], list[Any], Any]:
    paths, structure = jax.tree_util.tree_flatten_with_path(params)
    names = [jax.tree_util.keystr(at, simple=True, separator=".") for at, _ in paths]
    return names, [leaf for _, leaf in paths], structure


def _lies_in(name: str, layer: str) -> bool:
    return name == layer or name.startswith(layer + ".")
