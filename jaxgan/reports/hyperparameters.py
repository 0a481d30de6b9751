"""Charts of hyperparameters: scores against each field, and all fields at once.

Each function returns a figure, see `figures`. Trials that died are never left out: they
are marks of their own where their score would be.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from jax.typing import ArrayLike

from jaxgan.reports import figures

GOOD = 0.1
"""Share of the trials, the best ones, that stand out."""

FEW = 6
"""Different numbers of a field up to which the line joins the median of each."""

GREY, BEST, MIDDLE = "#9A9A9A", figures.COLOURS[0], figures.COLOURS[1]
BEHIND = {"facecolor": figures.PAPER, "alpha": 0.75, "pad": 0.5, "linewidth": 0}


class Axis(NamedTuple):
    """A field that charts show.

    Attributes:
      name: below the axis.
      values: of each trial: numbers, or anything else, whose different values are then
        categories; None where a trial has no such field.
      log: whether numbers are on a logarithmic scale.
      choices: whether numbers are choices, which are shown side by side in their order.
        How many different ones there are does not matter: three numbers of a grid are
        as far from one another as they are.
    """

    name: str
    values: Sequence[Any]
    log: bool = False
    choices: bool = False


def marginal(
    field: Axis,
    scores: ArrayLike,
    ylabel: str,
    *,
    log: bool = False,
    more_is_better: bool = False,
) -> Any:
    """Scores of all trials against one field, the best tenth standing out.

    The dead are crosses on the edge of bad scores. The line joins medians: of the
    values of a field that has few, or of eight slices of equal numbers of trials.
    Categories, which have no order, have their medians as marks.

    Args:
      field: trials that do not have it are left out.
      scores: `[N]`.
      ylabel: what they are.
      log: whether their scale is logarithmic.
      more_is_better: whether they are such scores.
    """
    scores, (figure, axis) = np.asarray(scores, float), figures.new()
    has = np.array([value is not None for value in field.values], bool)
    best = _best(scores, more_is_better)[has]
    values = [value for value in field.values if value is not None]
    figures.require(values)
    scores, rng = scores[has], np.random.default_rng(0)
    x, names = _positions(values, field.choices)
    shown = x if names is None else x + rng.uniform(-0.22, 0.22, len(x))
    alive = np.isfinite(scores)
    many = len(scores) > figures.MOST_MARKS
    for where, colour, alpha in ((alive & ~best, GREY, 0.5), (alive & best, BEST, 0.9)):
        axis.plot(
            shown[where],
            scores[where],
            "o",
            color=colour,
            alpha=alpha,
            markersize=3.5,
            markeredgewidth=0,
            rasterized=many,
        )
    if not alive.all():
        edge = np.full(np.count_nonzero(~alive), 0.0 if more_is_better else 1.0)
        axis.plot(
            shown[~alive],
            edge,
            "x",
            color=MIDDLE,
            markersize=4,
            transform=axis.get_xaxis_transform(),
            clip_on=False,
        )
    few = names is not None or len(np.unique(x)) <= FEW
    middle_x, middle = _medians(x, scores, few, more_is_better)
    if _are_numbers(values):
        axis.plot(middle_x, middle, "-", color=MIDDLE, linewidth=1.6)
    else:
        axis.plot(middle_x, middle, "_", color=MIDDLE, markersize=22, markeredgewidth=2)
    axis.set_xlabel(figures.text(field.name))
    axis.set_ylabel(ylabel)
    if names is not None:
        turned = sum(map(len, names)) > 40
        axis.set_xticks(
            range(len(names)),
            list(map(figures.text, names)),
            rotation=35 if turned else 0,
            ha="right" if turned else "center",
            rotation_mode="anchor",
        )
    figures.scale(axis, "x", field.log and names is None)
    figures.scale(axis, "y", log)
    return figure


def parallel(
    axes: Sequence[Axis],
    scores: ArrayLike,
    ylabel: str,
    *,
    more_is_better: bool = False,
) -> Any:
    """Every trial as a line through its fields and its score, the best tenth on top.

    A trial that has not a field goes through the mark "none" below it, and a dead one
    through "dead" below the score.

    Args:
      axes: the fields.
      scores: `[N]`.
      ylabel: what they are.
      more_is_better: whether they are such scores.
    """
    figures.require(axes)
    scores = np.asarray(scores, float)
    shown = np.where(np.isfinite(scores), scores, np.nan)
    last = Axis(ylabel, [None if math.isnan(s) else s for s in shown.tolist()], False)
    alive = shown[np.isfinite(shown)]
    if alive.size and alive.min() > 0 and alive.max() > 10 * alive.min():
        last = last._replace(log=True)
    columns = [*axes, last]
    width = max(figures.WIDTH, 1.2 * len(columns))
    figure, axis = figures.new(width, 3.8)
    for spine in axis.spines.values():
        spine.set_visible(False)
    heights = []
    for place, column in enumerate(columns):
        heights.append(
            _draw_axis(axis, place, column, "dead" if column is last else "none")
        )
    lines, best = np.stack(heights, axis=-1), _best(scores, more_is_better)
    rng = np.random.default_rng(0)
    lines = lines + rng.uniform(-0.012, 0.012, lines.shape)
    x, many = (
        np.arange(len(columns)),
        len(scores) * len(columns) > 4 * figures.MOST_MARKS,
    )
    for where, colour, alpha, size in (
        (~best, GREY, 0.22, 0.7),
        (best, BEST, 0.75, 1.1),
    ):
        if where.any():
            axis.plot(
                x,
                lines[where].T,
                color=colour,
                alpha=alpha,
                linewidth=size,
                rasterized=many,
            )
    axis.set_xticks(x, [figures.text(column.name) for column in columns])
    axis.xaxis.set_ticks_position("top")
    axis.tick_params(length=0, colors=figures.TEXT, labelsize=9)
    axis.set_yticks([])
    axis.set_xlim(-0.1, len(columns) - 0.6)
    axis.set_ylim(-0.24, 1.06)
    return figure


def _draw_axis(axis, place, column: Axis, absent: str) -> np.ndarray:
    """Draws one of the parallel axes; gives the height `[N]` of each trial on it."""
    has = np.array([value is not None for value in column.values], bool)
    heights = np.full(len(has), -0.16)
    axis.plot([place, place], [0, 1], color=figures.FRAME, linewidth=1, zorder=3)

    def label(height, words):
        side = -1 if place == 0 else 1  # of the first one outside
        axis.annotate(
            figures.text(words),
            (place, height),
            (4 * side, 0),
            textcoords="offset points",
            ha="right" if side < 0 else "left",
            color=figures.TEXT,
            fontsize=8,
            va="center",
            zorder=4,
            bbox=BEHIND,
        )

    if not has.all():
        label(-0.16, absent)
    if not has.any():
        return heights
    there = [value for value in column.values if value is not None]
    x, names = _positions(there, column.choices)
    if names is not None:
        heights[has] = x / max(1, len(names) - 1)
        for i, name in enumerate(names):
            label(i / max(1, len(names) - 1), name)
        return heights
    scaled = np.log(x) if column.log else x
    low, high = scaled.min(), scaled.max()
    heights[has] = (scaled - low) / (high - low) if high > low else 0.5
    for share in (0, 0.5, 1):
        value = low + share * (high - low)
        label(share, _short(math.exp(value) if column.log else value))
    return heights


def _short(value: float) -> str:
    return f"{value:.0f}" if 100 <= abs(value) < 1e5 else f"{value:.2g}"


def _positions(values, choices: bool) -> tuple[np.ndarray, list[str] | None]:
    """Numbers as they are, or categories as 0, 1, ... with their names."""
    numeric = _are_numbers(values)
    if numeric and not choices:
        return np.asarray(values, float), None
    if numeric:
        names = sorted(set(values))
    else:
        names = list(dict.fromkeys(map(str, values)))
        values = list(map(str, values))
    place = {name: i for i, name in enumerate(names)}
    return np.array([place[v] for v in values], float), [
        f"{name:.3g}" if numeric else name for name in names
    ]


def _are_numbers(values) -> bool:
    kinds = (int, float, np.number)
    return all(isinstance(v, kinds) and not isinstance(v, bool) for v in values)


def _medians(
    x, scores, few: bool, more_is_better: bool
) -> tuple[list[float], list[float]]:
    """Points of the line through a cloud; the dead count as worst."""
    worst = -np.inf if more_is_better else np.inf
    ranked = np.where(np.isfinite(scores), scores, worst)
    order = np.argsort(x, kind="stable")
    if few:
        parts = [np.flatnonzero(x == place) for place in np.unique(x)]
    else:
        parts = np.array_split(order, min(8, max(1, len(x) // 5)))
    middle = [float(np.median(ranked[part])) for part in parts]
    return (
        [float(np.median(x[part])) for part in parts],
        [value if math.isfinite(value) else math.nan for value in middle],
    )


def _best(scores: np.ndarray, more_is_better: bool) -> np.ndarray:
    """Which `[N]` are among the best tenth of all, the dead never."""
    number = max(1, round(GOOD * len(scores)))
    turned = -scores if more_is_better else scores
    ranked = np.where(np.isfinite(scores), turned, np.inf)
    chosen = np.zeros(len(scores), bool)
    chosen[np.argsort(ranked, kind="stable")[:number]] = True
    return chosen & np.isfinite(scores)
