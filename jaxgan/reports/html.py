"""A report as one page that opens anywhere: tables, charts, pictures, how it was made.

Nothing is loaded from elsewhere: pictures lie in the page, the few lines of script only
sort tables. Everything that comes from a run is escaped. Charts and tables take the
colours of a light or a dark screen, and what is wide scrolls by itself on a narrow one.
"""

import base64
import html
import io
import itertools
import math
import os
import pathlib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from jaxgan.core import errors, files
from jaxgan.reports import figures, intervals, tables

STYLE = """
:root { color-scheme: light dark; --line: #8886; --soft: #8881; --blue: #0072b2; }
@media (prefers-color-scheme: dark) { :root { --blue: #4cb4f5; } }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 112rem; margin: 0 auto;
       padding: 1rem; overflow-wrap: break-word; }
h1 { font-size: 1.5rem; line-height: 1.25; }
h2 { font-size: 1.2rem; margin-top: 2.5rem; }
section > p { max-width: 46rem; }
nav { display: flex; flex-wrap: wrap; gap: .2rem 1rem; }
.wide { overflow: auto; max-height: 75vh; margin: 1rem 0; }
table { border-collapse: separate; border-spacing: 0; font-size: .9rem;
        font-variant-numeric: tabular-nums; }
th, td { padding: .35rem .6rem; text-align: right; white-space: nowrap;
         border-bottom: 1px solid var(--line); }
th { position: sticky; top: 0; background: Canvas; z-index: 1; white-space: normal;
     vertical-align: bottom; }
th:first-child, td:first-child { text-align: left; position: sticky; left: 0;
         background: Canvas; white-space: normal; min-width: 8rem; max-width: 17rem; }
td[data-interval] { white-space: normal; }
td.marked { text-decoration: underline wavy 1px; text-underline-offset: .2em; }
.notes { font-size: .85rem; margin: -.5rem 0 1rem; padding: 0; list-style: none; }
.result { font-size: 1.1rem; max-width: 52rem; }
details { max-width: 52rem; margin: 1rem 0; }
summary { cursor: pointer; }
dt { font-weight: 600; margin-top: .5rem; }
dd { margin: 0 0 0 1rem; }
th:first-child { z-index: 2; }
th button { all: unset; cursor: pointer; font-weight: 600; }
th button:focus-visible { outline: 2px solid; }
th[aria-sort=ascending] button::after { content: " \\25B2"; }
th[aria-sort=descending] button::after { content: " \\25BC"; }
tbody tr:hover { background: var(--soft); }
.figures { display: flex; flex-wrap: wrap; gap: 1.5rem 1rem; align-items: flex-start; }
figure { margin: 0; max-width: 100%; }
figure.scrolls { overflow-x: auto; }
figure svg { display: block; max-width: 100%; height: auto; fill: currentColor;
             stroke-linejoin: round; stroke-linecap: butt; }
figure.scrolls svg { max-width: none; }
figcaption { font-size: .85rem; max-width: 28rem; }
h3 { font-size: 1rem; margin: 1.5rem 0 .5rem; }
.row { display: grid; gap: 1rem; grid-template-columns: repeat(3, minmax(0, 18rem)); }
.figures .tile { width: 18rem; }
.tile img { width: 100%; image-rendering: pixelated; background: var(--soft); }
@media (max-width: 40rem) {
  th:first-child, td:first-child { white-space: normal; min-width: 5rem;
                                   max-width: 40vw; }
  .row { grid-template-columns: 1fr; }
  .row .tile { display: grid; gap: .8rem; grid-template-columns: 8rem 1fr; }
}
img { max-width: 100%; height: auto; border-radius: 3px; }
pre { overflow-x: auto; background: var(--soft); padding: .7rem; font-size: .85rem;
      white-space: pre-wrap; overflow-wrap: anywhere; }
"""

SCRIPT = """
const words = new Intl.Collator("en", {numeric: true});
for (const table of document.querySelectorAll("table"))
  table.querySelectorAll("th").forEach((head, i) =>
    head.querySelector("button").addEventListener("click", () => {
      const up = head.getAttribute("aria-sort") !== "ascending";
      table.querySelectorAll("th").forEach(h => h.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      const body = table.tBodies[0], rows = [...body.rows].map(row => {
        const cell = row.cells[i], number = parseFloat(cell.dataset.number);
        return {row, number, text: cell.textContent, none: "none" in cell.dataset};
      });
      rows.sort((a, b) => {
        if (a.none !== b.none) return a.none ? 1 : -1;
        if (isNaN(a.number) !== isNaN(b.number)) return isNaN(a.number) ? 1 : -1;
        const order = isNaN(a.number) ? words.compare(a.text, b.text)
                                      : a.number - b.number || 0;
        return up ? order : -order;
      });
      body.append(...rows.map(r => r.row));
    }));
"""


