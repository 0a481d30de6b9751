"""How long does a payoff matrix take, beside a loop over the pairs?

    python experiments/bench_payoffs.py                    # 64 x 64, under a minute
    python experiments/bench_payoffs.py --members 16 --hidden 64 64

Every generator of a population of MLPs plays every discriminator on samples of the
size of digits or of points: as one compiled program, and pair by pair, each pair a call
of a compiled program that generates anew. Both give the same matrix, which is checked.
They take turns; the times are medians, without compiling, which is given apart.
"""

import dataclasses
import pathlib
from typing import Literal

from jaxgan.scripts import cli


@dataclasses.dataclass(frozen=True)
class Settings:
    members: int = 64
    """generators, and discriminators"""
    samples: int = 1024
    """real ones, and of each generator"""
    data: Literal["points", "digits"] = "points"
    """shape of a sample: (2,) or (8, 8, 1)"""
    hidden: tuple[int, ...] = (128, 128)
    """widths of both players' hidden layers"""
    rounds: int = 3
    """of both ways"""
    out: pathlib.Path | None = None
    """record to write, a new file; None for none"""
    smoke: bool = False
    """a run of seconds, with numbers of its own: to see it work"""


if __name__ == "__main__":
    SETTINGS = cli.parse(Settings, __doc__)  # before JAX, so that --help is instant
    if SETTINGS.smoke:
        cli.compile_fast()

import time
from collections.abc import Callable

import jax
import numpy as np

from jaxgan import dynamics, gan, population, reports, types
from jaxgan.core import randomness
from jaxgan.runs import journal

SMOKE = {"members": 3, "samples": 64, "rounds": 1, "hidden": (8,)}
SHAPES = {"points": (2,), "digits": (8, 8, 1)}
CLOSE = 1e-4


def main(asked: Settings) -> None:
    whole = ("members", "samples", "rounds")
    cli.check(asked, dict.fromkeys(whole, cli.AT_LEAST_ONE))
    if asked.out is not None:
        need = "it exists, and a record is never overwritten"
        cli.require(not asked.out.exists(), "--out", asked.out, need)
    if asked.smoke:
        asked = dataclasses.replace(asked, **SMOKE)
    ways = make(asked)
    compiling = {name: timed(way)[0] for name, way in ways.items()}
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    found = {}
    for i in range(asked.rounds):
        for name in list(ways)[:: -1 if i % 2 else 1]:
            took, found[name] = timed(ways[name])
            seconds[name].append(took)
    one, other = found.values()
    apart = float(np.abs(one - other).max())
    cli.require(apart < CLOSE, "--members", asked.members, "both ways differ")
    rows = [
        [name, np.median(took), compiling[name] - np.median(took)]
        for name, took in seconds.items()
    ]
    size = f"{asked.members} x {asked.members}, {asked.samples} samples"
    reports.print_table(rows, ["", "seconds", "compiling"], f"\nPayoffs of {size}")
    print(f"largest difference of the two matrices: {apart:.1g}")
    if asked.out is not None:
        record = dataclasses.asdict(asked) | journal.environment()
        reports.write_json(asked.out, record | {"seconds": seconds, "apart": apart})


def make(asked: Settings) -> dict[str, Callable[[], np.ndarray]]:
    """Both ways to play the matrix of one population."""
    own = gan.mlp(SHAPES[asked.data], hidden=asked.hidden)
    keys = population.keys(randomness.key(0), asked.members)
    params, collections = jax.jit(jax.vmap(own.init))(keys)
    sides = types.Pair(*map(dynamics.Side, params, collections))
    x = jax.random.normal(randomness.key(1), (asked.samples, *SHAPES[asked.data]))
    batch, key = types.Batch(x), randomness.key(2)
    together = dynamics.payoff_matrix(own)
    value = dynamics.game_value(own)

    @jax.jit
    def of_pair(generator: dynamics.Side, discriminator: dynamics.Side) -> jax.Array:
        state = types.TrainState(
            step=np.int32(0),
            params=types.Pair(generator.params, discriminator.params),
            collections=types.Pair(generator.collections, discriminator.collections),
            opt_state=types.Pair(None, None),
            ema=None,
            alive=np.True_,
        )
        return value(None, state, batch, key)

    alone = [[population.take(side, i) for i in range(asked.members)] for side in sides]

    def pair_by_pair() -> np.ndarray:
        return np.array([[float(of_pair(g, d)) for d in alone[1]] for g in alone[0]])

    return {
        "one program": lambda: np.asarray(together(sides, batch, key)),
        "pair by pair": pair_by_pair,
    }


def timed(way: Callable[[], np.ndarray]) -> tuple[float, np.ndarray]:
    began = time.perf_counter()
    found = way()
    return time.perf_counter() - began, found


if __name__ == "__main__":
    cli.run(main, SETTINGS)
