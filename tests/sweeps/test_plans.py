"""Tests of jaxgan.sweeps: plans, records and analysis.statistics."""

import csv
import itertools
import math
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest
from pyarrow import parquet
from scipy import stats

from jaxgan.core import errors, multiple_testing
from jaxgan.sweeps import plans, records, trials
from jaxgan.sweeps.analysis import statistics


def some_trials():
    settings = [{"loss": "hinge", "rate": r} for r in (0.1, 0.2, 0.3)]
    settings += [{"loss": "gp", "rate": r, "weight": 1.0} for r in (0.1, 0.2)]
    settings += [{"loss": "gp", "rate": 0.5}]
    return trials.make(settings, seeds=range(2))


def test_groups_have_one_structure_and_every_trial_once():
    groups = plans.make(some_trials(), ["loss"])
    assert [len(group.trials) for group in groups] == [6, 4, 2]
    for group in groups:
        assert len({tuple(sorted(t.values)) for t in group.trials}) == 1
        assert {t.values["loss"] for t in group.trials} == {group.structure["loss"]}
    names = [t.name for group in groups for t in group.trials]
    assert sorted(names) == sorted(t.name for t in some_trials())


@pytest.mark.parametrize("most", [1, 4, 5, 100])
def test_large_groups_are_cut_evenly(most):
    groups = plans.make(some_trials(), ["loss"], most_members=most)
    assert all(len(group.trials) <= most for group in groups)
    hinge = [len(g.trials) for g in groups if g.structure["loss"] == "hinge"]
    assert sum(hinge) == 6 and max(hinge) - min(hinge) <= 1


def test_too_many_programs_are_refused_with_their_number():
    with pytest.raises(errors.UserError, match="6 compiled programs.*allow-groups 6"):
        plans.make(some_trials(), ["loss", "rate"], most_groups=5)
    plans.make(some_trials(), ["loss", "rate"], most_groups=None)


def test_what_remains_keeps_its_name_and_leaves_out_what_is_done():
    groups = plans.make(some_trials(), ["loss"])
    done = [{"trial": t.name} for t in groups[0].trials[:2]]
    done += [{"trial": t.name} for t in groups[2].trials]
    left = plans.remaining(groups, done)
    assert [group.name for group in left] == [group.name for group in groups[:2]]
    assert [len(group.trials) for group in left] == [4, 4]
    assert "12 trials in 3 populations" in plans.summary(groups)


def row(name, **more):
    return {"trial": name, "score": 1.5, **more}


def test_rows_come_back_with_numbers_that_are_not_finite(tmp_path):
    path = tmp_path / "trials.jsonl"
    records.append(path, [row("a", worst=math.nan), row("b", worst=-math.inf)])
    records.append(path, [row("c", worst="text")])
    found = records.read(path)
    assert [r["trial"] for r in found] == ["a", "b", "c"]
    assert math.isnan(found[0]["worst"]) and found[1]["worst"] == -math.inf
    assert found[2]["worst"] == "text"


