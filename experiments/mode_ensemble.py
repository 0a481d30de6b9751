"""What does a GAN per mode do to mode coverage, at equal training compute?

    python experiments/mode_ensemble.py                    # digits, about two minutes
    python experiments/mode_ensemble.py --dataset ring

Four arms share data, networks, optimiser and floating-point operations: one GAN, K
independent GANs on all the data, K GANs of which each learns one mode, and the classic
minimax GAN without penalty or averaging. Modes are found by clustering, without labels.
Each arm runs over several seeds as one compiled population. The table gives means and
95 % confidence intervals over the seeds; expect the ensemble per mode to cover all
modes at the lowest reverse KL, one GAN to come close on digits and to fall behind on
ring and grid. The run folder keeps settings, metrics, scores, pictures and mixtures.
"""

import dataclasses
import pathlib
from typing import Literal

from jaxgan import cli


@dataclasses.dataclass(frozen=True)
class Settings:
    dataset: str = "digits"
    """digits, ring, grid, or a TFDS image dataset that is prepared on disk"""
    data_dir: pathlib.Path | None = None
    """folder of the prepared TFDS datasets; None for the default of TFDS"""
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
    seed: int = 0
    """of everything random"""
    out: pathlib.Path | None = None
    """run folder, new or empty; None for runs/mode_ensemble-DATASET-TIME"""
    smoke: bool = False
    """a run of seconds, with its own seeds, steps and samples: to see that all works"""


if __name__ == "__main__":
    SETTINGS = cli.parse(Settings, __doc__)  # before JAX, so that --help is instant
    if SETTINGS.smoke:
        cli.compile_fast()

import math
import time
from collections.abc import Callable
from concurrent import futures
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan import (
    ensembles,
    errors,
    gan,
    gradients,
    losses,
    penalties,
    population,
    reports,
    scores,
    steps,
    training,
    types,
)
from jaxgan.data import dataset, mixtures, pool
from jaxgan.data import modes as modes_lib
from jaxgan.scores import classifier, panels

BETAS = {"b1": 0.5, "b2": 0.99}
EMA_DECAY = 0.99
IMAGE_LATENT, POINT_LATENT = 32, 2
SPLITS = 10
ENOUGH_ACCURACY = 0.97
SMOKE = {"seeds": 2, "steps": 20, "samples": 720}
CHUNKS, SHORTEST_CHUNK = 20, 10
NUM_SHOWN = 64
COLUMNS = {
    ("coverage", "modes"): "modes",
    ("coverage", "reverse_kl"): "reverse KL",
    ("coverage", "floor"): "its floor",
    ("coverage", "high_quality"): "good samples",
    ("inception_score", "value"): "Inception Score",
    ("frechet_distance", "value"): "Frechet distance",
    ("frechet_distance", "floor"): "its floor ",
    ("within_class_diversity", "value"): "diversity in a class",
}
COSTS = {
    "parameters": "parameters",
    "generator updates": "generator_updates",
    "real samples seen": "real_samples",
    "TFLOP": "teraflops",
    "seconds, all seeds": "train_seconds",
}


class Rule(NamedTuple):
    """How a GAN is trained: its loss, weights of penalties, and averaging if any."""

    loss: str
    penalties: dict[str, float]
    ema_decay: float | None


class Arm(NamedTuple):
    """One way to spend the compute."""

    title: str
    plan: ensembles.Plan
    rule: str


class Trainer(NamedTuple):
    """A rule made ready, and the operations of one step of one member."""

    rule: Rule
    program: training.Program
    flops: float


class Members(NamedTuple):
    """The population of an arm."""

    hparams: types.HParams
    state: types.TrainState
    keys: jax.Array


class Setting(NamedTuple):
    """What all arms share."""

    settings: Settings
    architecture: dict[str, Any]
    networks: types.GAN
    data: pool.Pool
    images: bool
    mapper: types.Mapper
    folder: pathlib.Path


