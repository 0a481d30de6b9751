"""Batches whose labels are the modes that samples were drawn from.

A conditional GAN can so be trained on clusters in the place of classes, and each member
of a population on clusters of its own: the modes of all members lie in one table, K
rows for each.
"""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from jaxgan import types
from jaxgan.core import errors, randomness
from jaxgan.data import dataset, pool, sampling, standardise
from jaxgan.data import modes as modes_lib

Draw = Callable[[pool.Pool, types.HParams, jax.Array], types.Batch]


def draw(num_modes: int) -> Callable[[int], Draw]:
    """Builds the builder of a sampler, to be used where `pool.draw` is.

    Args:
      num_modes: K; row r of the modes' table is the class `r mod K`.

    Returns:
      `batch_size -> (data, hparams, key) -> Batch`, which draws a row by the member's
      `hparams.mode_weights` and then one of its samples. What a member of `tables`
      draws depends neither on where its rows lie nor on how many others there are.

    Raises:
      UserError: if `num_modes` < 1, or (when traced) if there are no modes or weights,
        or other rows than K for each member.
    """
    errors.require_whole(num_modes=num_modes)
    if num_modes < 1:
        raise errors.UserError(f"num_modes={num_modes} must be at least 1.")

    def of_size(batch_size: int) -> Draw:
        def sample(data, hparams, key):
            if data.modes is None or hparams.mode_weights is None:
                raise errors.UserError(
                    "the labels of these batches are modes; give them, as in "
                    "pool.put(x, modes), and a weight for each to every member."
                )
            key = randomness.threefry(key)
            class_key, entry_key = jax.random.split(key)
            # First the class, then whose: sums with zeros are exact, so that the rows
            # of other members do not enter the rounding.
            weights = _by_member(hparams.mode_weights, num_modes)
            label = sampling.categorical(weights.sum(0), class_key, batch_size)
            owner_keys = jax.random.split(jax.random.fold_in(key, 2), batch_size)
            owner = jax.vmap(sampling.categorical, (1, 0, None))(
                weights[:, label], owner_keys, 1
            )
            row = owner[:, 0] * num_modes + label
            count = jnp.asarray(data.modes.counts)[row]
            entry = jax.random.randint(entry_key, (batch_size,), 0, count, jnp.int32)
            x = dataset.to_float(data.x[jnp.asarray(data.modes.table)[row, entry]])
            if hparams.standardiser is not None:
                x = standardise.standardise(hparams.standardiser, x)
            return types.Batch(x, label)

        return sample

    return of_size


def _by_member(mode_weights: ArrayLike, num_modes: int) -> jax.Array:
    """Mode weights `[P K]` as `[P, K]`."""
    weights = jnp.asarray(mode_weights, jnp.float32)
    if weights.shape[0] % num_modes:
        raise errors.UserError(
            f"there are {weights.shape[0]} modes, which are not num_modes={num_modes} "
            "for each member; mode_labels.tables makes them."
        )
    return weights.reshape(-1, num_modes)


def tables(
    labels: Sequence[ArrayLike] | np.ndarray, num_modes: int
) -> tuple[modes_lib.Modes, np.ndarray]:
    """The modes of P members in one table, and what each of them draws from.

    The table has a row length of N, whatever the clusters are, so that a program which
    draws from it fits all clusters.

    Args:
      labels: `[P, N]` integers in 0 .. K - 1; of each member every one must occur.
      num_modes: K.

    Returns:
      Modes of P K rows, member p's from row p K on, and mode weights `[P, P K]`: of its
      own rows their shares of the samples, 0 elsewhere.

    Raises:
      UserError: as `modes.from_labels`.
    """
    found = [modes_lib.from_labels(np.asarray(own), num_modes) for own in labels]
    num_members, num_samples = len(found), len(np.asarray(labels[0]))
    rows = [
        np.resize(row[:count], num_samples)
        for own in found
        for row, count in zip(own.table, own.counts, strict=True)
    ]
    counts = np.stack([own.counts for own in found])
    weights = np.zeros((num_members, num_members, num_modes), np.float32)
    here = np.arange(num_members)
    weights[here, here] = counts / num_samples
    modes = modes_lib.Modes(np.stack(rows).astype(np.int32), counts.reshape(-1))
    return modes, weights.reshape(num_members, -1)
