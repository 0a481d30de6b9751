"""Fields by their dotted names, such as `optimizer.generator.learning_rate`.

A tree of fields is made of dataclasses, NamedTuples and mappings; everything else in it
is a value, arrays and tuples too.
"""

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

from jaxgan.core import errors


def names(tree: Any) -> list[str]:
    """The dotted names of all values of a tree, in its order."""
    found = []
    for name, value in _children(tree):
        below = names(value)
        found += [f"{name}.{rest}" for rest in below] if below else [name]
    return found


def get(tree: Any, name: str) -> Any:
    """The value of a field.

    Raises:
      UserError: if there is no such field, with the nearest name.
    """
    value = tree
    for part in name.split("."):
        children = dict(_children(value))
        if part not in children:
            raise errors.UserError(unknown(name, names(tree)))
        value = children[part]
    return value


def replaced(tree: Any, values: Mapping[str, Any]) -> Any:
    """The tree with some fields replaced; the tree itself stays as it is.

    Args:
      tree: of dataclasses, NamedTuples and mappings.
      values: by dotted names. A mapping may gain a key, such as the weight of a further
        penalty; dataclasses and NamedTuples have the fields that they have.

    Raises:
      UserError: if there is no such field, with the nearest name.
    """
    for name, value in values.items():
        tree = _replaced(tree, name.split("."), value, name, tree)
    return tree


def unknown(name: str, known: Iterable[str]) -> str:
    """The sentence for a field that does not exist, with the nearest that does."""
    return f"there is no field {name!r}; {errors.choice(name, sorted(known))}"


def _children(tree) -> list[tuple[str, Any]]:
    if isinstance(tree, Mapping):
        return [(str(name), value) for name, value in tree.items()]
    if isinstance(tree, tuple) and hasattr(tree, "_asdict"):
        return list(tree._asdict().items())
    if dataclasses.is_dataclass(tree) and not isinstance(tree, type):
        return [(f.name, getattr(tree, f.name)) for f in dataclasses.fields(tree)]
    return []


def _replaced(tree, parts, value, name, whole):
    first, *rest = parts
    children = dict(_children(tree))
    fresh = isinstance(tree, Mapping) and not rest
    if first not in children and not fresh:
        raise errors.UserError(unknown(name, names(whole)))
    if rest:
        value = _replaced(children[first], rest, value, name, whole)
    if isinstance(tree, Mapping):
        return {**tree, first: value}
    if isinstance(tree, tuple):
        return tree._replace(**{first: value})
    return dataclasses.replace(tree, **{first: value})
