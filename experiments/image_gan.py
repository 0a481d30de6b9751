"""A population of image GANs, one per seed: how good are they, and how sure is that?

    python experiments/image_gan.py                          # MNIST, else digits
    python experiments/image_gan.py --dataset cifar10 --network sn_dcgan --loss hinge

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
class Settings(settings.Training, settings.Network, settings.Images, settings.Devices):
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
    SETTINGS = cli.parse(Settings, __doc__, growing=("steps",))
    if SETTINGS.smoke:
        cli.compile_fast()

import time
from collections.abc import Callable, Mapping
from concurrent import futures
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxgan import (
    ensembles,
    networks,
    population,
    reports,
    runs,
    scores,
    training,
    types,
)
from jaxgan.core import randomness
from jaxgan.data import dataset, pool, shuffling
from jaxgan.distributed import processes
from jaxgan.runs import evaluations, health, journal, pages
from jaxgan.scores import suites
from jaxgan.scripts import from_settings, replicates

SMOKE = {"seeds": 2, "steps": 10, "samples": 360, "pictures": 1, "evaluations": 1}
SMOKE_CLASSIFIER_IMAGES = 20_000
METHOD = ("loss", "penalties", "rule", "n_critic", "ema_decay", "seeds", "batch_size")
CHUNKS, SHORTEST_CHUNK, LOG = 60, 5, "metrics.jsonl"
ROWS, MOST_COLUMNS = 8, 16
EVENTS = "tensorboard/evaluations"


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
    gan, architecture = from_settings.networks_for(
        asked, data, labels=asked.labels, rule=asked.rule
    )
    auxiliary = asked.discriminator_conditioning == "auxiliary"
    made = from_settings.method_for(asked, gan, auxiliary=auxiliary)
    hparams = population.broadcast(made.hparams, asked.seeds)
    placed = from_settings.place(asked, data, asked.batch_size * made.parts)
    trainer = from_settings.trainer_for(
        asked,
        made,
        asked.batch_size,
        hparams,
        pool.put(
            data.train.x[:1], label=data.train.label[:1] if asked.labels else None
        ),
        placed,
        chunk_steps(asked),
        convolutional=networks.ARCHITECTURES[asked.network].convolutional,
    )
    if asked.dry_run:
        reports.print_facts(runs.dry_run(trainer, hparams, placed, chunk_steps(asked)))
        return
    title = f"image_gan-{asked.dataset}"
    with processes.own_folder(
        cli.run_folder("--out", asked.out, title, asked.resume)
    ) as (
        folder,
        shared,
    ):
        if asked.resume is None:
            config = dataclasses.asdict(asked) | {"gan": architecture}
            config |= dataset.record(data) | journal.environment()
            reports.write_json(folder / cli.CONFIG, config)
        elif folder == shared:
            cli.keep_settings(folder, steps=asked.steps)
        described = {name: getattr(asked, name) for name in METHOD}
        described["data"] = dataset.fingerprint(data.train.x)
        saving = runs.Saving(
            shared / "checkpoints",
            {"gan": architecture, **described},
            cli.resume_command(shared),
        )
        record, history, shown = run(
            asked, data, gan, architecture, trainer, hparams, placed, saving, folder
        )
        record["seconds"] = time.perf_counter() - began
        reports.write_json(folder / "scores.json", record)
        scores_of = show(record)
        pages.save(
            folder,
            title=f"{reports.count(asked.seeds, 'GAN')} on {asked.dataset}",
            **scores_of,
            histories={"seeds": ("all seeds", history)},
            samples=shown,
            columns=len(shown["seed 0"]) // ROWS,
            column_names=column_names(asked, data),
            made_by=journal.made_by(asked),
            notes=record["note"],
            result=result(record),
            during=evaluations.sections(folder),
        )
        print(f"{record['seconds']:.0f} s in all; the run is in {shared}")
        print(f"Draw from a generator: python experiments/sample.py {shared}")


def run(
    asked: Settings,
    data: dataset.Dataset,
    gan: types.GAN,
    architecture: dict[str, Any],
    trainer: runs.Trainer,
    hparams: types.HParams,
    placed: types.Tree,
    saving: runs.Saving,
    folder: pathlib.Path,
) -> tuple[dict[str, Any], list[training.Report], dict[str, np.ndarray]]:
    """Trains, draws and scores all seeds; returns record, reports and samples."""
    key = randomness.key(asked.seed)
    with futures.ThreadPoolExecutor(1) as background:
        # One core trains the classifier that scores while the other one compiles.
        scoring = background.submit(
            suites.of_dataset,
            data,
            num_samples=asked.samples,
            seed=asked.seed,
            num_images=asked.classifier_images,
        )
        members = runs.begin(trainer, hparams, key, placed, chunk_steps(asked))
        suite, references, note = scoring.result()
        print(note)
    picture = make_picture(asked, data, gan)

    def show_events(members: runs.Members, **seen: Any) -> None:
        if asked.tensorboard:
            step = int(np.max(members.state.step))
            journal.add_evaluation(folder / EVENTS, step, **seen)

    def evaluate(members: runs.Members, path: pathlib.Path) -> None:
        if suite is not None:
            found = score(picture.generators(members))
            reports.write_json(path, {"scores": found})
            show_events(members, scores=evaluations.values(found))

    def draw(members: runs.Members, path: pathlib.Path) -> None:
        picture.draw(members, path)
        show_events(members, picture=path)

    def score(mixture: ensembles.Mixture) -> dict[str, Any]:
        sample_key = jax.random.fold_in(key, 1)
        found = suite(replicates.sample(gan, mixture, sample_key, asked.samples))
        return {name: scores.to_dict(own) for name, own in found.items()}

    if suite is not None:
        untrained = {"untrained": score(picture.generators(members))}
        references = untrained | references
    due = {"progress-{:06}.png": (asked.pictures, draw)}
    due["scores-{:06}.json"] = (asked.evaluations, evaluate)
    members, history = train(asked, trainer, members, placed, due, saving, folder)
    found = health.findings(history)
    if (notable := health.sentence(found)) is not None:
        print(notable)
    record = runs.record(
        trainer,
        members,
        history,
        num_seeds=asked.seeds,
        batch_size=asked.batch_size,
    )
    record["health"] = found
    # Kept before anything is drawn, which takes memory, and scored.
    reports.write_json(folder / "scores.json", record)
    runs.require_alive(members, history, folder / LOG)
    runs.save_curves(history, folder)
    picture.draw(members, folder / "samples.png")
    mixture = picture.generators(members)
    average = asked.ema_decay is not None
    named = {"class_names": dataset.names_of(data)} if asked.labels else {}
    replicates.save(mixture, architecture, folder, average=average, **named)
    record["scores"] = {} if suite is None else score(mixture)
    record |= {"references": references, "note": note}
    return record, history, {"real": picture.real, **picture.look(members)}


def check(asked: Settings) -> None:
    whole = ("seeds", "steps", "classifier_images")
    cli.check(
        asked,
        settings.CHECKS
        | dict.fromkeys(whole, cli.AT_LEAST_ONE)
        | {
            "minutes": cli.POSITIVE,
            "samples": cli.at_least(suites.SPLITS),
            "pictures": cli.NOT_NEGATIVE,
            "evaluations": cli.NOT_NEGATIVE,
            "seed": cli.SEED,
        },
    )


def chunk_steps(asked: Settings) -> int:
    return max(SHORTEST_CHUNK, -(-asked.steps // CHUNKS))


class Picture(NamedTuple):
    """How the population is looked at.

    Attributes:
      real: images `[N, H, W, C]` in [-1, 1], a column for each label if there are such.
      generators: `members -> mixture` of them, with standing statistics.
      look: `members -> images` by title, always of the same latents.
      draw: `(members, path)`: a picture of these beside real images.
    """

    real: np.ndarray
    generators: Callable[[runs.Members], ensembles.Mixture]
    look: Callable[[runs.Members], dict[str, np.ndarray]]
    draw: Callable[[runs.Members, pathlib.Path], None]


def make_picture(asked: Settings, data: dataset.Dataset, gan: types.GAN) -> Picture:
    shares, columns, label = None, ROWS, None
    if asked.labels:
        counts = np.bincount(data.train.label, minlength=data.num_classes)
        shares, classes = counts / counts.sum(), classes_shown(data)
        columns, label = len(classes), np.tile(classes, ROWS)
    z_key, key = jax.random.split(randomness.key(asked.seed + 1))
    z = gan.latent(z_key, ROWS * columns)
    names, real = column_names(asked, data), real_images(data, len(z), label)

    def generators(members: runs.Members) -> ensembles.Mixture:
        return replicates.generators(gan, members, key, shares)

    def look(members: runs.Members) -> dict[str, np.ndarray]:
        x = np.asarray(replicates.look(gan, generators(members), z, label))
        return {f"seed {i}": images for i, images in enumerate(x)}

    def draw(members: runs.Members, path: pathlib.Path) -> None:
        reports.save_samples(path, look(members), real, columns, names)

    return Picture(real, generators, look, draw)


def classes_shown(data: dataset.Dataset) -> np.ndarray:
    """The first classes that are trained, by their numbers."""
    return np.unique(np.asarray(data.train.label))[:MOST_COLUMNS]


def column_names(asked: Settings, data: dataset.Dataset) -> list[str] | None:
    """What stands at the columns of a picture, which are classes if there are such."""
    if not asked.labels:
        return None
    return [dataset.names_of(data)[own] for own in classes_shown(data)]


def real_images(
    data: dataset.Dataset, number: int, label: np.ndarray | None
) -> np.ndarray:
    """Held-out images in a random order, or of each label; else training images."""
    if label is None or data.test.label is None:
        return np.asarray(dataset.to_float(shuffling.first(data.test.x, number)))
    chosen = np.empty((number, *np.shape(data.train.x)[1:]), np.uint8)
    for value in np.unique(label):
        part = data.test if value in np.asarray(data.test.label) else data.train
        own = np.asarray(part.x)[np.asarray(part.label) == value]
        places = np.flatnonzero(label == value)
        chosen[places] = np.resize(
            shuffling.first(own, len(places)), (len(places), *own.shape[1:])
        )
    return np.asarray(dataset.to_float(chosen))


def train(
    asked: Settings,
    trainer: runs.Trainer,
    members: runs.Members,
    placed: types.Tree,
    due: Mapping[str, tuple[int, Callable[[runs.Members, pathlib.Path], None]]],
    saving: runs.Saving,
    folder: pathlib.Path,
) -> tuple[runs.Members, list[training.Report]]:
    """Trains all seeds; what is `due` so many times is made in between, into files."""
    chunk = chunk_steps(asked)
    members, history = runs.train(
        trainer,
        members,
        placed,
        title=reports.count(asked.seeds, "seed"),
        log=folder / LOG,
        num_steps=asked.steps,
        chunk_steps=chunk,
        minutes=asked.minutes,
        on_pause=runs.spread(due, folder, num_steps=asked.steps, chunk_steps=chunk),
        saving=saving,
        tensorboard=folder / "tensorboard" if asked.tensorboard else None,
    )
    taken = history[-1].step
    if taken < asked.steps and history[-1].alive.any():
        print(f"stopped at step {taken} of {asked.steps}, as --minutes were over")
    return members, history


def result(record: dict[str, Any]) -> str:
    """What came out, in a sentence or two; none without scores."""
    if not record["scores"]:
        return ""
    over = reports.count(record["members"], "seed")
    return reports.result({f"Mean over {over}": record["scores"]}, record["references"])


def show(record: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Prints the scores of each seed and of all, and returns what a page shows."""
    seeds, found = record["members"], record["scores"]
    dead = f"{record['dead_members']} of {seeds}"
    rate = record["steps"] * seeds / record["train_seconds"]
    steps = reports.count(record["steps"], "step")
    print(f"{steps}, {rate:.1f} member-steps/s; dead seeds: {dead}")
    if not found:
        return {"scores": {}, "dead": {}}
    over = reports.count(seeds, "seed")
    rows = {f"seed {i}": reports.of_seed(found, i) for i in range(seeds)}
    rows |= {"all seeds": found} | record["references"]
    title = f"Scores: by seed, and mean and 95 % interval over {over}"
    reports.print_scores(rows, {"all seeds": dead}, title)
    print(result(record))
    return {"scores": rows, "dead": {"all seeds": dead}}


if __name__ == "__main__":
    cli.run(main, SETTINGS)
