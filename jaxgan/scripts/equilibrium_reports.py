"""Where step rules end: tables, pictures and the record."""

import math
import pathlib
from collections.abc import Mapping

import numpy as np

from jaxgan import reports
from jaxgan.reports import charts, figures, planes
from jaxgan.scripts import equilibria

ENDS = {
    "field norm": "|v|",
    "V": "V",
    "duality gap": "duality gap",
    "exploitability of G": "G exploited",
    "exploitability of D": "D exploited",
    "modes": "modes",
    "dead": "dead",
}
CURVATURE = {
    "least of G": "G least",
    "largest of G": "G largest",
    "negative in G": "G negative",
    "least of D": "D least",
    "largest of D": "D largest",
    "negative in D": "D negative",
}
ROTATION = {
    "least real part of J": "least real part",
    "largest modulus of J": "largest modulus",
    "rotation": "rotation",
}
NOT_NEGATIVE = (
    *("field norm", "exploitability of G", "exploitability of D", "modes"),
    *("negative in G", "negative in D", "largest modulus of J"),
)
POSSIBLE = dict.fromkeys(NOT_NEGATIVE, (0.0, math.inf)) | {
    "V": (-math.inf, 0.0),
    "rotation": (0.0, 1.0),
}
"""Where intervals end, of what cannot have any value."""

WORDS = ("nash", "stable", "neither", "unknown")

LINEAR = 0.1
"""Up to which modulus the axes of eigenvalues are linear."""


def save(
    folder: pathlib.Path,
    trained: Mapping[str, equilibria.Trained],
    found: equilibria.Found,
) -> None:
    """Prints the tables and saves `equilibrium.json` and two pictures.

    Args:
      folder: of the run.
      trained: by rule.
      found: of all, one rule after the other.
    """
    seeds = len(found.words) // len(trained)
    rule_of = np.repeat(np.arange(len(trained)), seeds)
    rows = {rule: rule_of == i for i, rule in enumerate(trained)}
    _print(rows, found, reports.count(seeds, "seed"))
    spectrum, path = found.spectrum, found.path
    parts = (spectrum.largest, *spectrum.game)
    outer = np.concatenate([own.values for own in parts], axis=1)
    figures.save(
        folder / "eigenvalues.png",
        planes.eigenvalues({rule: outer[own] for rule, own in rows.items()}, LINEAR),
    )
    lines = {
        rule: (path.alpha, np.nanmedian(path.angle[own], axis=0))
        for rule, own in rows.items()
    }
    drawn = charts.curves(lines, "from the start (0) to the end (1)", "path angle")
    drawn.set_size_inches(figures.WIDTH + 1, figures.HEIGHT + 0.2 * len(lines))
    figures.save(folder / "path-angle.png", drawn)
    record = {"rules": list(trained), "values": found.values, "words": found.words}
    record |= {"seconds": {rule: own.seconds for rule, own in trained.items()}}
    record |= {"path": path._asdict()}
    record |= {"eigenvalues of J": {"real": outer.real, "imaginary": outer.imag}}
    reports.write_json(folder / "equilibrium.json", record)


def _print(rows, found, over) -> None:
    said = f"mean and 95 % interval over {over}"
    for columns, title in (
        (ENDS, f"Where it ends (-log 4 = {-math.log(4):.3f}), {said}"),
        (CURVATURE, f"Eigenvalues of the players' own Hessians, {said}"),
    ):
        table = [
            [rule, *(_cell(name, found.values[name][own]) for name in columns)]
            for rule, own in rows.items()
        ]
        reports.print_table(table, ["rule", *columns.values()], f"\n{title}")
    words = np.array(found.words)
    table = [
        [
            rule,
            *(_cell(name, found.values[name][own]) for name in ROTATION),
            *(int(np.sum(words[own] == word)) for word in WORDS),
        ]
        for rule, own in rows.items()
    ]
    heads = ["rule", *ROTATION.values(), *WORDS]
    title = f"Eigenvalues of J, {said}; seeds by their curvature"
    reports.print_table(table, heads, f"\n{title}")


def _cell(name, values):
    if name == "dead":
        return int(values.sum())
    possible = POSSIBLE.get(name, (-math.inf, math.inf))
    return reports.interval(values, possible=possible)
