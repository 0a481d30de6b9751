"""What the generators that a run has kept make, read in parts like other samples."""

import hashlib
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np

from jaxgan import ensembles, types
from jaxgan.checkpoint import file_cache
from jaxgan.core import errors, randomness
from jaxgan.data import samples
from jaxgan.ensembles import kept_averages

PATTERN = "mixture-*.safetensors"

DRAWN = samples.BATCH
"""Samples that are drawn at a time; draw c has the key `fold_in(key, c)`, so that what
is drawn does not depend on how many are read at once."""

TOLERANCE = 1e-3
"""By which images may lie outside of [-1, 1]."""


def is_run(path: pathlib.Path) -> bool:
    """Whether there are trained generators: a run's folder, or one of its files."""
    if path.is_dir():
        return next(path.glob(PATTERN), None) is not None
    return path.suffix == ".safetensors"


def arms(path: pathlib.Path) -> dict[str, list[pathlib.Path]]:
    """The files of a run by arm, one for each seed, in the order of the seeds.

    Args:
      path: a run's folder, or a file `mixture-ARM-SEED.safetensors`.

    Raises:
      UserError: if a file has another name.
    """
    found: dict[str, list[tuple[int, pathlib.Path]]] = {}
    for own in sorted(path.glob(PATTERN)) if path.is_dir() else [path]:
        arm, _, seed = own.stem.removeprefix("mixture-").rpartition("-")
        if path.is_dir() and not (arm and seed.isdigit()):
            raise errors.UserError(
                f"{own} is not called mixture-ARM-SEED.safetensors; give its path "
                "instead of the folder's."
            )
        number = int(seed) if seed.isdigit() else 0
        found.setdefault(arm or own.stem, []).append((number, own))
    return {arm: [own for _, own in sorted(pairs)] for arm, pairs in found.items()}


def members(
    paths: Sequence[pathlib.Path],
    number: int,
    seed: int,
    average: kept_averages.Average | None = None,
) -> list[samples.Samples]:
    """The samples of each of several mixtures of the same networks.

    Args:
      paths: of the mixtures.
      number: samples of each.
      seed: mixture i draws with `fold_in(key(seed), i)`.
      average: whose weights the generators have; None for those in the files.

    Returns:
      The samples; those of a dead generator are NaN. They have the labels that were
      asked of the generators, if these are conditional.

    Raises:
      UserError: for a file that holds no mixture, and networks that differ; and where
        samples are read, for images outside of [-1, 1].
    """
    loaded = [
        ensembles.load(path) if average is None else kept_averages.load(path, average)
        for path in paths
    ]
    networks, _, notes = loaded[0]
    for path, (_, _, own) in zip(paths, loaded, strict=True):
        if own["gan"] != notes["gan"]:
            raise errors.UserError(
                f"{path} has other networks than {paths[0]}; score them one by one."
            )
    key = randomness.key(seed)
    found = [
        # One GAN for all, as a program belongs to it.
        _member(
            path, networks, mixture, jax.random.fold_in(key, i), number, seed, i
        )._replace(**_labelled(mixture, jax.random.fold_in(key, i), number, own))
        for i, (path, (_, mixture, own)) in enumerate(zip(paths, loaded, strict=True))
    ]
    return found if average is None else [_averaged(own, average) for own in found]


def _averaged(own: samples.Samples, average: kept_averages.Average) -> samples.Samples:
    """Samples that say by which average their generator was."""
    facts = {
        "weights": "a power-function average, combined of snapshots",
        "relative_width": average.width,
        "average_step": average.step,
        "profile_error": average.error,
    }
    params = jax.tree.leaves(average.params)
    return own._replace(
        sha256=lambda: f"{own.sha256()}, by {file_cache.arrays_sha256(*params)}",
        facts={**(own.facts or {}), **facts},
    )


def _member(
    path: pathlib.Path,
    networks: types.GAN,
    mixture: ensembles.Mixture,
    key: jax.Array,
    number: int,
    seed: int,
    place: int,
) -> samples.Samples:
    def draw(chunk: int) -> np.ndarray:
        own_key = jax.random.fold_in(key, chunk)
        x, _ = ensembles.sample(networks, mixture, own_key, DRAWN)
        return np.asarray(x)

    def read(rows: np.ndarray) -> np.ndarray:
        chunks = rows // DRAWN
        x = np.empty((len(rows), *shape), np.float32)
        for chunk in np.unique(chunks):
            mine = chunks == chunk
            x[mine] = draw(int(chunk))[rows[mine] % DRAWN]
        _check_range(path, x)
        return x

    def sha256() -> str:
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        return f"{content}, {number} of seed {seed}, {place}"

    shape = jax.eval_shape(
        lambda: ensembles.sample(networks, mixture, key, DRAWN)[0]
    ).shape[1:]
    facts = {
        "seed": seed,
        "key": f"fold_in(key(seed), {place})",
        "members": len(mixture.weights),
        "weights": "the moving average where the run kept one",
        "normalisation": "as at evaluation, by the statistics in the file",
        "values": "rounded from [-1, 1] to bytes" if len(shape) == 3 else "as they are",
    }
    return samples.Samples(str(path), number, shape, read, sha256, facts=facts)


def _labelled(
    mixture: ensembles.Mixture, key: jax.Array, number: int, notes: Mapping[str, Any]
) -> dict[str, Any]:
    """The fields of `samples.Samples` about classes, none of unconditional generators.

    Draw by draw the labels are those of the samples.
    """
    if mixture.classes is None:
        return {}
    drawn = [
        ensembles.asked_labels(mixture, jax.random.fold_in(key, chunk), DRAWN)
        for chunk in range(-(-number // DRAWN))
    ]
    names = notes.get("class_names")
    return {
        "label": np.concatenate([np.asarray(own) for own in drawn])[:number],
        "num_classes": mixture.classes.shape[1],
        "class_names": None if names is None else tuple(names),
    }


def _check_range(path: pathlib.Path, x: np.ndarray) -> None:
    if x.ndim != 4 or not np.isfinite(x).any():
        return
    low, high = float(np.nanmin(x)), float(np.nanmax(x))
    if low < -1 - TOLERANCE or high > 1 + TOLERANCE:
        raise errors.UserError(
            f"{path} makes images with values from {low:g} to {high:g}; images are "
            "scored in [-1, 1], so train a generator that is bounded."
        )
