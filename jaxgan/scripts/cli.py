"""The edge between a script and its user: settings in, one-sentence errors out.

Imports nothing heavy, so that a script can parse its command line, and answer `--help`,
before it imports JAX.
"""

import contextlib
import dataclasses
import errno
import importlib.metadata
import itertools
import json
import math
import os
import pathlib
import re
import shlex
import sys
import time
import traceback
import types
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, NoReturn, TypeVar

from jaxgan.core import errors, files, signals

Settings = TypeVar("Settings")

USER_ERROR, DEFECT = 2, 1
SIGNALLED = 128

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG}
"""What the system says of a disk, or a limit, that takes no more."""

CONFIG = files.CONFIG

FREE = {
    *("resume", "minutes", "data_dir", "data_devices", "microbatch_members"),
    *("coordinator", "num_processes", "process_id", "wait"),
    *("compilation_cache", "tensorboard", "log_to", "dry_run"),
}
"""Settings that a run may be resumed with other values of."""

ADDED = {
    *("image_size", "value_range", "layer_norms", "pack", "minibatch", "augment"),
    *("ada_target", "ada_images", "consistency", "balance", "balance_temperature"),
    *("optimizer", "optimizer_numbers", "schedules", "accumulate"),
    *(
        "balance_clusters",
        "extra_data",
        "extra_share",
        "num_tuples",
        "imbalance",
        "arms",
        "probe_labels",
        "penalty_every",
        "num_frames",
        "rollouts",
        "likelihood_steps",
        "log_to",
        "init_from",
        "init_mapping",
        "freeze",
        "preset",
        "keep",
        "patience",
        "averages",
        "snapshots",
        "convolution",  # of limited_data
    ),
}
"""Settings that older runs have not; their defaults are what those did."""


_folders: list[pathlib.Path] = []
"""Of the runs that this process has begun, the last one innermost."""


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


def parse(
    settings: type[Settings],
    description: str,
    defaults: Callable[[Settings], Settings] | None = None,
    growing: Sequence[str] = (),
) -> Settings:
    """Reads a dataclass of settings from the command line.

    Each field is a flag, with the field's docstring as its help. What cannot be read
    ends the program with status 2 and a sentence naming the flag.

    Where there is a field `resume` and it names the folder of a run, the settings of
    that run take the place of the defaults; other values for them are refused, but for
    the fields `FREE`.

    Args:
      settings: the dataclass.
      description: of the script, above its help.
      defaults: makes other defaults of what was given, such as those in a file that it
        names; flags come before them. Not for a run that is resumed.
      growing: names of numbers that a run may be resumed with larger values of.
    """
    import tyro

    asked = tyro.cli(settings, description=description)
    folder = getattr(asked, "resume", None)
    if folder is None and defaults is not None:
        with _sentences():
            asked = defaults(asked)
        return tyro.cli(settings, description=description, default=asked)
    if folder is None:
        return asked
    with _sentences():
        stored = dataclasses.replace(_stored(settings, folder), resume=folder)
        asked = tyro.cli(settings, description=description, default=stored)
        for field in dataclasses.fields(settings):
            old, new = getattr(stored, field.name), getattr(asked, field.name)
            flag_name = "--" + field.name.replace("_", "-")
            need = f"the run in {folder} has {old}; leave the flag out, or start anew"
            same = field.name in FREE or old == new
            if field.name in growing:
                need = f"the run in {folder} has {old}; give as many or more"
                same = new >= old
            require(same, flag_name, new, need)
    return asked


FAST = (
    "--xla_backend_optimization_level=0",
    "--xla_llvm_disable_expensive_passes=true",
    "--xla_cpu_parallel_codegen_split_count=1",
)
FAST_BY_JAXLIB = {"0.10.": ("--xla_cpu_use_fusion_emitters=false",)}
"""XLA ends a process that gives it a flag that it does not know, or no longer."""


def compile_fast() -> None:
    """Makes JAX compile fast and run slowly; call it before JAX is imported.

    For runs that only show that everything works, in which compiling takes most of the
    time. Flags of XLA that the user has set are left alone.
    """
    version = importlib.metadata.version("jaxlib")
    own = (
        flags for start, flags in FAST_BY_JAXLIB.items() if version.startswith(start)
    )
    os.environ.setdefault("XLA_FLAGS", " ".join([*FAST, *itertools.chain(*own)]))


