"""The programs of a structure: how a population trains, draws and is inverted.

On a CPU the members are taken in chunks of a size that is always the same, so that a
trial has the same bits alone and in any population, in any order.
"""

import dataclasses
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxgan import ensembles, population, runs, types
from jaxgan.data import dataset
from jaxgan.scores import suites
from jaxgan.scripts import from_settings, settings
from jaxgan.sweeps import recipes
from jaxgan.training import methods

CHUNK_OF_MEMBERS = 4
"""Of MLPs on a CPU, the fastest for each member."""

STARTS = 1000
"""Samples among which the inversion of a generator begins, at most."""

DRAWN = 2**31
"""Folded into a member's key for what it is scored with; no step is so late."""


class Ready(NamedTuple):
    """A structure made ready for a population.

    Attributes:
      made: its step and beginning.
      trainer: its program.
      draw: `(state, hparams, keys) -> x [P, N, ...]` of the generators.
      networks: of each member.
      invert: `(state, hparams, keys, precision [P]) -> records` of data for which
        generators are inverted, see `suites.inversion`; None for others.
    """

    made: methods.Made
    trainer: runs.Trainer
    draw: Callable[[types.TrainState, types.HParams, jax.Array], jax.Array]
    networks: types.GAN
    invert: Callable[..., suites.Records] | None


def make(
    recipe: recipes.Recipe,
    num_members: int,
    data: dataset.Dataset,
    placed: types.Tree,
    devices: settings.Devices,
    *,
    samples: int,
    chunk_steps: int,
) -> Ready:
    """Makes the programs of a structure.

    Args:
      recipe: of which only the `recipes.structure` counts.
      num_members: of the population.
      data: that it learns.
      placed: the training data on the device, with their classes.
      devices: that it runs on.
      samples: that are scored, of each member.
      chunk_steps: of the training.
    """
    networks = recipes.networks_of(recipe, data)
    made = methods.make(networks, recipes.method(recipe))
    weights = recipes.mode_weights(recipe, placed.modes)
    made = made._replace(hparams=made.hparams._replace(mode_weights=weights))
    convolutional = recipes.is_convolutional(recipe)
    trainer = from_settings.trainer_for(
        _chunked(devices, convolutional),
        made,
        recipe.batch_size,
        population.broadcast(made.hparams, num_members),
        placed,
        placed,
        chunk_steps,
        convolutional=convolutional,
    )
    invert = suites.inversion(data)
    return Ready(
        made,
        trainer,
        _of_each(networks, samples, lambda generate, z: generate(z)),
        networks,
        None if invert is None else _of_each(networks, min(samples, STARTS), invert),
    )


def _chunked(devices: settings.Devices, convolutional: bool) -> settings.Devices:
    free = devices.microbatch_members == "auto" and jax.default_backend() == "cpu"
    if not free or convolutional:
        return devices
    return dataclasses.replace(devices, microbatch_members=CHUNK_OF_MEMBERS)


def _of_each(networks: types.GAN, n: int, measure: Callable):
    """`measure(generate, z [n, D], *more)` of each member's averaged generator.

    What it gives is NaN for members that died.
    """

    def of_member(state, hparams, key, *more):
        one = jax.tree.map(lambda x: x[None], (state, hparams))
        z_key, passes_key = (jax.random.fold_in(key, DRAWN + i) for i in range(2))
        mixture = ensembles.mixture(networks, *one, jnp.ones(1), passes_key)
        own = jax.tree.map(lambda x: x[0], (mixture.params, mixture.collections))
        found = measure(
            lambda z: networks.generate(*own, z)[0], networks.latent(z_key, n), *more
        )
        return jax.tree.map(lambda x: jnp.where(state.alive, x, jnp.nan), found)

    return jax.jit(lambda *members: jax.lax.map(lambda m: of_member(*m), members))
