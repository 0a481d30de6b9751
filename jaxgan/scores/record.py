"""What a score is: a number together with everything needed to compare it.

The records are frozen dataclasses that are pytrees, with the protocol as static
data: unlike a tuple they can come out of `jit` and `vmap` although the protocol is
made of strings. Under `vmap` the arrays gain a leading axis and the protocol, which
is the same for every member, does not.
"""

import dataclasses
from typing import Any

import jax
import numpy as np
from jax import Array

Protocol = tuple[tuple[str, Any], ...]
"""How a number came about, as hashable pairs `((name, value), ...)`."""


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Score:
    """A scalar score.

    Attributes:
      value: the score.
      spread: its standard error or, where the protocol says so, a standard deviation;
        None if the score has no such estimate.
      floor: where less is better, what a perfect generator would show with this many
        samples; where more is better, the least that the score can be; or None.
      ceiling: where more is better, what a perfect generator would show, or the most
        that this many samples can show; or None.
      target: where neither less nor more is better, because both are wrong, what real
        data show; or None.
      warning: bool, whether the number misleads, by the rule that the protocol states
        as `warning`; None if nobody looked.
      protocol: how the number came about; see `protocol`.
    """

    value: Array
    spread: Array | None = None
    floor: Array | None = None
    ceiling: Array | None = None
    target: Array | None = None
    warning: Array | None = None
    protocol: Protocol = dataclasses.field(default=(), metadata={"static": True})


def protocol(**entries: Any) -> Protocol:
    """Builds the static part of a record, `((name, value), ...)` in the given order.

    NumPy scalars become Python numbers and lists become tuples, so that two runs
    with the same settings have equal protocols.
    """
    return tuple((name, _hashable(value)) for name, value in entries.items())


def to_dict(score: Any) -> dict[str, Any]:
    """The record as plain Python values: numbers, lists, strings and dictionaries.

    Args:
      score: a `Score` or another record of this package; arrays may have a leading
        axis of members.

    Returns:
      A dictionary with the record's fields, the protocol as a dictionary. Numbers
      that are not finite stay floats: `reports.write_json` says how it writes them.
    """
    fields = {f.name: getattr(score, f.name) for f in dataclasses.fields(score)}
    return {
        name: dict(value) if name == "protocol" else _plain(value)
        for name, value in fields.items()
    }


def _hashable(value):
    if isinstance(value, list | tuple):
        return tuple(_hashable(item) for item in value)
    if isinstance(value, np.generic):
        return value.item()
    return value


def _plain(value):
    return None if value is None else np.asarray(value).tolist()