def main(settings: Settings) -> None:
    began = time.perf_counter()
    population.use_all_cores()
    check(settings)
    if settings.smoke:
        settings = dataclasses.replace(settings, **SMOKE)
    with cli.flag("--dataset", settings.dataset):
        data = dataset.load(
            settings.dataset, data_dir=settings.data_dir, seed=settings.seed
        )
    architecture = describe_networks(settings, data)
    with cli.flag("--network", settings.network):
        networks = gan.build(architecture)
    check_modes(settings, data)
    folder = cli.new_folder("--out", settings.out or default_folder(settings))
    # One core compiles and trains the classifier that scores, then compiles the arms,
    # while the other one clusters and begins to train.
    background = futures.ThreadPoolExecutor(1)
    try:
        scoring = background.submit(make_panel, settings, data)
        modes = find_modes(settings, data)
        shared = Setting(
            settings,
            architecture,
            networks,
            pool.put(data.train.x, modes),
            data.mixture is None,
            population.automatic(convolutional=settings.network == "conv"),
            folder,
        )
        trainers = {
            name: make_trainer(shared, r) for name, r in rules(settings).items()
        }
        arms = make_arms(settings, modes)
        ready = {
            name: background.submit(prepare, shared, trainers[arm.rule], arm)
            for name, arm in arms.items()
        }
        purity = modes_lib.purity(modes, data.train.label)
        print(f"{len(modes.counts)} modes from {settings.modes}, purity {purity:.3f}")
        panel, references = scoring.result()
        config = dataclasses.asdict(settings) | {"gan": architecture}
        reports.write_json(folder / "config.json", config | training.environment())
        record = {"purity": purity, "references": references, "arms": {}}
        drawn = {}
        for name, arm in arms.items():
            run, members = train(shared, trainers, name, arm, ready[name].result())
            x = sample(shared, name, arm, members)
            run["scores"] = {key: scores.to_dict(r) for key, r in panel(x).items()}
            record["arms"][name], drawn[arm.title] = run, np.asarray(x[0])
    except errors.UserError:
        if not any(folder.iterdir()):
            folder.rmdir()
        raise
    finally:
        background.shutdown(wait=False, cancel_futures=True)
    record["seconds"] = time.perf_counter() - began
    reports.write_json(folder / "scores.json", record)
    show(settings, record)
    draw(folder, data, record, drawn)
    print(f"{record['seconds']:.0f} s in all; the run is in {folder}")
    print(f"Draw from the mixture: python experiments/sample.py {folder}")


def check(settings: Settings) -> None:
    def need(name: str, holds: Callable[[float], bool], what: str) -> None:
        value = getattr(settings, name)
        cli.require(holds(value), "--" + name.replace("_", "-"), value, what)

    for name in ("seeds", "steps", "batch_size"):
        need(name, lambda value: value >= 1, "it must be at least 1")
    need("learning_rate", lambda v: 0 < v < math.inf, "it must be a positive number")
    need("r1", lambda v: 0 <= v < math.inf, "it must be zero or a positive number")
    need("seed", lambda v: 0 <= v < 2**31, "it must lie between 0 and 2^31 - 1")
    need("samples", lambda v: v >= SPLITS, f"it must be at least {SPLITS}")
    need(
        "num_modes",
        lambda v: v is None or settings.modes == "clusters",
        "it goes with --modes clusters, as labels say themselves how many they are",
    )
    with cli.flag("--loss", settings.loss):
        losses.get(settings.loss)


def default_folder(settings: Settings) -> pathlib.Path:
    now = time.strftime("%Y%m%d-%H%M%S")
    return pathlib.Path("runs") / f"mode_ensemble-{settings.dataset}-{now}"


def describe_networks(settings: Settings, data: dataset.Dataset) -> dict[str, Any]:
    images = data.mixture is None
    description = {
        "architecture": settings.network,
        "shape": list(data.train.x.shape[1:]),
        "latent_dim": IMAGE_LATENT if images else POINT_LATENT,
    }
    return description | ({"bounded": images} if settings.network == "mlp" else {})


def check_modes(settings: Settings, data: dataset.Dataset) -> None:
    labelled = data.train.label is not None and data.test.label is not None
    cli.require(labelled, "--dataset", settings.dataset, "the scores need its labels")
    most = len(data.train.x)
    cli.require(
        settings.num_modes is None or 1 <= settings.num_modes <= most,
        "--num-modes",
        settings.num_modes,
        f"it must lie between 1 and {most}, the number of training samples",
    )


def find_modes(settings: Settings, data: dataset.Dataset) -> modes_lib.Modes:
    if settings.modes == "labels":
        return modes_lib.from_labels(data.train.label, data.num_classes)
    number = data.num_classes if settings.num_modes is None else settings.num_modes
    x = np.asarray(dataset.to_float(data.train.x))
    return modes_lib.cluster(x, number, seed=settings.seed)


def rules(settings: Settings) -> dict[str, Rule]:
    return {
        "remedied": Rule(settings.loss, {"r1": settings.r1}, EMA_DECAY),
        "classic": Rule("minimax", {}, None),
    }


