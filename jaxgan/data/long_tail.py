"""Long tails: classes of which ever fewer training samples are kept.

References:
  Cui et al., Class-Balanced Loss Based on Effective Number of Samples, 2019,
  https://arxiv.org/abs/1901.05555, whose training sets fall off like this
"""

import math
from collections.abc import Sequence

import numpy as np
from jax.typing import ArrayLike

from jaxgan.core import errors
from jaxgan.data import shuffling

MOST_NAMED = 3
"""Classes of the tail that a sentence names."""


def kept_counts(counts: ArrayLike, factor: float) -> np.ndarray:
    """Samples int `[K]` that each class keeps: `n factor^(-k / (K - 1))`, rounded down.

    n is the largest number with which every class has enough samples, so that the
    shares are those of the formula whatever the classes held: of balanced data it is
    what a class has.

    Args:
      counts: `[K]` samples that there are.
      factor: how many times as many the first class keeps as the last, at least 1.

    Raises:
      UserError: if there is but one class, the factor is out of range, or a class would
        be empty.
    """
    counts = np.asarray(counts)
    if len(counts) < 2 or counts.min() < 1:
        raise errors.UserError(
            f"imbalance={factor:g} needs at least two classes with training samples in "
            f"each, but class {int(counts.argmin())} of {len(counts)} has "
            f"{int(counts.min())}; leave it out."
        )
    if not (1 <= factor < math.inf):
        raise errors.UserError(
            f"imbalance={factor:g} must be at least 1, how many times as many samples "
            "the first class keeps as the last one."
        )
    places = np.arange(len(counts)) / (len(counts) - 1)
    shares = factor**-places
    # Whole numbers stay what they are, whichever way a power was rounded.
    largest = np.floor(np.min(counts / shares) + 1e-6)
    kept = np.floor(largest * shares + 1e-6).astype(int)
    if kept.min() < 1:
        # The last class keeps min_k n_k f^(k / (K - 1) - 1) samples, one at least.
        most = np.min(counts[:-1] ** (1 / (1 - places[:-1])))
        raise errors.UserError(
            f"imbalance={factor:g} leaves class {len(kept) - 1} without training "
            f"samples, as class 0 has {int(largest)}; give at most "
            f"{math.floor(most + 1e-6)}."
        )
    return kept


def rows(x: ArrayLike, label: ArrayLike, counts: ArrayLike) -> np.ndarray:
    """Rows of so many samples of each class, in the order in which they are.

    Which ones follows from what the samples are, see `shuffling.order`.

    Args:
      x: `[N, ...]`, on the host.
      label: `[N]` integers in 0 .. K - 1.
      counts: `[K]`, none above what there is.
    """
    x, label = np.asarray(x), np.asarray(label)
    chosen = []
    for value, count in enumerate(np.asarray(counts)):
        own = np.flatnonzero(label == value)
        chosen.append(own[shuffling.order(x[own])[:count]])
    return np.sort(np.concatenate(chosen))


def tail(counts: ArrayLike) -> np.ndarray:
    """The numbers of the classes of the tail: the rarest third, and one at least."""
    counts = np.asarray(counts)
    number = max(1, len(counts) // 3)
    return np.sort(np.argsort(counts, kind="stable")[:number])


def said(counts: ArrayLike, names: Sequence[str], factor: float) -> str:
    """A sentence on what is kept, and which classes are the tail.

    Args:
      counts: `[K]` from `kept_counts`.
      names: of the classes.
      factor: as for `kept_counts`.
    """
    counts, rarest = np.asarray(counts), tail(counts)
    shown = [names[own] for own in rarest[-MOST_NAMED:]]
    more = "..., " if len(rarest) > len(shown) else ""
    return (
        f"long tail of factor {factor:g}: of the training samples class {names[0]} "
        f"keeps {counts[0]:,} and class {names[-1]} {counts[-1]:,}; the tail is the "
        f"{len(rarest)} rarest of {len(counts)} classes ({more}{', '.join(shown)}). "
        "The held-out part is as it was, and scores compare with all classes as they "
        "were"
    )
