"""Weights that were trained elsewhere, as the beginning of other members.

They are found by name and taken where the shape is the same, leaf by leaf, so that
other layers, those of another number of classes or another size, begin as usual.
"""

import json
import pathlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxgan import types
from jaxgan.checkpoint import leaves as leaves_lib
from jaxgan.core import errors
from jaxgan.ensembles import mixtures, saved_discriminators
from jaxgan.scores import torch_files

PARTS = ("params", "collections", "ema")
"""Of a state, that are taken: what the optimisers remember is not."""

AFRESH = ("noise", "augmentation")
"""Collections that begin as usual: members that began as one would go on drawing the
same noise, and the probability of an augmentation starts at 0 with other data."""

TORCH = (".pt", ".pth", ".bin", ".ckpt")

MOST_NAMED = 4


class Source(NamedTuple):
    """Weights of M members.

    Attributes:
      said: where they are from.
      arrays: by name `[M, ...]`, such as `params.discriminator.Conv_0.kernel`.
    """

    said: str
    arrays: dict[str, np.ndarray]


class Taken(NamedTuple):
    """What became of each array, by its name.

    Attributes:
      taken: those that were.
      other: those whose shape was another, with both shapes in words.
      new: those that the source has not, which begin as usual.
      unused: those of the source that have no place.
    """

    taken: list[str]
    other: dict[str, str]
    new: list[str]
    unused: list[str]


def read(path: pathlib.Path, mapping: pathlib.Path | None = None) -> Source:
    """Reads weights from a run's folder or a file, without running code of it.

    Args:
      path: of a run with one population, or of one arm's checkpoints in it; of a
        generator's `.safetensors` that a run has left; or of a state dictionary that
        PyTorch saved, which asks for a mapping.
      mapping: of a JSON file that says by the name of an array of PyTorch the name
        here, see `of_torch`.

    Raises:
      UserError: if there are no weights, or they cannot be read.
    """
    if path.suffix in TORCH:
        if mapping is None:
            raise errors.UserError(
                f"{path} has PyTorch's names; give the file that says which are which "
                "here by --init-mapping."
            )
        return of_torch(path, mapping)
    if mapping is not None:
        raise errors.UserError(
            f"{path} has the names of jaxgan; leave out --init-mapping {mapping}."
        )
    return of_generator(path) if path.is_file() else of_run(path)


def of_run(path: pathlib.Path) -> Source:
    """The members of a run's newest checkpoint: both players, and the average."""
    if not path.is_dir():
        raise errors.UserError(f"{path} does not exist; give a run or a file.")
    inside = (path / saved_discriminators.FOLDER).is_dir()
    folders = saved_discriminators.arms(path) if inside else {"": path}
    if len(folders) > 1:
        raise errors.UserError(
            f"{path} has several populations; give the checkpoints of one, such as "
            f"{next(iter(folders.values()))}."
        )
    kept = saved_discriminators.load(*folders.values())
    state = {part: getattr(kept.state, part) for part in PARTS}
    return Source(str(path), _named({k: v for k, v in state.items() if v is not None}))


def of_generator(path: pathlib.Path) -> Source:
    """The generators of a file that a run has left; their average, where it had one."""
    _, mixture, _ = mixtures.load(path)
    own = {
        part: types.Pair(getattr(mixture, part), None)
        for part in ("params", "collections")
    }
    return Source(str(path), _named({**own, "ema": mixture.params}))


def of_torch(path: pathlib.Path, mapping: pathlib.Path) -> Source:
    """Arrays of a PyTorch state dictionary under the names of a mapping.

    The mapping is JSON, by PyTorch's name either a name here, or
    `{"to": name, "axes": [2, 3, 1, 0], "flip": [0, 1]}`: the order of the axes, and
    those that are read backwards after that, as a kernel's of a transposed convolution
    are. Without axes, matrices are transposed and kernels of convolutions `[O, I, ...]`
    become `[..., I, O]`: of an embedding, give `[0, 1]`. Numbers within an axis keep
    their order, so that a dense layer beside flattened images, `C, H, W` there and
    `H, W, C` here, does not fit. Names here are those of a state, such as
    `params.discriminator.Conv_0.kernel`.

    Raises:
      UserError: if a file cannot be read, or the mapping is none, has a name twice,
        names an array that is not there, or axes that it has not.
    """
    arrays = torch_files.read_arrays(path)
    try:
        text = mapping.read_text(encoding="utf-8")
        known = json.loads(text, object_pairs_hook=_each_once)
    except (OSError, ValueError) as error:
        raise errors.UserError(f"{mapping} cannot be read as JSON ({error}).") from None
    if not isinstance(known, dict):
        raise errors.UserError(f"{mapping} must hold names by names, in JSON.")
    found = {}
    for name, entry in known.items():
        if name not in arrays:
            raise errors.UserError(
                f"{mapping}: {path} has no array {name!r}; "
                f"{errors.choice(name, arrays)}"
            )
        where, array = _turned(mapping, name, arrays[name], entry)
        if where in found:
            raise errors.UserError(
                f"{mapping} has two arrays for {where!r}, the second is {name!r}; "
                "leave one of them out."
            )
        found[where] = array[None]
    return Source(str(path), found)


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object; of a name that comes twice the first entry would be lost."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{twice!r} comes twice")
    return found


