"""The density of each seed's mixture divided by that of the data, at every sample.

A discriminator like those of the GANs learns to tell the data from samples of the
mixture. There are two of them for each seed, each trained on one half of the data and
judging the other, so that no sample is judged by what has learnt it by heart.
"""

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan import (
    gradients,
    losses,
    penalties,
    population,
    runs,
    steps,
    training,
    types,
)
from jaxgan.core import randomness
from jaxgan.data import dataset, modes, pool, standardise
from jaxgan.ensembles import boosting, features
from jaxgan.scripts import ensemble_experiments
from jaxgan.training import methods

FOLDS = 2
"""Parts of the data, each judged by a classifier that was trained on the others."""

FAKES = 8192
"""Samples of a mixture, at most, that its classifiers learn."""

KEYS = 5
"""Added to the seed of a run for the keys of the classifiers."""


class Judge(NamedTuple):
    """Classifiers of all seeds, `[S FOLDS]`, made ready.

    Attributes:
      program: that trains them.
      begin: `(hparams, keys) -> state` of all.
      hparams: of all.
      data: the pool, its parts as modes.
      flops: operations of one step of the classifiers of one seed.
    """

    program: training.Program
    begin: Callable[..., types.TrainState]
    hparams: types.HParams
    data: pool.Pool
    flops: float


def num_fakes(experiment: ensemble_experiments.Experiment) -> int:
    """How many samples of a mixture its classifiers learn: no more than are real."""
    return min(FAKES, len(experiment.data.x))


def judge(experiment: ensemble_experiments.Experiment, method: methods.Method) -> Judge:
    """Makes the classifiers of an experiment's seeds ready.

    Args:
      experiment: whose discriminators they are like.
      method: of the GANs; a classifier has its penalties and the numbers of its
        discriminator's optimiser, and the non-saturating loss, which is a classifier's.
    """
    made = _made(experiment, method)
    number = len(experiment.data.x)
    folds = modes.from_labels(np.arange(number) % min(FOLDS, number))
    data = experiment.data._replace(modes=jax.tree.map(jnp.asarray, folds))
    hparams = _hparams(experiment, made, data)
    one = population.take(hparams, 0)
    trainers = [
        runs.trainer(
            made, experiment.batch_size, one, data, mapper, experiment.data_devices
        )
        for mapper in experiment.mappers
    ]
    trainer = runs.first_that_fits(trainers, hparams, data)
    begin = jax.jit(jax.vmap(made.initialise))
    flops = len(folds.counts) * trainer.flops
    return Judge(trainer.program, begin, hparams, data, flops)


def ratios(
    experiment: ensemble_experiments.Experiment,
    judge: Judge,
    fakes: jax.Array,
    num_steps: int,
    number: int,
) -> np.ndarray:
    """Trains classifiers against some fakes, and asks them about all data.

    Args:
      experiment: of the data.
      judge: from `judge`.
      fakes: `[S, num_fakes, ...]` of each seed's mixture, in the units of the data.
      num_steps: of each classifier.
      number: of the mixture, which has classifiers of its own.

    Returns:
      `[S, N]`, see `boosting.from_logits`.
    """
    num_folds = len(judge.data.modes.counts)
    shown = jnp.repeat(fakes, num_folds, axis=0)
    if judge.hparams.standardiser is not None:
        shown = jax.vmap(standardise.standardise)(judge.hparams.standardiser, shown)
    key = jax.random.fold_in(randomness.key(experiment.seed + KEYS), number)
    keys = population.keys(key, len(shown))
    state = judge.begin(judge.hparams, keys)
    kept = state.collections._replace(generator={"samples": shown})
    state = training.train(
        judge.program,
        judge.hparams,
        state._replace(collections=kept),
        keys,
        judge.data,
        num_steps=num_steps,
    )
    logits = _logits(
        *(experiment.networks, experiment.batch_size, judge.hparams, state),
        experiment.data.x,
    )
    logits = np.asarray(logits).reshape(len(fakes), num_folds, -1)
    rows = np.arange(logits.shape[-1])
    return boosting.from_logits(logits[:, rows % num_folds, rows])


def _made(
    experiment: ensemble_experiments.Experiment, method: methods.Method
) -> methods.Made:
    replayed = boosting.replaying(experiment.networks, num_fakes(experiment))
    chosen = {
        name: penalties.PENALTIES[name]
        for name in method.weights
        if name in penalties.PENALTIES
    }
    loss = losses.get("non_saturating")
    gradient = gradients.discriminator(replayed, loss, chosen)
    weights = {name: method.weights[name] for name in chosen}
    return methods.Made(
        # Without a quarantine, which would look at all samples in every step; a
        # classifier that diverges says nothing, see `boosting.from_logits`.
        steps.update("discriminator", gradient),
        steps.initialise(replayed),
        types.HParams(method.optimizer, weights),
        1,
    )


def _hparams(experiment, made, data) -> types.HParams:
    """Numbers of the classifiers, each of which learns all parts but its own."""
    number = data.modes.table.shape[0]
    # Of one sample there is no other part.
    other = np.ones((number, number)) - (np.eye(number) if number > 1 else 0)
    weights = jnp.asarray(np.tile(other, (experiment.seeds, 1)), jnp.float32)
    units = None
    if experiment.standardised:
        units = pool.standardisers(data, jnp.ones_like(weights))
    hparams = population.broadcast(made.hparams, len(weights))
    return hparams._replace(mode_weights=weights, standardiser=units)


@functools.partial(jax.jit, static_argnums=(0, 1))
def _logits(gan, batch_size, hparams, state, x):
    """The classifiers' logits `[P, N]` of all data, one classifier at a time.

    Samples come in batches as large as those in training, which is what a layer that
    sees the whole batch has learnt.
    """

    def one(member):
        standardiser, params, collections = member

        def judge(x):
            real = dataset.to_float(x)
            if standardiser is not None:
                real = standardise.standardise(standardiser, real)
            return gan.discriminate(params, collections, real)[0].logits

        return features.in_blocks(judge, x, batch_size)

    own = state.params.discriminator, state.collections.discriminator
    return jax.lax.map(one, (hparams.standardiser, *own))
