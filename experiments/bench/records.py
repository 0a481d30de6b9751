"""Where the records of benchmarks go, and what all of them say."""

import dataclasses
import pathlib
import sys
import time
from typing import Any

from bench import workers

from jaxgan.core import errors
from jaxgan.scripts import cli


def new(out: pathlib.Path | None, name: str) -> pathlib.Path:
    """The file of a record, `runs/NAME-TIME.json` for None; its folder is made.

    Raises:
      UserError: if the file exists, or its folder cannot be written to.
    """
    now = time.strftime("%Y%m%d-%H%M%S")
    path = out or pathlib.Path("runs") / f"{name}-{now}.json"
    cli.require(not path.exists(), "--out", path, "it exists; choose another file")
    with cli.flag("--out", path):
        _make_folder(path.parent)
    return path


def begun(settings: Any) -> dict[str, Any]:
    """What a record says besides what is measured."""
    kept = dataclasses.asdict(settings)
    del kept["out"], kept["torch_python"]
    return {
        # Names without folders, as those of one machine say nothing to others.
        "command": [pathlib.PurePath(word).name for word in sys.argv],
        "settings": kept,
        "machine": workers.machine(),
    }


def _make_folder(folder: pathlib.Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ".writable").touch()
        (folder / ".writable").unlink()
    except OSError as error:
        raise errors.UserError(
            f"its folder cannot be written to ({error.strerror}); choose another."
        ) from None
