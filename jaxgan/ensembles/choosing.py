"""Which members an ensemble keeps, and with what weights, once they are trained.

Members may be those of a population, or states that one run has passed through:

    members = population.concatenate([state_800, state_900, state_1000])

All functions here are on the host. What is chosen fits the samples that it was chosen
on: give held-out ones, and report scores on others.

    matrix = choosing.discrepancies(samples, held_out)    # samples [M, n, ...]
    weights = choosing.least(matrix)                      # [M], some of them 0

References:
  Wang et al., Ensembles of Generative Adversarial Networks, 2016,
  https://arxiv.org/abs/1612.00991
  Caruana et al., Ensemble Selection from Libraries of Models, 2004,
  https://doi.org/10.1145/1015330.1015432
  Szekely and Rizzo, Energy Statistics: A Class of Statistics Based on Distances, 2013,
  https://doi.org/10.1016/j.jspi.2013.03.018
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from jaxgan.core import errors

Score = Callable[[np.ndarray], float]
"""Of the mixture with some weights `[M]`; less is better."""


def discrepancies(samples: ArrayLike, held_out: ArrayLike) -> np.ndarray:
    """The matrix Q for which `w' Q w` is the squared energy distance of the mixture w.

    With D the mean Euclidean distance between samples of two members, or of a member
    and the data d, over pairs of different samples,

        Q_ab = D(a, d) + D(b, d) - D(a, b) - D(d, d),

    so that `w' Q w = 2 E n(x - y) - E n(x - x') - E n(y - y')` for x of the mixture and
    y of the data, without bias. O(M^2 n^2 F) time.

    Args:
      samples: `[M, n, ...]` of M members, n at least 2.
      held_out: `[N, ...]` real samples that nobody was trained on, N at least 2.

    Returns:
      `[M, M]`, symmetric, float64. Rows of members with samples that are not finite
      are infinite.

    Raises:
      UserError: if samples have other shapes, or there are fewer than two.
    """
    from scipy.spatial import distance

    x, y = np.asarray(samples, np.float64), np.asarray(held_out, np.float64)
    if x.ndim < 3 or x.shape[2:] != y.shape[1:] or min(x.shape[1], len(y)) < 2:
        raise errors.UserError(
            f"samples have shape {x.shape} and held_out {y.shape}; give [M, n, ...] "
            "and [N, ...] of the same kind of sample, at least two of each."
        )
    x, y = x.reshape(*x.shape[:2], -1), y.reshape(len(y), -1)
    number, usable = len(x), np.isfinite(x).all(axis=(1, 2))

    def within(points):
        return distance.pdist(points).mean()

    to_data = np.full(number, np.inf)
    between = np.zeros((number, number))
    for a in np.flatnonzero(usable):
        to_data[a] = distance.cdist(x[a], y).mean()
        between[a, a] = within(x[a])
        for b in np.flatnonzero(usable[:a]):
            between[a, b] = between[b, a] = distance.cdist(x[a], x[b]).mean()
    return to_data[:, None] + to_data - between - within(y)


def least(matrix: ArrayLike) -> np.ndarray:
    """The weights of the mixture that is nearest to the data: `min w' Q w`.

    Over all weights that are not negative and sum to 1. A non-negative least-squares
    problem in finitely many steps: the solution u >= 0 of
    `min u' Q u + (sum u - 1)^2` is a multiple of w.

    Args:
      matrix: Q `[M, M]`, see `discrepancies`; where its estimate has negative
        eigenvalues they count as 0. Members with infinite entries get no weight.

    Returns:
      `[M]`, summing to 1.

    Raises:
      UserError: if it is no square matrix, or no member can be used.
    """
    from scipy import optimize

    q = np.asarray(matrix, np.float64)
    if q.ndim != 2 or q.shape[0] != q.shape[1]:
        raise errors.UserError(
            f"matrix has shape {q.shape}, but must have a row and a column per member."
        )
    usable = np.isfinite(np.diagonal(q))
    if not usable.any():
        raise errors.UserError(
            "no member can be weighted, as none has made samples that are finite; "
            "train with a lower learning rate."
        )
    own = q[np.ix_(usable, usable)]
    values, vectors = np.linalg.eigh((own + own.T) / 2)
    scale = max(values.max(), np.finfo(float).tiny)
    root = np.sqrt(np.maximum(values, 0) / scale)[:, None] * vectors.T
    system = np.concatenate([root, np.ones((1, len(own)))])
    target = np.append(np.zeros(len(own)), 1.0)
    solved, _ = optimize.nnls(system, target, maxiter=100 * len(own))
    weights = np.zeros(len(q))
    weights[usable] = solved / solved.sum()
    return weights


def greedy(score: Score, num_members: int, num_picks: int) -> np.ndarray:
    """Forward selection with replacement: picks, one by one, what helps the most.

    Each pick is the member with which the mixture of all picks so far, weighted alike,
    scores least; of several the first. The best mixture on the way is returned, so that
    more picks are never worse.

    Args:
      score: of a mixture's weights `[M]`; NaN counts as infinite.
      num_members: M, at least 1.
      num_picks: at least 1; weights are multiples of one over at most this.

    Returns:
      `[M]`, summing to 1.

    Raises:
      UserError: if a number is below 1.

    References:
      Caruana et al., Ensemble Selection from Libraries of Models, 2004,
      https://doi.org/10.1145/1015330.1015432
    """
    errors.require_whole(num_members=num_members, num_picks=num_picks)
    if min(num_members, num_picks) < 1:
        raise errors.UserError(
            f"num_members={num_members} and num_picks={num_picks} must be at least 1."
        )
    counts, best = np.zeros(num_members), (np.inf, np.full(num_members, np.nan))
    for pick in range(1, num_picks + 1):
        tried = (counts + np.eye(num_members)) / pick
        found = np.array([score(weights) for weights in tried], float)
        found = np.where(np.isnan(found), np.inf, found)
        chosen = int(found.argmin())
        counts[chosen] += 1
        if pick == 1 or found[chosen] < best[0]:
            best = found[chosen], tried[chosen]
    return best[1]


def pareto(scores: ArrayLike) -> np.ndarray:
    """Which members no other one beats: bool `[M]`.

    A member is beaten by one that is no worse in any score and better in some.

    Args:
      scores: `[M, C]`, less is better; members with NaN are never kept.
    """
    values = np.asarray(scores, np.float64)
    if values.ndim != 2:
        raise errors.UserError(
            f"scores have shape {values.shape}, but must be [M, C], a row per member."
        )
    one, other = values[:, None], values[None]
    beaten = (other <= one).all(-1) & (other < one).any(-1)
    return np.asarray(~beaten.any(axis=1) & ~np.isnan(values).any(axis=1))


def by_score(scores: ArrayLike, temperature: float) -> np.ndarray:
    """Weights by score, `softmax(-score / temperature)`.

    Args:
      scores: `[M]`, less is better; a member with NaN or infinity has no weight.
      temperature: positive, in the units of the score: towards 0 the best member is
        all, towards infinity all are alike.

    Returns:
      `[M]`, summing to 1.

    Raises:
      UserError: if `temperature` is not positive, or no score is finite.
    """
    values = np.asarray(scores, np.float64)
    if not temperature > 0:
        raise errors.UserError(f"temperature={temperature} must be positive.")
    values = np.where(np.isfinite(values), values, np.inf)
    if not np.isfinite(values).any():
        raise errors.UserError(
            f"scores is {errors.shown(values)} without a finite one; there is nothing "
            "to weight members by."
        )
    unnormalised = np.exp((values.min() - values) / temperature)
    return unnormalised / unnormalised.sum()


def evolved(
    score: Score,
    weights: ArrayLike,
    num_rounds: int,
    seed: int,
    scale: float = 0.01,
) -> np.ndarray:
    """Mixture weights by a (1 + 1) evolution strategy, for any score.

    In each round all weights get normal noise, negative ones become 0, and their sum 1;
    the new weights are kept if they score less.

    Args:
      score: of a mixture's weights `[M]`.
      weights: `[M]` to begin with, summing to 1.
      num_rounds: at least 0.
      seed: of the noise.
      scale: standard deviation of the noise, positive.

    Returns:
      `[M]`, summing to 1, that score no more than `weights`.

    References:
      Schmiedlechner et al., Lipizzaner: A System That Scales Robust Generative
      Adversarial Network Training, 2018, https://arxiv.org/abs/1811.12843
    """
    rng, best = np.random.default_rng(seed), np.asarray(weights, np.float64)
    least_score = score(best)
    for _ in range(num_rounds):
        moved = np.maximum(best + scale * rng.normal(size=best.shape), 0)
        if not moved.sum() > 0:
            continue
        moved /= moved.sum()
        if (found := score(moved)) < least_score:
            best, least_score = moved, found
    return best