def run(main: Callable[[Settings], None], settings: Settings) -> None:
    """Runs a script's main function and ends the program as a user expects.

    A `UserError`, or a disk that is full, becomes its sentence on standard error and
    status 2, an interruption 128 and the number of the signal, after its sentence if
    there is one; a defect keeps its traceback. Of several processes all end.

    A signal ends the program within half a minute, but for training, which it stops at
    the end of a chunk; a second one ends it at once, whatever it waits for.
    """
    try:
        with _sentences(settings), signals.raised(_end_at_once):
            main(settings)
    except BaseException as error:
        cause = error.__context__ if isinstance(error, SystemExit) else error
        if not getattr(cause, "together", False):
            _leave(error, cause)
        raise


def _leave(error: BaseException, cause: BaseException | None) -> None:
    """Ends the other processes as well, if there are such."""
    from jaxgan.core.distributed import failure

    if isinstance(error, SystemExit):
        failure.end_all(error.code, str(cause) or "it was interrupted")
    elif failure.has_others():
        # If it is a wire that broke when another one ended.
        failure.end_if_another_did()
        traceback.print_exc()
        failure.end_all(DEFECT, f"{type(cause).__name__}: {cause}")


def _end_at_once(number: int) -> None:
    """Says, in the place of a main thread that does not, why the program ends."""
    sentence = _goodbye(_folders[-1]) if _folders else "interrupted"
    # Not by way of Python's streams, which that thread may hold.
    with contextlib.suppress(OSError):
        os.write(2, f"{sentence}\n".encode())
    # What was not imported yet has nobody to tell.
    failure = sys.modules.get("jaxgan.core.distributed.failure")
    if failure is not None:
        failure.end_all(SIGNALLED + number, sentence)
    sys.stdout.flush()


@contextlib.contextmanager
def _sentences(settings: Any = None) -> Iterator[None]:
    try:
        yield
    except errors.UserError as error:
        _end(f"error: {in_flags(str(error), settings)}", USER_ERROR)
    except OSError as error:
        if error.errno not in FULL:
            raise
        _end(
            f"error: {error.filename or 'the disk'}: it could not be written "
            f"({error.strerror}); make room, then go on with --resume where a run was "
            "being saved.",
            USER_ERROR,
        )
    except errors.Interrupted as interruption:
        _end(str(interruption), SIGNALLED + interruption.signal)
    except KeyboardInterrupt as interruption:
        _end("interrupted", SIGNALLED + signals.number(interruption))


def _end(sentence: str, status: int) -> NoReturn:
    print(sentence, file=sys.stderr)
    sys.exit(status)


def in_flags(sentence: str, settings: Any) -> str:
    """A sentence in which arguments are called by the flags that they come from.

    The package speaks of arguments, `give image_size=(H, W)`; who started a script has
    flags, `give --image-size H W`.

    Args:
      sentence: of a `UserError`.
      settings: of the script; what is no field of them stays as it is.
    """
    fields = dataclasses.fields(settings) if dataclasses.is_dataclass(settings) else ()
    flags = {field.name: "--" + field.name.replace("_", "-") for field in fields}
    # Networks have labels where they know how many classes there are.
    flags |= {"num_classes": "--labels"} if "labels" in flags else {}

    def in_flag(found: re.Match) -> str:
        name, value = found["name"], found["value"]
        if value is None and "_" not in name:
            return found[0]  # a word like any other
        words = (value or "").strip("=()'").replace(",", "").split()
        return " ".join([flags[name], *words])

    # Neither within a path or another name, nor in a line of Python that is shown.
    return re.sub(
        rf"(?<![\w./'\"-])(?P<name>{'|'.join(flags) or '(?!)'})"
        r"(?P<value>=(\([^()]*\)|'[^']*'|(?!\.)[^\s,;:()]*))?(?![\w/='\"]|\.\w)",
        in_flag,
        sentence,
    )


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
    name: str,
    path: pathlib.Path | None,
    title: str,
    resume: pathlib.Path | None = None,
) -> Iterator[pathlib.Path]:
    """The folder of a run, kept for this process.

    A new one is gone again if the run fails before it wrote anything.

    Args:
      name: of the flag.
      path: what the user gave, or None for `runs/TITLE-TIME`.
      title: of the run.
      resume: the folder of the run that goes on, or None for a new one.

    Raises:
      UserError: as `new_folder`, or if another process has the folder.
    """
    if resume is not None:
        with files.locked(resume), _how_to_go_on(resume):
            yield resume
        return
    if path is None:
        path = pathlib.Path("runs") / f"{title}-{time.strftime('%Y%m%d-%H%M%S')}"
    folder = new_folder(name, path)
    try:
        with files.locked(folder), _how_to_go_on(folder):
            yield folder
    except BaseException:
        own = {name for name in os.listdir(folder) if not files.is_left_by_others(name)}
        if own <= {files.LOCK}:
            (folder / files.LOCK).unlink(missing_ok=True)
            with contextlib.suppress(OSError):  # with what a desktop has left in it
                folder.rmdir()
        raise


