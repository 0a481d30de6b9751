"""Whose discriminator knows most of classes that it was never told: which loss's?

    python experiments/probe_losses.py                        # digits, some minutes
    python experiments/probe_losses.py --dataset mnist --data-dir DATA

Small convolutional GANs of eight losses, all seeds of a loss as one population and all
losses with the same steps, batches and learning rate. A linear classifier then learns
from the hidden layers of each discriminator with few labels, beside raw pixels and the
same networks untrained; see experiments/probe.py, which examines the run folder anew,
with other labels, layers or classifiers. On MNIST expect untrained convolutions to know
most of what trained ones do: seven points above raw pixels, to which 500 steps add one
at most, and 1,500 of the relativistic loss two and a half.
"""

import dataclasses
import pathlib
from typing import Literal

from jaxgan.scripts import cli
from jaxgan.scripts import settings as shared_settings


@dataclasses.dataclass(frozen=True)
class Settings(shared_settings.Files, shared_settings.Devices):
    dataset: str = "digits"
    """digits, mnist, fashion_mnist, cifar10, files, or a TFDS image dataset that is
    prepared on disk"""
    data_dir: pathlib.Path | None = None
    """folder of archives or prepared datasets, or one's own files; None for
    JAXGAN_DATA_DIR, else the default of TFDS"""
    losses: tuple[str, ...] = (
        *("minimax", "non_saturating", "least_squares", "hinge", "wgan_clip"),
        *("wgan_gp", "dragan", "relativistic"),
    )
    """which to compare"""
    seeds: int = 5
    """runs of each loss"""
    steps: int = 500
    """of each GAN"""
    batch_size: int = 64
    """real samples in a step"""
    network: str = "conv"
    """architecture of both players, by its name in jaxgan.networks"""
    width: int = 8
    """channels of the outermost layers"""
    discriminator_normalisation: str | None = None
    """by its name in jaxgan.networks.layers; None for the published one"""
    learning_rate: float = 1e-3
    """of Adam, for both players"""
    labels_per_class: int | None = None
    """labelled images of each class, others for each seed; None for 100, or 20 of the
    digits, which are few"""
    classifier: Literal["linear", "nearest"] = "linear"
    """of the features: penalised least squares, or the five nearest labelled images"""
    samples: int = 2000
    """generated for each seed, against the held-out images"""
    seed: int = 0
    """of everything random"""
    out: pathlib.Path | None = None
    """run folder, new or empty; None for runs/probe_losses-DATASET-TIME"""
    resume: pathlib.Path | None = None
    """folder of a run that was stopped, or to train on with more --steps; other flags
    are as they were"""
    smoke: bool = False
    """a run of seconds, with its own seeds, steps and samples: to see that all works"""


if __name__ == "__main__":
    SETTINGS = cli.parse(Settings, __doc__, growing=("steps",))  # before JAX
    if SETTINGS.smoke:
        cli.compile_fast()

import functools
import time
from collections.abc import Callable
from typing import Any

from jaxgan import gan as gan_lib
from jaxgan import networks, population, reports, runs, types
from jaxgan.data import dataset, pool
from jaxgan.scripts import arm_training, from_settings, probing, run_folders
from jaxgan.training import methods

BETAS = {"b1": 0.5, "b2": 0.99}
EMA_DECAY = 0.99
LATENT = 32
LABELS, LABELS_OF_DIGITS = 100, 20
SMOKE = {"seeds": 2, "steps": 10, "samples": 100}
LOSSES: dict[str, tuple[str, dict[str, float]]] = {
    "minimax": ("minimax", {}),
    "non_saturating": ("non_saturating", {}),
    "least_squares": ("least_squares", {}),
    "hinge": ("hinge", {}),
    "wgan_clip": ("wasserstein", {methods.CLIP: 0.1}),
    "wgan_gp": ("wasserstein", {"wgan_gp": 10.0}),
    "dragan": ("non_saturating", {"dragan": 10.0}),
    "relativistic": ("relativistic", {"r1": 0.1, "r2": 0.1}),
}
"""Each loss with its weights; those of gradient penalties are as published but for
relativistic, whose are of images of this size."""


