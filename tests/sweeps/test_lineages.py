"""Population-based training as it is compared: by final numbers and by families."""

import math

import numpy as np
import pytest

from jaxgan.sweeps import page, trials
from jaxgan.sweeps.analysis import comparisons, summaries
from jaxgan.sweeps.search.pbt import lineages

NAN = math.nan
VIEW = comparisons.View("score.distance")
SCORE = "score.distance"


def row(trial, rung, rate, score, parent=None, last=2):
    died = math.isnan(score)
    ended = "died" if died else "finished"
    return {
        "trial": trial,
        "setting": f"began-{trial}",
        "seed": 0,
        "group": "g",
        "setting.rate": rate,
        SCORE: score,
        "status": ended if rung == last else "going",
        "steps": 10 * (rung + 1),
        "rung": rung,
        "parent": parent or trial,
    }


ROWS = [
    *(row("a", 0, 0.1, 3.0), row("b", 0, 0.2, 9.0), row("c", 0, 0.3, 5.0)),
    row("d", 0, 0.4, 8.0),
    # b goes on from a, then d from b: both are of the family of a.
    *(row("a", 1, 0.1, 2.0), row("b", 1, 0.12, 1.0, "a"), row("c", 1, 0.3, 4.0)),
    row("d", 1, 0.4, 7.0),
    *(row("a", 2, 0.1, 1.0), row("b", 2, 0.12, 0.5), row("c", 2, 0.1, 4.0)),
    row("d", 2, 0.1, 2.0, "b"),
]


def test_a_member_at_the_end_has_its_final_numbers_and_its_family():
    full = summaries.at_full_length(ROWS)
    found = {r["trial"]: (r["setting"], r["family"]) for r in full}
    rates = {
        name: trials.digest({"rate": rate})
        for name, rate in zip("abcd", (0.1, 0.12, 0.1, 0.1), strict=True)
    }
    families = {"a": "a", "b": "a", "c": "c", "d": "a"}
    assert found == {name: (rates[name], families[name]) for name in "abcd"}
    last = next(r for r in ROWS if r["rung"] == 2 and r["trial"] == "d")
    path = lineages.path(ROWS, last)
    assert [(r["trial"], r["setting.rate"]) for r in path] == [
        ("a", 0.1),
        ("b", 0.12),
        ("d", 0.1),
    ]


def test_rows_of_other_searches_stay_as_they_are():
    rows = [{k: v for k, v in r.items() if k != "parent"} for r in ROWS[-4:]]
    assert summaries.at_full_length(rows) == rows and not lineages.are_in(rows)
    assert lineages.units(rows) == ["a", "b", "c", "d"]


def test_copies_count_as_one_and_settings_are_ranked_by_their_own_numbers():
    first, second = summaries.of_settings(summaries.at_full_length(ROWS), SCORE)
    assert first.values == {"rate": 0.12} and first.mean == 0.5
    assert (first.seeds, first.families) == (1, 1) and math.isnan(first.low)
    # Of a and d, who are one family, and of c: mean of (1 + 2) / 2 and 4.
    assert second.values == {"rate": 0.1} and second.mean == 2.75
    assert (second.seeds, second.families) == (3, 2)
    assert 1.5 <= second.low <= 2.75 <= second.high <= 4.0


def test_there_is_no_interval_over_copies():
    rows = [*ROWS[:8]]
    rows += [
        row(name, 2, 0.1, score, "b")
        for name, score in zip("abcd", (1.0, 2.0, 3.0, 4.0), strict=True)
    ]
    (only,) = summaries.of_settings(summaries.at_full_length(rows), SCORE)
    assert (only.mean, only.seeds, only.families) == (2.5, 4, 1)
    assert math.isnan(only.low) and math.isnan(only.high)


@pytest.mark.parametrize("more", [False, True])
def test_the_page_says_that_members_depend_on_one_another(more, tmp_path):
    view = VIEW._replace(more_is_better=more)
    summary = page.save(tmp_path, ROWS, view, title="x", made_by={})
    assert summary["families"] == 2 and summary["compared"] == 4
    method = summary["methods"][comparisons.ALL]
    assert method["best"] == method["curve"] == []
    assert method["best_setting"]["mean"] == (2.75 if more else 0.5)
    text = (tmp_path / "report.html").read_text()
    assert "descend from 2 of the initial ones" in text
    assert "<h2>Lineages</h2>" in text and "<h2>Best of k</h2>" not in text
    assert "began-" not in text.split("<h2>Trials</h2>")[0]
    columns, rows = page.ranking(summary)
    assert columns[2] == "families" and rows[0][2] == (2 if more else 1)
    assert "best of k" not in page.about(summary)


def test_a_population_in_which_all_died_makes_a_page(tmp_path):
    rows = [row(name, rung, 0.1, NAN) for rung in range(3) for name in "ab"]
    summary = page.save(tmp_path, rows, VIEW, title="x", made_by={})
    assert summary["dead"] == 2 and summary["families"] == 2


def test_importance_holds_out_whole_families(monkeypatch):
    taken = []

    def of_fields(settings, scores, units):
        taken.extend(units)
        return []

    monkeypatch.setattr(comparisons.importance, "of_fields", of_fields)
    comparisons.summarise(ROWS, VIEW)
    assert taken == ["a", "a", "c", "a"]


def test_a_member_with_the_numbers_that_it_began_with_has_its_own_digest():
    values = {"rate": 0.1, "hidden": [8, 8]}
    (trial,) = trials.make([values], seeds=[0])
    own = row(trial.name, 2, 0.1, 1.0) | {"setting.hidden": [8, 8]}
    (found,) = lineages.final([own], [own])
    assert found["setting"] == trial.setting
    assert np.isfinite(found[SCORE])
