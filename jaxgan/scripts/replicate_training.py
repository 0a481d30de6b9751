"""One GAN trained from several seeds as one population, from settings to its record."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxgan import checkpoint, networks, population, reports, runs, training, types
from jaxgan.core import randomness
from jaxgan.data import dataset
from jaxgan.ensembles import transfer
from jaxgan.runs import health, pauses
from jaxgan.scripts import cli, drawing, few_labels, from_settings, run_folders
from jaxgan.steps import schedules
from jaxgan.training import methods

METHOD = ("loss", "penalties", "rule", "n_critic", "ema_decay", "seeds", "batch_size")
"""Settings without which a checkpoint says something else."""

UNUSUAL = (
    *("augment", "ada_target", "ada_images", "consistency", "balance"),
    *("balance_temperature", "balance_clusters", "extra_data", "extra_share"),
    *("optimizer", "optimizer_numbers", "schedules", "accumulate"),
    *("penalty_every", "rollouts", "likelihood_steps", "keep", "patience", "freeze"),
    *("labels_per_class", "averages"),
)
"""Settings likewise, which are said where they are not as usual."""

CHUNKS, SHORTEST_CHUNK = 60, 5

LOG, CHECKPOINTS = "metrics.jsonl", "checkpoints"


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
      asked: settings with those of `settings.Training`, `Network`, `Images` and
        `Devices`, `seeds` and `steps`, and those of `FewLabels` if there are such.
      data: images.

    Raises:
      UserError: as `from_settings.networks_for` and `method_for`.
    """
    few = few_labels.asked_for(asked)
    if few:
        few_labels.check(asked, data)
    gan, architecture = from_settings.networks_for(
        asked, data, labels=asked.labels, rule=asked.rule, evidence=few
    )
    auxiliary = asked.discriminator_conditioning == "auxiliary"
    made = from_settings.method_for(
        *(asked, gan, data),
        auxiliary=auxiliary,
        semi_supervised=few,
        make=lambda gan, method: methods.make(
            gan, method._replace(averages=asked.averages)
        ),
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


def source(asked: Any, made: Population) -> transfer.Source | None:
    """The weights that the seeds are to begin with, or None to begin anew.

    A run that goes on has its own in its checkpoint, wherever the others have gone.

    Args:
      asked: settings with `resume`, `init_from` and `init_mapping`.
      made: from `make`.

    Raises:
      UserError: for a mapping of nothing, and if the weights cannot be had, or fit
        nowhere.
    """
    if asked.init_from is None:
        need = "it goes with --init-from"
        cli.require(
            asked.init_mapping is None, "--init-mapping", asked.init_mapping, need
        )
        return None
    goes_on = asked.resume and checkpoint.steps(asked.resume / CHECKPOINTS)
    if goes_on and not asked.init_from.exists():
        return None
    with cli.flag("--init-from", asked.init_from):
        found = transfer.read(asked.init_from, asked.init_mapping)
        keys = population.keys(randomness.key(asked.seed), asked.seeds)
        initialise = jax.vmap(made.trainer.made.initialise)
        transfer.compare(found, jax.eval_shape(initialise, made.hparams, keys))
    return found


def begin(
    asked: Any, made: Population, others: transfer.Source | None = None
) -> runs.Members:
    """All seeds at their first step, with the weights that they are to begin with.

    Args:
      asked: settings with `seed`.
      made: from `make`.
      others: from `source`.
    """
    key = randomness.key(asked.seed)
    members = runs.begin(
        *(made.trainer, made.hparams, key, made.placed), made.chunk_steps
    )
    if others is None:
        return members
    state, taken = transfer.begin_from(others, members.state)
    print("\n".join(transfer.sentences(others, taken)))
    return runs.begin_at(made.trainer, members, state)


def train(
    asked: Any,
    data: dataset.Dataset,
    made: Population,
    members: runs.Members,
    due: Mapping[str, tuple[int, pauses.Make]],
    folders: run_folders.Folders,
    rule: runs.Rule | None,
    hooks: Sequence[runs.Hook] = (),
) -> runs.Trained:
    """Trains all seeds.

    Args:
      asked: settings as for `make`, with `minutes`.
      data: as for `make`.
      made: from there.
      members: to train; those of a checkpoint take their place.
      due: what is made in between, into files, see `runs.spread`.
      folders: of the run.
      rule: by which the best weights are kept, or None to keep the last ones.
      hooks: see `runs.train`.
    """
    folder, described = folders.own, {name: getattr(asked, name) for name in METHOD}
    described |= unusual(asked)
    described["data"] = dataset.fingerprint(made.placed.x)
    steps = {"num_steps": asked.steps, "chunk_steps": made.chunk_steps}
    trained = runs.train_best(
        made.trainer,
        members,
        made.placed,
        title=reports.count(asked.seeds, "seed"),
        log=folder / LOG,
        minutes=asked.minutes,
        on_pause=runs.spread(due, folder, **steps),
        saving=runs.Saving(
            folders.run / CHECKPOINTS,
            {"gan": made.architecture, **described},
            cli.resume_command(folders.run),
        ),
        tensorboard=folder / "tensorboard" if asked.tensorboard else None,
        hooks=hooks,
        rule=rule,
        **steps,
    )
    last = trained.history[-1]
    if last.step < asked.steps and last.alive.any():
        over = trained.best is not None and runs.is_over(trained.best, last.alive)
        why = "all seeds have stopped" if over else "--minutes were over"
        print(f"stopped at step {last.step} of {asked.steps}, as {why}")
    return trained


def unusual(asked: Any) -> dict[str, Any]:
    """The settings of `UNUSUAL` that are not as usual."""
    usual = {field.name: field.default for field in dataclasses.fields(asked)}
    given = {name: getattr(asked, name) for name in UNUSUAL if name in usual}
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
