"""Means over seeds with their confidence intervals, seeds without a value counted."""

import math
from typing import NamedTuple

import numpy as np
from jax.typing import ArrayLike

from jaxgan.core import errors


class Interval(NamedTuple):
    """A mean over seeds and its confidence interval.

    Attributes:
      mean: of the values that are numbers; NaN if there are none.
      low: lower end; NaN with fewer than two values or an infinite one.
      high: upper end, likewise.
      n: number of values counted.
      missing: number of NaN values, left out.
    """

    mean: float
    low: float
    high: float
    n: int
    missing: int


def interval(
    values: ArrayLike,
    confidence: float = 0.95,
    possible: tuple[float, float] = (-math.inf, math.inf),
) -> Interval:
    """Mean over seeds with Student's t interval, `mean +- t s / sqrt(n)` (ddof 1).

    Args:
      values: `[S]`, one for each seed, NaN for one without a value.
      confidence: between 0 and 1.
      possible: the least and the greatest value that there can be, where the interval
        is cut off.

    Returns:
      An `Interval`.

    Raises:
      UserError: if `confidence` is not between 0 and 1.
    """
    from scipy import special

    if not 0 < confidence < 1:
        raise errors.UserError(
            f"confidence must lie between 0 and 1, not {confidence}; 0.95 is usual."
        )
    values = np.asarray(values, np.float64).ravel()
    counted = values[~np.isnan(values)]
    n, missing = len(counted), int(np.isnan(values).sum())
    mean = float(counted.mean()) if n else math.nan
    if n < 2 or not math.isfinite(mean):
        return Interval(mean, math.nan, math.nan, n, missing)
    quantile = special.stdtrit(n - 1, (1 + confidence) / 2)
    half = float(quantile * counted.std(ddof=1) / math.sqrt(n))
    least, most = possible
    low, high = min(mean, max(mean - half, least)), max(mean, min(mean + half, most))
    return Interval(mean, low, high, n, missing)
