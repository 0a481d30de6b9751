"""Tables and the page of gradients that vanish, or do not."""

import pathlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from jaxgan import dynamics, reports
from jaxgan.reports import charts
from jaxgan.runs import health

DISTANCES = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
"""Between the means of two Gaussians, in standard deviations."""

TINY = 1e-38

FELL = "Orders of magnitude that the norm fell by"
FALL_TEXT = (
    "The largest norm of the frozen generator's gradient over that against the "
    "discriminator at the end, in powers of ten: mean and 95 % interval over seeds. "
    "Below it stands the accuracy of the discriminators at the end."
)
GREW = "What became of the gradient"
GREW_TEXT = (
    "Against the discriminator before its first step and after the last one, of the "
    "youngest generators: the norm, the deviation over batches (root of the variance, "
    "summed over the weights) and that of the norms over seeds. Geometric means over "
    "the seeds."
)
EXACT = "Two Gaussians, exactly"
EXACT_TEXT = (
    "Data N(0, 1) and a generator N(d, 1) of d, against the best discriminator: its "
    "accuracy, and the gradient of d under each loss."
)
BOTH = "Where both players train"
BOTH_TEXT = (
    "Ordinary training, with a strong discriminator: five steps to one of the "
    "generator and twenty times its learning rate. The ratio is the largest norm of "
    "the generator's gradient in the last quarter over the largest of the run, which "
    f"health calls vanished at {health.VANISHED:g} and an accuracy of {health.WON:g}."
)


class Curves(NamedTuple):
    """Of one watched loss, `[A, S, T]` each: of ages, seeds and records."""

    norm: np.ndarray
    deviation: np.ndarray
    accuracy: np.ndarray


def show(
    folder: pathlib.Path,
    asked: Any,
    found: Mapping[str, Curves],
    both: Mapping[str, Mapping[str, np.ndarray]],
    made_by: Mapping[str, str],
) -> None:
    """Prints all tables, and writes the page `report.html` with its pictures.

    Args:
      folder: of the run.
      asked: settings with `ages`, `steps` and `dataset`.
      found: by what was watched.
      both: by loss, what `health` found where both players train, `[S]` each.
      made_by: for the foot of the page.
    """
    parts = [
        (FELL, FALL_TEXT, falls(asked, found)),
        (GREW, GREW_TEXT, growth(found)),
        (EXACT, EXACT_TEXT, exact()),
        (BOTH, BOTH_TEXT, played(both)),
    ]
    for title, _, table in parts:
        reports.print_table(table.rows, table.columns, f"\n{title}")
    pictures = [curves_of(asked, found), [], [gaussian_chart()], []]
    sections = [
        reports.Section(title, text, [table, *drawn])
        for (title, text, table), drawn in zip(parts, pictures, strict=True)
    ]
    said = verdict(asked, found)
    print(f"\n{said}")
    reports.save_html(
        folder / "report.html",
        f"Vanishing gradients on {asked.dataset}",
        sections,
        made_by,
        folder / "report",
        said,
    )


def orders(curves: Curves) -> np.ndarray:
    """Powers of ten by which each norm fell from its largest, `[A, S]`."""
    norm = np.maximum(curves.norm, TINY)
    return np.log10(norm.max(axis=-1) / norm[..., -1])


def falls(asked: Any, found: Mapping[str, Curves]) -> reports.Table:
    """By how much norms fell at each age, and how good discriminators were then."""
    columns = ["generator's loss", *(f"age {age}" for age in asked.ages)]
    rows: list[list[Any]] = []
    for name, curves in found.items():
        rows.append([name, *map(reports.interval, orders(curves))])
        ends = curves.accuracy[..., -1]
        rows.append(
            ["  accuracy", *(reports.interval(own, possible=(0, 1)) for own in ends)]
        )
    return reports.Table(columns, rows)


def growth(found: Mapping[str, Curves]) -> reports.Table:
    """Norms and their deviations of the youngest generators, first and last."""
    columns = ["generator's loss", "norm", "at the end", "over batches", "at the end"]
    columns += ["over seeds", "at the end"]
    rows = []
    for name, curves in found.items():
        row: list[Any] = [name]
        for values in (curves.norm[0], curves.deviation[0]):
            row += [_middle(values[:, 0]), _middle(values[:, -1])]
        several = len(curves.norm[0]) > 1
        spread = curves.norm[0].std(axis=0, ddof=1) if several else None
        row += [None, None] if spread is None else [spread[0], spread[-1]]
        rows.append(row)
    return reports.Table(columns, rows)


def exact() -> reports.Table:
    """The Gaussian case; what it is printed for is computed, not measured."""
    columns = ["d", "accuracy", "saturating", "non-saturating", "Wasserstein"]
    found = dynamics.gaussian_gradients(DISTANCES)
    return reports.Table(columns, [list(row) for row in zip(*found, strict=True)])


def played(both: Mapping[str, Mapping[str, np.ndarray]]) -> reports.Table:
    """What `health` found where both players train."""
    rows = [
        [
            loss,
            _middle(own["ratio"]),
            float(np.max(own["ratio"])),
            reports.interval(own["accuracy"], possible=(0, 1)),
            f"{np.sum(own['vanished'])} of {len(own['vanished'])}",
        ]
        for loss, own in both.items()
    ]
    columns = ["loss", "ratio", "largest", "least accuracy", "vanished"]
    return reports.Table(columns, rows)


def curves_of(asked: Any, found: Mapping[str, Curves]) -> list[reports.Chart]:
    """Norms at each age, a line for each loss, and the accuracies of one arm."""
    records = next(iter(found.values())).norm.shape[-1]
    steps = np.linspace(0, asked.steps, records)
    drawn = []
    for index, age in enumerate(asked.ages):
        lines = {name: (steps, _mean(own.norm[index])) for name, own in found.items()}
        figure = charts.curves(
            lines, f"step of the discriminator, age {age}", "gradient norm", log=True
        )
        words = f"Norm of the gradient of generators of age {age}, geometric mean."
        drawn.append(reports.Chart(f"norms-{age}", figure, words))
    name, first = next(iter(found.items()))
    accuracies = {
        f"age {age}": (steps, first.accuracy[index].mean(axis=0))
        for index, age in enumerate(asked.ages)
    }
    figure = charts.curves(accuracies, "step of the discriminator", "accuracy")
    words = f"Accuracy of the fresh discriminators of {name}, mean over seeds."
    return [*drawn, reports.Chart("accuracy", figure, words)]


def gaussian_chart() -> reports.Chart:
    """The exact gradients against the distance."""
    found = dynamics.gaussian_gradients(np.linspace(0.1, 12, 120))
    lines = {
        name.replace("_", "-"): (found.distance, getattr(found, name))
        for name in ("saturating", "non_saturating", "wasserstein")
    }
    figure = charts.curves(lines, "d", "gradient of d", log=True)
    return reports.Chart("gaussians", figure, "Gradients of the exact case.")


def verdict(asked: Any, found: Mapping[str, Curves]) -> str:
    """What came out, in a sentence."""
    said = [
        f"{name} {reports.number(float(np.mean(orders(own)[0])))}"
        for name, own in found.items()
    ]
    return (
        f"Against fresh discriminators of {asked.steps} steps the gradient of the "
        f"generators of age {asked.ages[0]} fell by these orders of magnitude: "
        f"{', '.join(said)}."
    )


def _middle(values: np.ndarray) -> float:
    return float(_mean(np.asarray(values)))


def _mean(values: np.ndarray) -> np.ndarray:
    """Geometric mean over the first axis."""
    return np.exp(np.log(np.maximum(values, TINY)).mean(axis=0))
