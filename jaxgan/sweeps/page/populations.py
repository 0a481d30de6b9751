"""The parts of a page that show populations: how they trained, and what they make."""

import math
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jaxgan import reports
from jaxgan.reports import charts
from jaxgan.runs import journal, learning_curves
from jaxgan.sweeps import samples
from jaxgan.sweeps.analysis import comparisons, summaries
from jaxgan.sweeps.search.pbt import lineages

LOG = "metrics.jsonl"
"""File of a sweep's folder with the metrics of its populations, by `group`."""

ON_THE_WAY = (
    "Each population as it is scored while it trains: the line is the median over the "
    "trials that are scored then and alive, the dark band holds half of them, the "
    "light one nine in ten. Where a search stops the worst, the others go on."
)

GREY = 127
"""Between the images, as it is neither light nor dark."""


def training_curves(
    folder: pathlib.Path, rows: Sequence[Mapping[str, Any]], view: comparisons.View
) -> list[reports.Section]:
    """A chart for each population that the log of the folder knows."""
    histories = journal.read(folder / LOG, "group")
    named = {
        group: (name, histories[group])
        for group, name in _names(rows, view).items()
        if group in histories
    }
    return learning_curves.sections(named)


def scores_on_the_way(
    rows: Sequence[Mapping[str, Any]], view: comparisons.View
) -> list[reports.Section]:
    """A chart for each population whose trials were scored after several rounds."""
    parts = []
    for group, name in _names(rows, view).items():
        own = [row for row in rows if row.get("group") == group and "steps" in row]
        steps, values = _by_steps(own, view)
        if len(steps) > 1 and np.isfinite(values).any():
            measured = comparisons.measured(view)
            said = f"{name}, {reports.count(values.shape[1], 'trial')}"
            figure = charts.ribbons({measured: {measured: values}}, steps, said)
            parts.append(reports.Chart(f"scores-{group}", figure, f"Scores: {said}."))
    return [reports.Section("Scores on the way", ON_THE_WAY, parts)] if parts else []


def lineage_tables(
    rows: Sequence[Mapping[str, Any]],
    full: Sequence[Mapping[str, Any]],
    view: comparisons.View,
) -> list[reports.Section]:
    """Of population-based training what led to the best member, and the families.

    Args:
      rows: of all trials and generations.
      full: those of the members at the end, see `summaries.at_full_length`.
      view: how to look at them.
    """
    if not lineages.are_in(full):
        return []
    best = next(iter(_chosen(full, view).values()))
    text = (
        f"What led to the best member, {best['trial']}: with which numbers it and its "
        "ancestors trained in each generation. This schedule was tried, and not its "
        "last numbers from the beginning. Below it the families, all members that "
        "descend from one initial member, which gives them its name."
    )
    measured = comparisons.measured(view)
    columns = ["family", "members", "dead", f"mean {measured}", f"best {measured}"]
    families = _families(full, comparisons.scores(full, view), view)
    tables = [_schedule(rows, best, view), reports.Table(columns, families)]
    return [reports.Section("Lineages", text, tables)]


def _schedule(rows, best, view) -> reports.Table:
    """The numbers with which a member and its ancestors trained."""
    steps = lineages.path(rows, best)
    names = comparisons.field_names([summaries.fields(row) for row in steps], view)
    cells = [
        [
            row.get("rung", 0) + 1,
            row.get("steps"),
            row["trial"],
            *(summaries.fields(row).get(name) for name in names),
            score,
        ]
        for row, score in zip(steps, comparisons.scores(steps, view), strict=True)
    ]
    columns = ["generation", "steps", "member", *names, comparisons.measured(view)]
    return reports.Table(columns, cells)


def _families(full, scores, view) -> list[list[Any]]:
    """Family, members, dead, mean and best, the best family first."""
    together: dict[str, list[float]] = {}
    for unit, score in zip(lineages.units(full), scores.tolist(), strict=True):
        together.setdefault(unit, []).append(score)
    sign = -1 if view.more_is_better else 1
    found = []
    for family, own in together.items():
        alive = [score for score in own if math.isfinite(score)]
        best = sign * min((sign * score for score in alive), default=math.nan)
        mean = float(np.mean(alive)) if alive else math.nan
        found.append([family, len(own), len(own) - len(alive), mean, best])
    return sorted(found, key=lambda f: math.inf if math.isnan(f[-1]) else sign * f[-1])


