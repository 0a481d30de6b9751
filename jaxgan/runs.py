"""Training as a script sees it: logged, shown, saved, resumed, and with pauses.

A run that was stopped is started again in the same way: `train` finds the newest
checkpoint that is whole, makes the log end where that was taken, and goes on from there
as if nothing had happened, to the last bit.
"""

import contextlib
import functools
import pathlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxgan import (
    checkpoint,
    errors,
    hosts,
    journal,
    memory,
    methods,
    population,
    reports,
    signals,
    training,
    types,
)
from jaxgan.data import pool

PROBE_STEPS = 10


class Members(NamedTuple):
    """A population: its numbers, its state and its keys, every leaf `[P, ...]`."""

    hparams: types.HParams
    state: types.TrainState
    keys: jax.Array


class Trainer(NamedTuple):
    """A method made ready for a population.

    Attributes:
      made: the method.
      program: that trains by it.
      flops: operations of one step of one member.
    """

    made: methods.Made
    program: training.Program
    flops: float


class Saving(NamedTuple):
    """Where and how often a population is saved while it trains.

    Attributes:
      folder: of its checkpoints.
      description: of its structure, as JSON; another one does not load them.
      resume: the command that goes on, for a user who has stopped the run.
      seconds: between two checkpoints, at least; the last step has one too.
    """

    folder: pathlib.Path
    description: Mapping[str, Any]
    resume: str
    seconds: float = 60.0


def trainer(
    made: methods.Made,
    batch_size: int,
    hparams: types.HParams,
    data: types.Tree,
    mapper: types.Mapper,
    data_devices: int = 1,
) -> Trainer:
    """Makes a method's program; what does not fit together is said here, in tracing.

    Args:
      made: the method.
      batch_size: samples in a player's step.
      hparams: of one member.
      data: a `pool.Pool` like the one to train on; how many samples it has is free.
      mapper: lifts one member to the members of a device.
      data_devices: that share each member's batches, see `training.compile`.
    """
    draw, key = pool.draw(batch_size * made.parts), jax.random.key(0)
    state = jax.eval_shape(made.initialise, hparams, key)
    flops = training.flops(made.step, draw, hparams, state, key, data)
    program = training.compile(made.step, draw, mapper, data_devices=data_devices)
    return Trainer(made, program, flops)


def begin(
    trainer: Trainer,
    hparams: types.HParams,
    key: jax.Array,
    data: types.Tree,
    chunk_steps: int = 500,
) -> Members:
    """Initialises a population and compiles its program.

    Args:
      trainer: of the population.
      hparams: every leaf `[P, ...]`.
      key: that the members' keys come from.
      data: what the program's sampler draws from.
      chunk_steps: of the training, which is structure where data are streamed.

    Raises:
      UserError: if the population needs more memory than there is.
    """
    num_members = population.size(hparams)
    measure = _measure(trainer, population.take(hparams, 0), data, chunk_steps)
    wanted = measure(num_members)
    if not memory.fits(wanted):
        smaller = memory.sizes(len(jax.devices()))
        memory.require_fits(wanted, *map(measure, smaller))
    keys = population.keys(key, num_members)
    state = population.init(trainer.made.initialise, hparams, keys)
    state = training.train(
        trainer.program,
        hparams,
        state,
        keys,
        data,
        num_steps=0,
        chunk_steps=chunk_steps,
    )
    return Members(hparams, state, keys)


def first_that_fits(
    trainers: Sequence[Trainer],
    hparams: types.HParams,
    data: types.Tree,
    chunk_steps: int = 500,
) -> Trainer:
    """The first trainer whose program has memory enough, or the last one.

    Args:
      trainers: that differ in what they need, the fastest first.
      hparams: every leaf `[P, ...]`.
      data: what the programs' sampler draws from.
      chunk_steps: of the training.
    """
    *others, last = trainers
    for trainer in others:
        one = population.take(hparams, 0)
        measure = _measure(trainer, one, data, chunk_steps)
        if memory.fits(measure(population.size(hparams))):
            return trainer
    return last


