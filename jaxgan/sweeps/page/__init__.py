"""The page of a sweep: all that its rows, its log and its samples show.

A section is a function of the rows that gives `reports.Section`s; `document` puts them
in their order.
"""

from jaxgan.sweeps.page.document import PAGE, about, ranking, save

__all__ = ["PAGE", "about", "ranking", "save"]
