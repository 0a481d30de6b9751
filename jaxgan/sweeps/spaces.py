"""What varies in a sweep: a dictionary from dotted field names to distributions.

    {"loss": Categorical(("hinge", "wasserstein")),
     "optimizer.generator.learning_rate": LogUniform(1e-5, 1e-2),
     "clip": Conditional(LogUniform(1e-3, 1.0), on="loss", among=("wasserstein",))}

Fields may be structural or traced, that is for `plans.make` to know. A point of the
unit cube becomes a setting through the inverse distribution functions, so that whatever
fills the cube evenly fills the space evenly.
"""

import math
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from jaxgan.core import errors
from jaxgan.sweeps import fields


class Uniform(NamedTuple):
    """Real numbers in `[low, high]`, all alike."""

    low: float
    high: float


class LogUniform(NamedTuple):
    """Positive numbers in `[low, high]` whose logarithms are uniform."""

    low: float
    high: float


class Normal(NamedTuple):
    """Real numbers around `mean` with standard deviation `std`, without bounds."""

    mean: float
    std: float


class Integers(NamedTuple):
    """Whole numbers from `low` to `high`, both included, all alike."""

    low: int
    high: int


class Categorical(NamedTuple):
    """One of some values, all alike; a single one is a constant."""

    choices: tuple[Any, ...]


class Conditional(NamedTuple):
    """A field that exists where another one has one of some values.

    Attributes:
      distribution: of the field where it exists; may be conditional again.
      on: name of the other field, which is Categorical or Integers.
      among: its values that this field goes with.
    """

    distribution: Any
    on: str
    among: tuple[Any, ...]


Distribution = Uniform | LogUniform | Normal | Integers | Categorical | Conditional

Space = Mapping[str, Distribution]

Setting = dict[str, Any]
"""A value for each field that exists, by its dotted name."""


def check(space: Space, known: Iterable[str] | None = None) -> None:
    """Asks that a space can be drawn from.

    Args:
      space: to check.
      known: names of the fields that there are, such as `fields.names` gives, or None
        if any name will do.

    Raises:
      UserError: naming the field, for unknown fields, bounds that are reversed or
        impossible, and conditions that can never hold or go round in a circle.
    """
    if not space:
        raise errors.UserError("the space is empty; give at least one field to vary.")
    if known is not None:
        known = list(known)
        for name in space:
            if name not in known:
                raise errors.UserError(fields.unknown(name, known))
    for name, distribution in space.items():
        inner, conditions = unwrapped(distribution)
        _check_bounds(name, inner)
        for on, among in conditions:
            _check_condition(name, on, among, space)
    order(space)


def unwrapped(distribution: Distribution) -> tuple[Distribution, list[tuple]]:
    """A distribution without its conditions, and those as `(on, among)`."""
    conditions = []
    while isinstance(distribution, Conditional):
        conditions.append((distribution.on, tuple(distribution.among)))
        distribution = distribution.distribution
    return distribution, conditions


def order(space: Space) -> list[str]:
    """The fields so that each comes after those that it is conditional on.

    Raises:
      UserError: if conditions go round in a circle.
    """
    ordered: list[str] = []
    waiting = {name: [on for on, _ in unwrapped(d)[1]] for name, d in space.items()}
    while waiting:
        ready = [n for n, ons in waiting.items() if all(on in ordered for on in ons)]
        if not ready:
            raise errors.UserError(
                f"the conditions of {', '.join(sorted(waiting))} go round in a circle; "
                "let one of them be without."
            )
        ordered += ready
        waiting = {n: ons for n, ons in waiting.items() if n not in ready}
    return ordered


def exists(distribution: Distribution, setting: Setting) -> bool:
    """Whether a field exists beside the values of the fields it is conditional on."""
    conditions = unwrapped(distribution)[1]
    return all(on in setting and setting[on] in among for on, among in conditions)


def quantile(distribution: Distribution, share: float) -> Any:
    """The value below which lies this share of a distribution, conditions aside.

    Args:
      distribution: to invert.
      share: in [0, 1]. A Normal takes it within 2^-32 of 0 and 1.
    """
    from scipy import special

    match unwrapped(distribution)[0]:
        case Uniform(low, high):
            return float(low + (high - low) * share)
        case LogUniform(low, high):
            exponent = math.log(low) + (math.log(high) - math.log(low)) * share
            return float(np.clip(math.exp(exponent), low, high))
        case Normal(mean, std):
            return float(mean + std * special.ndtri(np.clip(share, 2**-32, 1 - 2**-32)))
        case Integers(low, high):
            return min(int(low + math.floor(share * (high - low + 1))), int(high))
        case Categorical(choices):
            return choices[min(math.floor(share * len(choices)), len(choices) - 1)]


def setting(space: Space, point: Mapping[str, float]) -> Setting:
    """The setting at a point of the unit cube, without fields that do not exist there.

    Args:
      space: checked.
      point: per field a number in [0, 1].
    """
    values: Setting = {}
    for name in order(space):
        if exists(space[name], values):
            values[name] = quantile(space[name], point[name])
    return {name: values[name] for name in space if name in values}


def _check_bounds(name, distribution) -> None:
    said = f"{name}: {distribution}"
    if isinstance(distribution, Categorical):
        if isinstance(distribution.choices, str) or not len(distribution.choices):
            raise errors.UserError(f"{said} must have a tuple of at least one choice.")
        return
    if not isinstance(distribution, Uniform | LogUniform | Normal | Integers):
        raise errors.UserError(
            f"{name}={distribution!r} is no distribution; write Categorical(("
            f"{distribution!r},)) for a constant."
        )
    whole = isinstance(distribution, Integers)
    kinds = (int, np.integer) if whole else (int, float, np.integer, np.floating)
    for value in distribution:
        if isinstance(value, bool) or not isinstance(value, kinds):
            need = "whole numbers" if whole else "numbers"
            raise errors.UserError(f"{said} must have {need}, not {value!r}.")
        if not math.isfinite(value):
            raise errors.UserError(f"{said} must have finite numbers, not {value}.")
    if isinstance(distribution, Normal):
        if not distribution.std > 0:
            raise errors.UserError(f"{said} must have a std above zero.")
        return
    low, high = distribution
    if low > high:
        other = type(distribution)(high, low)
        raise errors.UserError(f"{said} has its bounds reversed; write {other}.")
    if low == high and not whole:
        constant = Categorical((low,))
        raise errors.UserError(f"{said} has equal bounds; write {constant}.")
    if isinstance(distribution, LogUniform) and not low > 0:
        raise errors.UserError(f"{said} must have bounds above zero.")


def _check_condition(name, on, among, space) -> None:
    said = f"{name}, which is conditional on {on!r},"
    if on not in space:
        raise errors.UserError(f"{said} needs that field: {fields.unknown(on, space)}")
    match unwrapped(space[on])[0]:
        case Categorical(choices):
            possible = choices
        case Integers(low, high):
            possible = range(low, high + 1)
        case other:
            raise errors.UserError(
                f"{said} needs it to be Categorical or Integers, not {other}."
            )
    if not among:
        raise errors.UserError(f"{said} can never exist: among is empty.")
    for value in among:
        if value not in possible:
            found = ", ".join(map(str, possible))
            raise errors.UserError(
                f"{said} goes with {value!r}, which {on} never is; it is among {found}."
            )
