"""Tests of jaxgan.data.shuffling."""

import hypothesis
import numpy as np
from hypothesis import strategies as st

from jaxgan.data import shuffling


@hypothesis.given(st.integers(1, 60), st.integers(1, 60), st.integers(0, 2**32 - 1))
@hypothesis.settings(max_examples=25, deadline=None)
def test_the_order_is_of_the_set_and_not_of_its_rows(number, distinct, seed):
    random = np.random.default_rng(seed)
    x = random.integers(0, 256, (distinct, 3), np.uint8)
    x = x[random.integers(0, distinct, number)]  # with copies
    order = shuffling.order(x)
    np.testing.assert_array_equal(np.sort(order), np.arange(number))
    shuffled = x[random.permutation(number)]
    np.testing.assert_array_equal(x[order], shuffled[shuffling.order(shuffled)])


def test_the_order_is_random_where_samples_are_sorted_and_copies_are_spread():
    x = np.arange(4000) // 400  # ten classes of equal samples, sorted
    first = x[shuffling.order(x)[:1000]]
    # A class has 100 of the first thousand, with a standard deviation of 8.2.
    assert np.abs(np.bincount(first, minlength=10) - 100).max() < 5 * 8.2
    other = shuffling.order(x, seed=1)
    assert (other != shuffling.order(x)).mean() > 0.9


@hypothesis.given(st.lists(st.integers(1, 40), min_size=1, max_size=6), st.integers())
@hypothesis.settings(max_examples=25, deadline=None)
def test_a_tenth_of_each_class_is_held_out_whatever_the_order(counts, seed):
    random = np.random.default_rng(abs(seed))
    label = np.repeat(np.arange(len(counts)), counts)
    x = random.normal(size=(len(label), 2))
    out = shuffling.held_out(x, label)
    held = np.bincount(label[out], minlength=len(counts))
    for n, own in zip(counts, held, strict=True):
        assert own == (0 if n == 1 else max(1, int(n / 10 + 0.5)))
    rows = random.permutation(len(label))
    new_names = random.permutation(1000)[: len(counts)]
    again = shuffling.held_out(x[rows], new_names[label[rows]])
    np.testing.assert_array_equal(again, out[rows])


def test_held_out_rows_are_not_every_tenth_one():
    x = np.random.default_rng(0).normal(size=(2000, 2))
    out = np.flatnonzero(shuffling.held_out(x))
    # Uniform over the last digit: 20 each, with a standard deviation of 4.2.
    assert np.abs(np.bincount(out % 10, minlength=10) - 20).max() < 5 * 4.2


def test_first_samples_are_those_of_the_order():
    x = np.random.default_rng(0).normal(size=(30, 2))
    np.testing.assert_array_equal(shuffling.first(x, 7), x[shuffling.order(x)[:7]])
    assert len(shuffling.first(x, 99)) == 30
