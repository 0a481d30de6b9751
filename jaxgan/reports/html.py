"""A report as one page that opens anywhere: tables, pictures, and how it was made.

Nothing is loaded from elsewhere: pictures lie in the page, the few lines of script only
sort tables. Everything that comes from a run is escaped.
"""

import base64
import html
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from jaxgan import errors, files
from jaxgan.reports import tables

STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 0 auto;
       padding: 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .9rem;
        font-variant-numeric: tabular-nums; }
th, td { padding: .35rem .7rem; text-align: right; border-bottom: 1px solid var(--line);
         white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
th button { all: unset; cursor: pointer; font-weight: 600; }
th button:focus-visible { outline: 2px solid; }
th[aria-sort=ascending] button::after { content: " \\2191"; }
th[aria-sort=descending] button::after { content: " \\2193"; }
tbody tr:hover { background: var(--soft); }
img { max-width: 100%; height: auto; background: #fff; border-radius: 4px; }
pre { overflow-x: auto; background: var(--soft); padding: .7rem; font-size: .85rem; }
"""

SCRIPT = """
const value = (row, i) => row.cells[i].dataset.value;
for (const table of document.querySelectorAll("table"))
  table.querySelectorAll("th").forEach((head, i) =>
    head.querySelector("button").addEventListener("click", () => {
      const up = head.getAttribute("aria-sort") !== "ascending";
      table.querySelectorAll("th").forEach(h => h.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      const body = table.tBodies[0], rows = [...body.rows];
      rows.sort((a, b) => {
        const x = value(a, i), y = value(b, i), n = parseFloat(x), m = parseFloat(y);
        if (isNaN(n) !== isNaN(m)) return isNaN(n) ? 1 : -1;
        const order = isNaN(n) ? x.localeCompare(y) : n - m;
        return up ? order : -order;
      });
      body.append(...rows);
    }));
"""


class Table(NamedTuple):
    """Rows of texts and numbers, sorted by a click on a column's name.

    Attributes:
      columns: names; the first column names the rows.
      rows: as many cells each, as `reports.print_table` takes them.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]


class Picture(NamedTuple):
    """A PNG file that goes into the page, and what it shows, in words."""

    path: pathlib.Path
    says: str


class Section(NamedTuple):
    """A heading, a paragraph, and what is below."""

    title: str
    text: str
    content: Sequence[Table | Picture] = ()


def save_html(
    path: str | os.PathLike,
    title: str,
    sections: Sequence[Section],
    made_by: Mapping[str, str],
) -> None:
    """Writes a report as one page, whole or not at all.

    Args:
      path: of the page, replaced if it exists.
      title: of the page.
      sections: from top to bottom.
      made_by: for the foot: names, such as the command and versions, and texts.

    Raises:
      UserError: if a row has another number of cells than there are columns.
    """
    body = "".join(map(_section, sections))
    foot = "\n".join(f"{name}: {text}" for name, text in made_by.items())
    page = (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{html.escape(title)}</title><style>{STYLE}</style>"
        f"<h1>{html.escape(title)}</h1>{body}"
        f"<h2>How this was made</h2><pre>{html.escape(foot)}</pre>"
        f"<script>{SCRIPT}</script></html>\n"
    )
    files.write_whole(path, lambda name: pathlib.Path(name).write_text(page, "utf-8"))


def _section(section: Section) -> str:
    inside = "".join(
        _table(part) if isinstance(part, Table) else _picture(part)
        for part in section.content
    )
    return (
        f"<h2>{html.escape(section.title)}</h2><p>{html.escape(section.text)}</p>"
        f"{inside}"
    )


def _table(table: Table) -> str:
    head = "".join(
        '<th scope="col"><button type="button">'
        f"{html.escape(name) or '&nbsp;'}</button>"
        for name in table.columns
    )
    rows = []
    for row in table.rows:
        if len(row) != len(table.columns):
            raise errors.UserError(
                f"a row has {len(row)} cells and there are {len(table.columns)} "
                f"columns: {list(row)}."
            )
        texts = [tables.cell(value) for value in row]
        cells = "".join(
            f'<td data-value="{html.escape(text)}">{html.escape(text)}'
            for text in texts
        )
        rows.append(f"<tr>{cells}")
    return (
        f'<div class="wide"><table><thead><tr>{head}</thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _picture(picture: Picture) -> str:
    data = base64.b64encode(pathlib.Path(picture.path).read_bytes()).decode()
    return (
        f'<p><img alt="{html.escape(picture.says)}" src="data:image/png;base64,{data}">'
    )
