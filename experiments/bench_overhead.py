"""What do logging, progress and checkpoints cost?

    python experiments/bench_overhead.py                  # the training alone
    python experiments/bench_overhead.py --of job         # the whole main job

In turn bare, by `training.train` alone, and as the experiments do, by `runs.train` with
a log, progress and checkpoints: either the ensemble of the main job (ten GANs on
digits, five seeds), or the main job itself on digits, from its start to its end
on a terminal. Prints the ratio of each pair, and writes them to a JSON record. The
pairs take turns in which comes first. Run it on an idle machine: the job takes about
two minutes on two cores, so five pairs take twenty.
"""

import dataclasses
import pathlib
from typing import Literal

from jaxgan.scripts import cli


@dataclasses.dataclass(frozen=True)
class Settings:
    of: Literal["training", "job"] = "training"
    """what is timed; the next three are of the training"""
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

import os
import pty
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from collections.abc import Callable

import numpy as np

from jaxgan import gan, population, reports, runs, training, types
from jaxgan.core import randomness
from jaxgan.data import dataset, pool
from jaxgan.runs import journal
from jaxgan.training import methods

ADAM = {"learning_rate": 1e-3, "b1": 0.5, "b2": 0.99}
CHUNKS = 20
JOB = pathlib.Path(__file__).with_name("mode_ensemble.py")
START = textwrap.dedent("""
    import runpy, sys
    from jaxgan import runs, training

    def bare(trainer, members, data, *, num_steps, chunk_steps, **others):
        history = []
        state = training.train(
            trainer.program, *members, data, num_steps=num_steps,
            chunk_steps=chunk_steps, on_chunk=history.append)
        return members._replace(state=state), history

    if sys.argv.pop(1) == "bare":
        runs.train = bare
    sys.argv.pop(0)
    runpy.run_path(sys.argv[0], run_name="__main__")
""")


def main(settings: Settings) -> None:
    cli.check(
        settings,
        dict.fromkeys(("rounds", "steps", "members"), cli.AT_LEAST_ONE)
        | {"every": cli.NOT_NEGATIVE},
    )
    if settings.out is not None:
        need = "it exists, and a record is never overwritten"
        cli.require(not settings.out.exists(), "--out", settings.out, need)
    pair = job() if settings.of == "job" else of_training(settings)
    seconds = []
    for i in range(settings.rounds):
        own = {}
        for which in (0, 1) if i % 2 == 0 else (1, 0):
            own[which] = timed(pair[which])
        seconds.append([own[0], own[1]])
        print(f"bare {own[0]:.2f} s, whole {own[1]:.2f} s", flush=True)
    ratios = [whole / bare for bare, whole in seconds]
    median = float(np.median(ratios))
    print(f"median ratio {median:.4f}: {100 * (median - 1):.1f} % of the wall time")
    if settings.out is not None:
        record = dataclasses.asdict(settings) | journal.environment()
        record |= {"seconds": seconds, "ratio": median, "ratios": ratios}
        reports.write_json(settings.out, record)


def job() -> tuple[Callable[[], None], Callable[[], None]]:
    """The first part of the main job without and with all that is to be timed."""
    return (lambda: run_job("bare")), (lambda: run_job("whole"))


def run_job(how: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        out = str(pathlib.Path(folder) / "run")
        ours, theirs = pty.openpty()  # on a terminal there is a bar to draw
        drain = threading.Thread(target=read_all, args=(ours,), daemon=True)
        drain.start()
        words = [how, str(JOB), "--dataset", "digits", "--out", out]
        command = [sys.executable, "-c", START, *words]
        process = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=theirs)
        os.close(theirs)
        drain.join()
        os.close(ours)
        need = f"its process ended with status {process.returncode}"
        cli.require(process.returncode == 0, "--of", "job", need)


def read_all(terminal: int) -> None:
    try:
        while os.read(terminal, 4096):
            pass
    except OSError:  # what a terminal says when nobody is left to write to it
        return


def of_training(settings: Settings) -> tuple[Callable[[], None], Callable[[], None]]:
    """The training of an ensemble, likewise, both run once before."""
    population.use_all_cores()
    data = pool.put(dataset.load("digits").train.x)
    method = methods.Method(
        "non_saturating", {"r1": 1.0}, types.Pair(ADAM, ADAM), ema_decay=0.99
    )
    made = methods.make(gan.mlp(data.x.shape[1:], latent_dim=32, bounded=True), method)
    example = made.initialise(made.hparams, randomness.key(0))
    widest = population.widest(example.params, 64)
    mapper = population.automatic(widest=widest)
    trainer = runs.trainer(made, 64, made.hparams, data, mapper)
    hparams = population.broadcast(made.hparams, settings.members)
    members = runs.begin(trainer, hparams, randomness.key(0), data)
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
    return bare, whole


def timed(function: Callable[[], None]) -> float:
    began = time.perf_counter()
    function()
    return time.perf_counter() - began


if __name__ == "__main__":
    cli.run(main, SETTINGS)
