"""Keys of random numbers: always threefry, whatever JAX makes by default.

A member's stream is to depend on its key alone. Of JAX's generators threefry alone
holds that under `vmap`: with `rbg`, the default on many TPUs
(`JAX_DEFAULT_PRNG_IMPL=rbg`), what a member draws depends on the others.
"""

from typing import Any

import jax
import jax.numpy as jnp

from jaxgan.core import errors

IMPLEMENTATION = "threefry2x32"


def key(seed: int) -> jax.Array:
    """The threefry key of a seed."""
    return jax.random.key(seed, impl=IMPLEMENTATION)


def keys(seeds: jax.Array) -> jax.Array:
    """The threefry keys `[P]` of seeds `[P]`."""
    return jax.vmap(key)(seeds)


def require(argument: str, given: Any, way: str) -> None:
    """Asks that an argument is a key or an array of keys, typed or raw.

    Args:
      argument: its name.
      given: that was given for it, or its shape and type.
      way: what makes such keys.

    Raises:
      UserError: if it is something else.
    """
    dtype = getattr(given, "dtype", None)
    typed = dtype is not None and jnp.issubdtype(dtype, jax.dtypes.prng_key)
    if not typed and (dtype != jnp.uint32 or not given.shape):
        raise errors.UserError(
            f"{argument} is {errors.shown(given)}, which is no random key; {way}."
        )


def threefry(given: Any) -> Any:
    """Keys of any generator, typed or raw, as the threefry keys that go with them.

    A key that another generator made of a seed becomes the threefry key of that seed.

    Args:
      given: one key or an array of keys.

    Raises:
      UserError: if it is none, such as a seed.
    """
    require("key", given, "give jax.random.key(seed)")
    if jnp.issubdtype(given.dtype, jax.dtypes.prng_key):
        if jax.random.key_impl(given) == IMPLEMENTATION:
            return given
        given = jax.random.key_data(given)
    # The others begin with the two words that threefry makes of the same seed.
    return jax.random.wrap_key_data(given[..., :2], impl=IMPLEMENTATION)
