"""Which sequences a grammar has, and how it makes them."""

import collections
import functools

import numpy as np
from numpy.typing import ArrayLike

from jaxgan import scores
from jaxgan.data import grammars, sequences


def of_grammar(tokens: ArrayLike, what: sequences.Sequences) -> dict[str, scores.Score]:
    """Validity, covered productions and their shares, told by a parser.

    A sequence is valid if its words, up to the first empty symbol, are a string of the
    grammar and nothing but empty symbols follows.

    Args:
      tokens: `[S, N, T]` integers.
      what: the symbols are, with a grammar as their law.

    Returns:
      Scores with `value [S]`: `grammar_validity`, the share of valid sequences;
      `productions`, how many of the grammar's come about in valid ones; and
      `production_kl`, `KL(q, p)` in nats of the shares q that the productions have in
      valid sequences from those p that strings of at most T words have, which are
      exact; infinite without a valid sequence. The floor of the last is what as many
      uses that were independent would show, `(R - 1) / (2 uses)`.
    """
    law, tokens = what.law, np.asarray(tokens)
    expected = grammars.expected_uses(law, tokens.shape[2])
    p = expected / expected.sum()
    used = [_uses(own, what) for own in tokens]
    validity, uses = (np.array(own) for own in zip(*used, strict=True))
    total = uses.sum(-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        q = uses / total[:, None]
        kl = np.where(q > 0, q * np.log(q / p), 0).sum(-1)
        floor = (len(p) - 1) / (2 * total)
    common = {"samples": tokens.shape[1], "symbols": tokens.shape[2], "parser": "exact"}
    protocol = functools.partial(scores.protocol, **common)
    most = np.full(len(tokens), float(len(p)))
    return {
        "grammar_validity": scores.Score(
            value=validity,
            ceiling=np.ones_like(validity),
            protocol=protocol(score="share of sequences of the grammar"),
        ),
        "productions": scores.Score(
            value=(uses > 0).sum(-1).astype(float),
            ceiling=most,
            protocol=protocol(score="productions in valid sequences"),
        ),
        "production_kl": scores.Score(
            value=np.where(total > 0, kl, np.inf),
            floor=floor,
            protocol=protocol(score="KL of the productions' shares, nats"),
        ),
    }


def _uses(tokens: np.ndarray, what: sequences.Sequences) -> tuple[float, np.ndarray]:
    """The share of valid sequences `[N, T]`, and the uses of each production."""
    uses = np.zeros(len(grammars.productions(what.law)))
    valid, found = 0, collections.Counter(map(tuple, tokens.tolist()))
    for own, number in found.items():
        derivations = grammars.parse(what.law, sequences.words(what, own))
        if derivations:
            valid += number
            likeliest = max(derivations, key=lambda way: way.probability)
            np.add.at(uses, list(likeliest.used), number)
    return valid / len(tokens), uses
