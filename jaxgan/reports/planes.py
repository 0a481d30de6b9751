"""Eigenvalues in the complex plane, a panel for each arm."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from jax.typing import ArrayLike

from jaxgan.reports import figures

COLUMNS, PANEL, TICKS = 5, (2.3, 2.5), 5


def eigenvalues(panels: Mapping[str, ArrayLike], linear: float) -> Any:
    """A figure of eigenvalues: all panels have the same axes.

    Args:
      panels: by the name of an arm, complex `[S, k]`, a colour for each seed; values
        that are not finite are left out.
      linear: up to which distance from 0 axes are linear, and logarithmic beyond.
    """
    figures.require(panels)
    from matplotlib import figure as figure_lib

    rows = -(-len(panels) // COLUMNS)
    columns = -(-len(panels) // rows)
    size = (PANEL[0] * columns, PANEL[1] * rows)
    drawn = figure_lib.Figure(figsize=size, layout="constrained")
    axes = drawn.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    for spare in axes.flat[len(panels) :]:
        spare.set_axis_off()
    for axis, (name, values) in zip(axes.flat, panels.items(), strict=False):
        figures.plain_frame(axis)
        axis.axvline(0, color=figures.FRAME, linewidth=0.8)
        axis.axhline(0, color=figures.FRAME, linewidth=0.8)
        for seed, own in enumerate(np.asarray(values)):
            own = own[np.isfinite(own)]
            colour = figures.colour(seed)
            axis.plot(own.real, own.imag, "o", color=colour, markersize=3, alpha=0.7)
        axis.set_xscale("symlog", linthresh=linear)
        axis.set_yscale("symlog", linthresh=linear)
        # As many numbers as have room beside one another.
        axis.xaxis.get_major_locator().set_params(numticks=TICKS)
        axis.set_title(figures.text(name), color=figures.TEXT, fontsize=9)
        axis.tick_params(labelsize=7)
    drawn.supxlabel("real part", color=figures.TEXT, fontsize=9)
    drawn.supylabel("imaginary part", color=figures.TEXT, fontsize=9)
    return drawn
