"""The modes that an ensemble shares out: found by clustering, or given by labels."""

from typing import Any

import numpy as np

from jaxgan.data import dataset, modes
from jaxgan.scripts import cli

PARTS = {"clusters": "cluster", "labels": "label (oracle partition)"}
"""What one of the modes is called, by how they are found."""


def check(asked: Any, data: dataset.Dataset) -> None:
    """Asks for as many modes as there can be.

    Args:
      asked: settings with `dataset`, `modes`, "clusters" or "labels", and `num_modes`,
        the number of clusters or None for that of the classes.
      data: to partition.

    Raises:
      UserError: if there are no labels, or fewer different samples than clusters.
    """
    labelled = data.train.label is not None
    cli.require(labelled, "--dataset", asked.dataset, "the scores need its labels")
    if asked.modes == "labels":
        return
    number, most = _number(asked, data), modes.num_distinct(data.train.x)
    need = f"it must lie between 1 and {most}, the number of different training samples"
    cli.require(1 <= number <= most, "--num-modes", number, need)


def find(asked: Any, data: dataset.Dataset) -> modes.Modes:
    """Finds the modes of the training samples.

    Args:
      asked: settings as for `check`, with `seed`.
      data: to partition.
    """
    if asked.modes == "labels":
        return of_labels(data)
    x = np.asarray(dataset.to_float(data.train.x))
    return modes.cluster(x, _number(asked, data), seed=asked.seed)


def of_labels(data: dataset.Dataset) -> modes.Modes:
    """A mode for each class that has training samples.

    Args:
      data: with labels.
    """
    _, label = np.unique(np.asarray(data.train.label), return_inverse=True)
    return modes.from_labels(label)


def _number(asked: Any, data: dataset.Dataset) -> int | None:
    return data.num_classes if asked.num_modes is None else asked.num_modes
