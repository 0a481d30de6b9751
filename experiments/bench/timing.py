"""Configurations timed side by side: each takes one short round in turn."""

import contextlib
import pathlib
import sys
import tempfile
from typing import Any

import numpy as np
from bench import cases, summaries, workers

WARM_UP = 0.25
"""Share of a round that a number of steps has to take to tell how many fill it."""


def measure(
    group: list[cases.Case],
    rounds: int,
    seconds: float,
    *,
    seed: int,
    torch_python: pathlib.Path | None,
    together: bool = False,
) -> list[dict[str, Any]]:
    """Times the configurations of a group in turn, round by round.

    Args:
      group: of one model.
      rounds: that each configuration takes.
      seconds: wanted length of a round.
      seed: of data, weights and batches.
      torch_python: interpreter that has PyTorch, or None for this one.
      together: whether all start, and compile, at once, where there are cores for it.

    Returns:
      The result of each, with its rounds and `summaries.summary`, or its error.
    """
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
        data, pairs = folder / "data.npy", []
        np.save(data, cases.make_data(group[0].model, seed))

        def start(case: cases.Case) -> workers.Worker:
            said = f"{summaries.title(case)}, {case.members} members"
            print(f"starting {said}", file=sys.stderr)
            worker = workers.start(case, data, seed, torch_python)
            stack.callback(workers.stop, worker)
            return worker

        started = map(start, group)
        for case, worker in zip(
            group, list(started) if together else started, strict=True
        ):
            result = {"case": case, "timed": []} | workers.answer(worker)
            workers.forget_peak(worker)
            result |= warm_up(worker, seconds) if "error" not in result else {}
            pairs.append((worker, result))
        take_turns(pairs, rounds)
    results = [result for _, result in pairs]
    return [result | summaries.summary(result, results) for result in results]


def take_turns(pairs: list[tuple[workers.Worker, dict[str, Any]]], rounds: int) -> None:
    """Times every worker that lives, in reverse order every other round."""
    for number in range(rounds):
        print(f"round {number + 1} of {rounds}", file=sys.stderr)
        for worker, result in pairs[:: -1 if number % 2 else 1]:
            if "error" not in result:
                said = workers.take_steps(worker, result["steps"])
                result |= said if "error" in said else {"last": said}
                result["timed"].append(said)
    for worker, result in pairs:
        if "error" not in result:
            on_device = result.pop("last")["device_peak_bytes"]
            result["peak_bytes"] = on_device or workers.host_peak(worker)


def warm_up(worker: workers.Worker, seconds: float) -> dict[str, Any]:
    """Finds the number of steps that take so long, at least one."""
    said, num_steps = workers.take_steps(worker, 1), 1
    # The first steps may be slow ones, so the number is approached from below; what
    # takes too long even so is not asked for twice.
    enough = seconds
    while "error" not in said:
        wanted = max(1, round(num_steps * seconds / said["seconds"]))
        if said["seconds"] >= enough:
            return {"steps": wanted}
        num_steps, enough = min(wanted, 10 * num_steps), WARM_UP * seconds
        said = workers.take_steps(worker, num_steps)
    return said
