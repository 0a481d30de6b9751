"""The processes of a run end together, and say why.

JAX's processes wait for one another without a limit. So one that fails leaves a note in
the store of JAX's coordination service before it goes, and in each of the others a
thread looks for that note, shows it and ends its process.
"""

import atexit
import contextlib
import json
import os
import shutil
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import jax

NOTE, READ = "jaxgan/ended", "jaxgan/ended-read/"
EVERY = 0.5
"""Seconds between two looks at the store."""

PATIENCE = 5.0
"""Seconds that a process waits for all the others to have read a note."""

_ending = threading.Lock()
_removed_at_end: set[str] = set()
_store: Any = None
"""Of JAX's coordination service, where there are several processes."""


class Ended(NamedTuple):
    """Why a process has ended.

    Attributes:
      process: its number.
      status: that it exits with.
      sentence: that it showed.
    """

    process: int
    status: int
    sentence: str


def watch_others() -> None:
    """Makes this process end when another one has failed; once they have joined."""
    global _store
    if jax.process_count() == 1:
        return
    from orbax.checkpoint import multihost

    _store, done = multihost.get_jax_distributed_client(), threading.Event()
    thread = threading.Thread(target=_watch, args=(done,), daemon=True)
    thread.start()

    def stop():  # before JAX takes the store away
        done.set()
        thread.join()

    atexit.register(stop)


def has_others() -> bool:
    """Whether there are other processes that end with this one."""
    return _store is not None


@contextlib.contextmanager
def removed_at_end(folder: str) -> Iterator[None]:
    """Removes a temporary folder also where this process ends at once."""
    _removed_at_end.add(folder)
    try:
        yield
    finally:
        _removed_at_end.discard(folder)


def end_all(status: int, sentence: str) -> None:
    """Ends this process at once, after the others were told; alone it does nothing.

    JAX would wait for minutes at the end for processes that wait for this one.

    Args:
      status: that it exits with.
      sentence: why, which has been shown.
    """
    if _store is None:
        return
    _only_one_ends()
    # Only the first note stays: what others say is often what follows from it.
    with contextlib.suppress(jax.errors.JaxRuntimeError):
        note = Ended(jax.process_index(), status, sentence)
        _store.key_value_set(NOTE, json.dumps(note))
    _end(status)


def end_if_another_did() -> None:
    """Ends this process at once if another one has failed, and says so."""
    if _store is not None and (note := _note()) is not None:
        if note.process != jax.process_index():
            _only_one_ends()
            said = f"error: process {note.process} has ended: {note.sentence}"
            print(said, file=sys.stderr)
            _end(note.status)


def _note() -> Ended | None:
    with contextlib.suppress(jax.errors.JaxRuntimeError):  # there is none
        return Ended(*json.loads(_store.key_value_try_get(NOTE)))
    return None


def _watch(done: threading.Event) -> None:
    while not done.wait(EVERY):
        # If this process fails as well it has its own to say, and a moment for it.
        if _note() is not None and not done.wait(2 * EVERY):
            end_if_another_did()


def _only_one_ends() -> None:
    """Returns in the first thread that ends the process, and never in another one."""
    if not _ending.acquire(blocking=False):
        threading.Event().wait()


def _end(status: int) -> None:
    with contextlib.suppress(jax.errors.JaxRuntimeError):
        _store.key_value_set(f"{READ}{jax.process_index()}", "")
        _await_readers()
    if jax.process_index() == 0:
        # The store is this process's, and goes with it.
        time.sleep(EVERY)
    for folder in list(_removed_at_end):
        shutil.rmtree(folder, ignore_errors=True)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def _await_readers() -> None:
    """Waits for all: to one that still waits for this one its end is a broken wire."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        if len(_store.key_value_dir_get(READ)) == jax.process_count():
            return
        time.sleep(EVERY / 5)
