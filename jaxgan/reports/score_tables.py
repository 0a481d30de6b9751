"""The tables of scores that experiments print."""

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
    if any("floor" in heading for heading in columns):
        print(FLOORS)


def of_seed(records: Mapping[str, Any], seed: int) -> dict[str, dict[str, Any]]:
    """The records of one seed alone, of those of a panel of many seeds."""

    def one(values: Any) -> Any:
        return [values[seed]] if isinstance(values, list) else values

    return {
        name: {field: one(values) for field, values in record.items()}
        for name, record in records.items()
    }


AS_REAL = "as the target"
"""What is better of scores in which noise can be above real data, and collapse below:
as much as these have."""

FLOORS = (
    "A floor or ceiling is what independent samples of a perfect generator show on "
    "average, where that is known, or else the end of the scale. Beyond it is not "
    "better than perfect: look for copies and for collapse. Held-out rows of a split "
    "by class are below floors for another reason: their shares of the classes equal "
    "those of the training data, which chance would not do."
)
"""What is to be known of them below a table that shows some."""

SHEET = {
    ("inception_score", "value"): ("Inception Score", "more"),
    ("modified_inception_score", "value"): ("modified Inception Score", AS_REAL),
    ("within_class_diversity", "value"): ("diversity in a class", AS_REAL),
    ("mode_coverage", "modes"): ("modes", "more"),
    ("mode_coverage", "reverse_kl"): ("reverse KL of modes", "less"),
    ("mode_coverage", "high_quality"): ("good samples", "more"),
    ("frechet_distance", "value"): ("Frechet distance", "less"),
    ("frechet_distance_infinity", "value"): ("the same, infinite samples", "less"),
    ("kernel_distance", "value"): ("kernel distance", "less"),
    ("precision", "value"): ("precision", "more"),
    ("recall", "value"): ("recall", "more"),
    ("density", "value"): ("density", "more"),
    ("coverage", "value"): ("coverage", "more"),
    ("prd", "f_8"): ("F_8, of recall", "more"),
    ("prd", "f_1_8"): ("F_1/8, of precision", "more"),
    ("number_of_distinct_bins", "value"): ("distinct bins", "less"),
    ("nearest_distance", "value"): ("distance to nearest real", "less, but no copies"),
    ("vendi_score", "value"): ("Vendi score", AS_REAL),
}
"""Lines of a sheet, by the names of a score and of a field: heading, what is better."""

BOUNDED = ("value", "reverse_kl")
"""Fields that the floor and the ceiling of their record are about."""


def print_sheet(
    columns: Mapping[str, Mapping[str, Any]],
    bounds: Mapping[str, Any],
    title: str,
) -> None:
    """Prints scores one to a line, with what is scored side by side.

    A cell is the mean over seeds with its 95 % interval; of one seed, its value and in
    brackets the spread that the protocol of the score explains.

    Args:
      columns: by title, records by their names as `scores.to_dict` gives them: every
        field has one value for each seed.
      bounds: records whose floors, ceilings and targets are shown.
      title: above the table.
    """
    (first, *_) = columns.values()
    limits = ["floor", "ceiling"]
    if any(own.get("target") is not None for own in bounds.values()):
        limits.append("target")
    rows = []
    for (score, field), (heading, better) in SHEET.items():
        if score not in first:
            continue
        ends = [
            intervals.interval(own).mean
            if field in BOUNDED and own is not None
            else None
            for own in map(bounds[score].get, limits)
        ]
        cells = [_cell(records[score], field) for records in columns.values()]
        rows.append([heading, better, *ends, *cells])
    tables.print_table(rows, ["", "better", *limits, *columns], title)
    print(FLOORS)
    if "target" in limits:
        print("The target is what real samples of the reference show.")


def _cell(record: Mapping[str, Any], field: str) -> str:
    own = intervals.interval(record[field])
    text = tables.cell(own)
    if own.n == 1 and not own.missing and field == "value":
        spread = record.get("spread")
        text += "" if spread is None else f" ({tables.cell(spread[0], 2)})"
    return text
