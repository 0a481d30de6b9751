"""A population on the devices that train it, and back in the host's memory."""

from typing import NamedTuple

import jax
from jax.sharding import Mesh, NamedSharding

from jaxgan import population, types
from jaxgan.core import errors, precision, randomness
from jaxgan.core.distributed import placement
from jaxgan.data import streaming
from jaxgan.training import program as program_lib


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


@precision.single
def place(
    program: program_lib.Program,
    hparams: types.HParams,
    state: types.TrainState,
    keys: jax.Array,
    data: types.Tree,
) -> Placed:
    """Puts a population on the devices of a program, see `population.shard`.

    Args:
      program: from `compile`.
      hparams: every leaf `[P, ...]`.
      state: of the population; it is copied.
      keys: `[P]`, one per member, see `population.keys`.
      data: what the sampler draws from, shared by all members: on the device, or a
        `streaming.Host`, whose samples are sent in chunks while the devices train.

    Raises:
      UserError: if an argument is something else, or the leading axes differ.
    """
    _require(program, hparams, state, keys)
    total = population.size((hparams, state, keys))
    mesh, keys = program.mesh(total), randomness.threefry(keys)
    step = int(state.step[0])
    hparams, state, data = map(precision.narrowed, (hparams, state, data))
    hparams, state, keys = population.shard((hparams, state, keys), mesh)
    if not isinstance(data, streaming.Host):
        data = placement.put(data, NamedSharding(mesh, program_lib.EVERYWHERE))
    return Placed(mesh, total, step, hparams, state, keys, data)


@precision.single
def ahead_of_time(
    program: program_lib.Program,
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
    _require(program, hparams, state, keys)
    total = population.size((hparams, state, keys))
    mesh = program.mesh(total)
    specs = program_lib.MEMBERS, program_lib.EVERYWHERE
    members, everywhere = (NamedSharding(mesh, spec) for spec in specs)
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
    own = precision.narrowed((hparams, state, keys))
    arguments = jax.tree.map(of_members, own)
    data = jax.tree.map(shared, precision.narrowed(data))
    return program.over(mesh).lower(*arguments, data, rows, 0).compile()


def _require(program, hparams, state, keys) -> None:
    """Asks for what each argument should be: they are easily swapped."""
    if not isinstance(program, program_lib.Program):
        raise errors.UserError(
            f"program is {errors.shown(program)}, but must be a Program; "
            "training.compile(step, sample) gives one."
        )
    types.require_hparams(hparams)
    types.require_state(state)
    randomness.require("keys", keys, "population.keys(key, P) gives one per member")


def fetch(placed: Placed) -> types.TrainState:
    """The members' state in the host's memory; the population goes on being placed."""
    return population.unshard(placed.state, placed.total)


def collect(placed: Placed) -> types.TrainState:
    """The members' state, on the first device; the population goes on being placed."""
    return jax.device_put(fetch(placed), placed.mesh.local_devices[0])
