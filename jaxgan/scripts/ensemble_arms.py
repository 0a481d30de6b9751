"""Arms of an experiment: several ways to spend the same operations on an ensemble.

An arm has a plan, which says who learns what, and a method. All seeds of an arm are one
population, in which the members of a seed lie side by side; arms of one method share a
program, whatever their number of members. Arms that train in rounds have a driver of
their own (`ensemble_rounds`, `ensemble_boosting`). `ensemble_kinds` has all arms by
name, `ensemble_comparison` compares them, `ensemble_reports` shows what came out.
"""

import functools
import math
import pathlib
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan import ensembles, population, reports, runs, training, types
from jaxgan.core import randomness
from jaxgan.data import dataset, modes, pool, sampling, shuffling
from jaxgan.runs import health, journal, pauses
from jaxgan.scripts import ensemble_experiments
from jaxgan.training import methods

CHUNKS, SHORTEST_CHUNK, SHOWN, LOG = 20, 10, 64, "metrics.jsonl"

STATISTICS, BASELINES = 2, 3
"""Added to the seed of a run for the keys of standing statistics and of baselines."""

EVENTS = "tensorboard/evaluations"
"""Folder in a run's of what TensorBoard shows of pictures."""


Make = Callable[[types.GAN], methods.Made]
"""A method: how the networks of an experiment are trained."""

Adapt = Callable[..., tuple[ensemble_experiments.Experiment, "Arm"]]
"""`(experiment, arm)` of all arms and of one, as what that one is of."""

Driver = Callable[..., tuple[dict[str, Any], runs.Members, "Arm"]]
"""Trains an arm in the place of `train`, with its arguments and results."""


class Arm(NamedTuple):
    """One way to spend the operations.

    Attributes:
      name: in files and the log.
      title: in tables and pictures.
      plan: who learns what: `mode_weights [M, K]` of the M members of a seed that
        train, and `weights [C]`, or `[S, C]` for each seed, of the C generators that
        they make, which are the members unless there is a `view`.
      method: name of its method.
      adapt: `(experiment, arm)` of all arms and of this one, as what this one is of,
        such as other networks or modes. Networks, batch size and sampler are those of
        its method.
      view: gives the generators of trained members, as members of their own.
      driver: trains instead of `train`, with the same arguments, and gives the record,
        the generators as members and the arm that they are of.
      classes: `[S, C, K]` probabilities of the labels that each generator is asked for,
        or None.
      spent: operations that each seed has had before it trains.
    """

    name: str
    title: str
    plan: ensembles.Plan
    method: str
    adapt: Adapt | None = None
    view: Callable[[runs.Members], runs.Members] | None = None
    driver: Driver | None = None
    classes: jax.Array | None = None
    spent: float = 0.0


def adapted(
    experiment: ensemble_experiments.Experiment, arm: Arm
) -> tuple[ensemble_experiments.Experiment, Arm]:
    """The experiment that an arm is of, and the arm as it then is."""
    return (experiment, arm) if arm.adapt is None else arm.adapt(experiment, arm)


def trainer(
    experiment: ensemble_experiments.Experiment,
    method: Make,
    num_members: int,
) -> runs.Trainer:
    """Makes the program of all arms of a method.

    Args:
      experiment: of all arms.
      method: of the arms.
      num_members: of the largest one, with all its seeds.
    """
    made = method(experiment.networks)
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
            experiment.draw,
        )
        for mapper in experiment.mappers
    ]
    many = population.broadcast(hparams, num_members)
    return runs.first_that_fits(trainers, many, experiment.data)


def prepare(
    experiment: ensemble_experiments.Experiment, trainer: runs.Trainer, arm: Arm
) -> runs.Members:
    """Initialises all seeds of an arm and compiles its program."""
    hparams = hparams_of(experiment, trainer, arm)
    return runs.begin(
        trainer, hparams, randomness.key(experiment.seed), experiment.data
    )


def dry_run(
    experiment: ensemble_experiments.Experiment, trainer: runs.Trainer, arm: Arm
) -> dict[str, Any]:
    """What all seeds of an arm would take, see `runs.dry_run`."""
    hparams = hparams_of(experiment, trainer, arm)
    return runs.dry_run(trainer, hparams, experiment.data)


def train(
    experiment: ensemble_experiments.Experiment,
    trainer: runs.Trainer,
    arm: Arm,
    members: runs.Members,
    flops: float,
) -> tuple[dict[str, Any], runs.Members, Arm]:
    """Trains an arm for as many steps as some operations allow, at least one.

    Args:
      experiment: of all arms.
      trainer: of the arm's method.
      arm: to train.
      members: from `prepare`.
      flops: operations that the members of one seed may spend together.

    Returns:
      The title with what `runs.record` says, the generators as members, those of a seed
      side by side, and the arm that they are of.
    """
    if arm.driver is not None:
        return arm.driver(experiment, trainer, arm, members, flops)
    each = len(arm.plan.mode_weights) * trainer.flops
    num_steps = max(1, round((flops - arm.spent) / each))
    members, history = advance(experiment, trainer, arm, members, num_steps)
    found = record(experiment, trainer, arm, members, history)
    return found, members if arm.view is None else arm.view(members), arm