class Table(NamedTuple):
    """Rows of texts and numbers, sorted by a click on a column's name.

    Numbers are sorted by all their digits; NaN and None are last in either order.

    Attributes:
      columns: names; the first column names the rows.
      rows: as many cells each, as `reports.print_table` takes them.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]


class Chart(NamedTuple):
    """A figure of matplotlib, drawn in the page's colours.

    Attributes:
      name: of its PNG file, unique in the page.
      figure: as of `charts`.
      says: what it shows, in words, for who cannot see it.
    """

    name: str
    figure: Any
    says: str


class Tile(NamedTuple):
    """A small picture with words below, one of many side by side.

    Attributes:
      name: of its PNG file, unique in the page.
      image: `[H, W, C]` uint8 with one or three channels.
      says: what it shows.
    """

    name: str
    image: np.ndarray
    says: str


class Glossary(NamedTuple):
    """Words and what they mean, folded away until somebody asks.

    Attributes:
      title: to click on.
      text: above.
      entries: by each word its meaning.
    """

    title: str
    text: str
    entries: Mapping[str, str]


class Row(NamedTuple):
    """Pictures that belong together, up to three side by side, under a heading."""

    title: str
    pictures: Sequence[Chart | Tile]


class Section(NamedTuple):
    """A heading, a paragraph, and what is below."""

    title: str
    text: str
    content: Sequence[Table | Chart | Tile | Row | Glossary] = ()


def save_html(
    path: str | os.PathLike,
    title: str,
    sections: Sequence[Section],
    made_by: Mapping[str, str],
    pictures: str | os.PathLike | None = None,
    result: str = "",
) -> None:
    """Writes a report as one page, whole or not at all.

    Args:
      path: of the page, replaced if it exists.
      title: of the page.
      sections: from top to bottom.
      made_by: for the foot: names, such as the command and versions, and texts.
      pictures: folder, made if it is not there, in which charts and tiles are kept as
        PNG files too; None for nowhere.
      result: what came out, in a sentence or two for the top.

    Raises:
      UserError: if a row has another number of cells than there are columns, or two
        pictures have one name.
    """
    names = [picture.name for picture in _pictures(sections)]
    if len(set(names)) < len(names):
        raise errors.UserError(f"pictures must have names of their own, not {names}.")
    body = "".join(map(_section, sections))
    links = "".join(
        f'<a href="#{_anchor(section)}">{html.escape(section.title)}</a>'
        for section in sections
    )
    foot = "\n".join(f"{name}: {text}" for name, text in made_by.items())
    page = (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{html.escape(title)}</title><style>{STYLE}</style>"
        f"<h1>{html.escape(title)}</h1>{_lead(result)}<nav>{links}</nav>{body}"
        f"<h2>How this was made</h2><pre>{html.escape(foot)}</pre>"
        f"<script>{SCRIPT}</script></html>\n"
    )
    files.write_whole(path, lambda name: pathlib.Path(name).write_text(page, "utf-8"))
    if pictures is not None:
        folder = pathlib.Path(pictures)
        folder.mkdir(exist_ok=True)
        for picture in _pictures(sections):
            _save_picture(picture, folder)


def _lead(result: str) -> str:
    return f'<p class="result">{html.escape(result)}</p>' if result else ""


def _anchor(section: Section) -> str:
    return re.sub(r"\W+", "-", section.title.lower()).strip("-")


def _pictures(sections: Sequence[Section]) -> Iterator[Chart | Tile]:
    for part in itertools.chain.from_iterable(s.content for s in sections):
        if isinstance(part, Row):
            yield from part.pictures
        elif isinstance(part, Chart | Tile):
            yield part


def _section(section: Section) -> str:
    inside = "".join(
        f'<div class="figures">{"".join(map(_figure, parts))}</div>'
        if pictures
        else "".join(map(_block, parts))
        for pictures, parts in itertools.groupby(section.content, _flows)
    )
    paragraph = f"<p>{html.escape(section.text)}</p>" if section.text else ""
    return (
        f'<section id="{_anchor(section)}"><h2>{html.escape(section.title)}</h2>'
        f"{paragraph}{inside}</section>"
    )


def _flows(part) -> bool:
    """Whether a picture takes its place beside others as there is room."""
    return isinstance(part, Chart | Tile)


def _block(part: Table | Row | Glossary) -> str:
    if isinstance(part, Table):
        return _table(part)
    if isinstance(part, Glossary):
        return _glossary(part)
    inside = "".join(map(_figure, part.pictures))
    return f'<h3>{html.escape(part.title)}</h3><div class="row">{inside}</div>'


def _glossary(glossary: Glossary) -> str:
    entries = "".join(
        f"<dt>{html.escape(word)}<dd>{html.escape(meaning)}"
        for word, meaning in glossary.entries.items()
    )
    return (
        f"<details><summary>{html.escape(glossary.title)}</summary>"
        f"<p>{html.escape(glossary.text)}</p><dl>{entries}</dl></details>"
    )


def _table(table: Table) -> str:
    head = "".join(
        f'<th scope="col"><button type="button">{_heading(name)}</button>'
        for name in table.columns
    )
    rows = []
    for row in table.rows:
        if len(row) != len(table.columns):
            raise errors.UserError(
                f"a row has {len(row)} cells and there are {len(table.columns)} "
                f"columns: {list(row)}."
            )
        rows.append(f"<tr>{''.join(map(_cell, row))}")
    return (
        f'<div class="wide" tabindex="0"><table><thead><tr>{head}</thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>{_notes(table)}"
    )


def _heading(name: str) -> str:
    """The name of a column, an arrow at its end kept beside its last word."""
    return re.sub(r" (?=[↑↓→])", "&nbsp;", html.escape(name)) or "&nbsp;"


def _notes(table: Table) -> str:
    found = tables.marks(table.rows)
    lines = "".join(f"<li>{tables.MARK} {html.escape(why)}" for why in found)
    return f'<ul class="notes">{lines}</ul>' if found else ""


def _cell(value: Any) -> str:
    text, said = html.escape(tables.cell(value)), ""
    if isinstance(value, tables.Marked):
        said = f' class="marked" title="{html.escape(value.why)}"'
        value = value.value
    if isinstance(value, intervals.Interval):
        # Where there is little room the ends of an interval go below its mean.
        text = text.replace(" ", "&nbsp;").replace("&nbsp;(", " (")
        said += " data-interval"
    number = value.mean if isinstance(value, intervals.Interval) else value
    number = number.number if isinstance(number, tables.Bytes) else number
    if number is None or isinstance(number, float | np.floating) and math.isnan(number):
        return f"<td{said} data-none>{text}"
    if isinstance(number, bool | np.bool_) or not isinstance(
        number, int | float | np.number
    ):
        return f"<td{said}>{text}"
    if math.isinf(number):
        number = math.copysign(1e308, number)
    return f'<td{said} data-number="{float(number)!r}">{text}'


def _figure(part: Chart | Tile) -> str:
    says = html.escape(part.says)
    if isinstance(part, Chart):
        wide = part.figure.get_size_inches()[0] > 1.3 * figures.WIDTH
        scrolls = ' class="scrolls" tabindex="0"' if wide else ""
        drawn = figures.svg(part.figure, part.name)
        return f'<figure{scrolls} role="img" aria-label="{says}">{drawn}</figure>'
    data = base64.b64encode(_png(part.image)).decode()
    return (
        f'<figure class="tile"><img alt="" src="data:image/png;base64,{data}">'
        f"<figcaption>{says}</figcaption></figure>"
    )


def _png(image: np.ndarray) -> bytes:
    from PIL import Image

    shown = image[..., 0] if image.shape[-1] == 1 else image
    written = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(shown)).save(written, "PNG", optimize=True)
    return written.getvalue()


def _save_picture(part: Chart | Tile, folder: pathlib.Path) -> None:
    path = folder / f"{part.name}.png"
    if isinstance(part, Chart):
        figures.save(path, part.figure)
        return
    # Small images are enlarged, so that they can be looked at by themselves.
    times = max(1, 240 // part.image.shape[1])
    large = part.image.repeat(times, axis=0).repeat(times, axis=1)
    files.write_whole(path, lambda name: pathlib.Path(name).write_bytes(_png(large)))
