import io
import json
import math
import os
import sys
from pathlib import Path
from typing import NamedTuple

import hypothesis
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import strategies
from scipy import stats

from jaxgan import reports
from jaxgan.core import errors, files
from jaxgan.reports import figures

NAN = math.nan


@pytest.mark.parametrize("confidence", [0.9, 0.95])
@pytest.mark.parametrize("n", [2, 5, 30])
def test_an_interval_is_that_of_student(n, confidence):
    values = np.random.default_rng(n).normal(size=n)
    low, high = stats.t.interval(confidence, n - 1, values.mean(), stats.sem(values))
    result = reports.interval(values, confidence)
    np.testing.assert_allclose(result[:3], [values.mean(), low, high], rtol=1e-9)
    assert (result.n, result.missing) == (n, 0)


def test_dead_seeds_are_left_out_and_counted():
    dead = reports.interval([1.0, NAN, 3.0, NAN, 5.0])
    alive = reports.interval([1.0, 3.0, 5.0])
    assert dead[:4] == alive[:4] and dead.missing == 2


@pytest.mark.parametrize(
    "values, mean, n",
    [([2.0, NAN], 2.0, 1), ([NAN], NAN, 0), ([1, math.inf], math.inf, 2)],
)
def test_too_few_or_infinite_values_have_no_interval(values, mean, n):
    result = reports.interval(values)
    np.testing.assert_equal(result.mean, mean)
    assert math.isnan(result.low) and math.isnan(result.high) and result.n == n


def test_a_confidence_that_is_no_share_is_refused():
    with pytest.raises(errors.UserError, match="confidence .* 95"):
        reports.interval([1, 2], 95)


@pytest.mark.parametrize(
    "value, text",
    [
        ("per mode", "per mode"),
        (None, "-"),
        (True, "yes"),
        (np.bool_(False), "no"),
        (12, "12"),
        (10.0, "10"),
        (0.0312345, "0.0312"),
        (math.inf, "inf"),
        (jnp.asarray(0.5), "0.5"),
        (1234.5, "1234"),
        (234567.8, "234,568"),
        (34179, "34,179"),
        (1.0e6, "1e6"),
        (4.59e-23, "4.59e-23"),
        (-0.0001, "-0.0001"),
        (reports.Interval(1.5, 1.25, 1.75, 5, 0), "1.50 ± 0.25"),
        (
            reports.Interval(1.5, 1.25, 1.75, 4, 1),
            "1.50 ± 0.25 (1 of 5 without a value)",
        ),
        (reports.Interval(NAN, NAN, NAN, 0, 5), "nan (5 of 5 without a value)"),
        (reports.Interval(420.3, 316, 524.6, 3, 0), "420 ± 100"),
        (reports.Interval(420.3, 406.1, 434.5, 3, 0), "420 ± 14"),
        (reports.Interval(0.0021, 0.00137, 0.00283, 5, 0), "0.00210 ± 0.00073"),
        (reports.Interval(2.1e-6, 1.9e-6, 2.3e-6, 5, 0), "(2.10 ± 0.20)e-6"),
        (reports.Interval(10.0, 10.0, 10.0, 5, 0), "10 ± 0"),
        (reports.Interval(0.5, 0.0, 6.853, 2, 0), "0.5 (0 to 6.9)"),
        (reports.Interval(0.98, 0.962, 1.0, 5, 0), "0.98 (0.962 to 1)"),
        (reports.Interval(0.99989, 0.99964, 1.0, 5, 0), "0.99989 (0.99964 to 1)"),
        (reports.Bytes(23223037952), "23.2 GB"),
        (reports.Bytes(999_600), "1 MB"),
        (reports.Bytes(1), "1 byte"),
        (reports.Bytes(512), "512 bytes"),
        (reports.Marked(1.0, "too narrow"), "1 !"),
    ],
)
def test_cells(value, text):
    assert reports.cell(value) == text


