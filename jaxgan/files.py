"""Files that appear whole or not at all, and folders that one process has."""

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from jaxgan import errors

LOCK = ".lock"


def write_whole(path: str | os.PathLike, write: Callable[[str], Any]) -> None:
    """Calls `write` on a temporary file beside `path`, which then takes its place.

    Args:
      path: the file, replaced if it exists and left as it was if `write` raises.
      write: fills the file of the name it is given, which has the ending of `path`.
    """
    path = Path(path)
    handle, temporary = tempfile.mkstemp(
        dir=path.parent, prefix=f".{path.stem}-", suffix=path.suffix
    )
    os.close(handle)
    try:
        write(temporary)
        # mkstemp makes files for their owner alone; these are as open as others.
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(temporary, 0o666 & ~mask)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise


def synchronise(path: str | os.PathLike) -> None:
    """Returns when a file that exists is on the disk, and not in a buffer only."""
    with open(path, "rb") as file:
        os.fsync(file.fileno())


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
