"""Population-based training: the worst take over the best, and change their numbers.

Every so often all members are scored; then, for each member,

    exploit: if it is among the worst, its weights and optimiser become a winner's;
    explore: its hyperparameters become the winner's, times a factor or its inverse.

Both are pure functions of arrays `[P]` and a key, to be jitted. Exploiting is a gather
over the members' axis, `population.take(tree, parents)`; a member keeps its own key, so
that it and its winner see other batches from then on.

    parents = pbt.exploit(key, scores)
    state = population.take(state, parents)
    values = pbt.explore(key, values, parents, bounds)

References:
  Jaderberg et al., Population Based Training of Neural Networks, 2017,
  https://arxiv.org/abs/1711.09846
"""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
from jax import Array

FACTOR = 1.2
"""Of the paper's perturbation; the other one is its inverse (there 0.8)."""

SHARE = 0.2
"""Of the members that lose, and of those that win, in truncation selection."""


def exploit(key: Array, scores: Array, share: float = SHARE) -> Array:
    """Truncation selection: who each member goes on from.

    The `floor(share P)` worst, at least one, and all whose score is NaN go on from one
    of as many best, drawn with equal chances; all others from themselves. The best
    member always goes on from itself, and so do all if no score is a number or there
    is one member alone.

    Args:
      key: consumed.
      scores: `[P]`, less is better; NaN is worst.
      share: that loses, and that wins, in (0, 0.5].

    Returns:
      `[P]` int32, the parents.
    """
    total = scores.shape[0]
    number = min(max(1, int(share * total)), total // 2)
    lost = jnp.isnan(scores)
    order = jnp.argsort(jnp.where(lost, jnp.inf, scores))
    # By two sorts, so that infinity is better than NaN.
    order = order[jnp.argsort(lost[order])]
    rank = jnp.argsort(order)
    lives = total - lost.sum()
    winners = jnp.clip(jnp.minimum(number, lives), 1, None)
    drawn = order[jax.random.randint(key, (total,), 0, winners)]
    loses = ((rank >= total - number) | lost) & (rank > 0) & (lives > 0)
    return jnp.where(loses, drawn, jnp.arange(total)).astype(jnp.int32)


def explore(
    key: Array,
    values: Mapping[str, Array],
    parents: Array,
    bounds: Mapping[str, tuple[float, float]],
    factor: float = FACTOR,
) -> dict[str, Array]:
    """The members' hyperparameters after `exploit`.

    Those of a member that went on from another are the other's, each times `factor` or
    `1 / factor` with equal chances, and then within its bounds.

    Args:
      key: consumed.
      values: by name, `[P]`.
      parents: `[P]`, from `exploit`.
      bounds: `(low, high)` by name; infinite where there are none.
      factor: above one.
    """
    moved = parents != jnp.arange(parents.shape[0])
    found = {}
    for i, name in enumerate(sorted(values)):
        own = values[name][parents]
        up = jax.random.bernoulli(jax.random.fold_in(key, i), shape=own.shape)
        changed = jnp.clip(own * jnp.where(up, factor, 1 / factor), *bounds[name])
        found[name] = jnp.where(moved, changed, own)
    return found
