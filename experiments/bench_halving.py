"""Does successive halving find what the full grid finds, at a third of its cost?

    python experiments/bench_halving.py

Trains every setting of a grid on digits to the end, as one population, and scores all
of them after each of sixteen rounds. Then searches the same settings by halving, in an
order of its own for each seed of the search. What a setting shows after a round is the
same in any population, so that the searches look it up; one of them is driven in truth
and must show the same numbers. Cost is counted in member-steps, with and without those
of places that stay empty at the end. Expect about five minutes on two idle cores.
"""

import dataclasses
import pathlib

from jaxgan import cli
from jaxgan import settings as shared_settings


@dataclasses.dataclass(frozen=True)
class Settings(shared_settings.Devices):
    levels: tuple[int, int, int] = (6, 4, 4)
    """of the grid: learning rates, beta_1, weights of R1"""
    seeds: int = 2
    """GANs of each setting, which is compared by their mean"""
    searches: int = 5
    """orders in which the settings are tried"""
    steps: int = 1200
    """of the generator, in a whole trial"""
    rounds: int = 16
    """that the steps are cut into"""
    eta: int = 2
    """one setting in so many trains on"""
    first: int = 2
    """rounds after which settings are compared first"""
    places: int = 6
    """settings that halving trains at once"""
    samples: int = 1000
    """that are scored"""
    grid: pathlib.Path | None = None
    """record of another run with the same grid, which is then not trained again"""
    out: pathlib.Path = pathlib.Path("halving.json")
    """record to write, replaced if it exists"""
    smoke: bool = False
    """a run of seconds, with numbers of its own: to see it work"""


if __name__ == "__main__":
    SETTINGS = cli.parse(Settings, __doc__)  # before JAX, so that --help is instant
    if SETTINGS.smoke:
        cli.compile_fast()

import functools
import json
import tempfile
import time
from typing import Any

import numpy as np

from jaxgan import journal, reports, setups
from jaxgan.data import dataset
from jaxgan.scores import panels
from jaxgan.studies import halvings, populations, recipes, rounds
from jaxgan.sweeps import designs, halving, plans, spaces, trials

SMOKE = {"levels": (2, 1, 2), "seeds": 2, "searches": 2, "steps": 16, "samples": 100}
BY = "frechet_distance"
BASE = recipes.Recipe(
    penalties={"r1": 1.0},
    network={"architecture": "mlp", "hidden": (64, 64), "latent_dim": 16},
)
SPACE = {
    "learning_rate": spaces.LogUniform(1e-4, 1e-2),
    "b1": spaces.Uniform(0.0, 0.9),
    "penalties.r1": spaces.LogUniform(0.01, 10.0),
}
NEAR, THIRD = 1.05, 1 / 3
DRIVEN = "largest relative difference of the driven search"
LADDERS = tuple((eta, first) for eta in (4, 3, 2) for first in (1, 2))
ORDERS = 100
"""In which each of the ladders is tried, as five orders tell little."""


def main(asked: Settings) -> None:
    began = time.perf_counter()
    whole = ("seeds", "searches", "steps", "rounds", "places")
    cli.check(asked, dict.fromkeys(whole, cli.AT_LEAST_ONE) | {"eta": cli.at_least(2)})
    setups.devices(asked)
    if asked.smoke:
        asked = dataclasses.replace(asked, **SMOKE, places=2)
    data = dataset.load("digits")
    panel, references, note = panels.of_dataset(data, num_samples=asked.samples, seed=0)
    print(note)
    settings = designs.grid(SPACE, dict(zip(SPACE, asked.levels, strict=True)))
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        study = populations.make(
            data,
            functools.partial(recipes.changed, BASE),
            panel,
            asked,
            steps=asked.steps,
            samples=asked.samples,
            folder=folder,
            shared=folder,
        )
        if asked.grid is None:
            curves = train_grid(asked, study, settings)
            differ = drive(asked, study, settings, curves)
        else:
            curves, differ = read(asked, settings)
    searched = [search(asked, curves, seed) for seed in range(asked.searches)]
    record = summarise(asked, settings, curves, searched) | {
        DRIVEN: differ,
        "ladders": [try_ladder(asked, curves, *ladder) for ladder in LADDERS],
        "references": references,
        "seconds": time.perf_counter() - began,
        "settings": dataclasses.asdict(asked),
        **journal.environment(),
    }
    reports.write_json(asked.out, record)
    show(record)


