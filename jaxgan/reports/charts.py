"""Charts of a comparison: intervals, distributions, curves.

Each function returns a figure, see `figures`. Scores that are not finite are those of
dead trials: they are never left out, but drawn or counted where they are told apart.
"""

import math
import textwrap
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from jax.typing import ArrayLike

from jaxgan.reports import figures

BEST, DEAD = figures.COLOURS[0], figures.COLOURS[1]


def intervals(
    rows: Sequence[tuple[str, float, float, float]], xlabel: str, *, log: bool = False
) -> Any:
    """Means with their intervals, a line for each, the first on top.

    Args:
      rows: name, mean, lower and upper end; ends that are NaN are left out, and a mean
        that is NaN is said to be no score.
      xlabel: what the means are of.
      log: whether the scale is logarithmic.
    """
    figures.require(rows)
    height = 0.9 + 0.26 * len(rows)
    figure, axis = figures.new(height=height)
    for place, (_, mean, low, high) in enumerate(rows):
        if not math.isfinite(mean):
            axis.annotate(
                "no score",
                (0.02, place),
                xycoords=("axes fraction", "data"),
                color=DEAD,
                va="center",
                fontsize=9,
            )
            continue
        axis.plot([low, high], [place, place], color=BEST, linewidth=2.2)
        axis.plot([mean], [place], "o", color=BEST, markersize=5)
    axis.set_yticks(range(len(rows)), [figures.text(row[0]) for row in rows])
    axis.set_ylim(len(rows) - 0.4, -0.6)
    axis.set_xlabel(xlabel)
    figures.scale(axis, "x", log)
    return figure


def distributions(
    groups: Mapping[str, ArrayLike], xlabel: str, *, log: bool = False
) -> Any:
    """All scores of each group: a mark each, with quartiles and median.

    Args:
      groups: by name, `[n]`; those that are not finite are counted at the right.
      xlabel: what the scores are.
      log: whether the scale is logarithmic.
    """
    figures.require(groups)
    figure, axis = figures.new(height=0.9 + 0.42 * len(groups))
    rng = np.random.default_rng(0)
    total = sum(np.size(values) for values in groups.values())
    for place, values in enumerate(groups.values()):
        values = np.asarray(values, float).ravel()
        alive = values[np.isfinite(values)]
        shift = rng.uniform(-0.28, 0.28, len(alive))
        axis.plot(
            alive,
            place + shift,
            "o",
            color=figures.colour(place),
            alpha=0.45,
            markersize=3,
            markeredgewidth=0,
            rasterized=total > figures.MOST_MARKS,
        )
        if len(alive):
            low, middle, high = np.quantile(alive, [0.25, 0.5, 0.75])
            axis.plot([low, high], [place, place], color=figures.TEXT, linewidth=1.2)
            axis.plot([middle] * 2, [place - 0.3, place + 0.3], color=figures.TEXT)
        dead = len(values) - len(alive)
        if dead:
            axis.annotate(
                f"{dead} without a score",
                (1.01, place),
                xycoords=("axes fraction", "data"),
                ha="left",
                va="center",
                color=DEAD,
                fontsize=9,
            )
    axis.set_yticks(range(len(groups)), list(map(figures.text, groups)))
    axis.set_ylim(len(groups) - 0.4, -0.6)
    axis.set_xlabel(xlabel)
    figures.scale(axis, "x", log)
    return figure


