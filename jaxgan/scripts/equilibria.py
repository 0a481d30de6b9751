"""Games trained by several rules, and how near each member is to an equilibrium."""

import math
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.typing import ArrayLike

from jaxgan import (
    dynamics,
    gradients,
    losses,
    population,
    scores,
    steps,
    training,
    types,
)
from jaxgan.data import dataset, mixtures, pool
from jaxgan.dynamics.landscape import members
from jaxgan.scores import suites
from jaxgan.steps import rules

LINE_POINTS = 49
"""Places on the line from the start to the end."""

RESPONSE_BATCHES = 16
"""Different batches from which the players answer."""


class Players(NamedTuple):
    """The game that was trained.

    Attributes:
      gan: the networks, with latents of their own.
      discriminator: its `Gradient`, with fixed latents if it was trained with such.
      generator: its `Gradient`, likewise.
    """

    gan: types.GAN
    discriminator: types.Gradient
    generator: types.Gradient


class Trained(NamedTuple):
    """All seeds of a rule, `[S, ...]`.

    Attributes:
      start, end: states before and after, without the moments of the optimiser.
      seconds: that it took.
    """

    start: types.TrainState
    end: types.TrainState
    seconds: float


class Found(NamedTuple):
    """What was found, `[P, ...]`.

    Attributes:
      values: by the name of a measure, `[P]`.
      words: by the spectrum alone, however long the field is: "nash", "stable",
        "neither" or "unknown".
      spectrum: of the game.
      path: of the field, from the start to the end.
    """

    values: dict[str, np.ndarray]
    words: list[str]
    spectrum: dynamics.Spectrum
    path: dynamics.Path


def line(seed: int, num_samples: int) -> dataset.Dataset:
    """Two Gaussians of deviation 1 at -2 and 2, the toy of Berard et al. (2020)."""
    means, shares = np.array([[-2.0], [2.0]], np.float32), np.full(2, 0.5, np.float32)
    two = mixtures.GaussianMixture(means, 1.0, shares)
    return dataset.from_mixture("line", two, seed=seed, num_samples=num_samples)


def mode_counter(
    data: dataset.Dataset, num_samples: int, seed: int
) -> tuple[Callable[[jax.Array], ArrayLike], str]:
    """How modes are counted: by their means, or by a classifier of images.

    Args:
      data: that was learnt.
      num_samples: of each generator.
      seed: of the classifier.

    Returns:
      `x [P, N, ...] -> modes [P]`, and a sentence about the data or the classifier.
    """
    law = data.mixture
    if law is None:
        found = suites.of_dataset(data, num_samples=num_samples, seed=seed)
        return lambda x: found.suite(x)["coverage"].modes, str(found.note)
    means, spread = mixtures.centres(law), mixtures.spread(law)

    @jax.jit
    @jax.vmap
    def count(x):
        mode, good = scores.nearest_mode(x, means, spread)
        return scores.mode_coverage(mode, good, law.weights).modes

    return count, dataset.about(data)


