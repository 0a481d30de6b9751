"""What do populations of GANs cost on one GPU, beside PyTorch on the same card?

    python experiments/gpu_record.py --dry-run   # the groups, starting nothing
    python experiments/gpu_record.py             # at most nine minutes
    python experiments/gpu_record.py --toy       # tiny networks, a CPU will do

MLPs, DCGANs, SN-DCGAN and R3GAN with R1 and R2 in populations of several sizes; PyTorch
in a loop over members, in one CUDA graph and by torch.func; forms of convolutions, ways
to lift members, and float32, TF32 and bfloat16. Each group is a table of
bench_population.py, with rates, ratios, compile times and peaks of memory, and is
recorded as soon as it is done, the most wanted first: what ends the command early, the
time among it, costs the group that is measured and those that have not begun. The
configurations of a group compile at the same time, so that their compile times are
those of a busy machine.
"""

import dataclasses
import pathlib

from jaxgan.scripts import cli


@dataclasses.dataclass(frozen=True)
class Settings:
    minutes: float = 9.0
    """after which nothing more is measured"""
    rounds: int = 3
    """timed rounds of each configuration"""
    seconds: float = 1.0
    """wanted length of a round of a configuration"""
    toy: bool = False
    """tiny networks and populations, without CUDA graphs, on any device"""
    dry_run: bool = False
    """list the groups and end"""
    torch_python: pathlib.Path | None = None
    """interpreter that has PyTorch; None for the one that runs this"""
    seed: int = 0
    """of data, weights and batches"""
    out: pathlib.Path | None = None
    """record, a new file; None for runs/gpu_record-TIME.json"""


if __name__ == "__main__":
    SETTINGS = cli.parse(Settings, __doc__)  # before JAX, so that --help is instant

import contextlib
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

from bench import gpu_groups, records, summaries, timing, workers

from jaxgan import reports
from jaxgan.core import errors


class OutOfTime(Exception):
    """The time that was given is over."""


def main(settings: Settings) -> None:
    cli.check(settings, dict.fromkeys(("minutes", "seconds"), cli.POSITIVE))
    cli.check(settings, {"rounds": cli.AT_LEAST_ONE, "seed": cli.SEED})
    python = settings.torch_python or pathlib.Path(sys.executable)
    has_torch = workers.has(python, "torch")
    need = "this interpreter cannot be run or has no PyTorch"
    holds = has_torch or settings.torch_python is None
    cli.require(holds, "--torch-python", settings.torch_python, need)
    groups = gpu_groups.toy() if settings.toy else gpu_groups.groups()
    if not has_torch:
        print("PyTorch is not installed: no baselines.", file=sys.stderr)
        groups = [[case for case in g if case.library != "torch"] for g in groups]
    if settings.dry_run:
        show_plan(groups)
        return
    if not settings.toy and not has_gpu():
        raise errors.UserError(
            "there is no GPU here; --toy does without, --dry-run lists what would be "
            "measured."
        )
    path = records.new(settings.out, "gpu_record")
    record = records.begun(settings) | {"groups": [], "left_out": []}
    with limited(settings.minutes * 60):
        measure(settings, groups, record, path)
    finish(record, groups, path)


def measure(
    settings: Settings, groups: list[list[Any]], record: dict[str, Any], path: Any
) -> None:
    """Measures the groups in turn; the record on disk has all that are done."""
    for number, group in enumerate(groups):
        print(f"group {number + 1} of {len(groups)}", file=sys.stderr)
        results = timing.measure(
            group,
            settings.rounds,
            settings.seconds,
            seed=settings.seed,
            torch_python=settings.torch_python,
            together=True,
        )
        record["groups"].append(results)
        reports.write_json(path, record)
        summaries.show(results)


def finish(record: dict[str, Any], groups: list[list[Any]], path: Any) -> None:
    """Says what has not been measured, in the record too, and what has failed."""
    left_out = groups[len(record["groups"]) :]
    record["left_out"] = [names(group) for group in left_out]
    reports.write_json(path, record)
    for group in record["left_out"]:
        print(f"left out, as the time was over: {group}", file=sys.stderr)
    print(f"the record is {path}")
    if summaries.report_failures(record["groups"]):
        sys.exit(1)


@contextlib.contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Ends what is inside after so many seconds, its processes too, and goes on."""

    def stop(number: int, frame: Any) -> None:
        raise OutOfTime

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    except OutOfTime:
        print("the time is over", file=sys.stderr)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def has_gpu() -> bool:
    """Asked in a process of its own, as this one shall take no memory of the card."""
    code = "import jax, sys; sys.exit(jax.default_backend() == 'cpu')"
    command = [sys.executable, "-c", code]
    return not subprocess.run(command, capture_output=True, check=False).returncode


def names(group: list[Any]) -> str:
    each = [f"{summaries.title(case)} x {case.members}" for case in group]
    return f"{summaries.subject(group[0])}: {', '.join(each)}"


def show_plan(groups: list[list[Any]]) -> None:
    for number, group in enumerate(groups, 1):
        print(f"{number:2}. {names(group)}")


if __name__ == "__main__":
    cli.run(main, SETTINGS)
