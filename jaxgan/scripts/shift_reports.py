"""Tables and the page of covariate shift against the speed of training."""

import itertools
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from jax.typing import ArrayLike

from jaxgan import dynamics, reports, types
from jaxgan.reports import charts

PLAYERS = types.Pair._fields

Found = Mapping[str, Mapping[str, Any]]
"""By normalisation what was measured, arrays `[T, S, ...]`."""

Measure = Callable[[Mapping[str, Any], str, str], np.ndarray]
"""`(measured, player, opponent) -> [T, S]`."""

GRADIENTS = "Shift of gradients"
GRADIENTS_TEXT = (
    "|G - G'| / |G| of the step that training takes, mean over the layers with a "
    "kernel but for the first, and over all measurements; the opponent is frozen, or "
    "moves in the same step. Means and 95 % intervals over seeds."
)
ANGLES = "Angle between gradients"
ANGLES_TEXT = "The angle between G and G' in degrees, likewise."
INPUTS = "Shift of activations"
INPUTS_TEXT = (
    "Jensen-Shannon divergence of the inputs of those layers before and after the "
    "step, in thousandths of a nat, and drift of their mean in thousandths of a "
    "standard deviation. Nothing of the generator's depends on its opponent."
)
SPEED = "Smoothness and speed"
SPEED_TEXT = (
    "Smoothness is the change of a player's gradient along its own step, twice as far "
    "as the step goes, over the way: a lower bound of the Lipschitz constant of the "
    "gradient. Speed is the mean over the run of how many orders of magnitude the "
    "sliced Wasserstein distance is below that of the beginning; more is faster."
)
RANKS = "Does shift go with speed?"
RANKS_TEXT = (
    "Spearman's rank correlation of shift with speed: over the normalisations, of "
    "which there are few, and over the seeds of one normalisation, mean over "
    "normalisations. Below zero, more shift goes with slower training. Neither says "
    "that one causes the other."
)


def show(
    folder: pathlib.Path,
    asked: Any,
    found: Found,
    made_by: Mapping[str, str],
) -> None:
    """Prints all tables, and writes the page `report.html` with its pictures.

    Args:
      folder: of the run.
      asked: settings with `dataset` and `every`.
      found: by normalisation what was measured, arrays `[T, S, ...]`.
      made_by: for the foot of the page.
    """
    ranks = correlations(found)
    parts = [
        (GRADIENTS, GRADIENTS_TEXT, table(found, relative, COLUMNS)),
        (ANGLES, ANGLES_TEXT, table(found, angle, COLUMNS)),
        (INPUTS, INPUTS_TEXT, inputs_table(found)),
        (SPEED, SPEED_TEXT, speed_table(found)),
        (RANKS, RANKS_TEXT, ranks),
    ]
    for title, _, own in parts:
        reports.print_table(own.rows, own.columns, f"\n{title}")
    said = verdict(ranks, len(found))
    print(f"\n{said}")
    pictures = [shift_charts(asked, found), [], [], [distance_chart(asked, found)], []]
    sections = [
        reports.Section(title, text, [own, *drawn])
        for (title, text, own), drawn in zip(parts, pictures, strict=True)
    ]
    reports.save_html(
        folder / "report.html",
        f"Internal covariate shift on {asked.dataset}",
        sections,
        made_by,
        folder / "report",
        said,
    )


FEW = 7
"""Values of which all orders are tried."""

COLUMNS = [(player, opponent) for player in PLAYERS for opponent in dynamics.OPPONENTS]
OF_INPUTS = [COLUMNS[0], *COLUMNS[2:]]


def inner(own: Mapping[str, Any], player: str) -> list[int]:
    """The places of the layers with a kernel, but for the first one."""
    names = getattr(own["layers"], player)
    return [i for i, name in enumerate(names) if "Norm" not in name][1:]


def relative(own: Mapping[str, Any], player: str, opponent: str) -> np.ndarray:
    """`|G - G'| / |G|` at each measurement and seed, `[T, S]`."""
    shift = own[player]["gradients"][opponent]
    return (shift.norm / shift.gradient_norm)[..., inner(own, player)].mean(axis=-1)


def angle(own: Mapping[str, Any], player: str, opponent: str) -> np.ndarray:
    """The angle in degrees, likewise."""
    found = own[player]["gradients"][opponent].angle[..., inner(own, player)]
    return np.degrees(found).mean(axis=-1)


def divergence(own: Mapping[str, Any], player: str, opponent: str) -> np.ndarray:
    """The divergence of the inputs in thousandths of a nat, likewise."""
    found = own[player]["activations"][opponent].js[..., inner(own, player)]
    return 1e3 * found.mean(axis=-1)


def drift(own: Mapping[str, Any], player: str, opponent: str) -> np.ndarray:
    """The drift of their mean in thousandths of a standard deviation, likewise."""
    found = own[player]["activations"][opponent].mean[..., inner(own, player)]
    return 1e3 * found.mean(axis=-1)


def speed(own: Mapping[str, Any]) -> np.ndarray:
    """Orders of magnitude below the distance at the beginning, on average, `[S]`."""
    return np.log10(own["distance"][0] / own["distance"][1:]).mean(axis=0)


