"""The newest checkpoint of a run that is as it was written."""

import contextlib
import json
import os
import pathlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxgan import types
from jaxgan.checkpoint import differences, manifest
from jaxgan.checkpoint import leaves as leaves_lib
from jaxgan.core import errors
from jaxgan.core.distributed import processes


class Restored(NamedTuple):
    """A checkpoint.

    Attributes:
      step: that it was taken at.
      tree: like the target.
      extra: that was saved with it.
      skipped: a sentence for each newer one that could not be used.
    """

    step: int
    tree: types.Tree
    extra: dict[str, Any]
    skipped: list[str]


class Read(NamedTuple):
    """A checkpoint without a target.

    Attributes:
      step: that it was taken at.
      description: that was saved with it.
      arrays: NumPy arrays by the names that lead to them, as `state.step`; keys as the
        words that they are of.
      skipped: a sentence for each newer one that could not be used.
    """

    step: int
    description: dict[str, Any]
    arrays: dict[str, np.ndarray]
    skipped: list[str]


def restore(
    folder: str | os.PathLike,
    target: types.Tree,
    description: Mapping[str, Any],
    *,
    step: int | None = None,
) -> Restored | None:
    """Reads the newest checkpoint that verifies.

    With several processes, all of which call it, the first one says which that is.

    Args:
      folder: of the checkpoints.
      target: tree of arrays, or of `jax.ShapeDtypeStruct` with shardings; the arrays of
        the checkpoint come back with its structure, types and shardings, and as NumPy
        arrays where it has such.
      description: of the structure.
      step: if not None, that checkpoint and no other, such as one kept for its score.

    Returns:
      The checkpoint, or None if none was ever finished.

    Raises:
      UserError: if the checkpoint is of another structure, saying in which fields, or
        of another version of jaxgan; or none of those asked for verifies.
    """
    folder = pathlib.Path(folder).absolute()
    leaves, structure = leaves_lib.named(target)
    chosen = processes.broadcast(lambda: _choose(folder, leaves, description, step))
    if chosen is None:
        return None
    step, extra, skipped = chosen
    tree = jax.tree.unflatten(structure, _read(folder / str(step), leaves))
    return Restored(step, tree, extra, skipped)


def read(folder: str | os.PathLike) -> Read:
    """Reads the newest checkpoint that verifies, whatever it is of.

    For who looks at a run; a run that goes on calls `restore`.

    Raises:
      UserError: if there is none, or none verifies.
    """
    folder, skipped = pathlib.Path(folder).absolute(), []
    for step in steps(folder):
        own = folder / str(step)
        try:
            content = manifest.read(own)
        except manifest.Damaged as damage:
            skipped.append(f"{own}: {damage}.")
            continue
        target = {name: _shaped(text) for name, text in content["arrays"].items()}
        arrays = dict(zip(target, _read(own, target), strict=True))
        return Read(content["step"], content["description"], arrays, skipped)
    raise errors.UserError(
        f"{folder}: no checkpoint can be used ({' '.join(skipped) or 'there is none'});"
        " give the folder of another run."
    )


def _shaped(described: str) -> np.ndarray:
    """An array of the type and shape that `leaves.described` tells; keys as words."""
    kind, _, sizes = described.rstrip("]").partition("[")
    shape = tuple(int(size) for size in sizes.split(",") if size.strip())
    if kind in leaves_lib.IMPLEMENTATIONS:
        key = jax.eval_shape(
            lambda: jax.random.key_data(
                jax.random.key(0, impl=leaves_lib.IMPLEMENTATIONS[kind])
            )
        )
        kind, shape = key.dtype, (*shape, *key.shape)
    return np.broadcast_to(np.zeros((), jax.numpy.dtype(kind)), shape)


def _choose(folder, leaves, description, asked):
    """The step to read, what was saved with it, and the newer ones with what is wrong.

    None if there is no checkpoint at all, or only one that a run was saving, as its
    first, when it was killed.
    """
    skipped, damaged = [], asked is not None
    for step in steps(folder) if asked is None else [asked]:
        own = folder / str(step)
        try:
            content = manifest.read(own)
        except manifest.Damaged as damage:
            skipped.append(f"{own}: {damage}.")
            unfinished = manifest.begun(own).exists()
            damaged |= (own / manifest.NAME).exists() or not unfinished
            continue
        _compare(own, content, description, leaves)
        return content["step"], content["extra"], skipped
    if damaged and skipped:
        raise errors.UserError(
            f"{folder}: no checkpoint can be used ({' '.join(skipped)}); start a new "
            "run, or put an older copy of the folder in its place."
        )
    return None


def steps(folder: pathlib.Path) -> list[int]:
    """Steps that have a folder, the newest first."""
    if not folder.is_dir():
        return []
    names = [path.name for path in folder.iterdir() if path.is_dir()]
    numbers = [int(name) for name in names if name.isdecimal() and name.isascii()]
    # Not one called 007, which nobody here has written.
    return sorted((n for n in numbers if str(n) in names), reverse=True)


def _compare(own, content, description, leaves):
    description = json.loads(json.dumps(description))
    found = differences.between(content["description"], description)
    arrays = {name: leaves_lib.described(leaf) for name, leaf in leaves.items()}
    found = found or differences.between(content["arrays"], arrays)
    if found:
        versions = ", ".join(f"{k} {v}" for k, v in content["versions"].items())
        raise errors.UserError(
            f"{own} is a checkpoint of another structure ({'; '.join(found)}), written "
            f"by {versions}; resume with the settings that it was begun with."
        )


def _read(own: pathlib.Path, leaves: dict[str, Any]) -> list[Any]:
    import orbax.checkpoint as ocp

    def abstract(leaf):
        if isinstance(leaf, np.ndarray | np.generic):
            return np.broadcast_to(np.zeros((), leaf.dtype), leaf.shape)
        plain = jax.eval_shape(leaves_lib.without_keys, leaf)
        return jax.ShapeDtypeStruct(plain.shape, plain.dtype, sharding=_sharding(leaf))

    target = {name: abstract(leaf) for name, leaf in leaves.items()}
    with contextlib.closing(ocp.StandardCheckpointer()) as checkpointer:
        read = checkpointer.restore(own / "default", target)
    if jax.process_count() > 1:
        read = {name: _local(read[name], leaf) for name, leaf in leaves.items()}
    return [leaves_lib.with_keys(read[name], leaf) for name, leaf in leaves.items()]


def _sharding(leaf: Any) -> jax.sharding.Sharding:
    if jax.process_count() > 1 and getattr(leaf, "is_fully_addressable", True):
        # Orbax reads onto the devices of all processes; each takes its copy.
        mesh = jax.sharding.Mesh(np.array(jax.devices()), ("all",))
        return jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec())
    sharding = getattr(leaf, "sharding", None)
    return sharding or jax.sharding.SingleDeviceSharding(jax.local_devices()[0])


def _local(read: jax.Array, leaf: Any) -> jax.Array:
    here = isinstance(leaf, np.ndarray | np.generic)
    if here or not getattr(leaf, "is_fully_addressable", True):
        return read
    return jax.device_put(np.asarray(read), getattr(leaf, "sharding", None))
