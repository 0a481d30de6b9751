"""The process of a configuration: it is started, asked for steps and stopped."""

import contextlib
import json
import os
import pathlib
import platform
import re
import subprocess
import sys
import tempfile
from typing import Any, NamedTuple

from bench import cases

FOLDER = pathlib.Path(__file__).parent


class Worker(NamedTuple):
    """A process and the file that its standard error goes to."""

    process: subprocess.Popen
    log: Any


def has(python: pathlib.Path | str, package: str) -> bool:
    """Whether an interpreter can be run and has a package."""
    code = (
        f"import importlib.util as u, sys; sys.exit(u.find_spec('{package}') is None)"
    )
    try:
        return not subprocess.run([python, "-c", code], check=False).returncode
    except OSError:
        return False


def cores() -> int:
    own = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
    return own or os.cpu_count() or 1


def machine() -> dict[str, Any]:
    info = pathlib.Path("/proc/cpuinfo")
    text = info.read_text() if info.exists() else ""
    name = re.search(r"model name\s*:\s*(.*)", text)
    return {
        "cpu": name[1] if name else platform.processor(),
        "cores": cores(),
        "system": platform.platform(),
    }


SCRIPTS = {"jax": "bench.jax_population", "torch": "bench.torch_members"}


def start(
    case: cases.Case,
    data: pathlib.Path,
    seed: int,
    torch_python: pathlib.Path | None,
    *,
    script: str | None = None,
    **asked: Any,
) -> Worker:
    """Starts the process of a configuration; `answer` says when it is ready.

    Args:
      case: the configuration.
      data: file that it trains on.
      seed: of data, weights and batches.
      torch_python: interpreter that has PyTorch, or None for this one.
      script: module to run, or None for the one of the library in `SCRIPTS`.
      **asked: more that the script is to know.
    """
    script = script or SCRIPTS[case.library]
    python = (case.library == "torch" and torch_python) or sys.executable
    config = {
        **cases.numbers(case),
        **case.options,
        "members": case.members,
        "dtype": case.dtype,
        "data": os.fspath(data),
        "seed": seed,
        "cores": cores(),
        **asked,
    }
    # On a GPU all of a group are there at once: each takes what it needs and no more.
    env = {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"} | os.environ
    paths = [os.fspath(FOLDER.parent), env.get("PYTHONPATH")]
    env["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    log = tempfile.TemporaryFile("w+")
    process = subprocess.Popen(
        [python, "-m", script, json.dumps(config)],
        env=env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
    )
    return Worker(process, log)


def answer(worker: Worker) -> dict[str, Any]:
    """The next answer, or `{"error": reason}` if the process has ended."""
    line = worker.process.stdout.readline()
    if line:
        return json.loads(line)
    status = worker.process.wait()
    worker.log.seek(0)
    said = [text for text in worker.log.read().splitlines() if text.strip()]
    return {"error": f"status {status}: {said[-1] if said else 'no message'}"}


def take_steps(worker: Worker, num_steps: int) -> dict[str, Any]:
    """Has so many steps taken: their seconds, and the rate of a matrix product."""
    with contextlib.suppress(BrokenPipeError):
        print(json.dumps({"steps": num_steps}), file=worker.process.stdin, flush=True)
    return answer(worker)


def stop(worker: Worker) -> None:
    worker.process.kill()
    worker.process.communicate()
    worker.log.close()


def forget_peak(worker: Worker) -> None:
    """Makes Linux count the peak of memory anew, so that compiling is left out."""
    with contextlib.suppress(OSError):
        pathlib.Path(f"/proc/{worker.process.pid}/clear_refs").write_text("5")


def host_peak(worker: Worker) -> int | None:
    """Peak of resident memory in bytes, or None where the system does not say."""
    try:
        status = pathlib.Path(f"/proc/{worker.process.pid}/status").read_text()
    except OSError:
        return None
    found = re.search(r"VmHWM:\s*(\d+) kB", status)
    return int(found[1]) * 1024 if found else None
