"""Tests of jaxgan.sweeps.analysis.importance."""

import math

import numpy as np
import pytest

from jaxgan.core import errors
from jaxgan.sweeps.analysis import importance

RNG = np.random.default_rng(0)
N = 80


def drawn(n=N):
    return [
        {
            "rate": float(10 ** RNG.uniform(-5, -2)),
            "b1": float(RNG.uniform()),
            "loss": str(RNG.choice(["hinge", "minimax", "wasserstein"])),
            "constant": 3,
        }
        for _ in range(n)
    ]


SETTINGS = drawn()


def test_the_only_field_that_matters_is_the_first_and_others_matter_not():
    scores = [abs(math.log10(s["rate"]) + 3.5) for s in SETTINGS]
    first, *others = importance.of_fields(SETTINGS, scores)
    assert first.field == "rate" and first.drop > 1 and first.r2 > 0.9
    assert {other.field for other in others} == {"b1", "loss"}
    assert all(abs(other.drop) < 0.05 for other in others)
    assert first.trials == N


def test_a_choice_among_texts_matters_whatever_their_order():
    worth = {"hinge": 0.0, "minimax": 5.0, "wasserstein": 1.0}
    first, *_ = importance.of_fields(SETTINGS, [worth[s["loss"]] for s in SETTINGS])
    assert first.field == "loss" and first.r2 > 0.95


def test_of_noise_nothing_is_said_and_the_r2_shows_it():
    found = importance.of_fields(SETTINGS, RNG.normal(size=N))
    assert all(one.r2 < 0.1 and abs(one.drop) < 0.4 for one in found)


def test_seeds_of_a_setting_do_not_give_it_away():
    settings = [setting for setting in SETTINGS[:30] for _ in range(4)]
    noise = np.repeat(RNG.normal(size=30), 4)
    alone = importance.of_fields(settings, noise)[0].r2
    whole = importance.of_fields(settings, noise, np.repeat(range(30), 4).tolist())
    assert alone > 0.5 and whole[0].r2 < 0.2


def test_what_kills_trials_matters():
    scores = [math.nan if s["rate"] > 1e-3 else 1.0 for s in SETTINGS]
    first, *_ = importance.of_fields(SETTINGS, scores)
    assert first.field == "rate" and first.drop > 1


def test_a_conditional_field_is_judged_where_it_exists():
    settings = [
        s | ({"clip": float(RNG.uniform(0, 1))} if s["loss"] == "wasserstein" else {})
        for s in SETTINGS
    ]
    scores = [s.get("clip", 100 * s["b1"]) for s in settings]
    found = {one.field: one for one in importance.of_fields(settings, scores)}
    there = sum("clip" in s for s in settings)
    assert found["clip"].trials == there < N and found["clip"].drop > 1
    assert found["clip"].r2 > 0.8 and found["b1"].trials == N


def test_all_dead_and_too_few_settings_have_no_importance():
    assert importance.of_fields(SETTINGS, [math.nan] * N) == []
    assert importance.of_fields(SETTINGS[:9], range(9)) == []


def test_lengths_must_fit():
    with pytest.raises(errors.UserError, match="80 settings, 3 scores"):
        importance.of_fields(SETTINGS, [1, 2, 3])


def test_numbers_that_are_even_in_their_logarithm_are_shown_by_it():
    assert importance.is_log(np.logspace(-5, -2, 50))
    assert not importance.is_log(np.linspace(0.001, 1, 50))
    assert not importance.is_log([0.2, 0.5, 0.9])
    assert not importance.is_log([0.0, 0.1, 5.0]) and not importance.is_log(["a"])
    assert importance.is_log([1e-3, None, 1e-2, math.nan, math.inf, 1e-1])


def test_booleans_and_texts_are_no_numbers():
    assert importance.is_numeric([1, 2.0, np.float32(3)])
    assert not importance.is_numeric([True, 1]) and not importance.is_numeric(["1"])
