"""The sections of a page in their order, and the file that they make.

    summary = page.save(folder, records.read(path), view, title=..., made_by=...)

leaves `report.html`, which opens anywhere, and its pictures in `report/`.
"""

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from jaxgan import reports
from jaxgan.sweeps.analysis import comparisons, summaries
from jaxgan.sweeps.page import hyperparameters, methods, populations

PAGE, PICTURES = "report.html", "report"

MOST_ROWS = 2000
"""Trials above which the page shows no more of them."""


def save(
    folder: pathlib.Path,
    rows: Sequence[Mapping[str, Any]],
    view: comparisons.View,
    *,
    title: str,
    made_by: Mapping[str, str],
    notes: str = "",
) -> dict[str, Any]:
    """Writes the page of a sweep and its pictures.

    Learning curves are there if `metrics.jsonl` is in the folder, with the field
    `group`, and samples if `samples` has kept any.

    Args:
      folder: of the sweep.
      rows: of all its trials.
      view: how to look at them.
      title: of the page.
      made_by: for the foot: names, such as the command and versions, and texts.
      notes: sentences for the top, such as scores of real data to compare with.

    Returns:
      What `comparisons.summarise` found.

    Raises:
      UserError: as `comparisons.summarise`, and if the log or the samples cannot be
        read.
    """
    summary = comparisons.summarise(rows, view)
    full = summaries.at_full_length(rows)
    sections = [
        _overview(summary, view, notes),
        *methods.sections(full, summary, view),
        *populations.lineage_tables(rows, full, view),
        *hyperparameters.sections(full, summary, view),
        *populations.training_curves(folder, rows, view),
        *populations.scores_on_the_way(rows, view),
        *populations.sample_grids(folder, full, view),
        _trials(rows),
    ]
    pictures = folder / PICTURES
    reports.save_html(folder / PAGE, title, sections, made_by, pictures)
    return summary


def _overview(summary, view, notes) -> reports.Section:
    said = [
        f"{summary['compared']} trials of {len(summary['settings'])} settings, "
        f"compared by {comparisons.measured(view)} ({_direction(view)})."
    ]
    if summary["stopped"]:
        said.append(
            f"{summary['stopped']} more were stopped early or go on; they had less "
            "training, and are counted but not compared. Those that were trained to "
            "the end were chosen by their scores."
        )
    of = f"of all {summary['trials']} trials " if summary["stopped"] else ""
    said.append(
        _count(
            summary["dead"], f"{of}died or has no score", f"{of}died or have no score"
        )
    )
    if summary["collapsed"] is not None:
        said.append(
            _count(summary["collapsed"], f"{of}has collapsed", f"{of}have collapsed")
        )
    if summary["families"] is not None:
        said.append(_dependent(summary))
    said.append("A dead trial is worse than any number. " + notes)
    return reports.Section("Overview", " ".join(said))


def _dependent(summary) -> str:
    return (
        "This is population-based training: numbers changed while members trained, and "
        "the worst went on from copies of the best. A setting here is the numbers that "
        f"members ended with. The {summary['compared']} members descend from "
        f"{summary['families']} of the initial ones; those of one family are copies "
        "that parted, so that means and intervals take a family as one, and there is "
        "no best of k: members are no independent draws."
    )


def _trials(rows) -> reports.Section:
    names = list(dict.fromkeys(name for row in rows for name in row))
    hidden = ("setting", "group", "protocol")
    shown = [name for name in names if name not in hidden]
    cells = [[row.get(name) for name in shown] for row in rows[:MOST_ROWS]]
    text = "Every trial; trials.csv and trials.parquet have the scores' protocols too."
    if len(rows) > MOST_ROWS:
        text = f"The first {MOST_ROWS} of {len(rows)} rows; all are in trials.parquet."
    titles = [name.removeprefix(summaries.FIELD) for name in shown]
    titles = [name.removeprefix("score.") for name in titles]
    return reports.Section("Trials", text, [reports.Table(titles, cells)])


def _count(number, one, many) -> str:
    words = {0: f"None {one}.", 1: f"One {one}."}
    return words.get(number, f"{number} {many}.")


def _direction(view) -> str:
    return "more is better" if view.more_is_better else "less is better"
