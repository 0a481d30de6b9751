"""Arms whose modes are clusters in the features of a discriminator.

`per_mode_features`: clusters in the features of a discriminator that was briefly
trained on all data, its operations taken from what the arm may spend.
`self_conditioned`: one conditional GAN whose classes are clusters of its own
discriminator's features, found anew between rounds under the names that they had.

References:
  Liu et al., Diverse Image Generation via Self-Conditioned GANs, 2020,
  https://arxiv.org/abs/2006.10728
"""

import dataclasses
import functools
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan import ensembles, gan, population, runs, training, types
from jaxgan.core import randomness
from jaxgan.data import dataset, mode_labels, modes, reclustering, standardise
from jaxgan.ensembles import features
from jaxgan.scripts import ensemble_arms, ensemble_experiments, ensemble_rounds

ROUNDS = 10
"""Clusterings of a self-conditioned GAN, evenly spread."""

ANY = 0
"""The class that samples are told to be of, on which features do not depend."""

BRIEF = 8
"""Keys of the discriminator that is trained briefly, added to the seed of a run."""


def in_features(
    make: ensemble_arms.Make, num_modes: int, num_steps: int
) -> ensemble_arms.Adapt:
    """Builds the `adapt` of a GAN per cluster in a discriminator's features.

    Args:
      make: how the discriminator is trained, with a generator.
      num_modes: K.
      num_steps: that it is trained.
    """

    def adapt(experiment, arm):
        one = ensembles.bagged(experiment.data.modes, 1)
        brief = arm._replace(plan=one)
        trainer = ensemble_arms.trainer(experiment, make, 1)
        single = dataclasses.replace(experiment, seeds=1)
        hparams = ensemble_arms.hparams_of(single, trainer, brief)
        keys = population.keys(randomness.key(experiment.seed + BRIEF), 1)
        state = population.init(trainer.made.initialise, hparams, keys)
        data = experiment.data
        state = training.train(
            trainer.program, hparams, state, keys, data, num_steps=num_steps
        )
        found = next(_features(experiment.networks, hparams, state, data.x))
        own = modes.cluster(found, num_modes, seed=experiment.seed)
        own = jax.tree.map(jnp.asarray, own)
        adapted = dataclasses.replace(experiment, data=data._replace(modes=own))
        spent = num_steps * trainer.flops
        return adapted, arm._replace(plan=ensembles.per_mode(own), spent=spent)

    return adapt


def conditional(num_modes: int) -> ensemble_arms.Adapt:
    """Builds the `adapt` of a self-conditioned GAN of so many classes.

    The discriminator judges each class by a projection of its features, which do not
    depend on the class. Until the first clustering all modes are placeholders.
    """

    def adapt(experiment, arm):
        architecture = experiment.architecture | {
            "num_classes": num_modes,
            "discriminator_conditioning": "projection",
        }
        number = len(experiment.data.x)
        labels = np.tile(np.arange(number) % num_modes, (experiment.seeds, 1))
        table, _ = mode_labels.tables(labels, num_modes)
        table = jax.tree.map(jnp.asarray, table)
        adapted = dataclasses.replace(
            experiment,
            networks=gan.build(architecture),
            architecture=architecture,
            data=experiment.data._replace(modes=table),
            draw=mode_labels.draw(num_modes),
        )
        rows = experiment.seeds * num_modes
        plan = ensembles.Plan(jnp.full((1, rows), 1 / rows), jnp.ones(1))
        return adapted, arm._replace(plan=plan)

    return adapt


def driver(num_modes: int) -> ensemble_arms.Driver:
    """Builds the driver of a self-conditioned GAN of so many classes."""

    def drive(experiment, trainer, arm, members, flops):
        look = _cost_of_features(experiment, members)
        budget = flops - arm.spent - ROUNDS * look
        num_steps = max(1, round(budget / trainer.flops))
        labels = np.zeros((experiment.seeds, len(experiment.data.x)), np.int32)

        def clustered(t, members, own):
            nonlocal labels
            found = _features(
                own.networks, members.hparams, members.state, own.data.x, ANY
            )
            labels = np.stack(
                [
                    _labels(x, before, num_modes, own.seed, first=t < 0)
                    for x, before in zip(found, labels, strict=True)
                ]
            )
            table, weights = mode_labels.tables(labels, num_modes)
            table = jax.tree.map(jnp.asarray, table)
            hparams = members.hparams._replace(mode_weights=jnp.asarray(weights))
            data = own.data._replace(modes=table)
            following = dataclasses.replace(own, data=data)
            return members._replace(hparams=hparams), following

        begun = clustered(-1, members, experiment)
        until = ensemble_rounds.ends(num_steps, ROUNDS)
        found, history = ensemble_rounds.train(
            begun[1], trainer, arm, begun[0], until, clustered
        )
        last = found[-1]
        told = ensemble_arms.record(experiment, trainer, arm, last, history)
        told["teraflops"] += ROUNDS * look / 1e12
        shares = np.asarray(last.hparams.mode_weights)
        seeds = np.arange(experiment.seeds)
        shares = shares.reshape(len(seeds), len(seeds), num_modes)[seeds, seeds]
        classes = jnp.asarray(shares, jnp.float32)[:, None]
        return told, last, arm._replace(classes=classes)

    return drive


def _labels(
    x: np.ndarray, before: np.ndarray, num_modes: int, seed: int, *, first: bool
) -> np.ndarray:
    if first:
        return reclustering.clustered(x, num_modes, seed)
    return reclustering.reclustered(x, before, num_modes, seed)


def _features(
    networks: types.GAN,
    hparams: types.HParams,
    state: types.TrainState,
    x: Any,
    label: int | None = None,
) -> Iterator[np.ndarray]:
    """Each member's features `[N, F]` of all data, one member at a time."""
    players = state.params.discriminator, state.collections.discriminator
    members = (hparams.standardiser, *players)
    for i in range(len(state.alive)):
        own = jax.tree.map(lambda leaf, i=i: leaf[i], members)
        yield np.asarray(_judged(networks, label, own, x))


@functools.partial(jax.jit, static_argnums=(0, 1))
def _judged(networks, label, member, x):
    standardiser, params, collections = member
    real = dataset.to_float(x)
    if standardiser is not None:
        real = standardise.standardise(standardiser, real)
    return features.of_data(networks, params, collections, real, label)


def _cost_of_features(
    experiment: ensemble_experiments.Experiment, members: runs.Members
) -> float:
    """Operations of the features of all data, for one member."""
    own = jax.tree.map(lambda leaf: leaf[0], members.state)
    label = jnp.full(len(experiment.data.x), ANY)

    def judged(params, collections, x):
        real = dataset.to_float(x)
        return experiment.networks.discriminate(params, collections, real, label)[0]

    return training.operations(
        judged,
        own.params.discriminator,
        own.collections.discriminator,
        experiment.data.x,
    )
