"""The loop: many steps of many members in one compiled program, chunk by chunk.

Data flow of one member and one step:

    key = fold_in(member's key, state.step), split for the batch and for the step
    batch = sample(data, hparams, batch key)
    state, metrics = step(hparams, state, batch, step key)

The stream of random numbers depends on the member's key and on its step counter and on
nothing else: neither on the population, nor on the member's place in it, nor on how
the run was cut into chunks.
"""

import contextlib
import json
import math
import pathlib
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan import errors, population, types

Sample = Callable[[types.Tree, types.HParams, jax.Array], types.Batch]
"""`(data, hparams, key) -> Batch` of one member; data stays on the device."""

RunChunk = Callable[..., tuple[types.TrainState, types.Metrics]]


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


def chunk(
    step: types.Step, sample: Sample, mapper: types.Mapper = population.vmap
) -> RunChunk:
    """Compiles the loop over a population's steps.

    Args:
      step: of one member.
      sample: of one member.
      mapper: lifts one member to the population.

    Returns:
      `(hparams [P], state [P], keys [P], data, num_steps) -> (state, metrics [P])`,
      jitted. The state is donated: the one passed in must not be used again. The
      number of steps is traced, so that chunks of any length share one program, and
      zero steps compile it. The metrics are means over the steps.
    """

    def member(hparams, state, key, data, num_steps):
        def advance(state):
            batch_key, step_key = jax.random.split(jax.random.fold_in(key, state.step))
            batch = sample(data, hparams, batch_key)
            state, metrics = step(hparams, state, batch, step_key)
            return state._replace(step=state.step + 1), metrics

        def body(_, carry):
            state, total = carry
            state, metrics = advance(state)
            return state, jax.tree.map(jnp.add, total, metrics)

        _, shapes = jax.eval_shape(advance, state)
        zero = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), shapes)
        state, total = jax.lax.fori_loop(0, num_steps, body, (state, zero))
        return state, jax.tree.map(lambda x: x / jnp.maximum(num_steps, 1), total)

    def run(hparams, state, keys, data, num_steps):
        def of_member(hparams, state, key):
            return member(hparams, state, key, data, num_steps)

        return mapper(of_member)(hparams, state, keys)

    return jax.jit(run, donate_argnums=1)


def train(
    run_chunk: RunChunk,
    hparams: types.HParams,
    state: types.TrainState,
    keys: jax.Array,
    data: types.Tree,
    *,
    num_steps: int,
    chunk_steps: int = 500,
    on_chunk: Callable[[Report], None] = lambda report: None,
) -> types.TrainState:
    """Trains a population for `num_steps` more steps.

    Args:
      run_chunk: from `chunk`; calling `train` again with it compiles nothing.
      hparams: every leaf `[P, ...]`.
      state: of the population; donated, so use only what is returned.
      keys: `[P]`, one per member, see `population.keys`.
      data: what the sampler draws from, shared by all members.
      num_steps: steps to take.
      chunk_steps: steps between two returns to the host; it bounds how often
        `on_chunk` is called and changes nothing else.
      on_chunk: called after each chunk with a `Report`.

    Raises:
      UserError: if the leading axes differ or a number of steps is not positive.
    """
    for name, number in (("num_steps", num_steps), ("chunk_steps", chunk_steps)):
        if number < 1:
            raise errors.UserError(f"{name}={number} must be at least 1.")
    population.size((hparams, state, keys))
    start = int(jax.device_get(state.step[0]))
    for done in range(0, num_steps, chunk_steps):
        now = min(chunk_steps, num_steps - done)
        began = time.perf_counter()
        state, metrics = run_chunk(hparams, state, keys, data, now)
        metrics, alive = jax.device_get((metrics, state.alive))
        seconds = time.perf_counter() - began
        on_chunk(Report(start + done + now, now, seconds, metrics, alive))
    return state


def flops(
    step: types.Step,
    sample: Sample,
    hparams: types.HParams,
    state: types.TrainState,
    key: jax.Array,
    data: types.Tree,
) -> float:
    """Floating-point operations of one step of one member, as XLA counts them.

    Drawing the batch is included. Counted before optimisation and without compiling;
    the body of a loop (`steps.repeat` of more than one) counts once.

    Args:
      step, sample: of one member.
      hparams, state, key: of one member, without the axis `[P]`.
      data: what the sampler draws from.
    """

    def once(hparams, state, key, data):
        return step(hparams, state, sample(data, hparams, key), key)

    lowered = jax.jit(once).lower(hparams, state, key, data)
    return float(lowered.cost_analysis()["flops"])


def log(path: pathlib.Path, **fields: Any) -> Callable[[Report], None]:
    """Appends a line of JSON per chunk to a file: give it to `train` as `on_chunk`.

    A line holds `fields`, the step, the seconds, `alive` and each metric as a list with
    one entry per member; a number that is not finite becomes null.
    """

    def on_chunk(report: Report) -> None:
        line = {
            **fields,
            "step": report.step,
            "seconds": round(report.seconds, 4),
            "alive": report.alive.tolist(),
            **{name: _finite(values) for name, values in report.metrics.items()},
        }
        with path.open("a") as file:
            file.write(json.dumps(line) + "\n")

    return on_chunk


@contextlib.contextmanager
def progress(
    title: str, *, num_steps: int, num_members: int
) -> Iterator[Callable[[Report], None]]:
    """Shows progress on the terminal: give what it yields to `train` as `on_chunk`.

    A bar with steps/s, member-steps/s and the time left; where standard error is no
    terminal, one line at the end.
    """
    began = time.perf_counter()
    if not sys.stderr.isatty():
        yield lambda report: None
        seconds = time.perf_counter() - began
        rate = num_steps / seconds
        print(
            f"{title}: {num_steps} steps of {num_members} members in {seconds:.1f} s, "
            f"{rate:.0f} steps/s, {rate * num_members:.0f} member-steps/s",
            file=sys.stderr,
        )
        return

    from rich import console, progress

    columns = (
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TextColumn("{task.fields[rate]}"),
        progress.TimeRemainingColumn(),
    )
    with progress.Progress(*columns, console=console.Console(stderr=True)) as bar:
        task = bar.add_task(title, total=num_steps, rate="compiling")
        taken = 0

        def on_chunk(report: Report) -> None:
            nonlocal taken
            taken += report.num_steps
            rate = taken / (time.perf_counter() - began)
            text = f"{rate:.0f} steps/s, {rate * num_members:.0f} member-steps/s"
            bar.update(task, completed=taken, rate=text)

        yield on_chunk


def _finite(values: np.ndarray) -> list[float | None]:
    return [value if math.isfinite(value) else None for value in values.tolist()]
