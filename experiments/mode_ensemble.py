"""What does a GAN per mode do to mode coverage, at equal training compute?

    python experiments/mode_ensemble.py                    # digits, and a tail of them
    python experiments/mode_ensemble.py --dataset ring     # a part by itself

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
weights the mixture by held-out data, `_by_label` trains by labels where others train by
clusters.

Digits do not collapse. Unless flags say which data or arms are meant, a second part
asks again on a long tail of them, the first class a hundred times as common as the
last, at half the steps: does one GAN without a remedy lose classes, what do clusters do
about it, and what one GAN that draws each label alike, for which labels must be known?
A small table and sentences that the numbers choose say so; the rest is in `tail/` of
the run folder. `--resume` goes on with either part.
"""

import dataclasses
import pathlib
from typing import Literal

from jaxgan.scripts import cli
from jaxgan.scripts import settings as shared_settings


@dataclasses.dataclass(frozen=True)
class Settings(shared_settings.Ensemble):
    dataset: str | None = None
    """digits, ring, grid, mnist, fashion_mnist, cifar10, files, or a TFDS image
    dataset that is prepared on disk; None for the digits and, unless other flags say
    which data or arms are meant, a long tail of them at half the steps"""
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

import time
from concurrent import futures
from typing import Any

from jaxgan import losses
from jaxgan.scores import suites
from jaxgan.scripts import (
    ensemble_kinds,
    ensemble_parts,
    ensemble_reports,
    from_settings,
    long_tails,
    run_folders,
)

SMOKE = {"seeds": 2, "steps": 20, "samples": 720}
CACHE = "classifiers"


def main(settings: Settings) -> None:
    began = time.perf_counter()
    check(settings)
    from_settings.devices(settings)
    if settings.smoke and settings.resume is None:
        settings = dataclasses.replace(settings, **SMOKE)
    first, *others = map(ensemble_parts.prepared, long_tails.parts(settings))
    if settings.dry_run:
        for part in (first, *others):
            ensemble_parts.dry_run(part)
        return
    title = f"mode_ensemble-{first.settings.dataset}"
    with run_folders.opened(settings, title) as folders:
        ensemble_parts.keep_settings(folders, settings, first)
        record, samples = ensemble_parts.run(first, folders, folders.own / CACHE)
        record["seconds"] = time.perf_counter() - began
        ensemble_reports.show(record["arms"], record["references"], settings.seeds)
        # The page is drawn while the second part trains.
        with futures.ThreadPoolExecutor(1) as background:
            drawn = background.submit(
                ensemble_parts.save, first, folders, record, samples
            )
            tails = [run_tail(tail, folders, drawn) for tail in others]
        drawn.result()
        for own in tails:
            seconds = time.perf_counter() - began
            both = record | {"tail": own, "seconds": seconds}
            section = long_tails.section(own)
            ensemble_parts.save(first, folders, both, samples, [section])
        print(
            f"{time.perf_counter() - began:.0f} s in all; the run is in {folders.run}"
        )
        print(f"Draw from the mixture: {cli.command('sample', folders.run)}")


def run_tail(
    tail: ensemble_parts.Part, folders: run_folders.Folders, drawn: futures.Future[None]
) -> dict[str, Any]:
    """Runs the second part in a folder within the run's, and prints what came out.

    Its page is drawn when that of the first part is.
    """
    began = time.perf_counter()
    print(f"\n{long_tails.TITLE}")
    within = run_folders.part(folders, long_tails.FOLDER)
    ensemble_parts.keep_settings(within, tail.settings, tail)
    record, samples = ensemble_parts.run(tail, within, folders.own / CACHE)
    record["seconds"] = time.perf_counter() - began
    section = long_tails.section(record)
    drawn.result()
    ensemble_parts.save(tail, within, record, samples, [section])
    long_tails.show(section)
    return record


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


if __name__ == "__main__":
    cli.run(main, SETTINGS)
