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
import platform
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from jaxgan import errors, population, types

Sample = Callable[[types.Tree, types.HParams, jax.Array], types.Batch]
"""`(data, hparams, key) -> Batch` of one member; data stays on the device."""

MEMBERS, EVERYWHERE = PartitionSpec("pop"), PartitionSpec()


class Program(NamedTuple):
    """A training loop made ready for a population.

    Attributes:
      run: `(hparams, state, keys, data, num_steps) -> (state, metrics)`, jitted.
      mesh: the devices, along the axis "pop" of members.
    """

    run: Callable[..., tuple[types.TrainState, types.Metrics]]
    mesh: Mesh


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


def compile(
    step: types.Step,
    sample: Sample,
    mapper: types.Mapper = population.vmap,
    devices: Sequence[jax.Device] | None = None,
) -> Program:
    """Makes the loop over a population's steps one program.

    The state is donated from chunk to chunk. The number of steps is traced, so that
    chunks of any length share the program.

    Args:
      step: of one member.
      sample: of one member.
      mapper: lifts one member to the members of a device.
      devices: that share the members; they do not communicate. None for all there are.
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

    def share(hparams, state, keys, data, num_steps):
        def of_member(hparams, state, key):
            return member(hparams, state, key, data, num_steps)

        return mapper(of_member)(hparams, state, keys)

    mesh = Mesh(np.array(jax.devices() if devices is None else devices), ("pop",))
    run = jax.shard_map(
        share,
        mesh=mesh,
        in_specs=(MEMBERS, MEMBERS, MEMBERS, EVERYWHERE, EVERYWHERE),
        out_specs=MEMBERS,
        check_vma=False,
    )
    return Program(jax.jit(run, donate_argnums=1), mesh)


def train(
    program: Program,
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

    Where the devices do not divide the members, the last member is computed more than
    once and the copies are dropped.

    Args:
      program: from `compile`; calling `train` again with it, on as many members,
        compiles nothing.
      hparams: every leaf `[P, ...]`.
      state: of the population.
      keys: `[P]`, one per member, see `population.keys`.
      data: what the sampler draws from, shared by all members.
      num_steps: steps to take; zero compiles the program and takes none.
      chunk_steps: steps between two returns to the host; it bounds how often
        `on_chunk` is called and changes nothing else.
      on_chunk: called after each chunk with a `Report`.

    Returns:
      The state, on the first device.

    Raises:
      UserError: if the leading axes differ or a number of steps is out of range.
    """
    if num_steps < 0 or chunk_steps < 1:
        raise errors.UserError(
            f"num_steps={num_steps} must not be negative and "
            f"chunk_steps={chunk_steps} must be at least 1."
        )
    total, mesh = population.size((hparams, state, keys)), program.mesh
    padded = np.minimum(np.arange(total + -total % mesh.size), total - 1)
    start = int(state.step[0])
    keys = population.take(keys, padded)
    # By way of the host, where arrays are cut up without a compilation per shape.
    hparams, state = jax.tree.map(lambda x: x[padded], jax.device_get((hparams, state)))
    hparams, state, keys = jax.device_put(
        (hparams, state, keys), NamedSharding(mesh, MEMBERS)
    )
    data = jax.device_put(data, NamedSharding(mesh, EVERYWHERE))
    for done in range(0, max(num_steps, 1), chunk_steps):
        now = min(chunk_steps, num_steps - done)
        began = time.perf_counter()
        state, metrics = program.run(hparams, state, keys, data, now)
        metrics, alive = jax.device_get((metrics, state.alive))
        seconds = time.perf_counter() - began
        if now:
            metrics = {name: values[:total] for name, values in metrics.items()}
            on_chunk(Report(start + done + now, now, seconds, metrics, alive[:total]))
    state = jax.tree.map(lambda x: x[:total], jax.device_get(state))
    return jax.device_put(state, mesh.devices.flat[0])


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


def environment() -> dict[str, Any]:
    """What a run's numbers depend on besides its settings: versions and devices."""
    from importlib import metadata

    packages = ("jaxgan", "jax", "jaxlib", "flax", "optax", "numpy")
    return {
        "python": platform.python_version(),
        "versions": {name: metadata.version(name) for name in packages},
        "devices": [device.device_kind for device in jax.devices()],
    }


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

    from rich import console, progress, table

    columns = (
        progress.TextColumn("{task.description}"),
        progress.BarColumn(bar_width=12),
        # On narrow terminals the bar gives way, not the numbers.
        progress.MofNCompleteColumn(
            table_column=table.Column(no_wrap=True, min_width=11)
        ),
        progress.TextColumn("{task.fields[rate]}"),
        progress.TimeRemainingColumn(
            table_column=table.Column(no_wrap=True, min_width=7)
        ),
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