def _turned(
    mapping: pathlib.Path, name: str, array: np.ndarray, entry: Any
) -> tuple[str, np.ndarray]:
    """The name here and the array in the order of its axes here."""
    entry = {"to": entry} if isinstance(entry, str) else entry
    spatial = range(2, array.ndim)
    usual = [*spatial, 1, 0] if array.ndim > 1 else [*range(array.ndim)]
    try:
        unknown = set(entry) - {"to", "axes", "flip"}
        axes = entry.get("axes")
        turned = np.transpose(array, usual if axes is None else axes)
        flipped = np.flip(turned, tuple(entry.get("flip", ())))
        if unknown or not isinstance(entry["to"], str):
            raise ValueError(f"unknown: {', '.join(unknown)}" if unknown else "no name")
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise errors.UserError(
            f"{mapping}: the entry of {name!r}, an array of {array.shape}, must be a "
            f"name or have to, axes and flip ({error})."
        ) from None
    return entry["to"], flipped


def begin_from(
    source: Source, state: types.TrainState
) -> tuple[types.TrainState, Taken]:
    """Members that begin with the weights of a source; member i with those of i mod M.

    An average that the source has not begins at the weights that it has. Streams of
    noise and the state of an augmentation begin as usual, see `AFRESH`.

    Args:
      source: of M members.
      state: of P members at their first step, in the host's memory.

    Raises:
      UserError: if no array fits.
    """
    found = compare(source, state)
    leaves, structure = _own(state)
    given, taken, arrays = _given(source, leaves), set(found.taken), []
    for name, leaf in leaves.items():
        leaf = np.asarray(leaf)
        if name in taken:
            member = np.arange(len(leaf)) % len(given[name])
            leaf = given[name][member].astype(leaf.dtype)
        arrays.append(leaf)
    return state._replace(**jax.tree.unflatten(structure, arrays)), found


def compare(source: Source, state: types.TrainState) -> Taken:
    """What `begin_from` would take.

    Args:
      source: of M members.
      state: of P members, or its shapes.

    Raises:
      UserError: if no array fits.
    """
    leaves, _ = _own(state)
    given = _given(source, leaves)
    found = Taken([], {}, [], [name for name in source.arrays if name not in leaves])
    for name, leaf in leaves.items():
        if _is_afresh(name):
            continue
        array = given.get(name)
        if array is None:
            found.new.append(name)
        elif array.shape[1:] != leaf.shape[1:]:
            found.other[name] = f"{list(array.shape[1:])}, here {list(leaf.shape[1:])}"
        else:
            found.taken.append(name)
    if not found.taken:
        first = ", ".join(list(source.arrays)[:MOST_NAMED]) or "nothing"
        here = ", ".join(list(leaves)[:MOST_NAMED])
        raise errors.UserError(
            f"no weights of {source.said} fit these networks: it has {first} ..., and "
            f"here are {here} ...; give networks with layers of the same names and "
            "sizes."
        )
    return found


def _is_afresh(name: str) -> bool:
    part, *where = name.split(".")
    return part == "collections" and any(name in AFRESH for name in where[1:2])


def _own(state: types.TrainState) -> tuple[dict[str, Any], Any]:
    return leaves_lib.named({part: getattr(state, part) for part in PARTS})


def _given(source: Source, leaves: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """The arrays of a source, with weights in the place of an average it has not."""
    given = dict(source.arrays)
    for name in leaves:
        trained = name.replace("ema.", "params.generator.", 1)
        if name.startswith("ema.") and name not in given and trained in given:
            given[name] = given[trained]
    return given


def sentences(source: Source, found: Taken) -> list[str]:
    """What was taken, in words."""
    members = len(next(iter(source.arrays.values())))
    total = len(found.taken) + len(found.other) + len(found.new)
    said = [
        f"{len(found.taken)} of {total} arrays begin as in {source.said}, seed i as "
        f"its member i mod {members}"
    ]
    other = [f"{name} (there {shapes})" for name, shapes in found.other.items()]
    for what, names in (
        ("another shape there", other),
        ("absent there", found.new),
        ("without a place here", found.unused),
    ):
        if names:
            said.append(f"{what}: {', '.join(names)}")
    return said


def _named(tree: Mapping[str, Any]) -> dict[str, np.ndarray]:
    return {name: np.asarray(leaf) for name, leaf in leaves_lib.named(tree)[0].items()}
