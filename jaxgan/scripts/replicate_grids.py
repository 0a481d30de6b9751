"""Pictures of what every generator of a population makes of the same latents.

Where a GAN knows classes, each has a column, below the real images of that class.
"""

import pathlib
from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np

from jaxgan import ensembles, reports, runs, types
from jaxgan.core import randomness
from jaxgan.data import dataset, shuffling
from jaxgan.scripts import replicates

ROWS, MOST_COLUMNS = 8, 16

Pictures = Callable[[np.ndarray], np.ndarray]
"""Samples `[N, ...]` as images `[N, H, W, C]` in [-1, 1]."""


class Grid(NamedTuple):
    """How the population is looked at.

    Attributes:
      real: samples `[N, ...]`, a column for each label if there are such.
      generators: `members -> mixture` of them, with standing statistics.
      look: `members -> samples` by title, always of the same latents.
      draw: `(members, path)`: a picture of these beside real ones.
    """

    real: np.ndarray
    generators: Callable[[runs.Members], ensembles.Mixture]
    look: Callable[[runs.Members], dict[str, np.ndarray]]
    draw: Callable[[runs.Members, pathlib.Path], None]


def make(
    gan: types.GAN,
    data: dataset.Dataset,
    *,
    labels: bool,
    seed: int,
    shares: np.ndarray | None = None,
    pictures: Pictures = np.asarray,
    in_a_row: int | None = None,
) -> Grid:
    """Makes the grid of a population.

    Args:
      gan: each member.
      data: that they learn, with labels if `labels`.
      labels: whether the columns are classes.
      seed: of the latents and of standing statistics.
      shares: `[K]`, how often the generators are asked for each class; None, with
        labels, for as often as the training images have it.
      pictures: of the samples.
      in_a_row: of them, or None for the columns of the grid.
    """
    columns, label = ROWS, None
    if labels:
        counts = np.bincount(data.train.label, minlength=data.num_classes)
        shares = counts / counts.sum() if shares is None else shares
        classes = classes_shown(data)
        columns, label = len(classes), np.tile(classes, ROWS)
    z_key, key = jax.random.split(randomness.key(seed + 1))
    z = gan.latent(z_key, ROWS * columns)
    names, real = column_names(data, labels=labels), real_samples(data, len(z), label)

    def generators(members: runs.Members) -> ensembles.Mixture:
        return replicates.generators(gan, members, key, shares)

    def look(members: runs.Members) -> dict[str, np.ndarray]:
        x = np.asarray(replicates.generate_alike(gan, generators(members), z, label))
        return {f"seed {i}": own for i, own in enumerate(x)}

    def draw(members: runs.Members, path: pathlib.Path) -> None:
        drawn = {title: pictures(x) for title, x in look(members).items()}
        across, named = (in_a_row, None) if in_a_row else (columns, names)
        reports.save_samples(path, drawn, pictures(real), across, named)

    return Grid(real, generators, look, draw)


def classes_shown(data: dataset.Dataset) -> np.ndarray:
    """The first classes that are trained, by their numbers."""
    return np.unique(np.asarray(data.train.label))[:MOST_COLUMNS]


def column_names(data: dataset.Dataset, *, labels: bool) -> list[str] | None:
    """What stands at the columns of a grid, which are classes if there are `labels`."""
    if not labels:
        return None
    return [dataset.names_of(data)[own] for own in classes_shown(data)]


def real_samples(
    data: dataset.Dataset, number: int, label: np.ndarray | None
) -> np.ndarray:
    """Held-out samples in a random order, or of each label; else training samples."""
    if label is None or data.test.label is None:
        return np.asarray(dataset.to_float(shuffling.first(data.test.x, number)))
    train = np.asarray(data.train.x)
    chosen = np.empty((number, *train.shape[1:]), train.dtype)
    for value in np.unique(label):
        part = data.test if value in np.asarray(data.test.label) else data.train
        own = np.asarray(part.x)[np.asarray(part.label) == value]
        places = np.flatnonzero(label == value)
        chosen[places] = np.resize(
            shuffling.first(own, len(places)), (len(places), *own.shape[1:])
        )
    return np.asarray(dataset.to_float(chosen))
