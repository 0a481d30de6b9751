"""The arrays of a tree by name, and typed keys as the words that they are of."""

from typing import Any

import jax
import numpy as np

from jaxgan import types

IMPLEMENTATIONS = {
    "key<fry>": "threefry2x32",
    "key<rbg>": "rbg",
    "key<urbg>": "unsafe_rbg",
}


def without_keys(leaf: Any) -> Any:
    """The words of typed keys, anything else as it is."""
    return jax.random.key_data(leaf) if _is_key(leaf) else leaf


def with_keys(read: jax.Array, leaf: Any) -> jax.Array:
    """The typed keys that the words are of, if `leaf` holds such."""
    if not _is_key(leaf):
        return read
    return jax.random.wrap_key_data(read, impl=IMPLEMENTATIONS[str(leaf.dtype)])


def _is_key(leaf: Any) -> bool:
    return jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def in_order(leaf: Any) -> np.ndarray:
    """An array whose bytes lie row by row, in the order of this machine.

    Transposed, reversed and strided views are copied, and so are arrays of FORTRAN's
    order or of the other byte order. `np.ascontiguousarray` would make `[1]` of `[]`.
    """
    array = np.asarray(leaf, order="C")
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def raw(array: np.ndarray) -> np.ndarray:
    """The bytes `[n]` of an array that is `in_order`, of whatever type."""
    return array.reshape(-1).view(np.uint8)


def named(tree: types.Tree) -> tuple[dict[str, Any], Any]:
    """The leaves by the names that lead to them, and the structure."""
    paths, structure = jax.tree_util.tree_flatten_with_path(tree)
    names = [
        jax.tree_util.keystr(path, simple=True, separator=".").replace("/", "|")
        for path, _ in paths
    ]
    return dict(zip(names, (leaf for _, leaf in paths), strict=True)), structure


def described(leaf: Any) -> str:
    """Type and shape, as `float32[3, 2]`."""
    return f"{leaf.dtype}{list(leaf.shape)}"
