"""Hooks that write what a run tells to experiment trackers, by their names.

Each writes locally unless its own environment variables say where else: Weights &
Biases below the run folder until WANDB_MODE is online, MLflow into a database there
until MLFLOW_TRACKING_URI names a server. A run that goes on goes on there as well; one
that ends by an error or a signal has failed there until then.
"""

import contextlib
import importlib.util
import json
import os
import pathlib
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import jax

from jaxgan.core import errors, files
from jaxgan.runs import hooks

PROJECT = "jaxgan"
NAMES = "loggers.json"
"""File of the run folder that says what the run is called in each tracker."""

PACKAGES = {
    "wandb": ("wandb",),
    "mlflow": ("mlflow", "sqlalchemy"),  # of the database, which mlflow-skinny lacks
}
"""By the name of a logger, what it needs."""

Log = Callable[[int, Mapping[str, float]], None]


@contextlib.contextmanager
def opened(
    names: Sequence[str], folder: pathlib.Path, settings: Mapping[str, Any]
) -> Iterator[list[hooks.Hook]]:
    """Yields the hooks of some trackers; only the first process writes.

    Args:
      names: of `LOGGERS`.
      folder: of the run.
      settings: of the run, which are shown beside its numbers.

    Raises:
      UserError: if there is no such tracker, or its package is not installed.
    """
    check(names)
    shown = {key: str(value) for key, value in settings.items() if value is not None}
    with contextlib.ExitStack() as stack:
        logs = [
            stack.enter_context(LOGGERS[name](folder, shown))
            for name in dict.fromkeys(names)
            if jax.process_index() == 0
        ]
        yield [hooks.of_logger(log) for log in logs]


def check(names: Sequence[str]) -> None:
    """Asks for trackers that there are, with their packages, which are not imported.

    Raises:
      UserError: if there is no such tracker, or its package is not installed.
    """
    for name in names:
        if name not in LOGGERS:
            raise errors.UserError(
                f"there is no logger {name!r}; {errors.choice(name, LOGGERS)}"
            )
        for package in PACKAGES[name]:
            if importlib.util.find_spec(package) is None:
                raise errors.UserError(
                    f"the package of the logger {name} is missing; install jaxgan with "
                    f"the extra, pip install 'jaxgan[{name}]'."
                )


@contextlib.contextmanager
def _wandb(folder: pathlib.Path, settings: Mapping[str, str]) -> Iterator[Log]:
    import wandb

    run = wandb.init(
        project=PROJECT,
        name=folder.name,
        dir=str(folder),
        id=_name(folder, "wandb", lambda: uuid.uuid4().hex[:8]),
        resume="allow",
        mode=os.environ.get("WANDB_MODE", "offline"),
        config=dict(settings),
        settings=wandb.Settings(silent=True),
    )
    try:
        yield lambda step, numbers: run.log(dict(numbers), step=step)
    except BaseException:
        run.finish(exit_code=1)
        raise
    run.finish()


@contextlib.contextmanager
def _mlflow(folder: pathlib.Path, settings: Mapping[str, str]) -> Iterator[Log]:
    import mlflow
    from mlflow import entities

    local = f"sqlite:///{folder.absolute() / 'mlflow.db'}"
    client = mlflow.MlflowClient(os.environ.get("MLFLOW_TRACKING_URI", local))
    found = client.get_experiment_by_name(PROJECT)
    experiment = found.experiment_id if found else client.create_experiment(PROJECT)

    def begin() -> str:
        run = client.create_run(experiment, run_name=folder.name)
        params = [entities.Param(key, value) for key, value in settings.items()]
        client.log_batch(run.info.run_id, params=params)
        return run.info.run_id

    name = _name(folder, "mlflow", begin)

    def log(step: int, numbers: Mapping[str, float]) -> None:
        now = int(1000 * time.time())
        values = [entities.Metric(*own, now, step) for own in numbers.items()]
        for first in range(0, len(values), 1000):  # as many as one request may have
            client.log_batch(name, metrics=values[first : first + 1000])

    try:
        yield log
    except BaseException:
        client.set_terminated(name, "FAILED")
        raise
    client.set_terminated(name)


LOGGERS: dict[str, Callable[..., contextlib.AbstractContextManager[Log]]] = {
    "wandb": _wandb,
    "mlflow": _mlflow,
}
"""By name `(folder, settings) -> context` of a function that logs numbers."""


def _name(folder: pathlib.Path, tracker: str, begin: Callable[[], str]) -> str:
    """What the run is called in a tracker; a new run is begun there by `begin`."""
    path = folder / NAMES
    names = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    if tracker not in names:
        names[tracker] = begin()
        text = json.dumps(names)
        files.write_whole(path, lambda name: pathlib.Path(name).write_text(text))
    return names[tracker]
