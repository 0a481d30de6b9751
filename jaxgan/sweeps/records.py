"""Rows of a sweep: a journal that survives, and the table that it becomes.

A row is a flat dictionary with at least `trial`, the trial's name. The journal is JSON,
a line per row, forced to the disk; what was being written when a process died is left
out, so that the trial is run again.
"""

import json
import math
import pathlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from jaxgan.core import errors, files

Row = dict[str, Any]


def append(path: pathlib.Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Adds rows; when it returns they are on the disk. Half a row at the end goes.

    One process writes a journal: `files.locked` keeps its folder.

    Raises:
      UserError: if they cannot be written; the journal is as it was.
    """
    text = "".join(json.dumps(_plain(row)) + "\n" for row in rows)
    files.append(path, text, synchronised=True)


def read(path: pathlib.Path) -> list[Row]:
    """The rows of a journal, the first one for each trial and rung.

    Raises:
      UserError: if a line that was written to its end is no row.
    """
    rows: dict[tuple, Row] = {}
    for number, line in enumerate(_whole(path).decode().splitlines(), 1):
        try:
            row = json.loads(line)
            rows.setdefault((row["trial"], row.get("rung", 0)), _numbers(row))
        except (ValueError, KeyError, TypeError, AttributeError):
            raise errors.UserError(
                f"{path}: line {number} is no row of a sweep; remove it, and its trial "
                "is run again."
            ) from None
    return list(rows.values())


def write_tables(rows: Sequence[Mapping[str, Any]], folder: pathlib.Path) -> None:
    """Writes the rows as `trials.parquet` and `trials.csv`, whole or not at all.

    A column for each name that any row has; empty where a row has none. Lists, and
    values of a column in which text and numbers meet, are written as JSON.
    """
    import pyarrow
    from pyarrow import csv, parquet

    names = list(dict.fromkeys(name for row in rows for name in row))
    columns = {name: _of_one_type([row.get(name) for row in rows]) for name in names}
    table = pyarrow.table(columns)
    path = folder / "trials.parquet"

    def verify(name: str) -> None:
        with parquet.ParquetFile(name) as file:
            found = file.read()
        # As text, in which NaN is NaN.
        same = repr(found.to_pydict()) == repr(table.to_pydict())
        files.require_faithful(same, path)

    files.write_whole(path, lambda name: parquet.write_table(table, name), verify)
    files.write_whole(folder / "trials.csv", lambda name: csv.write_csv(table, name))


def _whole(path: pathlib.Path) -> bytes:
    """What was written to the end of a line."""
    content = path.read_bytes() if path.exists() else b""
    return content[: content.rfind(b"\n") + 1]


def _plain(row):
    """JSON has no word for NaN and infinity; they are written as `{"float": "nan"}`."""
    return {
        name: {"float": str(value)}
        if isinstance(value, float) and not math.isfinite(value)
        else value
        for name, value in row.items()
    }


def _numbers(row):
    return {
        name: float(value["float"]) if isinstance(value, dict) else value
        for name, value in row.items()
    }


def _of_one_type(values):
    kinds = {_kind(value) for value in values if value is not None}
    if len(kinds) <= 1 and list not in kinds:
        return values
    return [None if value is None else json.dumps(value) for value in values]


def _kind(value):
    if isinstance(value, list | tuple):
        return list
    if isinstance(value, bool | str):
        return type(value)
    return float