def curves(
    lines: Mapping[str, tuple[ArrayLike, ArrayLike]],
    xlabel: str,
    ylabel: str,
    *,
    log: bool = False,
) -> Any:
    """A line for each arm; where a value is not finite the line is broken.

    Args:
      lines: by name, `x [T]` and `y [T]`.
      xlabel: below.
      ylabel: at the left.
      log: whether the scale of y is logarithmic.
    """
    figures.require(lines)
    rows = -(-len(lines) // 3)
    figure, axis = figures.new(height=figures.HEIGHT + 0.2 * rows)
    for index, (name, (x, y)) in enumerate(lines.items()):
        y = np.asarray(y, float)
        axis.plot(
            np.asarray(x),
            np.where(np.isfinite(y), y, np.nan),
            figures.style(index),
            color=figures.colour(index),
            linewidth=1.8,
            label=figures.text(name),
        )
    axis.set_xlabel(xlabel)
    axis.set_ylabel(ylabel)
    axis.grid(axis="y", color=figures.GRID, linewidth=0.8)
    axis.locator_params(axis="x", integer=True)
    figures.scale(axis, "y", log)
    if len(lines) > 1:
        figures.legend(figure, *axis.get_legend_handles_labels())
    return figure


def ribbons(
    panels: Mapping[str, Mapping[str, ArrayLike]],
    steps: ArrayLike,
    title: str,
    scales: Mapping[str, "Scale"] | None = None,
) -> Any:
    """What the members of a population go through: median, and shares of the members.

    The line is the median over the members that are alive then, the dark band holds
    half of them and the light one nine in ten.

    Args:
      panels: by what is measured, by the name of a line, `[T, P]`; NaN of the dead.
      steps: `[T]`.
      title: of the population.
      scales: by what is measured, the scale of its axis, which `common_scales` gives
        for charts that lie side by side; None for scales of its own.
    """
    figures.require(panels)
    from matplotlib import figure as figure_lib

    size = (figures.WIDTH, 0.5 + 1.5 * len(panels))
    figure = figure_lib.Figure(figsize=size, layout="constrained")
    axes = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
    steps = np.asarray(steps)
    for axis, (what, lines) in zip(axes, panels.items(), strict=True):
        figures.plain_frame(axis)
        for index, (name, values) in enumerate(lines.items()):
            known, found = _quantiles(np.asarray(values, float))
            colour = figures.colour(index)
            for outer, alpha in ((0, 0.15), (1, 0.3)):
                axis.fill_between(
                    steps[known],
                    found[outer],
                    found[-1 - outer],
                    color=colour,
                    alpha=alpha,
                    linewidth=0,
                )
            alone = "o" if np.count_nonzero(known) == 1 else None
            axis.plot(
                steps[known],
                found[2],
                color=colour,
                linewidth=1.6,
                label=name,
                marker=alone,
                markersize=4,
            )
        axis.set_ylabel(what)
        axis.grid(axis="y", color=figures.GRID, linewidth=0.8)
        if scales is not None and what in scales:
            scale = scales[what]
            if scale.linear is not None:
                axis.set_yscale("symlog", linthresh=scale.linear, linscale=LINEAR)
            axis.set_ylim(scale.low, scale.high)
            figures.scale(axis, "y", scale.log)
        if len(lines) > 1:
            axis.legend(
                frameon=False,
                fontsize=9,
                labelcolor=figures.TEXT,
                ncols=len(lines),
                loc="lower right",
                bbox_to_anchor=(1, 1),
                borderaxespad=0,
            )
    axes[-1].set_xlabel("step")
    figure.suptitle(_wrapped(title, 50), color=figures.TEXT, fontsize=9)
    return figure


class Scale(NamedTuple):
    """Of an axis that several charts have in common.

    Attributes:
      low: end.
      high: end.
      linear: up to which distance from 0 it is linear, and logarithmic beyond; None for
        linear throughout.
      log: whether it is logarithmic, between two positive ends.
    """

    low: float
    high: float
    linear: float | None
    log: bool = False


LINEAR = 3
"""Decades that the linear part of a scale takes the room of."""

ROOM = 1.3
"""Factor by which a logarithmic scale reaches further than what is drawn."""

WILD = 20
"""Times the middle range of which a chart makes all others unreadable."""


def common_scales(
    charts: Sequence[Mapping[str, Mapping[str, ArrayLike]]],
    log: Collection[str] = (),
) -> dict[str, Scale]:
    """Scales on which all of several `ribbons` are seen whole, by what is measured.

    Where one chart's range is wildly larger than the others', the scale is logarithmic
    beyond what most of them need.

    Args:
      charts: the panels of each.
      log: what has a logarithmic scale if any of it is positive; zeros are not seen.
    """
    spans: dict[str, list[tuple[float, float]]] = {}
    for panels in charts:
        for what, lines in panels.items():
            found = [_quantiles(np.asarray(own, float))[1] for own in lines.values()]
            drawn = np.concatenate([own.ravel() for own in found])
            drawn = drawn[drawn > 0] if what in log and np.any(drawn > 0) else drawn
            if drawn.size:
                spans.setdefault(what, []).append((drawn.min(), drawn.max()))
    scales = {}
    for what, own in spans.items():
        ends = np.array(own)
        low, high = ends[:, 0].min(), ends[:, 1].max()
        if what in log and low > 0:
            scales[what] = Scale(low / ROOM, high * ROOM, None, log=True)
            continue
        middle = float(np.median(np.abs(ends).max(axis=1)))
        wild = max(abs(low), abs(high)) > WILD * middle > 0
        # A margin of the whole range would be decades on the other side of 0.
        whole = middle if wild else high - low
        margin = 0.05 * (whole or abs(high) or 1.0)
        scales[what] = Scale(low - margin, high + margin, middle if wild else None)
    return scales


def bars(rows: Sequence[tuple[str, float, float]], xlabel: str) -> Any:
    """Values with their spread, a bar for each, the first on top."""
    figures.require(rows)
    figure, axis = figures.new(height=0.9 + 0.32 * len(rows))
    names, values, spreads = zip(*rows, strict=True)
    axis.barh(
        range(len(rows)),
        values,
        0.6,
        color=BEST,
        alpha=0.8,
        xerr=spreads,
        error_kw={"elinewidth": 1.2, "capsize": 2, "ecolor": figures.TEXT},
    )
    axis.axvline(0, color=figures.FRAME, linewidth=0.8)
    axis.set_yticks(range(len(rows)), list(map(figures.text, names)))
    axis.set_ylim(len(rows) - 0.4, -0.6)
    axis.set_xlabel(xlabel)
    return figure


def points(x: ArrayLike, title: str, real: ArrayLike | None = None) -> Any:
    """Points `[N, D]` in the plane; those that are not shown are counted.

    Of points in more dimensions than two the first two coordinates are drawn.

    Args:
      x: the points.
      title: above, in lines of its own.
      real: `[M, D]` real points to draw below; the frame is then theirs and a fifth
        more on each side, the same for all charts of the same data. None for a frame
        that holds all points.
    """
    x, said = np.asarray(x, float)[:, :2], _wrapped(title, 42)
    shown = np.isfinite(x).all(axis=1)
    figure, axis = figures.new(3.2, 3.2 + 0.16 * said.count("\n"))
    axis.set_aspect("equal", "datalim" if real is None else "box")
    marks = {"markersize": 2.5, "markeredgewidth": 0}
    if real is not None:
        real = np.asarray(real, float)[:, :2]
        low, high = figures.frame(real)
        shown &= np.all((x > low) & (x < high), axis=1)
        few = len(real) + len(x) <= figures.MOST_MARKS
        marks["rasterized"] = not few
        axis.plot(*real.T, "o", color=figures.REAL, **marks | {"markersize": 4})
        axis.set_xlim(low[0], high[0])
        axis.set_ylim(low[1], high[1])
    axis.plot(*x[shown, :2].T, "o", color=BEST, **marks)
    axis.set_title(said, color=figures.TEXT, fontsize=8)
    missing = len(x) - np.count_nonzero(shown)
    if missing:
        why = "not finite" if real is None else "outside"
        axis.set_xlabel(f"{missing} of {len(x)} {why}", fontsize=9)
    return figure


def _wrapped(words: str, width: int) -> str:
    return figures.text("\n".join(textwrap.wrap(words, width)))


def _quantiles(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which steps `[T]` have any number, and five quantiles `[5, T']` there."""
    values = np.where(np.isfinite(values), values, np.nan)
    known = ~np.isnan(values).all(axis=1)
    if not known.any():
        return known, np.empty((5, 0))
    return known, np.nanquantile(values[known], [0.05, 0.25, 0.5, 0.75, 0.95], axis=1)