def train_grid(
    asked: Settings, study: populations.Study, settings: list[spaces.Setting]
) -> np.ndarray:
    """Mean score of each setting after each round, `[R, N]`."""
    every = trials.make(settings, range(asked.seeds))
    ready, members = populations.begin(study, every)
    curves = []
    for number in range(asked.rounds):
        steps = -(-asked.steps // asked.rounds)
        members = rounds.train_round(study, ready, members, steps)
        found = populations.score(study, ready, members)[BY]
        curves.append(np.asarray(found, float).reshape(-1, asked.seeds).mean(axis=1))
        best = np.nanmin(curves[-1]) if np.isfinite(curves[-1]).any() else np.nan
        print(
            f"grid: round {number + 1} of {asked.rounds}, best {best:.3g}", flush=True
        )
    return np.stack(curves)


def read(asked: Settings, settings: list[spaces.Setting]) -> tuple[np.ndarray, float]:
    """The curves of another record, and how far its driven search was from them."""
    found = json.loads(asked.grid.read_text())
    names = ("seeds", "steps", "rounds", "samples")
    same = all(found["settings"][name] == getattr(asked, name) for name in names)
    need = "it is of another grid"
    cli.require(same and found["grid"] == settings, "--grid", asked.grid, need)
    curves = [[np.nan if x is None else x for x in row] for row in found["curves"]]
    return np.array(curves, float), found[DRIVEN]


def try_ladder(
    asked: Settings, curves: np.ndarray, eta: int, first: int
) -> dict[str, Any]:
    """What a ladder finds in many orders."""
    own = dataclasses.replace(asked, eta=eta, first=min(first, asked.rounds))
    found = [search(own, curves, seed) for seed in range(ORDERS)]
    return {
        "eta": eta,
        "first": first,
        "within 5 %": float(np.mean([one["ratio"] <= NEAR for one in found])),
        **{
            name: float(np.mean([one[name] for one in found]))
            for name in ("cost", "cost without empty places")
        },
    }


def order_of(seed: int, number: int) -> np.ndarray:
    return np.random.default_rng(seed).permutation(number)


def search(asked: Settings, curves: np.ndarray, seed: int) -> dict[str, Any]:
    """One search, which looks up what settings show."""
    order = order_of(seed, curves.shape[1])
    ladder = halving.ladder(asked.first, asked.rounds, asked.eta)
    state = halving.begin(len(order), asked.places, ladder, asked.eta)
    busy = taken = 0
    while state.busy:
        there = state.trial != halving.EMPTY
        busy, taken = busy + int(there.sum()), taken + 1
        after = np.minimum(state.rounds, asked.rounds - 1)
        shown = curves[after, order[np.maximum(state.trial, 0)]]
        state, _ = halving.decide(state, shown)
    found = halving.best(state)
    whole = curves.size
    return {
        "seed": seed,
        "setting": int(order[found.trial]),
        "score": found.score,
        "ratio": found.score / np.nanmin(curves[-1]),
        "cost": taken * asked.places / whole,
        "cost without empty places": busy / whole,
        "finished": sum(e.status == "finished" for e in state.entries),
    }


def drive(
    asked: Settings,
    study: populations.Study,
    settings: list[spaces.Setting],
    curves: np.ndarray,
) -> float:
    """Trains the first search in truth; how far its scores are from the grid's."""
    own = [settings[i] for i in order_of(0, len(settings))]
    (group,) = plans.make(trials.make(own, range(asked.seeds)), [])
    ladder = halving.ladder(asked.first, asked.rounds, asked.eta)
    rows = halvings.search(
        study,
        [group._replace(places=asked.places * asked.seeds)],
        BY,
        ladders=[ladder],
        brackets=dict.fromkeys((trial.setting for trial in group.trials), 0),
        eta=asked.eta,
    )
    found: dict[tuple[str, int], list[float]] = {}
    for row in rows:
        key = (row["setting"], ladder[row["rung"]] - 1)
        found.setdefault(key, []).append(row[f"score.{BY}"])
    place = {trials.digest(values): i for i, values in enumerate(settings)}
    pairs = [(np.mean(s), curves[r, place[name]]) for (name, r), s in found.items()]
    return max(abs(a / b - 1) for a, b in pairs if np.isfinite(b))


def summarise(asked, settings, curves, searched) -> dict[str, Any]:
    best = int(np.nanargmin(curves[-1]))
    return {
        "by": BY,
        "grid": settings,
        "curves": curves,
        "best of the grid": {"setting": best, "score": curves[-1, best]},
        "searches": searched,
        "within 5 %": sum(found["ratio"] <= NEAR for found in searched),
        "at a third of the cost": sum(
            found["cost without empty places"] <= THIRD for found in searched
        ),
    }


def show(record: dict[str, Any]) -> None:
    columns = ["ratio", "cost", "cost without empty places", "finished"]
    rows = [
        [f"seed {found['seed']}", found["score"], *(found[name] for name in columns)]
        for found in record["searches"]
    ]
    total = len(rows)
    title = (
        f"Best {BY} of halving beside the grid's, "
        f"{record['best of the grid']['score']:.4g}: within 5 % in "
        f"{record['within 5 %']} of {total}, at most a third of the cost in "
        f"{record['at a third of the cost']} of {total}"
    )
    reports.print_table(rows, ["", "best", *columns], title)
    columns = ["within 5 %", *columns[1:3]]
    rows = [
        [f"eta {one['eta']}, first {one['first']}", *(one[name] for name in columns)]
        for one in record["ladders"]
    ]
    title = f"Other ladders, each in {ORDERS} orders of the same settings"
    reports.print_table(rows, ["", *columns], title)
    print(f"{DRIVEN}: {record[DRIVEN]:.2g}; {record['seconds']:.0f} s")


if __name__ == "__main__":
    cli.run(main, SETTINGS)