def sample_grids(
    folder: pathlib.Path, rows: Sequence[Mapping[str, Any]], view: comparisons.View
) -> list[reports.Section]:
    """Samples of the best, the median and the worst trial of each population."""
    names, parts = _names(rows, view), []
    kept = samples.read(folder, names)
    for group, name in names.items():
        own = [r for r in rows if r.get("group") == group and r["trial"] in kept]
        if own:
            pictures = [
                _picture(f"samples-{group}-{which.replace(' ', '-')}", x, said)
                for which, row in _chosen(own, view).items()
                for x in [kept[row["trial"]]]
                for said in [f"{which}: {_described(row, view, name)}"]
            ]
            parts.append(
                reports.Row(f"{name}: {reports.count(len(own), 'trial')}", pictures)
            )
    if not parts:
        return []
    text = "Of each population the best, the median and the worst trial."
    return [reports.Section("Samples", text, parts)]


def _by_steps(rows, view) -> tuple[list[int], np.ndarray]:
    """The numbers of steps, and scores `[T, P]`, NaN where a trial was not scored."""
    steps = sorted({row["steps"] for row in rows})
    trials = dict.fromkeys(row["trial"] for row in rows)
    at = {steps_of: t for t, steps_of in enumerate(steps)}
    place = {trial: i for i, trial in enumerate(trials)}
    values = np.full((len(steps), len(trials)), np.nan)
    for row, score in zip(rows, comparisons.scores(rows, view), strict=True):
        values[at[row["steps"]], place[row["trial"]]] = score
    return steps, values


def _chosen(rows, view) -> dict[str, Mapping[str, Any]]:
    """Best, median and worst; one row may be several of them."""
    scores = summaries.scores(rows, view.by, more_is_better=view.more_is_better)
    order = np.argsort(np.where(np.isnan(scores), np.inf, scores), kind="stable")
    last = len(rows) - 1
    places: dict[int, list[str]] = {}
    for which, place in (("best", 0), ("median", last // 2), ("worst", last)):
        places.setdefault(place, []).append(which)
    return {" and ".join(whiches): rows[order[at]] for at, whiches in places.items()}


def _picture(name, x, said) -> reports.Chart | reports.Tile:
    if x.ndim >= 4:
        # Of videos each row is one, in its frames.
        columns = 4 if x.ndim == 4 else x.shape[1]
        x = x.reshape(-1, *x.shape[-3:]).astype(np.float32) / 127.5 - 1
        grid = reports.image_grid(x, columns, between=GREY)
        return reports.Tile(name, grid, said)
    return reports.Chart(name, charts.points(x, said), said)


def _names(rows, view) -> dict[str, str]:
    """By group, in words, the fields that its trials have in common and others not."""
    together: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        if "group" in row:
            together.setdefault(row["group"], []).append(summaries.fields(row))
    every = [setting for own in together.values() for setting in own]
    varying = [
        name
        for name in comparisons.field_names(every, view)
        if len({repr(setting.get(name)) for setting in every}) > 1
    ]
    names = {}
    for group, own in together.items():
        same = [
            n for n in varying if len({repr(setting.get(n)) for setting in own}) == 1
        ]
        said = [f"{n} {reports.cell(own[0][n])}" for n in same if n in own[0]]
        names[group] = ", ".join(said) or f"population {group}"
    return names


def _described(row, view, group: str) -> str:
    """Score, fields that are not in the name of the group, and seed."""
    own = summaries.fields(row)
    names = comparisons.field_names([own], view)
    fields = [f"{name} {reports.cell(own[name])}" for name in names]
    fields = [said for said in fields if said not in group.split(", ")]
    (score,) = comparisons.scores([row], view)
    shown = "no score" if math.isnan(score) else reports.cell(score)
    first = f"{comparisons.measured(view)} {shown}"
    return ", ".join([first, *fields, f"seed {row.get('seed')}"])
