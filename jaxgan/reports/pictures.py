"""Pictures: samples, points, coverage of modes, and curves, with a panel for each arm.

Nothing touches the global state of matplotlib, see `figures`.
"""

import os
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jax.typing import ArrayLike

from jaxgan.core import errors
from jaxgan.reports import figures, tables

COLOURS, _TEXT = figures.COLOURS, figures.TEXT
_REAL = figures.REAL
_GAP = 1
SHORT = 3
"""Letters of a name that fit below a bar or an image; longer ones are written up."""

LONGEST = 24
"""Letters of a name that are shown; with more the picture would have no room."""

MOST_NAMED = 80
"""Modes that have room for their names."""

BETWEEN = 0.08
"""Room between grids, in widths of one: more than between the images of a grid."""


def image_grid(x: ArrayLike, columns: int = 8, between: int = 255) -> np.ndarray:
    """Lays images out in rows, with a line between them.

    Args:
      x: `[N, H, W, C]` in [-1, 1], clipped; pixels that are not finite become grey. Of
        two channels the first is shown red and the second green.
      columns: images in a row, at most `N`; the last row is filled up.
      between: grey level of the lines, and of what is left of the last row.

    Returns:
      uint8 `[H', W', C]`.

    Raises:
      UserError: for another shape, no images or no columns.
    """
    x = np.asarray(x, np.float32)
    if x.ndim != 4 or 0 in x.shape or columns < 1:
        raise errors.UserError(
            "x must hold images of shape [N, H, W, C] and columns be at least 1, not "
            f"{x.shape} and {columns}."
        )
    x = np.clip(np.where(np.isfinite(x), x, 0), -1, 1)
    if x.shape[-1] == 2:
        x = np.concatenate([x, np.full_like(x[..., :1], -1)], axis=-1)
    num, height, width, channels = x.shape
    columns = min(columns, num)
    rows = -(-num // columns)
    shape = (rows * (height + _GAP) - _GAP, columns * (width + _GAP) - _GAP, channels)
    grid = np.full(shape, between, np.uint8)
    for index, image in enumerate(np.rint((x + 1) * 127.5).astype(np.uint8)):
        top = index // columns * (height + _GAP)
        left = index % columns * (width + _GAP)
        grid[top : top + height, left : left + width] = image
    return grid


def save_image_grid(
    path: str | os.PathLike,
    panels: Mapping[str, ArrayLike],
    columns: int = 8,
    title: str | None = None,
    column_names: Sequence[str] | None = None,
    right: str | None = None,
) -> None:
    """Saves a picture with a grid of images for each arm.

    Args:
      path: the file; its ending says the format.
      panels: per arm `[N, H, W, C]` in [-1, 1], with one to three channels.
      columns: images in a row of a grid.
      title: above the picture.
      column_names: below each grid, as many as columns, or None; any text, of which the
        first `LONGEST` letters are shown.
      right: what stands above the right end of each grid, whose name is then above its
        left end; None for names in the middle.
    """
    _check_arms(panels)
    grids = {name: image_grid(x, columns) for name, x in panels.items()}
    column_names = column_names and [_short(name) for name in column_names]
    tallest = max(grid.shape[0] / grid.shape[1] for grid in grids.values())
    below = 0.2 + 0.06 * max(map(len, column_names)) if column_names else 0
    figure, axes = _panels(len(grids), width=3.0, height=3.0 * tallest + 0.4 + below)
    figure.get_layout_engine().set(wspace=BETWEEN)
    for axis, (name, grid) in zip(axes, grids.items(), strict=True):
        grid = grid.repeat(3, axis=-1) if grid.shape[-1] == 1 else grid
        axis.imshow(grid, interpolation="nearest")
        dead = "" if np.isfinite(np.asarray(panels[name])).any() else " (not finite)"
        where = "center" if right is None else "left"
        said = _wrapped(name + dead, 3.0 if right is None else 1.8)
        axis.set_title(said, loc=where, color=_TEXT, fontsize=11)
        if right is not None:
            axis.set_title(right, loc="right", color=_TEXT, fontsize=11)
        if column_names is None:
            axis.set_axis_off()
        else:
            width = np.shape(panels[name])[2]
            _name_columns(axis, column_names, width + _GAP)
    figures.save(path, figure, title)


def save_scatter(
    path: str | os.PathLike,
    panels: Mapping[str, ArrayLike],
    reference: ArrayLike | None,
    title: str | None = None,
) -> None:
    """Saves a picture of each arm's points in the plane over those of the real data.

    Of points in more dimensions than two the first two coordinates are drawn.

    Args:
      path: the file; its ending says the format.
      panels: per arm `[N, D]`. Points outside the frame, which is a fifth larger than
        the real data on each side, and points that are not finite are counted below.
      reference: `[M, D]` real points, or None to draw none: the frame is then that of
        all arms together.
      title: above the picture.
    """
    _check_arms(panels)
    over_real = reference is not None
    if not over_real:
        reference = _finite_points(panels)
    reference = np.asarray(reference, np.float64)
    for name, points in panels.items():
        shapes = np.shape(reference), np.shape(points)
        flat = all(len(own) == 2 and own[0] > 0 and own[1] >= 2 for own in shapes)
        if not flat or shapes[0][1] != shapes[1][1]:
            raise errors.UserError(
                f"the reference and {name} must be points [N, D] of as many "
                f"dimensions, two at least, not {shapes[0]} and {shapes[1]}."
            )
    reference = reference[:, :2]
    low, high = figures.frame(reference)
    figure, axes = _panels(len(panels), width=3.2, height=3.8, shared=True)
    for index, (axis, (name, points)) in enumerate(
        zip(axes, panels.items(), strict=True)
    ):
        points = np.asarray(points, np.float64)[:, :2]
        inside = np.all((points > low) & (points < high), axis=1)
        if over_real:
            axis.scatter(*reference.T, s=14, color=_REAL, linewidths=0)
        axis.scatter(
            *points[inside].T,
            s=5,
            color=COLOURS[index % len(COLOURS)],
            alpha=0.5,
            linewidths=0,
        )
        axis.set_xlim(low[0], high[0])
        axis.set_ylim(low[1], high[1])
        axis.set_aspect("equal")
        axis.set_title(_wrapped(name, 3.0), color=_TEXT, fontsize=11)
        outside = len(points) - inside.sum()
        note = f"{outside} of {len(points)} points outside" if outside else ""
        axis.set_xlabel(note, color=_TEXT, fontsize=9)
        figures.plain_frame(axis)
    if over_real:
        handles = [_patch(_REAL), _patch(COLOURS[0] if len(panels) == 1 else _TEXT)]
        figures.legend(figure, handles, ["real", "generated"])
    figures.save(path, figure, title)


def save_samples(
    path: str | os.PathLike,
    panels: Mapping[str, ArrayLike],
    real: ArrayLike,
    columns: int = 8,
    column_names: Sequence[str] | None = None,
) -> None:
    """Saves a picture of samples: beside real images, or over real points.

    Args:
      path: the file; its ending says the format.
      panels: per arm `[N, H, W, C]` images in [-1, 1] or `[N, 2]` points.
      real: `[M, ...]` like them.
      columns: images in a row of a grid.
      column_names: of images, see `save_image_grid`.
    """
    if np.ndim(real) == 2:
        save_scatter(path, panels, real)
    else:
        panels = {"real": real, **panels}
        save_image_grid(path, panels, columns, column_names=column_names)


def save_coverage(
    path: str | os.PathLike,
    histograms: Mapping[str, ArrayLike],
    real: ArrayLike,
    mode_names: Sequence[str] | None = None,
    title: str | None = None,
) -> None:
    """Saves a picture of `draw_coverage`.

    Args:
      path: the file; its ending says the format.
      histograms: per arm `[S, K]` counts or shares.
      real: `[K]` counts or shares of the real data.
      mode_names: `K` names, or None for numbers from 0.
      title: above the picture.
    """
    figures.save(path, draw_coverage(histograms, real, mode_names), title)


def draw_coverage(
    histograms: Mapping[str, ArrayLike],
    real: ArrayLike,
    mode_names: Sequence[str] | None = None,
) -> Any:
    """How each arm fills the modes, beside the real data.

    A bar is the mean share over seeds, its whisker the range from the least to the
    greatest seed. Seeds without samples (or with NaN) are left out and counted in the
    title of the panel.

    Args:
      histograms: per arm `[S, K]` counts or shares.
      real: `[K]` counts or shares of the real data.
      mode_names: `K` names, or None for numbers from 0; any text, of which the first
        `LONGEST` letters are shown, and none where there are more than `MOST_NAMED`.
    """
    _check_arms(histograms)
    real = _shares(real)[0]
    modes = np.arange(len(real))
    width = min(12.0, max(5.0, 1.5 + 0.3 * len(real)))
    names = None
    if len(real) <= (30 if mode_names is None else MOST_NAMED):
        names = [_short(own) for own in (modes if mode_names is None else mode_names)]
    height = 2.1 + (0.08 * max(map(len, names)) if names else 0)
    figure, axes = _panels(
        len(histograms), width, height, columns=1 if len(real) > 12 else 2
    )
    for name, counts in histograms.items():
        if np.shape(counts)[-1:] != (len(real),):
            raise errors.UserError(
                f"the histograms of {name} have shape {np.shape(counts)}, but the real "
                f"data have {len(real)} modes."
            )
    means = {name: _shares(values) for name, values in histograms.items()}
    top = max([real.max()] + [float(np.nanmax(s, initial=0)) for s in means.values()])
    for index, (axis, (name, shares)) in enumerate(
        zip(axes, means.items(), strict=True)
    ):
        alive = shares[~np.isnan(shares).any(axis=1)]
        axis.bar(modes - 0.2, real, 0.4, color=_REAL)
        if len(alive):
            mean = alive.mean(axis=0)
            around = np.stack([mean - alive.min(axis=0), alive.max(axis=0) - mean])
            axis.bar(
                modes + 0.2,
                mean,
                0.4,
                color=COLOURS[index % len(COLOURS)],
                yerr=np.maximum(around, 0) if len(alive) > 1 else None,
                error_kw={"elinewidth": 1, "capsize": 1.5, "ecolor": _TEXT},
            )
        said = _wrapped(_with_missing(name, len(alive), len(shares)), width)
        axis.set_title(said, color=_TEXT, fontsize=11)
        axis.set_ylim(0, 1.08 * top)
        if names is not None:
            _set_names(axis, modes, names, 8)
        axis.set_xlim(-0.7, len(real) - 0.3)
        axis.set_xlabel("mode", color=_TEXT, fontsize=9)
        axis.set_ylabel("share", color=_TEXT, fontsize=9)
        figures.plain_frame(axis)
    handles = [_patch(_REAL), _patch(COLOURS[0] if len(means) == 1 else _TEXT)]
    figures.legend(figure, handles, ["real", "generated, mean and range over seeds"])
    return figure


def save_curves(
    path: str | os.PathLike,
    curves: Mapping[str, tuple[ArrayLike, ArrayLike]],
    ylabel: str,
    xlabel: str = "step",
    title: str | None = None,
) -> None:
    """Saves a picture of a quantity over time: a line and a band for each arm.

    Args:
      path: the file; its ending says the format.
      curves: per arm `(steps [T], values [T, S])`. The line is the mean over the seeds
        that are finite then, the band their range; the legend counts the seeds that
        are not finite at the end.
      ylabel: what the values are.
      xlabel: what the steps are.
      title: above the picture.
    """
    _check_arms(curves)
    figure, (axis,) = _panels(1, width=7.0, height=3.8)
    for index, (name, (steps, values)) in enumerate(curves.items()):
        steps, values = np.asarray(steps), np.asarray(values, np.float64)
        values = np.where(np.isfinite(values), values, np.nan)
        known = ~np.isnan(values).all(axis=1)
        steps, last = steps[known], values[-1]
        values = np.ma.masked_invalid(values[known])
        colour = COLOURS[index % len(COLOURS)]
        style = ("-", "--", "-.", ":")[index // len(COLOURS) % 4]
        found = np.count_nonzero(~np.isnan(last))
        label = figures.text(_with_missing(name, found, len(last)))
        axis.plot(
            steps, values.mean(axis=1), style, color=colour, linewidth=1.8, label=label
        )
        axis.fill_between(
            steps,
            values.min(axis=1),
            values.max(axis=1),
            color=colour,
            alpha=0.18,
            linewidth=0,
        )
    axis.set_xlabel(xlabel, color=_TEXT, fontsize=10)
    axis.set_ylabel(ylabel, color=_TEXT, fontsize=10)
    axis.grid(axis="y", color="#E5E5E5", linewidth=0.8)
    axis.set_axisbelow(True)
    figures.plain_frame(axis)
    figures.legend(figure, *axis.get_legend_handles_labels())
    figures.save(path, figure, title)


def _panels(number, width, height, columns=4, shared=False):
    """A figure, free of pyplot's global state, and its list of axes."""
    from matplotlib import figure

    if number == 0:
        raise errors.UserError("there is nothing to draw; give at least one arm.")
    rows = -(-number // columns)
    columns = -(-number // rows)  # five panels as 3 + 2 rather than 4 + 1
    size = (width * columns, height * rows + 0.6)
    drawn = figure.Figure(figsize=size, layout="constrained")
    axes = drawn.subplots(rows, columns, squeeze=False, sharex=shared, sharey=shared)
    flat = list(axes.flat)
    for spare in flat[number:]:
        spare.set_axis_off()
    return drawn, flat[:number]


def _wrapped(name, inches):
    """A heading in lines of its own, none wider than its panel."""
    return figures.text("\n".join(textwrap.wrap(str(name), int(inches * 9))))


def _short(name):
    name = str(name)
    return name if len(name) <= LONGEST else name[: LONGEST - 1] + "…"


def _set_names(axis, places, names, size):
    upright = max(map(len, names)) > SHORT
    said = [figures.text(name) for name in names]
    axis.set_xticks(places, said, fontsize=size, rotation=90 if upright else 0)


def _name_columns(axis, names, pitch):
    centres = (np.arange(len(names)) + 0.5) * pitch - 1
    _set_names(axis, centres, names, 7)
    axis.set_yticks([])
    axis.tick_params(length=0, colors=_TEXT)
    axis.spines[:].set_visible(False)


def _finite_points(panels):
    """The points of all arms, without those that are not finite; the origin if none."""
    points = np.concatenate([np.asarray(x, np.float64) for x in panels.values()])
    finite = points[np.isfinite(points).all(axis=-1)]
    return finite if len(finite) else np.zeros((1, *points.shape[1:]))


def _check_arms(arms):
    if not arms:
        raise errors.UserError("there is nothing to draw; give at least one arm.")


def _patch(colour):
    from matplotlib import patches

    return patches.Patch(color=colour)


def _with_missing(name, found, total):
    return name + tables.missing(total - found, total)


def _shares(counts):
    """`[S, K]` counts as shares; the rows of empty histograms are NaN."""
    counts = np.atleast_2d(np.asarray(counts, np.float64))
    totals = counts.sum(axis=1, keepdims=True)
    return np.where(totals > 0, counts, np.nan) / np.where(totals > 0, totals, 1)
