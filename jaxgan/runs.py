"""Training as a script sees it: logged, shown, within a budget, and with pauses."""

import pathlib
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxgan import journal, methods, population, reports, training, types
from jaxgan.data import pool


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


def trainer(
    made: methods.Made,
    batch_size: int,
    hparams: types.HParams,
    data: types.Tree,
    mapper: types.Mapper,
) -> Trainer:
    """Makes a method's program; what does not fit together is said here, in tracing.

    Args:
      made: the method.
      batch_size: samples in a player's step.
      hparams: of one member.
      data: a `pool.Pool` like the one to train on; how many samples it has is free.
      mapper: lifts one member to the members of a device.
    """
    draw, key = pool.draw(batch_size * made.parts), jax.random.key(0)
    state = jax.eval_shape(made.initialise, hparams, key)
    flops = training.flops(made.step, draw, hparams, state, key, data)
    return Trainer(made, training.compile(made.step, draw, mapper), flops)


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
    """
    keys = population.keys(key, population.size(hparams))
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
    on_pause: Callable[[Members, int], None] | None = None,
    **fields: Any,
) -> tuple[Members, list[training.Report]]:
    """Trains a population, writes what `journal.log` writes and shows the progress.

    Args:
      trainer: of the population.
      members: to train.
      data: what the program's sampler draws from.
      title: on the terminal.
      log: file to which a line of JSON is added after each chunk.
      num_steps: steps to take.
      chunk_steps: steps in a chunk.
      minutes: if not None, no chunk begins after so much time.
      on_pause: called after each chunk with the members and the number of their steps.
      **fields: for each line of the log.

    Returns:
      The members, and the reports of all chunks.
    """
    began, history = time.perf_counter(), []
    write, size = journal.log(log, **fields), len(members.keys)
    pausing = minutes is not None or on_pause is not None
    with journal.progress(title, num_steps=num_steps, num_members=size) as show:

        def on_chunk(report: training.Report) -> None:
            for receive in (write, show, history.append):
                receive(report)

        done, at_once = 0, chunk_steps if pausing else num_steps
        while done < num_steps:
            now = min(at_once, num_steps - done)
            state = training.train(
                trainer.program,
                *members,
                data,
                num_steps=now,
                chunk_steps=chunk_steps,
                on_chunk=on_chunk,
            )
            members, done = members._replace(state=state), done + now
            if on_pause is not None:
                on_pause(members, history[-1].step)
            if minutes is not None and time.perf_counter() - began >= 60 * minutes:
                break
    return members, history


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