@pytest.mark.parametrize(
    "number, words",
    [
        (0, "0 programs"),
        (1, "1 program"),
        (2, "2 programs"),
        (12345, "12,345 programs"),
    ],
)
def test_one_thing_is_singular(number, words):
    assert reports.count(number, "program") == words
    assert reports.count(number, "class", "classes").endswith(
        "class" if number == 1 else "classes"
    )


@hypothesis.given(mean=strategies.floats(-1e9, 1e9), half=strategies.floats(1e-12, 1e9))
def test_a_mean_and_its_half_width_end_at_the_same_digit(mean, half):
    text = reports.cell(reports.Interval(mean, mean - half, mean + half, 3, 0))
    left, right = text.strip("()").split(" ± ")
    if "e" in text or right == "0":
        return
    decimals = [len(part.partition(".")[2]) for part in (left, right)]
    assert decimals[0] == decimals[1]
    half = (mean + half) - mean
    assert float(right.replace(",", "")) == pytest.approx(half, rel=0.051)
    assert abs(float(left.replace(",", "")) - mean) <= 0.051 * half + 1e-9 * abs(mean)


@hypothesis.given(value=strategies.floats(1e-30, 1e30))
def test_a_number_is_written_with_its_significant_digits(value):
    text = reports.number(value)
    assert float(text.replace(",", "")) == pytest.approx(value, rel=0.0051)
    assert len(text) <= len("-1.23e-23") and "+" not in text


def test_an_interval_ends_where_nothing_is_possible():
    # Student's t of one degree of freedom at 97.5 % is 12.706, so 6.35 on each side.
    cut = reports.interval([0.0, 1.0], possible=(0.0, 8.0))
    np.testing.assert_allclose(cut[:3], [0.5, 0.0, 6.853], rtol=1e-3)
    assert reports.interval([8.0, 8.0], possible=(0.0, 8.0))[:3] == (8.0, 8.0, 8.0)


def test_what_is_wrong_with_a_value_is_said_once_below_the_table():
    rows = [["a", reports.Marked(1.0, "why")], ["b", reports.Marked(2.0, "why")]]
    for file in (io.StringIO(), Terminal()):
        reports.print_table(rows, ["arm", "modes"], "Digits", file)
        assert file.getvalue().splitlines()[-1] == "! why"
        assert file.getvalue().count("why") == 1


CEILING = 1 - math.exp(-4.5)  # of points of the plane within three deviations


def record_of_points(good, deviation, samples=3600):
    protocol = {"high_quality_ceiling": CEILING, "num_samples": samples}
    coverage = {"modes": [8] * len(good), "high_quality": good, "histogram": [[1] * 8]}
    coverage |= {"reverse_kl": [1e-3] * len(good), "floor": [1e-3] * len(good)}
    return {
        "coverage": coverage | {"protocol": protocol},
        "within_mode_deviation": {"value": deviation, "protocol": {"perfect": 1.0}},
    }


def marked(rows):
    """By title and heading, what is wrong."""
    columns, cells = reports.score_table(rows, {})
    return {
        (row[0], heading.split(" ↑")[0]): own.why
        for row in cells
        for heading, own in zip(columns, row, strict=True)
        if isinstance(own, reports.Marked)
    }


def test_better_than_perfect_and_narrow_modes_are_marked_as_defects():
    rows = {
        "untrained": record_of_points([1.0, 1.0], [0.1, 0.3]),
        "perfect": record_of_points([CEILING + 0.001, CEILING], [0.99, 1.01]),
        "few": record_of_points([1.0], [1.0], samples=100),  # as likely as 1 in 3
        "poor": record_of_points([0.5, 0.6], [1.6, 1.7]),
        "dead": record_of_points([0.0, 0.0], [NAN, NAN]),
    }
    found = marked(rows)
    names = {("untrained", "good samples"), ("untrained", "deviation in modes → 1")}
    assert set(found) == names
    assert "0.989 of a perfect generator" in found["untrained", "good samples"]


