"""The searches by name: from flags to the settings that are tried, and how."""

import json
import pathlib
from collections.abc import Callable, Sequence
from typing import NamedTuple

from jaxgan.core import files, randomness
from jaxgan.scripts import cli, settings
from jaxgan.sweeps import (
    designs,
    estimates,
    plans,
    recipes,
    records,
    spaces,
    studies,
    trials,
)
from jaxgan.sweeps.search.asynchronous_halving import driver as asynchronous_halving
from jaxgan.sweeps.search.asynchronous_halving import rule as halving
from jaxgan.sweeps.search.optuna import driver as optuna_driver
from jaxgan.sweeps.search.pbt import driver as pbt_driver
from jaxgan.sweeps.search.successive_halving import driver as successive_halving
from jaxgan.sweeps.search.successive_halving import rule as successive

USUAL = 24
"""Settings, where nothing is said."""

HALVINGS = ("halving", successive_halving.NAME, "hyperband")
"""Searches that stop the worst settings early."""

DRIVEN = (*HALVINGS, "pbt")
"""Searches whose trials train in rounds."""

FITTING = {
    "levels": ("grid",),
    "eta": HALVINGS,
    "places": HALVINGS,
    "rounds": DRIVEN,
    **dict.fromkeys(("batch", "storage", "study"), ("optuna",)),
}
"""Settings that only some searches have a use for, and which those are."""


class Limit(NamedTuple):
    """What a plan is cut to.

    Attributes:
      most_members: of a population; None for any number.
    """

    most_members: int | None


class ReadySearch(NamedTuple):
    """A search made ready.

    Attributes:
      groups: that it trains; of Optuna, which is asked on the way, an example.
      run: trains what is left and gives all rows.
      limit: of its populations, with which a run that goes on has the same plan.
      share: of the steps of all its trials that it is expected to take.
      scorings: of a trial, on average.
      note: what the user may not expect of the settings; empty if there is nothing.
      begin: asks for what the search needs beside its folder, before anything is kept
        there; raises `UserError` if it is not to be had.
    """

    groups: tuple[plans.Group, ...]
    run: Callable[[], list[records.Row]]
    limit: Limit
    share: float = 1.0
    scorings: float = 1.0
    note: str = ""
    begin: Callable[[], object] = lambda: None


def check(asked: settings.Search) -> None:
    """Asks that every setting is of use to the search, or as usual.

    Raises:
      UserError: naming the first that is not.
    """
    usual = settings.Search()
    for name, fitting in FITTING.items():
        value = getattr(asked, name)
        fits = asked.search in fitting or value == getattr(usual, name)
        *others, last = fitting
        listed = f"{', '.join(others)} or {last}" if others else last
        cli.require(fits, f"--{name}", value, f"it goes with --search {listed}")


def make(
    study: studies.Study,
    asked: settings.Search,
    space: spaces.Space,
    by: str,
    limit: Limit | None = None,
) -> ReadySearch:
    """Makes a search; nothing is trained yet.

    Args:
      study: that trains its trials.
      asked: which search it is, and its numbers.
      space: to search in, checked.
      by: name of the score that decides.
      limit: of the populations, as the run was begun with; None to go by
        `asked.members` or the memory that is free now.

    Raises:
      UserError: naming the flag, if numbers do not go together or the space needs too
        many programs.
    """
    if asked.search in HALVINGS:
        return _halving(study, asked, space, by, limit)
    if asked.search == "grid":
        need = "a grid has all its points; choose --levels"
        cli.require(asked.settings is None, "--settings", asked.settings, need)
        found = designs.grid(space, asked.levels)
    else:
        drawn = {"pbt": "sobol", "optuna": "random"}.get(asked.search, asked.search)
        found = _draw(asked, space, asked.settings or USUAL, drawn)
    limit = limit or _limit(study, asked, found)
    groups = _groups(asked, space, found, limit.most_members)
    note = _alike(found)
    if asked.search == "pbt":
        return _pbt(study, asked, space, by, groups, limit, note)
    if asked.search == "optuna":
        return _optuna(study, asked, space, by, groups, limit)

    def run():
        return studies.train_all(study, groups)

    return ReadySearch(groups, run, limit, note=note)


def kept_limit(folder: pathlib.Path | None) -> Limit | None:
    """The limit that a run was begun with, or None if it has kept none.

    Args:
      folder: of the run that goes on, with its `config.json`; None for a new one.
    """
    if folder is None:
        return None
    stored = json.loads((folder / files.CONFIG).read_text(encoding="utf-8"))
    if "most_members" not in stored:
        return None  # a run of an older version
    return Limit(stored["most_members"])


def _limit(study, asked, found: Sequence[spaces.Setting]) -> Limit:
    own = asked.members or estimates.most_members(study, found, asked.seeds)
    return Limit(own)