def dry_run(
    trainer: Trainer,
    hparams: types.HParams,
    data: types.Tree,
    chunk_steps: int = 500,
) -> dict[str, Any]:
    """What a population would take, measured on two small ones and ten steps.

    Args:
      trainer: of the population.
      hparams: every leaf `[P, ...]`.
      data: what the program's sampler draws from.
      chunk_steps: of the training.

    Returns:
      Names with units, and numbers: of a member the parameters, operations and bytes;
      the bytes that are free and the largest population that fits; and of a probe its
      members, seconds to compile and member-steps per second.
    """
    num_members, one = population.size(hparams), population.take(hparams, 0)
    measure = _measure(trainer, one, data, chunk_steps)
    few, many = map(measure, memory.sizes(len(jax.devices())))
    probed = min(few.members, num_members)
    own = population.take(hparams, jnp.arange(probed))
    began = time.perf_counter()
    members = begin(trainer, own, jax.random.key(0), data, chunk_steps)
    placed = training.place(trainer.program, *members, data)
    times = [time.perf_counter()]
    for _ in range(2):  # the first ten steps are not timed
        placed = training.advance(
            trainer.program, placed, num_steps=PROBE_STEPS, chunk_steps=chunk_steps
        )
        times.append(time.perf_counter())
    state = jax.eval_shape(trainer.made.initialise, one, members.keys[0])
    free, _ = memory.available()
    return {
        "members": num_members,
        "parameters of a member": sum(
            leaf.size for leaf in jax.tree.leaves(state.params)
        ),
        "FLOPs per member-step": trainer.flops,
        "bytes per member": memory.member_bytes(few, many),
        "free bytes": free,
        "largest population that fits": memory.largest(few, many),
        "seconds to compile": times[0] - began,
        "members of the probe": probed,
        "member-steps/s": probed * PROBE_STEPS / (times[2] - times[1]),
    }


def train(
    trainer: Trainer,
    members: Members,
    data: types.Tree,
    *,
    title: str,
    log: pathlib.Path,
    num_steps: int,
    chunk_steps: int,
    minutes: float | None = None,
    on_pause: Callable[[int, Callable[[], Members]], None] | None = None,
    saving: Saving | None = None,
    tensorboard: pathlib.Path | None = None,
    **fields: Any,
) -> tuple[Members, list[training.Report]]:
    """Trains a population until it has taken `num_steps` or no member is alive.

    Args:
      trainer: of the population.
      members: to train; those of a checkpoint take their place.
      data: what the program's sampler draws from.
      title: on the terminal.
      log: file to which `journal.log` adds a line after each chunk.
      num_steps: of the whole run.
      chunk_steps: steps in a chunk.
      minutes: if not None, no chunk begins after so much time.
      on_pause: called after each chunk with the step and with a function that gives the
        members, which costs a copy.
      saving: where checkpoints lie, or None for none.
      tensorboard: folder of events for TensorBoard, or None for none.
      **fields: for each line of the log.

    Returns:
      The members, and the reports of all chunks since the first step.

    Raises:
      Interrupted: if SIGINT or SIGTERM came; where the run is being saved, the chunk
        was finished and saved before.
      UserError: if there are checkpoints that cannot be gone on from.
    """
    began = time.perf_counter()
    members, history = _resumed(members, saving, log, fields)
    start = history[-1].step if history else 0
    placed = training.place(trainer.program, *members, data)
    write, size = journal.log(log, **fields), len(members.keys)
    with (
        _saver(saving) as save,
        journal.tensorboard(tensorboard, **fields) as board,
        signals.deferred() as stopped,
        journal.progress(
            title, num_steps=num_steps, num_members=size, start=start
        ) as show,
    ):

        def on_chunk(report: training.Report) -> None:
            for receive in (write, show, board, history.append):
                receive(report)

        saved, stop = time.perf_counter(), 0
        while placed.step < num_steps:
            placed = training.advance(
                trainer.program,
                placed,
                num_steps=min(chunk_steps, num_steps - placed.step),
                chunk_steps=chunk_steps,
                on_chunk=on_chunk,
            )
            collect = functools.cache(functools.partial(_collect, members, placed))
            if on_pause is not None:
                on_pause(placed.step, collect)
            now = time.perf_counter()
            # Clocks and signals are each process's own, what follows from them is not.
            over, due, stop = hosts.any_of(
                [
                    minutes is not None and now - began >= 60 * minutes,
                    saving is not None and now - saved >= saving.seconds,
                    stopped() or 0,
                ]
            )
            last = over or placed.step == num_steps or not history[-1].alive.any()
            if saving is not None and (last or stop or due):
                fetched = members._replace(state=training.fetch(placed))
                save(placed.step, fetched)
                saved = now
            if last or stop:
                break
    if placed.step < num_steps and stop:
        raise errors.Interrupted(_goodbye(placed.step, num_steps, saving), stop)
    return _collect(members, placed), history


