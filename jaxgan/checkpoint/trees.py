"""Trees of arrays in one file that cannot run code when it is read."""

import hashlib
import json
import pathlib
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from jaxgan import errors, files, types

FORMAT, ENTRY = "jaxgan-tree-3", "jaxgan"

WITHOUT_DIGEST = "jaxgan-tree-2"
"""The format before, which is still read."""


def save_tree(path: pathlib.Path, tree: types.Tree, description: Any) -> None:
    """Writes nested dictionaries of arrays into one file, whole or not at all.

    The file is in the format safetensors: the arrays, and metadata in JSON with the
    keys that lead to each of them, with `description`, and with the SHA-256 of it all.

    Args:
      path: of the file; one that exists is replaced.
      tree: nested dictionaries with string keys and arrays as leaves.
      description: anything that JSON can hold.
    """
    from safetensors import numpy as safetensors

    leaves = jax.tree_util.tree_flatten_with_path(tree)[0]
    arrays = {_name(i, keys): np.asarray(leaf) for i, (keys, leaf) in enumerate(leaves)}
    header = {
        "format": FORMAT,
        "keys": {_name(i, keys): _keys(keys) for i, (keys, _) in enumerate(leaves)},
        "description": description,
    }
    header["sha256"] = _digest(header, arrays)
    # In one entry, as the order of several would change from run to run.
    metadata = {ENTRY: json.dumps(header)}
    files.write_whole(path, lambda name: safetensors.save_file(arrays, name, metadata))


def load_tree(path: pathlib.Path) -> tuple[types.Tree, Any]:
    """Reads what `save_tree` wrote.

    Returns:
      The tree, of NumPy arrays, and the description.

    Raises:
      UserError: if there is no such file, it was not written by `save_tree`, or is no
        longer as it was written.
    """
    import safetensors

    try:
        with safetensors.safe_open(path, "numpy") as file:
            header = json.loads((file.metadata() or {})[ENTRY])
            arrays = {name: file.get_tensor(name) for name in header["keys"]}
        if header["format"] != WITHOUT_DIGEST:
            _verify(header, arrays)
        tree: dict[str, Any] = {}
        for name, keys in header["keys"].items():
            node = tree
            for key in keys[:-1]:
                node = node.setdefault(key, {})
            node[keys[-1]] = arrays[name]
        return tree, header["description"]
    except FileNotFoundError:
        raise errors.UserError(f"{path} does not exist.") from None
    except (
        OSError,
        LookupError,
        TypeError,
        ValueError,
        AttributeError,
        RecursionError,
        safetensors.SafetensorError,
    ) as error:
        raise errors.UserError(
            f"{path} is not a file that jaxgan saved, or is damaged ({error})."
        ) from None


def _verify(header: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
    """Raises ValueError if the file is not as it was written."""
    if header["format"] != FORMAT:
        raise ValueError(f"its format is {header['format']}")
    found = header.pop("sha256")
    if found != _digest(header, arrays):
        raise ValueError("it is not as it was written")


def _digest(header: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> str:
    digest = hashlib.sha256(json.dumps(header, sort_keys=True).encode())
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name} {array.dtype} {array.shape} ".encode())
        digest.update(array.view(np.uint8).data if array.size else b"")
    return digest.hexdigest()


def _keys(path: tuple[Any, ...]) -> list[str]:
    return [entry.key for entry in path]


def _name(number: int, path: tuple[Any, ...]) -> str:
    """A name that can be read, and is no other array's."""
    return f"{number}." + ".".join(_keys(path))