def train(
    made: rules.Made,
    sample: training.Sample,
    begun: types.TrainState,
    hparams: types.HParams,
    x: jax.Array,
    batches: int,
    key: jax.Array,
) -> Trained:
    """Trains all seeds of a rule.

    Args:
      made: the rule.
      sample: gives the `made.parts` batches of a step.
      begun: members that are not trained yet; moments are made for the rule.
      hparams: `[S]`.
      x: samples to train on, `[N, ...]`.
      batches: to use, so that rules which take several in a step take fewer steps.
      key: of the members.
    """
    began = time.perf_counter()
    program = training.compile(steps.quarantine(made.step), sample)
    keys = population.keys(key, population.size(hparams))
    start = _with_moments(made.optimizer, hparams, begun)
    number = max(1, batches // made.parts)
    end = training.train(program, hparams, start, keys, pool.put(x), num_steps=number)
    seconds = time.perf_counter() - began
    return Trained(_without_moments(start), _without_moments(end), seconds)


def _with_moments(optimizer, hparams, state) -> types.TrainState:
    """The state as the optimiser of a rule begins."""
    start = dynamics.fresh(optimizer)

    @jax.jit
    @jax.vmap
    def begin(hparams, state):
        for player in steps.PLAYERS:
            state = start(hparams, state, player, None)
        return state

    return begin(hparams, state)


def _without_moments(state: types.TrainState) -> types.TrainState:
    """The same for all optimisers."""
    return state._replace(opt_state=types.Pair((), ()), ema=None)


def measure(
    players: Players,
    asked: Any,
    hparams: types.HParams,
    trained: Sequence[Trained],
    data: types.Pair,
    count: Callable[[jax.Array], ArrayLike],
    key: jax.Array,
) -> Found:
    """Measures all that was trained as one population, one rule after the other.

    Args:
      players: the game.
      asked: settings with those of the measures: `eigenvalues` at each end of each
        Hessian, `krylov` products for them, samples `measured`, steps of the `answers`
        and their `batch_size`, and `samples` in which modes are counted.
      hparams: of all members, `[P]`, with the learning rates of the answers.
      trained: of each rule.
      data: samples `[N, ...]` that were trained on, and others, held out.
      count: modes of samples `[P, N, ...]` in the units of `data`.
      key: of the latents.
    """
    start, end = (
        population.concatenate([getattr(own, name) for own in trained])
        for name in ("start", "end")
    )
    total, (train, test) = population.size(hparams), data
    keys = population.keys(key, total)
    both = players.discriminator, players.generator
    batch = population.broadcast(types.Batch(train[: asked.measured]), total)
    spectrum = dynamics.spectrum(*both, count=asked.eigenvalues, steps=asked.krylov)(
        hparams, end, batch, keys
    )
    path = dynamics.path(*both, points=LINE_POINTS)(hparams, start, end, batch, keys)
    verdict = dynamics.verdict(spectrum, stationary=math.inf)
    gap = _gap(players, asked, hparams, end, data, keys)
    sides = dynamics.sides(end)
    matrix = dynamics.payoff_matrix(players.gan)(sides, types.Batch(test), key)
    alone = dynamics.exploitabilities(matrix, dynamics.solve(matrix)).pure
    values = {
        "field norm": spectrum.field_norm,
        "V": gap.value,
        "duality gap": gap.gap,
        "exploitability of G": alone.generator,
        "exploitability of D": alone.discriminator,
        "rotation": spectrum.rotation,
        "negative in G": verdict.negative.generator,
        "negative in D": verdict.negative.discriminator,
        "least real part of J": spectrum.game.bottom.values[:, 0].real,
        "largest modulus of J": np.abs(spectrum.largest.values[:, 0]),
        "modes": count(_samples(players.gan, asked, end, key)),
        "dead": ~np.asarray(end.alive),
    }
    for name, own in (("G", spectrum.generator), ("D", spectrum.discriminator)):
        values[f"least of {name}"] = own.bottom.values[:, 0]
        values[f"largest of {name}"] = own.top.values[:, 0]
        values[f"residual of the least of {name}"] = own.bottom.residuals[:, 0]
    values = {name: np.asarray(own, np.float64) for name, own in values.items()}
    return Found(values, verdict.words, spectrum, path)


def _samples(gan, asked, state, key) -> jax.Array:
    """What each generator makes of the same latents."""
    z = gan.latent(key, asked.samples)

    @jax.jit
    @jax.vmap
    def generate(params, collections):
        return gan.generate(params, collections, z)[0]

    return generate(state.params.generator, state.collections.generator)


def _gap(players, asked, hparams, state, data, keys) -> dynamics.DualityGap:
    """The duality gap of the original game, whatever loss was trained."""
    loss, (train, test) = losses.get("minimax"), data
    hparams = hparams._replace(penalties={})
    gap = dynamics.duality_gap(
        dynamics.game_value(players.gan),
        steps.update("discriminator", gradients.discriminator(players.gan, loss)),
        steps.update("generator", gradients.generator(players.gan, loss)),
        k=asked.answers,
        starts=[dynamics.fresh(steps.adam)],
    )
    rows = np.arange(RESPONSE_BATCHES * asked.batch_size) % len(train)
    batches = train[rows].reshape(RESPONSE_BATCHES, asked.batch_size, *train.shape[1:])
    params = members.shapes_of_one(state.params)
    mapper = population.automatic(widest=population.widest(params, asked.batch_size))
    measured = dynamics.of_population(gap, mapper)
    held_out = types.Batch(test)
    found = measured(hparams, state, types.Batch(batches), held_out, keys)
    return jax.device_get(found)
