"""The second part of the main job: the same question where one GAN loses classes.

for part in parts(settings):            # digits, and a long tail of them
    ...
table(record), says(record)             # what came out of the second one

A record is that of a part: its arms and references, see `ensemble_reports`, and the
commonest class in each of the modes that were found.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jaxgan import reports
from jaxgan.reports import defects

DATASET, FOLDER = "digits", "tail"
"""Data of both parts, and the folder of the second one in that of the run."""

TAIL = {"imbalance": 100.0, "arms": ("plain", "per_mode", "balanced_by_label")}
"""Settings of the second part: the first arm is compared with the others."""

FEWER = 2
"""Steps of the first part to one of the second."""

CHOOSING = ("dataset", "imbalance", "arms", "balance", "extra_data")
"""Settings that say which data or arms are meant, so that there is one part."""

TITLE = "Where one GAN collapses: a long tail of the digits"
PERFECT, TRAINING = "a perfect generator", "training samples of the long tail"
HIDDEN = ("dead", "its floor")
"""Columns that the small table goes without: a perfect generator has a row."""

SCORES = {
    "class_recall": ("tail_recall",),
    "coverage": ("modes", "reverse_kl", "histogram"),
    "memorisation": ("value", "floor", "protocol"),
}
"""What of the records is in the table."""

ENOUGH = 0.9
"""Share of what a perfect generator makes of the tail from which on it is restored."""

Record = Mapping[str, Any]


def parts(asked: Any) -> tuple[Any, ...]:
    """The settings of each part of a run, with the dataset that it is of.

    Args:
      asked: settings, a dataclass with `steps` and those of `CHOOSING`.
    """
    usual = {field.name: field.default for field in dataclasses.fields(asked)}
    chosen = any(getattr(asked, name) != usual[name] for name in CHOOSING)
    first = dataclasses.replace(asked, dataset=asked.dataset or DATASET)
    if chosen:
        return (first,)
    steps = max(1, asked.steps // FEWER)
    return first, dataclasses.replace(first, steps=steps, **TAIL)


def section(record: Record) -> reports.Section:
    """The second part for a page: what came out, in words and in a small table."""
    return reports.Section(TITLE, says(record), [table(record)])


def show(own: reports.Section) -> None:
    """Prints a `section`."""
    for shown in own.content:
        reports.print_table(shown.rows, shown.columns, own.title)
    print(own.text)


def table(record: Record) -> reports.Table:
    """The recall of the tail by arm, with its price, beside what bounds it."""
    arms, references = record["arms"].values(), record["references"]
    scores = {arm["title"]: arm["scores"] for arm in arms}
    bounds = {TRAINING: references[TRAINING], PERFECT: _perfect(record)}
    rows = {title: _shown(own) for title, own in (scores | bounds).items()}
    columns, cells = reports.score_table(rows, {})
    kept = [at for at, name in enumerate(columns) if name.strip() not in HIDDEN]
    costs = [[arm["parameters"], arm["teraflops"]] for arm in arms]
    costs += [[None, None] for _ in bounds]
    return reports.Table(
        [*(columns[at] for at in kept), "parameters", "TFLOP"],
        [
            [*(own[at] for at in kept), *cost]
            for own, cost in zip(cells, costs, strict=True)
        ],
    )


def says(record: Record) -> str:
    """What came out, in sentences that the numbers choose."""
    one, *others = record["arms"].values()
    shown = _recall(record["references"][TRAINING]).mean
    rare = ", ".join(map(str, one["scores"]["class_recall"]["protocol"]["tail"]))
    said = [
        f"Of what there should be of the tail (classes {rare}) “{one['title']}” makes "
        f"{_of_one(_recall(one['scores']), shown)}."
    ]
    said += [f"“{own['title']}” makes {_of_other(own, one, shown)}." for own in others]
    return " ".join([*said, *_of_clusters(record), _of_price(one, others)])


def _of_one(own: reports.Interval, shown: float) -> str:
    low, high = _ends(own)
    held = f"the {reports.number(shown)} that its training images hold"
    if high < shown:
        return f"{reports.cell(own)}, less than {held}: it collapses"
    if low > shown:
        return f"{reports.cell(own)}, more than {held}: it does not collapse"
    return f"{reports.cell(own)}, which these seeds do not tell from {held}"


def _of_other(other: Record, one: Record, shown: float) -> str:
    own, ceiling = _recall(other["scores"]), other["scores"]["class_recall"]["ceiling"]
    (low, high), (least, most) = _ends(own), _ends(_recall(one["scores"]))
    if own.mean >= ENOUGH * np.mean(ceiling):
        verdict = "nearly all: the tail is back"
    elif low > max(most, shown):
        verdict = "more than one GAN and than the training images hold, but not all"
    elif low > most:
        verdict = "more than one GAN, but no more than the training images hold"
    elif high < least:
        verdict = "even less"
    else:
        verdict = "which these seeds do not tell from one GAN: it does not help"
    return f"{reports.cell(own)}, {verdict}"


def _of_clusters(record: Record) -> list[str]:
    """How many of the rare classes are the commonest one of some cluster."""
    one = next(iter(record["arms"].values()))
    rare = one["scores"]["class_recall"]["protocol"]["tail"]
    found = len(np.intersect1d(rare, record["commonest"]))
    if record["modes"] != "clusters":
        return []
    which = {0: "none", len(rare): "each"}.get(found, str(found))
    end = "" if found == len(rare) else ": the clusters do not find the tail"
    return [f"Of its {len(rare)} classes {which} is the commonest of a cluster{end}."]


def _of_price(one: Record, others: Sequence[Record]) -> str:
    """Operations, parameters, and copies of the training images."""
    said = [f"All arms spend {reports.number(one['teraflops'])} TFLOP a seed"]
    for own in others:
        ratio, scores = own["parameters"] / one["parameters"], own["scores"]
        if ratio != 1:
            times = reports.number(ratio)
            said.append(f"“{own['title']}” has {times} times the parameters of one")
        if defects.of(scores, ("memorisation", "value")) is not None:
            copies = reports.number(np.nanmean(scores["memorisation"]["value"]))
            said.append(f"{copies} of the samples of “{own['title']}” are copies")
    return "; ".join(said) + "."


def _perfect(record: Record) -> dict[str, Any]:
    """What a perfect generator shows with as many samples, on average."""
    own = next(iter(record["arms"].values()))["scores"]
    at_best = {
        "class_recall": {"tail_recall": np.mean(own["class_recall"]["ceiling"])},
        "coverage": {
            "modes": np.shape(own["coverage"]["histogram"])[-1],
            "reverse_kl": np.mean(own["coverage"]["floor"]),
        },
    }
    if "memorisation" in own:
        at_best["memorisation"] = {"value": np.mean(own["memorisation"]["floor"])}
    return {name: own[name] | best for name, best in at_best.items()}


def _shown(scores: Record) -> dict[str, Any]:
    """The scores of the table, those that there are."""
    return {
        name: {field: scores[name][field] for field in fields if field in scores[name]}
        for name, fields in SCORES.items()
        if name in scores
    }


def _recall(scores: Record) -> reports.Interval:
    recall = scores["class_recall"]["tail_recall"]
    return reports.interval(recall, possible=(0.0, 1.0))


def _ends(own: reports.Interval) -> tuple[float, float]:
    """Of an interval; of one seed its value twice."""
    return (own.mean, own.mean) if math.isnan(own.low) else (own.low, own.high)
