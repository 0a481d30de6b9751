"""How fast does a population of GANs train, beside PyTorch and among its own forms?

    python experiments/bench_population.py --quick          # about two minutes
    python experiments/bench_population.py --suite dcgan28  # one published table
    python experiments/bench_population.py --model mlp --members 8 64 --mappers vmap map
    python experiments/bench_population.py --model r3gan --profile jaxgan

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

--profile times each map of each layer alone, in a loop as steps are: its forward pass,
the gradients of its input and its kernel, and their rates as shares of that of a large
product; then the optimiser and the random numbers. Normalisation is what a step takes
longer than one of the same networks without it, and the rest what is left of a step.
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
    forms: tuple[
        Literal["auto", "lax", "canonical", "matmul", "onednn", "tuned"], ...
    ] = ("auto",)
    """forms of the convolutions and dense layers"""
    mappers: tuple[str, ...] = ("auto",)
    """how members are lifted to a population: auto, vmap, map or chunks:N"""
    devices: tuple[Literal["cores", "one"], ...] = ("cores",)
    """on a CPU, one device per core or one device"""
    loops: tuple[Literal["scan", "python"], ...] = ("scan",)
    """all steps of a round in one call, or a call for each step"""
    dtypes: tuple[Literal["float32", "tf32", "bfloat16"], ...] = ("float32",)
    """what the networks compute in; tf32 is float32 but for products on a GPU"""
    torch: tuple[
        Literal["eager", "tuned", "fused", "compile", "func", "graph"], ...
    ] = ("eager",)
    """baselines, see bench/torch_members.py; left out where there is no PyTorch"""
    r1: float | None = None
    """weight of the R1 penalty; None leaves it out"""
    r2: float | None = None
    """weight of the R2 penalty; None leaves it out"""
    profile: Literal["jaxgan", "torch"] | None = None
    """the parts of a step of one member in that library, in the place of rates"""
    rounds: int | None = None
    """timed rounds; None for 9, or 3 with --quick or --profile"""
    seconds: float | None = None
    """wanted length of a round; None for 3, or 1 with --quick and 0.2 with --profile"""
    torch_python: pathlib.Path | None = None
    """interpreter that has PyTorch; None for the one that runs this"""
    seed: int = 0
    """of data, weights and batches"""
    out: pathlib.Path | None = None
    """record, a new file; None for runs/bench_population-NAME-TIME.json"""


if __name__ == "__main__":
    SETTINGS = cli.parse(Settings, __doc__)  # before JAX, so that --help is instant

import importlib.metadata
import itertools
import sys

from bench import cases, checks, profiles, records, summaries, timing, workers

from jaxgan import reports
from jaxgan.networks.onednn import library

ROUNDS, SECONDS = 9, 3.0
QUICK_ROUNDS, QUICK_SECONDS = 3, 1.0
PROFILE_ROUNDS, PROFILE_SECONDS = 3, 0.2


def main(settings: Settings) -> None:
    checks.check(settings, Settings())
    name = "quick" if settings.quick else settings.suite or settings.model
    path = records.new(settings.out, f"bench_population-{name}")
    if settings.profile is not None:
        profile(settings, path)
        return
    groups = without_onednn(without_torch(settings, plan(settings)))
    rounds = settings.rounds or (QUICK_ROUNDS if settings.quick else ROUNDS)
    seconds = settings.seconds or (QUICK_SECONDS if settings.quick else SECONDS)
    record = records.begun(settings) | {"rounds": rounds, "seconds": seconds}
    record["groups"] = []
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


def profile(settings: Settings, path: pathlib.Path) -> None:
    """Measures, prints and records the parts of a step of one member."""
    rounds = settings.rounds or PROFILE_ROUNDS
    seconds = settings.seconds or PROFILE_SECONDS
    asked = dataclasses.replace(settings, members=(1,))
    library = {"jaxgan": "jax"}.get(settings.profile, settings.profile)
    (case,) = (case for case in cases.of_flags(asked) if case.library == library)
    found = profiles.measure(
        case, rounds, seconds, seed=settings.seed, torch_python=settings.torch_python
    )
    profiles.show(found)
    lengths = {"rounds": rounds, "seconds": seconds}
    reports.write_json(path, records.begun(settings) | lengths | {"profile": found})
    print(f"the record is {path}")


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


def without_onednn(groups: list[list[cases.Case]]) -> list[list[cases.Case]]:
    """The groups, less that form if the extra is not installed."""
    wanted = any(
        case.options.get("form") == "onednn" for case in itertools.chain(*groups)
    )
    if not wanted or set(library.WHEELS) <= {
        each.name for each in importlib.metadata.distributions()
    }:
        return groups
    print(
        "oneDNN is not installed, and its form is left out: "
        "pip install 'jaxgan[onednn]' brings it.",
        file=sys.stderr,
    )
    return [
        [case for case in group if case.options.get("form") != "onednn"]
        for group in groups
    ]


if __name__ == "__main__":
    cli.run(main, SETTINGS)
