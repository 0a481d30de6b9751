"""Tests of the loggers with the packages that they write by, in their local modes."""

import glob
import importlib.util
import pathlib

import numpy as np
import pytest

from jaxgan import training
from jaxgan.runs import loggers

ALIVE = np.array([True, False, True])
LOSS = np.array([1.0, np.nan, 2.5], np.float32)


def report(step):
    return training.Report(step, 5, 0.1, {"generator_loss": step * LOSS}, ALIVE)


def log_two_parts(name, folder):
    """A run that is stopped after a chunk, and goes on."""
    for steps in ([5], [10, 15]):
        with loggers.opened([name], folder, {"seeds": 3, "out": None}) as opened:
            for step in steps:
                opened[0].on_chunk(report(step))
            opened[0].on_scores(steps[-1], {"modes": np.array([8.0, 9.0, 10.0])})


@pytest.mark.oracle
@pytest.mark.filterwarnings("default")  # of those packages
@pytest.mark.skipif(
    not importlib.util.find_spec("mlflow"), reason="needs the extra mlflow"
)
def test_mlflow_has_a_run_that_was_resumed_as_one(tmp_path, monkeypatch):
    import mlflow

    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    log_two_parts("mlflow", tmp_path)
    client = mlflow.MlflowClient(f"sqlite:///{tmp_path / 'mlflow.db'}")
    (experiment,) = client.search_experiments(filter_string="name = 'jaxgan'")
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.data.params == {"seeds": "3"} and run.info.status == "FINISHED"

    def history(name):
        found = client.get_metric_history(run.info.run_id, name)
        return {own.step: own.value for own in found}

    assert history("generator_loss/mean") == {5: 8.75, 10: 17.5, 15: 26.25}
    assert history("scores/modes/mean") == {5: 9, 15: 9}
    with pytest.raises(MemoryError), loggers.opened(["mlflow"], tmp_path, {}):
        raise MemoryError
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.status == "FAILED"


@pytest.mark.oracle
@pytest.mark.filterwarnings("default")  # of those packages
@pytest.mark.skipif(
    not importlib.util.find_spec("wandb"), reason="needs the extra wandb"
)
def test_wandb_writes_locally_under_one_name(tmp_path, monkeypatch):
    monkeypatch.delenv("WANDB_MODE", raising=False)
    log_two_parts("wandb", tmp_path)
    files = sorted(glob.glob(str(tmp_path / "wandb/offline-run-*/*.wandb")))
    assert len(files) == 2
    assert len({file.rpartition("run-")[2] for file in files}) == 1
    whole = b"".join(pathlib.Path(file).read_bytes() for file in files)
    assert b"generator_loss/mean" in whole and b"26.25" in whole
