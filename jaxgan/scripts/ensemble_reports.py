"""What came out of the arms of an experiment: on the terminal, in pictures, on a page.

All of it is of the arms' records by name, each from `ensemble_arms.train` with the
suite's records as `scores`, and of references: the suite's records of known samples.
"""

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jaxgan import reports
from jaxgan.data import dataset, shuffling
from jaxgan.runs import evaluations, journal, pages
from jaxgan.scripts import ensemble_arms

IMAGES, POINTS = 64, 3000
"""Real samples that are shown, and images of each arm."""

COSTS = {
    "parameters": "parameters",
    "generator updates": "generator_updates",
    "real samples seen": "real_samples",
    "TFLOP": "teraflops",
    "seconds, all seeds": "train_seconds",
}
"""Headings, and the fields of `runs.record` below them."""


NOTES = (
    "Means over the seeds with their 95 % intervals (Student's t). All arms spend the "
    "same floating-point operations; costs are those of one seed."
)

Records = Mapping[str, Mapping[str, Any]]


def show(records: Records, references: Records, seeds: int) -> None:
    """Prints the scores over the seeds, and what each arm has cost.

    Args:
      records: of the arms, by name.
      references: of known samples, by title.
      seeds: runs of each arm.
    """
    over = reports.count(seeds, "seed")
    title = f"Scores: mean and 95 % interval over {over}"
    reports.print_scores(_scores(records) | dict(references), _dead(records), title)
    print(result(records, references))
    costs = _costs(records)
    reports.print_table(costs.rows, costs.columns, "Cost of one seed")


def result(records: Records, references: Records) -> str:
    """What came out in a sentence or two, of records as for `show`."""
    return reports.result(_scores(records), references)


def save(
    folder: pathlib.Path,
    records: Records,
    references: Records,
    data: dataset.Dataset,
    samples: Mapping[str, np.ndarray],
    *,
    title: str,
    made_by: Mapping[str, str],
    notes: str = NOTES,
    beside: Sequence[reports.Section] = (),
) -> None:
    """Saves `samples.png`, `coverage.png`, `training.png`, and `report.html` of all.

    Args:
      folder: of the run, with the log of its arms.
      records: as for `show`, with `coverage` among the scores.
      references: as for `show`.
      data: whose modes the coverage is of.
      samples: by title, of one seed.
      title: of the page.
      made_by: for its foot.
      notes: how the numbers came about.
      beside: further sections of the page, such as published rows.
    """
    images = data.mixture is None
    real = shuffling.first(data.test.x, IMAGES if images else POINTS)
    real = np.asarray(dataset.to_float(real))
    shown = {title: x[:IMAGES] if images else x for title, x in samples.items()}
    # Of a long tail, those that scores compare with.
    whole = data.train if data.whole is None else data.whole
    modes = np.bincount(whole.label, minlength=data.num_classes)
    reports.save_samples(folder / "samples.png", shown, real)
    path = folder / "coverage.png"
    reports.save_coverage(path, _histograms(records), modes, data.class_names)
    _save_accuracy(folder / "training.png", records)
    logged = journal.read(folder / ensemble_arms.LOG, "arm")
    pages.save(
        folder,
        title=title,
        scores=_scores(records) | dict(references),
        dead=_dead(records),
        histories={n: (arm["title"], logged.get(n, [])) for n, arm in records.items()},
        samples={"real": real, **shown},
        made_by=made_by,
        coverage=_histograms(records),
        real=modes,
        mode_names=data.class_names,
        costs=_costs(records),
        result=result(records, references),
        during=[*beside, *evaluations.sections(folder)],
        notes=notes,
    )


def _save_accuracy(path: pathlib.Path, records: Records) -> None:
    arms = records.values()
    reports.save_curves(
        path,
        {arm["title"]: (arm["share_trained"], arm["accuracy"]) for arm in arms},
        ylabel="accuracy of the discriminator",
        xlabel="share of the compute",
        title="The discriminators while they train: mean and range over the members",
    )


def _scores(records: Records) -> dict[str, Any]:
    return {arm["title"]: arm["scores"] for arm in records.values()}


def _dead(records: Records) -> dict[str, str]:
    arms = records.values()
    return {a["title"]: f"{a['dead_members']} of {a['members']}" for a in arms}


def _costs(records: Records) -> reports.Table:
    arms = records.values()
    rows = [[arm["title"], *(arm[field] for field in COSTS.values())] for arm in arms]
    return reports.Table(["", *COSTS], rows)


def _histograms(records: Records) -> dict[str, Any]:
    own = _scores(records)
    return {title: found["coverage"]["histogram"] for title, found in own.items()}