def test_diversity_far_below_the_real_one_is_marked_as_a_defect():
    def of(value, real, name="target"):
        own = {"value": [value], name: None if real is None else [real]}
        return {"within_class_diversity": own}

    rows = {
        "copies": of(1e-20, 190.0),
        "fine": of(150.0, 190.0),
        "unknown": of(1.0, None),
        "of an older run": of(1.0, 190.0, name="ceiling"),
    }
    assert {title for title, _ in marked(rows)} == {"copies", "of an older run"}
    _, cells = reports.score_table(rows, {})
    assert reports.cell(cells[0][1]) == "0 !"  # what is rounding beside 150


def test_more_near_copies_than_real_samples_have_are_a_defect():
    def of(value):
        protocol = {"num_samples": 1000, "num_real": 1000}
        record = {"value": value, "floor": [0.05] * len(value), "protocol": protocol}
        return {"memorisation": record, "repetition": record}

    # A share of 0.05 among a thousand has a standard deviation of 0.007.
    rows = {"fair": of([0.04, 0.08]), "copies": of([0.2, 0.1]), "dead": of([NAN])}
    found = marked(rows)
    assert {title for title, _ in found} == {"copies"} and len(found) == 2
    assert all("0.05 of real samples" in why for why in found.values())


def test_records_of_older_runs_have_a_table_and_no_marks():
    own = record_of_points([1.0, 1.0], [0.1, 0.3])
    old = {"coverage": own["coverage"] | {"protocol": {}}}
    assert not marked({"old": old})
    _, ((_, *cells, _), _) = reports.score_table({"old": old, "new": own}, {})
    assert cells[-1] is None and reports.cell(cells[0]) == "8 ± 0"


def test_no_interval_of_a_table_holds_what_is_impossible():
    rows = {"a": record_of_points([0.9, 1.0], [0.0, 1.0])}
    rows["a"]["coverage"]["modes"] = [0, 1]
    columns, ((_, *cells, _),) = reports.score_table(rows, {})
    for heading, own in zip(columns[1:], cells, strict=False):
        own = own.value if isinstance(own, reports.Marked) else own
        if isinstance(own, reports.Interval):
            assert own.low >= 0, heading
    assert reports.cell(cells[0]) == "0.5 (0 to 6.9)"
    assert cells[columns.index("good samples ↑") - 1].high == 1.0


def test_every_column_says_what_is_better_and_what_it_is():
    rows = {"a": record_of_points([0.9, 0.9], [1.0, 1.0])}
    columns, _ = reports.score_table(rows, {})
    said = reports.glossary(rows)
    scored = [name for name in columns if name.strip() not in ("", "dead", "its floor")]
    assert scored == list(said)
    assert all(name.endswith((" ↑", " ↓", " → 1")) for name in scored)


ROWS = [["one GAN", 8.5, "x" * 300], ["[bold]per mode[/bold]", 10.0, ""]]


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_table_in_a_file_cuts_nothing_and_is_aligned():
    file = io.StringIO()
    reports.print_table(ROWS, ["arm", "modes", "long"], "Digits", file)
    title, heading, rule, *rows = file.getvalue().splitlines()
    assert title == "Digits" and set(rule) == {"-", " "}
    for row, expected in zip(rows, ROWS, strict=True):
        assert row.startswith(expected[0]) and row.endswith(expected[2])
    end = heading.index("modes") + len("modes")
    assert rows[0][:end].endswith(" 8.5") and rows[1][:end].endswith(" 10")


