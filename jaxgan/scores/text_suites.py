"""The suite of sequences: their n-grams, and what their law says where it is known."""

from collections.abc import Callable

import numpy as np
from jax.typing import ArrayLike

from jaxgan import scores
from jaxgan.data import dataset, grammars, oracles, sequences
from jaxgan.scores import bleu, grammaticality, ngrams, oracle_likelihood

ORDERS = {"unigram sampler": 1, "3-gram model": 3, "4-gram model": 4}
"""What samples are compared with, by the size of its n-grams."""

Records = dict[str, scores.Score]


def of_text(
    data: dataset.Dataset, *, num_samples: int, num_bleu: int = 0
) -> Callable[[ArrayLike], Records]:
    """The scores that suit sequences.

    Args:
      data: sequences.
      num_samples: of each seed, by which the floors of n-grams are found.
      num_bleu: of them of which BLEU and self-BLEU are computed, 0 for none.

    Returns:
      A suite `x [S, N, T, V] -> records` of the most probable symbols: `ngram_js_1` to
      `ngram_js_4`, `distinct_share`, of a grammar the scores of `grammaticality`, of an
      oracle `oracle_nll`, and if asked for `bleu` and `self_bleu`. A seed with values
      that are not finite has NaN.

    Raises:
      UserError: if BLEU is asked for and NLTK is not installed.
    """
    train, real = (sequences.tokens(own.x) for own in (data.train, data.test))
    floors = ngrams.floors(train, real, num_samples)
    what = data.text
    empty = [i for i, symbol in enumerate(what.symbols) if not symbol]
    beside = bleu.references(real, num_bleu, empty) if num_bleu else None

    def suite(x: ArrayLike) -> Records:
        x = np.asarray(x)
        tokens = sequences.tokens(x)
        found = ngrams.compare(tokens, real, floors)
        found["distinct_share"] = distinct_share(tokens, real)
        if isinstance(what.law, grammars.Grammar):
            found |= grammaticality.of_grammar(tokens, what)
        if isinstance(what.law, oracles.Oracle):
            found["oracle_nll"] = oracle_likelihood.oracle_nll(tokens, what.law, real)
        if beside is not None:
            found |= bleu.of(tokens, beside)
        dead = ~np.isfinite(x).all((1, 2, 3))
        return {name: _without(dead, own) for name, own in found.items()}

    return suite


def known(data: dataset.Dataset, num_samples: int, seed: int) -> dict[str, np.ndarray]:
    """By name, samples that a suite of sequences is also asked about, `[N, T, V]`.

    They are those of n-gram models, and training sequences, which have the floor.
    """
    size = len(data.text.symbols)
    train = sequences.tokens(data.train.x)
    drawn = {
        name: ngrams.model(train, order, num_samples, seed)
        for name, order in ORDERS.items()
    }
    spread = np.linspace(0, len(train) - 1, num_samples).astype(int)
    drawn["training sequences"] = train[spread]
    return {name: sequences.one_hot(own, size) for name, own in drawn.items()}


def distinct_share(tokens: np.ndarray, real: np.ndarray) -> scores.Score:
    """How many different sequences there are among N, over N.

    Args:
      tokens: `[S, N, T]` integers.
      real: `[M, T]` held-out ones; min(N, M) of them, evenly spread, are the target.
    """
    number = tokens.shape[1]
    own = real[np.linspace(0, len(real) - 1, min(number, len(real))).astype(int)]
    value = np.array([_distinct(x) for x in tokens])
    return scores.Score(
        value=value,
        target=np.full(len(value), _distinct(own)),
        protocol=scores.protocol(
            score="different sequences, over all", samples=number, target=len(own)
        ),
    )


def _distinct(tokens: np.ndarray) -> float:
    return len(np.unique(tokens, axis=0)) / len(tokens)


def _without(dead: np.ndarray, score: scores.Score) -> scores.Score:
    """The score with NaN for seeds that are dead."""
    value = np.where(dead, np.nan, score.value)
    return scores.Score(**{**vars(score), "value": value})
