"""Which trials train together: those whose program is the same."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from jaxgan import reports
from jaxgan.core import errors
from jaxgan.sweeps import trials as trials_lib

MOST_GROUPS = 32


class Group(NamedTuple):
    """Trials that are one population.

    Attributes:
      name: a digest of its trials.
      structure: values of the structural fields, the same for all its trials.
      trials: at least one.
      places: members of its population, at least as many as it has trials; parts of a
        group that was cut have the same number, so that they share one program.
    """

    name: str
    structure: dict[str, Any]
    trials: tuple[trials_lib.Trial, ...]
    places: int


def make(
    trials: Sequence[trials_lib.Trial],
    structural: Iterable[str],
    *,
    most_members: int | None = None,
    most_groups: int | None = MOST_GROUPS,
) -> tuple[Group, ...]:
    """Splits trials into groups, the largest first.

    Trials share a group if their structural fields have the same values and the same
    fields exist, as a weight that is absent is structure too.

    Args:
      trials: from `trials.make`.
      structural: names of the fields whose values change the program.
      most_members: of a group; larger ones are cut into parts of nearly equal size.
        None for any size.
      most_groups: of different programs, as each has to be compiled; None for any.

    Raises:
      UserError: if there are more programs than allowed, saying how many.
    """
    structural = sorted(structural)
    if most_members is not None and most_members < 1:
        raise errors.UserError(f"most_members={most_members} must be at least 1.")
    alike: dict[str, list[trials_lib.Trial]] = {}
    for trial in trials:
        own = {name: trial.values[name] for name in structural if name in trial.values}
        key = trials_lib.canonical([own, sorted(trial.values)])
        alike.setdefault(key, []).append(trial)
    if most_groups is not None and len(alike) > most_groups:
        raise errors.UserError(
            f"the space needs {len(alike)} compiled programs, more than {most_groups}; "
            f"vary fewer of {', '.join(structural)}, or allow it (--allow-groups "
            f"{len(alike)})."
        )
    groups = [
        _group(part, structural, len(parts[0]))
        for parts in (_parts(members, most_members) for members in alike.values())
        for part in parts
    ]
    return tuple(sorted(groups, key=lambda group: -len(group.trials)))


def remaining(
    groups: Iterable[Group], rows: Iterable[Mapping[str, Any]]
) -> tuple[Group, ...]:
    """The groups without the trials that ended; those that are left empty go.

    A trial has ended if it has a row, other than one of status "going", which is that
    of a rung after which it trains on. A group that is left has the name that it had.
    """
    finished = {row["trial"] for row in rows if row.get("status") != "going"}
    left = []
    for group in groups:
        trials = tuple(t for t in group.trials if t.name not in finished)
        if trials:
            left.append(group._replace(trials=trials))
    return tuple(left)


def summary(groups: Sequence[Group]) -> str:
    """The plan in words, a line for each group."""
    total = sum(len(group.trials) for group in groups)
    populations = reports.count(len(groups), "population")
    lines = [f"{reports.count(total, 'trial')} in {populations}:"]
    for group in groups:
        said = ", ".join(f"{name}={value}" for name, value in group.structure.items())
        lines.append(f"  {len(group.trials):5} x {said or 'the same program'}")
    return "\n".join(lines)


def _group(trials, structural, places) -> Group:
    values = trials[0].values
    structure = {name: values[name] for name in structural if name in values}
    name = trials_lib.digest([trial.name for trial in trials])
    return Group(name, structure, tuple(trials), places)


def _parts(members, most):
    number = 1 if most is None else -(-len(members) // most)
    size = -(-len(members) // number)
    return [members[i : i + size] for i in range(0, len(members), size)]
