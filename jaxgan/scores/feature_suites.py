"""Scores of features beside real ones, sample by sample: copies and clipped balls.

They take distances of all pairs, so that of each seed at most `MOST` samples are
looked at, and of the real ones as many; the training set, of which a generator may copy
any sample, is looked at as a whole.
"""

import functools
from collections.abc import Callable

import jax
from jax import Array

from jaxgan.scores import clipped, copies, kernel_entropy, record

Records = dict[str, record.Score]

MOST = 1000
"""Samples of each seed."""

LEAST = clipped.K + 1
"""Samples without which there are no such scores."""


def beside_real(
    real: Array,
    training: Array,
    held_out: Array | None,
    name: str | record.Protocol,
) -> Callable[[Array], Records]:
    """Builds `features [S, N, F] -> records`, every array of them `[S]`.

    All sets of features are in a random order, of which the first are taken.

    Args:
      real: `[M, F]` of the real samples that are compared with.
      training: `[T, F]` of the training samples, which may be copied.
      held_out: `[L, F]` of others, by which is told what a copy is; None for no score
        of copies.
      name: what the features are.

    Returns:
      The suite. Its records are `clipped_density` and `clipped_coverage`,
      `rke_mode_count` unless the real samples are all alike, `repetition` and, with
      held-out samples, `memorisation`; none for very few samples.
    """
    near_training = (
        None if held_out is None else copies.to_training(held_out[:MOST], training)
    )

    @functools.cache
    def of_number(number: int) -> Callable[[Array], Records]:
        first = real[:number]
        near_others = copies.to_each_other(first)
        width = float(kernel_entropy.bandwidth(first))

        def of_seed(own: Array, first: Array, training: Array) -> Records:
            found = clipped.clipped_density_coverage(first, own, features=name)
            found["repetition"] = copies.repetition(own, near_others, name)
            if width > 0:
                target = kernel_entropy.rke_mode_count(first, width).value
                found["rke_mode_count"] = kernel_entropy.rke_mode_count(
                    own, width, name, target
                )
            if near_training is not None:
                found["memorisation"] = copies.memorisation(
                    own, training, near_training, name
                )
            return found

        # Real features are arguments, as constants would be folded by the compiler.
        @jax.jit
        def of_seeds(features: Array, first: Array, training: Array) -> Records:
            return jax.lax.map(lambda own: of_seed(own, first, training), features)

        return lambda features: of_seeds(features[:, :number], first, training)

    def suite(features: Array) -> Records:
        number = min(MOST, features.shape[1], len(real))
        return of_number(number)(features) if number >= LEAST else {}

    return suite
