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
