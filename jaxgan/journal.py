"""What a run leaves behind while it trains: a line per chunk, and progress shown.

The log is JSON, a line per chunk, so that it can be read while the run goes on. A run
that was killed may leave half a line and lines of steps that no checkpoint has;
`rewind` takes both away and gives the rest back as reports.
"""

import collections
import contextlib
import dataclasses
import json
import math
import pathlib
import platform
import shlex
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np

from jaxgan import errors, files, training
from jaxgan.reports import numbers

OWN = {"step", "num_steps", "seconds", "alive"}
"""Fields of a line that are neither the run's nor metrics."""

MEMBERS_SHOWN = 10


def environment() -> dict[str, Any]:
    """What a run's numbers depend on besides its settings: versions and devices."""
    from importlib import metadata

    packages = ("jaxgan", "jax", "jaxlib", "flax", "optax", "numpy")
    return {
        "python": platform.python_version(),
        "versions": {name: metadata.version(name) for name in packages},
        "devices": [device.device_kind for device in jax.devices()],
    }


def made_by(asked: Any) -> dict[str, str]:
    """The foot of a report: the command that was typed, all settings, and versions.

    Args:
      asked: the settings, a dataclass.
    """
    found = environment()
    settings = dataclasses.asdict(asked)
    said = {name: str(value) for name, value in settings.items() if value is not None}
    versions = ", ".join(f"{name} {own}" for name, own in found["versions"].items())
    devices = collections.Counter(found["devices"])
    return {
        "command": shlex.join(["python", *sys.argv]),
        "python": found["python"],
        "versions": versions,
        "devices": ", ".join(f"{number} x {kind}" for kind, number in devices.items()),
        **said,
    }


def log(path: pathlib.Path, **fields: Any) -> Callable[[training.Report], None]:
    """Appends a line of JSON per chunk to a file; for `training.train` as `on_chunk`.

    A line holds `fields`, the step, the seconds, `alive` and each metric as a list with
    one entry per member; a number that is not finite becomes null.
    """

    def on_chunk(report: training.Report) -> None:
        line = {
            **fields,
            "step": report.step,
            "num_steps": report.num_steps,
            "seconds": round(report.seconds, 4),
            "alive": report.alive.tolist(),
            **{name: _finite(values) for name, values in report.metrics.items()},
        }
        # In one piece, so that who reads meanwhile sees whole lines.
        with path.open("ab", buffering=0) as file:
            file.write((json.dumps(line) + "\n").encode())

    return on_chunk


@contextlib.contextmanager
def tensorboard(
    folder: pathlib.Path | None, **fields: Any
) -> Iterator[Callable[[training.Report], None]]:
    """Writes metrics for TensorBoard; yields what `training.train` takes as `on_chunk`.

    Of each metric the mean over the members alive and, of the first ten, each.

    Args:
      folder: to which a file of events is added; None writes nothing.
      **fields: in front of the names of the metrics, as `a/loss/mean`.

    Raises:
      UserError: if the extra tensorboard is not installed.
    """
    if folder is None:
        yield lambda report: None
        return
    try:
        from tensorboard import summary
    except ImportError:
        raise errors.UserError(
            "--tensorboard: the package tensorboard is missing; install jaxgan with "
            "the extra, pip install 'jaxgan[tensorboard]'."
        ) from None
    writer = summary.Writer(str(folder))
    front = "".join(f"{value}/" for value in fields.values())

    def on_chunk(report: training.Report) -> None:
        for name, values in report.metrics.items():
            if report.alive.any():
                mean = float(values[report.alive].mean())
                writer.add_scalar(f"{front}{name}/mean", mean, report.step)
            for i, value in enumerate(values[:MEMBERS_SHOWN].tolist()):
                writer.add_scalar(f"{front}{name}/{i}", value, report.step)
        writer.flush()

    try:
        yield on_chunk
    finally:
        writer.close()


