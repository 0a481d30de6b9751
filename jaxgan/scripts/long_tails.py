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

TITLE = "Does one GAN collapse on a long tail of the digits?"
PERFECT, TRAINING = "a perfect generator", "training samples of the long tail"
HIDDEN = ("dead", "its floor")
"""Columns that the small table goes without: a perfect generator has a row."""

SCORES = {
    "class_recall": ("tail_recall",),
    "coverage": ("modes", "reverse_kl", "histogram"),
    "memorisation": ("value", "floor", "protocol"),
}
"""What of the records is in the table."""

ENOUGH, RARE = 0.9, 0.1
"""Share of what a perfect generator makes of the tail from which on it is back, and of
what there should be of a class below which it is lost."""

LOST = "A class that is made less than a tenth as often as it should be is lost."

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
    """What each arm makes of the tail and its price, beside what bounds it."""
    arms, references = record["arms"].values(), record["references"]
    scores = {arm["title"]: arm["scores"] for arm in arms}
    bounds = {TRAINING: references[TRAINING], PERFECT: _perfect(record)}
    rows = {title: _shown(own) for title, own in (scores | bounds).items()}
    columns, cells = reports.score_table(rows, {})
    kept = [at for at, name in enumerate(columns) if name.strip() not in HIDDEN]
    lost = [_lost(own) for own in [*scores.values(), references[TRAINING]]] + [0]
    costs = [[arm["parameters"], arm["teraflops"]] for arm in arms]
    costs += [[None, None] for _ in bounds]
    told = [
        [*(own[at] for at in kept), number, *cost]
        for own, number, cost in zip(cells, lost, costs, strict=True)
    ]
    headings = [*(columns[at] for at in kept), "lost ↓", "parameters", "TFLOP"]
    return reports.Table(headings, told)


def says(record: Record) -> str:
    """What came out, in sentences that the numbers choose."""
    one, *others = record["arms"].values()
    training = record["references"][TRAINING]
    said = [_of_one(one, training), *(_of_other(own, one, training) for own in others)]
    return " ".join([LOST, *said, *_of_clusters(record), _of_price(one, others)])


def _of_one(one: Record, training: Record) -> str:
    own, held = _lost(one["scores"]), _lost(training).mean
    low, high = _ends(own)
    if low > held:
        verdict = "it collapses"
    elif high <= held:
        verdict = "it does not collapse"
    else:
        verdict = "these seeds do not tell whether it collapses"
    return (
        f"“{one['title']}” loses {reports.cell(own)}, where {reports.number(held)} "
        f"{'is' if held == 1 else 'are'} as rare among its training images, and makes "
        f"{reports.cell(_recall(one['scores']))} of what there should be of the tail: "
        f"{verdict}."
    )


def _of_other(other: Record, one: Record, training: Record) -> str:
    own, lost = _recall(other["scores"]), _lost(other["scores"])
    held = _recall(training).mean
    ceiling = np.mean(other["scores"]["class_recall"]["ceiling"])
    (low, _), (fewest, most) = _ends(own), _ends(lost)
    _, usual = _ends(_recall(one["scores"]))
    least, greatest = _ends(_lost(one["scores"]))
    if own.mean >= ENOUGH * ceiling:
        verdict = "the tail is back"
    elif low > max(usual, held):
        verdict = "a part of the tail is back"
    elif most < least:
        more = "" if low > held else ", but no more of the tail than its data hold"
        verdict = f"fewer than one GAN{more}"
    elif fewest > greatest:
        verdict = "even more than one GAN"
    else:
        verdict = "these seeds do not tell whether it helps"
    return (
        f"“{other['title']}” loses {reports.cell(lost)} and makes {reports.cell(own)}: "
        f"{verdict}."
    )


def _of_clusters(record: Record) -> list[str]:
    """How many of the rare classes are the commonest one of some cluster."""
    one = next(iter(record["arms"].values()))
    rare = one["scores"]["class_recall"]["protocol"]["tail"]
    found = len(np.intersect1d(rare, record["commonest"]))
    if record["modes"] != "clusters":
        return []
    are = "is" if found == 1 else "are"
    missed = "the others" if found else "them"
    end = "" if found == len(rare) else f", as clusters do not find {missed}"
    return [
        f"Of the {len(rare)} classes of the tail {found} {are} the commonest one of a "
        f"cluster{end}."
    ]


def _of_price(one: Record, others: Sequence[Record]) -> str:
    """Operations, parameters, and copies of the training images."""
    said = [f"All arms spend {reports.number(one['teraflops'])} TFLOP a seed"]
    copies = []
    for own in (one, *others):
        ratio, scores = own["parameters"] / one["parameters"], own["scores"]
        if ratio != 1:
            times = reports.number(ratio)
            said.append(f"“{own['title']}” has {times} times the parameters of one GAN")
        if defects.of(scores, ("memorisation", "value")) is not None:
            share = reports.number(np.nanmean(scores["memorisation"]["value"]), 2)
            copies.append(f"{share} of the samples of “{own['title']}”")
    if copies:
        real = reports.number(np.mean(one["scores"]["memorisation"]["floor"]), 2)
        said.append(
            f"copies of training images are {' and '.join(copies)}, where of new real "
            f"ones {real} are as near"
        )
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


def _lost(scores: Record) -> reports.Interval:
    """Classes that are all but missing; of a dead seed there is no number."""
    found = scores["class_recall"]
    lost = np.sum(np.asarray(found["recall"]) < RARE, axis=1)
    lost = np.where(np.isnan(found["tail_recall"]), np.nan, lost)
    return reports.interval(lost, possible=(0.0, np.shape(found["recall"])[1]))


def _ends(own: reports.Interval) -> tuple[float, float]:
    """Of an interval; of one seed its value twice."""
    return (own.mean, own.mean) if math.isnan(own.low) else (own.low, own.high)
