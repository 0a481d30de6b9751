"""Which settings of a space are tried: grids, random draws and even fillings.

Draws are pure functions of a key. The columns of the unit cube belong to the fields in
the alphabetical order of their names, so that the order of a space is free.
"""

import inspect
import itertools
import math
from collections.abc import Mapping

import jax
import numpy as np

from jaxgan.core import errors
from jaxgan.sweeps import spaces

DESIGNS = ("random", "sobol", "latin_hypercube")


def draw(
    space: spaces.Space, num_settings: int, key: jax.Array, design: str = "random"
) -> list[spaces.Setting]:
    """Draws settings from a space.

    Args:
      space: of F fields.
      num_settings: N of them.
      key: all that the draw depends on. The first settings of a longer draw by
        "random" or "sobol" are those of a shorter one.
      design: "random" for independent draws; "sobol" for scrambled Sobol points, even
        in the whole cube, best with N a power of two; "latin_hypercube" for one point
        in each of N slices of every field.

    Raises:
      UserError: if the space cannot be drawn from, N < 1, or there is no such design.

    References:
      Bergstra and Bengio, Random Search for Hyper-Parameter Optimization, 2012,
      https://jmlr.org/papers/v13/bergstra12a.html
      Sobol, On the Distribution of Points in a Cube, 1967; scrambled after Owen, 1998
      McKay et al., A Comparison of Three Methods for Selecting Values, 1979
    """
    spaces.check(space)
    if num_settings < 1:
        raise errors.UserError(f"num_settings={num_settings} must be at least 1.")
    names = sorted(space)
    points = cube(num_settings, len(names), key, design)
    at = (dict(zip(names, point, strict=True)) for point in points)
    return [spaces.setting(space, point) for point in at]


def cube(
    num_points: int, num_fields: int, key: jax.Array, design: str = "random"
) -> np.ndarray:
    """Draws points `[N, F]` of the unit cube `[0, 1)^F`, see `draw`.

    Raises:
      UserError: if there is no such design.
    """
    from scipy.stats import qmc

    rng = np.random.default_rng(np.asarray(jax.random.key_data(key)).tolist())
    match design:
        case "random":
            return rng.random((num_points, num_fields))
        case "sobol":
            # SciPy warns of numbers of points that are no power of two.
            most = math.ceil(math.log2(num_points))
            return _engine(qmc.Sobol, num_fields, rng).random_base2(most)[:num_points]
        case "latin_hypercube":
            return _engine(qmc.LatinHypercube, num_fields, rng).random(num_points)
    raise errors.UserError(
        f"design={design!r} is not known; {errors.choice(design, DESIGNS)}"
    )


def grid(
    space: spaces.Space, levels: int | Mapping[str, int] = 3
) -> list[spaces.Setting]:
    """All combinations of some values of each field.

    Uniform and LogUniform give evenly spaced values with both bounds among them, Normal
    the middles of `levels` slices of equal probability, Integers evenly spaced whole
    numbers with both bounds, and Categorical all its choices, whatever the levels. A
    field multiplies the grid only where it exists.

    Args:
      space: of the fields.
      levels: values of a field, or per field; 3 where there is none.

    Raises:
      UserError: if the space cannot be drawn from, or a number of levels is below 1 or
        belongs to no field.
    """
    spaces.check(space)
    own = levels if isinstance(levels, Mapping) else dict.fromkeys(space, levels)
    for name, number in own.items():
        if name not in space or number < 1:
            raise errors.UserError(
                f"levels of {name}={number}: it must be a field of the space, with at "
                "least 1 level."
            )
    settings: list[spaces.Setting] = [{}]
    for name in spaces.order(space):
        values = _levels(space[name], own.get(name, 3))
        settings = list(
            itertools.chain.from_iterable(
                [{**setting, name: value} for value in values]
                if spaces.exists(space[name], setting)
                else [setting]
                for setting in settings
            )
        )
    return [{name: s[name] for name in space if name in s} for s in settings]


def _engine(kind, num_fields: int, rng: np.random.Generator):
    """An engine of `scipy.stats.qmc`; what draws is `seed` before SciPy 1.15."""
    name = "rng" if "rng" in inspect.signature(kind).parameters else "seed"
    return kind(num_fields, **{name: rng})


def _levels(distribution, number) -> list:
    inner = spaces.unwrapped(distribution)[0]
    match inner:
        case spaces.Categorical(choices):
            return list(choices)
        case spaces.Integers(low, high):
            number = min(number, high - low + 1)
            middle = [low + (high - low) // 2]
            even = np.round(np.linspace(low, high, number)).astype(int).tolist()
            return even if number > 1 else middle
        case spaces.Normal():
            shares = (np.arange(number) + 0.5) / number
        case _:
            shares = np.linspace(0, 1, number) if number > 1 else np.array([0.5])
    return [spaces.quantile(inner, share) for share in shares.tolist()]
