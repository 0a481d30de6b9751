"""Tests of many hypotheses at once."""

from collections.abc import Sequence

import numpy as np


def holm(p_values: Sequence[float]) -> np.ndarray:
    """P-values corrected for their number, so that any error has the stated rate.

    Args:
      p_values: of n hypotheses, of which any may be true and which may depend.

    Returns:
      `[n]` in [0, 1], in the same order: `max_(j <= i) (n - j) p_(j)` along the rising
      order, counted from 0.

    References:
      Holm, A Simple Sequentially Rejective Multiple Test Procedure, 1979
    """
    p = np.asarray(p_values, float)
    order = np.argsort(p)
    factors = np.arange(len(p), 0, -1)
    rising = np.maximum.accumulate(p[order] * factors)
    corrected = np.empty_like(p)
    corrected[order] = np.minimum(rising, 1)
    return corrected
