"""What do logging, progress and checkpoints cost?

    python experiments/bench_overhead.py

Trains the ensemble of the main job (ten GANs on digits, five seeds, its defaults) in
turn bare, by `training.train` alone, and as the experiments do, by `runs.train` with a
log, progress and a checkpoint at the end and every `--every` seconds. Prints the
ratio of each pair of rounds, and writes them to a JSON record.
"""

import dataclasses
import pathlib

from jaxgan import cli


@dataclasses.dataclass(frozen=True)
class Settings:
    rounds: int = 5
    """pairs of runs"""
    steps: int = 800
    """of each member"""
    members: int = 50
    """of the population"""
    every: float = 60.0
    """seconds between two checkpoints, of which there is one at the end too"""
    out: pathlib.Path | None = None
    """record to write, a new file; None for none"""


if __name__ == "__main__":
    SETTINGS = cli.parse(Settings, __doc__)  # before JAX, so that --help is instant

import tempfile
import time

import jax
import numpy as np

from jaxgan import gan, journal, methods, population, reports, runs, training, types
from jaxgan.data import dataset, pool

ADAM = {"learning_rate": 1e-3, "b1": 0.5, "b2": 0.99}
CHUNKS = 20


def main(settings: Settings) -> None:
    population.use_all_cores()
    cli.check(
        settings,
        dict.fromkeys(("rounds", "steps", "members"), cli.AT_LEAST_ONE)
        | {"every": cli.NOT_NEGATIVE},
    )
    if settings.out is not None:
        need = "it exists, and a record is never overwritten"
        cli.require(not settings.out.exists(), "--out", settings.out, need)
    data = pool.put(dataset.load("digits").train.x)
    method = methods.Method(
        "non_saturating", {"r1": 1.0}, types.Pair(ADAM, ADAM), ema_decay=0.99
    )
    made = methods.make(gan.mlp(data.x.shape[1:], latent_dim=32, bounded=True), method)
    mapper = population.automatic(settings.members)
    trainer = runs.trainer(made, 64, made.hparams, data, mapper)
    hparams = population.broadcast(made.hparams, settings.members)
    members = runs.begin(trainer, hparams, jax.random.key(0), data)
    chunk_steps = -(-settings.steps // CHUNKS)

    def bare() -> None:
        training.train(
            trainer.program,
            *members,
            data,
            num_steps=settings.steps,
            chunk_steps=chunk_steps,
        )

    def whole() -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder)
            runs.train(
                trainer,
                members,
                data,
                title="with log, progress and checkpoints",
                log=path / "metrics.jsonl",
                num_steps=settings.steps,
                chunk_steps=chunk_steps,
                saving=runs.Saving(path / "checkpoints", {}, "", settings.every),
            )

    bare(), whole()  # once, untimed: what is imported and compiled at first
    seconds = [[timed(bare), timed(whole)] for _ in range(settings.rounds)]
    ratios = [own / plain for plain, own in seconds]
    median = float(np.median(ratios))
    print(f"{settings.rounds} pairs: {np.round(seconds, 2).tolist()} s")
    print(f"median ratio {median:.4f}: {100 * (median - 1):.1f} % of the wall time")
    if settings.out is not None:
        record = dataclasses.asdict(settings) | journal.environment()
        record |= {"seconds": seconds, "ratio": median, "ratios": ratios}
        reports.write_json(settings.out, record)


def timed(function) -> float:
    began = time.perf_counter()
    function()
    return time.perf_counter() - began


if __name__ == "__main__":
    cli.run(main, SETTINGS)
