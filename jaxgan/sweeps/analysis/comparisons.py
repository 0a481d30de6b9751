"""What a sweep says of its methods and settings, from its rows: plain numbers.

`summarise` puts together what `summaries`, `statistics` and `importance` find; `page`
shows it. Scores are shown with the sign that they have in the rows.
"""

import math
import types
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from jaxgan import reports
from jaxgan.core import errors
from jaxgan.sweeps import spaces
from jaxgan.sweeps.analysis import importance, statistics, summaries
from jaxgan.sweeps.search.pbt import lineages

ALL = "all trials"
"""Name of the one method, where nothing tells methods apart."""

BUDGETS = (1, 5, 20, 100)
"""Numbers of settings of which the best is shown, as far as there are twice as many."""


class View(NamedTuple):
    """How the rows of a sweep are to be looked at.

    Attributes:
      by: the column of the score that decides, such as "score.frechet_distance".
      more_is_better: whether it is such a score.
      method: the column whose values are compared as methods, such as "setting.loss";
        None to look at all settings as one method.
      pair: a column that is equal for settings that belong together in all methods,
        such as "setting.draw"; None if methods have no settings in common, so that no
        paired comparison is made.
      reference: the method that others are compared with; None for that of the first
        row.
      space: distributions of fields by name, after which charts have their scales:
        logarithmic, linear, or choices side by side. Fields that it does not have go by
        their values.
    """

    by: str
    more_is_better: bool = False
    method: str | None = None
    pair: str | None = None
    reference: str | None = None
    space: spaces.Space = types.MappingProxyType({})


def name_of(row: Mapping[str, Any], view: View) -> str:
    """The method that a row belongs to."""
    return ALL if view.method is None else str(row.get(view.method))


def measured(view: View) -> str:
    """The name of the score, in words."""
    return view.by.removeprefix("score.").replace("_", " ")


def scores(rows: Sequence[Mapping[str, Any]], view: View) -> np.ndarray:
    """Scores `[N]` with the sign that they have in the rows, NaN for the dead."""
    turned = summaries.scores(rows, view.by, more_is_better=view.more_is_better)
    return -turned if view.more_is_better else turned


def field_names(settings: Iterable[Mapping[str, Any]], view: View) -> list[str]:
    """The fields that any setting has; the number of a pair is none."""
    hidden = "" if view.pair is None else view.pair.removeprefix(summaries.FIELD)
    names = dict.fromkeys(name for setting in settings for name in setting)
    return [name for name in names if name != hidden]


def by_method(
    rows: Sequence[Mapping[str, Any]], view: View
) -> dict[str, list[Mapping[str, Any]]]:
    """The rows of each method, in the order in which methods come.

    Raises:
      UserError: if there are no rows, or the reference is no method.
    """
    if not rows:
        raise errors.UserError("there are no trials to compare; run some first.")
    parts: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        parts.setdefault(name_of(row, view), []).append(row)
    if view.reference is not None and view.reference not in parts:
        raise errors.UserError(
            f"reference={view.reference!r} must be one of {', '.join(parts)}."
        )
    return parts


def summarise(rows: Sequence[Mapping[str, Any]], view: View) -> dict[str, Any]:
    """All that may be said, for `scores.json` and for the page.

    Args:
      rows: all rows of the sweep, see `records`; trials that were stopped early, or
        that go on, are counted and not compared, see `summaries.at_full_length`.
      view: how to look at them.

    Returns:
      `by` and `more_is_better`; `trials`, `compared` and `stopped` of them in numbers,
      and of all `dead` and `collapsed`, None if no row says; `families` of which the
      compared descend, None but for population-based training; `methods` by name, all
      that occur in the rows, the best first, see below; `pairs` by name,
      `statistics.Comparison` with the reference as fields; `reference`; `settings`,
      every `summaries.Summary` as fields with its `method`, the best first;
      `importance`, of each field as fields.

      Of a method: `trials`, `compared`, `stopped`, `dead`, `collapsed`, `seconds`;
      `settings` that are compared; `best`, the fields of `statistics.Best` for budgets
      that all methods have, the last one as many settings as the method with the fewest
      has, after which methods are ordered: the best of more is better by that alone;
      `curve`, medians of the best score for all budgets; `best_setting`, a summary as
      fields, or None. `best` and `curve` are empty for population-based
      training, whose members are no independent draws, and where any trial was stopped,
      as those that were not are no random draws from those tried; `pairs` is empty
      there too.

    Raises:
      UserError: if there are no rows, no trial was trained to its end or died, no row
        has the score, or the reference is no method.
    """
    full = summaries.at_full_length(rows)
    if rows and not full:
        number = reports.count(len({row["trial"] for row in rows}), "trial")
        raise errors.UserError(
            f"of {number} none was trained to its end, as all were stopped early or go "
            "on, so that there is nothing to compare; resume the search if it was "
            "interrupted, or else begin it anew."
        )
    tried = by_method(summaries.last(rows), view)
    parts = {n: [row for row in full if name_of(row, view) == n] for n in tried}
    stopped = len(summaries.last(rows)) - len(full)
    sign = -1.0 if view.more_is_better else 1.0
    turned = {"more_is_better": view.more_is_better}
    found = {
        n: summaries.of_settings(own, view.by, **turned) for n, own in parts.items()
    }
    drawn = not stopped and not lineages.are_in(full)
    budgets = _budgets(min(map(len, found.values()))) if drawn else []
    methods = {
        name: _of_method(tried[name], parts[name], own, view)
        | _best_of(own, budgets, sign)
        for name, own in found.items()
    }
    settings = [
        {"method": name, **_shown(summary, sign)}
        for name, own in found.items()
        for summary in own
    ]
    reference = view.reference or next(iter(tried))
    return {
        "by": view.by,
        "more_is_better": view.more_is_better,
        "trials": len(full) + stopped,
        "compared": len(full),
        "stopped": stopped,
        "dead": sum(method["dead"] for method in methods.values()),
        "collapsed": summaries.collapsed(summaries.last(rows)),
        "families": len(set(lineages.units(full))) if lineages.are_in(full) else None,
        "reference": reference,
        "methods": dict(sorted(methods.items(), key=lambda m: _order(m[1], sign))),
        "pairs": {} if stopped else _pairs(parts, view, reference, sign),
        "settings": sorted(settings, key=lambda own: _place(own, sign)),
        "importance": _importance(full, view),
    }


