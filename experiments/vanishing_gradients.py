"""Which losses leave a generator its gradient when its discriminator is good?

    python experiments/vanishing_gradients.py                  # digits, two minutes
    python experiments/vanishing_gradients.py --dataset ring

After Arjovsky and Bottou, Towards Principled Methods for Training Generative
Adversarial Networks (2017): generators are trained, kept at several ages and frozen;
then fresh discriminators train against each of them, and the norm of the generator's
gradient is recorded under several losses and penalties. Expect the saturating loss to
lose two orders of magnitude or more on images, later for older generators, while the
non-saturating one gains norm and variance, and Wasserstein with a gradient penalty and
relativistic with R1 + R2 keep theirs. On the ring, points of the plane, samples overlap
and less vanishes. The exact case of two Gaussians is printed as well, and what `health`
finds where both players train.
"""

import dataclasses
import pathlib

from jaxgan.scripts import cli
from jaxgan.scripts import settings as shared_settings


@dataclasses.dataclass(frozen=True)
class Settings(shared_settings.Files):
    dataset: str = "digits"
    """digits, ring, grid, mnist, fashion_mnist, cifar10, files, or a TFDS image
    dataset that is prepared on disk"""
    data_dir: pathlib.Path | None = None
    """folder of archives or prepared datasets, or one's own files; None for
    JAXGAN_DATA_DIR, else the default of TFDS"""
    ages: tuple[int, ...] = (50, 300, 1000)
    """steps of training at which generators are frozen, increasing"""
    seeds: int = 4
    """generators of each age, each with its own fresh discriminator"""
    steps: int = 1000
    """of each fresh discriminator; a multiple of 20, as it is measured 20 times"""
    arms: tuple[str, ...] = (
        *("minimax", "minimax+r1", "least_squares"),
        *("wasserstein+gp", "relativistic+r1+r2"),
    )
    """how discriminators train; against those of minimax the non-saturating loss is
    measured too"""
    batch_size: int = 64
    """real samples in a step"""
    hidden: tuple[int, ...] = (64, 64)
    """widths of both players' hidden layers"""
    learning_rate: float = 1e-3
    """of Adam, for both players"""
    seed: int = 0
    """of everything random"""
    out: pathlib.Path | None = None
    """run folder, new or empty; None for runs/vanishing_gradients-DATASET-TIME"""
    smoke: bool = False
    """a run of seconds, with ages, seeds and steps of its own: to see it work"""


if __name__ == "__main__":
    SETTINGS = cli.parse(Settings, __doc__)  # before JAX, so that --help is instant
    if SETTINGS.smoke:
        cli.compile_fast()

import time
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from jaxgan import (
    dynamics,
    gradients,
    losses,
    penalties,
    population,
    reports,
    training,
    types,
)
from jaxgan import gan as gan_lib
from jaxgan.core import precision, randomness
from jaxgan.data import dataset, pool
from jaxgan.runs import health, journal
from jaxgan.scripts import from_settings, measuring, vanishing_reports
from jaxgan.training import methods

SMOKE = {"ages": (5, 10), "seeds": 2, "steps": 20, "hidden": (8,)}
SMOKE_ARMS = ("minimax", "relativistic+r1+r2")
RECORDS, CHUNKS, CRITIC = 20, 40, 5
LATENT = 16
BETAS = {"b1": 0.5, "b2": 0.999}
STRONG = (0.1, 2.0)
"""Of the learning rate, for the generator and a discriminator that is to win."""


class Arm(NamedTuple):
    """How fresh discriminators train, and which generators' losses are watched."""

    loss: str
    weights: Mapping[str, float]
    watched: tuple[str, ...]


ARMS = {
    "minimax": Arm("minimax", {}, ("minimax", "non_saturating")),
    "minimax+r1": Arm("minimax", {"r1": 0.1}, ("minimax", "non_saturating")),
    "least_squares": Arm("least_squares", {}, ("least_squares",)),
    "wasserstein+gp": Arm("wasserstein", {"wgan_gp": 1.0}, ("wasserstein",)),
    "relativistic+r1+r2": Arm(
        "relativistic", {"r1": 0.1, "r2": 0.1}, ("relativistic",)
    ),
}


def main(asked: Settings) -> None:
    began = time.perf_counter()
    if asked.smoke:
        asked = dataclasses.replace(asked, **SMOKE, arms=SMOKE_ARMS)
    check(asked)
    precision.set_64_bits_aside()
    population.use_all_cores()
    data = from_settings.load(asked)
    print(dataset.about(data))
    title = f"vanishing_gradients-{asked.dataset}"
    with cli.run_folder("--out", asked.out, title) as folder:
        states, found = frozen(asked, data), {}
        for name in asked.arms:
            found |= retrain(asked, data, name, states)
        both = played(asked, data)
        seconds = time.perf_counter() - began
        record = {"curves": found, "health": both, "seconds": seconds}
        record |= measuring.described(asked, data)
        reports.write_json(folder / "scores.json", record)
        vanishing_reports.show(folder, asked, found, both, journal.made_by(asked))
        print(f"{seconds:.0f} s in all; the run is in {folder}")


