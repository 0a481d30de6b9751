"""Tests of jaxgan.reports.html."""

import html.parser
import re

import pytest

from jaxgan import errors, reports
from jaxgan.reports.html import Picture, Section, Table

PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6360606060000000050001a5f64540"
    "0000000049454e44ae426082"
)


class Reader(html.parser.HTMLParser):
    """What a browser would find: tags with their attributes, and texts."""

    def __init__(self):
        super().__init__()
        self.tags, self.texts = [], []

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.texts.append(data)


@pytest.fixture
def page(tmp_path):
    (tmp_path / "curve.png").write_bytes(PIXEL)
    table = Table(["", "score"], [["a <b>", 1.5], ["c", float("nan")]])
    sections = [
        Section("Ranking & more", "Less is better.", [table]),
        Section("Curves", "", [Picture(tmp_path / "curve.png", 'a "curve"')]),
    ]
    made_by = {"command": "python x.py --a '<1>'", "versions": "jax 0.12"}
    reports.save_html(tmp_path / "report.html", "Title <1>", sections, made_by)
    text = (tmp_path / "report.html").read_text()
    reader = Reader()
    reader.feed(text)
    return text, reader


def test_nothing_is_loaded_from_elsewhere(page):
    text, reader = page
    assert not re.search(r"https?://|//cdn|@import|url\(", text)
    for tag, attributes in reader.tags:
        source = attributes.get("src", attributes.get("href", "data:"))
        assert source.startswith("data:"), tag


def test_what_a_run_says_is_text_and_no_markup(page):
    _, reader = page
    assert "b" not in [tag for tag, _ in reader.tags]
    joined = "".join(reader.texts)
    for part in ("Title <1>", "a <b>", "Ranking & more", "--a '<1>'", "jax 0.12"):
        assert part in joined


def test_tables_and_pictures_are_there_with_their_values(page):
    _, reader = page
    values = [a["data-value"] for tag, a in reader.tags if tag == "td"]
    assert values == ["a <b>", "1.5", "c", "nan"]
    assert sum(tag == "button" for tag, _ in reader.tags) == 2
    (image,) = [a for tag, a in reader.tags if tag == "img"]
    assert image["alt"] == 'a "curve"' and image["src"].startswith("data:image/png")


def test_phones_and_dark_screens_are_served(page):
    text, _ = page
    assert 'name="viewport"' in text and "color-scheme: light dark" in text


def test_rows_that_do_not_fit_are_refused(tmp_path):
    sections = [Section("", "", [Table(["a", "b"], [[1]])])]
    with pytest.raises(errors.UserError, match="1 cells and there are 2 columns"):
        reports.save_html(tmp_path / "x.html", "", sections, {})
    assert not list(tmp_path.iterdir())
