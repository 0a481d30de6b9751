"""One GAN trained from several seeds as one population, from settings to its record."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from jaxgan import networks, population, reports, runs, training, types
from jaxgan.core import randomness
from jaxgan.data import dataset
from jaxgan.runs import health, pauses
from jaxgan.scripts import cli, drawing, few_labels, from_settings, run_folders
from jaxgan.steps import schedules

METHOD = ("loss", "penalties", "rule", "n_critic", "ema_decay", "seeds", "batch_size")
"""Settings without which a checkpoint says something else."""

UNUSUAL = (
    *("augment", "ada_target", "ada_images", "consistency", "balance"),
    *("balance_temperature", "balance_clusters", "extra_data", "extra_share"),
    *("optimizer", "optimizer_numbers", "schedules", "accumulate"),
    *("penalty_every", "labels_per_class"),
)
"""Settings likewise, which are said where they are not as usual."""

CHUNKS, SHORTEST_CHUNK, LOG = 60, 5, "metrics.jsonl"


class Population(NamedTuple):
    """What is trained.

    Attributes:
      gan: each member.
      architecture: the description that it was made of.
      trainer: the program of all.
      hparams: of all.
      placed: the images, where they are drawn from.
      chunk_steps: steps between two lines of the log.
    """

    gan: types.GAN
    architecture: dict[str, Any]
    trainer: runs.Trainer
    hparams: types.HParams
    placed: types.Tree
    chunk_steps: int


def make(asked: Any, data: dataset.Dataset) -> Population:
    """Builds the networks and compiles the training of all seeds.

    Args:
      asked: settings with those of `settings.Training`, `Network`, `Images`,
        `FewLabels` and `Devices`, `seeds` and `steps`.
      data: images.

    Raises:
      UserError: as `from_settings.networks_for` and `method_for`.
    """
    few = asked.labels_per_class is not None
    if few:
        few_labels.check(asked, data)
    gan, architecture = from_settings.networks_for(
        asked, data, labels=asked.labels, rule=asked.rule, evidence=few
    )
    auxiliary = asked.discriminator_conditioning == "auxiliary"
    made = from_settings.method_for(
        asked, gan, data, auxiliary=auxiliary, semi_supervised=few
    )
    for sentence in schedules.longer(made.hparams.schedules or {}, asked.steps):
        print(f"note: {sentence}")
    chunk_steps = max(SHORTEST_CHUNK, -(-asked.steps // CHUNKS))
    if few:
        population_of = few_labels.population_of(asked, data)
        trainer, hparams, placed = population_of(made, chunk_steps)
        return Population(gan, architecture, trainer, hparams, placed, chunk_steps)
    drawn = drawing.make(asked, data)
    hparams = population.broadcast(made.hparams, asked.seeds)
    hparams = hparams._replace(mode_weights=drawing.rows(drawn, asked.seeds))
    label = data.train.label if asked.labels else None
    placed = from_settings.place(asked, drawn, label, asked.batch_size * made.parts)
    trainer = from_settings.trainer_for(
        asked,
        made,
        asked.batch_size,
        hparams,
        drawing.example(drawn, label),
        placed,
        chunk_steps,
        convolutional=networks.ARCHITECTURES[asked.network].convolutional,
    )
    return Population(gan, architecture, trainer, hparams, placed, chunk_steps)


def dry_run(made: Population) -> dict[str, Any]:
    """What all seeds would take, see `runs.dry_run`."""
    return runs.dry_run(made.trainer, made.hparams, made.placed, made.chunk_steps)


def label_shares(made: Population, data: dataset.Dataset) -> np.ndarray | None:
    """How often each class is drawn in training, `[K]`; None without labels."""
    placed, weights = made.placed, made.hparams.mode_weights
    if placed.label is None:
        return None
    drawn = drawing.Drawn(
        placed.x, placed.modes, None if weights is None else weights[0]
    )
    return drawing.label_shares(drawn, placed.label, data.num_classes)


def begin(made: Population, seed: int) -> runs.Members:
    """All seeds at their first step."""
    key = randomness.key(seed)
    return runs.begin(made.trainer, made.hparams, key, made.placed, made.chunk_steps)


def train(
    asked: Any,
    data: dataset.Dataset,
    made: Population,
    members: runs.Members,
    due: Mapping[str, tuple[int, pauses.Make]],
    folders: run_folders.Folders,
) -> tuple[runs.Members, list[training.Report]]:
    """Trains all seeds.

    Args:
      asked: settings as for `make`, with `minutes`.
      data: as for `make`.
      made: from there.
      members: to train; those of a checkpoint take their place.
      due: what is made in between, into files, see `runs.spread`.
      folders: of the run.
    """
    folder, described = folders.own, {name: getattr(asked, name) for name in METHOD}
    described |= unusual(asked)
    described["data"] = dataset.fingerprint(made.placed.x)
    steps = {"num_steps": asked.steps, "chunk_steps": made.chunk_steps}
    members, history = runs.train(
        made.trainer,
        members,
        made.placed,
        title=reports.count(asked.seeds, "seed"),
        log=folder / LOG,
        minutes=asked.minutes,
        on_pause=runs.spread(due, folder, **steps),
        saving=runs.Saving(
            folders.run / "checkpoints",
            {"gan": made.architecture, **described},
            cli.resume_command(folders.run),
        ),
        tensorboard=folder / "tensorboard" if asked.tensorboard else None,
        **steps,
    )
    taken = history[-1].step
    if taken < asked.steps and history[-1].alive.any():
        print(f"stopped at step {taken} of {asked.steps}, as --minutes were over")
    return members, history


def unusual(asked: Any) -> dict[str, Any]:
    """The settings of `UNUSUAL` that are not as usual."""
    usual = {field.name: field.default for field in dataclasses.fields(asked)}
    given = {name: getattr(asked, name) for name in UNUSUAL}
    return {name: value for name, value in given.items() if value != usual[name]}


def record(
    asked: Any,
    made: Population,
    members: runs.Members,
    history: Sequence[training.Report],
) -> dict[str, Any]:
    """How it trained, for `scores.json`; says what is notable about it."""
    found = health.findings(history)
    if (notable := health.sentence(found)) is not None:
        print(notable)
    seeds, batch_size = asked.seeds, asked.batch_size
    own = runs.record(
        made.trainer, members, history, num_seeds=seeds, batch_size=batch_size
    )
    return own | {"health": found}
