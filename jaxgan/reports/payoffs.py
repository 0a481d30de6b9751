"""The payoff matrix of a meta-game as a picture, with what is played beside it."""

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from jax.typing import ArrayLike

from jaxgan.reports import figures

MOST_NUMBERS = 16
"""Rows or columns up to which cells have their numbers written in."""

PER_STRATEGY = 0.36
"""Inches of a row and of a column."""


def save_payoffs(
    path: str | os.PathLike,
    matrix: ArrayLike,
    weights: tuple[ArrayLike, ArrayLike],
    names: tuple[Sequence[str], Sequence[str]],
    *,
    equal: float,
    title: str | None = None,
) -> None:
    """Saves a heat map of generators against discriminators, the strongest first.

    Generators are ordered by the most that they pay, discriminators by the least that
    they get, so that the strongest meet in the upper left corner.

    Args:
      path: the file; its ending says the format.
      matrix: `[G, D]`, what generators pay to discriminators.
      weights: `[G]` and `[D]`, with which strategies are played, drawn as bars.
      names: of generators and of discriminators.
      equal: payoff at which neither wins; above it cells are red, below it blue.
      title: above the picture.
    """
    figures.save(path, draw_payoffs(matrix, weights, names, equal=equal), title)


def draw_payoffs(
    matrix: ArrayLike,
    weights: tuple[ArrayLike, ArrayLike],
    names: tuple[Sequence[str], Sequence[str]],
    *,
    equal: float,
) -> Any:
    """The figure of `save_payoffs`."""
    from matplotlib import figure as figure_lib

    payoffs = np.asarray(matrix, float)
    order = np.argsort(payoffs.max(axis=1)), np.argsort(-payoffs.min(axis=0))
    payoffs = payoffs[np.ix_(*order)]
    height, width = (max(1.6, PER_STRATEGY * number) for number in payoffs.shape)
    figure = figure_lib.Figure(
        figsize=(width + 2.9, height + 2.2), layout="constrained"
    )
    axes = figure.subplots(
        2,
        2,
        gridspec_kw={"width_ratios": [width, 0.9], "height_ratios": [0.7, height]},
        squeeze=True,
    )
    axes[0, 1].set_axis_off()
    heat = _heat(axes[1, 0], payoffs, equal)
    own = [
        [figures.text(given[i]) for i in places]
        for given, places in zip(names, order, strict=True)
    ]
    axes[1, 0].set_yticks(range(len(own[0])), own[0])
    axes[1, 0].set_xticks(range(len(own[1])), own[1], rotation=90)
    axes[1, 0].set_ylabel("generators, the strongest on top")
    axes[1, 0].set_xlabel("discriminators, the strongest at the left")
    _bars(axes, [np.asarray(w)[i] for w, i in zip(weights, order, strict=True)])
    bar = figure.colorbar(heat, ax=axes[:, 1], fraction=0.5, location="right")
    bar.set_label(f"value; {equal:.2f}: neither wins", color=figures.TEXT)
    bar.ax.tick_params(colors=figures.TEXT, labelsize=9)
    bar.outline.set_edgecolor(figures.FRAME)
    return figure


def _heat(axis: Any, payoffs: np.ndarray, equal: float) -> Any:
    far = max(np.abs(payoffs - equal).max(), 1e-6)
    heat = axis.imshow(
        payoffs,
        cmap="RdBu_r",
        vmin=equal - far,
        vmax=equal + far,
        aspect="auto",
        interpolation="nearest",
    )
    figures.plain_frame(axis)
    # As many decimals as tell cells apart.
    decimals = int(np.clip(1 - np.floor(np.log10(far)), 1, 3))
    if max(payoffs.shape) <= MOST_NUMBERS:
        for (i, j), value in np.ndenumerate(payoffs):
            dark = abs(value - equal) > 0.6 * far
            axis.text(
                j,
                i,
                f"{value:.{decimals}f}",
                ha="center",
                va="center",
                fontsize=6,
                color=figures.PAPER if dark else figures.TEXT,
            )
    return heat


def _bars(axes: Any, weights: Sequence[np.ndarray]) -> None:
    """What each side plays: at the right of the rows, and above the columns."""
    rows, columns = weights
    colour = figures.COLOURS[0]
    axes[1, 1].barh(range(len(rows)), rows, 0.7, color=colour)
    axes[1, 1].set_ylim(len(rows) - 0.5, -0.5)
    axes[1, 1].set_xlabel("weight")
    axes[0, 0].bar(range(len(columns)), columns, 0.7, color=colour)
    axes[0, 0].set_xlim(-0.5, len(columns) - 0.5)
    axes[0, 0].set_ylabel("weight")
    for axis, kept in ((axes[1, 1], "y"), (axes[0, 0], "x")):
        figures.plain_frame(axis)
        axis.tick_params(axis=kept, labelleft=False, labelbottom=kept == "y")
        axis.locator_params(axis="x" if kept == "y" else "y", nbins=3)
