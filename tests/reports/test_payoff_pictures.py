"""The picture of a payoff matrix: what is where."""

import numpy as np
import pytest

from jaxgan import reports
from jaxgan.reports import payoffs

MATRIX = np.array([[0.5, -2.0, 0.25], [-1.0, -1.5, -1.25]])
WEIGHTS = np.array([0.25, 0.75]), np.array([0.0, 0.6, 0.4])
NAMES = ["weak", "strong"], ["first", "second", "third"]


@pytest.fixture(scope="module")
def drawn():
    return payoffs.draw_payoffs(MATRIX, WEIGHTS, NAMES, equal=-1.386)


def test_the_strongest_come_first_with_their_own_names_and_weights(drawn):
    heat = drawn.axes[2]
    # Rows by the most that they pay, columns by the least that they get.
    np.testing.assert_array_equal(
        heat.images[0].get_array(), [[-1.0, -1.25, -1.5], [0.5, 0.25, -2.0]]
    )
    assert [t.get_text() for t in heat.get_yticklabels()] == ["strong", "weak"]
    columns = [t.get_text() for t in heat.get_xticklabels()]
    assert columns == ["first", "third", "second"]
    above, beside = drawn.axes[0], drawn.axes[3]
    assert [bar.get_height() for bar in above.patches] == [0.0, 0.4, 0.6]
    assert [bar.get_width() for bar in beside.patches] == [0.75, 0.25]


def test_the_colours_turn_where_neither_wins(drawn):
    low, high = drawn.axes[2].images[0].get_clim()
    assert (low + high) / 2 == pytest.approx(-1.386)
    assert low <= MATRIX.min() and MATRIX.max() <= high


def test_the_picture_is_written(tmp_path):
    path = tmp_path / "payoffs.png"
    reports.save_payoffs(path, MATRIX, WEIGHTS, NAMES, equal=-1.386, title="a title")
    assert path.stat().st_size > 1000
