"""The nearest point that Adam passes on its way down, not the one where it ends."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax import Array


def nearest(
    loss: Callable[[Array, Array], Array],
    distance: Callable[[Array], Array],
    start: Array,
    num_steps: int,
    rate: float,
) -> tuple[Array, Array]:
    """The points of least `distance` on the way of Adam down the sum of `loss`.

    The rate falls by a half cosine to 0.

    Args:
      loss: `(at [..., F], progress) -> [...]`, progress in [0, 1] over the steps.
      distance: `at [..., F] -> [...]`, which decides; infinite where a point is not
        allowed.
      start: `[..., F]`, where any number of points, or one of any shape, begin.
      num_steps: T.
      rate: of Adam at the beginning.

    Returns:
      The points, as `start`, and their distances.
    """
    adam = optax.adam(optax.cosine_decay_schedule(rate, num_steps))

    def step(carry: Any, progress: Array) -> tuple[Any, None]:
        at, state, best, least = carry
        grads = jax.grad(lambda at: jnp.sum(loss(at, progress)))(at)
        updates, state = adam.update(grads, state)
        at = optax.apply_updates(at, updates)
        found = distance(at)
        # What is not finite is no nearer, and replaces nothing.
        nearer = found < least
        least = jnp.where(nearer, found, least)
        nearer = nearer.reshape(found.shape + (1,) * (at.ndim - found.ndim))
        return (at, state, jnp.where(nearer, at, best), least), None

    carry = start, adam.init(start), start, distance(start)
    _, _, best, least = jax.lax.scan(step, carry, jnp.linspace(0, 1, num_steps))[0]
    return best, least