def test_half_a_row_goes_and_the_next_one_is_whole(tmp_path):
    path = tmp_path / "trials.jsonl"
    records.append(path, [row("a"), row("b")])
    whole = path.read_bytes()
    for cut in range(len(whole) // 2 + 1, len(whole)):
        path.write_bytes(whole[:cut])
        assert [r["trial"] for r in records.read(path)] == ["a"]
        records.append(path, [row("b")])
        assert path.read_bytes() == whole


def test_a_trial_counts_once_and_rungs_apart(tmp_path):
    path = tmp_path / "trials.jsonl"
    records.append(path, [row("a", n=1), row("a", n=2), row("a", n=3, rung=1)])
    assert [r["n"] for r in records.read(path)] == [1, 3]


def test_a_line_that_is_no_row_is_named(tmp_path):
    path = tmp_path / "trials.jsonl"
    path.write_text('{"trial": "a"}\nnonsense\n')
    with pytest.raises(errors.UserError, match="line 2"):
        records.read(path)
    assert records.read(tmp_path / "absent") == []


def test_tables_have_every_row_and_column(tmp_path):
    rows = [row("a", weight=2.0), row("b"), row("c", score=math.nan)]
    records.write_tables(rows, tmp_path)
    table = parquet.read_table(tmp_path / "trials.parquet").to_pylist()
    assert [r["trial"] for r in table] == ["a", "b", "c"]
    assert table[0]["weight"] == 2.0 and table[1]["weight"] is None
    with (tmp_path / "trials.csv").open() as file:
        assert [r["trial"] for r in csv.DictReader(file)] == ["a", "b", "c"]


def test_a_sweep_killed_at_any_moment_loses_and_doubles_nothing(tmp_path):
    path = tmp_path / "trials.jsonl"
    code = """
        import pathlib, sys, time
        from jaxgan.sweeps import records
        path = pathlib.Path(sys.argv[1])
        done = {row["trial"] for row in records.read(path)}
        for i in range(400):
            if str(i) not in done:
                time.sleep(0.001)
                records.append(path, [{"trial": str(i), "score": i * i}])
    """
    command = [sys.executable, "-c", textwrap.dedent(code), str(path)]
    random = np.random.default_rng()
    for _ in range(4):
        process = subprocess.Popen(command)
        while not path.exists() and process.poll() is None:
            time.sleep(0.01)
        time.sleep(random.uniform(0, 0.5))
        process.kill()
        process.wait()
    subprocess.run(command, check=True, timeout=120)
    assert len(path.read_text().splitlines()) == 400
    found = {row["trial"]: row["score"] for row in records.read(path)}
    assert found == {str(i): i * i for i in range(400)}


@pytest.mark.parametrize("budget", [1, 2, 3])
def test_the_best_of_k_is_that_of_all_possible_draws(budget):
    values = [3.0, 1.0, 2.0, 5.0, 4.0]
    draws = [min(draw) for draw in itertools.product(values, repeat=budget)]
    found = statistics.best_of(values, budget)
    for got, q in ((found.median, 0.5), (found.low, 0.025), (found.high, 0.975)):
        assert got == np.quantile(draws, q, method="inverted_cdf")


def test_trials_that_died_are_worst():
    found = statistics.best_of([math.nan, 1.0, math.nan], 1)
    assert found.low == 1.0 and found.median == found.high == math.inf


def test_a_method_that_is_better_is_found_and_equal_ones_are_not():
    random = np.random.default_rng(0)
    base = random.normal(size=40)
    found = statistics.compare(
        {
            "reference": base,
            "better": base - 0.5 - random.uniform(size=40),
            "same": base,
            "noise": base + random.normal(size=40),
        },
        "reference",
    )
    assert found["better"].better == 1 and found["better"].p < 1e-6
    assert found["same"] == statistics.Comparison(0.5, 0.0, 1.0, 0)
    assert found["noise"].p > 0.01
    assert found["better"].difference < -0.5


def test_a_method_that_died_is_worse_there():
    found = statistics.compare(
        {"a": np.arange(20.0), "b": np.r_[np.full(15, np.nan), np.arange(15.0, 20)]},
        "a",
    )
    assert found["b"].better == pytest.approx(2.5 / 20) and found["b"].p < 0.01


def test_p_values_are_corrected_as_holm_did():
    p = [0.01, 0.04, 0.03, 0.005]
    np.testing.assert_allclose(multiple_testing.holm(p), [0.03, 0.06, 0.06, 0.02])


def test_corrected_p_values_err_at_most_as_often_as_they_say():
    random, errors_found = np.random.default_rng(0), 0
    for _ in range(200):
        scores = {str(i): random.normal(size=24) for i in range(6)}
        found = statistics.compare(scores, "0")
        errors_found += any(pair.p < 0.05 for pair in found.values())
    assert stats.binomtest(errors_found, 200, 0.05, "greater").pvalue > 0.001


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: statistics.best_of([], 1), "0 values"),
        (lambda: statistics.best_of([1], 0), "budget is 0"),
        (lambda: statistics.compare({"a": [1]}, "b"), "reference='b'"),
        (lambda: statistics.compare({"a": [1], "b": [1, 2]}, "a"), "as many scores"),
        (lambda: plans.make(some_trials(), [], most_members=0), "most_members=0"),
    ],
)
def test_bad_input_is_named(call, said):
    with pytest.raises(errors.UserError, match=said):
        call()