def test_a_table_on_a_terminal_folds_and_cuts_nothing(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    file = Terminal()
    reports.print_table(ROWS, ["arm", "modes", "long"], "Digits", file)
    assert file.getvalue().count("x") == 300
    assert "…" not in file.getvalue() and "[bold]" in file.getvalue()


def test_a_table_goes_to_standard_output_by_default(capsys):
    reports.print_table([["a", 1]], ["arm", "modes"], "Digits")
    assert capsys.readouterr().out.splitlines()[0] == "Digits"


def test_a_row_of_another_length_is_refused():
    with pytest.raises(errors.UserError, match="2 cells.* has 1"):
        reports.print_table([["a"]], ["arm", "modes"], "Digits")


class Record(NamedTuple):
    value: float
    where: Path


def test_json_is_valid_and_holds_every_number(tmp_path):
    path = tmp_path / "scores.json"
    tree = {
        "array": jnp.asarray([1.0, jnp.nan]),
        "record": Record(np.float64(math.inf), Path("runs") / "a"),
        "numbers": (1, np.int32(2), -math.inf, True, None),
        3: "ü",
    }
    reports.write_json(path, tree)

    def fail(constant):
        raise AssertionError(f"{constant} is not JSON")

    read = json.loads(path.read_text(encoding="utf-8"), parse_constant=fail)
    assert read == {
        "array": [1.0, "NaN"],
        "record": {"value": "Infinity", "where": os.path.join("runs", "a")},
        "numbers": [1, 2, "-Infinity", True, None],
        "3": "ü",
    }
    assert math.isnan(float(read["array"][1])) and float(read["record"]["value"]) > 0


def test_what_cannot_be_written_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "scores.json"
    reports.write_json(path, {"old": 1})
    with pytest.raises(TypeError):
        reports.write_json(path, {"new": object()})
    with pytest.raises(OSError):
        files.write_whole(path, lambda temporary: Path(temporary, "x").write_text(""))
    assert json.loads(path.read_text()) == {"old": 1}
    assert os.listdir(tmp_path) == ["scores.json"]


@pytest.mark.skipif(sys.platform == "win32", reason="permissions of POSIX")
def test_a_file_has_the_permissions_of_any_new_file(tmp_path):
    (tmp_path / "plain").touch()
    reports.write_json(tmp_path / "scores.json", {})
    modes = {(tmp_path / name).stat().st_mode for name in ("plain", "scores.json")}
    assert len(modes) == 1


def test_an_image_grid_holds_the_images_in_rows():
    x = np.linspace(-1, 1, 5 * 2 * 3).reshape(5, 2, 3, 1)
    grid = reports.image_grid(x, columns=3)
    assert grid.dtype == np.uint8 and grid.shape == (2 * 2 + 1, 3 * 3 + 2, 1)
    expected = np.rint((x + 1) * 127.5)
    np.testing.assert_array_equal(grid[:2, :3], expected[0])
    np.testing.assert_array_equal(grid[:2, 8:], expected[2])
    np.testing.assert_array_equal(grid[3:, 4:7], expected[4])
    assert (grid[2] == 255).all() and (grid[:, 3] == 255).all()
    assert (grid[3:, 8:] == 255).all()


def test_an_image_grid_clips_and_greys():
    x = np.asarray([-3.0, 3.0, NAN, math.inf]).reshape(4, 1, 1, 1)
    assert reports.image_grid(x, columns=4)[0, ::2, 0].tolist() == [0, 255, 128, 128]


def test_two_channels_are_shown_red_and_green():
    x = np.stack([np.full((3, 3), 1.0), np.full((3, 3), 0.0)], axis=-1)[None]
    assert reports.image_grid(x).shape == (3, 3, 3)
    np.testing.assert_array_equal(reports.image_grid(x)[0, 0], [255, 128, 0])


def test_an_image_grid_has_no_more_columns_than_images():
    assert reports.image_grid(np.zeros((2, 4, 4, 3))).shape == (4, 9, 3)


@pytest.mark.parametrize("shape", [(4, 8, 8), (0, 8, 8, 1)])
def test_what_is_no_image_is_refused(shape):
    with pytest.raises(errors.UserError, match="images"):
        reports.image_grid(np.zeros(shape))


RNG = np.random.default_rng(0)
IMAGES = RNG.uniform(-1, 1, (10, 8, 8, 1))
POINTS = RNG.normal(size=(50, 2))
COUNTS = RNG.integers(1, 9, (3, 4))
STEPS = np.arange(5)
LOSSES = RNG.normal(size=(5, 3))
LATE = np.where(np.arange(5)[:, None] < 3, LOSSES, NAN)

PICTURES = {
    "images": lambda path: reports.save_image_grid(
        path,
        {"a": IMAGES, "b": IMAGES[:3].repeat(3, -1), "dead": IMAGES * NAN},
        title="x",
    ),
    "named columns": lambda path: reports.save_samples(
        path, {"a": IMAGES}, IMAGES, 2, ["a cat", "no"]
    ),
    "scatter": lambda path: reports.save_scatter(
        path, {"a": POINTS, "far": POINTS + 100, "dead": POINTS * NAN}, POINTS
    ),
    "coverage": lambda path: reports.save_coverage(
        path,
        {"a": COUNTS, "one seed": COUNTS[:1], "dead": COUNTS * 0},
        COUNTS[0],
        mode_names="abcd",
    ),
    "long names": lambda path: reports.save_coverage(
        path, {"a": COUNTS}, COUNTS[0], ["one", "a", "a very long name", "x"]
    ),
    "many modes": lambda path: reports.save_coverage(
        path, {"a": np.ones((2, 100))}, np.ones(100)
    ),
    "curves": lambda path: reports.save_curves(
        path, {"a": (STEPS, LOSSES), "dead": (STEPS, LATE)}, "loss"
    ),
    "all dead": lambda path: reports.save_curves(
        path, {"dead": (STEPS, LOSSES * NAN)}, "loss"
    ),
}


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_is_drawn_whatever_has_died_without_global_state(name, tmp_path):
    pyplot_before = "matplotlib.pyplot" in sys.modules
    PICTURES[name](tmp_path / "picture.png")
    assert (tmp_path / "picture.png").read_bytes()[:4] == b"\x89PNG"
    assert os.listdir(tmp_path) == ["picture.png"]
    assert ("matplotlib.pyplot" in sys.modules) == pyplot_before


NAMES = {
    "formulas": ["$\\foo$", "$10-$20", "a_b"],
    "long": ["n" * 60, "<b>", "&"],
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("names", NAMES.values(), ids=NAMES)
def test_any_name_of_a_class_or_an_arm_can_stand_in_a_picture(names, tmp_path):
    arms = dict.fromkeys(names, IMAGES[:6])
    histograms = dict.fromkeys(names, np.ones((2, 3)))
    curves = dict.fromkeys(names, (STEPS, LOSSES))
    path = tmp_path / "picture.png"
    reports.save_samples(path, arms, IMAGES[:6], 3, names)
    reports.save_coverage(path, histograms, np.ones(3), names)
    reports.save_curves(path, curves, "loss")


def test_names_of_classes_are_written_as_they_are(figure):
    reports.save_coverage("p", {"$a$": np.ones((2, 3))}, np.ones(3), ["$b$", "c", "d"])
    (axis, *_) = figure[0].axes
    assert axis.get_title() == r"\$a\$"
    assert [text.get_text() for text in axis.get_xticklabels()] == [r"\$b\$", "c", "d"]


def test_a_title_of_any_length_stands_within_its_picture(tmp_path):
    from matplotlib import figure as figure_lib

    title = "Scored, and the nearest in " + "/a/long/path/without/any/blank" * 3
    drawn = figure_lib.Figure(figsize=(3.0, 3.0), dpi=150)  # as it is saved
    figures.save(tmp_path / "picture.png", drawn, title)
    (above,) = drawn.texts
    assert "".join(above.get_text().split()) == "".join(title.split())
    box = above.get_window_extent()
    assert box.x0 >= 0 and box.x1 <= drawn.bbox.x1


@pytest.fixture
def figure(monkeypatch):
    """The figure that is saved, kept rather than written."""
    kept = []
    monkeypatch.setattr(
        figures, "save", lambda path, figure, title: kept.append(figure)
    )
    return kept


def test_curves_are_means_and_ranges_of_the_living_seeds(figure):
    reports.save_curves("x", {"a": (STEPS, np.c_[LOSSES, LATE])}, "loss")
    (axis,) = figure[0].axes
    np.testing.assert_allclose(
        axis.lines[0].get_ydata(), np.nanmean(np.c_[LOSSES, LATE], axis=1)
    )
    band = axis.collections[0].get_paths()[0].vertices
    assert band[:, 1].max() == pytest.approx(LOSSES.max())
    assert axis.lines[0].get_label() == "a (3 of 6 without a value)"


def test_coverage_bars_are_the_real_shares_and_the_mean_over_living_seeds(figure):
    counts = np.asarray([[1, 3], [3, 1], [0, 0], [20, 0]])
    reports.save_coverage("x", {"a": counts}, [30, 10])
    axis = figure[0].axes[0]
    heights = [[bar.get_height() for bar in bars] for bars in axis.containers[:1]]
    assert heights == [[0.75, 0.25]]
    generated = [bar.get_height() for bar in axis.patches[2:]]
    np.testing.assert_allclose(generated, [2 / 3, 1 / 3])
    assert axis.get_title() == "a (1 of 4 without a value)"


def test_points_outside_the_frame_are_counted(figure):
    points = np.concatenate([POINTS, [[99, 0], [0, NAN]]])
    reports.save_scatter("x", {"a": points}, POINTS)
    assert figure[0].axes[0].get_xlabel() == "2 of 52 points outside"


def test_shapes_that_do_not_fit_are_refused(tmp_path):
    path = tmp_path / "x.png"
    with pytest.raises(errors.UserError, match="one GAN have shape .* 3 modes"):
        reports.save_coverage(path, {"one GAN": COUNTS}, np.ones(3))
    with pytest.raises(errors.UserError, match=r"reference .* \(5, 3\)"):
        reports.save_scatter(path, {"a": POINTS}, np.ones((5, 3)))
    assert not path.exists()


@pytest.mark.parametrize(
    "save, arguments",
    [
        (reports.save_image_grid, ()),
        (reports.save_scatter, (POINTS,)),
        (reports.save_coverage, (COUNTS[0],)),
        (reports.save_curves, ("loss",)),
    ],
)
def test_a_picture_of_nothing_is_refused(save, arguments, tmp_path):
    with pytest.raises(errors.UserError, match="at least one arm"):
        save(tmp_path / "x.png", {}, *arguments)


def test_a_picture_needs_an_ending_that_can_be_written(tmp_path):
    with pytest.raises(errors.UserError, match=r"grid\.foo"):
        reports.save_image_grid(tmp_path / "grid.foo", {"a": np.zeros((1, 2, 2, 1))})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("right", [None, "nearest"])
def test_headings_of_grids_stand_above_their_own_grid(right, monkeypatch, tmp_path):
    drawn = []
    monkeypatch.setattr(
        figures, "save", lambda path, figure, title: drawn.append(figure)
    )
    names = ("held-out real", "25 GANs, one per label (oracle partition), seed 3", "x")
    panels = {name: np.zeros((10, 8, 8, 1)) for name in names}
    reports.save_image_grid(tmp_path / "a.png", panels, columns=5, right=right)
    (figure,) = drawn
    figure.canvas.draw()
    ends = -math.inf
    for axis in figure.axes:
        box = axis.get_window_extent()
        said = [axis.get_title(loc=where) for where in ("left", "center", "right")]
        shown = [axis._left_title, axis.title, axis._right_title]
        extents = [t.get_window_extent() for t in shown if t.get_text()]
        assert len(extents) == (1 if right is None else 2) and any(said)
        for extent in extents:
            assert box.x0 - 2 <= extent.x0 and extent.x1 <= box.x1 + 2
            assert extent.y0 >= box.y1 and extent.x0 > ends
            ends = extent.x1
