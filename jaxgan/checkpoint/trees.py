"""Trees of arrays in one file that cannot run code when it is read."""

import hashlib
import json
import os
import pathlib
import re
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from jaxgan import types
from jaxgan.checkpoint import leaves as leaves_lib
from jaxgan.core import errors, files

FORMAT, ENTRY = "jaxgan-tree-3", "jaxgan"

WITHOUT_DIGEST = "jaxgan-tree-2"
"""The format before, which is still read."""

TYPES = (
    *("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("float16", "bfloat16", "float32", "float64", "complex64"),
)
"""Of arrays that can be written, and read back with NumPy."""


def save_tree(path: pathlib.Path, tree: types.Tree, description: Any) -> None:
    """Writes nested dictionaries of arrays into one file, whole or not at all.

    The file is in the format safetensors: the arrays, and metadata in JSON with the
    keys that lead to each of them, with `description`, and with the SHA-256 of it all.
    It is read back before it takes the place of another one.

    Args:
      path: of the file; one that exists is replaced.
      tree: nested dictionaries with string keys and arrays as leaves, in any order of
        memory; they come back row by row and in the byte order of the machine.
      description: anything that JSON can hold.

    Raises:
      UserError: if an array is of a type that the format does not have, or what was
        written does not read back.
      OSError: if it cannot be written.
    """
    leaves = jax.tree_util.tree_flatten_with_path(tree)[0]
    arrays = {
        _name(i, keys): leaves_lib.in_order(leaf)
        for i, (keys, leaf) in enumerate(leaves)
    }
    _require_types(path, arrays)
    header = {
        "format": FORMAT,
        "keys": {_name(i, keys): _keys(keys) for i, (keys, _) in enumerate(leaves)},
        "description": description,
    }
    header["sha256"] = _digest(header, arrays)

    def verify(name: str) -> None:
        try:
            written, _ = _read(name)
            genuine = written["sha256"] == header["sha256"]
        except Unreadable:
            genuine = False
        files.require_faithful(genuine, path)

    files.write_whole(path, lambda name: _write(name, arrays, header), verify)


def load_tree(path: pathlib.Path) -> tuple[types.Tree, Any]:
    """Reads what `save_tree` wrote.

    Returns:
      The tree, of NumPy arrays, and the description.

    Raises:
      UserError: if there is no such file, it was not written by `save_tree`, or is no
        longer as it was written.
    """
    try:
        header, arrays = _read(path)
        tree: dict[str, Any] = {}
        for name, keys in header["keys"].items():
            node = tree
            for key in keys[:-1]:
                node = node.setdefault(key, {})
            node[keys[-1]] = arrays[name]
        return tree, header["description"]
    except FileNotFoundError:
        raise errors.UserError(f"{path} does not exist.") from None
    except (Unreadable, *FORGED) as error:
        raise errors.UserError(
            f"{path} is not a file that jaxgan saved, or is damaged ({error})."
        ) from None


class Unreadable(Exception):
    """A file is not what `save_tree` writes."""


FORGED = (LookupError, TypeError, ValueError, AttributeError, RecursionError)
"""What a header that somebody made up can cause."""


def _read(path: str | os.PathLike) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The header and the arrays of a file, which are as they were written.

    Raises:
      Unreadable: if they are not.
      FileNotFoundError: if there is none.
    """
    import safetensors

    try:
        with safetensors.safe_open(path, "numpy") as file:
            header = json.loads((file.metadata() or {})[ENTRY])
            arrays = {name: file.get_tensor(name) for name in header["keys"]}
        if header["format"] != WITHOUT_DIGEST:
            _verify(header, arrays)
        return header, arrays
    except FileNotFoundError:
        raise
    except (OSError, *FORGED, safetensors.SafetensorError) as error:
        raise Unreadable(str(error)) from None


def _write(path: str, arrays: Mapping[str, np.ndarray], header: dict[str, Any]) -> None:
    """Writes the file.

    Raises:
      OSError: as other files do; safetensors has the system's number in its words.
    """
    import safetensors
    from safetensors import numpy

    try:
        # In one entry, as the order of several would change from run to run.
        numpy.save_file(dict(arrays), path, {ENTRY: json.dumps(header)})
    except safetensors.SafetensorError as error:
        number = re.search(r"os error (\d+)", str(error))
        if number is None:
            raise
        raise OSError(int(number[1]), os.strerror(int(number[1])), path) from None


def _require_types(path: pathlib.Path, arrays: Mapping[str, np.ndarray]) -> None:
    for name, array in arrays.items():
        if array.dtype.name not in TYPES:
            raise errors.UserError(
                f"{path}: the array {name} is of type {array.dtype}, which such a file "
                f"cannot hold; make it one of {', '.join(TYPES)}."
            )


def _verify(header: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
    """Raises ValueError if the file is not as it was written."""
    if header["format"] != FORMAT:
        raise ValueError(f"its format is {header['format']}")
    own = {name: value for name, value in header.items() if name != "sha256"}
    if header["sha256"] != _digest(own, arrays):
        raise ValueError("it is not as it was written")


def _digest(header: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> str:
    digest = hashlib.sha256(json.dumps(header, sort_keys=True).encode())
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f"{name} {array.dtype} {array.shape} ".encode())
        digest.update(leaves_lib.raw(array).data)
    return digest.hexdigest()


def _keys(path: tuple[Any, ...]) -> list[str]:
    return [entry.key for entry in path]


def _name(number: int, path: tuple[Any, ...]) -> str:
    """A name that can be read, and is no other array's."""
    return f"{number}." + ".".join(_keys(path))
