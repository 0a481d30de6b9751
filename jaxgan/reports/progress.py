"""How far a long piece of work has come, on the terminal."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def counted(title: str, total: int, what: str) -> Iterator[Callable[[int], None]]:
    """Shows how many of `total` are done.

    Args:
      title: in front.
      total: how many there are to do.
      what: they are called, in the plural.

    Yields:
      A function, to be called with the number of those that are done now. On a terminal
      there is a bar with the time left; where standard error is none, one line at the
      end.
    """
    began, done = time.perf_counter(), 0
    if not sys.stderr.isatty():

        def count(number: int) -> None:
            nonlocal done
            done += number

        yield count
        seconds = time.perf_counter() - began
        print(f"{title}: {done} {what} in {seconds:.1f} s", file=sys.stderr)
        return

    from rich import console, progress

    columns = (
        progress.TextColumn("{task.description}"),
        progress.BarColumn(bar_width=12),
        progress.MofNCompleteColumn(),
        progress.TextColumn(what),
        progress.TimeRemainingColumn(),
    )
    with progress.Progress(*columns, console=console.Console(stderr=True)) as bar:
        task = bar.add_task(title, total=total)
        yield lambda number: bar.update(task, advance=number)
