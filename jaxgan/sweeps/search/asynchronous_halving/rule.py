"""Successive halving: train many settings a little, and the best of them longer.

Trials train in the *places* of a population whose size never changes, so that one
program serves the whole search. All places train for a round of equal length; a trial
that has trained for as many rounds as a *rung* asks is compared with all trials that
came to that rung. It goes on if it is among the best `1 / eta` of them; else it is
stopped and its place is given to a new trial. This is asynchronous halving (ASHA) whose
places report together, so that it is the same each time.

    search = rule.begin(num_trials, num_places, rule.ladder(1, 9))
    while search.busy:
        train every place for a round, score them: scores [P]
        search, fresh = rule.decide(search, scores)
        initialise the places `fresh`, for the trials search.trial[fresh]

The synchronous kind, where all trials are compared with all, is `successive_halving`.

Nothing here trains; everything is a function of numbers on the host.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from jaxgan.core import errors

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
      status: "going" if it trains on, "stopped", or "finished" at the last rung,
        whatever the score there.
      bracket: whose trials it is compared with.
    """

    trial: int
    rung: int
    score: float
    status: str
    bracket: int = 0


class HalvingState(NamedTuple):
    """A search that goes on.

    Attributes:
      brackets: of each trial its bracket, `[N]`.
      ladders: of each bracket the rounds that its rungs ask, rising.
      eta: one in so many goes on.
      trial: index of the trial in each place, `EMPTY` in one that has none any more.
      rounds: that the trial in each place has trained for.
      begun: trials so far.
      entries: all comparisons so far, in their order.
    """

    brackets: tuple[int, ...]
    ladders: tuple[tuple[int, ...], ...]
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
) -> HalvingState:
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
    return begin_brackets((0,) * num_trials, num_places, (tuple(rungs),), eta)


def begin_brackets(
    brackets: Sequence[int],
    num_places: int,
    ladders: Sequence[tuple[int, ...]],
    eta: int = 3,
    entries: Sequence[Entry] = (),
) -> HalvingState:
    """A search whose trials climb different ladders, as Hyperband's do.

    A place that is freed by one bracket's trial goes to the next trial of any bracket,
    so that short brackets leave no place empty.

    Args:
      brackets: of each trial the index of its ladder, `[N]`.
      num_places: P, members of the population.
      ladders: rounds of the rungs of each bracket.
      eta: one in so many goes on.
      entries: of trials of other searches that count as compared already; their
        indices mean nothing here.

    Raises:
      UserError: as `begin`.
    """
    num_trials = len(brackets)
    climb = all(
        ladder and all(a < b for a, b in zip((0, *ladder), ladder, strict=False))
        for ladder in ladders
    )
    if num_trials < 1 or num_places < 1 or eta < 2 or not ladders or not climb:
        raise errors.UserError(
            f"num_trials={num_trials}, num_places={num_places}, eta={eta}, "
            f"rungs={list(ladders)}: numbers must be at least 1, eta at least 2, and "
            "the rungs rising."
        )
    places = np.arange(num_places)
    trial = np.where(places < num_trials, places, EMPTY)
    return HalvingState(
        tuple(brackets),
        tuple(map(tuple, ladders)),
        eta,
        trial,
        np.zeros(num_places, int),
        min(num_trials, num_places),
        tuple(entry._replace(trial=EMPTY) for entry in entries),
    )


def decide(search: HalvingState, scores: ArrayLike) -> tuple[HalvingState, np.ndarray]:
    """What happens after all places have trained for a round.

    Trials that reach a rung together are all entered before any is compared. A trial
    goes on if it is among the best `floor(n / eta)`, but at least one, of the n trials
    at its rung so far; one whose score is NaN never does. Of equal scores the one that
    came to the rung earlier is better, and of those that came together the one with
    the lower index, so that equals never stop one another.

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
    at = {}
    for p in np.flatnonzero(trial != EMPTY):
        bracket = search.brackets[trial[p]]
        if rounds[p] in search.ladders[bracket]:
            at[p] = (bracket, search.ladders[bracket].index(rounds[p]))
    entries, fresh = [], []
    for p, (bracket, rung) in at.items():
        earlier = [
            e.score for e in search.entries if (e.bracket, e.rung) == (bracket, rung)
        ]
        together = [(scores[q], search.trial[q]) for q in at if at[q] == at[p]]
        number = max(1, (len(earlier) + len(together)) // search.eta)
        if rung == len(search.ladders[bracket]) - 1:
            status = "finished"
        elif _better(scores[p], search.trial[p], earlier, together) < number:
            status = "going"
        else:
            status = "stopped"
        entries.append(Entry(int(trial[p]), rung, float(scores[p]), status, bracket))
        if status != "going":
            trial[p], rounds[p] = EMPTY, 0
            if begun < len(search.brackets):
                trial[p], begun = begun, begun + 1
                fresh.append(p)
    after = search._replace(
        trial=trial, rounds=rounds, begun=begun, entries=(*search.entries, *entries)
    )
    return after, np.array(fresh, int)


def to_json(search: HalvingState) -> dict[str, Any]:
    """What changes in a search, as JSON can hold it; `from_json` brings it back."""
    return {
        "trial": search.trial.tolist(),
        "rounds": search.rounds.tolist(),
        "begun": search.begun,
        "entries": [
            entry._replace(score=None if np.isnan(entry.score) else entry.score)
            for entry in search.entries
        ],
    }


def from_json(search: HalvingState, stored: dict[str, Any]) -> HalvingState:
    """The search as it was stored; `search` is the same one at its beginning."""
    entries = [Entry(*values) for values in stored["entries"]]
    return search._replace(
        trial=np.array(stored["trial"]),
        rounds=np.array(stored["rounds"]),
        begun=stored["begun"],
        entries=tuple(
            entry._replace(score=np.nan if entry.score is None else entry.score)
            for entry in entries
        ),
    )


def ranking(scores: ArrayLike) -> np.ndarray:
    """Indices `[N]` from the best score to the worst; NaN last, equals in their order.

    Args:
      scores: `[N]`, less is better.
    """
    scores = np.asarray(scores, float)
    return np.lexsort((scores, np.isnan(scores)))


def status_of_seed(entry: Entry, score: float) -> str:
    """What became of one seed of a setting, whose own score is NaN if it died.

    Seeds that live are what their setting is: at the last rung they are finished, even
    if another seed of it died.
    """
    return "died" if np.isnan(score) and entry.status != "going" else entry.status


def best(search: HalvingState) -> Entry:
    """The best entry of those who trained longest, if with a number.

    Raises:
      UserError: if no trial has a number yet.
    """
    numbered = [entry for entry in search.entries if not np.isnan(entry.score)]
    if not numbered:
        raise errors.UserError("no trial of the search has a score that is a number.")
    rounds = [search.ladders[entry.bracket][entry.rung] for entry in numbered]
    longest = zip(numbered, rounds, strict=True)
    return min((e for e, r in longest if r == max(rounds)), key=lambda e: e.score)


def _better(score, trial, earlier, together) -> float:
    """How many are better at its rung, of those before it and of those with it."""
    if np.isnan(score):
        return np.inf
    before = sum(other <= score for other in earlier)
    return before + sum(other < (score, trial) for other in together)
