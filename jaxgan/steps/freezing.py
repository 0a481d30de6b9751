"""Weights that stay as they are, such as the lower layers of a discriminator."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from jaxgan import types
from jaxgan.core import errors


def frozen(step: types.Step, layers: Sequence[str]) -> types.Step:
    """A step after which the weights of some layers are what they were.

    The optimiser's moments of those weights go on, to no effect. With the lower layers
    of the discriminator this is FreezeD (Mo et al., Freeze the Discriminator: a Simple
    Baseline for Fine-Tuning GANs, 2020, https://arxiv.org/abs/2002.10964).

    Args:
      step: a `Step`; averages are taken outside of this one.
      layers: the players' modules or weights, as `discriminator.Conv_0`; what lies
        below such a name is frozen.

    Raises:
      UserError: when traced, if a name is of no layer.
    """

    def freezing(hparams, state, batch, key):
        after, metrics = step(hparams, state, batch, key)
        params = freeze(after.params, state.params, layers)
        return after._replace(params=params), metrics

    return freezing


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
      layers: as for `frozen`.

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


def _named(params: types.Pair) -> tuple[list[str], list[Any], Any]:
    paths, structure = jax.tree_util.tree_flatten_with_path(params)
    names = [jax.tree_util.keystr(at, simple=True, separator=".") for at, _ in paths]
    return names, [leaf for _, leaf in paths], structure


def _lies_in(name: str, layer: str) -> bool:
    return name == layer or name.startswith(layer + ".")
