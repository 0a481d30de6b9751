"""Runs pytest in forks of a process that has imported the libraries.

Importing JAX and the rest takes longer than most tests. A fork begins after that, with
no backend of JAX initialised, imports the package (one of its modules changed, if
asked) and runs the tests it is given. It tells its parent of each test that begins,
through a pipe, so that a test that hangs is noticed by its own time and not by that of
all.
"""

import contextlib
import importlib
import importlib.machinery
import json
import os
import pathlib
import resource
import selectors
import signal
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

LIBRARIES = (
    "jax jax.numpy jax.scipy.special jax.scipy.stats jax.experimental flax flax.linen "
    "flax.nnx optax orbax.checkpoint numpy scipy.linalg scipy.stats scipy.special "
    "scipy.optimize scipy.spatial scipy.signal sklearn.cluster sklearn.metrics "
    "sklearn.neighbors sklearn.datasets sklearn.neural_network pytest hypothesis "
    "hypothesis.strategies hypothesis.extra.numpy safetensors.numpy PIL.Image"
).split()
ARGUMENTS = [
    "-q",
    "--no-header",
    "--tb=line",
    "--override-ini=addopts=--strict-markers",
    "-pno:cacheprovider",
    "-pno:xdist",
    "-m=not long and not slow and not oracle",
    # The plugins of hypothesis were imported before pytest was begun.
    "-Wignore::pytest.PytestAssertRewriteWarning",
]
MEMORY = 12 * 2**30
"""Bytes of addresses that a fork may use, lest a changed size take the machine's."""
SLOWER = 10
"""As many times as a machine that others use takes longer than its processor."""


class Task(NamedTuple):
    """What one fork does.

    Attributes:
      name: of the task, for its caller.
      run: called in the fork with `tell`, which takes what JSON can hold.
      limit: from what was told last, seconds of the processor until the next.
    """

    name: str
    run: Callable[[Callable[[dict], None]], None]
    limit: Callable[[dict], float]


class Outcome(NamedTuple):
    """What came of a fork: what it told, and how it ended.

    `ended` is "done", "time" (it was stopped) or "crash"; `seconds` are of the
    processor.
    """

    name: str
    told: list[dict]
    ended: str
    seconds: float


def prepare(tree: pathlib.Path, cache: pathlib.Path) -> None:
    """Makes this process, which has not loaded JAX, one that forks can begin from."""
    os.chdir(tree)
    sys.path.insert(0, str(tree))
    os.environ |= {
        "JAX_PLATFORMS": "cpu",
        "JAX_COMPILATION_CACHE_DIR": str(cache),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.05",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
        "PYTHONPATH": str(tree),
    }
    # What tests/conftest.py does, before JAX is there.
    os.environ.setdefault(
        "XLA_FLAGS",
        "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true",
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in LIBRARIES:
            with contextlib.suppress(ImportError):
                importlib.import_module(name)
    warnings.filterwarnings("ignore", message=".*fork", category=RuntimeWarning)
    warnings.filterwarnings("ignore", message=".*fork", category=DeprecationWarning)
    _settle_hypothesis()


def _settle_hypothesis():
    """The same examples each time, few, and none made smaller after a failure."""
    from hypothesis import Phase, settings

    settings.register_profile(
        "mutation",
        derandomize=True,
        database=None,
        deadline=None,
        max_examples=25,
        phases=[Phase.explicit, Phase.generate],
    )
    settings.load_profile("mutation")


def run(tasks: Iterable[Task], workers: int, log: pathlib.Path) -> Iterator[Outcome]:
    """Runs each task in a fork of its own, so many at a time; yields as they end."""
    running: dict[int, _Fork] = {}
    try:
        yield from _run(iter(tasks), running, workers, log)
    finally:
        for fork in running.values():
            fork.end("stopped")


def _run(waiting, running, workers, log):
    selector = selectors.DefaultSelector()
    exhausted = False
    while running or not exhausted:
        while len(running) < workers and not exhausted:
            task = next(waiting, None)
            if exhausted := task is None:
                break
            fork = _Fork(task, log)
            running[fork.pipe.fileno()] = fork
            selector.register(fork.pipe, selectors.EVENT_READ)
        for key, _ in selector.select(timeout=0.2):
            running[key.fd].listen()
        for number, fork in list(running.items()):
            if fork.is_over():
                selector.unregister(fork.pipe)
                del running[number]
                yield fork.outcome()


class _Fork:
    def __init__(self, task, log):
        self.task, self.told, self.rest = task, [], b""
        self.heard, self.used_when_heard, self.used = time.monotonic(), 0.0, 0.0
        self.limit, self.ended = task.limit({}), None
        reading, writing = os.pipe()
        sys.stdout.flush()
        self.pid = os.fork()
        if self.pid == 0:
            _become(task, writing, log.with_suffix(f".{os.getpid()}.log"))
        os.close(writing)
        self.log = log.with_suffix(f".{self.pid}.log")
        self.pipe = open(reading, "rb", buffering=0)

    def listen(self):
        text = self.pipe.read(2**20)
        if not text:
            self.end("done" if self._wait() == 0 else "crash")
        *lines, self.rest = (self.rest + (text or b"")).split(b"\n")
        for line in lines:
            self.told.append(json.loads(line))
            self.heard, self.used_when_heard = time.monotonic(), self._processor()
            self.limit = self.task.limit(self.told[-1])

    def is_over(self):
        if self.ended is None:
            used = self._processor() - self.used_when_heard
            waited = time.monotonic() - self.heard
            # A deadlock uses nothing.
            if used > self.limit or waited > SLOWER * self.limit:
                os.killpg(self.pid, signal.SIGKILL)
                self._wait()
                self.end("time")
        return self.ended is not None

    def _processor(self):
        """Seconds of the processor that the fork has used."""
        stat = pathlib.Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2]
        user, system = stat.split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def _wait(self):
        _, status, usage = os.wait4(self.pid, 0)
        self.used = usage.ru_utime + usage.ru_stime
        return status

    def end(self, how):
        self.ended = how
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)  # what it may have left behind

    def outcome(self):
        self.pipe.close()
        if self.ended == "done":
            self.log.unlink(missing_ok=True)
        return Outcome(self.task.name, self.told, self.ended, self.used)


def _become(task, writing, log):
    """Does the task in the fork and never returns."""
    status = 1
    try:
        os.setpgid(0, 0)
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(output, 1)
        os.dup2(output, 2)

        def tell(what):
            os.write(writing, json.dumps(what).encode() + b"\n")

        task.run(tell)
        status = 0
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(status)


def change(path: pathlib.Path, code: Any) -> None:
    """From now on, importing the module at `path` runs `code` instead of its text."""
    loader = importlib.machinery.SourceFileLoader
    usual = loader.get_code

    def get_code(self, fullname):
        if pathlib.Path(self.path) == path:
            return code
        return usual(self, fullname)

    loader.get_code = get_code


def pytest_on(file: str, plugin: Any, most: int = 1) -> int:
    """Runs tests of a file in this process, until `most` failed (0: never mind).

    Returns:
      The exit status of pytest.
    """
    import pytest

    arguments = [*ARGUMENTS, f"--maxfail={most}", file]
    return int(pytest.main(arguments, plugins=[plugin]))
