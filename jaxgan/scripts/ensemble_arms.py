"""Arms of an experiment: several ways to spend the same operations on an ensemble.

An arm has a plan, which says who learns what, and a method. All seeds of an arm are one
population, in which the members of a seed lie side by side; arms of one method share a
program, whatever their number of members. `ensemble_comparison` compares them,
`ensemble_reports` shows what came out.
"""

import functools
import pathlib
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan import ensembles, population, reports, runs, types
from jaxgan.core import randomness
from jaxgan.data import dataset, modes, pool, sampling, shuffling
from jaxgan.runs import health, journal
from jaxgan.scripts import ensemble_experiments
from jaxgan.training import methods

CHUNKS, SHORTEST_CHUNK, SHOWN, LOG = 20, 10, 64, "metrics.jsonl"

STATISTICS, BASELINES = 2, 3
"""Added to the seed of a run for the keys of standing statistics and of baselines."""

EVENTS = "tensorboard/evaluations"
"""Folder in a run's of what TensorBoard shows of pictures."""


class Arm(NamedTuple):
    """One way to spend the operations.

    Attributes:
      name: in files and the log.
      title: in tables and pictures.
      plan: who learns what.
      method: name of its method.
    """

    name: str
    title: str
    plan: ensembles.Plan
    method: str


def trainer(
    experiment: ensemble_experiments.Experiment,
    method: methods.Method,
    num_members: int,
) -> runs.Trainer:
    """Makes the program of all arms of a method.

    Args:
      experiment: of all arms.
      method: of the arms.
      num_members: of the largest one, with all its seeds.
    """
    made = methods.make(experiment.networks, method)
    shares = modes.proportions(experiment.data.modes)[None]
    hparams = population.take(_hparams(experiment, made, shares), 0)
    trainers = [
        runs.trainer(
            made,
            experiment.batch_size,
            hparams,
            experiment.data,
            mapper,
            experiment.data_devices,
        )
        for mapper in experiment.mappers
    ]
    many = population.broadcast(hparams, num_members)
    return runs.first_that_fits(trainers, many, experiment.data)


def prepare(
    experiment: ensemble_experiments.Experiment, trainer: runs.Trainer, arm: Arm
) -> runs.Members:
    """Initialises all seeds of an arm and compiles its program."""
    hparams = _of_all_seeds(experiment, trainer, arm)
    return runs.begin(
        trainer, hparams, randomness.key(experiment.seed), experiment.data
    )


def dry_run(
    experiment: ensemble_experiments.Experiment, trainer: runs.Trainer, arm: Arm
) -> dict[str, Any]:
    """What all seeds of an arm would take, see `runs.dry_run`."""
    hparams = _of_all_seeds(experiment, trainer, arm)
    return runs.dry_run(trainer, hparams, experiment.data)


