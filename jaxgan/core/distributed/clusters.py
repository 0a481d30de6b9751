"""What Slurm and Open MPI say of a process in its environment.

JAX reads the same, but takes one GPU for each process whatever there is, and ends a
process without a word to its user where another one does not come. Imports nothing
heavy.
"""

import pathlib
import re
from collections.abc import Mapping
from importlib import util
from typing import NamedTuple

from jaxgan.core import errors

FIRST_PORT, PORTS = 61440, 4096
"""Ports of jobs: JAX's own choice, in the ephemeral range."""

JOB, NODES = "SLURM_JOB_ID", "SLURM_STEP_NODELIST"
COUNT, NUMBER, LOCAL = "SLURM_NTASKS", "SLURM_PROCID", "SLURM_LOCALID"

URI = "OMPI_MCA_orte_hnp_uri"
MPI_COUNT, MPI_NUMBER = "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK"
MPI_LOCAL, MPI_LOCAL_COUNT = "OMPI_COMM_WORLD_LOCAL_RANK", "OMPI_COMM_WORLD_LOCAL_SIZE"

VISIBLE = ("CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES")


class Place(NamedTuple):
    """A process among those of its run.

    Attributes:
      coordinator: HOST:PORT of process 0.
      num_processes: of the run.
      process_id: of this one.
    """

    coordinator: str
    num_processes: int
    process_id: int


def place(environ: Mapping[str, str]) -> Place | None:
    """Where the launcher has put this process; None if there is none of the two.

    The variables JAX_COORDINATOR_ADDRESS and JAX_COORDINATOR_PORT have the last word,
    as they have for JAX.

    Raises:
      UserError: if a process in a job of Slurm is none of its tasks, Open MPI does not
        say where process 0 is, or a variable cannot be read.
    """
    # First, as mpirun starts processes in jobs of Slurm too.
    if MPI_NUMBER in environ:
        names, find = (MPI_COUNT, MPI_NUMBER), _open_mpi
    elif JOB in environ:
        names, find = (COUNT, NUMBER), _slurm
    else:
        return None
    if (found := find(environ)) is None:
        return None
    host, job = found
    count, number = (_number(environ, name) for name in names)
    if number >= count:
        raise errors.UserError(
            f"--coordinator auto: {names[1]}={number} must be below {names[0]}={count}."
        )
    port = environ.get("JAX_COORDINATOR_PORT") or FIRST_PORT + job % PORTS
    address = environ.get("JAX_COORDINATOR_ADDRESS") or f"{host}:{port}"
    return Place(address, count, number)


def own_gpus(environ: Mapping[str, str]) -> list[int] | None:
    """GPUs of this process by their numbers among those it sees; None for all of them.

    A process that is alone on its node has all. Several that see the same GPUs share
    them evenly; and one that its launcher shows fewer than the node has keeps those.
    The variable JAX_LOCAL_DEVICE_IDS has the last word, which JAX reads.

    Raises:
      UserError: if GPUs cannot be shared evenly.
    """
    if "JAX_LOCAL_DEVICE_IDS" in environ:
        return None
    (number, local), seen = _on_this_node(environ), _seen(environ)
    if number == 1 or seen <= 1 or _bound(environ, seen):
        return None
    own, left = divmod(seen, number)
    if left or not own:
        raise errors.UserError(
            f"--coordinator: {number} processes of this node see {seen} GPUs, which "
            "cannot be shared evenly; start one process on each node, or one for each "
            "GPU."
        )
    return list(range(local * own, (local + 1) * own))


def _slurm(environ: Mapping[str, str]) -> tuple[str, int]:
    """The first node of the step, and a number that is the step's own."""
    missing = [name for name in (NODES, COUNT, NUMBER, LOCAL) if name not in environ]
    if missing:
        raise errors.UserError(
            f"--coordinator auto: this process is in the Slurm job {environ[JOB]} but "
            f"none of its tasks, as {', '.join(missing)} "
            f"{'is' if len(missing) == 1 else 'are'} not set; start it by srun, or "
            "give HOST:PORT of process 0."
        )
    # Of 'a[01-04,9]b[3-4],c' the first is a01b3.
    pattern = r"\[([^\],-]+)[^\]]*\]"
    host = re.sub(pattern, r"\1", environ[NODES]).partition(",")[0]
    step = _number(environ, "SLURM_STEP_ID") if "SLURM_STEP_ID" in environ else 0
    return host, _number(environ, JOB) + 101 * step


