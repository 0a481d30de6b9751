"""The parts of a page that compare methods and settings, on it and on a terminal."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jaxgan import reports
from jaxgan.reports import charts
from jaxgan.sweeps.analysis import comparisons, importance, summaries

MOST_ROWS = 2000
"""Settings above which the page shows no more of them."""

MOST_SHOWN = 20
"""Settings that have a line in the picture of intervals."""


def sections(
    rows: Sequence[Mapping[str, Any]],
    summary: Mapping[str, Any],
    view: comparisons.View,
) -> list[reports.Section]:
    """Rankings of methods and of settings, distributions, and the best of k.

    Where trials were stopped there is no best of k, see `comparisons.summarise`.

    Args:
      rows: of trials that may be compared.
      summary: from `comparisons.summarise`.
      view: how to look at them.
    """
    return [
        _ranking(summary, view),
        _settings(summary, view),
        _distributions(rows, summary, view),
        *_best_of(summary, view),
    ]


def about(summary: Mapping[str, Any]) -> str:
    """A sentence above the table of methods on a terminal."""
    measured = summary["by"].removeprefix("score.").replace("_", " ")
    better = "more" if summary["more_is_better"] else "less"
    said = (
        f"{measured} ({better} is better): mean of the best setting over its seeds, "
        "with its bootstrap interval; medians of the best of k settings"
    )
    if summary["families"] is not None:
        said = said.replace("seeds", "families")
    if not _is_drawn(summary):
        said = said.rsplit(";", 1)[0]
    if summary["pairs"]:
        said += "; share of settings better, p after Holm"
    return said


def known(references: Mapping[str, Mapping[str, Any]], view: comparisons.View) -> str:
    """What the score is of samples that are known, in a sentence.

    Args:
      references: the suite's records of these by title, see `suites.Scoring`.
      view: whose score it is.
    """
    name = view.by.removeprefix("score.")
    name, found = "precision" if name == "f1" else name, {}
    for sample, own in references.items():
        record = own.get(name) or own.get("coverage", {})
        value = record.get("value", record.get(name))
        if value is not None:
            found[sample] = reports.cell(float(np.mean(np.ravel(value))))
    said = ", ".join(f"{sample} {value}" for sample, value in found.items())
    return f"{name.replace('_', ' ').capitalize()} of known samples: {said}."


def ranking(summary: Mapping[str, Any]) -> tuple[list[str], list[list[Any]]]:
    """The table of methods, for a page and for the terminal: columns and rows."""
    methods, pairs = summary["methods"], summary["pairs"]
    first = next(iter(methods.values()))
    units = _units(summary)
    columns = ["method", "best setting", units, "95 % interval"]
    columns += [f"best of {own['budget']}" for own in first["best"]]
    columns += ["stopped"] if summary["stopped"] else []
    columns += ["dead", "collapsed"]
    if pairs:
        columns += [f"better than {summary['reference']}", "p (Holm)"]
    rows = []
    for name, own in methods.items():
        best, pair = own["best_setting"], pairs.get(name)
        row = [name]
        row += [best["mean"], best[units], _range(best)] if best else [math.nan, 0, ""]
        row += [k["median"] for k in own["best"]]
        counts = ["stopped"] if summary["stopped"] else []
        counts += ["dead", "collapsed"]
        row += [_share(own[count], own["trials"]) for count in counts]
        if pairs:
            row += [pair["better"], pair["p"]] if pair else [None, None]
        rows.append(row)
    return columns, rows


def _ranking(summary, view) -> reports.Section:
    budget = "The columns “best of k” are medians over which k settings are tried"
    text = (
        "Per method: the mean of its best setting over the seeds, which is chosen on "
        f"the scores that it is reported on. {budget} (Lucic et al., 2018), where a "
        "setting of which a seed died is worse than any number. Rows are ordered by "
        "the last of them, for which k is the number of settings of the method that "
        "has the fewest."
    )
    if summary["families"] is not None:
        text = (
            "Per method: the mean of its best final setting over the families that "
            "ended with it, which is chosen on the scores that it is reported on."
        )
    elif summary["stopped"]:
        text = (
            "Per method: the mean of its best setting over the seeds, which is chosen "
            "on the scores that it is reported on, and after which rows are ordered. "
            "“Stopped”, “dead” and “collapsed” are counted of all trials of the "
            "method. Those that were trained to the end were chosen by their scores: "
            "they are no random draws from those tried, so that there is no best of k."
        )
    if summary["pairs"]:
        text += (
            f" “Better than {summary['reference']}” is the share of paired settings "
            "with the better mean over seeds; p is of Wilcoxon's signed rank test, "
            "corrected for all comparisons by Holm's method."
        )
    columns, rows = ranking(summary)
    lines = [
        (name, *_ends(own["best_setting"])) for name, own in summary["methods"].items()
    ]
    chart = reports.Chart(
        "ranking",
        _intervals(lines, view),
        "Mean and interval of the best setting of each method.",
    )
    return reports.Section("Ranking", text, [reports.Table(columns, rows), chart])


def _settings(summary, view) -> reports.Section:
    shown = summary["settings"][:MOST_SHOWN]
    lines = [(f"{i + 1}. {own['method']}", *_ends(own)) for i, own in enumerate(shown)]
    chart = reports.Chart(
        "settings",
        _intervals(lines, view),
        f"Mean and interval of the {len(shown)} best settings.",
    )
    parts = [chart, _table_of_settings(summary, view)]
    return reports.Section("Settings", _about_settings(summary), parts)


def _about_settings(summary) -> str:
    units, bred = _units(summary), summary["families"] is not None
    text = (
        f"Every {'final setting' if bred else 'setting'} over its {units}, the best "
        "first; settings of which any died come last, with the mean of those that "
        "live. Intervals are percentile bootstraps of the mean"
    )
    if min(own[units] for own in summary["settings"]) < 10:
        text += (
            f"; with so few {units} they are too narrow (of three: 75 % rather than "
            "95 %)"
        )
    text += f", and of one of the {units} there is none."
    if summary["stopped"]:
        text += " Only trials that died or were trained to the end are counted here."
    return text


def _table_of_settings(summary, view) -> reports.Table:
    found, bred = summary["settings"], summary["families"] is not None
    own_field = (view.method or "").removeprefix(summaries.FIELD)
    fields = comparisons.field_names([own["values"] for own in found], view)
    fields = [name for name in fields if name != own_field]
    columns = ["rank", "method", "mean", "median", "95 % interval"]
    columns += ["members", "families"] if bred else ["seeds"]
    columns += ["dead", "collapsed", *fields, "setting"]
    rows = [
        [
            i,
            own["method"],
            own["mean"],
            own["median"],
            _range(own),
            own["seeds"],
            *([own["families"]] if bred else []),
            own["dead"],
            own["collapsed"],
            *(own["values"].get(name) for name in fields),
            own["setting"],
        ]
        for i, own in enumerate(found[:MOST_ROWS], 1)
    ]
    return reports.Table(columns, rows)


def _distributions(rows, summary, view) -> reports.Section:
    scores = comparisons.scores(rows, view)
    names = [comparisons.name_of(row, view) for row in rows]
    groups = {
        method: [s for s, name in zip(scores, names, strict=True) if name == method]
        for method in summary["methods"]
    }
    chart = reports.Chart(
        "distributions",
        charts.distributions(
            groups, comparisons.measured(view), log=importance.is_log(scores)
        ),
        f"{comparisons.measured(view)} of all trials of each method.",
    )
    text = "Every trial is a mark; the cross shows the median and the quartiles."
    if summary["stopped"]:
        text += " Trials that were stopped are left out."
    if summary["families"] is not None:
        text += " Members of a family are copies that parted."
    return reports.Section("Distribution of scores", text, [chart])


def _best_of(summary, view) -> list[reports.Section]:
    if not _is_drawn(summary):
        return []
    lines = {
        name: (range(1, len(own["curve"]) + 1), own["curve"])
        for name, own in summary["methods"].items()
    }
    every = [value for own in summary["methods"].values() for value in own["curve"]]
    log, measured = importance.is_log(every), comparisons.measured(view)
    chart = reports.Chart(
        "best-of-k",
        charts.curves(lines, "settings tried", measured, log=log),
        "Median of the best score as the budget of settings grows.",
    )
    columns = ["method", "settings tried", "median", "2.5 %", "97.5 %"]
    rows = [
        [name, *(one[at] for at in ("budget", "median", "low", "high"))]
        for name, own in summary["methods"].items()
        for one in own["best"]
    ]
    text = (
        "The best score of k settings that are drawn at random from those tried, a "
        "line per method: its median, and in the table the range that holds it in 95 "
        "of 100 draws."
    )
    return [reports.Section("Best of k", text, [chart, reports.Table(columns, rows)])]


def _intervals(lines, view) -> Any:
    log = importance.is_log([value for line in lines for value in line[1:]])
    return charts.intervals(lines, comparisons.measured(view), log=log)


def _ends(setting) -> tuple[float, float, float]:
    if setting is None:
        return (math.nan,) * 3
    return setting["mean"], setting["low"], setting["high"]


def _range(setting) -> str:
    if math.isnan(setting["low"]):
        return ""
    return f"{reports.cell(setting['low'])} to {reports.cell(setting['high'])}"


def _share(number, total) -> str | None:
    return None if number is None else f"{number} of {total}"


def _is_drawn(summary) -> bool:
    """Whether settings are draws, of which there is a best of k."""
    return any(own["best"] for own in summary["methods"].values())


def _units(summary) -> str:
    """What intervals are over, as a summary of a setting counts it."""
    return "seeds" if summary["families"] is None else "families"
