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
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxgan import population, training
from jaxgan.core import errors, files
from jaxgan.reports import numbers
from jaxgan.runs import hooks

OWN = {"step", "num_steps", "seconds", "alive"}
"""Fields of a line that are neither the run's nor metrics."""

LOG = "metrics.jsonl"
"""The log's name in the folder of a run."""


def environment() -> dict[str, Any]:
    """What a run's numbers depend on besides its settings: versions and devices."""
    from importlib import metadata

    packages = ("jaxgan", "jax", "jaxlib", "flax", "optax", "numpy")
    return {
        "python": platform.python_version(),
        "versions": {name: metadata.version(name) for name in packages},
        "devices": [device.device_kind for device in jax.devices()],
        "arrangement": population.ARRANGEMENT,
    }


def differences(folder: pathlib.Path | None) -> list[str]:
    """What last bits depend on and is not as it was when a run was begun, in words.

    Args:
      folder: of the run that goes on, with its `config.json`, or None for a new one.
    """
    if folder is None:
        return []
    stored = json.loads((folder / files.CONFIG).read_text(encoding="utf-8"))
    now, said = environment(), []
    for name in ("jax", "jaxlib"):
        own, then = now["versions"][name], stored.get("versions", {}).get(name)
        if then not in (None, own):
            said.append(f"the run was begun with {name} {then} and goes on with {own}")
    kinds = set(stored.get("devices", now["devices"])), set(now["devices"])
    if kinds[0] != kinds[1]:
        was, own = (", ".join(sorted(kind)) for kind in kinds)
        said.append(f"the run was begun on {was} and goes on on {own}")
    if stored.get("arrangement") != population.ARRANGEMENT and kinds[1] == {"cpu"}:
        said.append(
            "the run was begun by a version whose members were arranged by the "
            "machine's cores"
        )
    return said


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
    one entry per member; a number that is not finite becomes null. On a disk that is
    full the file stays as it was, and `files.append` raises a UserError.
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
        files.append(path, json.dumps(line) + "\n")

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
      UserError: if the extra tensorboard is not installed, or the disk is full.
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
    front = "".join(f"{value}/" for value in fields.values())
    with _writing_events(folder):
        writer = summary.Writer(str(folder))

    def on_chunk(report: training.Report) -> None:
        with _writing_events(folder):
            for name, value in hooks.numbers(report.metrics, report.alive).items():
                writer.add_scalar(f"{front}{name}", value, report.step)
            writer.flush()

    try:
        yield on_chunk
    finally:
        with _writing_events(folder):
            writer.close()


def add_evaluation(
    folder: pathlib.Path,
    step: int,
    *,
    scores: Mapping[str, np.ndarray] | None = None,
    picture: pathlib.Path | None = None,
) -> None:
    """Adds scores or a picture of a population to what TensorBoard shows.

    Args:
      folder: to which a file of events is added; another one than `tensorboard` has.
      step: of the members.
      scores: by name values `[P]`; of each the mean of those that are finite and, of
        the first ten members, each.
      picture: a PNG file, named as it is.

    Raises:
      UserError: if the disk is full.
    """
    from tensorboard.compat.proto import event_pb2, summary_pb2
    from tensorboard.summary.writer import event_file_writer

    value = summary_pb2.Summary.Value
    shown = [
        value(tag=tag, simple_value=number)
        for name, own in (scores or {}).items()
        for tag, number in hooks.numbers({name: own}, np.isfinite(own)).items()
    ]
    if picture is not None:
        tag = picture.stem.rpartition("-")[0]
        image = summary_pb2.Summary.Image(encoded_image_string=picture.read_bytes())
        shown.append(value(tag=tag, image=image))
    event = event_pb2.Event(
        wall_time=time.time(), step=step, summary=summary_pb2.Summary(value=shown)
    )
    with _writing_events(folder):
        writer = event_file_writer.EventFileWriter(str(folder))
        writer.add_event(event)
        writer.close()


