"""What is costly to make is kept on disk, and made once of the same things.

A file is named by the hash of all that its content depends on, so that it can only be
found by who would have made the same. It is in the format safetensors, which cannot run
code, and holds its own hash: one that is damaged is noticed and replaced.
"""

import hashlib
import json
import pathlib
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax

from jaxgan import types
from jaxgan.checkpoint import leaves as leaves_lib
from jaxgan.checkpoint import trees
from jaxgan.core import errors


class Kept(NamedTuple):
    """What was found or made.

    Attributes:
      tree: nested dictionaries of arrays.
      facts: what else was made, as JSON has it.
      found: whether it was read rather than made.
      note: a sentence about a file that was damaged or could not be written, or None.
    """

    tree: types.Tree
    facts: dict[str, Any]
    found: bool
    note: str | None


def load_or_make(
    folder: pathlib.Path | None,
    origin: Mapping[str, Any],
    make: Callable[[], tuple[types.Tree, dict[str, Any]]],
    what: str,
) -> Kept:
    """Reads what is kept under this origin, or makes it and keeps it.

    Args:
      folder: made if it is not there; None reads and writes nothing.
      origin: all that the content depends on, as JSON can hold it.
      make: gives the tree and the facts, whose names are none of the origin's.
      what: its name, for the notes.

    Raises:
      UserError: if the folder cannot be made.
    """
    if folder is None:
        tree, facts = make()
        return Kept(tree, facts, False, None)
    _make_folder(folder)
    path, note = pathlib.Path(folder) / f"{sha256(origin)}.safetensors", None
    if path.exists():
        found = _read(path, origin)
        if found is not None:
            tree, facts = found
            return Kept(tree, facts, True, None)
        note = f"The {what} in {path} was damaged, and was made again."
    tree, facts = make()
    try:
        trees.save_tree(path, tree, _described(origin, tree, facts))
    except OSError as error:
        # A full disk costs no more than making it again next time.
        note = f"The {what} could not be kept in {path} ({error.strerror})."
    return Kept(tree, facts, False, note)


def sha256(entries: Any) -> str:
    """SHA-256 of what JSON can hold."""
    text = json.dumps(entries, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def arrays_sha256(*arrays: Any) -> str:
    """SHA-256 of arrays: their types, shapes and values."""
    digest = hashlib.sha256()
    for values in map(leaves_lib.in_order, arrays):
        digest.update(f"{values.dtype.str}{values.shape}".encode())
        digest.update(leaves_lib.raw(values).data)
    return digest.hexdigest()


def _described(origin, tree, facts):
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    description = {
        **origin,
        "facts": facts,
        "keys": [jax.tree_util.keystr(keys) for keys, _ in leaves],
        "content_sha256": arrays_sha256(*(leaf for _, leaf in leaves)),
    }
    return description | {"sha256": sha256(description)}


def _read(path, origin):
    """Tree and facts, or None if the file is not what was written."""
    try:
        tree, description = trees.load_tree(path)
        facts = description["facts"]
    except (errors.UserError, TypeError, KeyError):
        return None
    # As JSON has it: a tuple of the origin has become a list.
    asked = json.loads(json.dumps(_described(origin, tree, facts)))
    return (tree, facts) if description == asked else None


def _make_folder(folder):
    try:
        pathlib.Path(folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise errors.UserError(
            f"cache={str(folder)!r} is no folder and cannot be made one "
            f"({error.strerror}); give another, or None to keep nothing."
        ) from None
