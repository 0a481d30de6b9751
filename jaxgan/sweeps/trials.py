"""A trial is a setting with a seed, named by what it is and not by its place."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from jaxgan.core import errors
from jaxgan.sweeps import spaces


class Trial(NamedTuple):
    """One GAN to train.

    Attributes:
      name: a digest of the setting and the seed.
      setting: a digest of the setting, the same for all its seeds.
      values: of the setting's fields.
      seed: of the trial. Settings with the same seed are paired.
    """

    name: str
    setting: str
    values: spaces.Setting
    seed: int


def make(
    settings: Iterable[Mapping[str, Any]], seeds: Sequence[int]
) -> tuple[Trial, ...]:
    """Every setting with every seed, the seeds of a setting side by side.

    Settings that are equal become one, and NumPy's numbers Python's.

    Raises:
      UserError: if there are no settings or no seeds, or a seed comes twice.
    """
    seeds = [int(seed) for seed in seeds]
    if not seeds or len(set(seeds)) < len(seeds):
        raise errors.UserError(f"seeds={seeds} must be at least one, and all differ.")
    unique = {
        digest(values): {name: _python(value) for name, value in values.items()}
        for values in settings
    }
    if not unique:
        raise errors.UserError("there are no settings to try; give at least one.")
    return tuple(
        Trial(digest({"setting": name, "seed": seed}), name, values, seed)
        for name, values in unique.items()
        for seed in seeds
    )


def digest(values: Any) -> str:
    """Twelve hexadecimal digits that stand for some values, see `canonical`."""
    text = canonical(values).encode()
    return hashlib.blake2b(text, digest_size=6).hexdigest()


def canonical(values: Any) -> str:
    """Values as JSON that is the same for equal values.

    The order of fields does not count, tuples are lists, and NumPy numbers are numbers:
    0.9 in float32 is 0.9, the shortest decimal that is rounded to it.

    Raises:
      UserError: if a value is none that JSON knows, or a number that is not finite.
    """
    try:
        return json.dumps(
            values,
            sort_keys=True,
            separators=(",", ":"),
            allow_nan=False,
            default=_plain,
        )
    except (TypeError, ValueError):
        raise errors.UserError(
            f"values={values!r} must be text, finite numbers, booleans, None, or lists "
            "and dictionaries of such, to be stored."
        ) from None


def by_setting(members: Sequence[Trial]) -> list[list[Trial]]:
    """Trials by their setting, in their order."""
    found: dict[str, list[Trial]] = {}
    for trial in members:
        found.setdefault(trial.setting, []).append(trial)
    return list(found.values())


def _plain(value):
    if isinstance(value, np.generic | np.ndarray):
        return _python(value)
    raise TypeError(f"{value!r} cannot be stored")


def _python(value):
    if isinstance(value, np.ndarray):
        return [_python(one) for one in value]
    if isinstance(value, np.floating):
        return float(str(value))
    return value.item() if isinstance(value, np.generic) else value