def smoothness(own: Mapping[str, Any], player: str) -> np.ndarray:
    """Change of the gradient over the way, at its furthest, `[S]`."""
    return own[player]["along"].smoothness[..., -1].mean(axis=0)


def table(
    found: Found, measure: Measure, columns: Sequence[tuple[str, str]]
) -> reports.Table:
    """A row for each normalisation, a column for each player and opponent."""
    rows = [
        [name, *(reports.interval(measure(own, *which).mean(0)) for which in columns)]
        for name, own in found.items()
    ]
    words = [f"{player}, {opponent}" for player, opponent in columns]
    return reports.Table(["normalisation", *words], rows)


def inputs_table(found: Found) -> reports.Table:
    """Divergence and drift of what goes into the layers."""
    js, mean = (table(found, measure, OF_INPUTS) for measure in (divergence, drift))
    words = [f"{what} {c}" for what in ("JS", "mean") for c in js.columns[1:]]
    rows = [[*a, *b[1:]] for a, b in zip(js.rows, mean.rows, strict=True)]
    return reports.Table(["normalisation", *words], rows)


def speed_table(found: Found) -> reports.Table:
    """Smoothness of both players' losses, and how fast training is."""
    rows = [
        [
            name,
            *(reports.interval(smoothness(own, player)) for player in PLAYERS),
            reports.interval(speed(own)),
            reports.interval(own["distance"][-1]),
        ]
        for name, own in found.items()
    ]
    smooth = [f"smoothness, {player}" for player in PLAYERS]
    columns = ["normalisation", *smooth, "speed", "last distance"]
    return reports.Table(columns, rows)


def correlations(found: Found) -> reports.Table:
    """Rank correlations of each shift with speed, over normalisations and seeds."""
    speeds = [speed(own) for own in found.values()]
    rows = []
    kinds = (("gradients", relative, COLUMNS), ("activations", divergence, OF_INPUTS))
    for what, measure, which in kinds:
        for player, opponent in which:
            shifts = [measure(own, player, opponent).mean(0) for own in found.values()]
            over = spearman([s.mean() for s in shifts], [s.mean() for s in speeds])
            within = [spearman(a, b)[0] for a, b in zip(shifts, speeds, strict=True)]
            name = f"{what}, {player}, {opponent}"
            rows.append([name, *over, reports.interval(within, possible=(-1, 1))])
    columns = ["shift", "over normalisations", "p-value", "over seeds"]
    return reports.Table(columns, rows)


def spearman(x: ArrayLike, y: ArrayLike) -> tuple[float, float]:
    """Rank correlation and the two-sided p-value of none; NaN where there is no order.

    Of few values all orders are tried, as the usual approximation is of many.
    """
    from scipy import stats

    x, y = np.asarray(x, float), np.asarray(y, float)
    known = np.isfinite(x) & np.isfinite(y)
    x, y = x[known], y[known]
    if len(x) < 3 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return float("nan"), float("nan")
    result = stats.spearmanr(x, y)
    if len(x) > FEW:
        return float(result.statistic), float(result.pvalue)
    ranks, other = stats.rankdata(x), stats.rankdata(y)
    orders = np.array(list(itertools.permutations(other)))
    products = np.abs((orders - other.mean()) @ (ranks - ranks.mean()))
    own = abs((other - other.mean()) @ (ranks - ranks.mean()))
    return float(result.statistic), float(np.mean(products >= own * (1 - 1e-9)))


def verdict(ranks: reports.Table, number: int) -> str:
    """What came out, in a sentence."""
    least = min((row[2] for row in ranks.rows), default=float("nan"))
    if not np.isfinite(least):
        return f"{number} normalisations are too few to rank."
    found = sum(row[2] < 0.05 for row in ranks.rows)
    return (
        f"Over {number} normalisations {found} of {len(ranks.rows)} kinds of shift go "
        "with speed at p < 0.05, before any correction for having looked at so many; "
        f"the least p-value is {least:.2g}."
    )


def shift_charts(asked: Any, found: Found) -> list[reports.Chart]:
    """Shift against the step, a line for each normalisation."""
    drawn = []
    for player in PLAYERS:
        for what, measure in (("gradients", relative), ("activations", divergence)):
            lines = {}
            for name, own in found.items():
                values = np.nanmean(measure(own, player, "frozen"), axis=1)
                lines[name] = steps_of(asked, values), values
            label = f"shift of {what}, {player}"
            figure = charts.curves(lines, "step", label, log=True)
            words = f"Shift of the {player}'s {what}, mean over seeds."
            drawn.append(reports.Chart(f"{what}-{player}", figure, words))
    return drawn


def distance_chart(asked: Any, found: Found) -> reports.Chart:
    lines = {
        name: (steps_of(asked, own["distance"]), own["distance"].mean(axis=1))
        for name, own in found.items()
    }
    figure = charts.curves(lines, "step", "sliced Wasserstein distance", log=True)
    return reports.Chart("distance", figure, "Distance to held-out samples, mean.")


def steps_of(asked: Any, values: np.ndarray) -> np.ndarray:
    return asked.every * np.arange(len(values))
