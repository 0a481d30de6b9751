"""How fast does a population of GANs train, beside PyTorch and among its own forms?

    python experiments/bench_population.py --quick          # about two minutes
    python experiments/bench_population.py --suite dcgan28  # one published table
    python experiments/bench_population.py --model mlp --members 8 64 --mappers vmap map

Every configuration is a process of its own that stays alive. All take one short timed
round in turn, in reverse order every other round, so that a machine that slows down
slows all of them down: compare the ratios, which are taken round by round, rather than
the rates. The first PyTorch eager configuration is the baseline, without PyTorch the
first configuration. Work is counted in member-steps: both players' steps of one member.
Share is of the rate of a large matrix product in the same process. Compiling is, for
PyTorch, what the first step takes longer than the second. Peak MB are of the process
without compiling, on a GPU of the device; MB/member is how the arguments, results and
temporaries of the compiled program, or else the peak, grow from the smallest
population. The record keeps every round.
"""

import dataclasses
import pathlib
from typing import Literal

from jaxgan.scripts import cli


@dataclasses.dataclass(frozen=True)
class Settings:
    quick: bool = False
    """the main ratios in about two minutes on two cores"""
    suite: (
        Literal[
            "dcgan28",
            "dcgan28_r1",
            "dcgan32",
            "sn_dcgan",
            "sn_dcgan_r1",
            "resnet",
            "resnet_r1",
            "r3gan",
            "r3gan_r1_r2",
            "mlp",
            "mlp_small",
            "scaling",
            "forms",
            "mappers",
            "dtypes",
            "gpu",
        ]
        | None
    ) = None
    """configurations of a published table; None for those of the flags below"""
    model: Literal[
        "dcgan28", "dcgan32", "sn_dcgan", "resnet", "r3gan", "mlp", "mlp_small"
    ] = "dcgan28"
    """networks, batch size, loss and data"""
    width: int | None = None
    """channels of the model's outermost layers; None for the model's own"""
    batch_size: int | None = None
    """samples in a player's step; None for the model's own"""
    members: tuple[int, ...] = (8,)
    """sizes of the population"""
    forms: tuple[Literal["auto", "lax", "canonical", "matmul"], ...] = ("auto",)
    """forms of the convolutions and dense layers"""
    mappers: tuple[str, ...] = ("auto",)
    """how members are lifted to a population: auto, vmap, map or chunks:N"""
    devices: tuple[Literal["cores", "one"], ...] = ("cores",)
    """on a CPU, one device per core or one device"""
    loops: tuple[Literal["scan", "python"], ...] = ("scan",)
    """all steps of a round in one call, or a call for each step"""
    dtypes: tuple[Literal["float32", "bfloat16"], ...] = ("float32",)
    """what the networks compute in"""
    torch: tuple[
        Literal["eager", "tuned", "fused", "compile", "func", "graph"], ...
    ] = ("eager",)
    """baselines, see bench/torch_members.py; left out where there is no PyTorch"""
    r1: float | None = None
    """weight of the R1 penalty; None leaves it out"""
    r2: float | None = None
    """weight of the R2 penalty; None leaves it out"""
    rounds: int | None = None
    """timed rounds; None for 9, or 3 with --quick"""
    seconds: float | None = None
    """wanted length of a round of a configuration; None for 3, or 1 with --quick"""
    torch_python: pathlib.Path | None = None
    """interpreter that has PyTorch; None for the one that runs this"""
    seed: int = 0
    """of data, weights and batches"""
    out: pathlib.Path | None = None
    """record, a new file; None for runs/bench_population-NAME-TIME.json"""


if __name__ == "__main__":
    SETTINGS = cli.parse(Settings, __doc__)  # before JAX, so that --help is instant

import itertools
import sys
import time

from bench import cases, checks, summaries, timing, workers

from jaxgan import reports
from jaxgan.core import errors

ROUNDS, SECONDS = 9, 3.0
QUICK_ROUNDS, QUICK_SECONDS = 3, 1.0


def main(settings: Settings) -> None:
    checks.check(settings, Settings())
    path = settings.out or default_path(settings)
    cli.require(not path.exists(), "--out", path, "it exists; choose another file")
    with cli.flag("--out", path):
        make_folder(path.parent)
    groups = without_torch(settings, plan(settings))
    rounds = settings.rounds or (QUICK_ROUNDS if settings.quick else ROUNDS)
    seconds = settings.seconds or (QUICK_SECONDS if settings.quick else SECONDS)
    record = {
        # Names without folders, as those of one machine say nothing to others.
        "command": [pathlib.PurePath(word).name for word in sys.argv],
        "settings": {
            name: value
            for name, value in dataclasses.asdict(settings).items()
            if name not in ("out", "torch_python")
        },
        "machine": workers.machine(),
        "rounds": rounds,
        "seconds": seconds,
        "groups": [],
    }
    for group in groups:
        results = timing.measure(
            group,
            rounds,
            seconds,
            seed=settings.seed,
            torch_python=settings.torch_python,
        )
        record["groups"].append(results)
        summaries.show(results)
        # Written anew after each group, so that a long suite keeps what it has.
        reports.write_json(path, record)
    print(f"the record is {path}")
    if summaries.report_failures(record["groups"]):
        sys.exit(1)


def default_path(settings: Settings) -> pathlib.Path:
    name = "quick" if settings.quick else settings.suite or settings.model
    now = time.strftime("%Y%m%d-%H%M%S")
    return pathlib.Path("runs") / f"bench_population-{name}-{now}.json"


def make_folder(folder: pathlib.Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ".writable").touch()
        (folder / ".writable").unlink()
    except OSError as error:
        raise errors.UserError(
            f"its folder cannot be written to ({error.strerror}); choose another."
        ) from None


def plan(settings: Settings) -> list[list[cases.Case]]:
    """The configurations, in groups that are measured side by side."""
    name = "quick" if settings.quick else settings.suite
    return [cases.of_flags(settings)] if name is None else cases.SUITES[name]()


def without_torch(
    settings: Settings, groups: list[list[cases.Case]]
) -> list[list[cases.Case]]:
    """The groups, less the baselines if there is no PyTorch."""
    wanted = any(case.library == "torch" for case in itertools.chain(*groups))
    if not wanted or workers.has(settings.torch_python or sys.executable, "torch"):
        return groups
    print(
        "PyTorch is not installed: no baselines, and ratios are to the first "
        "configuration; --torch-python names an interpreter that has it.",
        file=sys.stderr,
    )
    return [[case for case in group if case.library != "torch"] for group in groups]


if __name__ == "__main__":
    cli.run(main, SETTINGS)
