"""Held-out samples that choose share nothing with those that score."""

import numpy as np
import pytest

from jaxgan.core import errors
from jaxgan.data import dataset, sequences, setting_aside

LENGTH = 4


def of_text(number):
    """All windows of a text in which each symbol stands once, in the test part."""
    text = np.arange(number + LENGTH - 1)
    windows = np.lib.stride_tricks.sliding_window_view(text, LENGTH)
    split = dataset.Split(sequences.one_hot(windows, len(text)))
    what = sequences.Sequences(tuple(map(chr, text + 100)))
    return dataset.Dataset("text", split, split, text=what)


def test_windows_that_choose_share_no_symbol_with_those_that_score():
    data, chosen = setting_aside.halve(of_text(41))
    scoring, choosing = (
        set(sequences.tokens(own.x).ravel().tolist()) for own in (data.test, chosen)
    )
    assert not scoring & choosing
    # All but the three windows between them are in one of the halves.
    assert len(chosen.x) == len(data.test.x) == 19


def test_a_text_too_short_for_two_parts_is_refused():
    with pytest.raises(errors.UserError, match="6 held-out samples, and 7 are needed"):
        setting_aside.halve(of_text(6))


def test_samples_that_do_not_overlap_are_halved_at_random_whatever_their_order():
    x, label = np.arange(20, dtype=np.float32)[:, None], np.arange(20)
    turned = [
        dataset.Dataset("points", *[dataset.Split(x[rows], label[rows])] * 2)
        for rows in (np.arange(20), np.arange(20)[::-1])
    ]
    halves = [setting_aside.halve(own) for own in turned]
    for data, chosen in halves:
        np.testing.assert_array_equal(chosen.x[:, 0], chosen.label)
        both = {*chosen.label.tolist(), *data.test.label.tolist()}
        assert both == set(range(20)) and len(chosen.x) == 10
    assert set(halves[0][1].label) == set(halves[1][1].label) != set(range(10))