def _pbt(study, asked, space, by, groups, limit, note) -> ReadySearch:
    def run():
        return pbt_driver.search(
            study, groups, space, by, generations=asked.rounds, seed=asked.seed
        )

    return ReadySearch(groups, run, limit, scorings=asked.rounds, note=note)


def _optuna(study, asked, space, by, groups, limit) -> ReadySearch:
    history = {
        "seeds": range(asked.seeds),
        "seed": asked.seed,
        "storage": asked.storage,
        "name": asked.study,
    }

    def run():
        return optuna_driver.search(
            study,
            space,
            recipes.structural(space),
            by,
            settings=asked.settings or USUAL,
            batch=asked.batch,
            most_members=limit.most_members,
            most_groups=asked.allow_groups,
            **history,
        )

    def begin():
        return optuna_driver.begin(study, space, by, **history)

    return ReadySearch(groups, run, limit, begin=begin)


def _halving(study, asked, space, by, limit) -> ReadySearch:
    if asked.search != "hyperband":
        with cli.flag("--rounds", asked.rounds):
            ladders = [halving.ladder(1, asked.rounds, asked.eta)]
        sizes = [asked.settings or USUAL]
    else:
        need = "hyperband's brackets say how many there are; choose --rounds and --eta"
        cli.require(asked.settings is None, "--settings", asked.settings, need)
        with cli.flag("--rounds", asked.rounds):
            table = halving.hyperband(asked.rounds, asked.eta)
        ladders = [tuple(rung.rounds for rung in bracket) for bracket in table]
        sizes = [bracket[0].trials for bracket in table]
    found = _draw(asked, space, sum(sizes), "sobol")
    numbers = [b for b, size in enumerate(sizes) for _ in range(size)]
    brackets: dict[str, int] = {}
    for values, bracket in zip(found, numbers, strict=True):
        brackets.setdefault(trials.digest(values), bracket)
    limit = limit or _limit(study, asked, found)
    most = limit.most_members
    groups, own = [], {}
    for group in _groups(asked, space, found, None):
        number = len(group.trials) // asked.seeds
        own[group.name] = min(number, asked.places or -(-number // asked.eta))
        if most is not None:
            own[group.name] = max(1, min(own[group.name], most // asked.seeds))
        groups.append(group._replace(places=own[group.name] * asked.seeds))

    if asked.search == successive_halving.NAME:
        return _synchronous(study, asked, groups, by, ladders[0], limit, _alike(found))
    own_sizes = [list(brackets.values()).count(b) for b in range(len(sizes))]
    note = _alike(found)
    if note and asked.search == "hyperband":
        note += _brackets(own_sizes, sizes)

    def run():
        return asynchronous_halving.search(
            study, groups, by, ladders=ladders, brackets=brackets, eta=asked.eta
        )

    share = estimates.halving_share(ladders, own_sizes, asked.eta)
    return ReadySearch(tuple(groups), run, limit, share, asked.rounds * share, note)


def _synchronous(study, asked, groups, by, ladder, limit, note) -> ReadySearch:
    def run():
        return successive_halving.search(
            study, groups, by, ladder=ladder, eta=asked.eta
        )

    number = sum(len(group.trials) for group in groups) // asked.seeds
    places = groups[0].places // asked.seeds
    share = successive.share(ladder, number, places, asked.eta)
    tried = sum(successive.sizes(number, len(ladder), asked.eta)) / number
    return ReadySearch(tuple(groups), run, limit, share, tried, note)


def _alike(found: Sequence[spaces.Setting]) -> str:
    """Says that fewer settings are tried than were drawn, if some are equal."""
    different = len({trials.digest(values) for values in found})
    if different == len(found):
        return ""
    return f"Of {len(found)} settings drawn {different} differ, and are tried once."


def _brackets(own: Sequence[int], planned: Sequence[int]) -> str:
    """Says what is left of Hyperband's brackets, and which of them are empty."""
    said = ", ".join(f"{a} of {b}" for a, b in zip(own, planned, strict=True))
    words = f" Hyperband's brackets 0 to {len(own) - 1} have {said}"
    empty = [str(b) for b, size in enumerate(own) if not size]
    if empty:
        words += f": empty are {', '.join(empty)}, of settings that begin with longer "
        words += "training; choose successive_halving, or a larger space"
    return f"{words}."


def _draw(asked, space, number: int, design: str) -> list[spaces.Setting]:
    return designs.draw(space, number, randomness.key(asked.seed), design)


def _groups(
    asked, space, found: Sequence[spaces.Setting], most: int | None
) -> tuple[plans.Group, ...]:
    return plans.make(
        trials.make(found, range(asked.seeds)),
        recipes.structural(space),
        most_members=most,
        most_groups=asked.allow_groups,
    )
