"""Tests of experiments/mode_laboratory.py, run as a user runs it."""

import json
import pathlib

import numpy as np
import pytest
import warm_python

SCRIPT = pathlib.Path(__file__).parents[2] / "experiments" / "mode_laboratory.py"
ARMS = ("pac2_lowered", "rpgan", "per_mode_lowered")


def run(*arguments, cwd):
    return warm_python.run([SCRIPT, *arguments], cwd=cwd)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--table", "rings"], "--table rings"),
        (["--arms", "pac3"], "'pac3'"),
        (["--arms", "rpgan_lowered"], "leave _lowered out"),
        (["--images", "mnist"], "--images mnist"),
        (["--table", "tail", "--images", "nonsense"], "nonsense"),
        (["--steps", "0"], "--steps 0"),
        (["--samples", "1"], "--samples 1"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_input_is_one_sentence_and_leaves_nothing(
    arguments, said, tmp_path, refused, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    error = refused("mode_laboratory", *arguments)
    assert said in error and "Traceback" not in error and error.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_the_laboratory_prints_ours_beside_published_rows_and_goes_on(tmp_path):
    result = run("--smoke", "--arms", *ARMS, "--out", "run", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    folder = tmp_path / "run"
    record = json.loads((folder / "scores.json").read_text())
    assert tuple(record["arms"]) == ARMS
    costs = [arm["teraflops"] for arm in record["arms"].values()]
    # A step of each member is rounded.
    assert max(costs) / min(costs) < 1.05
    page = (folder / "report.html").read_text()
    for arm in record["arms"].values():
        assert arm["dead_members"] == 0 and arm["title"] in result.stdout
        assert len(arm["scores"]["coverage"]["modes"]) == 2
    for row in record["published"]:
        assert row["source"]["link"] in result.stdout and row["source"]["link"] in page
    config = json.loads((folder / "config.json").read_text())
    assert config["arms"] == [*ARMS] and config["steps"] == 40
    # A run that has ended goes on to the same end; other flags are refused.
    again = run("--resume", "run", cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    resumed = json.loads((folder / "scores.json").read_text())
    for name in ARMS:
        scores = (own["arms"][name]["scores"]["coverage"] for own in (record, resumed))
        np.testing.assert_equal(*scores)
    other = run("--resume", "run", "--steps", 50, cwd=tmp_path)
    assert other.returncode == 2 and "--steps 50" in other.stderr
