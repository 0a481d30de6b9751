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
"""

import dataclasses
import pathlib
from typing import Literal

from jaxgan.scripts import cli
from jaxgan.scripts import settings as shared_settings


@dataclasses.dataclass(frozen=True)
class Settings(shared_settings.Files, shared_settings.Devices):
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

import jax
import numpy as np

from jaxgan import ensembles, gan, losses, population, reports, runs, scores, types
from jaxgan.core import randomness
from jaxgan.data import dataset, pool, shuffling
from jaxgan.data import modes as modes_lib
from jaxgan.distributed import processes
from jaxgan.runs import journal
from jaxgan.scores import suites
from jaxgan.scripts import ensemble_arms, from_settings
from jaxgan.training import methods

BETAS = {"b1": 0.5, "b2": 0.99}
EMA_DECAY = 0.99
IMAGE_LATENT, POINT_LATENT = 32, 2
SMOKE = {"seeds": 2, "steps": 20, "samples": 720}
NUM_SHOWN = 64
PARTS, ORACLE = {"clusters": "cluster", "labels": "label"}, " (oracle partition)"


def main(settings: Settings) -> None:
    began = time.perf_counter()
    check(settings)
    from_settings.devices(settings)
    if settings.smoke and settings.resume is None:
        settings = dataclasses.replace(settings, **SMOKE)
    with cli.flag("--dataset", settings.dataset):
        data = from_settings.load(settings)
    from_settings.check_scores(settings, data)
    check_modes(settings, data)
    print(dataset.about(data))
    networks, architecture = make_networks(settings, data)
    title = f"mode_ensemble-{settings.dataset}"
    # One core compiles and trains the classifier that scores, then compiles the arms,
    # while the other one clusters and begins to train.
    background = futures.ThreadPoolExecutor(1)
    if settings.dry_run:
        modes = find_modes(settings, data)
        shared = share(settings, data, modes, networks, architecture, None, None)
        for arm in make_arms(settings, modes).values():
            method, largest = make_methods(settings)[arm.method], len(modes.counts)
            trainer = ensemble_arms.trainer(shared, method, settings.seeds * largest)
            print(f"\n{arm.title}, {reports.count(settings.seeds, 'seed')}")
            reports.print_facts(ensemble_arms.dry_run(shared, trainer, arm))
        return
    with processes.own_folder(
        cli.run_folder("--out", settings.out, title, settings.resume)
    ) as folders:
        folder, shared = folders
        if settings.resume is None:
            config = dataclasses.asdict(settings) | {"gan": architecture}
            config |= dataset.record(data) | journal.environment()
            reports.write_json(folder / cli.CONFIG, config)
        elif folder == shared:
            cli.keep_settings(folder, steps=settings.steps)
        try:
            record, drawn = run(
                settings, data, networks, architecture, background, *folders
            )
        finally:
            background.shutdown(wait=False, cancel_futures=True)
        record["seconds"] = time.perf_counter() - began
        reports.write_json(folder / "scores.json", record)
        ensemble_arms.show(record["arms"], record["references"], settings.seeds)
        draw(settings, folder, data, record, drawn)
        print(f"{record['seconds']:.0f} s in all; the run is in {shared}")
        print(f"Draw from the mixture: python experiments/sample.py {shared}")


def run(
    settings: Settings,
    data: dataset.Dataset,
    networks: types.GAN,
    architecture: dict[str, Any],
    background: futures.Executor,
    folder: pathlib.Path,
    run_folder: pathlib.Path,
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Trains and scores all arms; returns the record, and samples of one seed."""
    scoring = background.submit(
        suites.of_dataset, data, num_samples=settings.samples, seed=settings.seed
    )
    modes = find_modes(settings, data)
    shared = share(settings, data, modes, networks, architecture, folder, run_folder)
    largest = settings.seeds * len(modes.counts)
    trainers = {
        name: ensemble_arms.trainer(shared, method, largest)
        for name, method in make_methods(settings).items()
    }
    chosen = make_arms(settings, modes)

    def prepare(arm: ensemble_arms.Arm) -> runs.Members:
        return ensemble_arms.prepare(shared, trainers[arm.method], arm)

    # Several processes have to wait for one another in the same order.
    early = processes.alone()
    ready = {
        name: background.submit(prepare, arm) if early else None
        for name, arm in chosen.items()
    }
    purity = modes_lib.purity(modes, data.train.label)
    number = reports.count(len(modes.counts), "mode")
    print(f"{number} from {settings.modes}, purity {purity:.3f}")
    suite, references, note = scoring.result()
    if note is not None:
        print(note)
    known, record, drawn, untrained = {}, {"purity": purity, "arms": {}}, {}, {}

    def score(x: jax.Array) -> dict[str, Any]:
        return {key: scores.to_dict(own) for key, own in suite(x).items()}

    flops = settings.steps * len(modes.counts) * trainers["remedied"].flops
    for name, arm in chosen.items():
        members = ready[name].result() if early else prepare(arm)
        if name == "per_mode":
            x = ensemble_arms.sample(shared, arm, members, settings.samples)
            title = f"{arm.title}, untrained"
            known[title], untrained[title] = score(x), np.asarray(x[0])
        trained, members = ensemble_arms.train(
            shared, trainers[arm.method], name, arm, members, flops
        )
        x = ensemble_arms.save_and_sample(shared, name, arm, members, settings.samples)
        record["arms"][name] = trained | {"scores": score(x)}
        drawn[arm.title] = np.asarray(x[0])
    plan, part = chosen["per_mode"].plan, PARTS[settings.modes]
    for title, x in ensemble_arms.baselines(
        shared, plan, part, settings.samples
    ).items():
        known[title] = score(x)
    return record | {"references": known | references}, drawn | untrained


