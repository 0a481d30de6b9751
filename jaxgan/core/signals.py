"""Stopping at a good moment: a signal as an exception, or as a question to ask.

Besides SIGINT and SIGTERM these are SIGHUP of a terminal that is lost and SIGUSR1 and
SIGUSR2, by which Slurm's `--signal` tells that the time is nearly over. Those that were
ignored when the process began, as `nohup` and shells do for what runs in the
background, stay ignored, but for SIGTERM; handlers of a program's own stay as well.

Python runs handlers in the main thread and between its own instructions: never while
that thread waits in native code. So a second thread is told of signals by the system
itself, and ends the process where the main thread does not.
"""

import contextlib
import errno
import math
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator

STOPPING = (signal.SIGINT, signal.SIGTERM)
SIGNALS = (*STOPPING, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)

TOGETHER = 0.2
"""Seconds in which several signals are one, as when a whole group is told as well.

They are one wherever they meet the program: while it saves, or while it ends.
"""

MOMENT = 3.0
"""Seconds for the main thread to end by itself after a second signal."""

LIMIT = 30.0
"""Seconds for it to end after a signal that nobody defers, and for Python to shut down
after any."""

FAREWELL = 10.0
"""Seconds to say why, and to tell other processes."""

_deferring = 0
_latest = -math.inf  # when the first of the latest signals that came together came
_watch: "_Watch | None" = None


class Terminated(KeyboardInterrupt):
    """A signal, as an exception like that of SIGINT.

    Attributes:
      number: of the signal.
    """

    def __init__(self, number: int = signal.SIGTERM):
        super().__init__()
        self.number = number


def number(interruption: KeyboardInterrupt) -> int:
    """The signal that an interruption is of."""
    return getattr(interruption, "number", signal.SIGINT)


@contextlib.contextmanager
def raised(farewell: Callable[[int], None]) -> Iterator[None]:
    """Signals raise `Terminated`, so that what was begun is put in order.

    Where the main thread does not end within `LIMIT`, or within a `MOMENT` of a second
    signal, the process ends all the same, with status 128 and the signal's number. Only
    the main thread receives signals; in any other nothing changes.

    Args:
      farewell: called in another thread, with the signal's number, before a process
        that did not end by itself ends; it says why.
    """
    if not _in_main_thread():
        yield
        return

    def end(number, frame):
        _leave_lost_terminals(number)
        if not _is_one_with_the_latest():
            raise Terminated(number)

    with _handled(end) as taken, _watched(farewell, taken):
        yield


@contextlib.contextmanager
def deferred() -> Iterator[Callable[[], int | None]]:
    """Remembers the first signal rather than dying of it.

    Yields a function that gives the signal's number, or None while there was none. One
    that it never gave is raised at the end. A second signal interrupts at once. Only
    the main thread receives signals; in any other they are left as they are.
    """
    global _deferring
    if not _in_main_thread():
        yield lambda: None
        return
    received: list[int] = []
    asked: list[int] = []

    def receive(number, frame):
        _leave_lost_terminals(number)
        if _is_one_with_the_latest():
            return
        received.append(number)
        if len(received) > 1:
            raise Terminated(number)

    def stopped() -> int | None:
        asked.extend(received[:1])
        return asked[0] if asked else None

    with _handled(receive) as taken, _watched(_say_ended, taken - {signal.SIGINT}):
        _deferring += 1
        try:
            yield stopped
        finally:
            _deferring -= 1
    if received and not asked:
        raise Terminated(received[0])


def _is_one_with_the_latest() -> bool:
    """Whether a signal that comes now comes together with one before."""
    global _latest
    now = time.monotonic()
    if now - _latest < TOGETHER:
        return True
    _latest = now
    return False


