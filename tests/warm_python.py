"""Runs Python programs in forks of a process that has imported what they import.

Importing JAX, scikit-learn and Matplotlib takes two to four seconds of each process,
which is longer than most of what tests start goes on. Here one process imports them,
once for all tests of a worker, and a program begins as a fork of it: with words, a
folder, an environment and files for its output of its own, and before JAX has looked
for a device, as the threads that this starts would not outlive the fork. A program in
whose environment something else stands that is read by an import, and any program where
there are no such forks, has a new interpreter instead.

What a test says of the process itself is not for here: the command `jaxgan`, `--help`,
what imports what, on which cores it may run, what was ignored when it began.
"""

import atexit
import functools
import gc
import importlib
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time
import types
import warnings

IMPORTED = (
    *("jaxgan.scripts.replicate_runs", "jaxgan.scripts.from_settings", "jaxgan.runs"),
    *("jaxgan.training.methods", "jaxgan.data.streaming", "jaxgan.sweeps"),
    *("tyro", "rich.table", "PIL.Image", "matplotlib.pyplot", "orbax.checkpoint"),
    *("sklearn.cluster", "sklearn.manifold", "sklearn.datasets", "scipy.optimize"),
    *("scipy.stats", "pyarrow.parquet"),
)

READ_BY_IMPORTS = ("JAX_", "LD_", "MPL", "OMP_", "OPENBLAS_", "PYTHON", "TF_")

OF_JAX = {
    "JAX_LOG_COMPILES": lambda text: text == "1",
    "JAX_COMPILATION_CACHE_DIR": str,
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": float,
    "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": int,
}
"""What JAX reads when it is imported and what can be set until it compiles."""

ENVIRONMENT, CORES = dict(os.environ), getattr(os, "sched_getaffinity", id)(0)
"""Of the tests, before one changes them: with these everything is imported."""


class Process:
    """A program that runs: `subprocess.Popen` as far as the tests use it.

    What it says is kept in files, so that it never waits for a reader.
    """

    def __init__(self, words, *, cwd=None, env=None):
        self.args = [sys.executable, *map(str, words)]
        folder = str(pathlib.Path(cwd or ".").absolute())
        env = dict(os.environ if env is None else env)
        begin = _Fork if _is_warm(env) else _anew
        with (
            tempfile.NamedTemporaryFile() as out,
            tempfile.NamedTemporaryFile() as error,
        ):
            self._process = begin(self.args, folder, env, out, error)
            # Files opened anew, as a file that is shared has one place.
            self._said = [open(file.name) for file in (out, error)]
        self.pid, self.send_signal = self._process.pid, self._process.send_signal
        self.kill, self.poll, self.wait = (
            getattr(self._process, name) for name in ("kill", "poll", "wait")
        )

    @property
    def returncode(self):
        return self._process.returncode

    def line(self):
        """The next line of its output, which is waited for."""
        while True:
            at, ended = self._said[0].tell(), self.poll() is not None
            line = self._said[0].readline()
            if line.endswith("\n") or ended:
                return line
            self._said[0].seek(at)
            time.sleep(0.01)

    def communicate(self, timeout=None):
        """Waits for the end, and gives what it said after lines that were read."""
        self.wait(timeout)
        said = []
        for file in self._said:
            with file:
                said.append(file.read())
        return tuple(said)


def run(words, *, cwd=None, env=None, timeout=600):
    """As `subprocess.run([sys.executable, *words])`, with all output as text."""
    process = Process(words, cwd=cwd, env=env)
    try:
        process.wait(timeout)
    finally:
        process.kill()
        out, error = process.communicate()
    return subprocess.CompletedProcess(process.args, process.returncode, out, error)


def _anew(args, folder, env, out, error):
    return subprocess.Popen(
        args,
        cwd=folder,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=out,
        stderr=error,
    )


