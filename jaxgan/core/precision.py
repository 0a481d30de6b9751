"""Single precision: what jaxgan trains in, also where JAX has 64 bits at hand.

With `JAX_ENABLE_X64=1` JAX makes float64 of what has no type of its own. A population
trains in float32 and int32 all the same, in the same bits as without.
"""

import functools
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import jax
import jax.numpy as jnp

Tree = Any
Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

NARROWER = {"float64": "float32", "int64": "int32", "uint64": "uint32"}


def set_64_bits_aside() -> None:
    """Leaves this process without 64 bits, and says so where they were asked for."""
    if jax.config.read("jax_enable_x64"):
        print("JAX_ENABLE_X64 is set aside: everything is computed in float32")
        jax.config.update("jax_enable_x64", False)


def single(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Decorator of a function that traces and computes without 64 bits."""

    @functools.wraps(function)
    def computed(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        with jax.enable_x64(False):
            return function(*args, **kwargs)

    return computed


def narrowed(tree: Tree) -> Tree:
    """The same, with 32 bits for each number that has 64; the rest is not copied."""

    def narrow(leaf):
        dtype = NARROWER.get(str(getattr(leaf, "dtype", None)))
        if dtype is None:
            return leaf
        if isinstance(leaf, jax.ShapeDtypeStruct):
            return jax.ShapeDtypeStruct(leaf.shape, jnp.dtype(dtype))
        return leaf.astype(dtype)

    return jax.tree.map(narrow, tree)
