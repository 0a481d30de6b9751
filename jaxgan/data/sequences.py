"""Sequences of symbols, such as texts, as arrays that all networks take.

A sequence of T symbols out of V is `x [T, V]`, which is 1 where symbol v stands at
place t and else -1: the corners of a simplex, in the range that all data have. What a
generator makes with softmax outputs p is `2 p - 1`, a point inside; what it is read as
is the most probable symbol of each place. Data are uint8 arrays of 0 and 255, as images
are, so that they are drawn, streamed, kept and compared as these are.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from jaxgan.core import errors
from jaxgan.data import grammars, oracles

MOST_BYTES = 2**27
"""Of the samples of one part of a dataset."""


class Sequences(NamedTuple):
    """What the symbols of some sequences are.

    Attributes:
      symbols: V, by number; the empty one fills up what is shorter than T.
      joined: what stands between two symbols in writing.
      law: the distribution itself where it is known, or None.
    """

    symbols: tuple[str, ...]
    joined: str = ""
    law: grammars.Grammar | oracles.Oracle | None = None


def one_hot(tokens: ArrayLike, num_symbols: int) -> np.ndarray:
    """Numbers of symbols as samples.

    Args:
      tokens: `[N, T]` integers in [0, V).
      num_symbols: V.

    Returns:
      `[N, T, V]` uint8, 255 at the symbol and 0 at the others.
    """
    table = np.eye(num_symbols, dtype=np.uint8) * np.uint8(255)
    return table[np.asarray(tokens)]


def tokens(x: ArrayLike) -> np.ndarray:
    """The most probable symbol of each place, `[..., T, V] -> [..., T]` integers."""
    return np.argmax(np.asarray(x), axis=-1)


def written(what: Sequences, numbers: ArrayLike) -> list[str]:
    """Sequences as one reads them.

    Args:
      what: the symbols are.
      numbers: `[N, T]` of symbols.

    Returns:
      N texts. Empty symbols at the end are left out, and shown as `_` elsewhere.
    """
    return [what.joined.join(words(what, own)) for own in np.asarray(numbers)]


def words(what: Sequences, numbers: ArrayLike) -> list[str]:
    """The symbols of one sequence `[T]`, without the empty ones at its end."""
    own = [what.symbols[int(number)] for number in np.asarray(numbers)]
    while own and not own[-1]:
        own.pop()
    return [word or "_" for word in own]


def windows(
    tokens: np.ndarray, length: int, num_symbols: int, most: int | None = None
) -> np.ndarray:
    """Windows of a long sequence, evenly spread over it.

    Args:
      tokens: `[M]` integers, M at least `length`.
      length: T.
      num_symbols: V, by which it is counted how many samples `MOST_BYTES` hold.
      most: windows, at most; None for no further limit.

    Returns:
      `[N, T]`: all windows if these are not too many, and else every k-th one.
    """
    starts = len(tokens) - length + 1
    fit = max(1, MOST_BYTES // (length * num_symbols))
    number = min(starts, fit, starts if most is None else most)
    stride = -(-starts // number)
    return np.lib.stride_tricks.sliding_window_view(tokens, length)[::stride]


def require_length(length: int) -> None:
    """Asks for windows of at least two symbols.

    Raises:
      UserError: if they are shorter.
    """
    errors.require_whole(length=length)
    if length < 2:
        raise errors.UserError(
            f"length={length} must be at least 2 symbols; give 32, for example."
        )


def require_vocabulary(found: Sequence[str], vocabulary: int | None, what: str) -> None:
    """Asks for no more symbols than were stated.

    Args:
      found: the symbols that there are.
      vocabulary: that was stated, or None.
      what: has them.

    Raises:
      UserError: if there are more, or less than two were stated.
    """
    if vocabulary is None:
        return
    errors.require_whole(vocabulary=vocabulary)
    if vocabulary < 2 or len(found) > vocabulary:
        raise errors.UserError(
            f"vocabulary={vocabulary}, but {what} has {len(found)} different symbols; "
            f"give {max(2, len(found))} or more, or leave it out."
        )
