import json
import math

import pyarrow.csv
import pytest
from pyarrow import parquet

from jaxgan.core import errors
from jaxgan.sweeps import plans, records, trials


def test_texts_stay_texts_and_numbers_stay_numbers(tmp_path):
    path = tmp_path / "trials.jsonl"
    row = {"trial": "a", "loss": "nan", "x": math.nan, "y": -math.inf, "z": 1.5}
    records.append(path, [row])
    (found,) = records.read(path)
    assert found["loss"] == "nan" and math.isnan(found["x"])
    assert found["y"] == -math.inf and found["z"] == 1.5
    json.loads(path.read_text(), parse_constant=lambda word: 1 / 0)  # plain JSON


def test_columns_of_several_types_are_written_as_json(tmp_path):
    rows = [
        {"trial": "a", "mixed": 1, "sizes": [64, 32], "number": 1},
        {"trial": "b", "mixed": "auto", "sizes": [8], "number": 2.5},
        {"trial": "c", "number": math.nan},
    ]
    records.write_tables(rows, tmp_path)
    table = parquet.read_table(tmp_path / "trials.parquet").to_pydict()
    assert table["mixed"] == ["1", '"auto"', None]
    assert table["sizes"] == ["[64, 32]", "[8]", None]
    assert table["number"][:2] == [1, 2.5]
    assert pyarrow.csv.read_csv(tmp_path / "trials.csv").num_rows == 3


def test_a_trial_that_trains_on_after_a_rung_remains():
    groups = plans.make(trials.make([{"x": 1}, {"x": 2}, {"x": 3}], [0]), [])
    names = [trial.name for trial in groups[0].trials]
    statuses = ("going", "stopped", "finished")
    rows = [{"trial": n, "status": s} for n, s in zip(names, statuses, strict=True)]
    (left,) = plans.remaining(groups, rows)
    assert [trial.name for trial in left.trials] == names[:1]
    assert not plans.remaining(groups, [*rows, {"trial": names[0]}])


def test_a_table_that_does_not_read_back_as_it_was_does_not_replace_the_old_one(
    tmp_path, monkeypatch
):
    rows = [{"trial": "a", "score": float("nan"), "steps": 3}]
    records.write_tables(rows, tmp_path)
    old = (tmp_path / "trials.parquet").read_bytes()
    write = parquet.write_table
    monkeypatch.setattr(parquet, "write_table", lambda t, name: write(t[:0], name))
    with pytest.raises(errors.UserError, match="trials.parquet: what was written"):
        records.write_tables(rows, tmp_path)
    assert (tmp_path / "trials.parquet").read_bytes() == old
