"""Checkpoints of a run, written in the background and verified when they are read.

A folder holds one folder per step, by its number: what Orbax wrote, and a manifest. A
step that does not verify is passed over when a run is resumed, and put aside as
`unusable-STEP` when the run goes on saving; nothing is removed but the checkpoints
that newer ones replace.
"""

import contextlib
import json
import os
import pathlib
import shutil
import sys
from collections.abc import Iterator, Mapping
from concurrent import futures
from typing import Any, Literal, NamedTuple

import jax
import numpy as np

from jaxgan import errors, types
from jaxgan.checkpoint import differences, manifest

PACKAGES = ("jaxgan", "jax", "flax", "optax", "orbax-checkpoint")
IMPLEMENTATIONS = {
    "key<fry>": "threefry2x32",
    "key<rbg>": "rbg",
    "key<urbg>": "unsafe_rbg",
}
SPARE = 2**20
"""Bytes that stay free on the disk."""


class Manager(NamedTuple):
    """What is needed to save, from `open`.

    Attributes:
      folder: of the checkpoints.
      orbax: its CheckpointManager, which only `worker` uses.
      worker: the thread that writes.
      pending: what it has been given and not yet been asked about.
    """

    folder: pathlib.Path
    orbax: Any
    worker: futures.Executor
    pending: list[futures.Future]


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


def open(
    folder: str | os.PathLike,
    *,
    keep: int = 3,
    best: Literal["max", "min"] | None = None,
) -> Manager:
    """Makes ready to save into a folder, which is made if there is none.

    Args:
      folder: of the checkpoints of one run.
      keep: newest checkpoints that are kept, at least 2, so that there is one to go
        back to.
      best: if not None, as many with the largest or smallest score are kept as well.

    Raises:
      UserError: if `keep` is too small or the folder cannot be written to.
    """
    import orbax.checkpoint as ocp

    if keep < 2:
        raise errors.UserError(
            f"keep={keep} checkpoints must be at least 2, to have one to go back to."
        )
    folder = pathlib.Path(folder).absolute()
    policies = ocp.checkpoint_managers
    preserved = [policies.LatestN(keep)]
    if best is not None:
        by_score = policies.BestN(
            get_metric_fn=lambda metrics: metrics["score"],
            reverse=best == "min",
            n=keep,
        )
        preserved.append(by_score)
    with _writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        if jax.process_index() == 0:
            _put_aside(folder)
        _together("put aside")
        manager = ocp.CheckpointManager(
            folder,
            options=ocp.CheckpointManagerOptions(
                preservation_policy=policies.AnyPreservationPolicy(preserved),
                enable_async_checkpointing=False,
                cleanup_tmp_directories=True,
            ),
        )
    return Manager(folder, manager, futures.ThreadPoolExecutor(1), [])


def save(
    manager: Manager,
    step: int,
    tree: types.Tree,
    extra: Mapping[str, Any],
    description: Mapping[str, Any],
    score: float | None = None,
) -> None:
    """Begins to save, and returns when what was saved before is on the disk.

    With several processes it returns when all is written.

    Args:
      manager: from `open`.
      step: larger than those that were saved.
      tree: arrays, typed keys too, that nobody changes or donates meanwhile.
      extra: anything that JSON can hold.
      description: of the structure, as JSON; `restore` compares it.
      score: of this checkpoint.

    Raises:
      UserError: if the disk is full, now or at the last save; earlier checkpoints stay.
    """
    import orbax.checkpoint as ocp

    wait(manager)
    leaves, _ = _named(tree)
    plain = {name: np.asarray(_without_keys(leaf)) for name, leaf in leaves.items()}
    size = sum(array.nbytes for array in plain.values())
    free = shutil.disk_usage(manager.folder).free
    if free < size + SPARE:
        raise errors.UserError(
            f"{manager.folder}: the disk has {free / 1e6:.1f} MB left and a checkpoint "
            f"needs {(size + SPARE) / 1e6:.1f} MB; make room."
        )
    about = {
        "step": step,
        "versions": _versions(),
        "description": json.loads(json.dumps(description)),
        "extra": json.loads(json.dumps(extra)),
        "arrays": {name: _described(leaf) for name, leaf in leaves.items()},
    }

    def write() -> None:
        with _writing(manager.folder):
            manager.orbax.save(
                step,
                args=ocp.args.StandardSave(plain),
                metrics=None if score is None else {"score": float(score)},
                force=True,
            )
            manager.orbax.wait_until_finished()
            if jax.process_index() == 0:
                manifest.write(manager.folder / str(step), about)

    if jax.process_count() > 1:
        # Processes must take part in each other's barriers in the same order.
        write()
    else:
        manager.pending.append(manager.worker.submit(write))


def wait(manager: Manager) -> None:
    """Returns when everything that was given to `save` is on the disk.

    Raises:
      UserError: if something could not be written.
    """
    while manager.pending:
        manager.pending.pop(0).result()


