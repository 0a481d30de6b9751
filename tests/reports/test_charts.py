"""Tests of jaxgan.reports.charts and jaxgan.reports.hyperparameters."""

import math
import os
import sys

import numpy as np
import pytest

from jaxgan.core import errors
from jaxgan.reports import charts, figures, hyperparameters

NAN, INF = math.nan, math.inf
RNG = np.random.default_rng(0)
N = 40
SCORES = np.where(np.arange(N) % 9 == 0, NAN, RNG.lognormal(3, 2, N))
RATE = hyperparameters.Axis(
    "learning_rate", (10 ** RNG.uniform(-5, -2, N)).tolist(), True
)
LOSS = hyperparameters.Axis("loss", ["hinge", "$x_1$"] * (N // 2))
CLIP = hyperparameters.Axis("clip", [0.1 * i if i % 2 else None for i in range(N)])
DEPTH = hyperparameters.Axis("depth", [1 + i % 3 for i in range(N)])
GROUPS = {"a": SCORES, "$b$": SCORES[:3], "dead": [NAN, NAN]}
STEPS = [10, 20, 30]

CHARTS = {
    "intervals": lambda: charts.intervals(
        [("a", 1, 0.5, 1.5), ("one seed", 2, NAN, NAN), ("dead", NAN, NAN, NAN)], "x"
    ),
    "distributions": lambda: charts.distributions(GROUPS, "x", log=True),
    "curves": lambda: charts.curves({"a": ([1, 2], [INF, 3])}, "k", "x", log=True),
    "ribbons": lambda: charts.ribbons(
        {"loss": {"a": RNG.normal(size=(3, 5)), "dead": np.full((3, 5), NAN)}},
        STEPS,
        "title",
    ),
    "bars": lambda: charts.bars([("a", 0.5, 0.1), ("b", -0.1, 0.2)], "x"),
    "points": lambda: charts.points([[0, 1], [NAN, 2]], "a long title " * 9),
    "marginal": lambda: hyperparameters.marginal(RATE, SCORES, "x", log=True),
    "choices": lambda: hyperparameters.marginal(LOSS, SCORES, "x"),
    "conditional": lambda: hyperparameters.marginal(CLIP, SCORES, "x"),
    "all dead": lambda: hyperparameters.marginal(RATE, SCORES * NAN, "x"),
    "parallel": lambda: hyperparameters.parallel(
        [RATE, LOSS, CLIP, DEPTH], SCORES, "x"
    ),
    "parallel dead": lambda: hyperparameters.parallel([RATE], SCORES * NAN, "x"),
}


@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_is_drawn_whatever_has_died_without_global_state(name, tmp_path):
    pyplot_before = "matplotlib.pyplot" in sys.modules
    figure = CHARTS[name]()
    figures.save(tmp_path / "chart.png", figure)
    assert figures.svg(figure, name).startswith("<svg style=")
    assert os.listdir(tmp_path) == ["chart.png"]
    assert ("matplotlib.pyplot" in sys.modules) == pyplot_before


def marks(axis, colour):
    """Points of all marks of a colour."""
    lines = [line for line in axis.lines if line.get_color() == colour]
    return [line for line in lines if line.get_marker() in ("o", "x")]


def test_every_trial_is_a_mark_and_the_dead_are_crosses():
    (axis,) = hyperparameters.marginal(RATE, SCORES, "x").axes
    dead = np.isnan(SCORES)
    (best,), (rest,) = (
        marks(axis, colour) for colour in (hyperparameters.BEST, hyperparameters.GREY)
    )
    (crosses,) = marks(axis, hyperparameters.MIDDLE)
    found = np.concatenate([best.get_ydata(), rest.get_ydata()])
    np.testing.assert_array_equal(np.sort(found), np.sort(SCORES[~dead]))
    np.testing.assert_array_equal(
        best.get_ydata().max() <= rest.get_ydata().min(), True
    )
    np.testing.assert_array_equal(crosses.get_xdata(), np.array(RATE.values)[dead])
    assert (np.asarray(crosses.get_ydata()) == 1).all()


def test_where_more_is_better_the_greatest_stand_out():
    (axis,) = hyperparameters.marginal(RATE, SCORES, "x", more_is_better=True).axes
    (best,) = marks(axis, hyperparameters.BEST)
    assert best.get_ydata().max() == np.nanmax(SCORES) and len(best.get_ydata()) == 4
    (crosses,) = marks(axis, hyperparameters.MIDDLE)
    assert (np.asarray(crosses.get_ydata()) == 0).all()


def test_medians_of_choices_count_the_dead_as_worst():
    values = ["a"] * 3 + ["b"] * 3
    scores = [1.0, NAN, 5.0, NAN, NAN, 1.0]
    axis = hyperparameters.Axis("loss", values)
    (drawn,) = hyperparameters.marginal(axis, scores, "x").axes
    (middle,) = [line for line in drawn.lines if line.get_marker() == "_"]
    np.testing.assert_equal(np.asarray(middle.get_ydata()), [5.0, NAN])


GRID = [1e-4, 1e-3, 1e-1] * 4
"""Of few different values, not evenly spaced on any scale."""


def test_few_numbers_of_a_logarithmic_field_lie_where_their_logarithms_do():
    field = hyperparameters.Axis("rate", GRID, log=True)
    (axis,) = hyperparameters.marginal(field, np.arange(12.0), "x").axes
    assert axis.get_xscale() == "log"
    shown = {
        x
        for c in (hyperparameters.BEST, hyperparameters.GREY)
        for x in np.ravel([line.get_xdata() for line in marks(axis, c)])
    }
    assert shown == set(GRID)
    middle = axis.lines[-1]
    np.testing.assert_allclose(middle.get_xdata(), sorted(set(GRID)))
    np.testing.assert_allclose(middle.get_ydata(), [4.5, 5.5, 6.5])


@pytest.mark.parametrize(("low", "high"), [(0.02, 0.5), (1.5, 8.0), (1e-4, 1e3)])
def test_a_logarithmic_axis_has_at_least_two_numbers(low, high):
    groups = {"a": np.geomspace(low, high, 20)}
    figure = charts.distributions(groups, "x", log=True)
    figure.draw_without_rendering()
    (axis,) = figure.axes
    ends = axis.get_xlim()
    ticks = zip(
        [*axis.get_xticks(), *axis.get_xticks(minor=True)],
        [*axis.get_xticklabels(), *axis.get_xticklabels(minor=True)],
        strict=True,
    )
    inside = [x for x, label in ticks if ends[0] <= x <= ends[1] and label.get_text()]
    assert len(inside) >= 2


def test_few_scores_are_no_categories():
    field = hyperparameters.Axis("rate", [1e-4, 1e-3, 1e-1], log=True)
    scores = [1.0, 2.0, 9.0]
    (axis,) = hyperparameters.parallel([field], scores, "x").axes
    lines = [line for line in axis.lines if len(line.get_ydata()) == 2]
    heights = np.array(
        [line.get_ydata() for line in lines if line.get_color() != figures.FRAME]
    )
    heights = heights[np.argsort(heights[:, 1])]
    np.testing.assert_allclose(heights[:, 0], [0, 1 / 3, 1], atol=0.013)
    np.testing.assert_allclose(heights[:, 1], [0, 1 / 8, 1], atol=0.013)


def test_many_choices_of_numbers_lie_side_by_side_in_their_order():
    values = [10.0**-i for i in range(9)]
    field = hyperparameters.Axis("rate", values, choices=True)
    (axis,) = hyperparameters.marginal(field, np.arange(9.0), "x").axes
    labels = [label.get_text() for label in axis.get_xticklabels()]
    assert labels == [f"{value:.3g}" for value in sorted(values)]
    assert axis.get_xscale() == "linear"


def test_lines_go_through_fields_and_score_and_below_where_there_is_none():
    first = hyperparameters.Axis("b1", [0.0, 5, 10, 2, 3, 4, 6, 7])
    second = hyperparameters.Axis("clip", [None, *range(7)])
    scores = [1.0, 2, 3, 4, 5, 6, 7, NAN]
    (axis,) = hyperparameters.parallel([first, second], scores, "x").axes
    lines = [line for line in axis.lines if len(line.get_ydata()) == 3]
    heights = np.sort(np.array([line.get_ydata() for line in lines]), axis=0)
    assert len(lines) == 8
    np.testing.assert_allclose(heights[:, 0], np.sort(first.values) / 10, atol=0.013)
    np.testing.assert_allclose(heights[0, 1:], [-0.16, -0.16], atol=0.013)
    np.testing.assert_allclose(heights[1:, 1], np.arange(7) / 6, atol=0.013)
    words = {text.get_text() for text in axis.texts}
    assert {"none", "dead"} <= words


def test_ribbons_are_quantiles_over_the_members_that_live():
    values = np.array([[1.0, 2, 3, 4, NAN], [5, 5, 5, NAN, NAN], [NAN] * 5])
    (axis,) = charts.ribbons({"loss": {"a": values}}, STEPS, "").axes
    (line,) = axis.lines
    np.testing.assert_array_equal(line.get_xdata(), STEPS[:2])
    np.testing.assert_array_equal(line.get_ydata(), [2.5, 5])


def test_those_of_a_group_without_a_score_are_counted():
    (axis,) = charts.distributions(GROUPS, "x").axes
    said = [text.get_text() for text in axis.texts]
    assert said == [
        f"{number} without a score" for number in (np.isnan(SCORES).sum(), 1, 2)
    ]


def test_intervals_are_drawn_from_end_to_end():
    (axis,) = charts.intervals([("a", 2, 1, 4)], "x").axes
    assert sorted(axis.lines[0].get_xdata()) == [1, 4]
    assert list(axis.lines[1].get_xdata()) == [2]


def test_large_clouds_are_pixels_and_small_ones_are_drawn():
    few, many = (charts.distributions({"a": np.ones(n)}, "x") for n in (10, 5000))
    assert "<image" not in figures.svg(few, "few")
    drawn = figures.svg(many, "many")
    assert "<image" in drawn and len(drawn) < 100_000


def test_a_picture_of_nothing_is_refused():
    for draw in (charts.distributions, charts.intervals, charts.bars):
        with pytest.raises(errors.UserError, match="at least one"):
            draw({}, "x")


def test_points_lie_over_the_real_ones_in_one_frame_for_all():
    real = np.array([[0.0, 0.0], [1.0, 2.0]])
    frames = []
    for x in ([[0.5, 0.5], [99.0, 0.0], [NAN, 1.0]], [[0.1, 0.2]]):
        (axis,) = charts.points(x, "a", real).axes
        below, above = axis.lines
        np.testing.assert_array_equal(np.transpose(below.get_data()), real)
        assert below.get_color() == figures.REAL != above.get_color()
        frames.append((axis.get_xlim(), axis.get_ylim()))
    # A fifth of the larger side around the real points.
    np.testing.assert_allclose(frames, [[(-0.4, 1.4), (-0.4, 2.4)]] * 2)
    (axis,) = charts.points([[0.5, 0.5], [99.0, 0.0]], "a", real).axes
    assert axis.get_xlabel() == "1 of 2 outside"
    assert len(axis.lines[1].get_xdata()) == 1


def test_charts_side_by_side_have_one_scale_that_holds_all_of_them():
    first = {"loss": {"a": np.array([[1.0, 2.0], [3.0, 4.0]])}}
    second = {"loss": {"a": np.array([[-1.0, -1.0]]), "dead": np.full((1, 2), NAN)}}
    scales = charts.common_scales([first, second, {}])
    low, high, linear, _ = scales["loss"]
    assert linear is None and low < -1 and 3.95 < high < 4.5
    limits = [
        charts.ribbons(own, range(len(own["loss"]["a"])), "", scales).axes[0].get_ylim()
        for own in (first, second)
    ]
    assert limits == [(low, high)] * 2


def test_one_chart_that_explodes_does_not_flatten_the_others():
    calm = [{"loss": {"a": np.array([[0.5], [1.0 + i]])}} for i in range(3)]
    wild = {"loss": {"a": np.array([[1.0], [1e6]])}}
    scales = charts.common_scales([*calm, wild])
    (axis,) = charts.ribbons(calm[0], [1, 2], "", scales).axes
    assert axis.get_yscale() == "symlog" and axis.get_ylim()[1] >= 1e6
    (line,) = axis.lines
    pixels = axis.transData.transform(np.transpose(line.get_data()))[:, 1]
    height = np.ptp(axis.transAxes.transform([(0, 0), (0, 1)])[:, 1])
    assert np.ptp(pixels) > height / 50


def test_all_that_died_has_no_scale():
    dead = {"loss": {"a": np.full((2, 2), NAN)}}
    assert charts.common_scales([dead]) == {}
