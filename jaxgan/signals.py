"""Stopping at a good moment: a signal as an exception, or as a question to ask."""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Terminated(KeyboardInterrupt):
    """SIGTERM, as an exception like that of SIGINT."""


def number(interruption: KeyboardInterrupt) -> int:
    """The signal that an interruption is of."""
    ended = isinstance(interruption, Terminated)
    return signal.SIGTERM if ended else signal.SIGINT


@contextlib.contextmanager
def raised() -> Iterator[None]:
    """SIGTERM raises `Terminated`, so that what was begun is put in order.

    Only the main thread receives signals; in any other nothing changes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number, frame):
        raise Terminated

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextlib.contextmanager
def deferred() -> Iterator[Callable[[], int | None]]:
    """Remembers the first SIGINT or SIGTERM rather than dying of it.

    Yields a function that gives the signal's number, or None while there was none. A
    second one interrupts at once. Only the main thread receives signals; in any other
    they are left as they are.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: None
        return
    received: list[int] = []

    def receive(number, frame):
        if received:
            raise KeyboardInterrupt
        received.append(number)

    before = {number: signal.signal(number, receive) for number in SIGNALS}
    try:
        yield lambda: received[0] if received else None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
