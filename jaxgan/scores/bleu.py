"""BLEU and self-BLEU of sequences, by NLTK, which the extra `text` brings.

References:
  Papineni et al., BLEU: a Method for Automatic Evaluation of Machine Translation, 2002
  Zhu et al., Texygen: A Benchmarking Platform for Text Generation Models, 2018,
  https://arxiv.org/abs/1802.01886, whose smoothing this is
"""

from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from jaxgan import scores
from jaxgan.core import errors

ORDER = 4
"""The longest n-grams, all of which count alike."""


def require() -> None:
    """Asks for NLTK.

    Raises:
      UserError: if it is not installed.
    """
    try:
        from nltk.translate import bleu_score  # noqa: F401
    except ImportError:
        raise errors.UserError(
            "BLEU needs NLTK, which is not installed; install jaxgan[text], or give "
            "bleu=0."
        ) from None


class References(NamedTuple):
    """Real sequences that others are compared with.

    Attributes:
      tokens: of each.
      self_bleu: of them among themselves.
      empty: symbols that fill up what is shorter, and are no part of it at its end.
    """

    tokens: list[list[int]]
    self_bleu: float
    empty: frozenset[int] = frozenset()


def references(real: ArrayLike, number: int, empty: Collection[int] = ()) -> References:
    """So many of the sequences `[M, T]`, evenly spread, or all if there are fewer.

    Args:
      real: at least 2.
      number: at least 2.
      empty: see `References`.

    Raises:
      UserError: if NLTK is not installed, or there are fewer than 2.
    """
    require()
    real = np.asarray(real)
    number = min(number, len(real))
    if number < 2:
        raise errors.UserError(
            f"BLEU and self-BLEU are of at least 2 sequences, but here is {number}; "
            "add held-out ones, or give bleu=0."
        )
    chosen = _shortened(real[np.linspace(0, len(real) - 1, number).astype(int)], empty)
    return References(chosen, _self_bleu(chosen), frozenset(empty))


def of(tokens: ArrayLike, beside: References) -> dict[str, scores.Score]:
    """`bleu` and `self_bleu` of many seeds, of n-grams up to 4.

    Args:
      tokens: `[S, N, T]` integers; the first ones, as many as references, are looked
        at.
      beside: held-out sequences.

    Returns:
      Scores with `value [S]`. `bleu` is the mean over samples of how much of their
      n-grams some held-out sequence has, more is better; `self_bleu` how much of them
      some other sample has, of which more than real sequences have among themselves,
      the target, is a lack of diversity.
    """
    chosen = beside.tokens
    tokens = np.asarray(tokens)[:, : len(chosen)]
    protocol = scores.protocol(
        score=f"BLEU-{ORDER}",
        library="nltk sentence_bleu, smoothing method1",
        samples=tokens.shape[1],
        references=len(chosen),
    )
    every = [_shortened(own, beside.empty) for own in tokens]
    return {
        "bleu": scores.Score(
            value=np.array([_mean([_bleu(x, chosen) for x in own]) for own in every]),
            protocol=protocol,
        ),
        "self_bleu": scores.Score(
            value=np.array([_self_bleu(own) for own in every]),
            target=np.full(len(every), beside.self_bleu),
            protocol=protocol,
        ),
    }


def _shortened(tokens: np.ndarray, empty: Collection[int]) -> list[list[int]]:
    """Sequences `[N, T]` without the empty symbols at their ends."""
    last = np.where(np.isin(tokens, [*empty]), 0, np.arange(1, tokens.shape[1] + 1))
    return [own[:end].tolist() for own, end in zip(tokens, last.max(1), strict=True)]


def _self_bleu(own: Sequence[list[int]]) -> float:
    return _mean([_bleu(x, [*own[:i], *own[i + 1 :]]) for i, x in enumerate(own)])


def _bleu(x: list[int], references: Sequence[list[int]]) -> float:
    from nltk.translate import bleu_score

    smoothing = bleu_score.SmoothingFunction().method1
    weights = (1 / ORDER,) * ORDER
    return bleu_score.sentence_bleu(references, x, weights, smoothing)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
