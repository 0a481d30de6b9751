"""Several processes as one program, each with devices of its own.

Every process does the same; what it would leave behind goes to a folder that vanishes,
but for the first process's. What ends one of them ends all: processes that wait for one
another would else wait for ever, see `failure`.
"""

import collections
import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import tempfile
from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np

from jaxgan.core import errors
from jaxgan.core.distributed import clusters, failure, rendezvous


def join(
    coordinator: str | None,
    num_processes: int | None,
    process_id: int | None,
    *,
    seconds: float = 300,
) -> None:
    """Joins the processes of a run; call it before anything runs on JAX.

    Args:
      coordinator: HOST:PORT of process 0, or `auto` under Slurm and Open MPI, whose
        environment says it, and under Kubernetes and on TPUs, where JAX finds it. None
        for a process alone.
      num_processes: of the run; None with `auto`.
      process_id: of this process, in 0 .. `num_processes` - 1; None with `auto`.
      seconds: to wait for the others.

    Each process says which devices it uses: those of its node, if it is alone there.

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
        _join_cluster(num_processes, process_id, seconds)
        return
    _require_address(coordinator, coordinator)
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
    _meet(clusters.Place(coordinator, num_processes, process_id), coordinator, seconds)


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
            broadcast(lambda: str(folder.absolute()))
            barrier("copied")
            yield folder, folder
    else:
        with (
            tempfile.TemporaryDirectory() as scratch,
            failure.removed_at_end(scratch),
            open(os.devnull, "w") as nowhere,
            contextlib.redirect_stdout(nowhere),
        ):
            folder, own = pathlib.Path(broadcast(None)), pathlib.Path(scratch)
            # The logs of a run that goes on, before process 0 adds to them.
            for path in folder.rglob("*.jsonl"):
                copied = own / path.relative_to(folder)
                copied.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, copied)
            barrier("copied")
            yield own, folder


def is_alone() -> bool:
    """Whether there is one process."""
    return jax.process_count() == 1


def broadcast(make: Callable[[], Any] | None) -> Any:
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


def maximum(flags: list[int]) -> list[int]:
    """For each number the largest that a process gave; all processes must call it."""
    if jax.process_count() == 1:
        return flags
    from jax.experimental import multihost_utils

    return multihost_utils.process_allgather(np.array(flags)).max(0).tolist()


def barrier(what: str) -> None:
    """Waits until all processes have come here."""
    if jax.process_count() > 1:
        from jax.experimental import multihost_utils

        multihost_utils.sync_global_devices(what)


def _join_cluster(
    num_processes: int | None, process_id: int | None, seconds: float
) -> None:
    given = {"--num-processes": num_processes, "--process-id": process_id}
    for flag, value in given.items():
        if value is not None:
            raise errors.UserError(
                f"{flag} {value}: it goes with --coordinator HOST:PORT, as auto knows "
                "it."
            )
    place = clusters.place(os.environ)
    if place is None:
        # Kubernetes or TPUs, of which only JAX knows.
        _initialize("auto", seconds)
    else:
        said = f"auto ({place.coordinator})"
        _require_address(place.coordinator, said)
        _meet(place, said, seconds)


def _require_address(address: str, said: str) -> None:
    host, _, port = address.rpartition(":")
    if not (host and port.isdecimal()):
        raise errors.UserError(
            f"--coordinator {said}: it must be HOST:PORT of process 0, or auto."
        )


def _meet(place: clusters.Place, said: str, seconds: float) -> None:
    """Waits for all processes and joins them.

    Args:
      place: of this process.
      said: of the coordinator, in sentences.
      seconds: to wait.
    """
    own_gpus = clusters.own_gpus(os.environ)
    if place.process_id == 0:
        rendezvous.gather(place.coordinator, place.num_processes, seconds, said)
    else:
        _, num_processes, process_id = place
        rendezvous.reach(place.coordinator, process_id, num_processes, seconds, said)
    _initialize(
        said,
        seconds,
        coordinator_address=place.coordinator,
        num_processes=place.num_processes,
        process_id=place.process_id,
        local_device_ids=own_gpus,
        # Else it takes one GPU for each process.
        cluster_detection_method="deactivate",
    )


def _initialize(coordinator: str, seconds: float, **how) -> None:
    try:
        jax.distributed.initialize(**how, initialization_timeout=round(seconds))
    except (RuntimeError, ValueError) as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        if isinstance(error, ValueError) and not how:
            raise errors.UserError(
                f"--coordinator {coordinator}: there is neither Slurm, Open MPI, "
                f"Kubernetes nor a TPU that says where process 0 is ({reason}); give "
                "HOST:PORT with --num-processes and --process-id."
            ) from None
        raise errors.UserError(
            f"--coordinator {coordinator}: the processes did not come together within "
            f"{seconds:.0f} s ({reason}); check that all of them were started."
        ) from None
    # JAX takes SIGTERM for a service of its own, and nothing would end by it any more.
    signal.signal(signal.SIGTERM, signal.getsignal(signal.SIGTERM))
    failure.watch_others()
    print(_devices_used())


def _devices_used() -> str:
    """What this process uses, as `process 1 of 2 on node7: 4 of 8 devices, ...`."""
    own = jax.local_devices()
    kinds = collections.Counter(device.device_kind for device in own)
    named = ", ".join(f"{number} x {kind}" for kind, number in kinds.items())
    return (
        f"process {jax.process_index()} of {jax.process_count()} on "
        f"{socket.gethostname()}: {len(own)} of {len(jax.devices())} devices, {named}"
    )