@contextlib.contextmanager
def progress(
    title: str, *, num_steps: int, num_members: int, start: int = 0
) -> Iterator[Callable[[training.Report], None]]:
    """Shows progress on the terminal; yields what `training.train` takes as `on_chunk`.

    Args:
      title: in front.
      num_steps: of the whole run.
      num_members: of the population.
      start: steps that were taken before.

    Yields:
      A function of a report. On a terminal there is a bar with steps/s, member-steps/s
      and the time left; where standard error is none, one line at the end. Of several
      processes the first one shows it.
    """
    if jax.process_index() > 0:
        yield lambda report: None
        return
    began, taken = time.perf_counter(), 0
    if not sys.stderr.isatty():

        def count(report: training.Report) -> None:
            nonlocal taken
            taken += report.num_steps

        yield count
        seconds = time.perf_counter() - began
        rate = taken / seconds
        print(
            f"{title}: {numbers.count(taken, 'step')} of "
            f"{numbers.count(num_members, 'member')} in {seconds:.1f} s, "
            f"{rate:.0f} steps/s, {rate * num_members:.0f} member-steps/s",
            file=sys.stderr,
        )
        return

    from rich import console, progress, table

    columns = (
        progress.TextColumn("{task.description}"),
        progress.BarColumn(bar_width=12),
        # On narrow terminals the bar gives way, not the numbers.
        progress.MofNCompleteColumn(
            table_column=table.Column(no_wrap=True, min_width=11)
        ),
        progress.TextColumn("{task.fields[rate]}"),
        progress.TimeRemainingColumn(
            table_column=table.Column(no_wrap=True, min_width=7)
        ),
    )
    with progress.Progress(*columns, console=console.Console(stderr=True)) as bar:
        task = bar.add_task(title, total=num_steps, completed=start, rate="compiling")

        def on_chunk(report: training.Report) -> None:
            nonlocal taken
            taken += report.num_steps
            rate = taken / (time.perf_counter() - began)
            text = f"{rate:.0f} steps/s, {rate * num_members:.0f} member-steps/s"
            bar.update(task, completed=start + taken, rate=text)

        yield on_chunk


def read(path: pathlib.Path, field: str) -> dict[str, list[training.Report]]:
    """The reports of a log that may still be written to, which is left as it is.

    Args:
      path: of the log; one that does not exist is empty.
      field: of `log` that tells runs apart, such as "group".

    Returns:
      Per value of the field the reports in their order, of a step the last one.

    Raises:
      UserError: if a line that was written to its end cannot be read.
    """
    found: dict[str, dict[int, training.Report]] = {}
    text = path.read_text() if path.exists() else ""
    whole = text[: text.rfind("\n") + 1]
    for number, words in enumerate(whole.splitlines(), 1):
        try:
            line = json.loads(words)
            report = _report(line, {field: None})
            found.setdefault(str(line[field]), {})[report.step] = report
        except (json.JSONDecodeError, KeyError, TypeError, AttributeError):
            raise errors.UserError(
                f"{path}: line {number} is not a line of a training log with the field "
                f"{field!r}; remove it."
            ) from None
    return {name: [own[step] for step in sorted(own)] for name, own in found.items()}


def rewind(path: pathlib.Path, step: int, **fields: Any) -> list[training.Report]:
    """Makes the log end at a step, and reads what is left.

    A last line that was not written to its end is dropped, and so are the lines with
    these fields that are of later steps; lines with other fields stay.

    Args:
      path: of the log; one that does not exist is empty.
      step: the last one that counts.
      **fields: of the lines, as given to `log`.

    Returns:
      The reports of the lines with these fields.

    Raises:
      UserError: if a line before the last one cannot be read.
    """
    if not path.exists():
        return []
    whole, kept, reports = path.read_bytes(), [], []
    for number, text in enumerate(whole.splitlines(keepends=True), 1):
        if not text.endswith(b"\n"):
            break
        try:
            line = json.loads(text)
            own = fields.items() <= line.items()
            if own and line["step"] > step:
                continue
            if own:
                reports.append(_report(line, fields))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise errors.UserError(
                f"{path}: line {number} is not a line of a training log; remove it, or "
                "start a new run."
            ) from None
        kept.append(text)
    content = b"".join(kept)
    if len(content) < len(whole):
        files.write_whole(path, lambda name: pathlib.Path(name).write_bytes(content))
    return reports


def _report(line: dict[str, Any], fields: dict[str, Any]) -> training.Report:
    metrics = {
        name: np.array([math.nan if x is None else x for x in values], np.float32)
        for name, values in line.items()
        if name not in OWN and name not in fields
    }
    return training.Report(
        line["step"],
        line["num_steps"],
        line["seconds"],
        metrics,
        np.array(line["alive"], bool),
    )


def _finite(values: np.ndarray) -> list[float | None]:
    return [value if math.isfinite(value) else None for value in values.tolist()]
