"""In what two descriptions differ, field by field."""

from collections.abc import Mapping
from typing import Any

MOST = 5


def between(stored: Any, asked: Any) -> list[str]:
    """The fields that differ, as `gan.width: 16 there, 32 here`.

    Args:
      stored: nested mappings, as JSON gives them back.
      asked: likewise.

    Returns:
      At most five fields; a last entry counts the others.
    """
    found = list(_between("", stored, asked))
    more = len(found) - MOST
    return found[:MOST] + ([f"and {more} more"] if more > 0 else [])


def _between(name, stored, asked):
    if isinstance(stored, Mapping) and isinstance(asked, Mapping):
        for key in dict.fromkeys((*stored, *asked)):
            inner = f"{name}.{key}" if name else str(key)
            if key not in stored:
                yield f"{inner}: absent there, {asked[key]} here"
            elif key not in asked:
                yield f"{inner}: {stored[key]} there, absent here"
            else:
                yield from _between(inner, stored[key], asked[key])
    elif stored != asked:
        yield f"{name}: {stored} there, {asked} here"
