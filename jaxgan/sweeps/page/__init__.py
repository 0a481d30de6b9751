"""The page of a sweep: all that its rows, its log and its samples show.

A section is a function of the rows that gives `reports.Section`s; `document` puts them
in their order.
"""

from jaxgan.sweeps.page.document import PAGE, save
from jaxgan.sweeps.page.methods import about, known, ranking

__all__ = ["PAGE", "about", "known", "ranking", "save"]
