"""Training as a script sees it: logged, shown, within a budget, and with pauses."""

import pathlib
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax

from jaxgan import population, training, types


class Members(NamedTuple):
    """A population: its numbers, its state and its keys, every leaf `[P, ...]`."""

    hparams: types.HParams
    state: types.TrainState
    keys: jax.Array


def begin(
    initialise: Callable[[types.HParams, jax.Array], types.TrainState],
    program: training.Program,
    hparams: types.HParams,
    key: jax.Array,
    data: types.Tree,
) -> Members:
    """Initialises a population and compiles its program.

    Args:
      initialise: of one member.
      program: from `training.compile`.
      hparams: every leaf `[P, ...]`.
      key: that the members' keys come from.
      data: what the program's sampler draws from.
    """
    keys = population.keys(key, population.size(hparams))
    state = population.init(initialise, hparams, keys)
    state = training.train(program, hparams, state, keys, data, num_steps=0)
    return Members(hparams, state, keys)


def train(
    program: training.Program,
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
    """Trains a population, writes what `training.log` writes and shows the progress.

    Args:
      program: from `training.compile`.
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
    write, size = training.log(log, **fields), len(members.keys)
    pausing = minutes is not None or on_pause is not None
    with training.progress(title, num_steps=num_steps, num_members=size) as show:

        def on_chunk(report: training.Report) -> None:
            for receive in (write, show, history.append):
                receive(report)

        done, at_once = 0, chunk_steps if pausing else num_steps
        while done < num_steps:
            now = min(at_once, num_steps - done)
            state = training.train(
                program,
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