@contextlib.contextmanager
def _writing_events(folder: pathlib.Path) -> Iterator[None]:
    """Says in a sentence that events cannot be written, and nothing besides."""
    shown = threading.excepthook

    def show(failed: threading.ExceptHookArgs) -> None:
        # TensorBoard's writer is a thread whose errors are raised here as well.
        if not type(failed.thread).__module__.startswith("tensorboard"):
            shown(failed)

    threading.excepthook = show
    try:
        yield
    except OSError as error:
        raise errors.UserError(
            f"{folder}: what TensorBoard shows could not be written "
            f"({error.strerror or error}); make room, or go on with --resume and "
            "--no-tensorboard."
        ) from None
    finally:
        threading.excepthook = shown


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


def read(
    path: pathlib.Path, field: str | None = None
) -> dict[str, list[training.Report]] | list[training.Report]:
    """The reports of a log that may still be written to, which is left as it is.

    Args:
      path: of the log, or the folder of a run with its `metrics.jsonl`; one that does
        not exist is empty.
      field: of `log` that tells runs apart, such as "group" of a sweep and "arm" of
        `mode_ensemble.py`; None where there is one run.

    Returns:
      Per value of the field the reports in their order, of a step the last one; without
      a field the reports alone.

    Raises:
      UserError: if a line that was written to its end cannot be read, or belongs to one
        of several runs and no field is given.
    """
    path = pathlib.Path(path)
    path = path / LOG if path.is_dir() else path
    if field is None:
        return _read_one(path)
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


def _read_one(path: pathlib.Path) -> list[training.Report]:
    found: dict[int, training.Report] = {}
    text = path.read_text() if path.exists() else ""
    whole = text[: text.rfind("\n") + 1]
    for number, words in enumerate(whole.splitlines(), 1):
        try:
            line = json.loads(words)
            fields = [name for name in line if isinstance(line[name], str)]
            report = None if fields else _report(line, {})
        except (json.JSONDecodeError, KeyError, TypeError, AttributeError):
            raise errors.UserError(
                f"{path}: line {number} is not a line of a training log; remove it."
            ) from None
        if report is None:
            raise errors.UserError(
                f"{path}: its lines are of several runs; say what tells them apart, as "
                f"field={fields[0]!r}."
            )
        found[report.step] = report
    return [found[step] for step in sorted(found)]


class _Line(NamedTuple):
    """A line of a log, and the report that it is of, or None if it is another run's."""

    text: bytes
    report: training.Report | None


def rewind(
    path: pathlib.Path, step: float, until: float = math.inf, **fields: Any
) -> list[training.Report]:
    """Makes the log end at a step, and reads what is left.

    A last line that was not written to its end is dropped, and so are the lines with
    these fields that are of later steps; lines with other fields stay. Those that are
    left are put in the order of their steps, in the places that they have in the log.

    Args:
      path: of the log; one that does not exist is empty.
      step: the last one that counts.
      until: lines of steps after this one stay too, as they are of a later part of the
        run.
      **fields: of the lines, as given to `log`.

    Returns:
      The reports of the lines with these fields, up to the step.

    Raises:
      UserError: if a line before the last one cannot be read.
    """
    if not path.exists():
        return []
    whole = path.read_bytes()
    kept = [
        line
        for line in _lines(path, whole, fields)
        if line.report is None or not step < line.report.step <= until
    ]
    own = [(line.text, line.report) for line in kept if line.report is not None]
    own.sort(key=lambda line: line[1].step)
    texts = iter([text for text, _ in own])
    content = b"".join(
        line.text if line.report is None else next(texts) for line in kept
    )
    if content != whole:
        files.write_whole(path, lambda name: pathlib.Path(name).write_bytes(content))
    return [report for _, report in own if report.step <= step]


def _lines(path: pathlib.Path, whole: bytes, fields: dict[str, Any]) -> list[_Line]:
    """The lines that were written to their end."""
    found = []
    for number, text in enumerate(whole.splitlines(keepends=True), 1):
        if not text.endswith(b"\n"):
            break
        try:
            line = json.loads(text)
            own = fields.items() <= line.items()
            found.append(_Line(text, _report(line, fields) if own else None))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise errors.UserError(
                f"{path}: line {number} is not a line of a training log; remove it, or "
                "start a new run."
            ) from None
    return found


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