def train(
    experiment: ensemble_experiments.Experiment,
    trainer: runs.Trainer,
    arm: Arm,
    members: runs.Members,
    flops: float,
) -> tuple[dict[str, Any], runs.Members]:
    """Trains an arm for as many steps as some operations allow, at least one.

    Args:
      experiment: of all arms.
      trainer: of the arm's method.
      arm: to train.
      members: from `prepare`.
      flops: operations that the members of one seed may spend together.

    Returns:
      The title with what `runs.record` says, and the trained members.
    """
    files = experiment.files
    num_steps = max(1, round(flops / (len(arm.plan.weights) * trainer.flops)))
    steps = {
        "num_steps": num_steps,
        "chunk_steps": max(SHORTEST_CHUNK, -(-num_steps // CHUNKS)),
    }
    pictures = (files.pictures, picture(experiment, arm))
    due = {f"progress-{arm.name}-{{:06}}.png": pictures}
    members, history = runs.train(
        trainer,
        members,
        experiment.data,
        title=arm.title,
        log=files.folder / LOG,
        on_pause=runs.spread(due, files.folder, **steps),
        saving=_saving(experiment, arm),
        tensorboard=files.folder / "tensorboard" if files.tensorboard else None,
        arm=arm.name,
        **steps,
    )
    seeds, batch_size = experiment.seeds, experiment.batch_size
    record = runs.record(
        trainer, members, history, num_seeds=seeds, batch_size=batch_size
    )
    found = health.findings(history)
    if (notable := health.sentence(found)) is not None:
        print(f"{arm.title}, {notable}")
    return {"title": arm.title, **record, "health": found}, members


def picture(
    experiment: ensemble_experiments.Experiment, arm: Arm
) -> Callable[[runs.Members, pathlib.Path], None]:
    """Builds `(members, path)`, which shows the first seed's mixture.

    Always of the same latents.
    """

    @functools.cache
    def real() -> np.ndarray:
        return np.asarray(dataset.to_float(shuffling.first(experiment.data.x, SHOWN)))

    def draw(members: runs.Members, path: pathlib.Path) -> None:
        mixed = mixture(experiment, arm, members, 0)
        x, _ = ensembles.sample(experiment.networks, mixed, randomness.key(0), SHOWN)
        reports.save_samples(path, {arm.title: np.asarray(x)}, real())
        if experiment.files.tensorboard:
            step, events = int(np.max(members.state.step)), path.parent / EVENTS
            journal.add_evaluation(events, step, picture=path)

    return draw


def save_and_sample(
    experiment: ensemble_experiments.Experiment, arm: Arm, members: runs.Members, n: int
) -> jax.Array:
    """Saves the mixture of seed s as `mixture-NAME-s.safetensors` and draws from each.

    Returns:
      `[S, n, ...]`.
    """

    def save(mixed: ensembles.Mixture, seed: int) -> None:
        path = experiment.files.folder / f"mixture-{arm.name}-{seed}.safetensors"
        average = members.state.ema is not None
        ensembles.save(
            path, mixed, experiment.architecture, title=arm.title, average=average
        )

    return sample(experiment, arm, members, n, save)


def sample(
    experiment: ensemble_experiments.Experiment,
    arm: Arm,
    members: runs.Members,
    n: int,
    look: Callable[[ensembles.Mixture, int], None] | None = None,
) -> jax.Array:
    """Draws from the mixture of each seed, trained or not.

    Args:
      experiment: of all arms.
      arm: whose members these are.
      members: of all seeds.
      n: samples of each seed.
      look: is shown each mixture before it is drawn from, with its seed.

    Returns:
      `[S, n, ...]`.
    """
    drawn = []
    for seed in range(experiment.seeds):
        mixed = mixture(experiment, arm, members, seed)
        if look is not None:
            look(mixed, seed)
        key = jax.random.fold_in(randomness.key(experiment.seed + 1), seed)
        x, _ = ensembles.sample(experiment.networks, mixed, key, n)
        drawn.append(x)
    return jnp.stack(drawn)


def baselines(
    experiment: ensemble_experiments.Experiment, plan: ensembles.Plan, part: str, n: int
) -> dict[str, jax.Array]:
    """What can be had without a network: samples `[1, n, ...]` by their titles.

    Each part of the data gives its mean over and over, or a Gaussian with its mean and
    standard deviation in each coordinate; images are clipped to [-1, 1].

    Args:
      experiment: of all arms.
      plan: whose mode weights say what the parts are.
      part: what one of them is called.
      n: samples.
    """
    part_key, key = jax.random.split(randomness.key(experiment.seed + BASELINES))
    drawn = sampling.categorical(plan.weights, part_key, n)
    own = pool.standardisers(experiment.data, plan.mode_weights)
    centres, scale = own.location[drawn], own.scale[drawn]
    x = centres + scale * jax.random.normal(key, centres.shape)
    if x.ndim == 4:
        x = jnp.clip(x, -1, 1)
    return {
        f"a Gaussian per {part}": x[None],
        f"the mean of each {part}, copied": centres[None],
    }


def mixture(
    experiment: ensemble_experiments.Experiment,
    arm: Arm,
    members: runs.Members,
    seed: int,
) -> ensembles.Mixture:
    """What the members of a seed make together, always with the same statistics.

    Args:
      experiment: of all arms.
      arm: whose members these are.
      members: of all seeds.
      seed: whose mixture, 0 ... S-1.
    """
    num_members = len(arm.plan.weights)
    own = np.arange(num_members) + seed * num_members
    state = jax.tree.map(lambda leaf: leaf[own], members.state)
    hparams = population.take(members.hparams, own)
    key = jax.random.fold_in(randomness.key(experiment.seed + STATISTICS), seed)
    return ensembles.mixture(experiment.networks, state, hparams, arm.plan.weights, key)


def _saving(experiment: ensemble_experiments.Experiment, arm: Arm) -> runs.Saving:
    described = {
        "gan": experiment.architecture,
        "arm": arm.name,
        "method": arm.method,
        "data": dataset.fingerprint(experiment.data.x),
    }
    files = experiment.files
    return runs.Saving(files.checkpoints / arm.name, described, files.resume)


def _of_all_seeds(
    experiment: ensemble_experiments.Experiment, trainer: runs.Trainer, arm: Arm
) -> types.HParams:
    mode_weights = jnp.tile(arm.plan.mode_weights, (experiment.seeds, 1))
    return _hparams(experiment, trainer.made, mode_weights)


def _hparams(
    experiment: ensemble_experiments.Experiment,
    made: methods.Made,
    mode_weights: jax.Array,
) -> types.HParams:
    return population.broadcast(made.hparams, len(mode_weights))._replace(
        mode_weights=mode_weights,
        standardiser=pool.standardisers(experiment.data, mode_weights)
        if experiment.standardised
        else None,
    )