def check(asked: Settings) -> None:
    ages, arms = asked.ages, asked.arms
    growing = all(a < b for a, b in zip((0, *ages), ages, strict=False))
    words = " ".join(map(str, ages))
    cli.require(ages and growing, "--ages", words, "they must be positive and grow")
    known = set(arms) <= set(ARMS) and 0 < len(arms) == len(set(arms))
    need = f"choose among {', '.join(ARMS)}, each once"
    cli.require(known, "--arms", " ".join(arms), need)
    records = cli.Check(
        lambda steps: steps > 0 and steps % RECORDS == 0,
        f"it must be a positive multiple of {RECORDS}",
    )
    cli.check(
        asked,
        {
            "seeds": cli.AT_LEAST_ONE,
            "steps": records,
            "batch_size": cli.at_least(2),
            "learning_rate": cli.POSITIVE,
            "seed": cli.SEED,
        },
    )


def networks(asked: Settings, data: dataset.Dataset) -> types.GAN:
    points = data.mixture is not None
    return gan_lib.mlp(
        np.shape(data.train.x)[1:],
        hidden=asked.hidden,
        latent_dim=2 if points else LATENT,
        bounded=not points,
    )


def numbers(asked: Settings) -> types.Pair:
    adam = {**BETAS, "learning_rate": asked.learning_rate}
    return types.Pair(adam, adam)


def frozen(asked: Settings, data: dataset.Dataset) -> types.TrainState:
    """The states of all seeds at all ages, `[A S, ...]`."""
    method = methods.Method("non_saturating", {}, numbers(asked))
    begun, kept = measuring.begin(networks(asked, data), method, data, asked), []
    for age, before in zip(asked.ages, (0, *asked.ages), strict=False):
        begun = measuring.train(begun, num_steps=age - before)
        kept.append(begun.state)
    return population.concatenate(kept)


def played(asked: Settings, data: dataset.Dataset) -> dict[str, Any]:
    """What `health` finds where both players train, and by how much norms fell."""
    found, rates = {}, [asked.learning_rate * factor for factor in STRONG]
    adam = types.Pair(*({**BETAS, "learning_rate": rate} for rate in rates))
    for loss in ("minimax", "non_saturating"):
        method = methods.Method(loss, {}, adam, n_critic=CRITIC)
        begun = measuring.begin(networks(asked, data), method, data, asked)
        history: list[training.Report] = []
        chunk = max(1, asked.steps // CHUNKS)
        measuring.train(
            begun, num_steps=asked.steps, chunk_steps=chunk, on_chunk=history.append
        )
        norms = [report.metrics["generator_gradient_norm"] for report in history]
        late = np.array(norms[-max(1, len(norms) // 4) :])
        accuracy = [report.metrics["discriminator_accuracy"] for report in history]
        found[loss] = {
            "ratio": late.max(axis=0) / np.max(norms, axis=0),
            "accuracy": np.min(accuracy[-len(late) :], axis=0),
            "vanished": health.findings(history)["gradient_vanished"],
        }
    return found


def retrain(
    asked: Settings, data: dataset.Dataset, arm: str, states: types.TrainState
) -> dict[str, vanishing_reports.Curves]:
    """Trains a fresh discriminator against each generator, by one arm's loss."""
    began, gan = time.perf_counter(), networks(asked, data)
    loss, weights, watched = ARMS[arm]
    of_critic = {name: penalties.get(name) for name in weights}
    member = dynamics.fresh_discriminator(
        gan,
        gradients.discriminator(gan, losses.get(loss), of_critic),
        {name: gradients.generator(gan, losses.get(name)) for name in watched},
        pool.draw(asked.batch_size),
        num_steps=asked.steps,
        every=asked.steps // RECORDS,
    )
    total = population.size(states)
    hparams = types.HParams(numbers(asked), weights)
    keys = population.keys(randomness.key(asked.seed + 1), total)
    run = measuring.lifted(
        lambda points, hparams, state, key: member(hparams, state, points, key),
        population.automatic(),
    )
    points = pool.put(data.train.x)
    got = run(points, population.broadcast(hparams, total), states, keys)
    print(f"{arm}: {total} discriminators, {time.perf_counter() - began:.0f} s")
    shape = (len(asked.ages), asked.seeds, -1)
    return {
        name + arm.removeprefix(loss): vanishing_reports.Curves(
            *(own.reshape(shape) for own in of_loss),
            got.accuracy.reshape(shape),
        )
        for name in watched
        for of_loss in [(got.norm[name], got.deviation[name])]
    }


if __name__ == "__main__":
    cli.run(main, SETTINGS)
