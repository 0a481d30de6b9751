"""A population of image GANs, one per seed: how good are they, and how sure is that?

    python experiments/image_gan.py                          # MNIST, else digits
    python experiments/image_gan.py --dataset cifar10 --network sn_dcgan --loss hinge

All seeds train as one compiled program. A classifier trained on the same data then
says which classes each seed makes and how well; expect all ten digits of MNIST with an
Inception Score above 8 in about ten minutes on two cores. The run folder keeps the
settings, metrics, scores, pictures and the generators, for experiments/sample.py.
"""

import dataclasses
import pathlib

from jaxgan import cli


@dataclasses.dataclass(frozen=True)
class Settings:
    dataset: str | None = None
    """digits, mnist, fashion_mnist, cifar10, files, or a TFDS image dataset that is
    prepared on disk; None for mnist if it is at hand and else digits"""
    data_dir: pathlib.Path | None = None
    """folder of archives or prepared datasets, or one's own files; None for
    JAXGAN_DATA_DIR, else the default of TFDS"""
    image_size: tuple[int, int] | None = None
    """height and width that images are resized to; None to keep theirs"""
    stream: bool = False
    """keep the data on the host and send each step's samples to the device"""
    labels: bool = False
    """train conditional GANs on the labels of the dataset"""
    network: str = "dcgan"
    """architecture of both players, by its name in jaxgan.networks"""
    width: int | None = None
    """channels of the outermost layers; None for 16, or as published where a network
    does not call it so"""
    numbers: tuple[str, ...] = ()
    """further whole numbers of the network, NAME:NUMBER"""
    latent_dim: int = 64
    """dimensions of z"""
    generator_normalisation: str | None = None
    """by its name in jaxgan.networks.layers; None for the published one"""
    discriminator_normalisation: str | None = None
    """likewise"""
    generator_conditioning: str | None = None
    """how labels enter, by name; None for the published way"""
    discriminator_conditioning: str | None = None
    """likewise; auxiliary brings in the term ac_gan with weight 1"""
    convolution: str = "auto"
    """form of the convolutions: auto, lax, canonical or matmul"""
    dtype: str = "float32"
    """in which networks compute: float32 or bfloat16"""
    loss: str = "non_saturating"
    """objective, by its name in jaxgan.losses"""
    penalties: tuple[str, ...] = ("r1:0.1",)
    """NAME:WEIGHT each, of jaxgan.penalties, jaxgan.losses.TERMS or the rule's own"""
    rule: str = "alternating"
    """how the players move, by its name in jaxgan.steps.RULES"""
    n_critic: int = 1
    """steps of the discriminator to one of the generator"""
    learning_rate: float = 1e-3
    """of the generator's Adam"""
    discriminator_learning_rate: float = 3e-4
    """of the discriminator's Adam"""
    betas: tuple[float, float] = (0.5, 0.99)
    """of both players' Adam"""
    ema_decay: float | None = 0.999
    """of the generator's moving average, from which samples are drawn; None for none"""
    batch_size: int = 64
    """real samples in a player's step"""
    seeds: int = 4
    """members of the population"""
    steps: int = 6000
    """of each member"""
    minutes: float | None = None
    """of training, after which no further chunk of steps begins; None for no limit"""
    samples: int = 10_000
    """generated samples that are scored, per seed"""
    classifier_images: int = 200_000
    """training images, counted anew in each epoch, that the classifier sees"""
    pictures: int = 5
    """pictures of the progress, from the same latents"""
    seed: int = 0
    """of everything random"""
    out: pathlib.Path | None = None
    """run folder, new or empty; None for runs/image_gan-DATASET-TIME"""
    smoke: bool = False
    """a run of seconds, with its own seeds, steps and samples: to see that all works"""


if __name__ == "__main__":
    SETTINGS = cli.parse(Settings, __doc__)  # before JAX, so that --help is instant
    if SETTINGS.smoke:
        cli.compile_fast()

