"""Checkpoints of a run, written in the background and verified when they are read.

A folder holds one folder per step, by its number: what Orbax wrote, and a manifest. A
step that does not verify is passed over when a run is resumed, and put aside as
`unusable-STEP` when the run goes on saving; nothing is removed but the checkpoints
that newer ones replace.

With several processes the first one writes, which has all arrays as the others do; they
do not wait for one another here, so that a full disk of one cannot hold up the rest.
"""

import contextlib
import json
import logging
import os
import pathlib
import re
import shutil
import sys
from collections.abc import Iterator, Mapping
from concurrent import futures
from typing import Any, Literal, NamedTuple

import jax
import numpy as np

from jaxgan import types
from jaxgan.checkpoint import leaves as leaves_lib
from jaxgan.checkpoint import manifest, reading
from jaxgan.core import errors

PACKAGES = ("jaxgan", "jax", "flax", "optax", "orbax-checkpoint")
SPARE = 2**20
"""Bytes that stay free on the disk."""


class Manager(NamedTuple):
    """What is needed to save, from `open`.

    Attributes:
      folder: of the checkpoints.
      orbax: its CheckpointManager, which only `worker` uses; None where another
        process writes.
      worker: the thread that writes.
      pending: what it has been given and not yet been asked about.
    """

    folder: pathlib.Path
    orbax: Any
    worker: futures.Executor
    pending: list[futures.Future]


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
      UserError: if `keep` is too small, the folder cannot be written to, or it holds
        checkpoints of another version of jaxgan.
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
    worker = futures.ThreadPoolExecutor(1)
    if jax.process_index() > 0:
        return Manager(folder, None, worker, [])
    alone = ocp.options.MultiprocessingOptions(
        primary_host=0, active_processes={0}, barrier_sync_key_prefix=folder.name
    )
    with _writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        _put_aside(folder)
        manager = ocp.CheckpointManager(
            folder,
            options=ocp.CheckpointManagerOptions(
                create=False,
                preservation_policy=policies.AnyPreservationPolicy(preserved),
                enable_async_checkpointing=False,
                cleanup_tmp_directories=True,
                multiprocessing_options=alone,
            ),
        )
    return Manager(folder, manager, worker, [])


def save(
    manager: Manager,
    step: int,
    tree: types.Tree,
    extra: Mapping[str, Any],
    description: Mapping[str, Any],
    score: float | None = None,
) -> None:
    """Begins to save, and returns when what was saved before is on the disk.

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
    if manager.orbax is None:
        return
    leaves, _ = leaves_lib.named(tree)
    plain = {
        name: np.asarray(leaves_lib.without_keys(leaf)) for name, leaf in leaves.items()
    }
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
        "arrays": {name: leaves_lib.described(leaf) for name, leaf in leaves.items()},
    }

    own = manager.folder / str(step)

    def write() -> None:
        with _writing(manager.folder):
            manifest.begun(own).touch()
            manager.orbax.save(
                step,
                args=ocp.args.StandardSave(plain),
                metrics=None if score is None else {"score": float(score)},
                force=True,
            )
            manager.orbax.wait_until_finished()
            manifest.write(own, about)
            manifest.begun(own).unlink()

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
        if manager.orbax is not None:
            manager.orbax.close()


def _put_aside(folder: pathlib.Path) -> None:
    for step in reading.steps(folder):
        try:
            manifest.read(folder / str(step))
        except manifest.Damaged as damage:
            number = 0
            while (aside := folder / f"unusable-{step}-{number}").exists():
                number += 1
            os.rename(folder / str(step), aside)
            print(f"{aside}: put aside, as {damage}", file=sys.stderr)
        manifest.begun(folder / str(step)).unlink(missing_ok=True)


def _versions() -> dict[str, str]:
    from importlib import metadata

    return {name: metadata.version(name) for name in PACKAGES}


@contextlib.contextmanager
def _writing(folder: pathlib.Path) -> Iterator[None]:
    logger = logging.getLogger("absl")
    level = logger.level
    # Orbax logs the traceback of each of its threads besides raising.
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    except (OSError, ValueError) as error:
        if (reason := _reason(error)) is None:
            raise
        raise errors.UserError(
            f"{folder}: a checkpoint could not be written ({reason}); make room or "
            "give another folder; earlier checkpoints are as they were."
        ) from None
    finally:
        logger.setLevel(level)


def _reason(error: OSError | ValueError) -> str | None:
    """What the system said, which Orbax's storage passes on in the text of its own."""
    if isinstance(error, OSError):
        return error.strerror or str(error)
    number = re.search(r"os_error_code='(\d+)'", str(error))
    return number and os.strerror(int(number[1]))