def require_alive(
    members: Members, history: list[training.Report], log: pathlib.Path
) -> None:
    """Refuses a population without a member that has anything to show.

    Raises:
      UserError: if no member is alive.
    """
    if not members.state.alive.any():
        raise errors.UserError(
            f"--learning-rate: all {len(members.keys)} members diverged within "
            f"{history[-1].step} steps, see {log}; lower it, or choose another loss or "
            "penalty."
        )


def record(
    trainer: Trainer,
    members: Members,
    history: list[training.Report],
    *,
    num_seeds: int,
    batch_size: int,
) -> dict[str, Any]:
    """What training has cost, per seed where it says nothing else, and how it went.

    Args:
      trainer: of the population.
      members: trained.
      history: from `train`.
      num_seeds: runs that the members belong to, as many of them to each.
      batch_size: samples in a player's step.

    Returns:
      `dead_members` and `members` of all seeds, `parameters`, `steps` of each member,
      `generator_updates`, `real_samples`, `teraflops`, `train_seconds` of all seeds,
      and per chunk the `share_trained` and the members' `accuracy`.
    """
    num_steps, total = history[-1].step, len(members.keys)
    updates = num_steps * total // num_seeds
    sizes = map(jnp.size, jax.tree.leaves(members.state.params))
    return {
        "dead_members": int((~members.state.alive).sum()),
        "members": total,
        "parameters": sum(sizes) // num_seeds,
        "steps": num_steps,
        "generator_updates": updates,
        "real_samples": updates * batch_size * trainer.made.parts,
        "teraflops": updates * trainer.flops / 1e12,
        "train_seconds": sum(report.seconds for report in history),
        "share_trained": [report.step / num_steps for report in history],
        "accuracy": [report.metrics["discriminator_accuracy"] for report in history],
    }


def save_curves(history: list[training.Report], folder: pathlib.Path) -> None:
    """Saves the pictures `training.png`, of the accuracy, and `losses.png`."""
    at = [report.step for report in history]
    title = "The players while they train: mean and range over the members"
    for name, what in {"training": "accuracy", "losses": "loss"}.items():
        curves = {
            key.replace("_", " "): (at, [report.metrics[key] for report in history])
            for key in history[0].metrics
            if key.endswith(what)
        }
        reports.save_curves(folder / f"{name}.png", curves, ylabel=what, title=title)


def _measure(
    trainer: Trainer, hparams: types.HParams, data: types.Tree, chunk_steps: int
) -> Callable[[int], memory.Need]:
    def measure(num_members: int) -> memory.Need:
        return memory.need(
            trainer.program,
            trainer.made.initialise,
            hparams,
            data,
            num_members,
            chunk_steps,
        )

    return measure


def _collect(members: Members, placed: training.Placed) -> Members:
    return members._replace(state=training.collect(placed))


def _resumed(
    members: Members, saving: Saving | None, log: pathlib.Path, fields: dict[str, Any]
) -> tuple[Members, list[training.Report]]:
    """The members of the newest checkpoint with its past, or what there is to begin."""
    if saving is None:
        return members, []
    found = checkpoint.restore(saving.folder, members, saving.description)
    step = 0 if found is None else found.step
    history = journal.rewind(log, step, **fields)
    if found is None:
        return members, []
    for skipped in found.skipped:
        print(f"checkpoint left out: {skipped}")
    if not history or history[-1].step != step:
        reached = history[-1].step if history else 0
        raise errors.UserError(
            f"{log} ends at step {reached} and the checkpoint in {saving.folder} was "
            f"taken at step {step}; put the log back, or start a new run."
        )
    print(f"going on from step {step}")
    return found.tree, history


@contextlib.contextmanager
def _saver(saving: Saving | None) -> Iterator[Callable[[int, Members], None]]:
    """Yields `(step, members)`, which saves in the background; waits at the end."""
    if saving is None:
        yield lambda step, members: None
        return
    manager = checkpoint.open(saving.folder)

    def save(step: int, members: Members) -> None:
        checkpoint.save(manager, step, members, {}, saving.description)

    try:
        yield save
    finally:
        checkpoint.close(manager)


def _goodbye(step: int, num_steps: int, saving: Saving | None) -> str:
    if saving is None:
        return f"stopped at step {step} of {num_steps}; the run was not being saved."
    return f"stopped and saved at step {step} of {num_steps}; go on by {saving.resume}"
