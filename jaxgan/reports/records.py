"""Records as JSON."""

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jax import Array

from jaxgan.core import files


def write_json(path: str | os.PathLike, tree: Any) -> None:
    """Writes a tree of records as valid JSON, whole or not at all.

    Arrays become lists, NamedTuples objects, paths text. JSON has no word for numbers
    that are not finite; they are written as the strings "NaN", "Infinity" and
    "-Infinity", which `float` reads.

    Args:
      path: the file, replaced if it exists.
      tree: dictionaries, lists, tuples, text, numbers, arrays and None.

    Raises:
      TypeError: for anything else.
    """
    text = json.dumps(_plain(tree), indent=2, allow_nan=False) + "\n"
    files.write_whole(path, lambda name: Path(name).write_text(text, encoding="utf-8"))


def _plain(tree):
    if isinstance(tree, Mapping):
        return {str(name): _plain(value) for name, value in tree.items()}
    if hasattr(tree, "_asdict"):
        return _plain(tree._asdict())
    if isinstance(tree, list | tuple):
        return [_plain(value) for value in tree]
    if isinstance(tree, np.ndarray | np.generic | Array):
        return _plain(np.asarray(tree).tolist())
    if isinstance(tree, os.PathLike):
        return os.fspath(tree)
    if isinstance(tree, float) and not math.isfinite(tree):
        if math.isnan(tree):
            return "NaN"
        return "Infinity" if tree > 0 else "-Infinity"
    return tree
