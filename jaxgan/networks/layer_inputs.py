"""What each layer of a network is given, in the order in which layers are applied."""

from collections.abc import Callable, Mapping
from typing import Any

import jax.numpy as jnp
from flax import linen as nn
from jax import Array


def layer_inputs(apply: Callable[[], Any]) -> tuple[Any, dict[str, Array]]:
    """Calls a function that calls Flax modules, and tells what went into their layers.

    A layer is a module with weights of its own, called as `core.layers` calls it. One
    that works on what others make, as attention does, comes after those. Nothing of
    what is computed changes, so that this can be traced, differentiated and mapped.

    Args:
      apply: without arguments, such as `lambda: gan.generate(params, collections, z)`.

    Returns:
      What `apply` returns; and by the name of a layer its input `[N, ..., C]`, in the
      order of application. The inputs of a layer that is called several times are
      joined along their first axis.
    """
    found: dict[str, list[Array]] = {}

    def intercept(call, arguments, named, context):
        returned = call(*arguments, **named)
        if context.method_name == "__call__":
            given = [*arguments, *named.values()]
            for name in _layers(context.module):
                found.setdefault(name, []).append(given[0])
        return returned

    with nn.intercept_methods(intercept):
        returned = apply()
    return returned, {name: jnp.concatenate(own) for name, own in found.items()}


def _layers(module: nn.Module) -> list[str]:
    """The names of the layers that a module is: one, or one per weight at the root."""
    weights = module.variables.get("params", {})
    own = [name for name, value in weights.items() if not isinstance(value, Mapping)]
    if not own or not module.path:
        return own
    return ["/".join(module.path)]
