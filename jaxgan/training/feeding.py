"""Streamed samples, drawn by each member's key and sent to the devices in advance."""

import contextlib
import functools
from collections.abc import Iterable, Iterator

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding

from jaxgan import population, types
from jaxgan.core.distributed import placement
from jaxgan.data import pool, sampling, streaming
from jaxgan.training import program


def stream(
    mesh: Mesh,
    hparams: types.HParams,
    steps: jax.Array,
    keys: jax.Array,
    data: streaming.Host,
    parts: Iterable[int],
    at_once: int,
) -> contextlib.AbstractContextManager[Iterator[pool.Rows]]:
    """The samples of each part's steps, on the devices, made ready in advance."""
    members = NamedSharding(mesh, population.MEMBERS)
    mode_weights, modes = hparams.mode_weights, data.modes
    # The state that carries the steps is donated, and the run is ahead of it.
    steps = placement.get(steps)
    if jax.process_count() > 1:
        # Each process draws the indices of all members, and reads the rows of its own.
        mode_weights, keys = placement.get(mode_weights), placement.local_keys(keys)
        place = np.asarray
    else:
        modes = jax.device_put(modes, NamedSharding(mesh, program.EVERYWHERE))
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
            batch_key, _ = program.step_keys(key, step)
            return sampling.indices(modes, weights, num_samples, batch_size, batch_key)

        return jax.vmap(of_step)(first + jnp.arange(num_steps))

    return jax.vmap(of_member)(mode_weights, keys, first)