def share(
    settings: Settings,
    data: dataset.Dataset,
    modes: modes_lib.Modes,
    networks: types.GAN,
    architecture: dict[str, Any],
    folder: pathlib.Path | None,
    run_folder: pathlib.Path | None,
) -> ensemble_arms.Shared:
    """What all arms have in common; without folders for a dry run."""
    convolutional = settings.network == "conv"
    members = settings.seeds * len(modes.counts)
    params, _ = jax.eval_shape(networks.init, randomness.key(0))
    mappers = from_settings.mappers(
        settings,
        convolutional=convolutional,
        num_members=members,
        widest=population.widest(params, settings.batch_size),
    )
    return ensemble_arms.Shared(
        networks,
        architecture,
        pool.put(data.train.x, modes),
        data.mixture is not None,
        mappers,
        settings.batch_size,
        settings.seeds,
        settings.seed,
        folder,
        cli.resume_command(run_folder) if run_folder else "",
        run_folder / "checkpoints" if run_folder else None,
        settings.data_devices,
        settings.tensorboard,
        settings.pictures,
    )


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
    cli.check(settings, checks)
    with cli.flag("--loss", settings.loss):
        losses.get(settings.loss)


def make_networks(settings: Settings, data: dataset.Dataset) -> tuple[types.GAN, dict]:
    images = data.mixture is None
    architecture = {
        "architecture": settings.network,
        "shape": list(data.train.x.shape[1:]),
        "latent_dim": IMAGE_LATENT if images else POINT_LATENT,
    } | ({"bounded": images} if settings.network == "mlp" else {})
    with cli.flag("--network", settings.network):
        return gan.build(architecture), architecture


def check_modes(settings: Settings, data: dataset.Dataset) -> None:
    labelled = data.train.label is not None
    cli.require(labelled, "--dataset", settings.dataset, "the scores need its labels")
    if settings.modes == "labels":
        return
    number = data.num_classes if settings.num_modes is None else settings.num_modes
    most = modes_lib.num_distinct(data.train.x)
    cli.require(
        1 <= number <= most,
        "--num-modes",
        number,
        f"it must lie between 1 and {most}, the number of different training samples",
    )


def find_modes(settings: Settings, data: dataset.Dataset) -> modes_lib.Modes:
    if settings.modes == "labels":
        # Of the classes that there are.
        _, label = np.unique(np.asarray(data.train.label), return_inverse=True)
        return modes_lib.from_labels(label)
    number = data.num_classes if settings.num_modes is None else settings.num_modes
    x = np.asarray(dataset.to_float(data.train.x))
    return modes_lib.cluster(x, number, seed=settings.seed)


def make_methods(settings: Settings) -> dict[str, methods.Method]:
    adam = {"learning_rate": settings.learning_rate, **BETAS}
    both = types.Pair(adam, adam)
    return {
        "remedied": methods.Method(
            settings.loss, {"r1": settings.r1}, both, ema_decay=EMA_DECAY
        ),
        "classic": methods.Method("minimax", {}, both),
    }


def make_arms(
    settings: Settings, modes: modes_lib.Modes
) -> dict[str, ensemble_arms.Arm]:
    number = len(modes.counts)
    one, many = (ensembles.bagged(modes, members) for members in (1, number))
    part = PARTS[settings.modes] + ("" if settings.modes == "clusters" else ORACLE)
    experts = ensembles.per_mode(modes)
    return {
        "single": ensemble_arms.Arm("one GAN", one, "remedied"),
        "independent": ensemble_arms.Arm(
            f"{reports.count(number, 'GAN')} on all data", many, "remedied"
        ),
        "per_mode": ensemble_arms.Arm(
            f"{reports.count(number, 'GAN')}, one per {part}", experts, "remedied"
        ),
        "minimax": ensemble_arms.Arm("one minimax GAN, no remedy", one, "classic"),
    }


def draw(
    settings: Settings,
    folder: pathlib.Path,
    data: dataset.Dataset,
    record: dict,
    drawn: dict,
) -> None:
    """Saves the pictures (samples of the first seed, modes of all), and the page."""
    images = data.mixture is None
    real = shuffling.first(data.test.x, NUM_SHOWN if images else 3000)
    real = np.asarray(dataset.to_float(real))
    shown = {title: x[:NUM_SHOWN] for title, x in drawn.items()} if images else drawn
    reports.save_samples(folder / "samples.png", shown, real)
    counts = np.bincount(data.train.label, minlength=data.num_classes)
    ensemble_arms.draw(record["arms"], counts, folder, data.class_names)
    ensemble_arms.save_page(
        folder,
        record["arms"],
        record["references"],
        {"real": real, **shown},
        counts,
        title=f"A GAN per mode on {settings.dataset}",
        made_by=journal.made_by(settings),
        mode_names=data.class_names,
    )


if __name__ == "__main__":
    cli.run(main, SETTINGS)
