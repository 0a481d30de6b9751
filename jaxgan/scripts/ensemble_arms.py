"""Arms of an experiment: several ways to spend the same operations on an ensemble.

An arm has a plan, which says who learns what, and a method. All seeds of an arm are one
population, in which the members of a seed lie side by side; arms of one method share a
program, whatever their number of members.
"""

import functools
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan import ensembles, population, reports, runs, types
from jaxgan.core import randomness
from jaxgan.data import dataset, modes, pool, sampling, shuffling
from jaxgan.runs import evaluations, health, journal, pages
from jaxgan.training import methods

CHUNKS, SHORTEST_CHUNK, SHOWN, LOG = 20, 10, 64, "metrics.jsonl"

PASSES, BASELINES = 2, 3
"""Added to the seed of a run for the keys of standing statistics and of baselines."""

EVENTS = "tensorboard/evaluations"
"""Folder in a run's of what TensorBoard shows of pictures."""

COSTS = {
    "parameters": "parameters",
    "generator updates": "generator_updates",
    "real samples seen": "real_samples",
    "TFLOP": "teraflops",
    "seconds, all seeds": "train_seconds",
}
"""Headings, and the fields of `runs.record` below them."""


class Arm(NamedTuple):
    """One way to spend the operations.

    Attributes:
      title: in tables and pictures.
      plan: who learns what.
      method: name of its method.
    """

    title: str
    plan: ensembles.Plan
    method: str


class Shared(NamedTuple):
    """What all arms have in common.

    Attributes:
      networks: of all members.
      architecture: the description that `gan.build` made them of.
      data: with the modes that members draw from.
      standardised: whether each member's data are brought to mean 0 and deviation 1.
      mappers: that may lift one member to a population, the fastest first.
      batch_size: real samples in a player's step.
      seeds: runs of each arm.
      seed: of everything random.
      folder: of the run.
      resume: the command that goes on with it.
      checkpoints: folder that all processes share.
      data_devices: that share each member's batches.
      tensorboard: whether to write what TensorBoard shows.
      pictures: of each arm while it trains, evenly spread.
    """

    networks: types.GAN
    architecture: dict[str, Any]
    data: pool.Pool
    standardised: bool
    mappers: Sequence[types.Mapper]
    batch_size: int
    seeds: int
    seed: int
    folder: pathlib.Path
    resume: str
    checkpoints: pathlib.Path
    data_devices: int = 1
    tensorboard: bool = False
    pictures: int = 0


def trainer(shared: Shared, method: methods.Method, num_members: int) -> runs.Trainer:
    """Makes the program of all arms of a method.

    Args:
      shared: by all arms.
      method: of the arms.
      num_members: of the largest one, with all its seeds.
    """
    made = methods.make(shared.networks, method)
    shares = modes.proportions(shared.data.modes)[None]
    hparams = population.take(_hparams(shared, made, shares), 0)
    trainers = [
        runs.trainer(
            made,
            shared.batch_size,
            hparams,
            shared.data,
            mapper,
            shared.data_devices,
        )
        for mapper in shared.mappers
    ]
    many = population.broadcast(hparams, num_members)
    return runs.first_that_fits(trainers, many, shared.data)


def prepare(shared: Shared, trainer: runs.Trainer, arm: Arm) -> runs.Members:
    """Initialises all seeds of an arm and compiles its program."""
    mode_weights = jnp.tile(arm.plan.mode_weights, (shared.seeds, 1))
    hparams = _hparams(shared, trainer.made, mode_weights)
    return runs.begin(trainer, hparams, randomness.key(shared.seed), shared.data)


def dry_run(shared: Shared, trainer: runs.Trainer, arm: Arm) -> dict[str, Any]:
    """What all seeds of an arm would take, see `runs.dry_run`."""
    mode_weights = jnp.tile(arm.plan.mode_weights, (shared.seeds, 1))
    hparams = _hparams(shared, trainer.made, mode_weights)
    return runs.dry_run(trainer, hparams, shared.data)


