"""A method made ready for a population, which begins if it fits into the memory."""

import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan import population, reports, training, types
from jaxgan.core import randomness
from jaxgan.data import pool
from jaxgan.training import memory, methods

PROBE_STEPS = 10

INITIALISED_BYTES = 2**30
"""State that is initialised at a time, on one device."""


class Members(NamedTuple):
    """A population: its numbers, its state and its keys, every leaf `[P, ...]`.

    The state lies in the host's memory while nobody trains it, as all the devices
    together may hold more than one of them.
    """

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
    data_devices: int = 1,
    draw: Callable[[int], training.Sample] = pool.draw,
) -> Trainer:
    """Makes a method's program; what does not fit together is said here, in tracing.

    Args:
      made: the method.
      batch_size: samples in a player's step.
      hparams: of one member.
      data: a `pool.Pool` like the one to train on; how many samples it has is free.
      mapper: lifts one member to the members of a device.
      data_devices: that share each member's batches, see `training.compile`.
      draw: makes the sampler of so many samples.
    """
    sample, key = draw(batch_size * made.parts), randomness.key(0)
    state = jax.eval_shape(made.initialise, hparams, key)
    flops = training.flops(made.step, sample, hparams, state, key, data)
    program = training.compile(made.step, sample, mapper, data_devices=data_devices)
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
    state = _initialise(trainer, hparams, keys)
    placed = training.place(trainer.program, hparams, state, keys, data)
    # No step compiles the program.
    training.advance(trainer.program, placed, num_steps=0, chunk_steps=chunk_steps)
    return Members(hparams, state, keys)


def begin_at(trainer: Trainer, members: Members, state: types.TrainState) -> Members:
    """Members with the weights of a state, at which their optimisers begin too.

    Some optimisers remember weights, and would go back to those that they know.

    Args:
      trainer: of the population.
      members: at their first step, from `begin`.
      state: of as many members, in the host's memory.
    """

    @jax.jit
    def moments(hparams, key, *weights):
        return trainer.made.initialise(hparams, key, weights).opt_state

    given = (members.hparams, members.keys, state.params, state.collections)
    every = [  # one by one, as not all may fit the device
        jax.device_get(moments(*jax.tree.map(lambda leaf: leaf[i], given)))  # noqa: B023
        for i in range(len(members.keys))
    ]
    opt_state = jax.tree.map(lambda *leaves: np.stack(leaves), *every)
    return members._replace(state=state._replace(opt_state=opt_state))


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
      Names and numbers, with units: of a member the parameters, operations and memory;
      the memory that is free and the largest population that fits; and of a probe its
      members, seconds to compile and member-steps per second.
    """
    num_members, one = population.size(hparams), population.take(hparams, 0)
    measure = _measure(trainer, one, data, chunk_steps)
    few, many = map(measure, memory.sizes(len(jax.devices())))
    probed = min(few.members, num_members)
    own = population.take(hparams, jnp.arange(probed))
    began = time.perf_counter()
    members = begin(trainer, own, randomness.key(0), data, chunk_steps)
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
        "memory of a member": reports.Bytes(memory.member_bytes(few, many)),
        "free memory": reports.Bytes(free),
        "largest population that fits": memory.largest(few, many),
        "seconds to compile": times[0] - began,
        "members of the probe": probed,
        "member-steps/s": probed * PROBE_STEPS / (times[2] - times[1]),
    }


def _initialise(
    trainer: Trainer, hparams: types.HParams, keys: jax.Array
) -> types.TrainState:
    """The initial state in the host's memory, made in parts that fit one device.

    How large these are depends on a member alone, so that its bits do not depend on the
    devices.
    """
    total = len(keys)
    one = jax.eval_shape(trainer.made.initialise, population.take(hparams, 0), keys[0])
    own = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(one))
    size = min(total, max(1, INITIALISED_BYTES // own))
    parts = []
    for start in range(0, total, size):
        index = np.minimum(np.arange(start, start + size), total - 1)
        part = population.take((hparams, keys), index)
        state = population.init(trainer.made.initialise, *part)
        parts.append(jax.device_get(state))
    return jax.tree.map(lambda *leaves: np.concatenate(leaves)[:total], *parts)


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
