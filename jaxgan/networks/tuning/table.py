"""The file of what was chosen, of one machine and one set of versions.

    {"heading": {"processor": ..., "cores": 2, "jax": "0.12.0", ...},
     "choices": {"forward, places 8x8, kernel 3x3, ...": {"form": "matmul",
                                                          "seconds": {...}}, ...}}

It lies in the cache under a name made of its heading. A file there that cannot be read
or has another heading is left as it is, and the next name is taken.
"""

import contextlib
import functools
import hashlib
import importlib.metadata
import itertools
import json
import os
import pathlib
import platform
import sys
from collections.abc import Iterator
from typing import Any

from jaxgan.core import errors, files
from jaxgan.networks.tuning import candidates

try:
    import fcntl
except ImportError:  # a system without it
    fcntl = None

PROCESSORS = pathlib.Path("/proc/cpuinfo")

NAMES = ("model name", "CPU implementer", "CPU part")
"""Of a processor; the second and third are those of ARM's."""

INSTRUCTIONS = ("avx2", "fma", "avx512f", "avx512_bf16", "amx_tile", "sve", "i8mm")
"""What processors of one name may differ in."""

Choices = dict[str, dict[str, Any]]
"""By `cases.words`: the `form` that was chosen, and the `seconds` of each form."""


class Table:
    """What is known of the cases, from the file and from this process.

    Attributes:
      folder: of the file.
      heading: of this machine and of the versions here.
      choices: read or noted so far.
    """

    def __init__(self, folder: pathlib.Path, heading: dict[str, Any]):
        self.folder, self.heading = folder, heading
        self.choices: Choices = {}

    def find(self, case: str) -> str | None:
        """The form that is noted for a case, if there is one."""
        if case not in self.choices:
            # Another process may have noted it meanwhile.
            self.choices = read(self.folder, self.heading)[1] | self.choices
        return self.choices.get(case, {}).get("form")

    def note(self, case: str, seconds: dict[str, float]) -> str:
        """Writes down the fastest form, unless another process has noted one before.

        Args:
          case: `cases.words` of it.
          seconds: of each form that can compute it.

        Returns:
          the form that is noted now.

        Raises:
          UserError: if the file cannot be written.
        """
        with _alone(self.folder):
            path, known = read(self.folder, self.heading)
            if known.get(case, {}).get("form") not in seconds:
                fastest = min(seconds, key=seconds.__getitem__)
                known[case] = {"form": fastest, "seconds": seconds}
            # What this process has begun with it keeps, and what is in the file stays.
            write(path, {"heading": self.heading, "choices": self.choices | known})
        self.choices = known | self.choices | {case: known[case]}
        return known[case]["form"]


def heading() -> dict[str, Any]:
    """What the fastest form depends on besides the case."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "jax": importlib.metadata.version("jax"),
        "jaxlib": importlib.metadata.version("jaxlib"),
        "onednn": candidates.onednn_version(),
        "xla_flags": os.environ.get("XLA_FLAGS", ""),
    }


def read(folder: pathlib.Path, heading: dict[str, Any]) -> tuple[pathlib.Path, Choices]:
    """The file for a heading, there or not, and its choices."""
    text = json.dumps(heading, sort_keys=True)
    name = f"convolutions-{hashlib.sha256(text.encode()).hexdigest()[:16]}"
    for number in itertools.count(1):
        path = folder / (f"{name}.json" if number == 1 else f"{name}-{number}.json")
        with _sentences(folder):
            there = path.exists()
        if not there:
            return path, {}
        try:
            return path, _choices(path, heading)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            _say(f"{path} is left out ({reason}); the next file is taken, or made")
    raise AssertionError("there is always a next name")


def write(path: pathlib.Path, table: dict[str, Any]) -> None:
    """Replaces the file as a whole.

    Raises:
      UserError: if it cannot be written.
    """
    text = json.dumps(table, indent=1, sort_keys=True) + "\n"
    with _sentences(path):
        files.write_whole(
            path, lambda own: pathlib.Path(own).write_text(text, encoding="utf-8")
        )


@contextlib.contextmanager
def _alone(folder: pathlib.Path) -> Iterator[None]:
    """Other processes wait until it ends, on systems and disks with `flock`."""
    with contextlib.ExitStack() as stack:
        with _sentences(folder):
            folder.mkdir(parents=True, exist_ok=True)
            if fcntl is not None:
                own = os.open(folder, os.O_RDONLY)
                stack.callback(os.close, own)
                with contextlib.suppress(OSError):  # of disks that have no locks
                    fcntl.flock(own, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def _sentences(path: pathlib.Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise errors.UserError(
            f"convolution='tuned' could not keep {path} ({error.strerror}); name "
            f"another folder in {files.CACHE_VARIABLE}, or use another form."
        ) from error


def _choices(path: pathlib.Path, heading: dict[str, Any]) -> Choices:
    """Those of a file; raises ValueError with the reason if they are not for here."""
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        raise ValueError("it is no JSON") from None
    found = stored.get("choices") if isinstance(stored, dict) else None
    if not isinstance(found, dict) or not all(map(_is_entry, found.values())):
        raise ValueError("it is no table of choices")
    if stored.get("heading") != heading:
        raise ValueError("it is of another machine or version")
    return found


def _is_entry(entry: Any) -> bool:
    return isinstance(entry, dict) and entry.get("form") in candidates.NAMES


@functools.cache
def _say(line: str) -> None:
    """Once in a process."""
    print(line, file=sys.stderr)


@functools.cache
def _processor() -> str:
    """Its name, and which of `INSTRUCTIONS` it has where the system says so."""
    if not PROCESSORS.is_file():
        return platform.processor() or platform.machine()
    lines = PROCESSORS.read_text(errors="replace").splitlines()
    found = dict(map(str.strip, line.split(":", 1)) for line in lines if ":" in line)
    flags = f"{found.get('flags', '')} {found.get('Features', '')}".split()
    has = [name for name in INSTRUCTIONS if name in flags]
    names = [found[name] for name in NAMES if name in found]
    return ", ".join([*(names or [platform.machine()]), *has])
