"""Tests of jaxgan.data.digits."""

import numpy as np
from sklearn import datasets

from jaxgan.data import digits


def test_the_two_parts_hold_every_image_once():
    train_x, train_label, test_x, test_label = digits.load()
    assert train_x.shape[1:] == (8, 8, 1) and train_x.dtype == np.uint8
    assert train_label.dtype == test_label.dtype == np.int32
    assert len(train_x) == len(train_label) and len(test_x) == len(test_label)
    original = datasets.load_digits()
    rows = np.column_stack([original.data * 255 / 16, original.target])
    x = np.concatenate([train_x, test_x]).reshape(-1, 64)
    ours = np.column_stack([x, np.concatenate([train_label, test_label])])
    order, our_order = np.lexsort(rows.T), np.lexsort(ours.T)
    # Rounding moves a grey level by at most half a unit of 255.
    np.testing.assert_allclose(ours[our_order], rows[order], atol=0.5)


def test_a_fifth_of_every_digit_is_held_out():
    _, train_label, _, test_label = digits.load()
    held_out = np.bincount(test_label, minlength=10)
    total = held_out + np.bincount(train_label, minlength=10)
    np.testing.assert_array_equal(held_out, np.ceil(total / 5))


def test_the_grey_levels_span_the_whole_range():
    train_x, _, _, _ = digits.load()
    assert train_x.min() == 0 and train_x.max() == 255
    assert len(np.unique(train_x)) == 17


def test_the_split_is_always_the_same():
    for first, second in zip(digits.load(), digits.load(), strict=True):
        np.testing.assert_array_equal(first, second)
