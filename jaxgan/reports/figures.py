"""Figures: made without matplotlib's global state, kept as PNG and as adaptable SVG.

On a page a figure is SVG whose ink and lines take their colours from the page, so that
it is readable on light and on dark ground; as a file it is drawn on white.
"""

import io
import math
import os
import pathlib
import re
import textwrap
from collections.abc import Sized
from typing import Any

import numpy as np

from jaxgan.core import errors, files

COLOURS = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#E69F00",
    "#56B4E9",
    "#000000",
)
"""Of Okabe and Ito, Color Universal Design, 2008, told apart with any colour vision."""

STYLES = ("-", "--", "-.", ":")

TEXT, FRAME, GRID, PAPER = "#333333", "#AAAAAA", "#E5E5E5", "#FEFEFE"
"""Colours of ink, lines and ground; a page puts its own in their place."""

ADAPTED = {
    TEXT: "currentColor",
    "#000000": "currentColor",
    FRAME: "var(--line)",
    GRID: "var(--line)",
    PAPER: "Canvas",
    COLOURS[0]: "var(--blue)",
}

REAL = "#9A9A9A"
"""Colour of real samples beside or below those of a generator."""

LETTERS = 8
"""Of a title that stand in an inch."""

WIDTH, HEIGHT = 3.9, 2.9
"""Inches of a figure that is readable on a phone and beside others on a desk."""


MOST_MARKS = 3000
"""Marks above which a chart holds them as pixels."""


def colour(index: int) -> str:
    """The colour of an arm."""
    return COLOURS[index % len(COLOURS)]


def style(index: int) -> str:
    """The line style of an arm, another one where colours begin again."""
    return STYLES[index // len(COLOURS) % len(STYLES)]


def new(width: float = WIDTH, height: float = HEIGHT) -> tuple[Any, Any]:
    """A figure with one axis."""
    from matplotlib import figure

    drawn = figure.Figure(figsize=(width, height), layout="constrained")
    axis = drawn.subplots()
    plain_frame(axis)
    return drawn, axis


def plain_frame(axis: Any) -> None:
    """Takes away the frame but for its left and lower line."""
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)
    for side in ("bottom", "left"):
        axis.spines[side].set_color(FRAME)
    axis.tick_params(which="both", colors=TEXT, labelsize=9)
    axis.xaxis.label.set_color(TEXT)
    axis.yaxis.label.set_color(TEXT)
    axis.set_axisbelow(True)


def frame(real: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The lower and upper ends `[2]` of a frame a fifth larger than real points."""
    low, high = real.min(axis=0), real.max(axis=0)
    margin = 0.2 * max(high - low)
    return low - margin, high + margin


def text(words: Any) -> str:
    """Words as they are: none of them is taken for a formula."""
    return str(words).replace("$", r"\$")


def scale(axis: Any, which: str, log: bool) -> None:
    """Makes the axis "x" or "y" logarithmic if asked, with numbers written out."""
    if not log:
        return
    from matplotlib import ticker

    getattr(axis, f"set_{which}scale")("log")
    own = getattr(axis, f"{which}axis")
    own.set_major_formatter(ticker.FuncFormatter(lambda value, _: f"{value:g}"))
    low, high = getattr(axis, f"get_{which}lim")()
    powers = math.floor(math.log10(high)) - math.ceil(math.log10(low)) + 1
    few = powers < 2 or math.log10(high / low) < 1.3
    minor = ticker.FuncFormatter(lambda value, _: f"{value:g}" if few else "")
    own.set_minor_formatter(minor)
    if few:
        own.set_minor_locator(ticker.LogLocator(subs=(2, 5)))


def require(arms: Sized) -> None:
    """Asks that there is anything to draw.

    Raises:
      UserError: if there is not.
    """
    if not len(arms):
        raise errors.UserError("there is nothing to draw; give at least one arm.")


def legend(figure: Any, handles: Any, labels: Any) -> None:
    """A legend below the axes, where it cannot cover what it explains."""
    longest = max(map(len, labels))
    columns = max(1, int(figure.get_size_inches()[0] / (0.5 + 0.075 * longest)))
    figure.legend(
        handles,
        labels,
        loc="outside lower center",
        ncols=min(columns, 3, len(labels)),
        frameon=False,
        fontsize=9,
        labelcolor=TEXT,
    )


def save(path: str | os.PathLike, figure: Any, title: str | None = None) -> None:
    """Writes a figure, whole or not at all.

    Args:
      path: the file; its ending says the format.
      figure: to write.
      title: above the picture, in as many lines as its width asks for.

    Raises:
      UserError: if the ending is that of no format.
    """
    formats = figure.canvas.get_supported_filetypes()
    ending = pathlib.Path(path).suffix.removeprefix(".")
    if ending not in formats:
        raise errors.UserError(
            f"{path} has no ending of a picture; give it one of {', '.join(formats)}."
        )
    if title is not None:
        lines = textwrap.wrap(title, int(LETTERS * figure.get_figwidth()))
        figure.suptitle(text("\n".join(lines)), color=TEXT, fontsize=13)
    files.write_whole(path, lambda name: figure.savefig(name, dpi=150))


def svg(figure: Any, name: str) -> str:
    """The figure as an SVG element that lies in a page and takes its colours.

    Args:
      figure: to draw.
      name: of the figure, unique in the page: what its parts are called follows from
        it, so that the page is the same each time.
    """
    import matplotlib

    written = io.StringIO()
    kept = {"svg.fonttype": "none", "svg.hashsalt": name}
    with matplotlib.rc_context(kept):
        figure.savefig(written, format="svg", transparent=True, metadata={"Date": None})
    drawn = written.getvalue()
    drawn = drawn[drawn.index("<svg") :]
    drawn = re.sub(r"<(metadata|style)\b.*?</\1>", "", drawn, flags=re.DOTALL)
    for ink, adapted in ADAPTED.items():
        drawn = drawn.replace(ink.lower(), adapted)
    # Words are set in the page's own font.
    drawn = re.sub(r"font: ([\d.]+px)[^;\"]*", r"font-size: \1", drawn)
    drawn = re.sub(r"font-family: [^;\"]*;? ?", "", drawn)
    drawn = re.sub(r' id="[\w.]+_\d+"', "", drawn)  # alike in all figures
    width = figure.get_size_inches()[0] * 96
    size = f'<svg style="width: {width:.0f}px"'
    return re.sub(
        r'<svg( xmlns[^ >]*| height="[^"]*"| width="[^"]*")*', size, drawn, count=1
    )
