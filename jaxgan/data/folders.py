"""Where data are looked for and where they are prepared."""

import os
import pathlib

VARIABLE = "JAXGAN_DATA_DIR"
"""The environment variable that stands in for a `data_dir` that is not given."""


def chosen(data_dir: str | os.PathLike | None) -> str | None:
    """The folder asked for: the argument, else `JAXGAN_DATA_DIR`, else None."""
    data_dir = data_dir or os.environ.get(VARIABLE)
    return os.path.expanduser(data_dir) if data_dir else None


def default() -> pathlib.Path:
    """The default folder of TFDS: `TFDS_DATA_DIR`, else `~/tensorflow_datasets`."""
    folder = os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets"
    return pathlib.Path(folder).expanduser()


def searched(data_dir: str | os.PathLike | None) -> list[pathlib.Path]:
    """The folders of prepared data, the one asked for first, then the default."""
    data_dir = chosen(data_dir)
    return [*([pathlib.Path(data_dir)] if data_dir else []), default()]


def can_write(folder: pathlib.Path) -> bool:
    """Whether files can be made in a folder, or the folder itself if there is none."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    # The superuser may write anywhere; a folder without write permission is meant so.
    writable = folder.stat().st_mode & 0o222
    return bool(folder.is_dir() and writable and os.access(folder, os.W_OK))
