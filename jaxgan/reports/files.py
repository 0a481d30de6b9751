"""Files that appear whole or not at all."""

import contextlib
import json
import math
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jax import Array


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
    write_whole(path, lambda name: Path(name).write_text(text, encoding="utf-8"))


def write_whole(path: str | os.PathLike, write: Callable[[str], Any]) -> None:
    """Calls `write` on a temporary file beside `path`, which then takes its place.

    Args:
      path: the file, replaced if it exists and left as it was if `write` raises.
      write: fills the file of the name it is given, which has the ending of `path`.
    """
    path = Path(path)
    handle, temporary = tempfile.mkstemp(
        dir=path.parent, prefix=f".{path.stem}-", suffix=path.suffix
    )
    os.close(handle)
    try:
        write(temporary)
        # mkstemp makes files for their owner alone; a report is as open as others.
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(temporary, 0o666 & ~mask)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise


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