def _of_method(tried, compared, found, view) -> dict[str, Any]:
    sign = -1.0 if view.more_is_better else 1.0
    alive = bool(found) and not math.isnan(found[0].mean)
    return {
        "trials": len(tried),
        "compared": len(compared),
        "stopped": len(tried) - len(compared),
        "dead": summaries.dead_or_unscored(scores(tried, view)),
        "collapsed": summaries.collapsed(tried),
        "seconds": sum(row.get("seconds") or 0.0 for row in tried),
        "settings": len(found),
        "best_setting": _shown(found[0], sign) if alive else None,
    }


def _budgets(fewest: int) -> list[int]:
    """That all methods have, if one of them has so few settings and none fewer."""
    return sorted({k for k in BUDGETS if 2 * k <= fewest} | {1, fewest})


def _best_of(found, budgets, sign) -> dict[str, Any]:
    """The best of k settings that are drawn from those tried; nothing without budgets.

    The curve goes on to the method's own number of settings.
    """
    scores = [summary.score for summary in found]
    every = range(1, len(scores) + 1) if budgets else []
    best = [statistics.best_of(scores, k) for k in budgets]
    curve = [statistics.best_of(scores, k).median for k in every]
    return {
        "best": [
            _turned(one._asdict(), ("median", "low", "high"), sign) for one in best
        ],
        "curve": [sign * value for value in curve],
    }


def _shown(summary: summaries.Summary, sign: float) -> dict[str, Any]:
    return _turned(summary._asdict(), ("mean", "median", "low", "high"), sign)


def _turned(record, names, sign) -> dict[str, Any]:
    """With the sign that scores have in the rows, `low` below `high`."""
    record |= {name: sign * record[name] for name in names}
    if sign < 0:
        record |= {"low": record["high"], "high": record["low"]}
    return record


def _order(method, sign):
    """By the best of as many settings as all have, or else by the best setting."""
    setting = method["best_setting"] or {"mean": math.nan}
    best = method["best"][-1]["median"] if method["best"] else setting["mean"]
    return math.inf if math.isnan(best) else best * sign


def _place(setting, sign):
    mean = setting["mean"]
    unknown = math.isnan(mean)
    return setting["dead"] / setting["seeds"], unknown, 0.0 if unknown else sign * mean


def _pairs(parts, view: View, reference, sign) -> dict[str, dict[str, Any]]:
    """Each method against the reference, on the pairs that all methods have."""
    if view.pair is None or len(parts) < 2:
        return {}
    tables = {}
    for name, rows in parts.items():
        together: dict[Any, list[float]] = {}
        turned = summaries.scores(rows, view.by, more_is_better=view.more_is_better)
        for row, score in zip(rows, turned, strict=True):
            together.setdefault(row.get(view.pair), []).append(score)
        tables[name] = {pair: float(np.mean(own)) for pair, own in together.items()}
    common = [p for p in tables[reference] if all(p in own for own in tables.values())]
    if not common:
        return {}
    means = {name: [own[p] for p in common] for name, own in tables.items()}
    compared = statistics.compare(means, reference)
    return {
        name: pair._replace(difference=sign * pair.difference)._asdict()
        for name, pair in compared.items()
    }


def _importance(rows, view: View) -> list[dict[str, Any]]:
    """Of each field; which settings share a pair's number is no field."""
    unit = view.pair or "setting"
    unit = lineages.FAMILY if lineages.are_in(rows) else unit
    settings = [summaries.fields(row) for row in rows]
    names = field_names(settings, view)
    settings = [{n: own[n] for n in names if n in own} for own in settings]
    scores = summaries.scores(rows, view.by, more_is_better=view.more_is_better)
    found = importance.of_fields(settings, scores, [row[unit] for row in rows])
    return [one._asdict() for one in found]
