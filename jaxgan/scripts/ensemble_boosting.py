"""The arm `adagan`: T GANs one after the other, each on what the mixture has missed.

Between rounds `ensemble_ratios` says where the mixture has too much and too little. Its
classifiers may take half as many steps as a GAN, and their operations are part of what
the arm spends.
"""

import dataclasses
import time

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan import ensembles, population
from jaxgan.core import randomness
from jaxgan.data import modes, pool
from jaxgan.ensembles import boosting
from jaxgan.scripts import ensemble_arms, ensemble_ratios, ensemble_rounds
from jaxgan.training import methods

CLASSIFIER_STEPS = 0.5
"""Steps of the classifiers to one of a GAN."""

KEYS, DRAWS = 4, 6
"""Added to the seed of a run for the keys of the rounds and of a mixture's samples."""


def driver(method: methods.Method, num_rounds: int) -> ensemble_arms.Driver:
    """Builds the driver of an arm of so many rounds.

    Args:
      method: of the GANs; the classifier has its penalties and the numbers of its
        discriminator's optimiser.
      num_rounds: T, at least 1.
    """

    def drive(experiment, trainer, arm, members, flops):
        judge = ensemble_ratios.judge(experiment, method)
        begin = jax.jit(jax.vmap(trainer.made.initialise))
        # Of T GANs, and of the classifiers after each but the last.
        each = CLASSIFIER_STEPS * judge.flops
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
            fakes = _draws(own, arm, trained, betas)
            ratios = ensemble_ratios.ratios(own, judge, fakes, judge_steps, t)
            weights = boosting.data_weights(ratios, betas[t + 1])
            fresh, own = _next(own, begin, members, weights, t + 1, until[t])
            seconds += time.perf_counter() - began
            return fresh, own

        fresh, experiment = _first(experiment, members)
        found, history = ensemble_rounds.train(
            experiment, trainer, arm, fresh, until, between
        )
        told = ensemble_arms.record(experiment, trainer, arm, found[-1], history)
        told["parameters"] *= num_rounds
        judged = (num_rounds - 1) * judge_steps * judge.flops
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


def _next(experiment, begin, members, weights, number, step):
    """New members, which draw by weights and count on from the steps before them."""
    key = jax.random.fold_in(randomness.key(experiment.seed + KEYS), number)
    keys = population.keys(key, experiment.seeds)
    fresh, experiment = _drawing(experiment, members, weights)
    state = begin(fresh.hparams, keys)
    state = state._replace(step=jnp.full_like(state.step, step))
    own = fresh._replace(keys=keys)
    return ensemble_rounds.with_state(own, state), experiment


def _drawing(experiment, members, weights):
    """Members that draw the samples of an experiment by weights `[S, N]`."""
    bags = jax.tree.map(jnp.asarray, modes.weighted(weights))
    data = experiment.data._replace(modes=bags)
    own = jnp.eye(experiment.seeds)
    units = pool.standardisers(data, own) if experiment.standardised else None
    hparams = members.hparams._replace(mode_weights=own, standardiser=units)
    following = dataclasses.replace(experiment, data=data)
    return members._replace(hparams=hparams), following


def _draws(experiment, arm, rounds, betas) -> jax.Array:
    """Samples `[S, n, ...]` of each seed's mixture after some of the rounds."""
    t = len(rounds)
    # Rounds to come have no weight, so that all mixtures are of one shape.
    padded = [*rounds, *[rounds[0]] * (len(betas) - t)]
    weights = np.append(boosting.mixture_weights(betas[:t]), np.zeros(len(betas) - t))
    mixed = arm._replace(plan=arm.plan._replace(weights=weights))
    members = ensemble_rounds.side_by_side(padded)
    key = jax.random.fold_in(randomness.key(experiment.seed + DRAWS), t)
    drawn, number = [], ensemble_ratios.num_fakes(experiment)
    for seed in range(experiment.seeds):
        own = ensemble_arms.mixture(experiment, mixed, members, seed)
        own_key = jax.random.fold_in(key, seed)
        drawn.append(ensembles.sample(experiment.networks, own, own_key, number)[0])
    return jnp.stack(drawn)
