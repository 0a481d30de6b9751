"""The loop: many steps of many members in one compiled program, chunk by chunk.

Data flow of one member and one step:

    key = fold_in(member's key, state.step), split for the batch and for the step
    batch = sample(data, hparams, batch key)
    state, metrics = step(hparams, state, batch, step key)

The stream of random numbers depends on the member's key and on its step counter and on
nothing else: neither on the population, nor on the member's place in it, nor on how
the run was cut into chunks, nor on whether the data lie on the device or are streamed.
"""

import contextlib
import functools
import itertools
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from jaxgan import errors, placement, population, types
from jaxgan.data import pool, sampling, streaming

Sample = Callable[[types.Tree, types.HParams, jax.Array], types.Batch]
"""`(data, hparams, key) -> Batch` of one member.

Data stay on the device; where they are streamed, a step gets its `pool.Rows` instead.
"""

MEMBERS, EVERYWHERE = PartitionSpec("pop"), PartitionSpec()
SAMPLES = PartitionSpec("data")


class Program(NamedTuple):
    """A training loop made ready for a population.

    Attributes:
      over: the loop over a `Mesh` of devices, its axis "pop" of members and its axis
        "data" of the samples in a batch:
        `(hparams, state, keys, data, rows, num_steps) -> (state, metrics)`, jitted.
        Either `data` are shared by all members, or `rows [P, S, B, ...]` hold what each
        of them draws in each step; the other one is None.
      devices: that share the members.
      data_devices: as many of them share each member's batches.
    """

    over: Callable[[Mesh], Callable[..., tuple[types.TrainState, types.Metrics]]]
    devices: tuple[jax.Device, ...]
    data_devices: int = 1

    def mesh(self, num_members: int) -> Mesh:
        """The devices of so many members: no more along "pop" than there are members.

        With several processes all devices, as each process must have some.
        """
        most = len(self.devices) // self.data_devices
        if jax.process_count() == 1:
            most = min(most, num_members)
        devices = np.array(self.devices[: most * self.data_devices])
        return Mesh(devices.reshape(most, self.data_devices), ("pop", "data"))


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
    data_devices: int = 1,
) -> Program:
    """Makes the loop over a population's steps one program.

    The state is donated from chunk to chunk. The number of steps is traced, so that
    chunks of any length share the program.

    Args:
      step: of one member.
      sample: of one member.
      mapper: lifts one member to the members of a device.
      devices: that share the members; they do not communicate. None for all there are.
      data_devices: devices that share the batches of each member, and do communicate.
        The program is of the whole batch all the same: gradients, and the statistics of
        batch normalisation, are those of one device but for the order of sums.

    Raises:
      UserError: if `data_devices` does not divide the devices; in tracing, if it does
        not divide the batch.
    """
    devices = tuple(jax.devices() if devices is None else devices)
    if data_devices < 1 or len(devices) % data_devices:
        raise errors.UserError(
            f"data_devices={data_devices} must divide the {len(devices)} devices that "
            "there are."
        )

    def member(hparams, state, key, rows, data, num_steps):
        def advance(state, data):
            batch_key, step_key = step_keys(key, state.step)
            batch = sample(data, hparams, batch_key)
            if data_devices > 1:
                batch = _shared(batch, data_devices)
            state, metrics = step(hparams, state, batch, step_key)
            return state._replace(step=state.step + 1), metrics

        def data_of(i):
            return data if rows is None else jax.tree.map(lambda x: x[i], rows)

        def body(i, carry):
            state, total = carry
            state, metrics = advance(state, data_of(i))
            return state, jax.tree.map(jnp.add, total, metrics)

        _, shapes = jax.eval_shape(advance, state, data_of(0))
        zero = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), shapes)
        state, total = jax.lax.fori_loop(0, num_steps, body, (state, zero))
        return state, jax.tree.map(lambda x: x / jnp.maximum(num_steps, 1), total)

    def share(hparams, state, keys, data, rows, num_steps):
        def of_member(hparams, state, key, rows):
            return member(hparams, state, key, rows, data, num_steps)

        return mapper(of_member)(hparams, state, keys, rows)

    @functools.cache
    def over(mesh):
        run = jax.shard_map(
            share,
            mesh=mesh,
            in_specs=(MEMBERS, MEMBERS, MEMBERS, EVERYWHERE, MEMBERS, EVERYWHERE),
            out_specs=MEMBERS,
            check_vma=False,
            # The axis "data" is XLA's to divide, where there is one.
            axis_names={"pop"} if data_devices > 1 else {"pop", "data"},
        )
        return jax.jit(run, donate_argnums=1)

    return Program(over, devices, data_devices)


