"""A measure of one member, made one of a population in one compiled program."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh

from jaxgan import population, types
from jaxgan.core import errors, randomness
from jaxgan.dynamics.duality import responses

Measure = Callable[..., Any]
"""`(hparams, state, batch, key, ...) -> tree` of one member, jittable."""


def measured(measure: Measure, mapper: types.Mapper | None = None) -> Callable:
    """Lifts a measure to a population, whose members the devices share.

    Args:
      measure: of one member, of trees of arrays.
      mapper: lifts it to the members of a device; None for what suits them, see
        `population.automatic`.

    Returns:
      The measure of a population, `[P, ...]` for every leaf that it takes and gives; it
      gives NumPy arrays. Calling it again, on members of the same shapes, compiles
      nothing.
    """

    @functools.cache
    def over(devices):
        def share(*arguments):
            lift = mapper or _suitable(arguments)
            return lift(measure)(*arguments)

        run = jax.shard_map(
            share,
            mesh=devices,
            in_specs=population.MEMBERS,
            out_specs=population.MEMBERS,
            check_vma=False,
        )
        return jax.jit(run)

    def of_population(*arguments):
        total = population.size(arguments)
        devices = jax.devices()[: min(total, len(jax.devices()))]
        mesh = Mesh(np.array(devices), ("pop",))
        found = over(mesh)(*population.shard(arguments, mesh))
        return population.unshard(found, total)

    return of_population


def require(
    hparams: types.HParams,
    batch: types.Batch,
    keys: jax.Array,
    **states: types.TrainState,
) -> None:
    """Asks for a population that can be measured.

    Args:
      hparams: every leaf `[P, ...]`.
      batch: every leaf `[P, B, ...]`.
      keys: `[P]`.
      **states: by the name of the argument, of the same networks.

    Raises:
      UserError: if an argument is something else, leading axes differ, weights are not
        finite, or states are of different networks.
    """
    types.require_hparams(hparams)
    for state in states.values():
        types.require_state(state)
    if not isinstance(batch, types.Batch):
        raise errors.UserError(
            f"batch is {errors.shown(batch)}, but must be a Batch with leaves [P, B, "
            "...]; population.broadcast(types.Batch(x), P) gives every member the same."
        )
    randomness.require("keys", keys, "population.keys(key, P) gives one per member")
    population.size((hparams, [s.params for s in states.values()], batch, keys))
    total = population.size(keys)
    for name, state in states.items():
        weights = state.params, state.collections
        responses.require_finite_leaves(name, weights, (total,))
    first, *others = states.items()
    for other in others:
        _require_alike(first, other)


def shapes_of_one(tree: types.Tree) -> types.Tree:
    """What one member of a population has: `[P, ...]` becomes the shape `[...]`."""
    return jax.eval_shape(lambda leaves: population.take(leaves, 0), tree)


def _require_alike(one: tuple[str, types.TrainState], other: tuple) -> None:
    (name, state), (other_name, other_state) = one, other
    shapes = [
        jax.tree.map(np.shape, (s.params, s.collections)) for s in (state, other_state)
    ]
    if shapes[0] != shapes[1]:
        raise errors.UserError(
            f"{name} and {other_name} are of different networks; give two states of "
            "the same population."
        )


def _suitable(arguments) -> types.Mapper:
    _, state, batch, *_ = arguments
    params = shapes_of_one(state.params)
    return population.automatic(
        convolutional=population.is_convolutional(params),
        widest=population.widest(params, batch.x.shape[1]),
    )