def make_arms(settings: Settings, modes: modes_lib.Modes) -> dict[str, Arm]:
    number = len(modes.counts)
    one, many = (ensembles.bagged(modes, members) for members in (1, number))
    part = "cluster" if settings.modes == "clusters" else "label (oracle partition)"
    experts = ensembles.per_mode(modes)
    return {
        "single": Arm("one GAN", one, "remedied"),
        "independent": Arm(f"{number} GANs on all data", many, "remedied"),
        "per_mode": Arm(f"{number} GANs, one per {part}", experts, "remedied"),
        "minimax": Arm("one minimax GAN, no remedy", one, "classic"),
    }


def make_trainer(shared: Setting, rule: Rule) -> Trainer:
    networks, loss = shared.networks, losses.get(rule.loss)
    terms = {name: penalties.PENALTIES[name] for name in rule.penalties}
    d = steps.update("discriminator", gradients.discriminator(networks, loss, terms))
    g = steps.update("generator", gradients.generator(networks, loss))
    step = steps.alternating(d, g)
    step = steps.quarantine(step if rule.ema_decay is None else steps.averaged(step))
    draw_batch = pool.draw(shared.settings.batch_size)

    alone = make_hparams(shared, rule, modes_lib.proportions(shared.data.modes)[None])
    key = jax.random.key(0)
    hparams = population.take(alone, 0)
    state = jax.eval_shape(steps.initialise(networks), hparams, key)
    flops = training.flops(step, draw_batch, hparams, state, key, shared.data)
    program = training.compile(step, draw_batch, shared.mapper)
    return Trainer(rule, program, flops)


def make_hparams(shared: Setting, rule: Rule, mode_weights: jax.Array) -> types.HParams:
    adam = {"learning_rate": shared.settings.learning_rate, **BETAS}
    hparams = types.HParams(types.Pair(adam, adam), rule.penalties, rule.ema_decay)
    return population.broadcast(hparams, len(mode_weights))._replace(
        mode_weights=mode_weights,
        standardiser=None
        if shared.images
        else pool.standardisers(shared.data, mode_weights),
    )


def prepare(shared: Setting, trainer: Trainer, arm: Arm) -> Members:
    """Initialises all seeds of an arm, the members of a seed side by side."""
    mode_weights = jnp.tile(arm.plan.mode_weights, (shared.settings.seeds, 1))
    hparams = make_hparams(shared, trainer.rule, mode_weights)
    keys = population.keys(jax.random.key(shared.settings.seed), len(mode_weights))
    state = population.init(steps.initialise(shared.networks), hparams, keys)
    state = training.train(
        trainer.program, hparams, state, keys, shared.data, num_steps=0
    )
    return Members(hparams, state, keys)


