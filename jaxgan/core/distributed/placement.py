"""Arrays between the host and the devices, of one process or of several.

With one process these are JAX's own `device_put` and `device_get`. With several, each
process has all of what goes to the devices and gets all of what comes back, so that
they do the same.
"""

from typing import Any

import jax
import numpy as np
from jax.sharding import NamedSharding

Tree = Any


def put(tree: Tree, sharding: NamedSharding) -> Tree:
    """Puts what every process has onto the devices of all."""
    if jax.process_count() == 1:
        return jax.device_put(tree, sharding)

    def put(x):
        if jax.dtypes.issubdtype(x.dtype, jax.dtypes.prng_key):
            data = put(jax.random.key_data(x))
            return jax.random.wrap_key_data(data, impl=jax.random.key_impl(x))
        x = np.asarray(x)
        return jax.make_array_from_callback(x.shape, sharding, lambda index: x[index])

    return jax.tree.map(put, tree)


def get(tree: Tree) -> Tree:
    """Brings what lies on the devices of all processes to the host of each."""
    if jax.process_count() == 1:
        return jax.device_get(tree)
    from jax.experimental import multihost_utils

    return multihost_utils.process_allgather(tree, tiled=True)


def local_keys(keys: jax.Array) -> jax.Array:
    """Typed keys `[P]` of all processes, on a device of this one."""
    data = get(jax.random.key_data(keys))
    return jax.random.wrap_key_data(data, impl=jax.random.key_impl(keys))


def own_members(members: NamedSharding, total: int) -> np.ndarray:
    """Which members lie on devices of this process."""
    parts = members.addressable_devices_indices_map((total,)).values()
    return np.unique(np.concatenate([np.arange(total)[part] for part in parts]))
