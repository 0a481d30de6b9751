"""Tests of jaxgan.scores.objectives: which way of a score is better."""

import pytest

from jaxgan.core import errors
from jaxgan.reports import score_tables
from jaxgan.scores import objectives

OF_TABLES = {
    "more": objectives.MORE_IS_BETTER,
    "less": objectives.LESS_IS_BETTER,
    "real": objectives.AS_REAL,
    "one": objectives.AS_REAL,
}


def test_the_better_direction_is_the_one_that_the_tables_tell():
    for (score, field), column in score_tables.COLUMNS.items():
        if column.better:
            name = score if field == "value" else field
            assert name in OF_TABLES[column.better], name


@pytest.mark.parametrize(
    ("by", "words"),
    [("frechet_distanc", "frechet_distance"), ("within_mode_deviation", "neither")],
)
def test_what_nothing_can_be_chosen_by_is_known_without_data(by, words):
    with pytest.raises(errors.UserError, match=words):
        objectives.check(by)
    objectives.check("matched_energy")
