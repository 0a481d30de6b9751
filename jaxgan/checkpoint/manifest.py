"""The hash of every file of a checkpoint, and what the checkpoint is of.

Orbax writes a checkpoint whole or not at all, but does not notice a bit that flips
afterwards. So when a checkpoint has been committed a manifest is laid into it, which
holds a digest of itself too; a checkpoint without one was not finished.

What the manifest lists must be there as it was, and nothing may be added to the folders
of what it lists. But desktops, network disks and editors leave files of their own in
any folder: those are passed over, and are in no manifest.
"""

import hashlib
import json
import pathlib
from collections.abc import Iterator
from typing import Any

from jaxgan.core import errors, files

NAME = "manifest.json"
SCHEMA = 1


FIELDS = {
    "step": int,
    "versions": dict,
    "description": dict,
    "extra": dict,
    "arrays": dict,
    "files": dict,
}
"""What a checkpoint's manifest says besides its schema."""


def begun(folder: pathlib.Path) -> pathlib.Path:
    """The file beside a checkpoint that is there from before its first byte is written
    until its manifest is, so that what a killed run was saving is known from what has
    lost its manifest."""
    return folder.with_name(f".saving-{folder.name}")


class Damaged(Exception):
    """A checkpoint is not what was written; the message says in which way."""


def write(folder: pathlib.Path, about: dict[str, Any]) -> None:
    """Lays the manifest into a checkpoint.

    Args:
      folder: of a checkpoint whose files are all there.
      about: what else the manifest says, as JSON.
    """
    content = {"schema": SCHEMA, **about, "files": _hashes(folder)}
    data = _text(content).encode()
    files.write_whole(folder / NAME, lambda name: pathlib.Path(name).write_bytes(data))


def read(folder: pathlib.Path) -> dict[str, Any]:
    """Verifies a checkpoint against its manifest.

    Returns:
      The manifest's content.

    Raises:
      Damaged: if a file is missing, was added to the data or differs, or the folder
        was renamed.
      UserError: if the manifest is whole and of another version of jaxgan.
    """
    try:
        data = (folder / NAME).read_bytes()
        content = json.loads(data)["content"]
        # To the byte: 1e-5 and 1E-5 mean the same and are one bit apart.
        genuine = isinstance(content, dict) and data == _text(content).encode()
    except FileNotFoundError:
        raise Damaged(f"it has no {NAME}, so it was not finished") from None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        raise Damaged(f"its {NAME} cannot be read") from None
    if not genuine:
        raise Damaged(f"its {NAME} is not as it was written")
    if content.get("schema") != SCHEMA:
        raise errors.UserError(_of_another_version(folder, content))
    for name, kind in FIELDS.items():
        if not isinstance(content.get(name), kind):
            raise Damaged(f"its {NAME} does not say its {name}")
    if str(content["step"]) != folder.name:
        raise Damaged(f"it is of step {content['step']}, as its {NAME} says")
    try:
        _verify(folder, content["files"])
    except OSError as error:
        raise Damaged(f"its files cannot be read ({error.strerror})") from None
    return content


def _verify(folder: pathlib.Path, hashes: dict[str, str]) -> None:
    expected = {name for name in hashes if not _is_left_by_others(name)}
    there = {name: path for name, path in _files(folder)}
    # What lies beside the data, in the folder of the step, is read by nobody.
    data = {name.partition("/")[0] for name in expected if "/" in name}
    for name in sorted({*there, *expected}):
        if name not in there:
            raise Damaged(f"its file {name} is missing")
        if name in expected:
            if _hash(there[name]) != hashes[name]:
                raise Damaged(f"its file {name} is not as it was written")
        elif name.partition("/")[0] in data and not _is_hidden(name):
            raise Damaged(f"its file {name} does not belong to it")


def _hashes(folder: pathlib.Path) -> dict[str, str]:
    return {name: _hash(path) for name, path in _files(folder)}


def _files(folder: pathlib.Path) -> Iterator[tuple[str, pathlib.Path]]:
    """Names below the folder, and paths, of all files that may be of a checkpoint."""
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if name != NAME and not _is_left_by_others(name) and path.is_file():
            yield name, path


def _hash(path: pathlib.Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _is_left_by_others(name: str) -> bool:
    return any(map(files.is_left_by_others, name.split("/")))


def _is_hidden(name: str) -> bool:
    return any(part.startswith(".") for part in name.split("/"))


def _of_another_version(folder: pathlib.Path, content: dict[str, Any]) -> str:
    versions = content.get("versions")
    writer = versions.get("jaxgan") if isinstance(versions, dict) else None
    return (
        f"{folder} is a checkpoint of schema {content.get('schema')}, written by "
        f"jaxgan {writer or 'of an unknown version'}, and this version reads schema "
        f"{SCHEMA}; go on with the version that wrote it."
    )


def _text(content: dict[str, Any]) -> str:
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    return json.dumps({"sha256": digest, "content": content}, indent=1)
