"""Arms whose members are made, moved or weighted beside their training.

`snapshots`: states that one GAN has passed through. `neighbours`: members that take
over what those around them do better. `weighted`: any arm, its generators weighted by
how near their mixture comes to held-out data.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan import ensembles, losses, population, training, types
from jaxgan.core import randomness
from jaxgan.data import dataset, sampling, shuffling, standardise
from jaxgan.ensembles import choosing, neighbours
from jaxgan.scripts import ensemble_arms, ensemble_rounds

EXCHANGES = 20
"""Exchanges between neighbours, evenly spread; nothing follows the last of them."""

COMPARED = 256
"""Real samples on which neighbours are compared, and fakes of each."""

WEIGHED = 400
"""Held-out samples that weights are chosen on, at most, and fakes of each generator."""

EXCHANGING, WEIGHING = 12, 13
"""Added to the seed of a run for the keys of either."""


def snapshots(number: int) -> ensemble_arms.Driver:
    """Builds the driver of an arm of so many states of one GAN.

    They are evenly spread over the second half of its training, and end with its end.
    """

    def drive(experiment, trainer, arm, members, flops):
        num_steps = max(1, round((flops - arm.spent) / trainer.flops))
        until = ensemble_rounds.ends(num_steps, number, first=0.5)
        found, history = ensemble_rounds.train(experiment, trainer, arm, members, until)
        told = ensemble_arms.record(experiment, trainer, arm, found[-1], history)
        told["parameters"] *= number
        plan = arm.plan._replace(weights=np.full(number, 1 / number))
        return told, ensemble_rounds.side_by_side(found), arm._replace(plan=plan)

    return drive


def exchanging(loss: str) -> ensemble_arms.Driver:
    """Builds the driver of an arm whose members are compared with their neighbours.

    Args:
      loss: by which, by its name in `losses.LOSSES`.
    """

    def drive(experiment, trainer, arm, members, flops):
        number = len(arm.plan.mode_weights)
        shape = neighbours.nearest_torus(number)
        step = neighbours.exchange(experiment.networks, losses.get(loss), shape)
        exchange = _of_seeds(step, experiment.seeds)
        batches = _batches(experiment, members.hparams, number, 0)
        cost = training.operations(exchange, members.hparams, members.state, *batches)
        cost /= experiment.seeds
        budget = flops - arm.spent - (EXCHANGES - 1) * cost
        num_steps = max(1, round(budget / (number * trainer.flops)))

        def between(t, members, own):
            batches = _batches(own, members.hparams, number, t)
            state, _ = exchange(members.hparams, members.state, *batches)
            return ensemble_rounds.with_state(members, state), own

        until = ensemble_rounds.ends(num_steps, EXCHANGES)
        found, history = ensemble_rounds.train(
            experiment, trainer, arm, members, until, between
        )
        told = ensemble_arms.record(experiment, trainer, arm, found[-1], history)
        told["teraflops"] += (len(until) - 1) * cost / 1e12
        return told, found[-1], arm

    return drive


def learnt(weights: Callable[[types.TrainState], jax.Array]) -> ensemble_arms.Driver:
    """Builds the driver of an arm whose training ends with weights of its generators.

    Args:
      weights: gives them, `[S, C]`, of the state of all seeds.
    """

    def drive(experiment, trainer, arm, members, flops):
        num_steps = max(1, round((flops - arm.spent) / trainer.flops))
        members, history = ensemble_arms.advance(
            experiment, trainer, arm, members, num_steps
        )
        told = ensemble_arms.record(experiment, trainer, arm, members, history)
        found = np.asarray(weights(members.state))
        told["mixture_weights"] = found.tolist()
        plan = arm.plan._replace(weights=found)
        return told, arm.view(members), arm._replace(plan=plan)

    return drive


def weighted(arm: ensemble_arms.Arm, data: dataset.Dataset) -> ensemble_arms.Arm:
    """The same arm, its generators weighted by held-out data, for each seed apart.

    The weights are those of the mixture at the least energy distance from the test
    samples, which no score of an arm is of: those are of the training samples, of the
    known mixture or of a classifier. They cost no training.

    Args:
      arm: that is trained.
      data: whose test samples are held out.
    """
    held_out = np.asarray(dataset.to_float(shuffling.first(data.test.x, WEIGHED)))

    def drive(experiment, trainer, own, members, flops):
        plain = own._replace(driver=arm.driver)
        told, members, plain = ensemble_arms.train(
            experiment, trainer, plain, members, flops
        )
        weights = np.stack(
            [
                _weights(experiment, plain, members, seed, held_out)
                for seed in range(experiment.seeds)
            ]
        )
        told["mixture_weights"] = weights.tolist()
        return told, members, plain._replace(plan=plain.plan._replace(weights=weights))

    title = f"{arm.title}, weighted by held-out data"
    return arm._replace(name=f"{arm.name}_weighted", title=title, driver=drive)


def _weights(experiment, arm, members, seed, held_out) -> np.ndarray:
    """The weights of one seed's generators; NaN, as they then are, if all are dead."""
    number = len(np.atleast_2d(arm.plan.weights)[0])
    even = arm._replace(plan=arm.plan._replace(weights=np.full(number, 1 / number)))
    mixed = ensemble_arms.mixture(experiment, even, members, seed)
    if not np.isfinite(np.asarray(mixed.weights)).all():
        return np.full(number, 1 / number)
    key = jax.random.fold_in(randomness.key(experiment.seed + WEIGHING), seed)
    drawn = []
    for i in range(number):
        alone = mixed._replace(weights=jnp.zeros(number).at[i].set(1.0))
        own = jax.random.fold_in(key, i)
        x, _ = ensembles.sample(experiment.networks, alone, own, len(held_out))
        dead = mixed.weights[i] == 0
        drawn.append(jnp.where(dead, jnp.nan, x))
    return choosing.least(choosing.discrepancies(np.stack(drawn), held_out))


def _of_seeds(step, seeds: int):
    """An exchange within each seed's members of a population `[S M]`."""

    @jax.jit
    def exchange(hparams, state, batch, keys):
        def cut(leaf):
            return leaf.reshape(seeds, -1, *leaf.shape[1:])

        own = jax.tree.map(cut, (hparams, state))
        state, moved = jax.vmap(step)(*own, batch, keys)

        def joined(leaf):
            return leaf.reshape(-1, *leaf.shape[2:])

        return jax.tree.map(joined, (state, moved))

    return exchange


def _batches(experiment, hparams, number: int, t: int):
    """For each seed a batch of real samples as its members see them, and a key."""
    key = jax.random.fold_in(randomness.key(experiment.seed + EXCHANGING), t)
    keys = population.keys(key, experiment.seeds)
    first = population.take(hparams, np.arange(experiment.seeds) * number)

    def draw(hparams, key):
        sample = sampling.sampler(experiment.data.x, experiment.data.modes, COMPARED)
        batch = sample(hparams.mode_weights, key)
        if hparams.standardiser is None:
            return batch
        return types.Batch(standardise.standardise(hparams.standardiser, batch.x))

    split = jax.vmap(jax.random.split)(keys)
    return jax.vmap(draw)(first, split[:, 0]), split[:, 1]
