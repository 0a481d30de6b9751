"""A page in a real browser, where one is installed: does it sort, does it fit?"""

import json
import math
import re
import shutil
import subprocess

import pytest

from jaxgan import reports
from jaxgan.reports import charts

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))),
    None,
)
QUIET = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update"),
    *("--disable-sync", "--disable-quic", "--virtual-time-budget=3000"),
)
PROBE = """
<script>
const order = () => [...document.querySelectorAll("tbody tr")]
  .map(row => row.cells[0].textContent);
const found = {width: document.documentElement.scrollWidth, clicks: []};
for (const i of [1, 1, 0, 2]) {
  document.querySelectorAll("th button")[i].click();
  found.clicks.push(order());
}
found.sorted = document.querySelectorAll("th[aria-sort]").length;
const pixel = getComputedStyle(document.querySelector("svg text"));
found.ink = pixel.fill;
found.size = document.querySelector("svg").getBoundingClientRect().width;
document.body.append("FOUND" + JSON.stringify(found) + "END");
</script>
"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(BROWSER is None, reason="no Chromium or Chrome is installed"),
]


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    rows = [["ten", 10.0, "b"], ["nan", math.nan, None], ["two", 2.0, "a10"]]
    rows += [["inf", math.inf, "a9"], ["small", 1.4e-05, "c"]]
    chart = charts.curves({"a": ([1, 2], [3, 4])}, "x", "y")
    wide = reports.Table(["name" * 30, "value", "text"], rows)
    section = reports.Section("Table", "", [wide, reports.Chart("c", chart, "c")])
    reports.save_html(folder / "report.html", "Page", [section], {"command": "x" * 300})
    text = (folder / "report.html").read_text()
    (folder / "probe.html").write_text(text + PROBE)
    return folder


SCORES = """
<script>
const found = [...document.querySelectorAll(".wide")]
  .map(own => [own.scrollWidth, own.clientWidth]);
document.body.append("FOUND" + JSON.stringify({found}) + "END");
</script>
"""


@pytest.mark.parametrize("width", [1280, 1920])
def test_the_table_of_scores_is_not_cut_off_on_a_desk(tmp_path, width):
    def record(*fields):
        return {field: [0.00123, 0.00234, 0.00456] for field in fields}

    rows = {
        name: {
            "coverage": record("modes", "reverse_kl", "floor", "high_quality"),
            "within_mode_deviation": record("value"),
            "within_mode_energy": record("value", "floor"),
        }
        for name in ("25 GANs, one per label (oracle partition)", "held-out real")
    }
    images = {
        name: {
            "coverage": record("modes", "reverse_kl", "floor", "high_quality"),
            "inception_score": record("value"),
            "frechet_distance": record("value", "floor"),
            "within_class_diversity": record("value"),
        }
        for name in rows
    }
    tables = [
        reports.Table(*reports.score_table(own, dict.fromkeys(own, "10 of 125")))
        for own in (rows, images)
    ]
    page = tmp_path / "report.html"
    reports.save_html(page, "Page", [reports.Section("Table", "", tables)], {})
    (tmp_path / "probe.html").write_text(page.read_text() + SCORES)
    for needed, there in look(tmp_path, width)["found"]:
        assert needed <= there


def look(page, width, *more):
    """What the probe found in a window of this width."""
    words = [BROWSER, *QUIET, *more, f"--user-data-dir={page / 'profile'}"]
    words += [f"--window-size={width},900", "--dump-dom", f"file://{page}/probe.html"]
    shown = subprocess.run(words, capture_output=True, text=True, timeout=120)
    found = re.search(r"FOUND(\{.*?\})END", shown.stdout, re.DOTALL)
    assert found, shown.stderr
    return json.loads(found[1])


def test_a_click_sorts_up_and_another_one_down_with_nan_last(page):
    up, down, names, texts = look(page, 1200)["clicks"]
    assert up == ["small", "two", "ten", "inf", "nan"]
    assert down == ["inf", "ten", "two", "small", "nan"]
    assert names == ["inf", "nan", "small", "ten", "two"]
    assert texts == ["inf", "two", "ten", "small", "nan"]  # a9, a10, b, c, nothing


@pytest.mark.parametrize("width", [500, 1200])
def test_nothing_is_wider_than_the_window(page, width):
    found = look(page, width)
    assert found["width"] <= width and found["sorted"] == 1
    assert found["size"] <= width - 30


def test_the_ink_of_charts_is_light_on_a_dark_screen(page):
    assert look(page, 1200)["ink"] == "rgb(0, 0, 0)"
    dark = look(page, 1200, "--blink-settings=preferredColorScheme=0")["ink"]
    assert dark == "rgb(255, 255, 255)"