def train(
    shared: Setting,
    trainers: dict[str, Trainer],
    name: str,
    arm: Arm,
    members: Members,
) -> tuple[dict[str, Any], Members]:
    """Trains an arm for its share of operations; returns its record and the trained."""
    settings, num_members = shared.settings, len(arm.plan.weights)
    trainer = trainers[arm.rule]
    whole = settings.steps * len(shared.data.modes.counts) * trainers["remedied"].flops
    num_steps = max(1, round(whole / (num_members * trainer.flops)))

    history = []
    log = training.log(shared.folder / "metrics.jsonl", arm=name)
    with training.progress(
        arm.title, num_steps=num_steps, num_members=len(members.keys)
    ) as show_progress:

        def on_chunk(report: training.Report) -> None:
            for receive in (log, show_progress, history.append):
                receive(report)

        chunk_steps = max(SHORTEST_CHUNK, -(-num_steps // CHUNKS))
        state = training.train(
            trainer.program,
            *members,
            shared.data,
            num_steps=num_steps,
            chunk_steps=chunk_steps,
            on_chunk=on_chunk,
        )
    updates = num_steps * num_members
    run = {
        "title": arm.title,
        "dead_members": int((~state.alive).sum()),
        "members": len(members.keys),
        "parameters": sum(map(jnp.size, jax.tree.leaves(state.params)))
        // settings.seeds,
        "steps": num_steps,
        "generator_updates": updates,
        "real_samples": updates * settings.batch_size,
        "teraflops": updates * trainer.flops / 1e12,
        "train_seconds": sum(report.seconds for report in history),
        "share_trained": [report.step / num_steps for report in history],
        "accuracy": [report.metrics["discriminator_accuracy"] for report in history],
    }
    return run, members._replace(state=state)


def sample(shared: Setting, name: str, arm: Arm, members: Members) -> jax.Array:
    """Saves the mixture of each seed and draws from it: `[S, N, ...]`."""
    settings, drawn = shared.settings, []
    for seed in range(settings.seeds):
        own = np.arange(len(arm.plan.weights)) + seed * len(arm.plan.weights)
        mine = population.take((members.state, members.hparams), own)
        mixture = ensembles.mixture(*mine, arm.plan.weights)
        path = shared.folder / f"mixture-{name}-{seed}.npz"
        ensembles.save(path, mixture, shared.architecture, title=arm.title)
        key = jax.random.fold_in(jax.random.key(settings.seed + 1), seed)
        x, _ = ensembles.sample(shared.networks, mixture, key, settings.samples)
        drawn.append(x)
    return jnp.stack(drawn)


def make_panel(
    settings: Settings, data: dataset.Dataset
) -> tuple[panels.Panel, dict[str, Any]]:
    """What scores samples, and what the same scores say of samples that are known."""
    held_out = dataset.to_float(data.test.x)
    if data.mixture is not None:
        law = data.mixture
        panel = panels.of_mixture(
            mixtures.centres(law), mixtures.spread(law), law.weights
        )
        known = {"held-out real points": held_out[: settings.samples]}
    else:
        real, labels = dataset.to_float(data.train.x), jnp.asarray(data.train.label)
        network = classifier.train_classifier(
            real,
            labels,
            num_classes=data.num_classes,
            key=jax.random.key(settings.seed),
        )
        accuracy = float(classifier.accuracy(network, held_out, data.test.label))
        poor = "" if accuracy >= ENOUGH_ACCURACY else f": BELOW {ENOUGH_ACCURACY}"
        print(f"classifier: held-out accuracy {accuracy:.4f}{poor}")
        panel = panels.of_classifier(
            network,
            accuracy,
            real,
            np.bincount(labels, minlength=data.num_classes) / len(labels),
            split_size=settings.samples // SPLITS,
        )
        copies = panels.one_image_per_class(network, held_out, settings.samples)
        known = {"held-out real images": held_out, "one image per class": copies}
    return panel, {
        name: {key: scores.to_dict(score) for key, score in panel(x[None]).items()}
        for name, x in known.items()
    }


def show(settings: Settings, record: dict[str, Any]) -> None:
    """Prints the scores over the seeds, and what each arm has cost."""
    (first, *_) = record["arms"].values()
    columns = {at: title for at, title in COLUMNS.items() if at[0] in first["scores"]}

    def row(title: str, values: dict[str, Any], dead: str) -> list[Any]:
        cells = (values[score][field] for score, field in columns)
        return [title, *map(reports.interval, cells), dead]

    rows = [
        row(arm["title"], arm["scores"], f"{arm['dead_members']} of {arm['members']}")
        for arm in record["arms"].values()
    ] + [row(title, values, "") for title, values in record["references"].items()]
    title = f"Scores: mean and 95 % interval over {settings.seeds} seeds"
    reports.print_table(rows, ["", *columns.values(), "dead"], title)

    costs = [
        [arm["title"], *(arm[field] for field in COSTS.values())]
        for arm in record["arms"].values()
    ]
    reports.print_table(costs, ["", *COSTS], "Cost of one seed")


def draw(
    folder: pathlib.Path, data: dataset.Dataset, record: dict[str, Any], drawn: dict
) -> None:
    """Saves the pictures: samples of the first seed, modes of all, the training."""
    if data.mixture is None:
        real = np.asarray(dataset.to_float(data.test.x[:NUM_SHOWN]))
        shown = {"real": real} | {title: x[:NUM_SHOWN] for title, x in drawn.items()}
        reports.save_image_grid(folder / "samples.png", shown)
    else:
        reports.save_scatter(folder / "samples.png", drawn, data.test.x[:3000])
    arms = record["arms"].values()
    reports.save_coverage(
        folder / "coverage.png",
        {arm["title"]: arm["scores"]["coverage"]["histogram"] for arm in arms},
        np.bincount(data.train.label, minlength=data.num_classes),
    )
    reports.save_curves(
        folder / "training.png",
        {arm["title"]: (arm["share_trained"], arm["accuracy"]) for arm in arms},
        ylabel="accuracy of the discriminator",
        xlabel="share of the compute",
        title="The discriminators while they train: mean and range over the members",
    )


if __name__ == "__main__":
    cli.run(main, SETTINGS)
