"""The files of an archive, found on disk or downloaded, and what they are verified."""

import hashlib
import http.client
import pathlib
import shutil
import urllib.request
from collections.abc import Sequence

from jaxgan.core import errors, files
from jaxgan.data import archives

TIMEOUT = 30.0
"""Seconds without an answer after which a download is given up."""


def found(file: archives.File, places: Sequence[pathlib.Path]) -> pathlib.Path | None:
    """The file of that name in the first of some folders that has one, unverified."""
    paths = (place / file.name for place in places)
    return next((path for path in paths if path.is_file()), None)


def fetch(
    name: str,
    archive: archives.Archive,
    places: Sequence[pathlib.Path],
    downloads: pathlib.Path,
) -> dict[str, pathlib.Path]:
    """The verified files of an archive, each from disk or else downloaded.

    Args:
      name: of the dataset.
      archive: what it consists of.
      places: folders in which the files may lie under their original names.
      downloads: a folder of this dataset alone, as others name their files alike; what
        is downloaded appears in it when it is complete and verified.

    Returns:
      The path of each file, by its original name.

    Raises:
      UserError: if a file on disk is truncated or has another checksum, or a file is
        missing and cannot be downloaded.
    """
    paths = {}
    for file in archive.files:
        path = found(file, [*places, downloads])
        if path is None:
            path = downloads / file.name
            _download(name, file, places, path)
        else:
            verify(name, file, path)
        paths[file.name] = path
    return paths


def verify(name: str, file: archives.File, path: pathlib.Path) -> None:
    """Raises `UserError` unless a file has the size and the checksum it should have."""
    try:
        size, sha256 = _measure(path)
    except OSError as error:
        raise errors.UserError(
            f"The archive {path} cannot be read ({error.strerror}); make it readable "
            f"or put the official file of {name!r} there, from {file.url}."
        ) from error
    what = _difference(file, size, sha256)
    if what is not None:
        raise errors.UserError(
            f"The archive {path} {what}; put the official file of {name!r} in its "
            f"place, from {file.url}, or remove it to have it downloaded."
        )


def _measure(path: pathlib.Path) -> tuple[int, str]:
    with path.open("rb") as content:
        sha256 = hashlib.file_digest(content, "sha256").hexdigest()
    return path.stat().st_size, sha256


def _difference(file: archives.File, size: int, sha256: str) -> str | None:
    if (size, sha256) == (file.size, file.sha256):
        return None
    if size < file.size:
        return f"is truncated: it has {size} of {file.size} bytes"
    return f"has the sha256 {sha256}, not {file.sha256}"


def _download(
    name: str, file: archives.File, places: Sequence[pathlib.Path], path: pathlib.Path
) -> None:
    def write(temporary: str) -> None:
        with urllib.request.urlopen(file.url, timeout=TIMEOUT) as response:
            with open(temporary, "wb") as out:
                shutil.copyfileobj(response, out, 2**20)
        size, sha256 = _measure(pathlib.Path(temporary))
        what = _difference(file, size, sha256)
        if what is not None:
            raise errors.UserError(
                f"What {file.url} sent for {file.name} of {name!r} {what}; try again, "
                "or put the official file into a folder and give that as data_dir."
            )

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        files.write_whole(path, write)
    except (OSError, http.client.HTTPException) as error:
        looked = ", ".join(str(place) for place in places) or "any data_dir"
        reason = getattr(error, "reason", None) or error
        raise errors.UserError(
            f"The archive {file.name} of {name!r} is not in {looked} and cannot be "
            f"downloaded from {file.url} to {path.parent} ({reason}); put it into a "
            "folder and give that as data_dir."
        ) from error
