"""What does a GAN per mode do to mode coverage, at equal training compute?

    python experiments/mode_ensemble.py                    # digits, about two minutes
    python experiments/mode_ensemble.py --dataset ring

Four arms share data, networks, optimiser and floating-point operations: one GAN, K
independent GANs on all the data, K GANs of which each learns one mode, and the classic
minimax GAN without penalty or averaging. Modes are found by clustering, without labels.
Each arm runs over several seeds as one compiled population. The table gives means and
95 % confidence intervals over the seeds, and beside the arms what is had without any
training: the ensemble per mode as it was initialised, a Gaussian per cluster, copies of
the cluster's means. Expect the clusters alone to cover all modes, also untrained;
what training adds is seen within modes and classes. The run folder keeps settings,
metrics, scores, pictures, mixtures and `report.html`, one page that opens anywhere.

`--arms` has more, at the same operations: boosted (adagan), generators against one
discriminator (mgan, mad_gan) or several (gman, mix_gan), by clusters of learnt features
(per_mode_features, self_conditioned), snapshots, neighbours; `_weighted` after a name
weights the mixture by held-out data. Digits do not collapse; data on which one GAN does
are in experiments/mode_laboratory.py --table tail.
"""

import dataclasses
import pathlib
from typing import Literal

from jaxgan.scripts import cli
from jaxgan.scripts import settings as shared_settings


@dataclasses.dataclass(frozen=True)
class Settings(shared_settings.Ensemble):
    dataset: str = "digits"
    """digits, ring, grid, mnist, fashion_mnist, cifar10, files, or a TFDS image
    dataset that is prepared on disk"""
    data_dir: pathlib.Path | None = None
    """folder of archives or prepared datasets, or one's own files; None for
    JAXGAN_DATA_DIR, else the default of TFDS"""
    modes: Literal["clusters", "labels"] = "clusters"
    """find the modes by clustering, or take the labels (an oracle partition)"""
    num_modes: int | None = None
    """number of clusters; None for the number of classes of the dataset"""
    arms: tuple[str, ...] = ("single", "independent", "per_mode", "minimax")
    """ways to spend the operations, by their names in scripts/ensemble_kinds.py"""
    seeds: int = 5
    """runs of each arm"""
    steps: int = 800
    """steps of each GAN of an ensemble; one GAN gets as much compute as all of them"""
    batch_size: int = 64
    """real samples in a step"""
    network: Literal["mlp", "conv"] = "mlp"
    """architecture of both players"""
    loss: str = "non_saturating"
    """objective of all arms but the minimax one, by its name in jaxgan.losses"""
    learning_rate: float = 1e-3
    """of Adam, for both players"""
    r1: float = 1.0
    """weight of the R1 penalty in all arms but the minimax one"""
    samples: int = 3600
    """generated samples that are scored, per seed and arm"""
    layer_norms: bool = False
    """log the norm of the gradient by each layer of both players"""
    pictures: int = 0
    """pictures of each arm while it trains, from the same latents"""
    seed: int = 0
    """of everything random"""
    out: pathlib.Path | None = None
    """run folder, new or empty; None for runs/mode_ensemble-DATASET-TIME"""
    resume: pathlib.Path | None = None
    """folder of a run that was stopped, or to train on with more --steps; other flags
    are as they were"""
    smoke: bool = False
    """a run of seconds, with its own seeds, steps and samples: to see that all works"""


if __name__ == "__main__":
    # Before JAX, so that --help is instant.
    SETTINGS = cli.parse(Settings, __doc__, growing=("steps",))
    if SETTINGS.smoke:
        cli.compile_fast()

import functools
import time
from concurrent import futures
from typing import Any

import numpy as np

from jaxgan import losses, reports, types
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

SMOKE = {"seeds": 2, "steps": 20, "samples": 720}
PARTS, ORACLE = {"clusters": "cluster", "labels": "label"}, " (oracle partition)"


