"""How likely an oracle, the law of the data, finds sequences."""

import numpy as np
from numpy.typing import ArrayLike

from jaxgan import scores
from jaxgan.data import oracles


def oracle_nll(
    tokens: ArrayLike, oracle: oracles.Oracle, real: ArrayLike
) -> scores.Score:
    """`-mean log p(x_t | x_1 .. x_(t-1))` by the oracle, exact, in nats per symbol.

    It rewards what is likely and does not see what is missing: a generator that makes
    the likeliest sequences alone is below the floor.

    Args:
      tokens: `[S, N, T]` integers.
      oracle: that the data are drawn from.
      real: `[M, T]` data.

    Returns:
      A score with `value [S]`, `spread` its standard error over the samples, and the
      floor of the data, the oracle's entropy up to the error of M samples.

    References:
      Yu et al., SeqGAN, 2017, https://arxiv.org/abs/1609.05473
    """
    tokens = np.asarray(tokens)
    own = np.stack([-oracles.log_probs(oracle, x).mean(-1) for x in tokens])
    entropy = -oracles.log_probs(oracle, np.asarray(real)).mean()
    number = tokens.shape[1]
    return scores.Score(
        value=own.mean(-1),
        spread=own.std(-1, ddof=min(1, number - 1)) / np.sqrt(number),
        floor=np.full(len(tokens), entropy),
        protocol=scores.protocol(
            score="negative log-likelihood by the oracle, nats per symbol",
            samples=number,
            symbols=tokens.shape[2],
            vocabulary=oracle.vocabulary,
            hidden=oracle.hidden,
            oracle_seed=oracle.seed,
            floor=f"{len(real)} held-out sequences",
        ),
    )
