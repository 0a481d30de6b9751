"""Halvings that look up what settings show, in the place of training them.

Curves `[R, N]` have the score of each of N settings after each of R rounds.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from jaxgan import reports
from jaxgan.sweeps.search.asynchronous_halving import rule as halving
from jaxgan.sweeps.search.successive_halving import rule as successive

NEAR, THIRD = 1.05, 1 / 3
"""Of the best score and of the cost of the grid: the target."""

ORDERS = 100
"""In which each of the ladders is tried, as five orders tell little."""

KINDS = ("successive_halving", "halving")


class Halving(NamedTuple):
    """How a search halves.

    Attributes:
      first: rounds after which settings are compared first.
      eta: one setting in so many goes on.
      places: settings that train at once.
    """

    first: int
    eta: int
    places: int


class Found(NamedTuple):
    """What a search has found, and what it took.

    Attributes:
      finished: scores of the settings that were trained to the end, by index.
      busy: rounds of settings that were trained.
      taken: the same with those of empty places.
    """

    finished: dict[int, float]
    busy: int
    taken: int


def search_all(
    own: Halving, curves: np.ndarray, searches: int
) -> dict[str, dict[str, Any]]:
    """The searches of each kind, and in how many of them the target is met."""
    found = {}
    for kind in KINDS:
        seeds = [search(own, curves, kind, seed) for seed in range(searches)]
        near = [one["ratio"] <= NEAR for one in seeds]
        cheap = [one["cost without empty places"] <= THIRD for one in seeds]
        found[kind] = {
            "seeds": seeds,
            "within 5 %": sum(near),
            "at a third of the cost": sum(cheap),
            "both": sum(a and b for a, b in zip(near, cheap, strict=True)),
        }
    return found


def try_ladders(
    places: int, curves: np.ndarray, ladders: Sequence[tuple[int, int]]
) -> list[dict[str, Any]]:
    """What ladders `(eta, first)` of each kind find."""
    return [
        try_ladder(Halving(min(first, len(curves)), eta, places), curves, kind)
        for kind in KINDS
        for eta, first in ladders
    ]


def try_ladder(own: Halving, curves: np.ndarray, kind: str) -> dict[str, Any]:
    """What a ladder finds, in many orders where they matter."""
    orders = ORDERS if kind == "halving" else 1
    found = [search(own, curves, kind, seed) for seed in range(orders)]
    costs = ("cost", "cost without empty places")
    return {
        "search": kind,
        "orders": orders,
        "eta": own.eta,
        "first": own.first,
        "within 5 %": float(np.mean([one["ratio"] <= NEAR for one in found])),
        **{name: float(np.mean([one[name] for one in found])) for name in costs},
    }


def search(own: Halving, curves: np.ndarray, kind: str, seed: int) -> dict[str, Any]:
    """One search, in an order of its own."""
    order = order_of(seed, curves.shape[1])
    look_up = asynchronous if kind == "halving" else synchronous
    found = look_up(own, curves[:, order])
    trial = min(found.finished, key=found.finished.get, default=None)
    score = found.finished.get(trial, np.nan)
    return {
        "seed": seed,
        "setting": None if trial is None else int(order[trial]),
        "score": score,
        "ratio": score / np.nanmin(curves[-1]),
        "cost": found.taken / curves.size,
        "cost without empty places": found.busy / curves.size,
        "finished": len(found.finished),
    }


def order_of(seed: int, number: int) -> np.ndarray:
    return np.random.default_rng(seed).permutation(number)


def synchronous(own: Halving, curves: np.ndarray) -> Found:
    """Compares all settings with all, in the order of the curves' columns."""
    ladder = halving.ladder(own.first, len(curves), own.eta)
    climbing, busy, taken, entries = list(range(curves.shape[1])), 0, 0, []
    for rung, (before, rounds_of) in enumerate(zip((0, *ladder), ladder, strict=False)):
        filled = -(-len(climbing) // own.places) * own.places
        busy += len(climbing) * (rounds_of - before)
        taken += filled * (rounds_of - before)
        shown, last = curves[rounds_of - 1, climbing], rounds_of == ladder[-1]
        entries = successive.compare(climbing, shown, rung, last=last, eta=own.eta)
        climbing = [entry.trial for entry in entries if entry.status == "going"]
        if not climbing:
            break
    return Found(finished_of(entries), busy, taken)


def asynchronous(own: Halving, curves: np.ndarray) -> Found:
    """Compares a setting with those that are there, in the order of the columns."""
    ladder = halving.ladder(own.first, len(curves), own.eta)
    state = halving.begin(curves.shape[1], own.places, ladder, own.eta)
    busy = taken = 0
    while state.busy:
        there = state.trial != halving.EMPTY
        busy, taken = busy + int(there.sum()), taken + own.places
        after = np.minimum(state.rounds, len(curves) - 1)
        shown = curves[after, np.maximum(state.trial, 0)]
        state, _ = halving.decide(state, shown)
    return Found(finished_of(state.entries), busy, taken)


def finished_of(entries: Sequence[halving.Entry]) -> dict[int, float]:
    """Scores of the settings that were trained to the end and live, by index."""
    ended = [entry for entry in entries if entry.status == "finished"]
    return {e.trial: e.score for e in ended if not np.isnan(e.score)}


def show(found: dict[str, dict[str, Any]], by: str, best: float) -> None:
    """Prints the searches of each kind, beside the best score of the grid."""
    columns = ["ratio", "cost", "cost without empty places", "finished"]
    for kind, own in found.items():
        rows = [
            [f"seed {one['seed']}", one["score"], *(one[name] for name in columns)]
            for one in own["seeds"]
        ]
        total = len(rows)
        title = (
            f"Best {by} of {kind} beside the grid's, {best:.4g}: within 5 % in "
            f"{own['within 5 %']} of {total}, at most a third of the cost in "
            f"{own['at a third of the cost']} of {total}, both in {own['both']}"
        )
        reports.print_table(rows, ["", "best", *columns], title)


def show_ladders(found: list[dict[str, Any]]) -> None:
    columns = ["orders", "within 5 %", "cost", "cost without empty places"]
    rows = [
        [
            f"{one['search']}, eta {one['eta']}, first {one['first']}",
            *(one[name] for name in columns),
        ]
        for one in found
    ]
    reports.print_table(rows, ["", *columns], "Ladders, of the same settings")