import inspect
import time
from concurrent import futures
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan import (
    ensembles,
    gan,
    methods,
    networks,
    population,
    reports,
    runs,
    scores,
    steps,
    training,
    types,
)
from jaxgan.data import dataset, pool, streaming
from jaxgan.scores import panels

SMOKE = {"seeds": 2, "steps": 10, "samples": 360, "pictures": 1}
SMOKE_CLASSIFIER_IMAGES = 20_000
CHUNKS, SHORTEST_CHUNK = 60, 5
ROWS, MOST_COLUMNS = 8, 16
WIDTH = 16
AS_THEY_ARE = (
    *("latent_dim", "convolution", "dtype"),
    *("generator_normalisation", "discriminator_normalisation"),
    *("generator_conditioning", "discriminator_conditioning"),
)


def main(settings: Settings) -> None:
    began = time.perf_counter()
    population.use_all_cores()
    check(settings)
    if settings.smoke:
        fewer = min(settings.classifier_images, SMOKE_CLASSIFIER_IMAGES)
        settings = dataclasses.replace(settings, **SMOKE, classifier_images=fewer)
    settings, data = load(settings)
    architecture = describe_network(settings, data)
    size = "x".join(map(str, architecture["shape"]))
    with cli.flag("--network", f"{settings.network} for images of {size}"):
        pair = gan.build(architecture)
    made = make_method(settings, pair)
    label = data.train.label if settings.labels else None
    batch_size = settings.batch_size * made.parts
    draw = pool.draw(batch_size)
    key = jax.random.key(settings.seed)
    # Traces a step, so that what does not fit together is said before anything is made.
    few = pool.put(data.train.x[:1], label=None if label is None else label[:1])
    state = jax.eval_shape(made.initialise, made.hparams, key)
    flops = training.flops(made.step, draw, made.hparams, state, key, few)
    title = f"image_gan-{settings.dataset}"
    with (
        cli.run_folder("--out", settings.out, title) as folder,
        futures.ThreadPoolExecutor(1) as background,
    ):
        # One core trains the classifier that scores while the other one compiles.
        scoring = background.submit(make_panel, settings, data)
        if settings.stream:
            placed = streaming.host(data.train.x, label=label, batch_size=batch_size)
        else:
            placed = pool.put(data.train.x, label=label)
        convolutional = networks.ARCHITECTURES[settings.network].convolutional
        mapper = population.automatic(convolutional=convolutional)
        program = training.compile(made.step, draw, mapper)
        hparams = population.broadcast(made.hparams, settings.seeds)
        members = runs.begin(made.initialise, program, hparams, key, placed)
        scoring = scoring.result()
        print(scoring.note)
    config = dataclasses.asdict(settings) | {"gan": architecture}
    reports.write_json(folder / "config.json", config | training.environment())
    draw_samples = make_picture(settings, data, pair)
    members, history = train(settings, program, members, placed, draw_samples, folder)
    taken, seconds = history[-1].step, sum(report.seconds for report in history)
    record = {
        "members": settings.seeds,
        "dead_members": int((~members.state.alive).sum()),
        "steps": taken,
        "train_seconds": seconds,
        "member_steps_per_second": taken * settings.seeds / seconds,
        "teraflops": taken * settings.seeds * flops / 1e12,
        "note": scoring.note,
        "references": scoring.references,
    }
    mixture = draw_samples(members, folder / "samples.png", f"step {taken}")
    record["scores"] = save_and_score(
        settings, architecture, pair, mixture, scoring.panel, folder
    )
    draw_curves(history, folder)
    record["seconds"] = time.perf_counter() - began
    reports.write_json(folder / "scores.json", record)
    show(record)
    print(f"{record['seconds']:.0f} s in all; the run is in {folder}")
    print(f"Draw from a generator: python experiments/sample.py {folder}")


def check(settings: Settings) -> None:
    whole = ("seeds", "steps", "batch_size", "width", "classifier_images")
    rates = ("learning_rate", "discriminator_learning_rate", "minutes")
    cli.check(
        settings,
        dict.fromkeys(whole, cli.AT_LEAST_ONE)
        | dict.fromkeys(rates, cli.POSITIVE)
        | {
            "betas": cli.SHARES,
            "ema_decay": cli.SHARE,
            "samples": cli.at_least(panels.SPLITS),
            "pictures": cli.NOT_NEGATIVE,
            "seed": cli.SEED,
        },
    )


