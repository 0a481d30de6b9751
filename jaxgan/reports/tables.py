"""Tables that can be read on a terminal and searched in a log."""

import sys
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TextIO

import numpy as np
from jax import Array

from jaxgan.core import errors
from jaxgan.reports import intervals, numbers

MARK = "!"
"""Behind a value of which a note below the table says what is wrong with it."""


class Marked(NamedTuple):
    """A value that is not what it seems.

    Attributes:
      value: as of any cell.
      why: for the note below the table.
    """

    value: Any
    why: str


class Bytes(NamedTuple):
    """A number of bytes, shown in the unit that suits it."""

    number: float


def cell(value: Any, digits: int = 3) -> str:
    """A value as a cell of a table.

    Args:
      value: text, a number, a bool, None, `Bytes`, an `Interval`, shown with the number
        of seeds without a value if there are any (of dead members, and where a score
        could not be computed), or any of these `Marked`.
      digits: significant digits of numbers that are not whole.
    """
    if isinstance(value, Marked):
        return f"{cell(value.value, digits)} {MARK}"
    if isinstance(value, Bytes):
        return numbers.size(value.number)
    if isinstance(value, intervals.Interval):
        total = value.n + value.missing
        return numbers.interval(value, digits) + missing(value.missing, total)
    if value is None:
        return "-"
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, int | float | np.integer | np.floating):
        return numbers.number(value, digits)
    if isinstance(value, np.ndarray | Array):
        return cell(value.item(), digits)
    return str(value)


def marks(rows: Sequence[Sequence[Any]]) -> list[str]:
    """What is to be known of the marked values of a table, each thing once."""
    found = [value.why for row in rows for value in row if isinstance(value, Marked)]
    return list(dict.fromkeys(found))


def missing(number: int, total: int) -> str:
    """Says in brackets how many of some values are none; nothing if all are there."""
    return f" ({number} of {total} without a value)" if number else ""


def print_table(
    rows: Sequence[Sequence[Any]],
    columns: Sequence[str],
    title: str,
    file: TextIO | None = None,
) -> None:
    """Prints a table; no cell is ever cut short.

    On a terminal it is drawn by rich, which folds cells that do not fit; elsewhere it
    is plain text, as wide as it needs to be, so that logs can be searched.

    Args:
      rows: each as long as `columns`, of anything that `cell` takes.
      columns: headings; the first column is set flush left, the others flush right.
      title: above the table.
      file: where to print; None for standard output.

    Raises:
      UserError: if a row is not as long as the headings.
    """
    file = sys.stdout if file is None else file
    texts = [[cell(value) for value in row] for row in rows]
    for row in texts:
        if len(row) != len(columns):
            raise errors.UserError(
                f"rows must have {len(columns)} cells, one for each of the columns, "
                f"but one has {len(row)}: {row}."
            )
    if file.isatty():
        _print_rich(texts, columns, title, file)
        _print_marks(rows, file)
        return
    widths = [max(map(len, column)) for column in zip(columns, *texts, strict=True)]

    def line(cells):
        first, *others = zip(cells, widths, strict=True)
        padded = [first[0].ljust(first[1]), *(c.rjust(w) for c, w in others)]
        return "  ".join(padded).rstrip()

    lines = [title, line(columns), "  ".join("-" * width for width in widths)]
    print("\n".join([*lines, *map(line, texts)]), file=file)
    _print_marks(rows, file)


def print_facts(facts: Mapping[str, Any], file: TextIO | None = None) -> None:
    """Prints names and values, one pair to a line."""
    file = sys.stdout if file is None else file
    width = max(map(len, facts), default=0)
    for name, value in facts.items():
        print(f"{name.ljust(width)}  {cell(value)}", file=file)


def _print_marks(rows, file):
    for why in marks(rows):
        print(f"{MARK} {why}", file=file)


def _print_rich(texts, columns, title, file):
    from rich import box, console, table, text

    drawn = table.Table(title=text.Text(title), box=box.SIMPLE_HEAD)
    for index, name in enumerate(columns):
        justify = "right" if index else "left"
        drawn.add_column(text.Text(name), justify=justify, overflow="fold")
    for row in texts:
        drawn.add_row(*map(text.Text, row))
    console.Console(file=file).print(drawn)
