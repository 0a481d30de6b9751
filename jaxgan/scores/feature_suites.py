"""Scores of features beside real ones, sample by sample: copies and clipped balls.

They take distances of all pairs, so that of each seed only some samples are looked at,
see `number_of`, and of the real ones as many; the training set, of which a generator
may copy any sample, is looked at as a whole. All sets of features are in a random
order, of which the first are taken.
"""

import dataclasses
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array

from jaxgan.scores import clipped, copies, frechet, kernel_entropy, record

Records = dict[str, record.Score]
Suite = Callable[[Array], Records]
"""`features [S, N, F] -> records`, every array of them `[S]`."""

MOST = 1000
"""Samples of each seed."""

LEAST = clipped.K + 1
"""Samples without which there are no such scores."""


def number_of(*counts: int) -> int:
    """How many samples of each seed to look at, where some sets have so many."""
    return min(MOST, *counts)


def beside_real(real: Array, number: int, name: str | record.Protocol) -> Suite:
    """Builds the scores of some samples beside as many real ones.

    Args:
      real: `[M, F]`, M at least `number`.
      number: of samples; nearest neighbours are the nearer the more there are.
      name: what the features are.

    Returns:
      A suite of `clipped_density`, `clipped_coverage`, `repetition` and, unless the
      real samples are all alike, `rke_mode_count`. It gives no records of fewer than
      `number` samples, and if that is below `LEAST`.
    """
    if number < LEAST:
        return _nothing
    first = real[:number]
    width = kernel_entropy.bandwidth(first)
    others, balls = _prepared(first)
    # Numbers that are known before tracing.
    others = others._replace(num_real=number, quantile=copies.QUANTILE)
    balls = balls._replace(k=clipped.K)

    @jax.jit
    def of_seed(own: Array) -> Records:
        found = clipped.of_balls(balls, own, name)
        found["repetition"] = copies.repetition(own, others, name)
        if width > 0:
            count = kernel_entropy.rke_mode_count(own, width, name)
            found["rke_mode_count"] = count
        return found

    real_count = of_seed(first).get("rke_mode_count")

    def suite(features: Array) -> Records:
        found = _of_seeds(of_seed, features, number)
        if real_count is not None and found:
            count = found["rke_mode_count"]
            target = jnp.broadcast_to(real_count.value, count.value.shape)
            found["rke_mode_count"] = dataclasses.replace(count, target=target)
        return found

    return suite


def beside_training(
    training: Array, held_out: Array, number: int, name: str | record.Protocol
) -> Suite:
    """Builds the score of copies of the training set.

    Args:
      training: `[T, F]` of the samples that generators were trained on.
      held_out: `[L, F]` of others, by the first of which is told what a copy is.
      number: of samples.
      name: what the features are.

    Returns:
      A suite of `memorisation`. It gives no record of fewer than `number` samples, and
      if that is below `LEAST`.
    """
    if number < LEAST:
        return _nothing
    held_out = held_out[:number]
    near = _to_training(held_out, training)
    near = near._replace(num_real=len(held_out), quantile=copies.QUANTILE)

    # The training set is an argument, as constants are folded by the compiler.
    @jax.jit
    def of_seed(own: Array, training: Array) -> Records:
        return {"memorisation": copies.memorisation(own, training, near, name)}

    return lambda x: _of_seeds(lambda own: of_seed(own, training), x, number)


def _nothing(features: Array) -> Records:
    del features
    return {}


def _of_seeds(
    of_seed: Callable[[Array], Records], features: Array, number: int
) -> Records:
    """One seed after another, so that one program serves all numbers of them."""
    if features.shape[1] < number:
        return {}
    seeds = [of_seed(own[:number]) for own in features]
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *seeds)


@jax.jit
def _prepared(first: Array) -> tuple[copies.Nearness, clipped.Balls]:
    return copies.to_each_other(first), clipped.balls(first)


_to_training = jax.jit(copies.to_training)

frechet_floor = jax.jit(frechet.frechet_floor, static_argnames="num_fake")
"""`scores.frechet_floor` as one program, of features that lie on the device."""
