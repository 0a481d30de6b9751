"""A population of image GANs, one per seed: how good are they, and how sure is that?

    python experiments/image_gan.py                          # MNIST, else digits
    python experiments/image_gan.py --dataset cifar10 --network sn_dcgan --loss hinge
    python experiments/image_gan.py --dataset mnist --labels-per-class 10 --seeds 10

All seeds train as one compiled program. A classifier trained on the same data then
says which classes each seed makes and how well; expect all ten digits of MNIST with an
Inception Score above 8, in ten to fifteen minutes on two idle cores. The run folder
keeps the settings, metrics, scores, pictures, `report.html` (one page that opens
anywhere) and the generators, for experiments/sample.py.
"""

import dataclasses
import pathlib

from jaxgan.scripts import cli, settings


@dataclasses.dataclass(frozen=True)
class Settings(
    settings.Training, settings.Network, settings.FewLabels, settings.Devices
):
    seeds: int = 4
    """members of the population"""
    steps: int = 6000
    """of each member"""
    minutes: float | None = None
    """of training, after which no further chunk of steps begins; None for no limit"""
    samples: int = 10_000
    """generated samples that are scored, per seed"""
    classifier_images: int = 200_000
    """training images, counted anew in each epoch, that the classifier sees; 0 for no
    classifier and no scores"""
    pictures: int = 5
    """pictures of the progress, from the same latents"""
    evaluations: int = 0
    """times that all seeds are scored while they train, evenly spread"""
    seed: int = 0
    """of everything random"""
    out: pathlib.Path | None = None
    """run folder, new or empty; None for runs/image_gan-DATASET-TIME"""
    resume: pathlib.Path | None = None
    """folder of a run that was stopped, or to train on with more --steps; other flags
    are as they were"""
    smoke: bool = False
    """a run of seconds, with its own seeds, steps and samples: to see that all works"""


if __name__ == "__main__":
    # Before JAX, so that --help is instant.
    SETTINGS = cli.parse(Settings, __doc__, settings.of_few_labels, ("steps",))
    if SETTINGS.smoke:
        cli.compile_fast()

import functools
import time
from collections.abc import Callable
from concurrent import futures
from typing import Any

import jax
import numpy as np

from jaxgan import ensembles, reports, runs, scores, training, types
from jaxgan.core import randomness
from jaxgan.data import dataset
from jaxgan.runs import evaluations, journal
from jaxgan.scores import suites
from jaxgan.scripts import (
    class_knowledge,
    from_settings,
    replicate_games,
    replicate_grids,
    replicate_reports,
    replicate_training,
    replicates,
    run_folders,
)

SMOKE = {"seeds": 2, "steps": 10, "samples": 360, "pictures": 1, "evaluations": 1}
SMOKE_CLASSIFIER_IMAGES = 20_000
NO_SCORES = (None, {}, "no classifier, and so no scores")
EVENTS = "tensorboard/evaluations"
NUMBERS = ("pictures", "evaluations", "classifier_images")


def main(asked: Settings) -> None:
    began = time.perf_counter()
    check(asked)
    from_settings.devices(asked)
    if asked.smoke and asked.resume is None:
        fewer = min(asked.classifier_images, SMOKE_CLASSIFIER_IMAGES)
        asked = dataclasses.replace(asked, **SMOKE, classifier_images=fewer)
    asked, data = from_settings.load_images(asked)
    with cli.flag("--dataset", asked.dataset):
        suites.check(data, num_samples=asked.samples)
    made = replicate_training.make(asked, data)
    if asked.dry_run:
        reports.print_facts(replicate_training.dry_run(made))
        return
    with run_folders.opened(asked, f"image_gan-{asked.dataset}") as folders:
        run_folders.keep_settings(
            folders, asked, data, growing=("steps",), gan=made.architecture
        )
        record, history, shown = run(asked, data, made, folders)
        record["seconds"] = time.perf_counter() - began
        reports.write_json(folders.own / "scores.json", record)
        replicate_reports.show(record)
        replicate_reports.save_page(
            folders.own,
            record,
            history,
            shown,
            title=f"{reports.count(asked.seeds, 'GAN')} on {asked.dataset}",
            made_by=journal.made_by(asked),
            column_names=replicate_grids.column_names(data, labels=asked.labels),
        )
        print(f"{record['seconds']:.0f} s in all; the run is in {folders.run}")
        print(f"Draw from a generator: python experiments/sample.py {folders.run}")


