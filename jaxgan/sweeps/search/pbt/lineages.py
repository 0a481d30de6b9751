"""Lineages of population-based training: whose weights and numbers a member has.

A row of such a search says for each trial and generation (`rung`) with which numbers it
trained and from whose weights it began (`parent`). A member at the end is therefore no
trial of the setting that gave it its name: it has its final numbers, the schedule that
led to them, and the weights of its *family*, all that descend from one initial member.
Members of a family are copies that parted late, no independent trials.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from jaxgan.sweeps import trials

PARENT, FAMILY = "parent", "family"

FIELD = "setting."
"""In front of the names of a setting's fields, among the columns of a row."""

Row = Mapping[str, Any]


def are_in(rows: Sequence[Row]) -> bool:
    """Whether rows are of population-based training."""
    return any(PARENT in row for row in rows)


def path(rows: Sequence[Row], last: Row) -> list[Row]:
    """The rows of a member's ancestors, the initial member first, itself last.

    Args:
      rows: of all trials and generations.
      last: one of them.
    """
    return _path({(row["trial"], row.get("rung", 0)): row for row in rows}, last)


def final(rows: Sequence[Row], last: Sequence[Row]) -> list[Row]:
    """Rows as what they are of: `setting` a digest of their numbers, and `family`.

    Args:
      rows: of all trials and generations.
      last: those of the members at the end; others than of population-based training
        stay as they are.

    Returns:
      As many; `family` is the name of the initial member.
    """
    by_place = {(row["trial"], row.get("rung", 0)): row for row in rows}
    found = []
    for row in last:
        if PARENT in row:
            family = _path(by_place, row)[0]["trial"]
            row = {**row, "setting": trials.digest(_fields(row)), FAMILY: family}
        found.append(row)
    return found


def units(rows: Sequence[Row]) -> list[str]:
    """What is independent of one another: a row's family, or else its trial."""
    return [row.get(FAMILY, row["trial"]) for row in rows]


def _path(by_place: Mapping[tuple[str, int], Row], last: Row) -> list[Row]:
    found = [last]
    while True:
        now = found[-1]
        before = by_place.get((now.get(PARENT), now.get("rung", 0) - 1))
        if before is None:
            return found[::-1]
        found.append(before)


def _fields(row: Row) -> dict[str, Any]:
    own = {name: value for name, value in row.items() if name.startswith(FIELD)}
    return {n.removeprefix(FIELD): v for n, v in own.items() if v is not None}
