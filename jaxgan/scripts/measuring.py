"""Populations that are measured while they train, or after it.

Measures are shared out over the devices as training is.
"""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.sharding import Mesh, PartitionSpec

from jaxgan import population, training, types
from jaxgan.core import randomness
from jaxgan.data import dataset, pool
from jaxgan.runs import journal
from jaxgan.training import methods


class Begun(NamedTuple):
    """A population and what trains it; every leaf of the members is `[P, ...]`.

    Attributes:
      program: that trains it.
      step: of one member.
      hparams, state, keys: of the members.
      points: what they draw their batches from.
    """

    program: training.Program
    step: types.Step
    hparams: types.HParams
    state: types.TrainState
    keys: jax.Array
    points: pool.Pool


def begin(
    gan: types.GAN, method: methods.Method, data: dataset.Dataset, asked: Any
) -> Begun:
    """Initialises a population of seeds and makes its program.

    Args:
      gan: each member.
      method: by which it trains.
      data: to learn.
      asked: settings with `seeds`, `seed` and `batch_size`.
    """
    made = methods.make(gan, method)
    hparams = population.broadcast(made.hparams, asked.seeds)
    keys = population.keys(randomness.key(asked.seed), asked.seeds)
    state = population.init(made.initialise, hparams, keys)
    program = training.compile(made.step, pool.draw(asked.batch_size * made.parts))
    return Begun(program, made.step, hparams, state, keys, pool.put(data.train.x))


def train(begun: Begun, **options: Any) -> Begun:
    """Trains further; `options` are those of `training.train`."""
    program, _, *members = begun
    return begun._replace(
        state=jax.device_get(training.train(program, *members, **options))
    )


def described(asked: Any, data: dataset.Dataset) -> dict[str, Any]:
    """What the numbers of a record depend on: settings, data, versions and devices."""
    settings = {"settings": dataclasses.asdict(asked)}
    return settings | dataset.record(data) | journal.environment()


def lifted(function: Callable[..., Any], mapper: types.Mapper) -> Callable[..., Any]:
    """Makes one program of a measure of one member.

    Args:
      function: `(shared, *of one member) -> tree`.
      mapper: lifts one member to the members of a device.

    Returns:
      `(shared, *trees) -> tree`: what all members share, and trees whose leaves are
      `[P, ...]`; its leaves are NumPy arrays `[P, ...]`. Called again with the like it
      compiles nothing.
    """
    mesh = Mesh(np.array(jax.devices()), ("pop",))

    def of_device(shared, *own):
        return mapper(lambda *member: function(shared, *member))(*own)

    @jax.jit
    def run(shared, *own):
        specs = (PartitionSpec(), *len(own) * (population.MEMBERS,))
        share = jax.shard_map(
            of_device,
            mesh=mesh,
            in_specs=specs,
            out_specs=population.MEMBERS,
            check_vma=False,
        )
        return share(shared, *own)

    def call(shared: types.Tree, *trees: types.Tree) -> types.Tree:
        own = population.shard(trees, mesh)
        return population.unshard(run(shared, *own), population.size(trees))

    return call