def main(settings: Settings) -> None:
    began = time.perf_counter()
    check(settings)
    from_settings.devices(settings)
    if settings.smoke and settings.resume is None:
        settings = dataclasses.replace(settings, **SMOKE)
    data = from_settings.load(settings)
    from_settings.check_scores(settings, data)
    mode_partitions.check(settings, data)
    print(dataset.about(data))
    networks, architecture = ensemble_methods.networks(settings, data)
    known = ensemble_methods.methods(settings, data)
    drawing.check(settings, data)
    if settings.dry_run:
        modes = mode_partitions.find(settings, data)
        asked = settings, data, modes, networks, architecture
        experiment = ensemble_experiments.make(*asked)
        arms, makes = make_arms(settings, data, modes, known)
        ensemble_comparison.dry_run(experiment, arms, makes)
        return
    with run_folders.opened(settings, f"mode_ensemble-{settings.dataset}") as folders:
        run_folders.keep_settings(
            folders, settings, data, growing=("steps",), gan=architecture
        )
        record, samples = run(settings, data, networks, architecture, known, folders)
        record["seconds"] = time.perf_counter() - began
        reports.write_json(folders.own / "scores.json", record)
        ensemble_reports.show(record["arms"], record["references"], settings.seeds)
        ensemble_reports.save(
            folders.own,
            record["arms"],
            record["references"],
            data,
            samples,
            title=f"A GAN per mode on {settings.dataset}",
            made_by=journal.made_by(settings),
        )
        print(f"{record['seconds']:.0f} s in all; the run is in {folders.run}")
        print(f"Draw from the mixture: python experiments/sample.py {folders.run}")


def run(
    settings: Settings,
    data: dataset.Dataset,
    networks: types.GAN,
    architecture: dict[str, Any],
    known: ensemble_methods.Known,
    folders: run_folders.Folders,
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Trains and scores all arms; returns the record, and samples of one seed."""
    # One core compiles and trains the classifier that scores, then compiles the arms,
    # while the other one clusters and begins to train.
    background = futures.ThreadPoolExecutor(1)
    try:
        scoring = background.submit(
            suites.of_dataset, data, num_samples=settings.samples, seed=settings.seed
        )
        modes = mode_partitions.find(settings, data)
        asked = settings, data, modes, networks, architecture
        experiment = ensemble_experiments.make(*asked, folders)
        arms, makes = make_arms(settings, data, modes, known)
        begun = ensemble_comparison.begin(experiment, arms, makes, background)
        purity = modes_lib.purity(modes, data.train.label)
        number = reports.count(len(modes.counts), "mode")
        print(f"{number} from {settings.modes}, purity {purity:.3f}")
        suite, references, note = scoring.result()
        if note is not None:
            print(note)
        found = ensemble_comparison.compare(
            experiment,
            begun,
            suite,
            flops=ensemble_comparison.operations(
                experiment, begun, makes, len(modes.counts) * settings.steps
            ),
            samples=settings.samples,
            experts="per_mode",
            part=PARTS[settings.modes],
        )
    finally:
        background.shutdown(wait=False, cancel_futures=True)
    record = {"purity": purity, "arms": found.records}
    return record | {"references": found.known | references}, found.samples


def check(settings: Settings) -> None:
    of_clusters = cli.Check(
        lambda value: settings.modes == "clusters",
        "it goes with --modes clusters, as labels say how many they are",
    )
    whole = ("seeds", "steps", "batch_size", "data_devices")
    checks = dict.fromkeys(whole, cli.AT_LEAST_ONE) | {
        "wait": cli.POSITIVE,
        "learning_rate": cli.POSITIVE,
        "r1": cli.NOT_NEGATIVE,
        "seed": cli.SEED,
        "pictures": cli.NOT_NEGATIVE,
        "samples": cli.at_least(suites.SPLITS),
        "num_modes": of_clusters,
    }
    cli.check(settings, shared_settings.DIVERSITY | checks)
    with cli.flag("--loss", settings.loss):
        losses.get(settings.loss)
    with cli.flag("--arms", " ".join(settings.arms)):
        ensemble_kinds.check(settings.arms)
        ensemble_kinds.check_drawing(settings.arms, settings)


def make_arms(
    settings: Settings,
    data: dataset.Dataset,
    modes: modes_lib.Modes,
    known: ensemble_methods.Known,
) -> tuple[tuple[ensemble_arms.Arm, ...], ensemble_kinds.Makes]:
    asked = ensemble_kinds.Asked(
        *known,
        data=data,
        modes=modes,
        plan=functools.partial(drawing.plan, settings, modes),
        part=PARTS[settings.modes] + ("" if settings.modes == "clusters" else ORACLE),
        steps=settings.steps,
        remedied_networks=bool(from_settings.packed(settings)),
    )
    return ensemble_kinds.by_name(settings.arms, asked)


if __name__ == "__main__":
    cli.run(main, SETTINGS)
