"""What may be said of methods of which many settings were tried.

Scores are such that less is better, and NaN, as of a trial that died, is worst.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from jaxgan.core import errors, multiple_testing


class Best(NamedTuple):
    """The best of k settings that are drawn at random from those tried.

    Attributes:
      budget: k.
      median: of the best score.
      low: its quantile at 2.5 %.
      high: its quantile at 97.5 %; infinity stands for trials that died.
    """

    budget: int
    median: float
    low: float
    high: float


def best_of(values: ArrayLike, budget: int) -> Best:
    """How good the best of `budget` settings is, drawn with replacement.

    Of n values in rising order the i-th or a better one is the best of k with
    probability `1 - (1 - i / n)^k`, which is what a bootstrap would estimate.

    Args:
      values: `[n]`, a score for each setting; NaN for one that died.
      budget: k, at least 1.

    Raises:
      UserError: if there are no values or the budget is below 1.

    References:
      Lucic et al., Are GANs Created Equal?, 2018, https://arxiv.org/abs/1711.10337
    """
    values = np.asarray(values, float).ravel()
    if not values.size or budget < 1:
        raise errors.UserError(
            f"there are {values.size} values and the budget is {budget}; both must be "
            "at least 1."
        )
    ordered = np.sort(np.where(np.isnan(values), np.inf, values))
    below = 1 - (1 - np.arange(1, len(ordered) + 1) / len(ordered)) ** budget
    at = [ordered[np.searchsorted(below, q)] for q in (0.5, 0.025, 0.975)]
    return Best(budget, *map(float, at))


class Comparison(NamedTuple):
    """Two methods on the same settings and seeds.

    Attributes:
      better: share of the pairs in which the first method is better; ties are half.
      difference: median of first minus second, of pairs in which both live.
      p: of Wilcoxon's signed rank test, two-sided, corrected for all comparisons; of
        the scores' ranks among all, so that the dead take part.
      pairs: that differ.
    """

    better: float
    difference: float
    p: float
    pairs: int


def compare(scores: Mapping[str, ArrayLike], reference: str) -> dict[str, Comparison]:
    """Compares each method with one of them, pair by pair.

    The unit is the setting: give means over its seeds, as seeds of a setting are no
    independent pairs. A method that died in a pair is worse there than any number. The
    p-values are corrected by Holm's method.

    Args:
      scores: by method, `[n]`; entry i of all methods belongs to the same setting.
      reference: one of the methods.

    Raises:
      UserError: if lengths differ or there is no such method.

    References:
      Wilcoxon, Individual Comparisons by Ranking Methods, 1945
      Holm, A Simple Sequentially Rejective Multiple Test Procedure, 1979
    """
    from scipy import stats

    arrays = {
        name: np.asarray(values, float).ravel() for name, values in scores.items()
    }
    if reference not in arrays:
        raise errors.UserError(
            f"reference={reference!r} must be one of {', '.join(arrays)}."
        )
    lengths = {name: len(values) for name, values in arrays.items()}
    if len(set(lengths.values())) != 1:
        raise errors.UserError(f"methods must have as many scores each, not {lengths}.")
    ranked, found = _ranked(arrays), {}
    for name in arrays:
        if name == reference:
            continue
        difference = ranked[name] - ranked[reference]
        both = arrays[name] - arrays[reference]
        alive = both[np.isfinite(both)]
        pairs = int(np.count_nonzero(difference))
        p = float(stats.wilcoxon(difference).pvalue) if pairs else 1.0
        better = np.mean(difference < 0) + np.mean(difference == 0) / 2
        middle = float(np.median(alive)) if alive.size else float("nan")
        found[name] = Comparison(float(better), middle, p, pairs)
    corrected = multiple_testing.holm([comparison.p for comparison in found.values()])
    return {
        name: comparison._replace(p=float(p))
        for (name, comparison), p in zip(found.items(), corrected, strict=True)
    }


def _ranked(arrays):
    """Scores as ranks among all, so that the dead can be subtracted; they come last."""
    from scipy import stats

    whole = np.concatenate(list(arrays.values()))
    ranks = stats.rankdata(np.where(np.isnan(whole), np.inf, whole))
    parts = np.split(ranks, np.cumsum([len(a) for a in arrays.values()])[:-1])
    return dict(zip(arrays, parts, strict=True))