def _open_mpi(environ: Mapping[str, str]) -> tuple[str, int] | None:
    """The host of mpirun, which has process 0, and a number that is the job's own.

    None where only JAX can find it, by mpi4py.
    """
    number, _, uri = environ.get(URI, "").partition(".")
    found = re.search(r"tcp://([^,:]+)|tcp6://(\[[^,\]]+)", uri)
    if found is not None and number.isdecimal():
        # Numbers of jobs are multiples of 4096.
        return found[1] or f"{found[2]}]", int(number) // PORTS
    if "JAX_COORDINATOR_ADDRESS" in environ:
        return "", 0
    if util.find_spec("mpi4py") is not None:
        return None
    raise errors.UserError(
        "--coordinator auto: Open MPI does not say where process 0 is, as its version "
        "5 does not without mpi4py; give HOST:PORT of process 0 with --num-processes "
        f"and --process-id, which are in {MPI_COUNT} and {MPI_NUMBER}."
    )


def _on_this_node(environ: Mapping[str, str]) -> tuple[int, int]:
    """How many processes the launcher has put on this node, and which this one is."""
    if MPI_LOCAL in environ and MPI_LOCAL_COUNT in environ:
        return _number(environ, MPI_LOCAL_COUNT), _number(environ, MPI_LOCAL)
    if all(name in environ for name in (JOB, NODES, COUNT, LOCAL)):
        local = _number(environ, LOCAL)
        return max(_tasks_of_node(environ), local + 1), local
    return 1, 0


def _tasks_of_node(environ: Mapping[str, str]) -> int:
    """Of '2(x3),1', the tasks of each node, those of this one."""
    tasks: list[int] = []
    for name in ("SLURM_STEP_TASKS_PER_NODE", "SLURM_TASKS_PER_NODE"):
        for number, times in re.findall(r"(\d+)(?:\(x(\d+)\))?", environ.get(name, "")):
            tasks += [int(number)] * int(times or 1)
        if tasks:
            node = environ.get("SLURM_NODEID", "0")
            return tasks[min(int(node) if node.isdecimal() else 0, len(tasks) - 1)]
    for name in ("SLURM_STEP_NUM_NODES", "SLURM_NNODES"):
        if environ.get(name, "").isdecimal():
            return -(-_number(environ, COUNT) // max(1, int(environ[name])))
    return 1


def _seen(environ: Mapping[str, str]) -> int:
    """How many GPUs this process sees."""
    for name in VISIBLE:
        if name in environ:
            listed = [own.strip() for own in environ[name].split(",")]
            return sum(own not in ("", "-1", "NoDevFiles") for own in listed)
    if environ.get("SLURM_GPUS_ON_NODE", "").isdecimal():
        return int(environ["SLURM_GPUS_ON_NODE"])
    return len(list(pathlib.Path("/dev").glob("nvidia[0-9]*")))


def _bound(environ: Mapping[str, str], seen: int) -> bool:
    """Whether the launcher shows each process GPUs of its own."""
    of_node, of_task = (
        environ.get(name, "") for name in ("SLURM_GPUS_ON_NODE", "SLURM_GPUS_PER_TASK")
    )
    fewer = of_node.isdecimal() and seen < int(of_node)
    return fewer or of_task.rpartition(":")[2] == str(seen)


def _number(environ: Mapping[str, str], name: str) -> int:
    text = environ.get(name, "")
    if not text.isdecimal():
        raise errors.UserError(
            f"--coordinator: {name}={text!r} in the environment must be a whole number."
        )
    return int(text)
