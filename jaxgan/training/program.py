"""Many steps of many members as one compiled program.

Data flow of one member and one step:

    key = fold_in(member's key, state.step), split for the batch and for the step
    batch = sample(data, hparams, batch key)
    state, metrics = step(hparams, state, batch, step key)

The stream of random numbers depends on the member's key and on its step counter and on
nothing else: neither on the population, nor on the member's place in it, nor on how
the run was cut into chunks, nor on whether the data lie on the device or are streamed.
"""

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, PartitionSpec

from jaxgan import population, types
from jaxgan.core import errors, precision
from jaxgan.networks.onednn import counting
from jaxgan.steps import averages

Sample = Callable[[types.Tree, types.HParams, jax.Array], types.Batch]
"""`(data, hparams, key) -> Batch` of one member.

Data stay on the device; where they are streamed, a step gets its `pool.Rows` instead.
"""

MEMBERS, EVERYWHERE = population.MEMBERS, PartitionSpec()
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

    over: Callable[[Mesh], jax.stages.Wrapped]
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


def compile(
    step: types.Step,
    sample: Sample,
    mapper: types.Mapper | None = None,
    devices: Sequence[jax.Device] | None = None,
    data_devices: int = 1,
) -> Program:
    """Makes the loop over a population's steps one program.

    The state is donated from chunk to chunk. The number of steps is traced, so that
    chunks of any length share the program.

    Args:
      step: of one member.
      sample: of one member.
      mapper: lifts one member to the members of a device. None for what suits the
        backend and the size of a member, see `population.automatic`: on a CPU a member
        then has the same bits alone and in any population, on accelerators, where all
        are one batch, its last bits may depend on their number.
      devices: that share the members; they do not communicate. None for all there are.
      data_devices: devices that share the batches of each member, and do communicate.
        The program is of the whole batch all the same: gradients, and the statistics of
        batch normalisation, are those of one device but for the order of sums.

    Raises:
      UserError: if `step` or `sample` takes other arguments, or `data_devices` does not
        divide the devices; in tracing, if it does not divide the batch, or if there is
        an `ema_decay` and the step keeps no average.
    """
    _require_function("step", step, ("hparams", "state", "batch", "key"))
    _require_function("sample", sample, ("data", "hparams", "key"))
    devices = tuple(jax.devices() if devices is None else devices)
    if not devices or data_devices < 1 or len(devices) % data_devices:
        raise errors.UserError(
            f"data_devices={data_devices} must divide the {len(devices)} devices that "
            "there are."
        )

    # Traced once, for the shapes of the metrics, and taken over into the loop as it is.
    @functools.partial(jax.jit, inline=True)
    def advance(hparams, state, key, data):
        batch_key, step_key = step_keys(key, state.step)
        batch = sample(data, hparams, batch_key)
        if data_devices > 1:
            batch = _shared(batch, data_devices)
        after, metrics = step(hparams, state, batch, step_key)
        averages.require(hparams, state, after)
        return after._replace(step=state.step + 1), metrics

    def member(hparams, state, key, rows, data, num_steps):
        def data_of(i):
            return data if rows is None else jax.tree.map(lambda x: x[i], rows)

        def body(i, carry):
            state, total = carry
            state, metrics = advance(hparams, state, key, data_of(i))
            return state, jax.tree.map(jnp.add, total, metrics)

        _, shapes = jax.eval_shape(advance, hparams, state, key, data_of(0))
        zero = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), shapes)
        state, total = jax.lax.fori_loop(0, num_steps, body, (state, zero))
        return state, jax.tree.map(lambda x: x / jnp.maximum(num_steps, 1), total)

    def share(hparams, state, keys, data, rows, num_steps):
        def of_member(hparams, state, key, rows):
            return member(hparams, state, key, rows, data, num_steps)

        lift = mapper or _suitable(sample, hparams, state, keys, data, rows)
        return lift(of_member)(hparams, state, keys, rows)

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


def _suitable(sample, hparams, state, keys, data, rows) -> types.Mapper:
    """The mapper that suits members, of which the shapes count alone."""

    def first():
        members = hparams, state.params, keys, rows
        numbers, params, key, own = jax.tree.map(lambda x: x[0], members)
        drawn = data if rows is None else jax.tree.map(lambda x: x[0], own)
        return params, sample(drawn, numbers, key).x

    params, x = jax.eval_shape(first)
    return population.automatic(
        convolutional=population.is_convolutional(params),
        widest=population.widest(params, x.shape[0]),
    )


def step_keys(key: jax.Array, step: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The keys of a member's batch and of its step, from its own key and its step."""
    batch_key, step_key = jax.random.split(jax.random.fold_in(key, step))
    return batch_key, step_key


@precision.single
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

    return operations(once, hparams, state, key, data)


@precision.single
def operations(function: Callable, *arguments: types.Tree) -> float:
    """Floating-point operations of one call of a function, counted as in `flops`.

    Args:
      function: to be jitted.
      *arguments: that it would be called with, or their shapes.
    """
    traced = jax.jit(function).trace(*arguments)
    lowered = traced.lower()
    try:
        cost = lowered.cost_analysis()
    except NotImplementedError:  # backends that are plugins, such as CUDA and TPU
        cost = lowered.compile().cost_analysis()
    # XLA takes what another library computes for nothing.
    return max(float(cost["flops"]), 0) + counting.operations(traced.jaxpr)


def _require_function(name: str, function, takes: tuple[str, ...]) -> None:
    """Asks for a function that takes so many arguments: the two are easily swapped."""
    try:
        inspect.signature(function).bind(*takes)
    except ValueError:  # functions that do not say what they take
        return
    except TypeError:
        raise errors.UserError(
            f"{name} is {errors.shown(function)}, which does not take "
            f"({', '.join(takes)}); call training.compile(step, sample)."
        ) from None


def _shared(batch: types.Batch, data_devices: int) -> types.Batch:
    """A batch whose samples lie on as many devices."""
    size = batch.x.shape[0]
    if size % data_devices:
        raise errors.UserError(
            f"a batch of {size} samples cannot be shared by data_devices="
            f"{data_devices}; draw a multiple of it."
        )
    return jax.tree.map(lambda x: jax.lax.with_sharding_constraint(x, SAMPLES), batch)
