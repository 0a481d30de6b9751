"""The loop: chunks of steps, and what is known after each of them."""

import contextlib
import functools
import itertools
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import jax
import numpy as np

from jaxgan import types
from jaxgan.core import errors, precision
from jaxgan.core.distributed import placement
from jaxgan.data import streaming
from jaxgan.training import feeding, placing
from jaxgan.training import program as program_lib


class Report(NamedTuple):
    """What is known after a chunk.

    Attributes:
      step: steps taken so far by every member.
      num_steps: steps taken in this chunk.
      seconds: wall time of the chunk.
      metrics: host arrays `[P]`, means over the chunk's steps.
      alive: `[P]` bool.
    """

    step: int
    num_steps: int
    seconds: float
    metrics: dict[str, np.ndarray]
    alive: np.ndarray


def advance(
    program: program_lib.Program,
    placed: placing.Placed,
    *,
    num_steps: int,
    chunk_steps: int = 500,
    on_chunk: Callable[[Report], None] = lambda report: None,
) -> placing.Placed:
    """Trains a population that lies on its devices for `num_steps` more steps.

    Args:
      program: that the population was placed for.
      placed: its state is consumed.
      num_steps: steps to take; zero compiles the program and takes none.
      chunk_steps: steps between two returns to the host, see `train`.
      on_chunk: called after each chunk with a `Report`.

    Raises:
      UserError: if a number of steps is out of range.
    """
    errors.require_whole(num_steps=num_steps, chunk_steps=chunk_steps)
    if num_steps < 0 or chunk_steps < 1:
        raise errors.UserError(
            f"num_steps={num_steps} must not be negative and "
            f"chunk_steps={chunk_steps} must be at least 1."
        )
    mesh, total, start, hparams, state, keys, data = placed
    run = precision.single(program.over(mesh))
    streamed = isinstance(data, streaming.Host)
    at_once = chunk_steps
    if streamed:
        at_once = streaming.steps_at_once(data, len(keys), chunk_steps)
    chunks = [
        _cut(min(chunk_steps, num_steps - done), at_once)
        for done in range(0, max(num_steps, 1), chunk_steps)
    ]
    with contextlib.ExitStack() as stack:
        on_devices, feed = data, itertools.repeat(None)
        if streamed:
            parts = itertools.chain.from_iterable(chunks)
            feed = feeding.stream(mesh, hparams, state.step, keys, data, parts, at_once)
            on_devices, feed = None, stack.enter_context(feed)
        done, ask = 0, precision.single(functools.partial(next, feed))
        for chunk in chunks:
            now, metrics = sum(chunk), []
            began = time.perf_counter()
            for part in chunk:
                rows = ask()
                state, means = run(hparams, state, keys, on_devices, rows, part)
                # Waiting here keeps few chunks of samples on the device at once.
                means, alive = placement.get((means, state.alive))
                metrics.append(means)
            seconds = time.perf_counter() - began
            done += now
            if now:
                means = {name: values[:total] for name, values in _mean(metrics, chunk)}
                on_chunk(Report(start + done, now, seconds, means, alive[:total]))
    return placed._replace(step=start + num_steps, state=state)


def train(
    program: program_lib.Program,
    hparams: types.HParams,
    state: types.TrainState,
    keys: jax.Array,
    data: types.Tree,
    *,
    num_steps: int,
    chunk_steps: int = 500,
    on_chunk: Callable[[Report], None] = lambda report: None,
) -> types.TrainState:
    """Trains a population for `num_steps` more steps: `place`, `advance`, `collect`.

    Args:
      program: from `compile`; calling `train` again with it, on as many members,
        compiles nothing.
      hparams, state, keys, data: as for `place`.
      num_steps: steps to take; zero compiles the program and takes none.
      chunk_steps: steps between two returns to the host; it bounds how often
        `on_chunk` is called and changes nothing else. Where data are streamed, another
        value may compile the program again.
      on_chunk: called after each chunk with a `Report`.

    Returns:
      The state, on the first device.

    Raises:
      UserError: if an argument is something else, the leading axes differ or a number
        of steps is out of range.
    """
    placed = placing.place(program, hparams, state, keys, data)
    placed = advance(
        program,
        placed,
        num_steps=num_steps,
        chunk_steps=chunk_steps,
        on_chunk=on_chunk,
    )
    return placing.collect(placed)


def _cut(num_steps: int, at_once: int) -> list[int]:
    """Parts of at most `at_once` steps; one of none if there are no steps."""
    parts = range(0, max(num_steps, 1), at_once)
    return [min(at_once, num_steps - done) for done in parts]


def _mean(
    metrics: list[dict[str, np.ndarray]], lengths: list[int]
) -> Iterator[tuple[str, np.ndarray]]:
    for name, values in metrics[0].items():
        if len(lengths) > 1:
            parts = [part[name] for part in metrics]
            values = np.average(parts, axis=0, weights=lengths).astype(values.dtype)
        yield name, values
