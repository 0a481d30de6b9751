"""The page of a run: its scores, how its populations trained, and what they make."""

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jax.typing import ArrayLike

from jaxgan import reports, training
from jaxgan.reports import charts, pictures
from jaxgan.runs import learning_curves

PAGE, PICTURES = "report.html", "report"
GREY = 127
"""Between images, as it is neither light nor dark."""


def save(
    folder: pathlib.Path,
    *,
    title: str,
    scores: Mapping[str, Mapping[str, Any]],
    dead: Mapping[str, str],
    histories: Mapping[str, tuple[str, Sequence[training.Report]]],
    samples: Mapping[str, ArrayLike],
    made_by: Mapping[str, str],
    coverage: Mapping[str, ArrayLike] | None = None,
    real: ArrayLike | None = None,
    costs: reports.Table | None = None,
    columns: int = 8,
    column_names: Sequence[str] | None = None,
    mode_names: Sequence[str] | None = None,
    notes: str = "",
    result: str = "",
    during: Sequence[reports.Section] = (),
) -> None:
    """Writes `report.html`, which opens anywhere, and its pictures into `report/`.

    Args:
      folder: of the run.
      title: of the page.
      scores: by title the records of a suite, as `reports.print_scores` takes them; may
        be empty.
      dead: by title, how many members died, likewise.
      histories: of the populations, see `learning_curves.sections`.
      samples: by title images `[N, H, W, C]` in [-1, 1], or points `[N, 2]`; points
        called "real" are drawn below all others.
      made_by: for the foot, such as `journal.made_by` gives.
      coverage: by title `[S, K]` counts of the modes, or None.
      real: `[K]` real samples of each mode, where there is a coverage.
      costs: a table of what each arm has cost, or None.
      columns: images in a row of a grid.
      column_names: of the classes that these are, or None if they are none.
      mode_names: `K` names for the coverage, or None for numbers.
      notes: sentences for the scores.
      result: what came out, for the top, such as `reports.result` says it.
      during: sections of what was seen in training, see `evaluations.sections`.
    """
    sections = [reports.Section("Scores", notes, _scores(scores, dead, costs))]
    if coverage:
        drawn = pictures.draw_coverage(coverage, real, mode_names)
        said = "Share of each mode, beside that of the real data."
        chart = reports.Chart("coverage", drawn, said)
        sections.append(reports.Section("Modes", said, [chart]))
    sections += [*learning_curves.sections(histories), *during]
    points = samples.get("real")
    points = points if np.ndim(points) == 2 else None
    tiles = [_picture(name, x, columns, points) for name, x in samples.items()]
    if tiles:
        said = f"The columns are {', '.join(column_names)}." if column_names else ""
        sections.append(reports.Section("Samples", said, tiles))
    pictures_at = folder / PICTURES
    reports.save_html(folder / PAGE, title, sections, made_by, pictures_at, result)


def _scores(scores, dead, costs) -> list[reports.Table | reports.Glossary]:
    parts = []
    if scores:
        parts.append(reports.Table(*reports.score_table(scores, dead)))
        meanings = reports.glossary(scores)
        words = "What the scores mean"
        parts.append(reports.Glossary(words, reports.DIRECTIONS, meanings))
    return [*parts, *([costs] if costs else [])]


def _picture(
    name: str, x: ArrayLike, columns: int, real: ArrayLike | None
) -> reports.Chart | reports.Tile:
    x, file = np.asarray(x), "samples-" + "-".join(name.split()).replace(",", "")
    if x.ndim == 2:
        # Of the real points there is nothing to draw above themselves.
        figure = charts.points(x if name != "real" else x[:0], name, real)
        return reports.Chart(file, figure, f"Samples of {name}.")
    return reports.Tile(file, reports.image_grid(x, columns, GREY), name)
