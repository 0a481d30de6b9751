"""The table of scores that experiments print."""

from collections.abc import Mapping
from typing import Any

from jaxgan.reports import intervals, tables

COLUMNS = {
    ("coverage", "modes"): "modes",
    ("coverage", "reverse_kl"): "reverse KL",
    ("coverage", "floor"): "its floor",
    ("coverage", "high_quality"): "good samples",
    ("inception_score", "value"): "Inception Score",
    ("frechet_distance", "value"): "Frechet distance",
    ("frechet_distance", "floor"): "its floor ",
    ("within_class_diversity", "value"): "diversity in a class",
    ("precision", "value"): "precision",
}
"""Headings by the names of a score and of a field of its record."""


def score_table(
    rows: Mapping[str, Mapping[str, Any]], dead: Mapping[str, str]
) -> tuple[list[str], list[list[Any]]]:
    """Scores as means over seeds with their 95 % intervals: columns and rows.

    Args:
      rows: by title, the records of a panel as `scores.to_dict` gives them: every field
        has one value for each seed. All rows have the scores of the first one.
      dead: by title, what to say in the last column of how many members died; rows that
        are not here have nothing there.
    """
    (first, *_) = rows.values()
    columns = {at: heading for at, heading in COLUMNS.items() if at[0] in first}
    cells = [
        [
            name,
            *(intervals.interval(records[score][field]) for score, field in columns),
            dead.get(name, ""),
        ]
        for name, records in rows.items()
    ]
    return ["", *columns.values(), "dead"], cells


def print_scores(
    rows: Mapping[str, Mapping[str, Any]], dead: Mapping[str, str], title: str
) -> None:
    """Prints a `score_table`, with a title above."""
    columns, cells = score_table(rows, dead)
    tables.print_table(cells, columns, title)


def of_seed(records: Mapping[str, Any], seed: int) -> dict[str, dict[str, Any]]:
    """The records of one seed alone, of those of a panel of many seeds."""

    def one(values: Any) -> Any:
        return [values[seed]] if isinstance(values, list) else values

    return {
        name: {field: one(values) for field, values in record.items()}
        for name, record in records.items()
    }