def advance(
    experiment: ensemble_experiments.Experiment,
    trainer: runs.Trainer,
    arm: Arm,
    members: runs.Members,
    num_steps: int,
    part: tuple[int, int] | None = None,
) -> tuple[runs.Members, list[training.Report]]:
    """Trains an arm's members until they have taken so many steps, and saves them.

    Args:
      experiment: of the arm.
      trainer: of its method.
      arm: to train.
      members: of all seeds; those of a checkpoint take their place.
      num_steps: counted from the first.
      part: `(r, R)` where this is the r-th of R rounds, which are saved apart.

    Returns:
      The members, and the reports of all chunks since the first step.
    """
    files = experiment.files
    taken = int(np.max(members.state.step)) if part is not None else 0
    steps = {
        "num_steps": num_steps,
        "chunk_steps": max(SHORTEST_CHUNK, -(-(num_steps - taken) // CHUNKS)),
    }
    pictures = (files.pictures if part is None else 0, picture(experiment, arm))
    due = {f"progress-{arm.name}-{{:06}}.png": pictures}
    rounds = "" if part is None else f", round {part[0] + 1} of {part[1]}"
    return runs.train(
        trainer,
        members,
        experiment.data,
        title=arm.title + rounds,
        log=files.folder / LOG,
        on_pause=runs.spread(due, files.folder, **steps),
        saving=saving(experiment, arm, part, num_steps),
        tensorboard=files.folder / "tensorboard" if files.tensorboard else None,
        arm=arm.name,
        **steps,
    )


def record(
    experiment: ensemble_experiments.Experiment,
    trainer: runs.Trainer,
    arm: Arm,
    members: runs.Members,
    history: list[training.Report],
) -> dict[str, Any]:
    """What an arm has cost and how it went; says which members to look at."""
    seeds, batch_size = experiment.seeds, experiment.batch_size
    told = runs.record(
        trainer, members, history, num_seeds=seeds, batch_size=batch_size
    )
    told["teraflops"] += arm.spent / 1e12
    found = health.findings(history)
    if (notable := health.sentence(found)) is not None:
        print(f"{arm.title}, {notable}")
    return {"title": arm.title, **told, "health": found}


def picture(experiment: ensemble_experiments.Experiment, arm: Arm) -> pauses.Make:
    """Builds `(step, members, path)`, which shows the first seed's mixture.

    Always of the same latents.
    """

    @functools.cache
    def real() -> np.ndarray:
        own = experiment.data.x[: len(experiment.data.x) - experiment.num_extra]
        return np.asarray(dataset.to_float(shuffling.first(own, SHOWN)))

    def draw(step: int, members: runs.Members, path: pathlib.Path) -> None:
        own = members if arm.view is None else arm.view(members)
        mixed = mixture(experiment, arm, own, 0)
        x, _ = ensembles.sample(experiment.networks, mixed, randomness.key(0), SHOWN)
        reports.save_samples(path, {arm.title: np.asarray(x)}, real())
        if experiment.files.tensorboard:
            journal.add_evaluation(path.parent / EVENTS, step, picture=path)

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
    weights = np.atleast_2d(arm.plan.weights)
    own = np.arange(weights.shape[1]) + seed * weights.shape[1]
    state = jax.tree.map(lambda leaf: leaf[own], members.state)
    hparams = population.take(members.hparams, own)
    key = jax.random.fold_in(randomness.key(experiment.seed + STATISTICS), seed)
    return ensembles.mixture(
        experiment.networks,
        state,
        hparams,
        weights[seed if len(weights) > 1 else 0],
        key,
        None if arm.classes is None else arm.classes[seed],
    )


def saving(
    experiment: ensemble_experiments.Experiment,
    arm: Arm,
    part: tuple[int, int] | None,
    num_steps: int,
) -> runs.Saving:
    """Where an arm is saved, and each of its rounds if it has some.

    A run that goes on to more steps goes on with its members, but rounds of another
    length would be another run.
    """
    described = {
        "gan": experiment.architecture,
        "arm": arm.name,
        "method": arm.method,
        "data": dataset.fingerprint(experiment.data.x),
    }
    files = experiment.files
    folder = files.checkpoints / arm.name
    if part is not None:
        described |= {"rounds": part[1], "until": num_steps}
        folder /= f"round-{part[0]}"
    until = math.inf if part is None else num_steps
    return runs.Saving(folder, described, files.resume, until=until)


def hparams_of(
    experiment: ensemble_experiments.Experiment, trainer: runs.Trainer, arm: Arm
) -> types.HParams:
    """The numbers of all members of an arm, those of a seed side by side."""
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