@contextlib.contextmanager
def _handled(handler: Callable) -> Iterator[set[int]]:
    """Sets a handler of all signals that are ours to handle, and yields these."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    before = {number: own for number, own in before.items() if _is_ours(number, own)}
    for own in before:
        signal.signal(own, handler)
    try:
        yield set(before)
    finally:
        for number, own in before.items():
            signal.signal(number, own)


def _is_ours(number: int, handler) -> bool:
    """Whether a signal with this handler may be given another one."""
    if number == signal.SIGTERM:
        return True
    if number == signal.SIGINT:
        return handler is not signal.SIG_IGN
    within = getattr(handler, "__module__", None) == __name__
    return handler is signal.SIG_DFL or within


@contextlib.contextmanager
def _watched(farewell: Callable[[int], None], taken: set[int]) -> Iterator[None]:
    """Ends the process where the main thread does not; once, for all within."""
    global _watch
    if _watch is not None:
        yield
        return
    _watch = _Watch(farewell, taken)
    try:
        yield
    finally:
        try:
            # Others that come with it find handlers still: without them they would
            # end the process before it says why.
            time.sleep(max(0.0, _latest + TOGETHER - time.monotonic()))
        finally:
            _watch.close()
            _watch = None


class _Watch:
    """A thread that sees signals while the main thread stands in native code."""

    def __init__(self, farewell: Callable[[int], None], taken: set[int]):
        self.farewell, self.taken = farewell, taken
        self.first: tuple[int, float] | None = None
        self.read, self.write = os.pipe()
        os.set_blocking(self.write, False)
        self.before = signal.set_wakeup_fd(self.write, warn_on_full_buffer=False)
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self) -> None:
        deadline = None
        while True:
            rest = None if deadline is None else max(0, deadline - time.monotonic())
            if not select.select([self.read], [], [], rest)[0]:
                self.end()
            for number in os.read(self.read, 64):
                if number == 0:
                    return
                if number in self.taken:
                    deadline = self.later(deadline)
                    self.first = self.first or (number, time.monotonic())

    def later(self, deadline: float | None) -> float | None:
        """When the process has to end, now that a signal came."""
        now = time.monotonic()
        if self.first is None:
            return None if _deferring else now + LIMIT
        if now - self.first[1] <= TOGETHER:
            return deadline
        return min(now + MOMENT, deadline or now + LIMIT)

    def end(self) -> None:
        number, _ = self.first
        # Neither a pipe that nobody reads nor a process that does not answer may keep
        # this one.
        last = threading.Thread(target=self.farewell, args=(number,), daemon=True)
        last.start()
        last.join(FAREWELL)
        os._exit(128 + number)

    def close(self) -> None:
        os.write(self.write, b"\0")
        self.thread.join()
        signal.set_wakeup_fd(self.before)
        os.close(self.read)
        os.close(self.write)
        if self.first is not None:
            number = self.first[0]
            threading.Thread(target=_shut_down, args=(number,), daemon=True).start()


def _shut_down(number: int) -> None:
    """Ends a process that shuts down after a signal, and waits for other threads."""
    until = time.monotonic() + 60
    while threading.main_thread().is_alive():
        if time.monotonic() > until:
            return  # it goes on, as the signal was that of a part of it
        time.sleep(0.1)
    time.sleep(LIMIT)
    os._exit(128 + number)


def _say_ended(number: int) -> None:
    with contextlib.suppress(OSError):
        os.write(2, b"ended by a second signal, as the first one had no effect\n")


def _leave_lost_terminals(number: int) -> None:
    """Lets what is said vanish where the terminal has, so that no run fails of it."""
    if number != signal.SIGHUP:
        return
    for stream in (sys.__stdout__, sys.__stderr__):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            if _is_lost(stream.fileno()):
                empty = os.open(os.devnull, os.O_WRONLY)
                os.dup2(empty, stream.fileno())
                os.close(empty)


def _is_lost(descriptor: int) -> bool:
    """Whether it was of a terminal that is no longer there."""
    import termios

    try:
        termios.tcgetattr(descriptor)
    except termios.error as error:
        return error.args[0] == errno.EIO
    return False


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()
