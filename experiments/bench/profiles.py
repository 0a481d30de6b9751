"""Where a step of one member goes: each map of each layer, and what else there is."""

import pathlib
import tempfile
from typing import Any

import numpy as np
from bench import cases, summaries, workers

from jaxgan import reports
from jaxgan.core import errors

SCRIPTS = {"jax": "bench.jax_profile", "torch": "bench.torch_profile"}
OTHERS = ("normalisation", "optimiser", "random numbers")
MAPS = {
    "forward": "forward",
    "input_gradient": "input gradient",
    "kernel_gradient": "kernel gradient",
}
COLUMNS = ("part", "times", "ms each", "ms a step", "of the step", "of sgemm")


def measure(
    case: cases.Case,
    rounds: int,
    seconds: float,
    *,
    seed: int,
    torch_python: pathlib.Path | None,
) -> dict[str, Any]:
    """Has a process measure the parts of a step, each by itself.

    Args:
      case: of one member; its mapper and population do not count.
      rounds: of which the median is taken.
      seconds: wanted length of a round of a part.
      seed: of data and weights.
      torch_python: interpreter that has PyTorch, or None for this one.

    Raises:
      UserError: if the process ends without an answer.
    """
    with tempfile.TemporaryDirectory() as folder:
        data = pathlib.Path(folder) / "data.npy"
        np.save(data, cases.make_data(case.model, seed))
        worker = workers.start(
            case,
            data,
            seed,
            torch_python,
            script=SCRIPTS[case.library],
            rounds=rounds,
            seconds=seconds,
        )
        try:
            said = workers.answer(worker)
        finally:
            workers.stop(worker)
    if "error" in said:
        name = summaries.title(case)
        raise errors.UserError(
            f"--profile: the process of {name} ended ({said['error']})."
        )
    return {"case": case, **said}


def show(profile: dict[str, Any]) -> None:
    """Prints the table of a profile, and the sums of each map."""
    case, step = profile["case"], profile["step_seconds"]
    rows = [row_of(part, profile) for part in profile["parts"]]
    rows += [[name, *[None] * 2, *shares(profile[name], step)] for name in OTHERS]
    rows.append(["rest", *[None] * 2, *shares(rest(profile), step)])
    of = f"{summaries.title(case)}, {summaries.subject(case)}"
    heading = f"{of}: {step * 1e3:.4g} ms a step of one member; {profile['device']}"
    reports.print_table(rows, COLUMNS, heading)
    sums = [
        [f"{player}, {said}", *total_of(player, name, profile)]
        for player in ("generator", "discriminator")
        for name, said in MAPS.items()
    ]
    reports.print_table(sums, (COLUMNS[0], *COLUMNS[3:]), "All layers of a player")


def rest(profile: dict[str, Any]) -> float:
    """Seconds of a step that no part accounts for, below zero where those are slower.

    Activations, biases, losses, resampling, copies, and calls of operations.
    """
    layers = sum(part["times"] * part["seconds"] for part in profile["parts"])
    return profile["step_seconds"] - layers - sum(profile[name] for name in OTHERS)


def row_of(part: dict[str, Any], profile: dict[str, Any]) -> list[Any]:
    name = f"{part['player']}, {part['layer']}, {MAPS[part['map']]}"
    total = part["times"] * part["seconds"]
    sgemm = part["flops"] / part["seconds"] / profile["matmul_rate"]
    each = part["seconds"] * 1e3
    return [name, part["times"], each, *shares(total, profile["step_seconds"], sgemm)]


def total_of(player: str, name: str, profile: dict[str, Any]) -> list[Any]:
    parts = [
        part
        for part in profile["parts"]
        if (part["player"], part["map"]) == (player, name)
    ]
    seconds = sum(part["times"] * part["seconds"] for part in parts)
    flops = sum(part["times"] * part["flops"] for part in parts)
    sgemm = flops / seconds / profile["matmul_rate"] if parts else None
    return shares(seconds, profile["step_seconds"], sgemm)


def shares(seconds: float, step: float, sgemm: float | None = None) -> list[Any]:
    """Milliseconds, their share of a step, and of the rate of a large product."""
    of_sgemm = None if sgemm is None else f"{sgemm:.0%}"
    return [seconds * 1e3, f"{seconds / step:.1%}", of_sgemm]
