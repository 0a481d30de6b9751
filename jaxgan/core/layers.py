"""The layers of a network, as its tree of weights shows them.

A layer is what owns weights: all leaves whose paths differ in the last key alone, so
that `{"Dense_0": {"bias": b, "kernel": k}, "Norm_0": {"BatchNorm_0": {"scale": s}}}`
has the layers `Dense_0` and `Norm_0/BatchNorm_0`. A leaf at the root is a layer of its
own, called by its key.
"""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

ALONE = "weights"
"""The layer of a tree that is a single array."""


def name_of(path: tuple[Any, ...]) -> str:
    """The layer of the leaf at a path of `jax.tree_util`."""
    owner = path[:-1] or path
    return jax.tree_util.keystr(owner, simple=True, separator="/") or ALONE


def split(tree: Any) -> dict[str, list[jax.Array]]:
    """The leaves of each layer, by its name, in the order of the tree.

    That is the order of the names, and not that in which layers are applied.
    """
    found: dict[str, list[jax.Array]] = {}
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
        found.setdefault(name_of(path), []).append(leaf)
    return found


def chosen(before: Any, after: Any, moved: Mapping[str, ArrayLike]) -> Any:
    """The weights `after` of the layers that are `moved`, and `before` of the others.

    Args:
      before, after: trees of one structure.
      moved: by the name of a layer a bool, which may be traced.
    """

    def choose(path, old, new):
        return jnp.where(moved[name_of(path)], new, old)

    return jax.tree_util.tree_map_with_path(choose, before, after)
