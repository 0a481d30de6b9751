"""Keys of random numbers: always threefry, whatever JAX makes by default.

A member's stream is to depend on its key alone. Of JAX's generators threefry alone
holds that under `vmap`: with `rbg`, the default on many TPUs
(`JAX_DEFAULT_PRNG_IMPL=rbg`), what a member draws depends on the others.
"""

from typing import Any

import jax
import jax.numpy as jnp

IMPLEMENTATION = "threefry2x32"


def key(seed: int) -> jax.Array:
    """The threefry key of a seed."""
    return jax.random.key(seed, impl=IMPLEMENTATION)


def keys(seeds: jax.Array) -> jax.Array:
    """The threefry keys `[P]` of seeds `[P]`."""
    return jax.vmap(key)(seeds)


def threefry(given: Any) -> Any:
    """Keys of any generator, typed or raw, as the threefry keys that go with them.

    A key that another generator made of a seed becomes the threefry key of that seed.

    Args:
      given: one key or an array of keys; what is no key is left as it is.
    """
    if not hasattr(given, "dtype"):
        return given
    if jnp.issubdtype(given.dtype, jax.dtypes.prng_key):
        if jax.random.key_impl(given) == IMPLEMENTATION:
            return given
        given = jax.random.key_data(given)
    elif given.dtype != jnp.uint32 or jnp.ndim(given) < 1:
        return given
    # The others begin with the two words that threefry makes of the same seed.
    return jax.random.wrap_key_data(given[..., :2], impl=IMPLEMENTATION)