def load(settings: Settings) -> tuple[Settings, dataset.Dataset]:
    """The images, and the settings with the name of their dataset."""
    name = settings.dataset
    if name is None:
        there = dataset.is_at_hand("mnist", settings.data_dir)
        name = "mnist" if there else "digits"
        why = "is at hand" if there else "is not at hand (its place is --data-dir)"
        print(f"dataset {name}, because mnist {why}")
    with cli.flag("--dataset", name):
        data = dataset.load(
            name, data_dir=settings.data_dir, image_size=settings.image_size
        )
    shape = np.shape(data.train.x)[1:]
    need = f"it has samples of shape {shape}, not images of one or three channels"
    cli.require(len(shape) == 3 and shape[2] in (1, 3), "--dataset", name, need)
    labelled = not settings.labels or data.train.label is not None
    cli.require(labelled, "--labels", True, f"the images of {name} have no labels")
    return dataclasses.replace(settings, dataset=name), data


def describe_network(settings: Settings, data: dataset.Dataset) -> dict[str, Any]:
    """The arguments of `gan.make`, of which None leaves what was published."""
    described = {
        "architecture": settings.network,
        "shape": list(np.shape(data.train.x)[1:]),
        "num_classes": data.num_classes if settings.labels else None,
        **{name: getattr(settings, name) for name in AS_THEY_ARE},
    }
    known = networks.ARCHITECTURES.get(settings.network)
    takes = () if known is None else inspect.signature(known.build).parameters
    if settings.width is not None or "width" in takes:
        described["width"] = settings.width or WIDTH
    if "bounded" in takes:
        described["bounded"] = True
    rule = steps.RULES.get(settings.rule)
    if rule is not None and rule.forward_mode:
        fits = settings.convolution in ("auto", "lax")
        need = f"the rule {settings.rule} needs the form lax"
        cli.require(fits, "--convolution", settings.convolution, need)
        described["convolution"] = "lax"
    return described | cli.named_numbers("--numbers", settings.numbers, int)


def make_method(settings: Settings, pair: types.GAN) -> methods.Made:
    weights = cli.named_numbers("--penalties", settings.penalties)
    if settings.discriminator_conditioning == "auxiliary":
        weights.setdefault("ac_gan", 1.0)
    rates = (settings.learning_rate, settings.discriminator_learning_rate)
    (b1, b2), numbers = settings.betas, "learning_rate"
    method = methods.Method(
        settings.loss,
        weights,
        types.Pair(*({numbers: rate, "b1": b1, "b2": b2} for rate in rates)),
        settings.ema_decay,
        warm_up=True,
        rule=settings.rule,
        n_critic=settings.n_critic,
    )
    asked = f"{settings.loss} --penalties {' '.join(settings.penalties)}"
    with cli.flag("--loss", f"{asked} --rule {settings.rule}"):
        return methods.make(pair, method)


def make_panel(settings: Settings, data: dataset.Dataset) -> panels.Scoring:
    if data.train.label is None or data.test.label is None:
        note = f"no scores: the images of {settings.dataset} have no labels, from which"
        return panels.Scoring(
            None, {}, f"{note} a classifier could learn to score them"
        )
    return panels.of_dataset(
        data,
        num_samples=settings.samples,
        seed=settings.seed,
        num_images=settings.classifier_images,
    )


