"""Adam with the bias corrections of a step taken once for all weights."""

import jax
import jax.numpy as jnp
import optax
from jax.typing import ArrayLike

from jaxgan import types


def adam(
    learning_rate: ArrayLike,
    b1: ArrayLike = 0.9,
    b2: ArrayLike = 0.999,
    eps: ArrayLike = 1e-8,
    eps_root: ArrayLike = 0.0,
) -> optax.GradientTransformation:
    """Adam, what `optax.adam` computes up to the last bits, in fewer operations.

    With `m <- b1 m + (1 - b1) g`, `v <- b2 v + (1 - b2) g^2` and t steps,

        w <- w - learning_rate / (1 - b1^t) m / (sqrt(v / (1 - b2^t) + eps_root) + eps).

    Both corrections are numbers of a member and not of a weight. `optax.adam` divides
    every weight by them, and how XLA joins those divisions with the others depends on
    the number of devices, so that a member's last bits would too.

    Args:
      learning_rate: positive; like all numbers here it may be traced.
      b1: decay of the mean gradient, in [0, 1).
      b2: decay of the mean square, in [0, 1).
      eps: added to the root, positive.
      eps_root: added under the root; a positive one where the update is differentiated.

    Returns:
      An optax transformation whose state is that of `optax.adam`.

    References:
      Kingma and Ba, Adam: A Method for Stochastic Optimization, 2015,
      https://arxiv.org/abs/1412.6980
    """

    def init(params: types.Tree) -> types.Tree:
        zeros = jax.tree.map(jnp.zeros_like, params)
        count = jnp.zeros((), jnp.int32)
        return optax.ScaleByAdamState(count, zeros, zeros), optax.EmptyState()

    def update(grads, state, params=None):
        before, empty = state
        count = optax.safe_increment(before.count)
        mu = optax.tree.update_moment(grads, before.mu, b1, 1)
        nu = optax.tree.update_moment_per_elem_norm(grads, before.nu, b2, 2)
        rate = -learning_rate / (1 - b1**count)
        inverse = 1 / (1 - b2**count)

        def of_weight(m, v):
            root = jnp.sqrt(v * inverse.astype(v.dtype) + eps_root)
            return rate.astype(m.dtype) * (m / (root + eps))

        updates = jax.tree.map(of_weight, mu, nu)
        return updates, (optax.ScaleByAdamState(count, mu, nu), empty)

    return optax.GradientTransformation(init, update)
