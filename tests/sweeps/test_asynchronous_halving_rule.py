import collections
import json

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest

from jaxgan.core import errors
from jaxgan.sweeps.search.asynchronous_halving import rule as halving
from jaxgan.sweeps.search.successive_halving import rule as successive


def run(scores, num_places, rungs, eta):
    """A search in which a trial's score is known beforehand; the rounds it took."""
    search, rounds = halving.begin(len(scores), num_places, rungs, eta), 0
    while search.busy:
        shown = np.where(search.trial == halving.EMPTY, -np.inf, scores[search.trial])
        search, fresh = halving.decide(search, shown)
        assert (search.rounds[fresh] == 0).all()
        assert len(search.trial) == num_places
        rounds += 1
    return search, rounds


def test_brackets_are_those_of_the_paper():
    # Table 1 of Li et al. for R = 81, eta = 3.
    published = [
        [(81, 1), (27, 3), (9, 9), (3, 27), (1, 81)],
        [(34, 3), (11, 9), (3, 27), (1, 81)],
        [(15, 9), (5, 27), (1, 81)],
        [(8, 27), (2, 81)],
        [(5, 81)],
    ]
    assert [list(map(tuple, bracket)) for bracket in halving.hyperband(81)] == published


def test_halving_with_a_place_for_each_trial_keeps_the_best():
    scores = np.random.default_rng(0).permutation(27).astype(float)
    search, rounds = run(scores, 27, halving.ladder(1, 9), 3)
    assert rounds == 9
    reached = collections.Counter(entry.rung for entry in search.entries)
    assert reached == {0: 27, 1: 9, 2: 3}
    ends = [e for e in search.entries if e.status == "finished"]
    assert sorted(e.score for e in ends) == [0, 1, 2]
    assert halving.best(search).trial == scores.argmin()


@hypothesis.settings(deadline=None, max_examples=60)
@hypothesis.given(
    scores=st.lists(
        st.one_of(st.just(float("nan")), st.integers(0, 9).map(float)), min_size=1
    ),
    num_places=st.integers(1, 9),
    eta=st.integers(2, 4),
    most=st.integers(1, 20),
)
def test_every_trial_is_tried_and_ends_once(scores, num_places, eta, most):
    scores = np.array(scores)
    search, _ = run(scores, num_places, halving.ladder(1, most, eta), eta)
    ends = collections.Counter(
        entry.trial for entry in search.entries if entry.status != "going"
    )
    assert ends == dict.fromkeys(range(len(scores)), 1)
    for entry in search.entries:
        np.testing.assert_equal(entry.score, scores[entry.trial])
        assert entry.status != "going" or not np.isnan(entry.score)
    # Of equals the first is never stopped by the others.
    if not np.isnan(scores).all():
        best = halving.best(search)
        assert best.status == "finished" and best.score == np.nanmin(scores)


def test_of_equals_as_many_go_on_as_of_others_the_first_to_come_before_the_rest():
    search = halving.begin(7, 6, (1, 2), 3)
    search, _ = halving.decide(search, [8.0] * 6)
    went_on = [e.trial for e in search.entries if e.status == "going"]
    assert went_on == [0, 1]
    # The seventh comes later to a rung where two of seven go on, and two are as good.
    while search.busy:
        search, _ = halving.decide(search, [8.0] * 6)
    assert [e.trial for e in search.entries if e.status == "finished"] == [0, 1]


def test_of_equals_that_come_together_the_index_decides_and_not_the_place():
    search = halving.begin(3, 2, (1, 2), 2)._replace(trial=np.array([1, 0]))
    search, _ = halving.decide(search, [5.0, 5.0])
    assert {e.trial: e.status for e in search.entries} == {0: "going", 1: "stopped"}


def test_the_best_trial_always_finishes():
    rng = np.random.default_rng(1)
    for places in (3, 5, 12):
        scores = rng.permutation(30).astype(float)
        search, rounds = run(scores, places, halving.ladder(1, 9), 3)
        assert halving.best(search).score == 0
        assert rounds * places < 30 * 9 + 9 * places


def test_trials_of_different_brackets_are_not_compared():
    ladders, brackets = ((1, 2), (2,)), (0, 0, 1, 1)
    search = halving.begin_brackets(brackets, 4, ladders, 2)
    search, _ = halving.decide(search, [4.0, 3.0, 2.0, 1.0])
    # Only bracket 0 is at a rung, whose better half goes on, though others are better.
    assert [(e.trial, e.status) for e in search.entries] == [
        (0, "stopped"),
        (1, "going"),
    ]
    search, _ = halving.decide(search, [0.0, 3.0, 2.0, 1.0])
    assert not search.busy
    assert [e.trial for e in search.entries if e.status == "finished"] == [1, 2, 3]
    assert halving.best(search).trial == 3


def test_what_other_searches_found_counts_at_the_rungs():
    other = halving.Entry(7, 0, 0.5, "going")
    alone = halving.begin_brackets((0, 0), 2, ((1, 2),), 2)
    beside = halving.begin_brackets((0, 0), 2, ((1, 2),), 2, [other])
    (alone, _), (beside, _) = (halving.decide(s, [1.0, 2.0]) for s in (alone, beside))
    assert alone.entries[0].status == "going"
    assert beside.entries[1].status == "stopped" and not beside.busy


@pytest.mark.parametrize("scores", [[2.0, np.nan], [np.nan, np.nan], [2.0, 1.0]])
@pytest.mark.parametrize("synchronous", [True, False])
def test_at_the_last_rung_a_seed_died_if_it_has_no_number_and_else_is_finished(
    scores, synchronous
):
    """Its own number: that another seed of its setting died takes nothing from it."""
    mean = np.mean(scores)
    if synchronous:
        (entry,) = successive.compare([0], [mean], 1, last=True, eta=2)
    else:
        search, _ = halving.decide(halving.begin(1, 1, (1,)), [mean])
        (entry,) = search.entries
    found = [halving.status_of_seed(entry, score) for score in scores]
    assert found == ["died" if np.isnan(s) else "finished" for s in scores]


def test_a_search_comes_back_from_json():
    begun = halving.begin(5, 2, (1, 2), 2)
    search, _ = halving.decide(begun, [np.nan, 1.0])
    stored = json.loads(json.dumps(halving.to_json(search), allow_nan=False))
    again = halving.from_json(begun, stored)
    np.testing.assert_equal(again._asdict(), search._asdict())


def test_ranking_puts_what_is_no_number_last():
    assert halving.ranking([3, np.nan, 1, np.inf, 1]).tolist() == [2, 4, 0, 3, 1]


@pytest.mark.parametrize(
    "made, said",
    [
        (lambda: halving.ladder(4, 2), "most=2"),
        (lambda: halving.hyperband(0), "most=0"),
        (lambda: halving.begin(0, 1, (1,)), "num_trials=0"),
        (lambda: halving.begin(3, 1, (2, 2)), "rising"),
        (lambda: halving.decide(halving.begin(3, 3, (1,)), [1, 2]), "3 places"),
        (lambda: halving.best(halving.begin(3, 3, (1,))), "a number"),
    ],
    ids=["ladder", "hyperband", "begin", "rungs", "decide", "best"],
)
def test_what_cannot_be_is_said(made, said):
    with pytest.raises(errors.UserError, match=said):
        made()
