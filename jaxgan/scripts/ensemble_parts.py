"""A part of an ensemble run: a dataset with its arms, checked, run and saved.

part = prepared(settings)                  # before a folder is made
record, samples = run(part, folders, cache)
save(part, folders, record, samples)
"""

import functools
import pathlib
from collections.abc import Sequence
from concurrent import futures
from typing import Any, NamedTuple

import numpy as np

from jaxgan import reports, types
from jaxgan.data import dataset
from jaxgan.data import modes as modes_lib
from jaxgan.runs import journal
from jaxgan.scores import suites
from jaxgan.scripts import (
    drawing,
    ensemble_arms,
    ensemble_comparison,
    ensemble_experiments,
    ensemble_kinds,
    ensemble_methods,
    ensemble_reports,
    from_settings,
    mode_partitions,
    run_folders,
)

Arms = tuple[tuple[ensemble_arms.Arm, ...], ensemble_kinds.Makes]
"""Arms, and their methods by name."""


class Part(NamedTuple):
    """What a part is made of.

    Attributes:
      settings: those of `settings.Ensemble` and of `experiments/mode_ensemble.py`.
      data: to learn.
      networks: of each member.
      architecture: that they were made of.
      known: the methods of all arms.
    """

    settings: Any
    data: dataset.Dataset
    networks: types.GAN
    architecture: dict[str, Any]
    known: ensemble_methods.Known


def prepared(settings: Any) -> Part:
    """What a part is made of; what can be refused is refused here.

    Raises:
      UserError: naming the flag that does not fit.
    """
    data = from_settings.load(settings)
    from_settings.check_scores(settings, data)
    mode_partitions.check(settings, data)
    networks, architecture = ensemble_methods.networks(settings, data)
    known = ensemble_methods.methods(settings, data)
    drawing.check(settings, data)
    return Part(settings, data, networks, architecture, known)


def keep_settings(folders: run_folders.Folders, asked: Any, part: Part) -> None:
    """Writes `config.json`, see `run_folders.keep_settings`.

    Args:
      folders: of the part.
      asked: the settings with which it is to be resumed.
      part: for its data and networks.
    """
    described = {"growing": ("steps",), "gan": part.architecture}
    run_folders.keep_settings(folders, asked, part.data, **described)


def dry_run(part: Part) -> None:
    """Prints what each arm would take."""
    print(dataset.about(part.data))
    modes = mode_partitions.find(part.settings, part.data)
    ensemble_comparison.dry_run(_experiment(part, modes), *_arms(part, modes))


def run(
    part: Part, folders: run_folders.Folders, cache: pathlib.Path
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Trains and scores all arms.

    Args:
      part: to run.
      folders: of the part.
      cache: folder of the classifiers that score, of all parts of a run.

    Returns:
      The record: `modes`, "clusters" or "labels", their `purity` and `commonest`, the
      commonest class in each, and `arms` and `references`. And samples of one seed, by
      title.
    """
    settings, data = part.settings, part.data
    print(dataset.about(data))
    # One core compiles and trains the classifier that scores, then compiles the arms,
    # while the other one clusters and begins to train.
    background = futures.ThreadPoolExecutor(1)
    try:
        number, seed = settings.samples, settings.seed
        scoring = background.submit(
            suites.of_dataset, data, num_samples=number, seed=seed, cache=cache
        )
        modes = mode_partitions.find(settings, data)
        experiment = _experiment(part, modes, folders)
        arms, makes = _arms(part, modes)
        begun = ensemble_comparison.begin(experiment, arms, makes, background)
        purity = modes_lib.purity(modes, data.train.label)
        told = reports.count(len(modes.counts), "mode")
        print(f"{told} from {settings.modes}, purity {purity:.3f}")
        suite, references, note = scoring.result()
        if note is not None:
            print(note)
        num_steps = len(modes.counts) * settings.steps
        found = ensemble_comparison.compare(
            *(experiment, begun, suite),
            flops=ensemble_comparison.operations(experiment, begun, makes, num_steps),
            samples=number,
            experts="per_mode",
            part=mode_partitions.PARTS[settings.modes],
        )
    finally:
        background.shutdown(wait=False, cancel_futures=True)
    commonest = modes_lib.commonest(modes, data.train.label).tolist()
    record = {"modes": settings.modes, "purity": purity, "commonest": commonest}
    record |= {"arms": found.records}
    return record | {"references": found.known | references}, found.samples


def save(
    part: Part,
    folders: run_folders.Folders,
    record: dict[str, Any],
    samples: dict[str, np.ndarray],
    beside: Sequence[reports.Section] = (),
) -> None:
    """Writes `scores.json`, and the page and its pictures, see `ensemble_reports`.

    Args:
      part: that was run.
      folders: of the part.
      record: from `run`, with what is to be kept beside it.
      samples: from `run`.
      beside: further sections of the page.
    """
    settings = part.settings
    tail = (
        f", a long tail of factor {settings.imbalance:g}" if settings.imbalance else ""
    )
    reports.write_json(folders.own / "scores.json", record)
    ensemble_reports.save(
        folders.own,
        record["arms"],
        record["references"],
        part.data,
        samples,
        title=f"A GAN per mode on {settings.dataset}{tail}",
        made_by=journal.made_by(settings),
        beside=beside,
    )


def _experiment(
    part: Part, modes: modes_lib.Modes, folders: run_folders.Folders | None = None
) -> ensemble_experiments.Experiment:
    made = part.data, modes, part.networks, part.architecture, folders
    return ensemble_experiments.make(part.settings, *made)


def _arms(part: Part, modes: modes_lib.Modes) -> Arms:
    settings = part.settings
    asked = ensemble_kinds.Asked(
        *part.known,
        data=part.data,
        modes=modes,
        plan=functools.partial(drawing.plan, settings, modes),
        part=mode_partitions.PARTS[settings.modes],
        steps=settings.steps,
        remedied_networks=bool(from_settings.packed(settings)),
    )
    return ensemble_kinds.by_name(settings.arms, asked)