def make_picture(settings: Settings, data: dataset.Dataset, pair: types.GAN):
    """Builds the function that draws what all seeds make of the same latents.

    `(members, path, title) -> mixture` of all seeds, each of weight one, dead ones zero.
    """
    classes, columns, label = None, ROWS, None
    if settings.labels:
        counts = np.bincount(data.train.label, minlength=data.num_classes)
        classes = jnp.tile(jnp.asarray(counts / counts.sum()), (settings.seeds, 1))
        columns = min(data.num_classes, MOST_COLUMNS)
        label = jnp.arange(ROWS * columns) % columns
    z_key, key = jax.random.split(jax.random.key(settings.seed + 1))
    z = pair.latent(z_key, ROWS * columns)
    real = np.asarray(dataset.to_float(data.test.x[: len(z)]))

    def draw(members: runs.Members, path: pathlib.Path, title: str):
        mixture = ensembles.mixture(
            members.state, members.hparams, jnp.ones(settings.seeds)
        )
        mixture = mixture._replace(
            weights=members.state.alive.astype(jnp.float32), classes=classes
        )
        mixture = ensembles.with_standing_statistics(pair, mixture, key)
        x = np.asarray(ensembles.look(pair, mixture, z, label))
        shown = {"real": real} | {f"seed {i}": each for i, each in enumerate(x)}
        reports.save_image_grid(path, shown, columns=columns, title=title)
        return mixture

    return draw


def train(settings, program, members, placed, draw_samples, folder):
    """Trains all seeds, with pictures of the progress."""
    chunk_steps = max(SHORTEST_CHUNK, -(-settings.steps // CHUNKS))
    due = [(i + 1) / (settings.pictures + 1) for i in range(settings.pictures)]

    def on_pause(members: runs.Members, step: int) -> None:
        if due and step >= due[0] * settings.steps:
            due.pop(0)
            draw_samples(members, folder / f"progress-{step:06}.png", f"step {step}")

    members, history = runs.train(
        program,
        members,
        placed,
        title=f"{settings.seeds} seeds",
        log=folder / "metrics.jsonl",
        num_steps=settings.steps,
        chunk_steps=chunk_steps,
        minutes=settings.minutes,
        on_pause=on_pause,
    )
    taken = history[-1].step
    if taken < settings.steps:
        print(f"stopped at step {taken} of {settings.steps}, --minutes being over")
    return members, history


def save_and_score(settings, architecture, pair, mixture, panel, folder):
    """Saves each seed's generator and scores its samples; None without a panel."""
    drawn = []
    for seed in range(settings.seeds):
        own = population.take(mixture, np.array([seed]))
        # Of a dead generator the weight is 0 / 0 and all samples are NaN.
        own = own._replace(weights=own.weights / own.weights)
        path = folder / f"mixture-generator-{seed}.npz"
        ensembles.save(path, own, architecture, title=f"seed {seed}")
        if panel is not None:
            key = jax.random.fold_in(jax.random.key(settings.seed + 2), seed)
            drawn.append(ensembles.sample(pair, own, key, settings.samples)[0])
    if panel is None:
        return None
    records = panel(jnp.stack(drawn))
    return {name: scores.to_dict(score) for name, score in records.items()}


def draw_curves(history: list[training.Report], folder: pathlib.Path) -> None:
    at = [report.step for report in history]
    for name, what in {"training": "accuracy", "losses": "loss"}.items():
        curves = {
            key.replace("_", " "): (at, [report.metrics[key] for report in history])
            for key in history[0].metrics
            if key.endswith(what)
        }
        title = "The players while they train: mean and range over the seeds"
        reports.save_curves(folder / f"{name}.png", curves, ylabel=what, title=title)


def show(record: dict[str, Any]) -> None:
    """Prints the scores of each seed and of all."""
    seeds, found = record["members"], record["scores"]
    rate = record["member_steps_per_second"]
    print(f"{record['steps']} steps of {seeds} seeds, {rate:.1f} member-steps/s")
    dead = f"{record['dead_members']} of {seeds}"
    if found is None:
        print(f"dead members: {dead}")
        return
    rows = {f"seed {i}": reports.of_seed(found, i) for i in range(seeds)}
    rows |= {"all seeds": found} | record["references"]
    title = f"Scores: by seed, and mean and 95 % interval over {seeds} seeds"
    reports.print_scores(rows, {"all seeds": dead}, title)


if __name__ == "__main__":
    cli.run(main, SETTINGS)
