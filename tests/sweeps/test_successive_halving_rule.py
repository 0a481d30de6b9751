import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest

from jaxgan.core import errors
from jaxgan.sweeps.search.successive_halving import rule as successive

NUMBERS = st.one_of(st.just(np.nan), st.floats(-5, 5))


def test_the_best_go_on_equals_in_their_order():
    scores = [3.0, np.nan, 1.0, np.inf, 1.0, 2.0]
    assert successive.survivors(scores, 2).tolist() == [2, 4, 5]
    assert successive.survivors(scores, 6).tolist() == [2]
    assert successive.survivors(scores, 7).tolist() == [2]  # at least one
    assert successive.survivors([np.nan, np.nan, np.nan, 0.0], 2).tolist() == [3]
    assert successive.survivors([np.nan] * 3, 2).tolist() == []


@hypothesis.given(
    st.lists(NUMBERS, min_size=1, max_size=20), st.integers(2, 5), st.randoms()
)
def test_as_many_go_on_as_there_are_numbers_for_and_none_is_worse_than_one_stopped(
    scores, eta, random
):
    scores = np.array(scores)
    found = successive.survivors(scores, eta)
    numbered = int((~np.isnan(scores)).sum())
    assert len(found) == min(max(1, len(scores) // eta), numbered)
    stopped = np.delete(scores, found)
    assert not np.isnan(scores[found]).any()
    assert not (stopped[:, None] < scores[found]).any()
    order = random.sample(range(len(scores)), len(scores))
    again = successive.survivors(scores[order], eta)
    assert sorted(scores[order][again]) == sorted(scores[found])


def test_at_the_last_rung_all_are_finished_and_before_it_the_best_go_on():
    found = successive.compare([4, 7, 9], [2.0, np.nan, 1.0], 1, last=True, eta=2)
    said = [(entry.trial, entry.rung, entry.status) for entry in found]
    assert said == [(trial, 1, "finished") for trial in (4, 7, 9)]
    found = successive.compare([4, 7, 9], [2.0, np.nan, 1.0], 0, last=False, eta=2)
    assert [entry.status for entry in found] == ["stopped", "stopped", "going"]


def test_the_cost_is_that_of_the_trials_of_each_rung():
    assert successive.sizes(96, 4, 2) == (96, 48, 24, 12)
    assert successive.sizes(5, 4, 2) == (5, 2, 1, 1)
    whole = (96 * 2 + 48 * 2 + 24 * 4 + 12 * 8) / (96 * 16)
    for places in (1, 6, 12):
        assert successive.share((2, 4, 8, 16), 96, places, 2) == whole == 0.3125
    # 5, 2 and 1 trials in places of two: 6 x 1 + 2 x 1 + 2 x 2 of 5 x 4.
    assert successive.share((1, 2, 4), 5, 2, 2) == pytest.approx(12 / 20)


@pytest.mark.parametrize(("scores", "eta"), [([], 2), ([[1.0]], 2), ([1.0], 1)])
def test_what_cannot_be_compared_is_said(scores, eta):
    with pytest.raises(errors.UserError, match=f"eta={eta}"):
        successive.survivors(scores, eta)