def train(
    shared: Shared,
    trainer: runs.Trainer,
    name: str,
    arm: Arm,
    members: runs.Members,
    flops: float,
) -> tuple[dict[str, Any], runs.Members]:
    """Trains an arm for as many steps as some operations allow, at least one.

    Args:
      shared: by all arms.
      trainer: of the arm's method.
      name: of the arm, in `metrics.jsonl`.
      arm: to train.
      members: from `prepare`.
      flops: operations that the members of one seed may spend together.

    Returns:
      The title with what `runs.record` says, and the trained members.
    """
    num_members = len(arm.plan.weights)
    num_steps = max(1, round(flops / (num_members * trainer.flops)))
    chunk_steps = max(SHORTEST_CHUNK, -(-num_steps // CHUNKS))
    members, history = runs.train(
        trainer,
        members,
        shared.data,
        title=arm.title,
        log=shared.folder / LOG,
        num_steps=num_steps,
        chunk_steps=chunk_steps,
        on_pause=runs.spread(
            {f"progress-{name}-{{:06}}.png": (shared.pictures, picture(shared, arm))},
            shared.folder,
            num_steps=num_steps,
            chunk_steps=chunk_steps,
        ),
        saving=runs.Saving(
            shared.checkpoints / name,
            {
                "gan": shared.architecture,
                "arm": name,
                "method": arm.method,
                "data": dataset.fingerprint(shared.data.x),
            },
            shared.resume,
        ),
        tensorboard=shared.folder / "tensorboard" if shared.tensorboard else None,
        arm=name,
    )
    record = runs.record(
        trainer,
        members,
        history,
        num_seeds=shared.seeds,
        batch_size=shared.batch_size,
    )
    found = health.findings(history)
    if (notable := health.sentence(found)) is not None:
        print(f"{arm.title}, {notable}")
    return {"title": arm.title, **record, "health": found}, members


def picture(shared: Shared, arm: Arm) -> Callable[[runs.Members, pathlib.Path], None]:
    """Builds `(members, path)`, which shows the first seed's mixture.

    Always of the same latents.
    """

    @functools.cache
    def real() -> np.ndarray:
        return np.asarray(dataset.to_float(shuffling.first(shared.data.x, SHOWN)))

    def draw(members: runs.Members, path: pathlib.Path) -> None:
        mixed = mixture(shared, arm, members, 0)
        x, _ = ensembles.sample(shared.networks, mixed, randomness.key(0), SHOWN)
        reports.save_samples(path, {arm.title: np.asarray(x)}, real())
        if shared.tensorboard:
            step, events = int(np.max(members.state.step)), path.parent / EVENTS
            journal.add_evaluation(events, step, picture=path)

    return draw


def save_and_sample(
    shared: Shared, name: str, arm: Arm, members: runs.Members, n: int
) -> jax.Array:
    """Saves the mixture of seed s as `mixture-NAME-s.safetensors` and draws from each.

    Returns:
      `[S, n, ...]`.
    """

    def save(mixed: ensembles.Mixture, seed: int) -> None:
        path = shared.folder / f"mixture-{name}-{seed}.safetensors"
        average = members.state.ema is not None
        ensembles.save(
            path, mixed, shared.architecture, title=arm.title, average=average
        )

    return sample(shared, arm, members, n, save)


def sample(
    shared: Shared,
    arm: Arm,
    members: runs.Members,
    n: int,
    look: Callable[[ensembles.Mixture, int], None] | None = None,
) -> jax.Array:
    """Draws from the mixture of each seed, trained or not.

    Args:
      shared: by all arms.
      arm: whose members these are.
      members: of all seeds.
      n: samples of each seed.
      look: is shown each mixture before it is drawn from, with its seed.

    Returns:
      `[S, n, ...]`.
    """
    drawn = []
    for seed in range(shared.seeds):
        mixed = mixture(shared, arm, members, seed)
        if look is not None:
            look(mixed, seed)
        key = jax.random.fold_in(randomness.key(shared.seed + 1), seed)
        x, _ = ensembles.sample(shared.networks, mixed, key, n)
        drawn.append(x)
    return jnp.stack(drawn)


def baselines(
    shared: Shared, plan: ensembles.Plan, part: str, n: int
) -> dict[str, jax.Array]:
    """What can be had without a network: samples `[1, n, ...]` by their titles.

    Each part of the data gives its mean over and over, or a Gaussian with its mean and
    standard deviation in each coordinate; images are clipped to [-1, 1].

    Args:
      shared: by all arms.
      plan: whose mode weights say what the parts are.
      part: what one of them is called.
      n: samples.
    """
    part_key, key = jax.random.split(randomness.key(shared.seed + BASELINES))
    drawn = sampling.categorical(plan.weights, part_key, n)
    own = pool.standardisers(shared.data, plan.mode_weights)
    centres, scale = own.location[drawn], own.scale[drawn]
    x = centres + scale * jax.random.normal(key, centres.shape)
    if x.ndim == 4:
        x = jnp.clip(x, -1, 1)
    return {
        f"a Gaussian per {part}": x[None],
        f"the mean of each {part}, copied": centres[None],
    }


def show(
    records: Mapping[str, Mapping[str, Any]],
    references: Mapping[str, Mapping[str, Any]],
    seeds: int,
) -> None:
    """Prints the scores over the seeds, and what each arm has cost.

    Args:
      records: per arm, from `train`, with the suite's records as `scores`.
      references: the suite's records of samples that are known.
      seeds: runs of each arm.
    """
    arms = records.values()
    rows = {arm["title"]: arm["scores"] for arm in arms} | dict(references)
    over = reports.count(seeds, "seed")
    title = f"Scores: mean and 95 % interval over {over}"
    reports.print_scores(rows, _dead(records), title)
    print(result(records, references))
    costs = [[arm["title"], *(arm[field] for field in COSTS.values())] for arm in arms]
    reports.print_table(costs, ["", *COSTS], "Cost of one seed")


def result(
    records: Mapping[str, Mapping[str, Any]],
    references: Mapping[str, Mapping[str, Any]],
) -> str:
    """What came out in a sentence or two, of records as for `show`."""
    rows = {arm["title"]: arm["scores"] for arm in records.values()}
    return reports.result(rows, references)


def save_page(
    folder: pathlib.Path,
    records: Mapping[str, Mapping[str, Any]],
    references: Mapping[str, Mapping[str, Any]],
    samples: Mapping[str, np.ndarray],
    real: np.ndarray,
    *,
    title: str,
    made_by: Mapping[str, str],
    mode_names: Sequence[str] | None = None,
) -> None:
    """Saves `report.html` of all arms, see `pages`.

    Args:
      folder: of the run, with the log of its arms.
      records: as for `show`, with `coverage` among the scores.
      references: as for `show`.
      samples: by title, of one seed.
      real: `[K]` real samples of each mode.
      title: of the page.
      made_by: for the foot.
      mode_names: `K` names, or None for numbers.
    """
    arms = records.values()
    histories = journal.read(folder / LOG, "arm")
    costs = [[arm["title"], *(arm[field] for field in COSTS.values())] for arm in arms]
    pages.save(
        folder,
        title=title,
        scores={arm["title"]: arm["scores"] for arm in arms} | dict(references),
        dead=_dead(records),
        histories={
            name: (arm["title"], histories.get(name, []))
            for name, arm in records.items()
        },
        samples=samples,
        made_by=made_by,
        coverage={arm["title"]: arm["scores"]["coverage"]["histogram"] for arm in arms},
        real=real,
        mode_names=mode_names,
        costs=reports.Table(["", *COSTS], costs),
        result=result(records, references),
        during=evaluations.sections(folder),
        notes=(
            "Means over the seeds with their 95 % intervals (Student's t). All arms "
            "spend the same floating-point operations; costs are those of one seed."
        ),
    )


def _dead(records: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    arms = records.values()
    return {a["title"]: f"{a['dead_members']} of {a['members']}" for a in arms}


def draw(
    records: Mapping[str, Mapping[str, Any]],
    real: np.ndarray,
    folder: pathlib.Path,
    mode_names: Sequence[str] | None = None,
) -> None:
    """Saves `coverage.png`, of the modes, and `training.png`, of the discriminators.

    Args:
      records: as for `show`, with `coverage` among the scores.
      real: `[K]` real samples of each mode.
      folder: of the run.
      mode_names: `K` names, or None for numbers.
    """
    arms = records.values()
    reports.save_coverage(
        folder / "coverage.png",
        {arm["title"]: arm["scores"]["coverage"]["histogram"] for arm in arms},
        real,
        mode_names,
    )
    reports.save_curves(
        folder / "training.png",
        {arm["title"]: (arm["share_trained"], arm["accuracy"]) for arm in arms},
        ylabel="accuracy of the discriminator",
        xlabel="share of the compute",
        title="The discriminators while they train: mean and range over the members",
    )


def mixture(
    shared: Shared, arm: Arm, members: runs.Members, seed: int
) -> ensembles.Mixture:
    """What the members of a seed make together, always with the same statistics.

    Args:
      shared: by all arms.
      arm: whose members these are.
      members: of all seeds.
      seed: whose mixture, 0 ... S-1.
    """
    num_members = len(arm.plan.weights)
    own = np.arange(num_members) + seed * num_members
    state = jax.tree.map(lambda leaf: leaf[own], members.state)
    hparams = population.take(members.hparams, own)
    key = jax.random.fold_in(randomness.key(shared.seed + PASSES), seed)
    return ensembles.mixture(shared.networks, state, hparams, arm.plan.weights, key)


def _hparams(
    shared: Shared, made: methods.Made, mode_weights: jax.Array
) -> types.HParams:
    return population.broadcast(made.hparams, len(mode_weights))._replace(
        mode_weights=mode_weights,
        standardiser=pool.standardisers(shared.data, mode_weights)
        if shared.standardised
        else None,
    )
