"""Tests of jaxgan.reports.html."""

import html.parser
import re

import numpy as np
import pytest

from jaxgan import reports
from jaxgan.core import errors
from jaxgan.reports import charts, figures
from jaxgan.reports.html import Chart, Glossary, Row, Section, Table, Tile


class Reader(html.parser.HTMLParser):
    """What a browser would find: tags with their attributes, and texts."""

    def __init__(self):
        super().__init__()
        self.tags, self.texts = [], []

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.texts.append(data)


IMAGE = np.arange(4 * 6, dtype=np.uint8).reshape(4, 6, 1)
NAN = float("nan")


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    table = Table(
        ["", "score"], [["a <b>", 1.23456789], ["c", NAN], ["d", None], ["e", True]]
    )
    line = charts.curves(
        dict.fromkeys(("a <i>$x$", "b"), ([1, 2], [3, 4])), "k & l", "y"
    )
    wide, _ = figures.new(12)
    tile = Tile("tile", IMAGE, 'a "tile"')
    sections = [
        Section("Ranking & more", "Less is better.", [table]),
        Section("Curves", "", [Chart("line", line, "a 'line'"), tile]),
        Section("Rows", "", [Row("row <1>", [Chart("wide", wide, "wide")])]),
    ]
    made_by = {"command": "python x.py --a '<1>'", "versions": "jax 0.12"}
    reports.save_html(
        folder / "report.html", "Title <1>", sections, made_by, folder / "pictures"
    )
    text = (folder / "report.html").read_text("utf-8")
    reader = Reader()
    reader.feed(text)
    return text, reader, folder


def test_nothing_is_loaded_from_elsewhere(page):
    text, reader, _ = page
    assert not re.search(r"//cdn|@import|url\((?!#)", text)
    addresses = set(re.findall(r"https?://[^\"'<\s]*", text))
    assert addresses <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    for tag, attributes in reader.tags:
        for name in ("src", "href", "xlink:href"):
            assert attributes.get(name, "#").startswith(("data:", "#")), tag


def test_what_a_run_says_is_text_and_no_markup(page):
    _, reader, _ = page
    assert not {"b", "i"} & {tag for tag, _ in reader.tags}
    joined = "".join(reader.texts)
    said = ("Title <1>", "a <b>", "Ranking & more", "--a '<1>'", "jax 0.12", "row <1>")
    for part in (*said, "a <i>$x$", "k & l"):
        assert part in joined


def test_cells_are_sorted_by_all_their_digits_and_what_is_none_last(page):
    _, reader, _ = page
    cells = [attributes for tag, attributes in reader.tags if tag == "td"]
    assert [cell.get("data-number") for cell in cells[1::2]] == [
        "1.23456789", None, None, None,
    ]  # fmt: skip
    assert ["data-none" in cell for cell in cells[1::2]] == [False, True, True, False]
    assert sum(tag == "button" for tag, _ in reader.tags) == 2


def test_pictures_are_in_the_page_with_their_words_and_in_the_folder(page):
    _, reader, folder = page
    shown = [a["aria-label"] for tag, a in reader.tags if "aria-label" in a]
    assert shown == ["a 'line'", "wide"]
    (image,) = [a for tag, a in reader.tags if tag == "img"]
    assert image["src"].startswith("data:image/png") and 'a "tile"' in reader.texts
    names = {path.name for path in (folder / "pictures").iterdir()}
    assert names == {"line.png", "wide.png", "tile.png"}


def test_a_tile_holds_its_image_pixel_by_pixel(page):
    from PIL import Image

    with Image.open(page[2] / "pictures" / "tile.png") as image:
        found = np.asarray(image)
    assert found.shape == (160, 240)
    np.testing.assert_array_equal(found[::40, ::40], IMAGE[..., 0])


def test_phones_and_dark_screens_are_served(page):
    text, reader, _ = page
    assert 'name="viewport"' in text and "color-scheme: light dark" in text
    drawings = re.findall(r"<svg.*?</svg>", text, re.DOTALL)
    assert len(drawings) == 2
    for drawing in drawings:
        assert "currentColor" in drawing and figures.TEXT not in drawing
        assert "<style" not in drawing and not re.search(r"#fff\b|#ffffff", drawing)
    scrolls = [a for tag, a in reader.tags if a.get("class") == "scrolls"]
    assert len(scrolls) == 1  # the wide one


def test_the_page_is_the_same_each_time(page, tmp_path):
    for name in ("a.html", "b.html"):
        line = charts.curves({"a": ([1, 2], [3, 4])}, "x", "y")
        sections = [Section("", "", [Chart("line", line, "")])]
        reports.save_html(tmp_path / name, "", sections, {})
    assert (tmp_path / "a.html").read_text() == (tmp_path / "b.html").read_text()


def test_names_within_a_page_are_unique(page):
    names = re.findall(r' id="([^"]*)"', page[0])
    assert len(set(names)) == len(names)


def test_rows_that_do_not_fit_are_refused(tmp_path):
    sections = [Section("", "", [Table(["a", "b"], [[1]])])]
    with pytest.raises(errors.UserError, match="1 cells and there are 2 columns"):
        reports.save_html(tmp_path / "x.html", "", sections, {})
    assert not list(tmp_path.iterdir())


def test_two_pictures_of_one_name_are_refused(tmp_path):
    tiles = [Tile("a", IMAGE, ""), Tile("a", IMAGE, "")]
    with pytest.raises(errors.UserError, match="names of their own"):
        reports.save_html(tmp_path / "x.html", "", [Section("", "", tiles)], {})


def test_marks_directions_and_meanings_are_said_below_a_table(tmp_path):
    marked = reports.Marked(0.25, "too <narrow>")
    table = Table(["", "good ↑", "size"], [["a", marked, reports.Bytes(2e9)]])
    words = Glossary("Meanings", "↑: more is better.", {"good ↑": "a <share>"})
    path = tmp_path / "report.html"
    section = Section("Scores", "", [table, words])
    reports.save_html(path, "", [section], {}, result="The <best> is a.")
    reader = Reader()
    reader.feed(path.read_text("utf-8"))
    said = "".join(reader.texts)
    for part in ("0.25 !", "! too <narrow>", "a <share>", "The <best> is a.", "2 GB"):
        assert part in said
    cells = [dict(attributes) for tag, attributes in reader.tags if tag == "td"]
    assert cells[1]["data-number"] == "0.25" and cells[1]["title"] == "too <narrow>"
    assert float(cells[2]["data-number"]) == 2e9
    assert "good&nbsp;↑" in path.read_text("utf-8")  # the arrow is not left alone
    assert said.index("The <best>") < said.index("0.25 !")


def test_a_result_names_the_best_the_next_and_what_is_known():
    def row(*values):
        return {"frechet_distance": {"value": list(values), "floor": None}}

    rows = {"a": row(3.0, 3.2), "b": row(1.0, 1.2), "dead": row(NAN, NAN)}
    said = reports.result(rows, {"real": row(0.5)})
    assert said.startswith("Of 3 arms, “b” has the least Frechet distance, 1.1 (")
    assert "next is “a” with 3.1 ± 1.3" in said and said.endswith("“real” 0.5.")
    assert "none could be computed" in reports.result({"dead": row(NAN)}, {})
    assert reports.result({"x": {"other": {}}}, {}) == ""
    more = {"a": {"precision": {"value": [0.2]}}, "b": {"precision": {"value": [0.9]}}}
    assert "“b” has the greatest precision, 0.9" in reports.result(more, {})
