"""Samples of text in writing."""

import types

import numpy as np

from jaxgan.data import sequences
from jaxgan.scripts import texts, writing

WHAT = sequences.Sequences(("a", "\\", "\n", "\r", "\u2028", "\x85"))


def test_each_sample_is_one_line_that_no_other_sample_has():
    tokens = np.array([[0, i] for i in range(6)])
    found = writing.escaped(WHAT, sequences.one_hot(tokens, 6))
    assert [own.splitlines() for own in found] == [[own] for own in found]
    assert len(set(found)) == 6 and found[:4] == ["aa", r"a\\", r"a\n", r"a\r"]


def test_the_page_has_all_samples_where_held_out_ones_are_few(tmp_path):
    x = sequences.one_hot(np.zeros((20, 3), int), 6)
    asked = types.SimpleNamespace(likelihood_steps=0, steps=5)
    shown = {"real": x[:2], "seed 0": x}
    (section,) = texts.sections(WHAT, asked, tmp_path, shown)
    (table,) = section.content
    assert len(table.rows) == texts.SHOWN
    assert table.rows[1] == [2, "aaa", "aaa"] and table.rows[2] == [3, "", "aaa"]
