"""Which functions of the package each test calls, and how long it takes.

A test is charged with the fixtures it uses, also with those that were set up for a test
before it, and with what its file calls when it is imported.
"""

import hashlib
import json
import pathlib
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

import forks
import pytest

PROCESSES = {"subprocess.Popen", "os.posix_spawn", "os.exec"}


class Test(NamedTuple):
    """What is known of one test.

    Attributes:
      seconds: of the processor, for its run and for the fixtures that it first uses.
      functions: `path:qualified name` of what it calls of the package.
      alone: whether it starts no other process of Python.
    """

    seconds: float
    functions: frozenset[str]
    alone: bool


def measured(
    tree: pathlib.Path, files: list[str], work: pathlib.Path, workers: int
) -> dict[str, Test]:
    """Coverage of the tests that pass, from `work` if it was measured before.

    Raises:
      SystemExit: if a file cannot be run.
    """
    kept = {file: work / f"coverage-{_fingerprint(tree, file)}.json" for file in files}
    tasks = [_task(tree, file) for file in files if not kept[file].exists()]
    for outcome in forks.run(tasks, workers, work / "coverage"):
        if outcome.ended != "done":
            sys.exit(f"{outcome.name} does not run as it is: {outcome.told[-1:]}")
        failed = {
            told["failed"]: told["why"] for told in outcome.told if "failed" in told
        }
        for name, why in failed.items():
            print(f"left out, as it fails without any change: {name}: {why}")
        of_file = [told["tests"] for told in outcome.told if "tests" in told]
        kept[outcome.name].write_text(
            json.dumps([it for it in of_file if not failed.keys() & it.keys()])
        )
        print(f"{outcome.name}: {outcome.seconds:.0f} s", flush=True)
    found = {}
    for path in kept.values():
        for test in json.loads(path.read_text()):
            for name, (seconds, functions, alone) in test.items():
                found[name] = Test(seconds, frozenset(functions), alone)
    return found


def _fingerprint(tree: pathlib.Path, file: str) -> str:
    """Of what the coverage of a file depends on: itself, fixtures and the package."""
    package = sorted((tree / "jaxgan").rglob("*.py"))
    fixtures = sorted((tree / "tests").rglob("conftest.py"))
    digest = hashlib.sha256(file.encode())
    for path in (tree / file, *fixtures, *package):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _task(tree, file):
    def run(tell):
        recorder = Recorder(tree / "jaxgan", tell)
        sys.addaudithook(recorder.audit)
        forks.pytest_on(file, recorder, most=0)

    return forks.Task(file, run, lambda told: 900.0)


class Recorder:
    """A plugin of pytest that watches which functions are called."""

    def __init__(self, package: pathlib.Path, tell) -> None:
        self.prefix, self.tell = f"{package}/", tell
        self.fixtures: dict[object, set[str]] = defaultdict(set)
        self.collected: set[str] = set()
        self.nobody: set[str] = set()
        self.current = self.nobody
        self.forked = False

    def audit(self, event: str, args: tuple) -> None:
        # Libraries ask the system about its cores by way of processes, too.
        of_python = event in PROCESSES and "python" in str(args[:2])
        self.forked |= of_python or event == "os.fork"

    def _called(self, frame, event, arg):
        code = frame.f_code
        if code.co_filename.startswith(self.prefix):
            path = code.co_filename[len(self.prefix) :]
            self.current.add(f"{path}:{code.co_qualname}")

    @pytest.hookimpl(hookwrapper=True)
    def pytest_collection(self):
        yield from self._watched(self.collected)

    @pytest.hookimpl(hookwrapper=True)
    def pytest_fixture_setup(self, fixturedef):
        yield from self._watched(self.fixtures[fixturedef])

    def _watched(self, into: set[str]):
        before, self.current = self.current, into
        threading.settrace(self._called)
        sys.settrace(self._called)
        yield
        sys.settrace(self._called if before is not self.nobody else None)
        self.current = before
        before |= into

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_protocol(self, item):
        functions: set[str] = set()
        self.forked, began = False, time.process_time()
        yield from self._watched(functions)
        functions |= self.collected
        for definitions in item._fixtureinfo.name2fixturedefs.values():
            for definition in definitions:
                functions |= self.fixtures[definition]
        seconds = round(time.process_time() - began, 3)
        test = Test(seconds, sorted(functions), not self.forked)
        self.tell({"tests": {item.nodeid: test}})

    def pytest_runtest_logreport(self, report):
        if report.failed:
            self.tell({"failed": report.nodeid, "why": str(report.longrepr)[-300:]})


def files_of(tests: Iterable[str]) -> list[str]:
    """The files of tests, in order, each once."""
    return list(dict.fromkeys(map(file_of, tests)))


def file_of(test: str) -> str:
    """The file of a test, by what pytest calls the test."""
    return test.partition("::")[0]
