"""Tests of jaxgan.runs.hooks and loggers: what is told of a run, and where it goes."""

import math

import numpy as np
import pytest

from jaxgan import runs, training
from jaxgan.core import errors
from jaxgan.runs import hooks, loggers

ALIVE = np.array([True, False, True])
LOSS = np.array([1.0, np.nan, 2.5], np.float32)


def report(step):
    return training.Report(step, 5, 0.1, {"generator_loss": step * LOSS}, ALIVE)


def test_the_mean_is_of_the_members_alive_and_the_dead_are_shown_by_themselves():
    found = hooks.numbers({"loss": LOSS}, ALIVE)
    assert math.isnan(found.pop("loss/1"))
    assert found == {"loss/mean": 1.75, "loss/0": 1.0, "loss/2": 2.5}
    assert "loss/mean" not in hooks.numbers({"loss": LOSS}, np.zeros(3, bool))


def test_a_logger_is_told_chunks_and_scores():
    told = []
    hook = hooks.of_logger(lambda step, numbers: told.append((step, numbers)))
    hook.on_chunk(report(5))
    hook.on_scores(7, {"modes": np.array([8.0, np.nan, 9.0])})
    assert told[0][0] == 5 and told[0][1]["generator_loss/mean"] == 8.75
    assert told[1][0] == 7 and told[1][1]["scores/modes/mean"] == 8.5


def test_a_hook_of_ones_own_needs_one_function():
    told = []
    hook = runs.Hook(on_chunk=lambda report: told.append(report.step))
    hook.on_chunk(report(3))
    hook.on_scores(3, {})
    assert told == [3]


def test_an_unknown_logger_is_refused_with_those_that_there_are(tmp_path):
    with pytest.raises(errors.UserError, match="'wandb'"):
        with loggers.opened(["wanb"], tmp_path, {}):
            pass


@pytest.mark.parametrize("name", loggers.LOGGERS)
def test_a_logger_without_its_package_says_which_extra(name, tmp_path, monkeypatch):
    for module in ("wandb", "mlflow"):
        monkeypatch.setitem(__import__("sys").modules, module, None)
    with pytest.raises(errors.UserError, match=f"jaxgan.{name}.'"):
        with loggers.opened([name], tmp_path, {}):
            pass
