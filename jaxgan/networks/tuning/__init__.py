"""Convolutions of which each map has the form that is the fastest on this machine.

Which one that is differs with the shape and with the processor. So it is measured, once
for each map, geometry, number of channels and dtype, and noted in a table in the cache.
It depends neither on the batch nor on the members, so that a sample has the same form
in any batch, and a member alone and in a population. What is noted is not measured
again: the last bits of a run depend on the table, and so on the machine.
"""

import functools
import pathlib
import sys
import threading

import jax
from jax import Array

from jaxgan.core import errors, files
from jaxgan.networks import forms
from jaxgan.networks.tuning import candidates, cases, table, timing

_lock = threading.Lock()
"""Two threads that trace do not measure at once."""


@functools.cache
def form(groups: int = 1) -> forms.Form:
    """The three maps, with kernels `[*k, C / groups, F]`.

    Each is chosen when it is traced, and measured if the table does not have it.
    """

    def of(name):
        def map_(a: Array, b: Array, geometry: forms.Geometry) -> Array:
            case = cases.of(name, a, b, geometry, groups)
            own = candidates.get(chosen(case), groups)
            return getattr(own, name)(a, b, geometry)

        return map_

    return forms.Form(*map(of, forms.Form._fields))


def check() -> None:
    """Raises `UserError` where nothing can be chosen by measuring."""
    backend = jax.default_backend()
    if backend != "cpu":
        raise errors.UserError(
            f"convolution='tuned' is for CPUs and the backend is {backend!r}; "
            "use 'auto'."
        )
    if jax.process_count() > 1:
        raise errors.UserError(
            f"convolution='tuned' is for one process and there are "
            f"{jax.process_count()}, whose programs must be the same; use 'auto'."
        )


def chosen(case: cases.Case) -> str:
    """The name of the form that a case has, one of `candidates.NAMES`.

    Raises:
      UserError: if it had to be measured and cannot be noted.
    """
    names = candidates.names(case)
    if len(names) == 1:
        return names[0]
    words = cases.words(case)
    with _lock:
        known = _table(files.cache_folder() / "tuned")
        found = known.find(words)
        return found if found in names else known.note(words, _measured(case, names))


def _measured(case: cases.Case, names: tuple[str, ...]) -> dict[str, float]:
    _announce()
    maps = {
        name: getattr(candidates.get(name, case.groups), case.map) for name in names
    }
    return timing.seconds(case, maps)


@functools.cache
def _announce() -> None:
    folder = files.cache_folder() / "tuned"
    print(
        f"measuring convolutions, once for this machine; the fastest forms are noted "
        f"in {folder}",
        file=sys.stderr,
    )


@functools.cache
def _table(folder: pathlib.Path) -> table.Table:
    return table.Table(folder, table.heading())
