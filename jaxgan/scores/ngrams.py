"""How far the n-grams of sequences are from those of held-out ones."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from jaxgan import scores
from jaxgan.core import errors

SIZES = (1, 2, 3, 4)
"""Of the n-grams that are compared."""


def counts(tokens: ArrayLike, n: int) -> tuple[np.ndarray, np.ndarray]:
    """The different n-grams of sequences, and how often each is there.

    Args:
      tokens: `[N, T]` integers.
      n: from 1 to T.

    Returns:
      `[G, n]` in lexicographic order, and `[G]`.

    Raises:
      UserError: if a sequence is shorter than n.
    """
    tokens = np.asarray(tokens)
    if not 1 <= n <= tokens.shape[1]:
        raise errors.UserError(
            f"n={n} must lie between 1 and {tokens.shape[1]}, the symbols of a "
            "sequence."
        )
    base = int(tokens.max(initial=0)) + 1
    codes, number = np.unique(_codes(tokens, n, base), return_counts=True)
    places = base ** np.arange(n - 1, -1, -1)
    return codes[:, None] // places % base, number


def js(tokens: ArrayLike, real: ArrayLike, n: int) -> float:
    """Jensen-Shannon divergence of the n-grams of sequences, in bits, in [0, 1].

    Args:
      tokens: `[N, T]` integers.
      real: `[M, U]` likewise.
      n: size.

    References:
      Gulrajani et al., Improved Training of Wasserstein GANs, 2017,
      https://arxiv.org/abs/1704.00028, whose code compares 1 to 4 characters so
    """
    both = [counts(own, n) for own in (tokens, real)]
    grams = np.concatenate([gram for gram, _ in both])
    known, place = np.unique(grams, axis=0, return_inverse=True)
    p, q = (
        np.bincount(own, number, minlength=len(known)) / number.sum()
        for own, (_, number) in zip(
            np.split(place.ravel(), [len(both[0][0])]), both, strict=True
        )
    )
    # Not by jaxgan.divergences, as JAX would compile for each number of n-grams.
    with np.errstate(divide="ignore", invalid="ignore"):
        m = (p + q) / 2
        parts = [np.where(own > 0, own * np.log2(own / m), 0).sum() for own in (p, q)]
    return float(sum(parts) / 2)


def compare(
    tokens: ArrayLike, real: ArrayLike, floors: Mapping[int, float]
) -> dict[str, scores.Score]:
    """`ngram_js_1` to `ngram_js_4` of many seeds.

    Args:
      tokens: `[S, N, T]` integers.
      real: `[M, T]` held-out ones.
      floors: by n, what training sequences have, as many as there are samples.

    Returns:
      Scores with `value [S]`, less is better.
    """
    tokens, real = np.asarray(tokens), np.asarray(real)
    found = {}
    for n, floor in floors.items():
        value = np.array([js(own, real, n) for own in tokens])
        protocol = scores.protocol(
            score=f"Jensen-Shannon divergence of {n}-grams to held-out ones, bits",
            samples=tokens.shape[1],
            held_out=len(real),
            symbols=tokens.shape[2],
            floor="training sequences, as many as samples",
        )
        found[f"ngram_js_{n}"] = scores.Score(
            value=value, floor=np.full(len(value), floor), protocol=protocol
        )
    return found


def floors(train: ArrayLike, real: ArrayLike, number: int) -> dict[int, float]:
    """What training sequences `[M, T]`, evenly spread ones, have of each size."""
    train = np.asarray(train)
    own = train[np.linspace(0, len(train) - 1, number).astype(int)]
    return {n: js(own, real, n) for n in SIZES if n <= own.shape[1]}


def model(train: ArrayLike, order: int, number: int, seed: int) -> np.ndarray:
    """Sequences of an n-gram model, by the frequencies in training sequences.

    Each symbol is drawn as often as it follows the n - 1 symbols before it, of which
    those before the beginning are a symbol of their own; where these were never seen
    together, by fewer of them. n = 1 draws each symbol by itself.

    Args:
      train: `[M, T]` integers.
      order: n, at least 1.
      number: N of sequences to draw.
      seed: of these.

    Returns:
      `[N, T]`.
    """
    train, draws = np.asarray(train, np.int64), np.random.default_rng(seed)
    before, base = order - 1, int(train.max(initial=0)) + 2
    begun = np.pad(train, [(0, 0), (before, 0)], constant_values=base - 1)
    drawn = np.full((number, begun.shape[1]), base - 1)
    tables = [_followers(begun, train, size, base) for size in range(order)]
    for t in range(train.shape[1]):
        at = t + before
        missing = np.ones(number, bool)
        for size in range(before, -1, -1):
            contexts, followers = tables[size]
            own = _codes(drawn[:, at - size : at], size, base)[:, 0]
            first, last = (
                np.searchsorted(contexts, own, side) for side in ("left", "right")
            )
            chosen = first + (draws.random(number) * (last - first)).astype(int)
            fits = missing & (last > first)
            drawn[fits, at] = followers[chosen[fits]]
            missing &= ~fits
    return drawn[:, before:]


def _followers(begun, train, size, base) -> tuple[np.ndarray, np.ndarray]:
    """Contexts of that size, sorted, and the symbol after each."""
    length = train.shape[1]
    padded = begun[:, begun.shape[1] - length - size :]
    contexts = _codes(padded[:, :-1] if size else train, size, base).ravel()
    order = np.argsort(contexts, kind="stable")
    return contexts[order], train.ravel()[order]


def _codes(tokens: np.ndarray, n: int, base: int) -> np.ndarray:
    """Each n-gram as a number, `[N, T] -> [N, T - n + 1]`; zeros `[N, max(T, 1)]` for
    n = 0."""
    if n == 0:
        return np.zeros((len(tokens), max(tokens.shape[1], 1)), np.int64)
    if base**n >= 2**63:
        raise errors.UserError(
            f"n={n} with {base} different symbols has too many n-grams to be numbered; "
            "compare shorter ones."
        )
    places = base ** np.arange(n - 1, -1, -1)
    every = np.lib.stride_tricks.sliding_window_view(tokens, n, axis=1)
    return every.astype(np.int64) @ places
