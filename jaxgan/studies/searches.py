"""The searches by name: from flags to the settings that are tried, and how."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from jaxgan import cli, randomness, settings
from jaxgan.studies import (
    asking,
    evolution,
    halvings,
    planning,
    populations,
    recipes,
    synchronous,
)
from jaxgan.sweeps import designs, halving, plans, records, spaces, successive, trials

USUAL = 24
"""Settings, where nothing is said."""

HALVINGS = ("halving", synchronous.NAME, "hyperband")
"""Searches that stop the worst settings early."""

DRIVEN = (*HALVINGS, "pbt")
"""Searches whose trials train in rounds."""


class Search(NamedTuple):
    """A search made ready.

    Attributes:
      groups: that it trains; of Optuna, which is asked on the way, an example.
      run: trains what is left and gives all rows.
      share: of the steps of all its trials that it is expected to take.
      scorings: of a trial, on average.
    """

    groups: tuple[plans.Group, ...]
    run: Callable[[], list[records.Row]]
    share: float = 1.0
    scorings: float = 1.0


def make(
    study: populations.Study,
    asked: settings.Search,
    space: spaces.Space,
    by: str,
) -> Search:
    """Makes a search; nothing is trained yet.

    Raises:
      UserError: naming the flag, if numbers do not go together or the space needs too
        many programs.
    """
    if asked.search in HALVINGS:
        return _halving(study, asked, space, by)
    if asked.search == "grid":
        need = "a grid has all its points; choose --levels"
        cli.require(asked.settings is None, "--settings", asked.settings, need)
        found = designs.grid(space, asked.levels)
    else:
        drawn = {"pbt": "sobol", "optuna": "random"}.get(asked.search, asked.search)
        found = _draw(asked, space, asked.settings or USUAL, drawn)
    most = asked.members or planning.most_members(study, found, asked.seeds)
    groups = _groups(asked, space, found, most)
    match asked.search:
        case "pbt":

            def run():
                return evolution.search(
                    study,
                    groups,
                    space,
                    by,
                    generations=asked.rounds,
                    seed=asked.seed,
                )

            return Search(groups, run, scorings=asked.rounds)
        case "optuna":

            def run():
                return asking.search(
                    study,
                    space,
                    recipes.structural(space),
                    by,
                    settings=asked.settings or USUAL,
                    batch=asked.batch,
                    seeds=range(asked.seeds),
                    seed=asked.seed,
                    storage=asked.storage,
                    name=asked.study,
                    most_members=most,
                    most_groups=asked.allow_groups,
                )

            return Search(groups, run)
    return Search(groups, lambda: populations.train_all(study, groups))


def _halving(study, asked, space, by) -> Search:
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
    most = asked.members or planning.most_members(study, found, asked.seeds)
    groups, own = [], {}
    for group in _groups(asked, space, found, None):
        number = len(group.trials) // asked.seeds
        own[group.name] = min(number, asked.places or -(-number // asked.eta))
        if most is not None:
            own[group.name] = max(1, min(own[group.name], most // asked.seeds))
        groups.append(group._replace(places=own[group.name] * asked.seeds))

    if asked.search == synchronous.NAME:
        return _synchronous(study, asked, groups, by, ladders[0])

    def run():
        return halvings.search(
            study, groups, by, ladders=ladders, brackets=brackets, eta=asked.eta
        )

    share = planning.halving_share(ladders, sizes, asked.eta)
    return Search(tuple(groups), run, share, scorings=asked.rounds * share)


def _synchronous(study, asked, groups, by, ladder) -> Search:
    def run():
        return synchronous.search(study, groups, by, ladder=ladder, eta=asked.eta)

    number = sum(len(group.trials) for group in groups) // asked.seeds
    places = groups[0].places // asked.seeds
    share = successive.share(ladder, number, places, asked.eta)
    tried = sum(successive.sizes(number, len(ladder), asked.eta)) / number
    return Search(tuple(groups), run, share, scorings=tried)


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