class _Fork:
    """A fork of the process that has imported everything."""

    def __init__(self, args, folder, env, out, error):
        sys.audit("subprocess.Popen", args[0], args, folder, env)
        self.args, self.returncode = args, None
        self._wire, theirs = socket.socketpair()
        with theirs:
            files = [file.fileno() for file in (theirs, out, error)]
            socket.send_fds(_server(), [b"."], files)
        asked = json.dumps({"words": args[1:], "folder": folder, "env": env})
        self._told = self._wire.makefile()
        self._wire.sendall(asked.encode() + b"\n")
        self.pid = int(self._told.readline())

    def wait(self, timeout=None):
        if self.returncode is None:
            self._wire.settimeout(timeout)
            try:
                status = int(self._told.readline())
            except TimeoutError:
                # A file of a socket gives nothing more after one of these.
                self._told = self._wire.makefile()
                raise subprocess.TimeoutExpired(self.args, timeout) from None
            self.returncode = os.waitstatus_to_exitcode(status)
            self._told.close(), self._wire.close()
        return self.returncode

    def poll(self):
        try:
            return self.wait(1e-3)
        except subprocess.TimeoutExpired:
            return None

    def send_signal(self, number):
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self):
        self.send_signal(signal.SIGKILL)
        self.wait()


def _is_warm(env):
    """Whether what imports read is as it was when everything was imported."""
    names = {
        name
        for name in {*env, *ENVIRONMENT} - ({*env} & {*OF_JAX})
        if name.startswith(READ_BY_IMPORTS)
    }
    same = all(env.get(name) == ENVIRONMENT.get(name) for name in names)
    return sys.platform == "linux" and same and os.sched_getaffinity(0) == CORES


@functools.cache
def _server():
    """The socket of the process that forks, which is begun by the first call."""
    ours, theirs = socket.socketpair()
    with theirs:
        process = subprocess.Popen(
            [sys.executable, __file__, str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            env=ENVIRONMENT,
            stdin=subprocess.DEVNULL,
        )

    def end():
        ours.close()
        process.wait()

    atexit.register(end)
    return ours


def _serve(wire):
    """Forks for each that asks; returns only in a fork, with what it has to do."""
    while True:
        _, files, _, _ = socket.recv_fds(wire, 1, 3)
        if not files:
            while _reaped(0):
                pass
            sys.exit()
        if _forked() == 0:
            wire.close()
            return _kept(*files)
        for file in files:
            os.close(file)
        while _reaped(os.WNOHANG):
            pass


def _forked():
    with warnings.catch_warnings():
        # There are no threads of JAX yet.
        warnings.simplefilter("ignore")
        return os.fork()


def _reaped(options):
    try:
        return os.waitpid(-1, options)[0]
    except ChildProcessError:
        return 0


def _kept(wire, out, error):
    """Forks once more, and tells the end of that fork, in which alone it returns."""
    with socket.socket(fileno=wire) as wire:
        asked = json.loads(wire.makefile().readline())
        if pid := _forked():
            wire.sendall(f"{pid}\n".encode())
            for file in (out, error):
                os.close(file)
            wire.sendall(f"{os.waitpid(pid, 0)[1]}\n".encode())
            os._exit(0)
    for own, number in ((out, 1), (error, 2)):
        os.dup2(own, number)
        os.close(own)
    return asked


def _program(asked):
    """Makes this process that of the program, whose code and namespace it gives."""
    os.chdir(asked["folder"])
    os.environ.clear()
    os.environ.update(asked["env"])
    import jax

    for name, read in OF_JAX.items():
        if name in asked["env"]:
            jax.config.update(name.lower(), read(asked["env"][name]))
    name, *words = asked["words"]
    main = types.ModuleType("__main__")
    if name == "-c":
        text, *words = words
        sys.argv, sys.path[0] = [name, *words], ""
        code = compile(text, "<string>", "exec")
    else:
        main.__file__ = name
        sys.argv, sys.path[0] = [name, *words], str(pathlib.Path(name).parent)
        code = compile(pathlib.Path(name).read_bytes(), name, "exec")
    sys.modules["__main__"] = main
    return code, vars(main)


if __name__ == "__main__":
    for needed in IMPORTED:
        importlib.import_module(needed)
    # As in tests/conftest.py; and what is there now is never looked through.
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    asked_for = _serve(socket.socket(fileno=int(sys.argv[1])))
    exec(*_program(asked_for))
