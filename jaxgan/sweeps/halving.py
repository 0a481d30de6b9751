"""Successive halving: train many settings a little, and the best of them longer.

Trials train in the *places* of a population whose size never changes, so that one
program serves the whole search. All places train for a round of equal length; a trial
that has trained for as many rounds as a *rung* asks is compared with all trials that
came to that rung. It goes on if it is among the best `1 / eta` of them; else it is
stopped and its place is given to a new trial. This is asynchronous halving (ASHA) whose
places report together, so that it is the same each time.

    search = halving.begin(num_trials, num_places, rungs)
    while search.busy:
        train every place for a round, score them: scores [P]
        search, fresh = halving.decide(search, scores)
        initialise the places `fresh`, for the trials search.trial[fresh]

Nothing here trains; everything is a function of numbers on the host.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from jaxgan import errors

EMPTY = -1


class Rung(NamedTuple):
    """A step of the ladder in Hyperband's tables.

    Attributes:
      trials: that train up to this rung.
      rounds: that each of them has trained for when it gets there.
    """

    trials: int
    rounds: int


class Entry(NamedTuple):
    """What a trial showed at a rung, and what became of it.

    Attributes:
      trial: its index.
      rung: index of the rung.
      score: less is better; NaN is worst.
      status: "going" if it trains on, "stopped", or "finished" at the last rung.
    """

    trial: int
    rung: int
    score: float
    status: str


class Search(NamedTuple):
    """A search that goes on.

    Attributes:
      num_trials: in all.
      rungs: rounds that each rung asks, rising.
      eta: one in so many goes on.
      trial: index of the trial in each place, `EMPTY` in one that has none any more.
      rounds: that the trial in each place has trained for.
      begun: trials so far.
      entries: all comparisons so far, in their order.
    """

    num_trials: int
    rungs: tuple[int, ...]
    eta: int
    trial: np.ndarray
    rounds: np.ndarray
    begun: int
    entries: tuple[Entry, ...] = ()

    @property
    def busy(self) -> bool:
        """Whether any place has a trial."""
        return bool((self.trial != EMPTY).any())


def ladder(first: int, most: int, eta: int = 3) -> tuple[int, ...]:
    """Rounds of the rungs: first, first eta, first eta^2 ... up to `most`, included.

    Raises:
      UserError: if `first` < 1, `most` < `first` or `eta` < 2.
    """
    if first < 1 or most < first or eta < 2:
        raise errors.UserError(
            f"first={first}, most={most}, eta={eta}: first must be at least 1, most no "
            "less, and eta at least 2."
        )
    rungs = []
    while first < most:
        rungs.append(first)
        first *= eta
    return (*rungs, most)


def hyperband(most: int, eta: int = 3) -> tuple[tuple[Rung, ...], ...]:
    """Hyperband's brackets: from many trials that begin short to few that begin long.

    Bracket s, from the greatest down to 0, begins with `ceil((S + 1) eta^s / (s + 1))`
    trials of `most eta^-s` rounds, where `S = floor(log_eta most)`; each rung has one
    trial in eta of the one before, eta times as long.

    Args:
      most: rounds of the longest trial.
      eta: one in so many goes on.

    Raises:
      UserError: if `most` < 1 or `eta` < 2.

    References:
      Li et al., Hyperband: A Novel Bandit-Based Approach to Hyperparameter
      Optimization, 2018, https://arxiv.org/abs/1603.06560
    """
    if most < 1 or eta < 2:
        raise errors.UserError(
            f"most={most} must be at least 1 and eta={eta} at least 2."
        )
    greatest = 0
    while eta ** (greatest + 1) <= most:
        greatest += 1
    brackets = []
    for s in range(greatest, -1, -1):
        trials = -(-(greatest + 1) * eta**s // (s + 1))
        brackets.append(
            tuple(Rung(trials // eta**i, most * eta**i // eta**s) for i in range(s + 1))
        )
    return tuple(brackets)


def begin(
    num_trials: int, num_places: int, rungs: tuple[int, ...], eta: int = 3
) -> Search:
    """A search whose places have the first trials.

    Args:
      num_trials: N, tried in the order of their indices.
      num_places: P, members of the population; no more than N are used.
      rungs: rounds at which trials are compared, rising, see `ladder`; the last one is
        the whole training.
      eta: one in so many goes on.

    Raises:
      UserError: if a number is below 1, eta below 2, or the rungs do not rise.
    """
    rising = all(a < b for a, b in zip((0, *rungs), rungs, strict=False))
    if num_trials < 1 or num_places < 1 or eta < 2 or not rungs or not rising:
        raise errors.UserError(
            f"num_trials={num_trials}, num_places={num_places}, eta={eta}, "
            f"rungs={rungs}: numbers must be at least 1, eta at least 2, and the rungs "
            "rising."
        )
    places = np.arange(num_places)
    trial = np.where(places < num_trials, places, EMPTY)
    rounds = np.zeros(num_places, int)
    return Search(
        num_trials, tuple(rungs), eta, trial, rounds, min(num_trials, num_places)
    )


def decide(search: Search, scores: ArrayLike) -> tuple[Search, np.ndarray]:
    """What happens after all places have trained for a round.

    Trials that reach a rung together are all entered before any is compared. A trial
    goes on if no more than `floor(n / eta)`, but at least one, of the n trials at its
    rung so far are as good; one whose score is NaN never does.

    Args:
      search: as it was in the round.
      scores: `[P]`, less is better; those of empty places are not looked at.

    Returns:
      The search, and the places `[F]` that have a new trial, to be initialised.

    Raises:
      UserError: if there is not a score for each place.

    References:
      Li et al., A System for Massively Parallel Hyperparameter Tuning, 2020,
      https://arxiv.org/abs/1810.05934
      Jamieson and Talwalkar, Non-stochastic Best Arm Identification and
      Hyperparameter Optimization, 2016, https://arxiv.org/abs/1502.07943
    """
    scores = np.asarray(scores, float)
    if scores.shape != search.trial.shape:
        raise errors.UserError(
            f"scores of shape {scores.shape} must be one for each of the "
            f"{len(search.trial)} places."
        )
    trial, rounds, begun = search.trial.copy(), search.rounds.copy(), search.begun
    rounds[trial != EMPTY] += 1
    there = [p for p in np.flatnonzero(trial != EMPTY) if rounds[p] in search.rungs]
    at = {p: search.rungs.index(rounds[p]) for p in there}
    entries, fresh = [], []
    for p in there:
        peers = [e.score for e in search.entries if e.rung == at[p]]
        peers += [scores[q] for q in there if at[q] == at[p]]
        last = at[p] == len(search.rungs) - 1
        if last and not np.isnan(scores[p]):
            status = "finished"
        else:
            status = "going" if _goes_on(scores[p], peers, search.eta) else "stopped"
        entries.append(Entry(int(trial[p]), at[p], float(scores[p]), status))
        if status != "going":
            trial[p], rounds[p] = EMPTY, 0
            if begun < search.num_trials:
                trial[p], begun = begun, begun + 1
                fresh.append(p)
    after = search._replace(
        trial=trial, rounds=rounds, begun=begun, entries=(*search.entries, *entries)
    )
    return after, np.array(fresh, int)


def ranking(scores: ArrayLike) -> np.ndarray:
    """Indices `[N]` from the best score to the worst; NaN last, equals in their order.

    Args:
      scores: `[N]`, less is better.
    """
    scores = np.asarray(scores, float)
    return np.lexsort((scores, np.isnan(scores)))


def best(search: Search) -> Entry:
    """The best entry at the highest rung that any trial came to with a number.

    Raises:
      UserError: if no trial has a number yet.
    """
    numbered = [entry for entry in search.entries if not np.isnan(entry.score)]
    if not numbered:
        raise errors.UserError("no trial of the search has a score that is a number.")
    top = max(entry.rung for entry in numbered)
    return min((e for e in numbered if e.rung == top), key=lambda e: e.score)


def _goes_on(score, peers, eta) -> bool:
    if np.isnan(score):
        return False
    as_good = sum(peer <= score for peer in peers)
    return as_good <= max(1, len(peers) // eta)
