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

    Which they are depends on the samples alone, not on their order. Only the windows of
    a text overlap, so that those of its first half choose, and those of its second half
    that share no symbol with them score.

    Returns:
      The data with one half of the held-out samples, and the other half.

    Raises:
      UserError: if there are too few of them.
    """
    number, overlapping = len(data.test.x), 0
    if data.text is not None and data.text.law is None:
        # At least as many as overlap, whatever the stride of the windows is.
        overlapping = np.shape(data.test.x)[1] - 1
        rows = np.arange(number)
    else:
        rows = shuffling.order(data.test.x)
    half = (number - overlapping) // 2
    if half < FEWEST:
        raise errors.UserError(
            f"{data.name} has {number} held-out samples, and "
            f"{2 * FEWEST + overlapping} are needed to choose by some and score by "
            "others; add samples."
        )
    scored = _part(data.test, rows[half + overlapping :])
    return data._replace(test=scored), _part(data.test, rows[:half])


def _part(split: dataset.Split, rows: np.ndarray) -> dataset.Split:
    label = None if split.label is None else np.asarray(split.label)[rows]
    return dataset.Split(np.asarray(split.x)[rows], label)