def main(asked: Settings) -> None:
    began = time.perf_counter()
    check(asked)
    from_settings.devices(asked)
    if asked.smoke and asked.resume is None:
        asked = dataclasses.replace(asked, **SMOKE)
    data = from_settings.load(asked)
    examination = questions(asked, data)
    gan, architecture = make_networks(asked, data)
    print(dataset.about(data))
    if asked.dry_run:
        for name in asked.losses:
            print(f"\n{name}")
            reports.print_facts(runs.dry_run(*make_arm(asked, data, gan, name)))
        return
    with run_folders.opened(asked, f"probe_losses-{asked.dataset}") as folders:
        run_folders.keep_settings(
            folders, asked, data, growing=("steps",), gan=architecture
        )
        raw, found, begun = probing.raw_pixels(examination, asked.seeds), {}, None
        record: dict[str, Any] = {"raw_pixels": raw, "arms": found}
        for name in asked.losses:
            examine = functools.partial(probing.examine, examination, begun=begun)
            made = functools.partial(
                train, asked, data, gan, architecture, name, folders, examine
            )
            path = folders.own / f"probe-{name}.json"
            found[name] = probing.kept(path, asked.steps, made)
            begun = found[name]["untrained"]
        record["seconds"] = time.perf_counter() - began
        reports.write_json(folders.own / "scores.json", record)
        probing.show(raw, found, title(asked))
        print(f"{record['seconds']:.0f} s in all; the run is in {folders.run}")
        print(f"Examine it again: {cli.command('probe', folders.run)}")


def train(
    asked: Settings,
    data: dataset.Dataset,
    gan: types.GAN,
    architecture: dict[str, Any],
    name: str,
    folders: run_folders.Folders,
    examine: Callable[[probing.Subject], probing.Record],
) -> probing.Record:
    """Trains and examines all seeds of a loss."""
    loss, weights = LOSSES[name]
    ready = make_arm(asked, data, gan, name)
    described = {"gan": architecture, "arm": name, "loss": loss, "weights": weights}
    saved = name, name, described, folders
    members, own, _ = arm_training.train(asked, ready, *saved)
    return own | examine(probing.Subject(gan, members.state, members.keys, loss))


def check(asked: Settings) -> None:
    whole = ("seeds", "steps", "batch_size", "width", "data_devices")
    whole += ("labels_per_class", "samples")
    cli.check(
        asked,
        dict.fromkeys(whole, cli.AT_LEAST_ONE)
        | {
            "wait": cli.POSITIVE,
            "learning_rate": cli.POSITIVE,
            "seed": cli.SEED,
        },
    )
    known = f"choose among {', '.join(LOSSES)}, each once"
    fits = set(asked.losses) <= set(LOSSES)
    fits = fits and 0 < len(asked.losses) == len(set(asked.losses))
    cli.require(fits, "--losses", " ".join(asked.losses), known)


def labels_of(asked: Settings) -> int:
    """Labelled images of each class."""
    usual = LABELS_OF_DIGITS if asked.dataset == "digits" else LABELS
    return asked.labels_per_class or usual


def questions(asked: Settings, data: dataset.Dataset) -> probing.Examination:
    """What all discriminators are asked; said before anything trains."""
    with cli.flag("--dataset", asked.dataset):
        probing.require_labelled(data)
    with cli.flag("--labels-per-class", labels_of(asked)):
        return probing.examination(
            data,
            labels_per_class=labels_of(asked),
            classifier=asked.classifier,
            samples=asked.samples,
            seed=asked.seed,
        )


def make_networks(asked: Settings, data: dataset.Dataset) -> tuple[types.GAN, dict]:
    described = {
        "architecture": asked.network,
        "shape": list(data.train.x.shape[1:]),
        "width": asked.width,
        "latent_dim": LATENT,
        "discriminator_normalisation": asked.discriminator_normalisation,
    }
    with cli.flag("--network", asked.network):
        return gan_lib.build(described), described


def make_arm(
    asked: Settings, data: dataset.Dataset, gan: types.GAN, name: str
) -> tuple[runs.Trainer, types.HParams, pool.Pool]:
    """The program of a loss, its numbers, and the images."""
    loss, weights = LOSSES[name]
    adam = {"learning_rate": asked.learning_rate, **BETAS}
    method = methods.Method(
        loss, weights, types.Pair(adam, adam), EMA_DECAY, warm_up=True
    )
    made = methods.make(gan, method)
    hparams = population.broadcast(made.hparams, asked.seeds)
    placed = pool.put(data.train.x)
    trainer = from_settings.trainer_for(
        *(asked, made, asked.batch_size, hparams, placed, placed),
        arm_training.chunk_steps(asked),
        convolutional=networks.ARCHITECTURES[asked.network].convolutional,
    )
    return trainer, hparams, placed


def title(asked: Settings) -> str:
    labels = reports.count(labels_of(asked), "label")
    return (
        f"A {asked.classifier} classifier of the discriminators' hidden layers on "
        f"{asked.dataset}, {labels} per class: means over "
        f"{reports.count(asked.seeds, 'seed')} with 95 % intervals"
    )


if __name__ == "__main__":
    cli.run(main, SETTINGS)
