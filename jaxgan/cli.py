"""The edge between a script and its user: settings in, one-sentence errors out.

Imports nothing heavy, so that a script can parse its command line, and answer `--help`,
before it imports JAX.
"""

import contextlib
import math
import os
import pathlib
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from jaxgan import errors

Settings = TypeVar("Settings")

USER_ERROR = 2
INTERRUPTED = 130


class Check(NamedTuple):
    """What a setting must be: a predicate, and the sentence for one who fails it."""

    holds: Callable[[Any], bool]
    need: str


AT_LEAST_ONE = Check(lambda value: value >= 1, "it must be at least 1")
POSITIVE = Check(lambda value: 0 < value < math.inf, "it must be a positive number")
NOT_NEGATIVE = Check(
    lambda value: 0 <= value < math.inf, "it must be zero or a positive number"
)
SHARE = Check(lambda value: 0 <= value < 1, "it must be at least 0 and below 1")
SHARES = Check(
    lambda values: all(0 <= value < 1 for value in values),
    "each must be at least 0 and below 1",
)
SEED = Check(lambda value: 0 <= value < 2**31, "it must lie between 0 and 2^31 - 1")


def at_least(least: int) -> Check:
    """The check of a number that must not be smaller."""
    return Check(lambda value: value >= least, f"it must be at least {least}")


def parse(settings: type[Settings], description: str) -> Settings:
    """Reads a dataclass of settings from the command line.

    Each field is a flag, with the field's docstring as its help. What cannot be read
    ends the program with status 2 and a sentence naming the flag.
    """
    import tyro

    return tyro.cli(settings, description=description)


def compile_fast() -> None:
    """Makes JAX compile fast and run slowly; call it before JAX is imported.

    For runs that only show that everything works, in which compiling takes most of the
    time. Flags of XLA that the user has set are left alone.
    """
    os.environ.setdefault(
        "XLA_FLAGS",
        "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true",
    )


def run(main: Callable[[Settings], None], settings: Settings) -> None:
    """Runs a script's main function and ends the program as a user expects.

    A `UserError` becomes its sentence on standard error and status 2, an interruption
    status 130; a defect keeps its traceback.
    """
    try:
        main(settings)
    except errors.UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(USER_ERROR)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(INTERRUPTED)


@contextlib.contextmanager
def flag(name: str, value: Any) -> Iterator[None]:
    """Names the flag in front of the user errors that its value causes."""
    try:
        yield
    except errors.UserError as error:
        raise errors.UserError(f"{name} {value}: {error}") from None


def require(holds: bool, name: str, value: Any, need: str) -> None:
    """Raises `UserError` naming the flag, its value and the need unless it is met.

    Comparisons with NaN are false, so `require(0 < x, ...)` refuses NaN too.
    """
    if not holds:
        raise errors.UserError(f"{name} {value}: {need}.")


def check(settings: Any, checks: Mapping[str, Check]) -> None:
    """Checks settings by their names; one that is None is left alone.

    Raises:
      UserError: naming the flag of the first setting that fails, its value and need.
    """
    for name, (holds, need) in checks.items():
        value = getattr(settings, name)
        flag_name = "--" + name.replace("_", "-")
        require(value is None or holds(value), flag_name, value, need)


def named_numbers(
    name: str, texts: Sequence[str], kind: type[float] | type[int] = float
) -> dict[str, Any]:
    """Reads `NAME:NUMBER` for each text, as in `--penalties r1:0.1 r2:0.1`.

    Args:
      name: of the flag.
      texts: what the user gave.
      kind: `float` or, for whole numbers, `int`.

    Raises:
      UserError: naming the flag, if a text is not of that form, a number is negative or
        not finite, or a name comes twice.
    """
    numbers: dict[str, float] = {}
    for text in texts:
        key, _, number = text.partition(":")
        try:
            value = kind(number)
        except ValueError:
            value = math.nan
        whole = "whole " if kind is int else ""
        form = f"it must be NAME:NUMBER, with a {whole}number that is not negative"
        require(bool(key) and 0 <= value < math.inf, name, text, form)
        require(key not in numbers, name, text, f"{key} is there already")
        numbers[key] = value
    return numbers


@contextlib.contextmanager
def run_folder(
    name: str, path: pathlib.Path | None, title: str
) -> Iterator[pathlib.Path]:
    """The new folder of a run; gone again if the run fails before it wrote anything.

    Args:
      name: of the flag.
      path: what the user gave, or None for `runs/TITLE-TIME`.
      title: of the run.

    Raises:
      UserError: as `new_folder`.
    """
    if path is None:
        path = pathlib.Path("runs") / f"{title}-{time.strftime('%Y%m%d-%H%M%S')}"
    folder = new_folder(name, path)
    try:
        yield folder
    except BaseException:
        if not any(folder.iterdir()):
            folder.rmdir()
        raise


def new_folder(name: str, path: pathlib.Path) -> pathlib.Path:
    """Makes the folder of a run; one that holds files already is left alone.

    Raises:
      UserError: if the folder is not empty or cannot be written to.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        occupied = next(path.iterdir(), None)
        (path / ".writable").touch()
        (path / ".writable").unlink()
    except OSError as error:
        raise errors.UserError(
            f"{name} {path}: the folder cannot be written to ({error.strerror}); "
            "choose another."
        ) from None
    if occupied is not None:
        raise errors.UserError(
            f"{name} {path}: the folder is not empty, and a run never overwrites "
            "another; choose another folder or remove it."
        )
    return path
