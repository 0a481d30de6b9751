"""Eigenvalues in the complex plane."""

import numpy as np
import pytest

from jaxgan.core import errors
from jaxgan.reports import planes


def test_each_arm_has_a_panel_with_what_is_finite_of_each_seed():
    values = np.array([[1 + 2j, np.nan], [-3j, 0.5]])
    figure = planes.eigenvalues({"one": values, "two": values[:1]}, linear=0.1)
    first, second = figure.axes
    assert [axis.get_title() for axis in (first, second)] == ["one", "two"]
    points = [line.get_xydata().tolist() for line in first.lines[2:]]
    assert points == [[[1, 2]], [[0, -3], [0.5, 0]]]
    assert first.get_xlim() == second.get_xlim()
    assert first.get_yscale() == "symlog"
    with pytest.raises(errors.UserError, match="nothing to draw"):
        planes.eigenvalues({}, linear=0.1)