def run(
    asked: Settings,
    data: dataset.Dataset,
    made: replicate_training.Population,
    folders: run_folders.Folders,
) -> tuple[dict[str, Any], list[training.Report], dict[str, np.ndarray]]:
    """Trains, draws and scores all seeds; returns record, reports and samples."""
    members, (suite, references, note) = begin(asked, data, made)
    print(note)
    # Conditional generators are asked for classes as often as they have learnt them.
    grid = replicate_grids.make(
        *(made.gan, data),
        labels=asked.labels,
        seed=asked.seed,
        shares=replicate_training.label_shares(made, data),
    )
    score = functools.partial(scores_of, asked, made.gan, suite)
    if suite is not None:
        references = {"untrained": score(grid.generators(members))} | references
    due = {"progress-{:06}.png": (asked.pictures, functools.partial(draw, asked, grid))}
    if suite is not None:
        evaluated = functools.partial(evaluate, asked, grid, score)
        due["scores-{:06}.json"] = (asked.evaluations, evaluated)
    members, history = replicate_training.train(
        asked, data, made, members, due, folders
    )
    record = replicate_training.record(asked, made, members, history)
    # Kept before anything is drawn, which takes memory, and scored.
    reports.write_json(folders.own / "scores.json", record)
    runs.require_alive(members, history, folders.own / replicate_training.LOG)
    record["game"] = replicate_games.measure(
        *(made.gan, data, members),
        labels=asked.labels,
        seed=asked.seed,
        batch_size=None if asked.minibatch == "none" else asked.batch_size,
    )
    print(replicate_games.sentence(record["game"]))
    record["classes"] = class_knowledge.measure(asked, made, data, members, folders.own)
    class_knowledge.show(record["classes"])
    runs.save_curves(history, folders.own)
    grid.draw(members, folders.own / "samples.png")
    mixture = grid.generators(members)
    average = asked.ema_decay is not None
    named = {"class_names": dataset.names_of(data)} if asked.labels else {}
    replicates.save(mixture, made.architecture, folders.own, average=average, **named)
    record["scores"] = {} if suite is None else score(mixture)
    record |= {"references": references, "note": note}
    return record, history, {"real": grid.real, **grid.look(members)}


def begin(
    asked: Settings, data: dataset.Dataset, made: replicate_training.Population
) -> tuple[runs.Members, suites.Scoring]:
    """All seeds at their first step, and what scores them."""
    if not asked.classifier_images:
        return replicate_training.begin(made, asked.seed), NO_SCORES
    with futures.ThreadPoolExecutor(1) as background:
        # One core trains the classifier that scores while the other one compiles.
        scoring = background.submit(
            suites.of_dataset,
            data,
            num_samples=asked.samples,
            seed=asked.seed,
            num_images=asked.classifier_images,
        )
        members = replicate_training.begin(made, asked.seed)
        return members, scoring.result()


def scores_of(
    asked: Settings, gan: types.GAN, suite: suites.Suite, mixture: ensembles.Mixture
) -> dict[str, Any]:
    """The records of what all generators make, always of the same latents."""
    key = jax.random.fold_in(randomness.key(asked.seed), 1)
    found = suite(replicates.sample(gan, mixture, key, asked.samples))
    return {name: scores.to_dict(own) for name, own in found.items()}


def evaluate(
    asked: Settings,
    grid: replicate_grids.Grid,
    score: Callable[[ensembles.Mixture], dict[str, Any]],
    members: runs.Members,
    path: pathlib.Path,
) -> None:
    """Scores all seeds while they train."""
    found = score(grid.generators(members))
    reports.write_json(path, {"scores": found})
    show_events(asked, members, path, scores=evaluations.values(found))


def draw(
    asked: Settings,
    grid: replicate_grids.Grid,
    members: runs.Members,
    path: pathlib.Path,
) -> None:
    """Draws all seeds while they train."""
    grid.draw(members, path)
    show_events(asked, members, path, picture=path)


def show_events(
    asked: Settings, members: runs.Members, path: pathlib.Path, **seen: Any
) -> None:
    if asked.tensorboard:
        step = int(np.max(members.state.step))
        journal.add_evaluation(path.parent / EVENTS, step, **seen)


def check(asked: Settings) -> None:
    whole = ("seeds", "steps", "labels_per_class")
    cli.check(
        asked,
        settings.CHECKS
        | dict.fromkeys(whole, cli.AT_LEAST_ONE)
        | {
            "minutes": cli.POSITIVE,
            "samples": cli.at_least(suites.SPLITS),
            **dict.fromkeys(NUMBERS, cli.NOT_NEGATIVE),
            "seed": cli.SEED,
        },
    )


if __name__ == "__main__":
    cli.run(main, SETTINGS)
