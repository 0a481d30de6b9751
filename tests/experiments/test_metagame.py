"""The experiment on meta-games, run as a user runs it."""

import json
import pathlib

import pytest
import warm_python

SCRIPT = pathlib.Path(__file__).parents[2] / "experiments" / "metagame.py"


def run(folder, *arguments):
    return warm_python.run([SCRIPT, *arguments], cwd=folder)


def test_a_loss_without_a_value_is_refused_before_anything_runs(tmp_path):
    result = run(tmp_path, "--loss", "relativistic", "--smoke")
    assert result.returncode == 2, result.stderr
    assert result.stderr.startswith("error: --loss relativistic")
    assert "has no value in a payoff matrix" in result.stderr
    assert not list(tmp_path.iterdir())


def test_a_dry_run_says_what_it_would_take_and_leaves_nothing(tmp_path):
    result = run(tmp_path, "--smoke", "--dry-run")
    assert result.returncode == 0, result.stderr
    assert "largest population that fits" in result.stdout
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_smoke_run_plays_both_pools_and_keeps_matrices_weights_and_scores(tmp_path):
    result = run(tmp_path, "--smoke", "--out", "run")
    assert result.returncode == 0, result.stderr
    record = json.loads((tmp_path / "run" / "scores.json").read_text())
    for pool in ("members", "checkpoints"):
        assert (tmp_path / "run" / f"payoffs-{pool}.png").exists()
        own = record[pool]
        assert len(own["repeats"]) == 2 and len(own["names"]) == 2
        for repeat in own["repeats"]:
            assert len(repeat["matrix"]) == len(repeat["matrix"][0]) == 2
            assert sum(repeat["weights"]["Nash mixture"]) == pytest.approx(1)
        assert set(own["scores"]["Nash mixture"]) >= {"modes", "worst value"}
    assert "In equilibrium" in result.stdout
