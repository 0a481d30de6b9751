"""Population-based training: the worst take over the best, and change their numbers.

Every so often all members are scored; then, for each member,

    exploit: if it is among the worst, its weights and optimiser become a winner's;
    explore: its hyperparameters become the winner's, a little changed.

Both are functions of their arguments and a key alone. Exploiting is for arrays `[P]`,
to be jitted, and a gather over the members' axis, `population.take(tree, parents)`; a
member keeps its own key, so that it and its winner see other batches from then on.
Exploring is for Python's numbers on the host: a decimal stays the one that was written,
and is rounded to float32 for the device alone.

    parents = pbt.exploit(key, scores)
    state = population.take(state, parents)
    values = pbt.explore(key, values, parents, space)

References:
  Jaderberg et al., Population Based Training of Neural Networks, 2017,
  https://arxiv.org/abs/1711.09846
"""

from collections.abc import Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxgan.sweeps import spaces

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
    values: Mapping[str, Sequence[float]],
    parents: Sequence[int],
    space: spaces.Space,
    factor: float = FACTOR,
) -> dict[str, list[float]]:
    """The members' hyperparameters after `exploit`.

    Those of a member that went on from another are the other's, each moved up or down
    with equal chances, and never out of what the space says: a choice becomes the next
    greater or smaller one, whole numbers stay whole, and other numbers are taken times
    `factor` or `1 / factor`. At the end of a range a number that would leave it stays.
    Zero, which no factor changes, is drawn anew.

    Args:
      key: consumed.
      values: by name, `[P]`, numbers.
      parents: `[P]`, from `exploit`.
      space: distributions of the numbers, by name; conditions do not count.
      factor: above one.
    """
    found = {}
    for i, name in enumerate(sorted(values)):
        own_key, total = jax.random.fold_in(key, i), (len(parents),)
        up = np.asarray(jax.random.bernoulli(own_key, shape=total))
        shares = np.asarray(jax.random.uniform(jax.random.fold_in(own_key, 1), total))
        inner, own = spaces.unwrapped(space[name])[0], values[name]
        found[name] = [
            own[member]
            if member == parent
            else _moved(own[parent], up[member], float(shares[member]), inner, factor)
            for member, parent in enumerate(np.asarray(parents).tolist())
        ]
    return found


def _moved(value, rises, share, distribution, factor):
    match distribution:
        case spaces.Categorical(choices):
            ordered = sorted(set(choices))
            # The nearest: earlier versions left the choices.
            at = min(range(len(ordered)), key=lambda i: abs(ordered[i] - value))
            return ordered[min(max(at + (1 if rises else -1), 0), len(ordered) - 1)]
        case spaces.Integers(low, high):
            size = max(1, round(abs(value) * (factor - 1)))
            return min(max(round(value) + (size if rises else -size), low), high)
    if value == 0:
        return spaces.quantile(distribution, share)
    value = value * factor if rises else value / factor
    if isinstance(distribution, spaces.Normal):
        return value
    return min(max(value, distribution.low), distribution.high)
