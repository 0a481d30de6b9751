"""What do augmentations of the discriminator's images do when data are few?

    python experiments/limited_data.py                       # digits, some minutes
    python experiments/limited_data.py --dataset fashion_mnist --data-dir DATA

Each seed learns a random tenth of the training images, another one for each seed. Three
arms differ in what the discriminator sees of real and generated images: the images,
DiffAugment's changes of each, or ADA's with a probability that each member adapts. The
Frechet distance is to held-out images, in the features of a classifier that was trained
on all training images, so that a generator which copies its tenth gains nothing; that
tenth itself is scored beside the arms, and so are as many images as are generated of
the whole training set. All arms take the same steps; augmenting costs few operations.
"""

import dataclasses
import pathlib

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
    share: float = 0.1
    """of the training images, that each seed learns"""
    diffaugment: tuple[str, ...] = ()
    """augmentations of that arm, by their names in jaxgan.data.augmentation; none for
    the published ones, without those that do nothing to grey images"""
    ada: tuple[str, ...] = ()
    """likewise of ADA"""
    ada_target: float = 0.6
    """of E[sign(D(real))]"""
    ada_images: float = 40_000
    """real images in which ADA's probability can go from 0 to 1"""
    seeds: int = 5
    """runs of each arm"""
    steps: int = 2500
    """of each GAN"""
    batch_size: int = 64
    """real samples in a step"""
    network: str = "conv"
    """architecture of both players, by its name in jaxgan.networks"""
    width: int = 32
    """channels of the outermost layers; of mlp the units of both hidden layers"""
    convolution: str = "auto"
    """form of the convolutions: auto, lax, canonical, matmul, onednn, an extra, or
    tuned, for each the fastest of them on this machine"""
    loss: str = "non_saturating"
    """objective, by its name in jaxgan.losses"""
    r1: float | None = None
    """weight of the R1 penalty, which keeps small discriminators from overfitting too;
    None for none"""
    learning_rate: float = 1e-3
    """of Adam, for both players"""
    samples: int = 3600
    """generated samples that are scored, per seed and arm"""
    seed: int = 0
    """of everything random"""
    out: pathlib.Path | None = None
    """run folder, new or empty; None for runs/limited_data-DATASET-TIME"""
    resume: pathlib.Path | None = None
    """folder of a run that was stopped, or to train on with more --steps; other flags
    are as they were"""
    smoke: bool = False
    """a run of seconds, with its own seeds, steps and samples: to see that all works"""


if __name__ == "__main__":
    SETTINGS = cli.parse(Settings, __doc__, growing=("steps",))  # before JAX
    if SETTINGS.smoke:
        cli.compile_fast()

import time

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan import gan as gan_lib
from jaxgan import networks, population, reports, runs, types
from jaxgan.core import randomness
from jaxgan.data import augmentation, dataset, pool
from jaxgan.data import modes as modes_lib
from jaxgan.runs import journal
from jaxgan.scores import suites
from jaxgan.scripts import (
    arm_training,
    ensemble_reports,
    few_images,
    from_settings,
    replicates,
    run_folders,
)
from jaxgan.training import methods

BETAS = {"b1": 0.5, "b2": 0.99}
EMA_DECAY = 0.99
LATENT = 32
SMOKE = {"seeds": 2, "steps": 20, "samples": 360}
TITLES = {"none": "no augmentation", "diffaugment": "DiffAugment", "ada": "ADA"}
NOTES = (
    "Means over the seeds with their 95 % intervals (Student's t); each seed learns "
    "other images. All arms take the same steps; costs are those of one seed."
)


