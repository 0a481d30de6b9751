"""The benchmark of scores runs to its end and keeps what it measured."""

import json
import math
import os
import pathlib
import subprocess
import sys

import pytest

SCRIPT = pathlib.Path(__file__).parents[2] / "experiments" / "bench_scores.py"


def run(*arguments, cwd):
    return subprocess.run(
        [sys.executable, SCRIPT, *map(str, arguments)],
        cwd=cwd,
        env=os.environ,
        capture_output=True,
        text=True,
        timeout=900,
    )


@pytest.mark.slow
def test_a_record_has_rates_ratios_and_peaks_of_memory(tmp_path):
    flags = (
        "--rounds 1 --frechet-rounds 2 --batch 2 --samples 50 --width 16 "
        "--streamed 400 --stream-width 8 --inception-streamed 20 --out r.json"
    )
    ended = run(*flags.split(), cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    record = json.loads((tmp_path / "r.json").read_text())
    ours = record["forward"]["jaxgan"]
    assert ours["images_per_second"] > 0 and ours["seconds_by_ours"] == 1
    sides = record["frechet"]
    assert set(sides) == {"jaxgan", "SciPy"}
    assert sides["SciPy"]["seconds_by_ours"] > 0
    # Both sides have worked out the same distance.
    values = [side["values"][0] for side in sides.values()]
    assert math.isclose(*values, rel_tol=1e-3)
    assert set(record["memory"]) == {"projection", "inception"}
    for lengths in record["memory"].values():
        short, long = lengths.values()
        assert short["images_per_second"] > 0
        if long["peak_bytes"] is not None:
            assert long["peak_bytes"] < 1.3 * short["peak_bytes"]
    assert "machine" in record and "Inception, images/s" in ended.stdout


def test_bad_input_is_one_sentence(tmp_path):
    ended = run("--inception-streamed", 5, cwd=tmp_path)
    assert ended.returncode == 2 and "--inception-streamed 5" in ended.stderr
