"""What the rounds of configurations say: rates, ratios and memory, and their table."""

import sys
from typing import Any

import numpy as np
from bench import cases, operations

from jaxgan import reports

COLUMNS = (
    "configuration",
    "members",
    "member-steps/s",
    "ratio",
    "quartiles",
    "share",
    "compile, s",
    "peak MB",
    "MB/member",
)


def summary(result: dict[str, Any], results: list[dict[str, Any]]) -> dict[str, Any]:
    """What the rounds of one configuration say, beside those of its group."""
    if "error" in result:
        return {}
    case, rate = result["case"], rates(result)
    whole = [r for r in results if "error" not in r]
    base = next((r for r in whole if is_eager(r["case"])), whole[0])
    flops = operations.member_step_flops(cases.numbers(case))
    matmul = np.array([said["matmul_rate"] for said in result["timed"]])
    kin = [r for r in whole if r["case"]._replace(members=case.members) == case]
    least = min(kin, key=lambda r: r["case"].members)
    more = case.members - least["case"].members
    sizes = memory(result), memory(least)
    return {
        "rate": quartiles(rate),
        "ratio": quartiles(rate / rates(base)),
        "ratio_to": title(base["case"]),
        "flops_per_member_step": flops,
        "share": float(np.median(rate * flops / matmul)),
        "bytes_per_member": (sizes[0] - sizes[1]) / more
        if more and None not in sizes
        else None,
    }


def memory(result: dict[str, Any]) -> int | None:
    """Bytes that grow with the members: of the compiled program, or of the process."""
    return result["program_bytes"] or result["peak_bytes"]


def rates(result: dict[str, Any]) -> np.ndarray:
    """Member-steps per second of each round."""
    steps = result["case"].members * result["steps"]
    return np.array([steps / said["seconds"] for said in result["timed"]])


def quartiles(values: np.ndarray) -> dict[str, float]:
    low, median, high = np.quantile(values, [0.25, 0.5, 0.75])
    return {"median": median, "low": low, "high": high}


def is_eager(case: cases.Case) -> bool:
    return case.options.get("variant") == "eager"


def title(case: cases.Case) -> str:
    """What sets a configuration apart from the usual one of its library."""
    usual = set(cases.OPTIONS.values())
    special = [value for value in case.options.values() if value not in usual]
    words = ["PyTorch" if case.library == "torch" else "jaxgan", *special]
    return " ".join(words + ([case.dtype] if case.dtype != "float32" else []))


def subject(case: cases.Case) -> str:
    """What a group of configurations is of."""
    weights = {"R1": case.r1, "R2": case.r2}
    given = [f"{k} of weight {v:g}" for k, v in weights.items() if v is not None]
    sizes = {"width": case.width, "batch": case.batch_size}
    changed = [f", {k} {v}" for k, v in sizes.items() if v is not None]
    penalties = " with " + " and ".join(given) if given else ""
    return case.model + "".join(changed) + penalties


def show(results: list[dict[str, Any]]) -> None:
    """Prints the table of a group."""
    rows = [row(result) for result in results]
    good = next((result for result in results if "error" not in result), None)
    if good is None:
        return
    case, flops = good["case"], good["flops_per_member_step"] / 1e6
    heading = (
        f"{subject(case)}: {flops:.4g} MFLOP per member-step; ratios to "
        f"{good['ratio_to']}, {good['case'].members} members; {good['device']}"
    )
    reports.print_table(rows, COLUMNS, heading)


def row(result: dict[str, Any]) -> list[Any]:
    case = result["case"]
    if "error" in result:
        return [title(case), case.members, "failed", *[None] * (len(COLUMNS) - 3)]
    ratio, peak, each = (result[k] for k in ("ratio", "peak_bytes", "bytes_per_member"))
    return [
        title(case),
        case.members,
        f"{result['rate']['median']:.4g}",
        ratio["median"],
        f"{ratio['low']:.3g}-{ratio['high']:.3g}",
        f"{result['share']:.0%}",
        result["compile_seconds"],
        peak and peak / 1e6,
        each and each / 1e6,
    ]


def report_failures(groups: list[list[dict[str, Any]]]) -> bool:
    """Names the configurations that failed; whether there are any."""
    failed = [result for result in sum(groups, []) if "error" in result]
    for result in failed:
        case = result["case"]
        where = f"{title(case)}, {case.model}, {case.members} members"
        print(f"failed: {where}: {result['error']}", file=sys.stderr)
    return bool(failed)
