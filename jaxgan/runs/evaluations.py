"""What a run was scored and looked at while it trained: read back from its folder.

The scores lie in `scores-STEP.json`, pictures in `progress-STEP.png` or
`progress-ARM-STEP.png`.
"""

import json
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from jaxgan import reports
from jaxgan.reports import charts, score_tables

TEXT = (
    "All seeds as they were scored while they trained and at the end: the line is the "
    "median over the seeds that have a value, the dark band holds half of them, the "
    "light one nine in ten."
)


def read(folder: pathlib.Path) -> dict[int, dict[str, Any]]:
    """By step, in order, the records of a suite as `scores.to_dict` gives them.

    Those of the end, in `scores.json`, come last; alone they are no evaluations.
    """
    found = {}
    for path in folder.glob("scores-*.json"):
        step = path.stem.removeprefix("scores-")
        if step.isdecimal():
            found[int(step)] = json.loads(path.read_text(encoding="utf-8"))["scores"]
    last = folder / "scores.json"
    if found and last.exists():
        record = json.loads(last.read_text(encoding="utf-8"))
        if record.get("scores"):
            found[record["steps"]] = record["scores"]
    return dict(sorted(found.items()))


def values(records: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Of the records of a suite the values `[S]` of each score, by their headings."""
    return {
        column.heading: np.asarray([float(value) for value in records[score][field]])
        for (score, field), column in score_tables.COLUMNS.items()
        if score in records and field != "floor"
    }


def sections(folder: pathlib.Path) -> list[reports.Section]:
    """Sections of a page: a chart of the scores, and the pictures, where there are."""
    scored = {step: values(own) for step, own in read(folder).items()}
    parts = []
    if scored:
        first, *_ = scored.values()
        panels = {
            heading: {heading: np.stack([own[heading] for own in scored.values()])}
            for heading in first
        }
        chart = charts.ribbons(panels, [*scored], "Scores while training")
        shown = reports.Chart("evaluations", chart, TEXT)
        parts.append(reports.Section("Scores while training", TEXT, [shown]))
    tiles = [_tile(path) for path in sorted(folder.glob("progress-*.png"))]
    if tiles:
        parts.append(reports.Section("Pictures while training", "", tiles))
    return parts


def _tile(path: pathlib.Path) -> reports.Tile:
    from PIL import Image

    with Image.open(path) as file:
        image = np.asarray(file.convert("RGB"))
    arm, _, step = path.stem.removeprefix("progress-").rpartition("-")
    said = f"Step {int(step)}" if step.isdecimal() else step
    return reports.Tile(path.stem, image, f"{arm}: {said}" if arm else said)
