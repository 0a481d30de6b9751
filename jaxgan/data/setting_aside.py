"""Held-out samples that are used to choose, and others that scores are told of.

What was chosen by a score on some samples looks better on these than it is.
"""

import numpy as np

from jaxgan.core import errors
from jaxgan.data import dataset, shuffling

FEWEST = 2
"""Samples of a half, at least: as many have a covariance."""


def halve(data: dataset.Dataset) -> tuple[dataset.Dataset, dataset.Split]:
    """Sets half of the held-out samples aside.

    Which they are depends on the samples alone, not on their order.

    Returns:
      The data with one half of the held-out samples, and the other half.

    Raises:
      UserError: if there are too few of them.
    """
    rows = shuffling.order(data.test.x)
    half = len(rows) // 2
    if half < FEWEST:
        raise errors.UserError(
            f"{data.name} has {len(rows)} held-out samples, and {2 * FEWEST} are "
            "needed to choose by some and score by others; add samples."
        )
    return data._replace(test=_part(data.test, rows[half:])), _part(
        data.test, rows[:half]
    )


def _part(split: dataset.Split, rows: np.ndarray) -> dataset.Split:
    label = None if split.label is None else np.asarray(split.label)[rows]
    return dataset.Split(np.asarray(split.x)[rows], label)
