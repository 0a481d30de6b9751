"""Trees of arrays on disk, as files that cannot run code when they are read."""

import json
import pathlib
import zipfile
from typing import Any

import jax
import numpy as np

from jaxgan import errors, files, types

FORMAT = "jaxgan-tree-1"
HEADER = "header"


def save_tree(path: pathlib.Path, tree: types.Tree, description: Any) -> None:
    """Writes nested dictionaries of arrays into one file, whole or not at all.

    The file is an uncompressed `.npz`: the arrays, and a JSON header with the keys that
    lead to each of them and with `description`.

    Args:
      path: of the file; one that exists is replaced.
      tree: nested dictionaries with string keys and arrays as leaves.
      description: anything that JSON can hold.
    """
    leaves = jax.tree_util.tree_flatten_with_path(tree)[0]
    header = {
        "format": FORMAT,
        "keys": [[entry.key for entry in keys] for keys, _ in leaves],
        "description": description,
    }
    arrays = {f"array_{i}": np.asarray(leaf) for i, (_, leaf) in enumerate(leaves)}
    arrays[HEADER] = np.array(json.dumps(header))

    def write(name: str) -> None:
        with open(name, "wb") as file:
            np.savez(file, **arrays)

    files.write_whole(path, write)


def load_tree(path: pathlib.Path) -> tuple[types.Tree, Any]:
    """Reads what `save_tree` wrote.

    Returns:
      The tree, of NumPy arrays, and the description.

    Raises:
      UserError: if there is no such file or it was not written by `save_tree`.
    """
    try:
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            header = json.loads(str(file[HEADER]))
            if header["format"] != FORMAT:
                raise ValueError(header["format"])
            tree: dict[str, Any] = {}
            for i, keys in enumerate(header["keys"]):
                node = tree
                for key in keys[:-1]:
                    node = node.setdefault(key, {})
                node[keys[-1]] = file[f"array_{i}"]
    except FileNotFoundError:
        raise errors.UserError(f"{path} does not exist.") from None
    except (
        OSError,
        EOFError,
        KeyError,
        TypeError,
        ValueError,
        zipfile.BadZipFile,
    ) as error:
        raise errors.UserError(
            f"{path} is not a file that jaxgan saved, or is damaged ({error})."
        ) from None
    return tree, header["description"]
