"""The arm `adagan`: T GANs one after the other, each on what the mixture has missed.

Between rounds a classifier of the GAN's discriminator, trained on one half of the data
against samples of the mixture so far, judges the other half, so that no sample is
judged by what has learnt it by heart; it may take half as many steps as a GAN. Its
operations are part of what the arm spends.
"""

import dataclasses
import functools
import time

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan import (
    ensembles,
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
from jaxgan.ensembles import boosting
from jaxgan.scripts import ensemble_arms, ensemble_experiments, ensemble_rounds
from jaxgan.training import methods

FOLDS = 2
"""Parts of the data, each judged by a classifier that was trained on the others."""

FAKES = 8192
"""Samples of a mixture, at most, that its classifier learns."""

CLASSIFIER_STEPS = 0.5
"""Steps of a classifier to one of a GAN."""

KEYS = 4
"""Added to the seed of a run for the keys of the rounds."""


def driver(method: methods.Method, num_rounds: int) -> ensemble_arms.Driver:
    """Builds the driver of an arm of so many rounds.

    Args:
      method: of the GANs; the classifier has its penalties and the numbers of its
        discriminator's optimiser.
      num_rounds: T, at least 1.
    """

    def drive(experiment, trainer, arm, members, flops):
        judge = _classifier(experiment, method, trainer)
        # Of T GANs, and of a classifier for each but the first.
        each = FOLDS * CLASSIFIER_STEPS * judge.flops
        whole = num_rounds * trainer.flops + (num_rounds - 1) * each
        num_steps = max(1, round((flops - arm.spent) / whole))
        judge_steps = max(1, round(CLASSIFIER_STEPS * num_steps))
        until = [num_steps * (t + 1) for t in range(num_rounds)]
        betas, trained, seconds = boosting.uniform_betas(num_rounds), [members], 0.0

        def between(t, members, own):
            nonlocal seconds
            began = time.perf_counter()
            # What a round began with was only its weights.
            trained[t:] = [members]
            ratios = _ratios(own, arm, judge, trained, betas, judge_steps)
            weights = boosting.data_weights(ratios, betas[t + 1])
            fresh, own = _next(own, trainer, members, weights, t + 1, until[t])
            seconds += time.perf_counter() - began
            return fresh, own

        fresh, experiment = _first(experiment, members)
        found, history = ensemble_rounds.train(
            experiment, trainer, arm, fresh, until, between
        )
        told = ensemble_arms.record(experiment, trainer, arm, found[-1], history)
        told["parameters"] *= num_rounds
        judged = (num_rounds - 1) * FOLDS * judge_steps * judge.flops
        told["teraflops"] += judged / 1e12
        told["train_seconds"] += seconds
        plan = arm.plan._replace(weights=boosting.mixture_weights(betas))
        return told, ensemble_rounds.side_by_side(found), arm._replace(plan=plan)

    return drive


def _first(experiment, members):
    """The first round, in which each seed draws all data alike, as from a bag."""
    number = len(experiment.data.x)
    weights = np.full((experiment.seeds, number), 1 / number)
    return _drawing(experiment, members, weights)


def _next(experiment, trainer, members, weights, number, step):
    """New members, which draw by weights and count on from the steps before them."""
    key = jax.random.fold_in(randomness.key(experiment.seed + KEYS), number)
    keys = population.keys(key, experiment.seeds)
    fresh, experiment = _drawing(experiment, members, weights)
    state = population.init(trainer.made.initialise, fresh.hparams, keys)
    state = state._replace(step=jnp.full_like(state.step, step))
    own = fresh._replace(keys=keys)
    return ensemble_rounds.with_state(own, state), experiment


def _drawing(experiment, members, weights):
    """Members that draw the samples of an experiment by weights `[S, N]`."""
    bags = jax.tree.map(jnp.asarray, modes.weighted(weights))
    data = experiment.data._replace(modes=bags)
    own = jnp.eye(experiment.seeds)
    hparams = members.hparams._replace(
        mode_weights=own,
        standardiser=pool.standardisers(data, own) if experiment.standardised else None,
    )
    following = dataclasses.replace(experiment, data=data)
    return members._replace(hparams=hparams), following


def _classifier(
    experiment: ensemble_experiments.Experiment,
    method: methods.Method,
    trainer: runs.Trainer,
) -> runs.Trainer:
    """The program of a discriminator against samples that are kept."""
    number = len(experiment.data.x)
    replayed = boosting.replaying(experiment.networks, min(FAKES, number))
    chosen = {
        name: penalties.PENALTIES[name]
        for name in method.weights
        if name in penalties.PENALTIES
    }
    loss = losses.get("non_saturating")
    gradient = gradients.discriminator(replayed, loss, chosen)
    made = methods.Made(
        steps.quarantine(steps.update("discriminator", gradient)),
        steps.initialise(replayed),
        types.HParams(
            trainer.made.hparams.optimizer, {n: method.weights[n] for n in chosen}
        ),
        1,
    )
    folds = _folds(number)
    data = experiment.data._replace(modes=jax.tree.map(jnp.asarray, folds))
    hparams = _judging(experiment, made, data)
    return runs.first_that_fits(
        [
            runs.trainer(
                made,
                experiment.batch_size,
                population.take(hparams, 0),
                data,
                mapper,
                experiment.data_devices,
            )
            for mapper in experiment.mappers
        ],
        hparams,
        data,
    )


def _folds(number: int) -> modes.Modes:
    return modes.from_labels(np.arange(number) % min(FOLDS, number))


def _judging(experiment, made, data):
    """Numbers of the classifiers, `[S FOLDS]`: each learns all folds but its own."""
    number = data.modes.table.shape[0]
    # Of one sample there is no other fold.
    other = np.ones((number, number)) - (np.eye(number) if number > 1 else 0)
    weights = jnp.asarray(np.tile(other, (experiment.seeds, 1)), jnp.float32)
    hparams = population.broadcast(made.hparams, len(weights))
    even = jnp.ones_like(weights)
    return hparams._replace(
        mode_weights=weights,
        standardiser=pool.standardisers(data, even)
        if experiment.standardised
        else None,
    )


def _ratios(experiment, arm, judge, rounds, betas, num_steps) -> np.ndarray:
    """The mixture's density by the data's `[S, N]`, as the classifiers have it."""
    seeds, number, t = experiment.seeds, len(experiment.data.x), len(rounds)
    folds = _folds(number)
    data = experiment.data._replace(modes=jax.tree.map(jnp.asarray, folds))
    hparams = _judging(experiment, judge.made, data)
    num_folds = len(folds.counts)
    # Rounds to come have no weight, so that all mixtures are of one shape.
    padded = [*rounds, *[rounds[0]] * (len(betas) - t)]
    weights = np.append(boosting.mixture_weights(betas[:t]), np.zeros(len(betas) - t))
    mixed = arm._replace(plan=arm.plan._replace(weights=weights))
    members = ensemble_rounds.side_by_side(padded)
    fakes = _draws(experiment, mixed, members, t)
    fakes = jnp.repeat(fakes, num_folds, axis=0)
    if hparams.standardiser is not None:
        fakes = jax.vmap(standardise.standardise)(hparams.standardiser, fakes)
    key = jax.random.fold_in(randomness.key(experiment.seed + KEYS + 1), t)
    keys = population.keys(key, seeds * num_folds)
    state = population.init(judge.made.initialise, hparams, keys)
    kept = state.collections._replace(generator={"samples": fakes})
    state = training.train(
        judge.program,
        hparams,
        state._replace(collections=kept),
        keys,
        data,
        num_steps=num_steps,
    )
    logits = _logits(experiment.networks, hparams, state, experiment.data.x)
    logits = np.asarray(logits).reshape(seeds, num_folds, number)
    own = np.arange(number) % num_folds
    return boosting.from_logits(logits[:, own, np.arange(number)])


def _draws(experiment, arm, members, t) -> jax.Array:
    """Samples `[S, n, ...]` of each seed's mixture, no more than are real."""
    key = jax.random.fold_in(randomness.key(experiment.seed + KEYS + 2), t)
    drawn, number = [], min(FAKES, len(experiment.data.x))
    for seed in range(experiment.seeds):
        mixed = ensemble_arms.mixture(experiment, arm, members, seed)
        own = jax.random.fold_in(key, seed)
        drawn.append(ensembles.sample(experiment.networks, mixed, own, number)[0])
    return jnp.stack(drawn)


@functools.partial(jax.jit, static_argnums=0)
def _logits(gan, hparams, state, x):
    """The classifiers' logits `[P, N]` of all data, one classifier at a time."""

    def one(member):
        standardiser, params, collections = member
        real = dataset.to_float(x)
        if standardiser is not None:
            real = standardise.standardise(standardiser, real)
        return gan.discriminate(params, collections, real)[0].logits

    own = state.params.discriminator, state.collections.discriminator
    return jax.lax.map(one, (hparams.standardiser, *own))
