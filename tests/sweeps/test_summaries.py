"""Tests of jaxgan.sweeps.analysis.summaries."""

import math

import numpy as np
import pytest

from jaxgan.core import errors
from jaxgan.sweeps.analysis import summaries

NAN = math.nan


def row(setting, seed, score, status="finished", **more):
    return {
        "trial": f"{setting}-{seed}",
        "setting": setting,
        "seed": seed,
        "setting.rate": 0.1,
        "score.distance": score,
        "status": status,
        **more,
    }


ROWS = [
    *(row("good", i, value) for i, value in enumerate([1.0, 2.0, 6.0])),
    *(row("bad", i, 9.0) for i in range(3)),
    *(row("half", i, [0.1, NAN][i]) for i in range(2)),
    *(row("dead", i, 0.0, "died") for i in range(2)),
]


def test_a_setting_has_mean_median_and_counts_over_its_seeds():
    (first, *_) = summaries.of_settings(ROWS, "score.distance")
    assert (first.setting, first.seeds, first.dead) == ("good", 3, 0)
    assert (first.mean, first.median, first.score) == (3.0, 2.0, 3.0)
    assert 1.0 <= first.low < 3.0 < first.high <= 6.0
    assert first.values == {"rate": 0.1} and first.collapsed is None


def test_settings_with_dead_seeds_are_last_and_shown():
    found = summaries.of_settings(ROWS, "score.distance")
    assert [summary.setting for summary in found] == ["good", "bad", "half", "dead"]
    half, dead = found[2:]
    assert (half.dead, half.mean) == (1, 0.1) and math.isnan(half.score)
    assert dead.dead == 2 and all(map(math.isnan, dead[5:9]))


def test_a_score_where_more_is_better_is_turned():
    found = summaries.of_settings(ROWS, "score.distance", more_is_better=True)
    assert [summary.setting for summary in found][:2] == ["bad", "good"]
    assert found[0].mean == -9.0


def test_collapsed_are_counted_of_those_that_live():
    rows = [
        row("a", 0, 1.0, collapsed=True),
        row("a", 1, 1.0, collapsed=False),
        row("a", 2, NAN, "died", collapsed=True),
    ]
    (found,) = summaries.of_settings(rows, "score.distance")
    assert (found.collapsed, found.dead) == (1, 1)


def test_trials_that_were_stopped_early_are_not_compared():
    rows = [
        row("a", 0, 5.0, "going", rung=0),
        row("b", 0, 4.0, "stopped", rung=0),
        row("a", 0, 1.0, rung=1),
        row("c", 0, NAN, "died", rung=0),
        row("d", 0, 3.0, "going", rung=0),
    ]
    kept = summaries.at_full_length(rows)
    assert [(r["setting"], r["score.distance"]) for r in kept[:1]] == [("a", 1.0)]
    assert [r["setting"] for r in kept] == ["a", "c"]


def test_the_interval_of_equal_scores_is_that_score():
    np.testing.assert_allclose(summaries.bootstrap(np.full((2, 4), 7.0)), 7.0)


@pytest.mark.parametrize(("seeds", "low", "high"), [(3, 0.71, 0.79), (20, 0.90, 0.96)])
def test_intervals_hold_the_mean_of_normal_scores_as_often_as_they_say(
    seeds, low, high
):
    values = np.random.default_rng(seeds).normal(size=(2000, seeds))
    ends = summaries.bootstrap(values, resamples=400)
    assert low < np.mean((ends[0] <= 0) & (ends[1] >= 0)) < high


def test_an_unknown_score_is_said_with_those_that_there_are():
    with pytest.raises(errors.UserError, match=r"score\.modes.*score\.distance"):
        summaries.scores(ROWS, "score.modes")
