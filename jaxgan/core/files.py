"""Files that appear whole or not at all, and folders that one process has."""

import contextlib
import fnmatch
import io
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from jaxgan.core import errors

LOCK = ".lock"

CONFIG = "config.json"
"""File of a run folder with its settings."""

CACHE_VARIABLE = "JAXGAN_CACHE"
"""Environment variable with the folder of what is computed or fetched once."""

LEFT_BY_SYSTEMS = (
    *(".DS_Store", "._*", "Thumbs.db", "ehthumbs.db", "desktop.ini", ".directory"),
    *(".nfs*", ".fuse_hidden*", "@eaDir", "lost+found", "$RECYCLE.BIN"),
)
"""Patterns of what desktops and network disks leave in folders unasked."""

LEFT_BY_EDITORS = ("*~", "#*#", ".#*", ".*.sw?", ".ipynb_checkpoints")


def write_whole(
    path: str | os.PathLike,
    write: Callable[[str], Any],
    verify: Callable[[str], Any] | None = None,
) -> None:
    """Calls `write` on a temporary file beside `path`, which then takes its place.

    It is on the disk before: a disk that takes no more may say so only then.

    Args:
      path: the file, replaced if it exists and left as it was if `write` or `verify`
        raises; an OSError names it.
      write: fills the file of the name it is given, which has the ending of `path`.
      verify: called with that name when all is written; raises if it cannot be read
        back as what was meant.
    """
    path = Path(path)
    handle, temporary = tempfile.mkstemp(
        dir=path.parent, prefix=f".{path.stem}-", suffix=path.suffix
    )
    os.close(handle)
    try:
        write(temporary)
        synchronise(temporary)
        if verify is not None:
            verify(temporary)
        # mkstemp makes files for their owner alone; these are as open as others.
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(temporary, 0o666 & ~mask)
        os.replace(temporary, path)
    except BaseException as error:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        if isinstance(error, OSError) and error.filename in (None, temporary):
            error.filename = str(path)
        raise


def append(path: str | os.PathLike, lines: str, *, synchronised: bool = False) -> None:
    """Adds whole lines to a file, all of them or none.

    What was left of a line by a process that died is cut off before, so that nothing is
    glued to it; and so is what a disk has taken of these lines before it was full.

    Args:
      path: made if it is not there. One process writes to it at a time; others who read
        meanwhile may see the beginning of what is added.
      lines: each with its end.
      synchronised: whether to return only when they are on the disk.

    Raises:
      UserError: if they cannot be written; the file is as it was.
    """
    data = lines.encode()
    try:
        with open(path, "a+b", buffering=0) as file:
            size = _cut_to_whole_lines(file)
            try:
                while data:
                    data = data[file.write(data) :]
                if synchronised:
                    os.fsync(file.fileno())
            except BaseException:
                with contextlib.suppress(OSError):
                    file.truncate(size)
                raise
    except OSError as error:
        raise errors.UserError(
            f"{path}: it could not be written ({error.strerror}); make room, then go "
            "on with --resume where a run was being saved."
        ) from None


def _cut_to_whole_lines(file: io.FileIO) -> int:
    """Drops what follows the last end of a line; returns the size."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(size - 1, 0))
    if file.read(1) not in (b"\n", b""):
        file.seek(0)
        size = file.truncate(file.readall().rfind(b"\n") + 1)
    return size


def synchronise(path: str | os.PathLike) -> None:
    """Returns when a file that exists is on the disk, and not in a buffer only.

    Raises:
      OSError: that names it, also where the disk is full and says so only now.
    """
    try:
        with open(path, "rb") as file:
            os.fsync(file.fileno())
    except OSError as error:
        error.filename = str(path)
        raise


def require_faithful(holds: bool, path: str | os.PathLike) -> None:
    """For `verify`: refuses what does not read back as it was written.

    Raises:
      UserError: unless it holds.
    """
    if not holds:
        raise errors.UserError(
            f"{path}: what was written there is not what is read from it; look after "
            "the disk, or write to another one."
        )


def is_left_by_others(name: str) -> bool:
    """Whether a file or folder of that name comes from a system or an editor."""
    patterns = LEFT_BY_SYSTEMS + LEFT_BY_EDITORS
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def is_empty(folder: str | os.PathLike) -> bool:
    """Whether a folder has nothing in it but what others leave unasked."""
    return all(is_left_by_others(name) for name in os.listdir(folder))


@contextlib.contextmanager
def locked(folder: str | os.PathLike) -> Iterator[None]:
    """Keeps a folder for this process, until it ends in whatever way.

    Args:
      folder: in which the file `.lock` says which process has it. On systems without
        `flock` nothing is kept.

    Raises:
      UserError: if another process has it, or it cannot be written to.
    """
    try:
        import fcntl
    except ImportError:
        yield
        return
    with contextlib.ExitStack() as stack:
        try:
            file = stack.enter_context(open(Path(folder) / LOCK, "a+"))
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise errors.UserError(
                f"{folder} is in use by process {file.read().strip()}; wait until it "
                "ends, or stop it."
            ) from None
        except OSError as error:
            raise errors.UserError(
                f"{folder} cannot be kept for this run ({error.strerror}); make it one "
                "that can be written to, on a disk with locks."
            ) from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield


def is_kept(folder: str | os.PathLike) -> bool:
    """Whether a process of this machine keeps a folder, see `locked`.

    True on systems without `flock`, where it cannot be known.
    """
    try:
        import fcntl
    except ImportError:
        return True
    try:
        with open(Path(folder) / LOCK) as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False
    return False


def cache_folder() -> Path:
    """Where what is computed or fetched once is kept, unless told otherwise."""
    own = os.environ.get(CACHE_VARIABLE)
    if own:
        return Path(own)
    shared = os.environ.get("XDG_CACHE_HOME")
    return Path(shared or Path.home() / ".cache") / "jaxgan"
