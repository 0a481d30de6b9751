"""A sweep as a TOML file: the script's settings, the base recipe, and the space.

    dataset = "digits"                  # any flag of the script, by its name
    search = "random"

    [base]                              # fields that all trials have
    loss = "wasserstein"
    network.hidden = [64, 64]

    [space]                             # fields that vary
    learning_rate = { log_uniform = [1e-5, 1e-2] }
    n_critic = [1, 5]                   # one of these
    loss = ["wasserstein", "hinge"]

    [space."penalties.wgan_gp"]         # exists where its condition holds
    log_uniform = [0.1, 100.0]
    when = { loss = ["wasserstein"] }

The words are those of `WORDS`. On the command line a field is the same TOML in one
line: `--space "learning_rate = {log_uniform = [1e-5, 1e-2]}"`. What is wrong is said
with the file, the line and the field. Imports nothing heavy.
"""

import contextlib
import dataclasses
import pathlib
import re
import tomllib
import types as python_types
import typing
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from jaxgan.core import errors

WORDS = {
    "uniform": ("Uniform", 2),
    "log_uniform": ("LogUniform", 2),
    "normal": ("Normal", 2),
    "integers": ("Integers", 2),
    "choices": ("Categorical", None),
}
"""Each distribution's word: its name in `sweeps.spaces`, how many numbers it has."""

WHEN, TABLES = "when", ("base", "space")

FLAGS = {
    "file": "a file cannot name another; give that one on the command line instead.",
    "resume": "give it as a flag, --resume RUN, alone.",
}
"""Settings that say where others come from, and so are in no file; what to do."""


class File(typing.NamedTuple):
    """A TOML file that was read.

    Attributes:
      path: of the file.
      text: its lines.
      content: its values.
    """

    path: pathlib.Path
    text: str
    content: dict[str, Any]


