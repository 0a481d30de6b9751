"""Members on a ring or torus that take over what their neighbours do better.

Every so many steps each place of the ensemble compares the generators and the
discriminators of its neighbourhood, each against all opponents there, and keeps of both
players the one with the least loss:

    step = jax.jit(neighbours.exchange(gan, losses.get("non_saturating"), (8,)))
    state, moved = step(hparams, state, batch, key)       # of a population of 8

Hyperparameters stay at their place. Between exchanges the members train as any
population. Selection by loss spreads good networks, and copies them.

References:
  Schmiedlechner et al., Towards Distributed Coevolutionary GANs, 2018,
  https://arxiv.org/abs/1807.08194
  Schmiedlechner et al., Lipizzaner: A System That Scales Robust Generative Adversarial
  Network Training, 2018, https://arxiv.org/abs/1811.12843
  Toutouh and O'Reilly, Signal Propagation in a Gradient-Based and Evolutionary Learning
  System, 2021, https://arxiv.org/abs/2102.08929, where the places are a ring
"""

import math
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan import population, types
from jaxgan.core import errors
from jaxgan.steps import order

Exchange = Callable[..., tuple[types.TrainState, types.Pair]]
"""`(hparams, state, batch, key) -> (state, moved)` of an ensemble."""


def neighbourhoods(shape: Sequence[int]) -> np.ndarray:
    """The places `[M, 1 + 2 d]` around each place of a ring (d = 1) or torus (d = 2).

    Its own comes first, then those before and after it along each axis; where an axis
    is short a place may occur twice.

    Args:
      shape: `(M,)` or `(rows, columns)`; places are numbered row by row.

    Raises:
      UserError: if it is neither, or a side is below 1.
    """
    sides = tuple(shape)
    errors.require_whole(**{f"side_{i}": side for i, side in enumerate(sides)})
    if len(sides) not in (1, 2) or min(sides) < 1:
        raise errors.UserError(
            f"shape={sides} must be (M,) for a ring or (rows, columns) for a torus."
        )
    places = np.arange(math.prod(sides)).reshape(sides)
    shifted = [
        np.roll(places, by, axis) for axis in range(len(sides)) for by in (1, -1)
    ]
    return np.stack([places, *shifted], axis=-1).reshape(places.size, -1)


def nearest_torus(num_members: int) -> tuple[int, ...]:
    """The squarest torus of M places, or the ring where only a row would do."""
    rows = max(r for r in range(1, math.isqrt(num_members) + 1) if num_members % r == 0)
    return (num_members,) if rows == 1 else (rows, num_members // rows)


def exchange(gan: types.GAN, loss: types.Loss, shape: Sequence[int]) -> Exchange:
    """Builds the exchange of an ensemble's M members.

    The fitness of a generator at a place is its mean loss against the discriminators of
    the neighbourhood, and likewise for a discriminator. The fittest of each player
    takes the place, with its optimiser's moments, statistics and moving average; of
    equally fit ones the one that is there stays. The dead are no opponents and lose
    against any other, as do players with a loss that is not finite; a place that was
    taken over by living players lives. All M^2 pairs are evaluated.

    Args:
      gan: the networks.
      loss: by which they are compared.
      shape: of the ring or torus, see `neighbourhoods`.

    Returns:
      A pure function `(hparams, state, batch, key) -> (state, moved)`: hyperparameters
      and state of the M members, every leaf `[M, ...]`, a `Batch` of real samples in
      the units in which they train, and a key that is consumed; `moved` is a `Pair` of
      bool `[M]`, whether a player came from elsewhere.

    Raises:
      UserError: if the shape is none; when called, if there are other members than it
        has places.
    """
    types.require_gan(gan)
    near = jnp.asarray(neighbourhoods(shape))

    def exchanging(hparams, state, batch, key):
        total = population.size(state.alive)
        if total != len(near):
            raise errors.UserError(
                f"shape={tuple(shape)} has {len(near)} places, but there are {total} "
                "members; give as many."
            )
        cost = pair_losses(gan, loss, state, batch, key)
        fitness = types.Pair(
            _fitness(cost.generator, state.alive, near),
            _fitness(cost.discriminator.T, state.alive, near),
        )
        here = jnp.arange(total)
        chosen = types.Pair(*(near[here, jnp.argmin(own, axis=1)] for own in fitness))
        taken = (jax.tree.map(lambda x, i=i: x[i], state) for i in chosen)
        return order.joined(state, *taken), types.Pair(*(i != here for i in chosen))

    return exchanging


def pair_losses(
    gan: types.GAN,
    loss: types.Loss,
    state: types.TrainState,
    batch: types.Batch,
    key: jax.Array,
) -> types.Pair:
    """Both players' losses `[M, M]` of each generator (row) against each discriminator.

    Args:
      gan: the networks.
      loss: of both players.
      state: of M members.
      batch: real samples that all discriminators see.
      key: consumed; all generators have the same latents.
    """
    z = gan.latent(key, batch.x.shape[0])

    def make(params, collections):
        return gan.generate(params, collections, z, batch.label)[0]

    def judge(params, collections, x):
        return gan.discriminate(params, collections, x, batch.label)[0].logits

    fakes = jax.vmap(make)(state.params.generator, state.collections.generator)
    judges = state.params.discriminator, state.collections.discriminator
    real = jax.vmap(judge, (0, 0, None))(*judges, batch.x)

    def against(fake):
        said = jax.vmap(judge, (0, 0, None))(*judges, fake)
        return types.Pair(
            jax.vmap(loss.generator)(real, said),
            jax.vmap(loss.discriminator)(real, said),
        )

    return jax.vmap(against)(fakes)


def _fitness(cost, alive, near):
    """Mean cost `[M, n]` of a place's candidates against the living around the place.

    Args:
      cost: `[M, M]` of whom it is about (row) against an opponent (column).
      alive: bool `[M]`.
      near: places `[M, n]` around each.
    """
    own = cost[near[:, :, None], near[:, None, :]]
    there = alive[near][:, None, :]
    mean = jnp.where(there, own, 0).sum(axis=-1) / jnp.maximum(there.sum(axis=-1), 1)
    return jnp.where(alive[near] & jnp.isfinite(mean), mean, jnp.inf)
