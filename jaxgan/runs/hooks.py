"""What is told of a run while it trains, to whoever wants to know.

A hook of one's own is a function or two:

    def tell(report):
        print(report.step, report.metrics["generator_loss"].mean())

    runs.train(..., hooks=[runs.Hook(on_chunk=tell)])

Hooks are called on the host between two chunks of steps, so that the compiled program
does not know of them. What they raise ends the run, which can be resumed.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from jaxgan import training

MEMBERS_SHOWN = 10
"""Members that have numbers of their own, beside the mean of all."""


def ignore(*told: Any) -> None:
    """Does nothing with what it is told."""
    del told


class Hook(NamedTuple):
    """Functions that a run calls.

    Attributes:
      on_chunk: takes the `training.Report` of each chunk, whose metrics are `[P]`.
      on_scores: takes a step and, by name, the scores `[P]` of the members there.
    """

    on_chunk: Callable[[training.Report], None] = ignore
    on_scores: Callable[[int, Mapping[str, np.ndarray]], None] = ignore


def numbers(values: Mapping[str, np.ndarray], alive: np.ndarray) -> dict[str, float]:
    """By name the mean over the members alive, and each of the first ten members.

    Args:
      values: by name `[P]`.
      alive: `[P]` bool, the members of the mean; there is none if all are dead.
    """
    found = {}
    for name, own in values.items():
        if alive.any():
            found[f"{name}/mean"] = float(own[alive].mean())
        for i, value in enumerate(own[:MEMBERS_SHOWN].tolist()):
            found[f"{name}/{i}"] = value
    return found


def of_logger(log: Callable[[int, Mapping[str, float]], None]) -> Hook:
    """A hook that gives all that is told to one function of a step and numbers."""

    def on_chunk(report: training.Report) -> None:
        log(report.step, numbers(report.metrics, report.alive))

    def on_scores(step: int, scores: Mapping[str, np.ndarray]) -> None:
        for name, own in scores.items():
            log(step, numbers({f"scores/{name}": own}, np.isfinite(own)))

    return Hook(on_chunk, on_scores)