def main(asked: Settings) -> None:
    began = time.perf_counter()
    check(asked)
    from_settings.devices(asked)
    if asked.smoke and asked.resume is None:
        asked = dataclasses.replace(asked, **SMOKE)
    data = from_settings.load(asked)
    from_settings.check_scores(asked, data)
    gan, architecture = make_networks(asked, data)
    arms, tenths = make_methods(asked, data), few_images.draw(asked, data)
    print(dataset.about(data))
    if asked.dry_run:
        for name, method in arms.items():
            print(f"\n{TITLES[name]}")
            trainer, hparams, placed = make_arm(asked, data, gan, method, tenths)
            reports.print_facts(runs.dry_run(trainer, hparams, placed))
        return
    with run_folders.opened(asked, f"limited_data-{asked.dataset}") as folders:
        run_folders.keep_settings(
            folders, asked, data, growing=("steps",), gan=architecture
        )
        score, references, note = few_images.suite(asked, data, tenths)
        print(note)
        found, samples = {}, {}
        for name, method in arms.items():
            ready = make_arm(asked, data, gan, method, tenths)
            saved = name, TITLES[name], architecture, folders
            members, record = few_images.train(asked, ready, *saved)
            key = jax.random.fold_in(randomness.key(asked.seed), 1)
            statistics = jax.random.fold_in(randomness.key(asked.seed), 2)
            mixture = replicates.generators(gan, members, statistics, None)
            x = replicates.sample(gan, mixture, key, asked.samples)
            found[name] = record | {"scores": score(x)}
            samples[TITLES[name]] = x[0]
        record = {
            "arms": found,
            "references": references,
            "result": few_images.compared(found),
        }
        record["seconds"] = time.perf_counter() - began
        reports.write_json(folders.own / "scores.json", record)
        ensemble_reports.show(found, references, asked.seeds)
        few_images.show(found)
        ensemble_reports.save(
            folders.own,
            found,
            references,
            data,
            samples,
            title=f"{asked.share:.0%} of {asked.dataset}",
            made_by=journal.made_by(asked),
            notes=NOTES,
        )
        print(f"{record['seconds']:.0f} s in all; the run is in {folders.run}")


def check(asked: Settings) -> None:
    whole = ("seeds", "steps", "batch_size", "width", "data_devices")
    cli.check(
        asked,
        dict.fromkeys(whole, cli.AT_LEAST_ONE)
        | {
            "wait": cli.POSITIVE,
            "learning_rate": cli.POSITIVE,
            "r1": cli.NOT_NEGATIVE,
            "seed": cli.SEED,
            "samples": cli.at_least(suites.SPLITS),
            "ada_target": shared_settings.DIVERSITY["ada_target"],
            "ada_images": cli.POSITIVE,
            "share": cli.Check(
                lambda share: 0 < share <= 1, "it must be above 0 and at most 1"
            ),
        },
    )


def make_networks(asked: Settings, data: dataset.Dataset) -> tuple[types.GAN, dict]:
    shape = list(data.train.x.shape[1:])
    described = {"architecture": asked.network, "shape": shape, "latent_dim": LATENT}
    if asked.network == "mlp":
        described |= {"hidden": [asked.width] * 2, "bounded": True}
    else:
        described["width"] = asked.width
    if asked.convolution != "auto":
        described["convolution"] = asked.convolution
    with cli.flag("--network", asked.network):
        return gan_lib.build(described), described


def make_methods(asked: Settings, data: dataset.Dataset) -> dict[str, methods.Method]:
    """The arms, which differ in their augmentations alone."""
    shape, made = np.shape(data.train.x)[1:], {}
    adam = {"learning_rate": asked.learning_rate, **BETAS}
    both = types.Pair(adam, adam)
    weights = {} if asked.r1 is None else {"r1": asked.r1}
    plain = methods.Method(asked.loss, weights, both, EMA_DECAY, warm_up=True)
    made["none"] = plain
    for name in ("diffaugment", "ada"):
        usual = name if shape[-1] == 3 else f"{name}_grey"
        names = getattr(asked, name) or (usual,)
        with cli.flag(f"--{name}", " ".join(names)):
            augmentation.check(names, shape)
        made[name] = plain._replace(augment=names)
    numbers = {"ada_target": asked.ada_target, "ada_images": asked.ada_images}
    return made | {"ada": made["ada"]._replace(**numbers)}


def make_arm(
    asked: Settings,
    data: dataset.Dataset,
    gan: types.GAN,
    method: methods.Method,
    tenths: modes_lib.Modes,
) -> tuple[runs.Trainer, types.HParams, pool.Pool]:
    """The program of an arm, its numbers, and the images; seed s draws from mode s."""
    made = methods.make(gan, method)
    hparams = population.broadcast(made.hparams, asked.seeds)
    hparams = hparams._replace(mode_weights=jnp.eye(asked.seeds))
    placed = pool.put(data.train.x, tenths)
    trainer = from_settings.trainer_for(
        *(asked, made, asked.batch_size, hparams, placed, placed),
        arm_training.chunk_steps(asked),
        convolutional=networks.ARCHITECTURES[asked.network].convolutional,
    )
    return trainer, hparams, placed


if __name__ == "__main__":
    cli.run(main, SETTINGS)
