"""Sentences on matrices of which everything is known."""

import numpy as np
import pytest

from jaxgan import dynamics
from jaxgan.core import errors

NAMES = ["A", "B", "C"]


def said(matrix, equal=None, names=NAMES):
    return dynamics.in_words(matrix, dynamics.solve(matrix), names, names, equal)


def test_the_strongest_and_the_weakest_are_named_with_who_beats_them():
    matrix = [[4, 1, 2], [3, 2, 2.5], [5, -1, 9]]
    words = said(matrix, equal=2.2)
    assert words[0].startswith("The game is worth 3.000 to the discriminators, +0.800")
    assert words[1] == "The discriminator wins 56% of the pairs."
    assert words[2] == (
        "The strongest generator is B, which pays at most 3.000 (A), the weakest C, "
        "which pays 9.000 (C)."
    )
    assert words[3] == (
        "The strongest discriminator is A, which gets at least 3.000 (B), the weakest "
        "B, which gets -1.000 (C)."
    )
    assert words[5] == "In equilibrium B (1.00) plays against A (1.00)."


def test_it_is_said_whether_one_generator_is_best_against_all():
    assert said([[0, 1], [1, 2]], names=NAMES[:2])[2 + 1] == (
        "A is the best generator against every discriminator."
    )
    cycle = np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]])
    words = said(cycle)
    assert "3 are the best against some" in words[3]
    assert words[4] == (
        "In equilibrium A (0.33), B (0.33), C (0.33) play against A (0.33), B (0.33), "
        "C (0.33)."
    )


def test_names_that_are_too_few_are_said_in_a_sentence():
    with pytest.raises(errors.UserError, match="there are 2 generators' and 2"):
        said(np.zeros((3, 3)), names=NAMES[:2])
