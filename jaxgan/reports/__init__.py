"""Tables, pictures and files from a run's records, on the host.

Everything here takes NumPy or JAX arrays that have been computed already. Arms of an
experiment are named by the keys of dictionaries, in the order in which they are to be
shown; seeds are an axis `S`, and a dead seed is NaN there: it is left out of means and
ranges, and it is said how many were. Files appear whole or not at all.
"""

from jaxgan.reports.html import Chart, Glossary, Row, Section, Table, Tile, save_html
from jaxgan.reports.intervals import Interval, interval
from jaxgan.reports.numbers import count, number, size
from jaxgan.reports.payoffs import save_payoffs
from jaxgan.reports.pictures import (
    image_grid,
    save_coverage,
    save_curves,
    save_image_grid,
    save_samples,
    save_scatter,
)
from jaxgan.reports.progress import counted
from jaxgan.reports.records import write_json
from jaxgan.reports.score_tables import (
    DIRECTIONS,
    glossary,
    of_seed,
    print_scores,
    print_sheet,
    result,
    score_table,
)
from jaxgan.reports.tables import Bytes, Marked, cell, print_facts, print_table

__all__ = [
    "DIRECTIONS",
    "Bytes",
    "Chart",
    "Glossary",
    "Interval",
    "Marked",
    "Row",
    "Section",
    "Table",
    "Tile",
    "cell",
    "count",
    "counted",
    "glossary",
    "image_grid",
    "interval",
    "number",
    "of_seed",
    "print_facts",
    "print_scores",
    "print_sheet",
    "print_table",
    "result",
    "save_coverage",
    "save_curves",
    "save_html",
    "save_image_grid",
    "save_payoffs",
    "save_samples",
    "save_scatter",
    "score_table",
    "size",
    "write_json",
]