class Placed(NamedTuple):
    """A population and its data on the devices that train them.

    Attributes:
      mesh: the devices.
      total: members; the axis `[P]` of the rest is padded to what the devices divide.
      step: that every member has reached.
      hparams: every leaf `[P, ...]`.
      state: of the population; donated by `advance`.
      keys: `[P]`.
      data: on every device, or a `streaming.Host`.
    """

    mesh: Mesh
    total: int
    step: int
    hparams: types.HParams
    state: types.TrainState
    keys: jax.Array
    data: types.Tree


def place(
    program: Program,
    hparams: types.HParams,
    state: types.TrainState,
    keys: jax.Array,
    data: types.Tree,
) -> Placed:
    """Puts a population on the devices of a program.

    Where the devices do not divide the members, the last member is computed more than
    once and the copies are dropped.

    Args:
      program: from `compile`.
      hparams: every leaf `[P, ...]`.
      state: of the population; it is copied.
      keys: `[P]`, one per member, see `population.keys`.
      data: what the sampler draws from, shared by all members: on the device, or a
        `streaming.Host`, whose samples are sent in chunks while the devices train.

    Raises:
      UserError: if the leading axes differ.
    """
    total = population.size((hparams, state, keys))
    mesh = program.mesh(total)
    padded = np.minimum(np.arange(total + -total % mesh.shape["pop"]), total - 1)
    keys = population.take(keys, padded)
    # By way of the host, where arrays are cut up without a compilation per shape.
    hparams, state = jax.tree.map(lambda x: x[padded], jax.device_get((hparams, state)))
    members = placement.put((hparams, state, keys), NamedSharding(mesh, MEMBERS))
    if not isinstance(data, streaming.Host):
        data = placement.put(data, NamedSharding(mesh, EVERYWHERE))
    return Placed(mesh, total, int(state.step[0]), *members, data)


def ahead_of_time(
    program: Program,
    hparams: types.HParams,
    state: types.TrainState,
    keys: jax.Array,
    data: types.Tree,
    chunk_steps: int = 500,
) -> jax.stages.Compiled:
    """Compiles a program without arrays: `place` and `advance` then compile nothing.

    Args:
      program: from `compile`.
      hparams, state, keys: of the population, or their `jax.ShapeDtypeStruct`.
      data: as for `place`.
      chunk_steps: of the training, which counts where data are streamed.
    """
    total = population.size((hparams, state, keys))
    mesh = program.mesh(total)
    members, everywhere = (NamedSharding(mesh, spec) for spec in (MEMBERS, EVERYWHERE))
    padded = total + -total % mesh.shape["pop"]

    def of_members(x):
        return jax.ShapeDtypeStruct((padded, *x.shape[1:]), x.dtype, sharding=members)

    def shared(x):
        return jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=everywhere)

    rows = None
    if isinstance(data, streaming.Host):
        at_once = streaming.steps_at_once(data, padded, chunk_steps)
        rows = jax.tree.map(of_members, streaming.shapes(data, padded, at_once))
        data = None
    arguments = jax.tree.map(of_members, (hparams, state, keys))
    data = jax.tree.map(shared, data)
    return program.over(mesh).lower(*arguments, data, rows, 0).compile()


def fetch(placed: Placed) -> types.TrainState:
    """The members' state in the host's memory; the population goes on being placed."""
    # A copy, as the devices of a CPU would else write into it in the next chunk.
    return jax.tree.map(
        lambda x: np.array(x[: placed.total]), placement.get(placed.state)
    )


def collect(placed: Placed) -> types.TrainState:
    """The members' state, on the first device; the population goes on being placed."""
    return jax.device_put(fetch(placed), placed.mesh.local_devices[0])


def advance(
    program: Program,
    placed: Placed,
    *,
    num_steps: int,
    chunk_steps: int = 500,
    on_chunk: Callable[[Report], None] = lambda report: None,
) -> Placed:
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
    if num_steps < 0 or chunk_steps < 1:
        raise errors.UserError(
            f"num_steps={num_steps} must not be negative and "
            f"chunk_steps={chunk_steps} must be at least 1."
        )
    mesh, total, start, hparams, state, keys, data = placed
    run = program.over(mesh)
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
            feed = _stream(mesh, hparams, state.step, keys, data, parts, at_once)
            on_devices, feed = None, stack.enter_context(feed)
        done = 0
        for chunk in chunks:
            now, metrics = sum(chunk), []
            began = time.perf_counter()
            for part in chunk:
                rows = next(feed)
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
      UserError: if the leading axes differ or a number of steps is out of range.
    """
    placed = place(program, hparams, state, keys, data)
    placed = advance(
        program,
        placed,
        num_steps=num_steps,
        chunk_steps=chunk_steps,
        on_chunk=on_chunk,
    )
    return collect(placed)


def step_keys(key: jax.Array, step: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The keys of a member's batch and of its step, from its own key and its step."""
    batch_key, step_key = jax.random.split(jax.random.fold_in(key, step))
    return batch_key, step_key


