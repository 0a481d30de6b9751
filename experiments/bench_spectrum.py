"""What does the spectrum of a population cost, beside its training and a loop?

    python experiments/bench_spectrum.py

Sixteen MLP GANs on the ring. In turn, round by round: a hundred training steps of all,
their spectra in one program, and the same spectra in a loop over the members. Ratios
are taken within rounds, and medians of rounds are shown; compiling is not counted.
"""

import dataclasses
import pathlib

from jaxgan.scripts import cli


@dataclasses.dataclass(frozen=True)
class Settings:
    members: int = 16
    """of the population"""
    hidden: tuple[int, ...] = (128, 128)
    """widths of both players' hidden layers"""
    batch_size: int = 128
    """samples of a training step, and of the game whose spectrum is found"""
    count: int = 10
    """eigenvalues at each end of each player's Hessian; twice as many of J"""
    krylov: tuple[int, ...] = (40,)
    """products with each matrix, one measurement for each number of them"""
    steps: int = 100
    """of training, to compare with"""
    rounds: int = 3
    """that are timed"""
    out: pathlib.Path = pathlib.Path("spectrum.json")
    """record to write, replaced if it exists"""
    smoke: bool = False
    """a run of seconds, with numbers of its own: to see it work"""


if __name__ == "__main__":
    SETTINGS = cli.parse(Settings, __doc__)  # before JAX, so that --help is instant
    if SETTINGS.smoke:
        cli.compile_fast()

import time
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from jaxgan import (
    dynamics,
    gan,
    gradients,
    losses,
    population,
    reports,
    steps,
    training,
    types,
)
from jaxgan.core import precision, randomness
from jaxgan.data import mixtures, pool
from jaxgan.runs import journal

SMOKE = {"members": 3, "hidden": (8,), "count": 2, "krylov": (8,), "rounds": 1}
NUMBERS = {"learning_rate": 1e-3, "b1": 0.5}
WARM_UP = 200


def main(asked: Settings) -> None:
    if asked.smoke:
        asked = dataclasses.replace(asked, **SMOKE, steps=5)
    whole = ("members", "batch_size", "count", "steps", "rounds")
    cli.check(asked, dict.fromkeys(whole, cli.AT_LEAST_ONE))
    need = "each must be at least twice --count"
    enough = asked.krylov and min(asked.krylov) >= 2 * asked.count
    cli.require(enough, "--krylov", asked.krylov, need)
    precision.set_64_bits_aside()
    population.use_all_cores()
    train, d, g, arguments = begin(asked)
    rows = []
    for number in asked.krylov:
        measure = dynamics.spectrum(d, g, count=asked.count, steps=number)
        rows.append(compare(asked, number, train, measure, arguments))
    columns = [*rows[0]]
    reports.print_table(
        [[row[name] for name in columns] for row in rows],
        columns,
        f"Spectra of {asked.members} members, {asked.count} eigenvalues at each end",
    )
    record = {"rows": rows, "settings": dataclasses.asdict(asked)}
    reports.write_json(asked.out, record | journal.environment())


def begin(asked: Settings) -> tuple[Callable, Any, Any, tuple]:
    """What trains, the players, and the trained population with its batch."""
    x, _ = mixtures.sample(mixtures.ring(std=0.05), randomness.key(0), 10_000)
    networks = gan.mlp((2,), hidden=asked.hidden, latent_dim=2)
    loss = losses.get("non_saturating")
    d, g = gradients.discriminator(networks, loss), gradients.generator(networks, loss)
    step = steps.alternating(
        steps.update("discriminator", d), steps.update("generator", g)
    )
    program = training.compile(steps.quarantine(step), pool.draw(asked.batch_size))
    own = types.HParams(types.Pair(NUMBERS, NUMBERS), {})
    hparams = population.broadcast(own, asked.members)
    keys = population.keys(randomness.key(1), asked.members)
    state = population.init(steps.initialise(networks), hparams, keys)
    samples = pool.put(x)

    def train(state, number=asked.steps):
        return training.train(program, hparams, state, keys, samples, num_steps=number)

    state = train(state, WARM_UP)
    batch = population.broadcast(types.Batch(x[: asked.batch_size]), asked.members)
    return train, d, g, (hparams, state, batch, keys)


def compare(
    asked: Settings, number: int, train: Callable, measure: Callable, arguments: tuple
) -> dict[str, Any]:
    """Seconds of each way and their ratios, medians of the rounds."""
    alone = [population.take(arguments, np.array([i])) for i in range(asked.members)]

    def loop():
        return [measure(*own) for own in alone]

    def trained():
        jax.block_until_ready(train(arguments[1]).params)

    def together():
        return measure(*arguments)

    found = together()
    loop()
    seconds = []
    for _ in range(asked.rounds):
        seconds.append([timed(way) for way in (trained, together, loop)])
    training_s, together_s, loop_s = np.array(seconds).T
    top, bottom = (
        max(np.median(own.residuals[:, -1]) for own in ends)
        for ends in zip(found.generator, found.discriminator, strict=True)
    )
    return {
        "products": number,
        f"{asked.steps} steps (s)": np.median(training_s),
        "one program (s)": np.median(together_s),
        "loop (s)": np.median(loop_s),
        "program to training": np.median(together_s / training_s),
        "loop to program": np.median(loop_s / together_s),
        "residual at the top": top,
        "at the bottom": bottom,
    }


def timed(way: Callable[[], Any]) -> float:
    began = time.perf_counter()
    way()
    return time.perf_counter() - began


if __name__ == "__main__":
    cli.run(main, SETTINGS)
