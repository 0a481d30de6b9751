"""The parts of a page that show hyperparameters: how much they matter, and where."""

from collections.abc import Mapping, Sequence
from typing import Any

from jaxgan import reports
from jaxgan.reports import charts, hyperparameters
from jaxgan.sweeps import spaces
from jaxgan.sweeps.analysis import comparisons, importance, summaries


def sections(
    rows: Sequence[Mapping[str, Any]],
    summary: Mapping[str, Any],
    view: comparisons.View,
) -> list[reports.Section]:
    """Importance, and scores against each field and all together.

    Args:
      rows: of trials that may be compared.
      summary: from `comparisons.summarise`.
      view: how to look at them.

    Returns:
      Sections; none if no field varies.
    """
    axes = _axes(rows, view)
    if not axes:
        return []
    scores, measured = comparisons.scores(rows, view), comparisons.measured(view)
    turned = {"more_is_better": view.more_is_better}
    log = importance.is_log(scores)
    single = [
        reports.Chart(
            f"marginal-{axis.name}",
            hyperparameters.marginal(axis, scores, measured, log=log, **turned),
            f"{measured} of all trials against {axis.name}.",
        )
        for axis in axes
    ]
    together = reports.Chart(
        "parallel",
        hyperparameters.parallel(axes, scores, measured, **turned),
        "All trials as lines through their fields and their score.",
    )
    text = (
        "Every trial against each of its fields: the best tenth of all trials in "
        "blue, dead ones as crosses on the edge, medians in orange. Then each trial as "
        "a line through all fields; “none” is where it has no such field."
    )
    if summary["stopped"]:
        text += " Trials that were stopped are left out."
    return [
        _importance(summary),
        reports.Section("Scores by hyperparameter", text, [*single, together]),
    ]


def _axes(rows, view) -> list[hyperparameters.Axis]:
    """The fields that vary."""
    settings, axes = [summaries.fields(row) for row in rows], []
    for name in comparisons.field_names(settings, view):
        values = [setting.get(name) for setting in settings]
        if len({repr(value) for value in values if value is not None}) > 1:
            axes.append(_axis(name, values, view.space.get(name)))
    return axes


def _axis(name: str, values, distribution) -> hyperparameters.Axis:
    """With the scale that the space gives the field, or else with one that fits."""
    if distribution is None:
        return hyperparameters.Axis(name, values, importance.is_log(values))
    inner = spaces.unwrapped(distribution)[0]
    log = isinstance(inner, spaces.LogUniform)
    return hyperparameters.Axis(
        name, values, log, isinstance(inner, spaces.Categorical)
    )


def _importance(summary) -> reports.Section:
    found, title = summary["importance"], "Importance of hyperparameters"
    if not found:
        what = "settings" if summary["families"] is None else "families"
        few = (
            "Importances are not estimated: there are fewer than "
            f"{importance.ENOUGH} {what}, or all scores are alike."
        )
        return reports.Section(title, few)
    columns = {
        "field": "field",
        "drop of R²": "drop",
        "± over folds": "spread",
        "R² held out": "r2",
        "trials with it": "trials",
    }
    rows = [[own[name] for name in columns.values()] for own in found]
    bars = [(own["field"], own["drop"], own["spread"]) for own in found]
    chart = reports.Chart(
        "importance",
        charts.bars(bars, "drop of R²"),
        "How much worse the rank of a score is predicted without each field.",
    )
    text = (
        "A random forest predicts the rank of a trial's score from its fields; a field "
        "matters as much as the share of the variance explained drops on held-out "
        "settings when the field is shuffled. The column “R² held out” says what this "
        "is worth: near zero or below, nothing can be said. A field that only some "
        "trials have is judged by a forest of these alone, so that it does not stand "
        "for the choice on which it depends."
    )
    if summary["families"] is not None:
        text += (
            " Of population-based training these are the final numbers, each family "
            "held out as a whole; the score is of all that led there."
        )
    if summary["stopped"]:
        text += (
            " Trials that were stopped are left out: this is of those that died or "
            "were good enough to be trained to the end, and may differ for all."
        )
    return reports.Section(title, text, [reports.Table(list(columns), rows), chart])