def flops(
    step: types.Step,
    sample: Sample,
    hparams: types.HParams,
    state: types.TrainState,
    key: jax.Array,
    data: types.Tree,
) -> float:
    """Floating-point operations of one step of one member, as XLA counts them.

    Drawing the batch is included. Counted before optimisation, and without compiling
    where the backend can, as a CPU's can; the body of a loop (`steps.repeat` of more
    than one) counts once.

    Args:
      step, sample: of one member.
      hparams, state, key: of one member, without the axis `[P]`.
      data: what the sampler draws from.
    """

    def once(hparams, state, key, data):
        return step(hparams, state, sample(data, hparams, key), key)

    lowered = jax.jit(once).lower(hparams, state, key, data)
    try:
        cost = lowered.cost_analysis()
    except NotImplementedError:  # backends that are plugins, such as CUDA and TPU
        cost = lowered.compile().cost_analysis()
    return float(cost["flops"])


def _cut(num_steps: int, at_once: int) -> list[int]:
    """Parts of at most `at_once` steps; one of none if there are no steps."""
    parts = range(0, max(num_steps, 1), at_once)
    return [min(at_once, num_steps - done) for done in parts]


def _stream(
    mesh: Mesh,
    hparams: types.HParams,
    steps: jax.Array,
    keys: jax.Array,
    data: streaming.Host,
    parts: Iterable[int],
    at_once: int,
) -> contextlib.AbstractContextManager[Iterator[pool.Rows]]:
    """The samples of each part's steps, on the devices, made ready in advance."""
    members = NamedSharding(mesh, MEMBERS)
    mode_weights, modes = hparams.mode_weights, data.modes
    # The state that carries the steps is donated, and the run is ahead of it.
    steps = placement.get(steps)
    if jax.process_count() > 1:
        # Each process draws the indices of all members, and reads the rows of its own.
        mode_weights, keys = placement.get(mode_weights), placement.local_keys(keys)
        place = np.asarray
    else:
        modes = jax.device_put(modes, NamedSharding(mesh, EVERYWHERE))
        place = functools.partial(jax.device_put, device=members)

    def draws() -> Iterator[tuple[jax.Array, int]]:
        done = 0
        for part in parts:
            first = place(steps + done)
            yield (
                _draw(
                    mode_weights,
                    keys,
                    first,
                    modes,
                    num_steps=at_once,
                    num_samples=len(data.x),
                    batch_size=data.batch_size,
                ),
                part,
            )
            done += part

    def send(draw: tuple[jax.Array, int]) -> pool.Rows:
        index, part = draw
        if jax.process_count() == 1:
            return jax.device_put(streaming.gather(data, index, part), members)
        total = len(index)
        own = placement.own_members(members, total)
        rows = streaming.gather(data, np.asarray(index)[own], part)
        return jax.tree.map(
            lambda x: jax.make_array_from_process_local_data(
                members, x, (total, *x.shape[1:])
            ),
            rows,
        )

    return streaming.prefetched(send, draws())


@functools.partial(jax.jit, static_argnames=("num_steps", "num_samples", "batch_size"))
def _draw(mode_weights, keys, first, modes, *, num_steps, num_samples, batch_size):
    """Indices `[P, S, B]` of what each member draws in each of its next steps."""

    def of_member(weights, key, first):
        def of_step(step):
            batch_key, _ = step_keys(key, step)
            return sampling.indices(modes, weights, num_samples, batch_size, batch_key)

        return jax.vmap(of_step)(first + jnp.arange(num_steps))

    return jax.vmap(of_member)(mode_weights, keys, first)


def _mean(
    metrics: list[dict[str, np.ndarray]], lengths: list[int]
) -> Iterator[tuple[str, np.ndarray]]:
    for name, values in metrics[0].items():
        if len(lengths) > 1:
            parts = [part[name] for part in metrics]
            values = np.average(parts, axis=0, weights=lengths).astype(values.dtype)
        yield name, values


def _shared(batch: types.Batch, data_devices: int) -> types.Batch:
    """A batch whose samples lie on as many devices."""
    size = batch.x.shape[0]
    if size % data_devices:
        raise errors.UserError(
            f"a batch of {size} samples cannot be shared by data_devices="
            f"{data_devices}; draw a multiple of it."
        )
    return jax.tree.map(lambda x: jax.lax.with_sharding_constraint(x, SAMPLES), batch)