@contextlib.contextmanager
def _how_to_go_on(folder: pathlib.Path) -> Iterator[None]:
    _folders.append(folder)
    try:
        yield
    except KeyboardInterrupt as interruption:
        if not (folder / CONFIG).exists():
            raise
        number = signals.number(interruption)
        raise errors.Interrupted(_goodbye(folder), number) from None
    finally:
        _folders.pop()


def _goodbye(folder: pathlib.Path) -> str:
    if not (folder / CONFIG).exists():
        return "interrupted"
    return (
        f"interrupted; what was saved is in {folder}, go on by {resume_command(folder)}"
    )


def keep_settings(folder: pathlib.Path, **changed: Any) -> None:
    """Writes settings with which a run goes on into its `config.json`."""
    path = folder / CONFIG
    stored = json.loads(path.read_text(encoding="utf-8"))
    if changed.items() <= stored.items():
        return
    text = json.dumps(stored | changed, indent=2) + "\n"
    files.write_whole(path, lambda name: pathlib.Path(name).write_text(text, "utf-8"))


def resume_command(folder: pathlib.Path) -> str:
    """What a user types to go on with the run in a folder."""
    return shlex.join(["python", sys.argv[0], "--resume", str(folder)])


def command(script: str, *words: object) -> str:
    """What a user types to run the script of that name beside the one that runs."""
    path = pathlib.Path(sys.argv[0]).with_name(f"{script}.py")
    return shlex.join(["python", str(path), *map(str, words)])


def new_folder(name: str, path: pathlib.Path) -> pathlib.Path:
    """Makes the folder of a run; one that holds files already is left alone.

    Raises:
      UserError: if the folder is not empty or cannot be written to.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        empty = files.is_empty(path)
        (path / ".writable").touch()
        (path / ".writable").unlink()
    except OSError as error:
        raise errors.UserError(
            f"{name} {path}: the folder cannot be written to ({error.strerror}); "
            "choose another."
        ) from None
    if not empty:
        raise errors.UserError(
            f"{name} {path}: the folder is not empty, and a run never overwrites "
            "another; choose another folder or remove it."
        )
    return path


def _stored(settings: type[Settings], folder: pathlib.Path) -> Settings:
    """The settings of the run in a folder."""
    path = folder / CONFIG
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        hints = typing.get_type_hints(settings)
        names = [
            field.name
            for field in dataclasses.fields(settings)
            if field.name in stored or field.name not in ADDED
        ]
        # All of them first: that one is missing says more than another's type.
        found = {name: stored[name] for name in names}
        return settings(**{own: _typed(hints[own], found[own]) for own in names})
    except OSError:
        raise errors.UserError(
            f"--resume {folder}: there is no {CONFIG} in it; give the folder of a run."
        ) from None
    except KeyError as error:
        raise errors.UserError(
            f"--resume {folder}: its {CONFIG} has no {error}, as it is of another "
            "script or version; resume with that one."
        ) from None
    except (ValueError, TypeError) as error:
        raise errors.UserError(
            f"--resume {folder}: its {CONFIG} cannot be read ({error}); put it right, "
            "or start anew."
        ) from None


def _typed(hint: Any, value: Any) -> Any:
    """A setting as it was before it became JSON.

    Raises:
      TypeError: if it was none.
    """
    union = typing.get_origin(hint) in (typing.Union, types.UnionType)
    for kind in typing.get_args(hint) if union else (hint,):
        args = typing.get_args(kind)
        if typing.get_origin(kind) is typing.Literal and value in args:
            return value
        if typing.get_origin(kind) is tuple and isinstance(value, list):
            kinds = args[:1] * len(value) if args[-1] is ... else args
            if len(kinds) == len(value):
                return tuple(map(_typed, kinds, value))
        if kind is pathlib.Path and isinstance(value, str):
            return pathlib.Path(value)
        if kind is float and type(value) is int or type(value) is kind:
            return value
    raise TypeError(f"{value!r} where {hint} belongs")
