"""One arm of an experiment: all its seeds trained as a population, logged and saved."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from jaxgan import runs, types
from jaxgan.core import randomness
from jaxgan.data import dataset, pool
from jaxgan.runs import health
from jaxgan.scripts import cli, run_folders

CHUNKS, SHORTEST_CHUNK, LOG = 20, 10, "metrics.jsonl"


def chunk_steps(asked: Any) -> int:
    """Steps between two lines of the log, of settings with `steps`."""
    return max(SHORTEST_CHUNK, -(-asked.steps // CHUNKS))


def train(
    asked: Any,
    ready: tuple[runs.Trainer, types.HParams, pool.Pool],
    name: str,
    title: str,
    described: Mapping[str, Any],
    folders: run_folders.Folders,
) -> tuple[runs.Members, dict[str, Any], Mapping[str, np.ndarray]]:
    """Trains all seeds of an arm.

    Args:
      asked: settings with `seeds`, `seed`, `steps`, `batch_size` and `tensorboard`.
      ready: the program, the numbers of all seeds, and their images.
      name: of the arm, in the log and among the checkpoints.
      title: of the arm.
      described: what checkpoints are of, at least the `gan`; the data are added.
      folders: of the run.

    Returns:
      The members, their record but for the scores (`runs.record` with the `title` and
      the `health`), and the metrics of the last chunk.
    """
    trainer, hparams, placed = ready
    key = randomness.key(asked.seed)
    members = runs.begin(trainer, hparams, key, placed, chunk_steps(asked))
    members, history = runs.train(
        *(trainer, members, placed),
        title=title,
        log=folders.own / LOG,
        num_steps=asked.steps,
        chunk_steps=chunk_steps(asked),
        saving=runs.Saving(
            folders.run / "checkpoints" / name,
            {**described, "data": dataset.fingerprint(placed.x)},
            cli.resume_command(folders.run),
        ),
        tensorboard=folders.own / "tensorboard" if asked.tensorboard else None,
        arm=name,
    )
    own = {"num_seeds": asked.seeds, "batch_size": asked.batch_size}
    record = {"title": title, **runs.record(trainer, members, history, **own)}
    return members, record | {"health": health.findings(history)}, history[-1].metrics