def read(path: pathlib.Path) -> File:
    """Reads a file.

    Raises:
      UserError: if it cannot be read or is no TOML, with the line.
    """
    try:
        text = path.read_text(encoding="utf-8")
        return File(path, text, tomllib.loads(text))
    except OSError as error:
        raise errors.UserError(
            f"{path}: the file cannot be read ({error.strerror})."
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise errors.UserError(f"{path}: this is no TOML: {error}.") from None


def settings(file: File, kind: type) -> dict[str, Any]:
    """The script's settings in a file, with `base` and `space` as lines of text.

    Args:
      file: that was read.
      kind: the dataclass of settings.

    Raises:
      UserError: if a name is not known or is only a flag, or a value has another type,
        with the file, the line and the field.
    """
    hints, found = typing.get_type_hints(kind), {}
    known = [f.name for f in dataclasses.fields(kind) if f.name not in FLAGS]
    for name, value in file.content.items():
        if name in TABLES:
            if not isinstance(value, dict):
                raise errors.UserError(
                    f"{at(file, name)}: it must be a table of fields, [{name}]."
                )
            found[name] = tuple(lines(flat(value)))
            continue
        if name in FLAGS:
            raise errors.UserError(f"{at(file, name)}: {FLAGS[name]}")
        if name not in known:
            said = errors.choice(name, [*known, *TABLES], among="among")
            raise errors.UserError(f"{at(file, name)}: there is no such field; {said}")
        if not _fits(hints[name], value):
            raise errors.UserError(
                f"{at(file, name)}: {value!r} has a wrong type; it must be "
                f"{_said(hints[name])}."
            )
        found[name] = _typed(hints[name], value)
    return found


def at(file: File, name: str) -> str:
    """File, line and field, to put in front of a sentence."""
    line = _line(file, name)
    return f"{file.path}:{line}: {name}" if line else f"{file.path}: {name}"


@contextlib.contextmanager
def located(
    path: pathlib.Path | None, table: str, names: Sequence[str]
) -> Iterator[None]:
    """Puts file, line and field in front of user errors that name a field.

    Args:
      path: of the file, or None if the fields were flags.
      table: of the fields.
      names: of the fields.
    """
    try:
        yield
    except errors.UserError as error:
        named = re.findall(r"[\w.\-]+", str(error))
        culprit = next((word for word in named if word in names), None)
        if path is None or culprit is None:
            raise
        where = at(read(path), f"{table}.{culprit}")
        raise errors.UserError(f"{where}: {error}") from None


def fields(texts: Sequence[str], flag: str) -> dict[str, Any]:
    """Fields that are given as lines of TOML, by their dotted names.

    Raises:
      UserError: if a line is no TOML or a field comes twice.
    """
    found: dict[str, Any] = {}
    for text in texts:
        try:
            own = flat(tomllib.loads(text))
        except tomllib.TOMLDecodeError as error:
            raise errors.UserError(
                f"{flag} {text!r}: it must be a line of TOML, such as "
                f"'learning_rate = {{log_uniform = [1e-5, 1e-2]}}' ({error})."
            ) from None
        for name, value in own.items():
            if name in found:
                raise errors.UserError(f"{flag} {text!r}: {name} is there already.")
            found[name] = value
    return found


def space(values: Mapping[str, Any]) -> dict[str, Any]:
    """The space that fields describe, see `sweeps.spaces`.

    Raises:
      UserError: naming the field, if its distribution cannot be made out. Whether it
        can be drawn from is for `spaces.check` to say.
    """
    return {name: _distribution(name, value) for name, value in values.items()}


def flat(table: Mapping[str, Any], front: str = "") -> dict[str, Any]:
    """Nested tables by dotted names; a table of a distribution's words is a value."""
    found: dict[str, Any] = {}
    for name, value in table.items():
        if isinstance(value, dict) and not set(value) & {*WORDS, WHEN}:
            found |= flat(value, f"{front}{name}.")
        else:
            found[f"{front}{name}"] = value
    return found


def lines(values: Mapping[str, Any]) -> list[str]:
    """Fields as lines of TOML, which `fields` reads again."""
    return [f"{_key(name)} = {_toml(value)}" for name, value in values.items()]


def _distribution(name: str, value: Any) -> Any:
    from jaxgan.sweeps import spaces

    if isinstance(value, list):
        return spaces.Categorical(tuple(value))
    words = [word for word in WORDS if isinstance(value, dict) and word in value]
    if len(words) != 1 or set(value) - {*words, WHEN}:
        raise errors.UserError(
            f"{name} = {_toml(value)}: it must be a list of choices or a table with "
            f"one of {', '.join(WORDS)} and perhaps {WHEN}; a constant belongs to the "
            "base."
        )
    kind, number = WORDS[words[0]]
    given = value[words[0]]
    if not isinstance(given, list) or number not in (None, len(given)):
        need = "a list" if number is None else f"a list of {number} numbers"
        raise errors.UserError(
            f"{name} = {_toml(value)}: {words[0]} must be {need}, not {_toml(given)}."
        )
    whole = [tuple(given)] if number is None else given
    made = getattr(spaces, kind)(*whole)
    conditions = value.get(WHEN, {})
    if not isinstance(conditions, dict):
        raise errors.UserError(
            f"{name} = {_toml(value)}: {WHEN} must be a table such as "
            f'{{loss = ["hinge"]}}, not {_toml(conditions)}.'
        )
    for on, among in flat(conditions).items():
        among = among if isinstance(among, list) else [among]
        made = spaces.Conditional(made, on, tuple(among))
    return made


def _line(file: File, name: str) -> int | None:
    """The line of a field; of an inner one the line of what it is written in."""
    section: tuple[str, ...] = ()
    best, wanted = None, name.split(".")
    for number, text in enumerate(file.text.splitlines(), 1):
        header = re.match(r"\s*\[+([^\[\]]+)\]+\s*(#.*)?$", text)
        if header:
            section = _parts(header.group(1))
            here = section
        else:
            key = re.match(r"\s*((?:[\w\-]+|\"[^\"]*\"|'[^']*'|\s*\.\s*)+)\s*=", text)
            if not key:
                continue
            here = (*section, *_parts(key.group(1)))
        if here and list(here) == wanted[: len(here)]:
            if best is None or len(here) > best[0]:
                best = (len(here), number)
    return best[1] if best else None


def _parts(key: str) -> tuple[str, ...]:
    parts = re.findall(r"\"[^\"]*\"|'[^']*'|[\w\-]+", key)
    return tuple(p for part in parts for p in part.strip("\"'").split("."))


def _fits(hint: Any, value: Any) -> bool:
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, python_types.UnionType):
        return any(_fits(one, value) for one in inner)
    if origin is typing.Literal:
        return value in inner
    if origin is tuple:
        if not isinstance(value, list):
            return False
        one = inner[0] if inner[-1] is Ellipsis else None
        kinds = [one] * len(value) if one else list(inner)
        return len(kinds) == len(value) and all(map(_fits, kinds, value))
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if hint is pathlib.Path:
        return isinstance(value, str)
    return isinstance(hint, type) and isinstance(value, hint)


def _typed(hint: Any, value: Any) -> Any:
    inner = (hint, *typing.get_args(hint))
    if isinstance(value, str) and pathlib.Path in inner and str not in inner:
        return pathlib.Path(value)
    if isinstance(value, int) and float in inner and int not in inner:
        return float(value)
    return tuple(value) if isinstance(value, list) else value


def _said(hint: Any) -> str:
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, python_types.UnionType):
        return " or ".join(_said(one) for one in inner if one is not type(None))
    if origin is typing.Literal:
        return " or ".join(map(repr, inner))
    if origin is tuple:
        return f"a list of {_said(inner[0])}s"
    names = {int: "whole number", float: "number", str: "text", bool: "true or false"}
    return names.get(hint, "text")


def _key(name: str) -> str:
    return name if re.fullmatch(r"[\w\-]+", name) else f'"{name}"'


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return (
            "{" + ", ".join(f"{_key(k)} = {_toml(v)}" for k, v in value.items()) + "}"
        )
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    return repr(value)
