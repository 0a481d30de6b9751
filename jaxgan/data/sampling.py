"""Drawing training batches from data that lie on the device.

Which modes a member of a population learns is a vector of probabilities over one shared
dataset: one-hot rows give a GAN per mode, uniform rows an ordinary ensemble.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from jaxgan import types
from jaxgan.core import errors, randomness
from jaxgan.data import dataset
from jaxgan.data import modes as modes_lib


def sampler(
    x: ArrayLike,
    modes: modes_lib.Modes | None,
    batch_size: int,
    label: ArrayLike | None = None,
) -> Callable[[ArrayLike | None, Array], types.Batch]:
    """Builds the function that draws a batch of real samples, with replacement.

    Each sample first draws its mode from `mode_weights`, then an entry of that mode
    uniformly. Built inside a jitted function from that function's arguments, it leaves
    the data an argument of the program; built outside, they become a constant of it.

    Args:
      x: `[N, ...]` uint8 images or floating-point points.
      modes: of those samples; may be None if `mode_weights` will be.
      batch_size: B.
      label: `[N]`, or None for batches without labels.

    Returns:
      A pure `sample(mode_weights, key) -> Batch` with `x [B, ...]` float32, images in
      [-1, 1]. `mode_weights [K]` are non-negative and need not sum to 1; a mode of
      weight 0 is never drawn. None draws from all N samples alike. The key is consumed.
    """
    x = jnp.asarray(x)
    label = None if label is None else jnp.asarray(label)

    def sample(mode_weights: ArrayLike | None, key: Array) -> types.Batch:
        index = indices(modes, mode_weights, len(x), batch_size, key)
        drawn = None if label is None else label[index]
        return types.Batch(dataset.to_float(x[index]), drawn)

    return sample


def indices(
    modes: modes_lib.Modes | None,
    mode_weights: ArrayLike | None,
    num_samples: int,
    batch_size: int,
    key: Array,
) -> Array:
    """Which samples make a batch: what `sampler` draws, without the samples.

    Args:
      modes: of the samples; may be None if `mode_weights` is.
      mode_weights: `[K]` as in `sampler`, or None to draw from all samples alike.
      num_samples: N, static; of no effect if there are `mode_weights`.
      batch_size: B, static.
      key: consumed.

    Returns:
      `[B]` int32 in 0 .. N - 1.
    """
    key = randomness.threefry(key)
    if mode_weights is None:
        return jax.random.randint(key, (batch_size,), 0, num_samples, jnp.int32)
    _check_weights(mode_weights, modes)
    mode_key, entry_key = jax.random.split(key)
    mode = categorical(mode_weights, mode_key, batch_size)
    count = jnp.asarray(modes.counts)[mode]
    entry = jax.random.randint(entry_key, (batch_size,), 0, count, jnp.int32)
    return jnp.asarray(modes.table)[mode, entry]


def _check_weights(mode_weights, modes) -> None:
    if modes is None:
        raise errors.UserError(
            "hparams.mode_weights are given but the data have no modes; give them, as "
            "in pool.put(x, modes), or leave the weights out."
        )
    found, known = jnp.shape(mode_weights), jnp.shape(modes.counts)
    if found != known:
        raise errors.UserError(
            f"mode_weights of a member have shape {found}, but the data have "
            f"{known[0]} modes; give a weight for each."
        )


def categorical(weights: ArrayLike, key: Array, n: int) -> Array:
    """Draws categories with probabilities proportional to weights, by inverse CDF.

    Args:
      weights: `[K]`, non-negative, not all 0; need not sum to 1.
      key: consumed.
      n: number of draws, static.

    Returns:
      `[n]` int32 in 0 .. K - 1; a category of weight 0 never occurs.
    """
    key, weights = randomness.threefry(key), jnp.asarray(weights, jnp.float32)
    # A parallel cumulative sum rounds differently from place to place, so that even a
    # weight of 0 may seem to raise it; only positive weights may.
    cdf = jax.lax.cummax(jnp.where(weights > 0, jnp.cumsum(weights), 0))
    # u < 1, but u * total may round up to the total, which would fall off the end.
    threshold = jax.random.uniform(key, (n,), jnp.float32) * cdf[-1]
    threshold = jnp.minimum(threshold, jnp.nextafter(cdf[-1], jnp.float32(0)))
    category = jnp.searchsorted(cdf, threshold, side="right", method="compare_all")
    return category.astype(jnp.int32)