def close(manager: Manager) -> None:
    """Waits and lets the manager go.

    Raises:
      UserError: as `wait`.
    """
    try:
        wait(manager)
    finally:
        manager.worker.shutdown()
        manager.orbax.close()


def restore(
    folder: str | os.PathLike, target: types.Tree, description: Mapping[str, Any]
) -> Restored | None:
    """Reads the newest checkpoint that verifies.

    Args:
      folder: of the checkpoints.
      target: tree of arrays, or of `jax.ShapeDtypeStruct` with shardings; the arrays of
        the checkpoint come back with its structure, types and shardings.
      description: of the structure.

    Returns:
      The checkpoint, or None if none was ever begun.

    Raises:
      UserError: if the checkpoint is of another structure, saying in which fields, or
        none of those that there are verifies.
    """
    folder, skipped = pathlib.Path(folder).absolute(), []
    for step in _steps(folder):
        own = folder / str(step)
        try:
            content = manifest.read(own)
        except manifest.Damaged as damage:
            skipped.append(f"{own}: {damage}.")
            continue
        leaves, structure = _named(target)
        _compare(own, content, description, leaves)
        tree = jax.tree.unflatten(structure, _read(own, leaves))
        return Restored(content["step"], tree, content["extra"], skipped)
    if skipped:
        raise errors.UserError(
            f"{folder}: no checkpoint can be used ({' '.join(skipped)}); start a new "
            "run, or put an older copy of the folder in its place."
        )
    return None


def _steps(folder: pathlib.Path) -> list[int]:
    """Steps that have a folder, the newest first."""
    if not folder.is_dir():
        return []
    names = [path.name for path in folder.iterdir() if path.is_dir()]
    return sorted((int(name) for name in names if name.isdecimal()), reverse=True)


def _put_aside(folder: pathlib.Path) -> None:
    for step in _steps(folder):
        try:
            manifest.read(folder / str(step))
        except manifest.Damaged as damage:
            number = 0
            while (aside := folder / f"unusable-{step}-{number}").exists():
                number += 1
            os.rename(folder / str(step), aside)
            print(f"{aside}: put aside, as {damage}", file=sys.stderr)


def _compare(own, content, description, leaves):
    description = json.loads(json.dumps(description))
    found = differences.between(content["description"], description)
    arrays = {name: _described(leaf) for name, leaf in leaves.items()}
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
        plain = jax.eval_shape(_without_keys, leaf)
        return jax.ShapeDtypeStruct(plain.shape, plain.dtype, sharding=_sharding(leaf))

    target = {name: abstract(leaf) for name, leaf in leaves.items()}
    with contextlib.closing(ocp.StandardCheckpointer()) as checkpointer:
        read = checkpointer.restore(own / "default", target)
    if jax.process_count() > 1:
        read = {name: _local(read[name], leaf) for name, leaf in leaves.items()}
    return [_with_keys(read[name], leaf) for name, leaf in leaves.items()]


def _sharding(leaf: Any) -> jax.sharding.Sharding:
    if jax.process_count() > 1 and getattr(leaf, "is_fully_addressable", True):
        # Orbax reads onto the devices of all processes; each takes its copy.
        mesh = jax.sharding.Mesh(np.array(jax.devices()), ("all",))
        return jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec())
    sharding = getattr(leaf, "sharding", None)
    return sharding or jax.sharding.SingleDeviceSharding(jax.local_devices()[0])


def _local(read: jax.Array, leaf: Any) -> jax.Array:
    if not getattr(leaf, "is_fully_addressable", True):
        return read
    return jax.device_put(np.asarray(read), getattr(leaf, "sharding", None))


def _without_keys(leaf: Any) -> Any:
    """The words of typed keys, anything else as it is."""
    return jax.random.key_data(leaf) if _is_key(leaf) else leaf


def _with_keys(read: jax.Array, leaf: Any) -> jax.Array:
    if not _is_key(leaf):
        return read
    return jax.random.wrap_key_data(read, impl=IMPLEMENTATIONS[str(leaf.dtype)])


def _is_key(leaf: Any) -> bool:
    return jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _named(tree: types.Tree) -> tuple[dict[str, Any], Any]:
    """The leaves by the names that lead to them, and the structure."""
    paths, structure = jax.tree_util.tree_flatten_with_path(tree)
    names = [
        jax.tree_util.keystr(path, simple=True, separator=".").replace("/", "|")
        for path, _ in paths
    ]
    return dict(zip(names, (leaf for _, leaf in paths), strict=True)), structure


def _described(leaf: Any) -> str:
    return f"{leaf.dtype}{list(leaf.shape)}"


def _together(what: str) -> None:
    if jax.process_count() > 1:
        from jax.experimental import multihost_utils

        multihost_utils.sync_global_devices(what)


def _versions() -> dict[str, str]:
    from importlib import metadata

    return {name: metadata.version(name) for name in PACKAGES}


@contextlib.contextmanager
def _writing(folder: pathlib.Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise errors.UserError(
            f"{folder}: a checkpoint could not be written ({error.strerror or error}); "
            "make room or give another folder; earlier checkpoints are as they were."
        ) from None
