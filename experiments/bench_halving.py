"""Does successive halving find what the full grid finds, at a third of its cost?

    python experiments/bench_halving.py

Trains every setting of a grid on digits to the end, as one population, and scores all
of them after each of sixteen rounds. Then searches the same settings by halving, in an
order of its own for each seed of the search: by the synchronous kind, which compares
all settings at each rung, and by the asynchronous one. What a setting shows after a
round is the same in any population, so that the searches look it up; the first one of
--search is driven in truth and must show the same numbers. Cost is counted in
member-steps, with and without those of places that stay empty. Expect about five
minutes on two idle cores.
"""

import dataclasses
import pathlib
from typing import ClassVar, Literal

from jaxgan.scripts import cli
from jaxgan.scripts import settings as shared_settings


@dataclasses.dataclass(frozen=True)
class Settings(shared_settings.Devices):
    search: Literal["successive_halving", "halving"] = "successive_halving"
    """that is driven: synchronous or asynchronous; both are looked up"""
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
    tensorboard: ClassVar[bool] = False
    dry_run: ClassVar[bool] = False


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
from bench import lookup

from jaxgan import reports
from jaxgan.data import dataset
from jaxgan.runs import journal
from jaxgan.scores import suites
from jaxgan.scripts import from_settings
from jaxgan.sweeps import designs, plans, recipes, spaces, studies, trials
from jaxgan.sweeps.search import rounds
from jaxgan.sweeps.search.asynchronous_halving import driver as asynchronous_halving
from jaxgan.sweeps.search.asynchronous_halving import rule as halving
from jaxgan.sweeps.search.successive_halving import driver as successive_halving

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
DRIVEN, OF = "largest relative difference of the driven search", "driven search"
LADDERS = tuple((eta, first) for eta in (4, 3, 2) for first in (1, 2))
NOTES = (
    "successive_halving compares all settings with all, so that their order, which is "
    "all that a seed of the search says, cannot matter: its seeds are one result.",
    "The usual ladder, eta 2 from the second round, was chosen on these curves; see "
    "ladders for what others find.",
    "halving is asynchronous: who comes to a rung early is compared with few.",
)


def main(asked: Settings) -> None:
    began = time.perf_counter()
    whole = ("seeds", "searches", "steps", "rounds", "places")
    cli.check(asked, dict.fromkeys(whole, cli.AT_LEAST_ONE) | {"eta": cli.at_least(2)})
    from_settings.devices(asked)
    if asked.smoke:
        asked = dataclasses.replace(asked, **SMOKE, places=2)
    data = dataset.load("digits")
    suite, references, note = suites.of_dataset(data, num_samples=asked.samples, seed=0)
    print(note)
    settings = designs.grid(SPACE, dict(zip(SPACE, asked.levels, strict=True)))
    if asked.grid is None:
        with tempfile.TemporaryDirectory() as folder:
            study = make_study(asked, data, suite, pathlib.Path(folder))
            curves = train_grid(asked, study, settings)
            driven, differ = asked.search, drive(asked, study, settings, curves)
    else:
        curves, driven, differ = read(asked, settings)
    own = lookup.Halving(asked.first, asked.eta, asked.places)
    record = summarise(settings, curves) | {
        "searches": lookup.search_all(own, curves, asked.searches),
        "notes": NOTES,
        OF: driven,
        DRIVEN: differ,
        "ladders": lookup.try_ladders(asked.places, curves, LADDERS),
        "references": references,
        "seconds": time.perf_counter() - began,
        "settings": dataclasses.asdict(asked),
        **journal.environment(),
    }
    reports.write_json(asked.out, record)
    show(record)


def make_study(
    asked: Settings, data: dataset.Dataset, suite: suites.Suite, folder: pathlib.Path
) -> studies.Study:
    return studies.make(
        data,
        functools.partial(recipes.changed, BASE),
        suite,
        asked,
        steps=asked.steps,
        samples=asked.samples,
        folder=folder,
        shared=folder,
    )


def train_grid(
    asked: Settings, study: studies.Study, settings: list[spaces.Setting]
) -> np.ndarray:
    """Mean score of each setting after each round, `[R, N]`."""
    every = trials.make(settings, range(asked.seeds))
    ready, members = studies.begin(study, every)
    curves = []
    for number in range(asked.rounds):
        steps = -(-asked.steps // asked.rounds)
        members = rounds.train_round(study, ready, members, steps)
        found = studies.score(study, ready, members)[BY]
        curves.append(np.asarray(found, float).reshape(-1, asked.seeds).mean(axis=1))
        best = np.nanmin(curves[-1]) if np.isfinite(curves[-1]).any() else np.nan
        print(
            f"grid: round {number + 1} of {asked.rounds}, best {best:.3g}", flush=True
        )
    return np.stack(curves)


def read(
    asked: Settings, settings: list[spaces.Setting]
) -> tuple[np.ndarray, str, float]:
    """The curves of another record, which search it drove, and how far that was off."""
    found = json.loads(asked.grid.read_text())
    names = ("seeds", "steps", "rounds", "samples")
    same = all(found["settings"][name] == getattr(asked, name) for name in names)
    need = "it is of another grid"
    cli.require(same and found["grid"] == settings, "--grid", asked.grid, need)
    curves = [[np.nan if x is None else x for x in row] for row in found["curves"]]
    # Records that do not say so drove the asynchronous search.
    return np.array(curves, float), found.get(OF, "halving"), found[DRIVEN]


def drive(
    asked: Settings,
    study: studies.Study,
    settings: list[spaces.Setting],
    curves: np.ndarray,
) -> float:
    """Trains the first search in truth; how far its scores are from the grid's."""
    own = [settings[i] for i in lookup.order_of(0, len(settings))]
    (group,) = plans.make(trials.make(own, range(asked.seeds)), [])
    ladder = halving.ladder(asked.first, asked.rounds, asked.eta)
    groups = [group._replace(places=asked.places * asked.seeds)]
    if asked.search == "halving":
        brackets = dict.fromkeys((trial.setting for trial in group.trials), 0)
        rows = asynchronous_halving.search(
            study, groups, BY, ladders=[ladder], brackets=brackets, eta=asked.eta
        )
    else:
        rows = successive_halving.search(
            study, groups, BY, ladder=ladder, eta=asked.eta
        )
    found: dict[tuple[str, int], list[float]] = {}
    for row in rows:
        key = (row["setting"], ladder[row["rung"]] - 1)
        found.setdefault(key, []).append(row[f"score.{BY}"])
    place = {trials.digest(values): i for i, values in enumerate(settings)}
    pairs = [(np.mean(s), curves[r, place[name]]) for (name, r), s in found.items()]
    return max(abs(a / b - 1) for a, b in pairs if np.isfinite(b))


def summarise(settings: list[spaces.Setting], curves: np.ndarray) -> dict[str, Any]:
    best = int(np.nanargmin(curves[-1]))
    return {
        "by": BY,
        "grid": settings,
        "curves": curves,
        "best of the grid": {"setting": best, "score": curves[-1, best]},
    }


def show(record: dict[str, Any]) -> None:
    lookup.show(record["searches"], BY, record["best of the grid"]["score"])
    lookup.show_ladders(record["ladders"])
    print("\n".join(record["notes"]))
    print(f"{DRIVEN} ({record[OF]}): {record[DRIVEN]:.2g}; {record['seconds']:.0f} s")


if __name__ == "__main__":
    cli.run(main, SETTINGS)
