"""The edge between a script and its user: settings in, one-sentence errors out.

Imports nothing heavy, so that a script can parse its command line, and answer `--help`,
before it imports JAX.
"""

import contextlib
import os
import pathlib
import sys
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from jaxgan import errors

Settings = TypeVar("Settings")

USER_ERROR = 2
INTERRUPTED = 130


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
