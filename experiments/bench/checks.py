"""Which flags of bench_population.py cannot be followed, and why."""

import re
import sys
from typing import Any

from bench import cases, workers

from jaxgan.scripts import cli

CHOSEN_BY_A_SUITE = (
    *("model", "width", "batch_size", "members", "forms", "mappers", "devices"),
    *("loops", "dtypes", "torch", "r1", "r2", "profile"),
)
MOST_MEMBERS = 1024
SOME = cli.Check(lambda value: len(value) > 0, "name at least one")


def check(asked: Any, defaults: Any) -> None:
    """Raises `UserError` for the first flag that cannot be followed.

    Args:
      asked: the settings of bench_population.py.
      defaults: those without any flag.
    """
    if asked.quick or asked.suite:
        by = "--quick" if asked.quick else "--suite"
        for name in CHOSEN_BY_A_SUITE + (("suite",) if asked.quick else ()):
            value, flag = getattr(asked, name), "--" + name.replace("_", "-")
            need = f"{by} chooses it itself"
            cli.require(value == getattr(defaults, name), flag, value, need)
    lists = ("members", "forms", "mappers", "devices", "loops", "dtypes")
    cli.check(asked, dict.fromkeys(lists, SOME))
    for value in asked.members:
        need = f"each must lie between 1 and {MOST_MEMBERS}"
        cli.require(1 <= value <= MOST_MEMBERS, "--members", value, need)
    for value in asked.mappers:
        known = re.fullmatch(r"auto|vmap|map|chunks:[1-9]\d*", value) is not None
        cli.require(known, "--mappers", value, "choose auto, vmap, map or chunks:N")
    cli.check(asked, dict.fromkeys(("rounds", "seconds"), cli.POSITIVE))
    cli.check(asked, dict.fromkeys(("r1", "r2"), cli.NOT_NEGATIVE))
    cli.check(asked, dict.fromkeys(("batch_size", "width"), cli.AT_LEAST_ONE))
    cli.check(asked, {"seed": cli.SEED})
    check_model(asked)
    if asked.profile is not None:
        check_profile(asked, defaults)
    if asked.torch_python is not None:
        holds = workers.has(asked.torch_python, "torch")
        need = "this interpreter cannot be run or has no PyTorch"
        cli.require(holds, "--torch-python", asked.torch_python, need)


def check_model(asked: Any) -> None:
    """Whether the model has what is asked of it."""
    of = cases.MODELS[asked.model]
    need = f"--model {asked.model} has hidden layers in its place; leave it out"
    holds = asked.width is None or "width" in of
    cli.require(holds, "--width", asked.width, need)
    if "groups" in of and asked.width is not None:
        least = of["width"] // of["groups"]
        need = f"--model {asked.model} needs a multiple of {least}"
        cli.require(asked.width % least == 0, "--width", asked.width, need)
    spectral = asked.model in cases.SPECTRAL
    need = (
        f"the vectors of spectral normalisation in --model {asked.model} would be one "
        "iteration apart in the two libraries; choose r1"
    )
    cli.require(asked.r2 is None or not spectral, "--r2", asked.r2, need)
    if "func" in asked.torch:
        need = "--torch func has no second derivatives; leave one of the two out"
        for name in ("r1", "r2"):
            value = getattr(asked, name)
            cli.require(value is None, f"--{name}", value, need)
        need = (
            f"spectral normalisation in --model {asked.model} keeps vectors in place, "
            "which torch.func does not allow; leave func out"
        )
        cli.require(not spectral, "--torch", "func", need)


def check_profile(asked: Any, defaults: Any) -> None:
    """Whether one configuration of a library that is there is asked for."""
    need = "--profile is of one member, alone on one device; leave it out"
    for name in ("members", "mappers", "devices", "loops"):
        value = getattr(asked, name)
        cli.require(value == getattr(defaults, name), f"--{name}", value, need)
    need = "--profile is of one configuration; name one"
    for name in ("forms", "dtypes", "torch"):
        value = getattr(asked, name)
        cli.require(len(value) == 1, f"--{name}", value, need)
    if asked.profile != "torch":
        return
    need = "--profile has the maps of layers by themselves; choose another variant"
    whole = {"func", "graph", "compile"} & set(asked.torch)
    cli.require(not whole, "--torch", *asked.torch, need)
    holds = workers.has(asked.torch_python or sys.executable, "torch")
    need = "PyTorch is not installed; --torch-python names an interpreter that has it"
    cli.require(holds, "--profile", asked.profile, need)
