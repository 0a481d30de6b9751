"""Several processes as one program, each with devices of its own.

Every process does the same; what it would leave behind goes to a folder that vanishes,
but for the first process's. What ends one of them ends all: processes that wait for one
another would else wait for ever, see `jaxgan.fate`.
"""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np

from jaxgan import errors, fate, meeting


def join(
    coordinator: str | None,
    num_processes: int | None,
    process_id: int | None,
    *,
    seconds: float = 300,
) -> None:
    """Joins the processes of a run; call it before anything runs on JAX.

    Args:
      coordinator: HOST:PORT of process 0, or `auto` under Slurm, Open MPI and
        Kubernetes, where JAX knows both. None for a process alone.
      num_processes: of the run; None with `auto`.
      process_id: of this process, in 0 .. `num_processes` - 1; None with `auto`.
      seconds: to wait for the others.

    Raises:
      UserError: if the numbers do not fit, there is no cluster, or the others do not
        come in time.
    """
    if coordinator is None:
        given = {"--num-processes": num_processes, "--process-id": process_id}
        for flag, value in given.items():
            if value is not None:
                raise errors.UserError(f"{flag} {value}: it goes with --coordinator.")
        return
    if coordinator == "auto":
        _initialize(coordinator, seconds)
        return
    host, _, port = coordinator.rpartition(":")
    if not (host and port.isdecimal()):
        raise errors.UserError(
            f"--coordinator {coordinator}: it must be HOST:PORT of process 0, or auto."
        )
    if num_processes is None or num_processes < 1:
        raise errors.UserError(
            f"--num-processes {num_processes}: it must say how many processes there "
            f"are, as --coordinator is {coordinator}."
        )
    if process_id is None or not 0 <= process_id < num_processes:
        raise errors.UserError(
            f"--process-id {process_id}: it must lie between 0 and "
            f"{num_processes - 1}, another one for each process."
        )
    if process_id == 0:
        meeting.gather(coordinator, num_processes, seconds)
    else:
        meeting.reach(coordinator, process_id, num_processes, seconds)
    _initialize(
        coordinator,
        seconds,
        coordinator_address=coordinator,
        num_processes=num_processes,
        process_id=process_id,
    )


@contextlib.contextmanager
def own_folder(
    shared: contextlib.AbstractContextManager[pathlib.Path],
) -> Iterator[tuple[pathlib.Path, pathlib.Path]]:
    """Enters the run's folder in process 0 only.

    Args:
      shared: makes the folder, which all processes can read.

    Yields:
      The folder that this process writes to and the run's; they are one in process 0.
      In others the first vanishes at the end, and what is printed meanwhile is lost.
    """
    if jax.process_count() == 1:
        with shared as folder:
            yield folder, folder
    elif jax.process_index() == 0:
        with shared as folder:
            told(lambda: str(folder.absolute()))
            together("copied")
            yield folder, folder
    else:
        with (
            tempfile.TemporaryDirectory() as scratch,
            fate.vanishing(scratch),
            open(os.devnull, "w") as nowhere,
            contextlib.redirect_stdout(nowhere),
        ):
            folder, own = pathlib.Path(told(None)), pathlib.Path(scratch)
            # The logs of a run that goes on, before process 0 adds to them.
            for path in folder.glob("*.jsonl"):
                shutil.copy(path, own)
            together("copied")
            yield own, folder


def alone() -> bool:
    """Whether there is one process."""
    return jax.process_count() == 1


def told(make: Callable[[], Any] | None) -> Any:
    """What process 0 makes, to all; all processes must call it.

    Args:
      make: called in process 0 only; gives what JSON can hold.

    Raises:
      UserError: in every process, if `make` raises it.
    """
    if jax.process_count() == 1:
        return make()
    from jax.experimental import multihost_utils

    content = b""
    if jax.process_index() == 0:
        try:
            content = json.dumps({"told": make()}).encode()
        except errors.UserError as error:
            content = json.dumps({"error": str(error)}).encode()
    size = multihost_utils.broadcast_one_to_all(np.int32(len(content)))
    sent = np.zeros(int(size), np.uint8)
    sent[: len(content)] = np.frombuffer(content, np.uint8)
    sent = np.asarray(multihost_utils.broadcast_one_to_all(sent))
    said = json.loads(bytes(sent))
    if "error" in said:
        raise errors.UserError(said["error"])
    return said["told"]


def any_of(flags: list[int]) -> list[int]:
    """For each number the largest that a process gave; all processes must call it."""
    if jax.process_count() == 1:
        return flags
    from jax.experimental import multihost_utils

    return multihost_utils.process_allgather(np.array(flags)).max(0).tolist()


def together(what: str) -> None:
    """Waits until all processes have come here."""
    if jax.process_count() > 1:
        from jax.experimental import multihost_utils

        multihost_utils.sync_global_devices(what)


def _initialize(coordinator: str, seconds: float, **how) -> None:
    try:
        jax.distributed.initialize(**how, initialization_timeout=round(seconds))
    except (RuntimeError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise errors.UserError(
            f"--coordinator {coordinator}: the processes did not come together within "
            f"{seconds:.0f} s ({reason}); check that all of them were started."
        ) from None
    # JAX takes SIGTERM for a service of its own, and nothing would end by it any more.
    signal.signal(signal.SIGTERM, signal.getsignal(signal.SIGTERM))
    fate.share()
