"""The comparison of losses, run as a user runs it."""

import json
import pathlib
import re

import numpy as np
import pytest
import warm_python
from pyarrow import parquet

from jaxgan.sweeps import records

SCRIPT = pathlib.Path(__file__).parents[2] / "experiments" / "compare_losses.py"
LOSSES = ("wgan_clip", "relativistic")


def run(*words, cwd):
    return warm_python.run([SCRIPT, *words], cwd=cwd)


def test_a_dry_run_says_the_plan_and_leaves_nothing(tmp_path):
    words = ("--smoke", "--dataset", "ring", "--losses", *LOSSES, "--dry-run")
    result = run(*words, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    # Two settings of two seeds for each loss.
    assert re.search(r"The plan: \d programs, .* 8 trials, about", result.stdout)
    assert not list(tmp_path.iterdir())


@pytest.fixture(scope="module")
def smoke(tmp_path_factory):
    folder = tmp_path_factory.mktemp("smoke")
    words = ("--smoke", "--dataset", "ring", "--losses", *LOSSES, "--out", "run")
    result = run(*words, cwd=folder)
    assert result.returncode == 0, result.stderr
    return folder / "run", result.stdout


@pytest.mark.slow
def test_every_trial_has_a_row_with_its_setting_and_scores(smoke):
    folder, printed = smoke
    rows = parquet.read_table(folder / "trials.parquet").to_pylist()
    assert len(rows) == 2 * 2 * 2
    assert {row["setting.loss"] for row in rows} == set(LOSSES)
    for row in rows:
        assert (row["setting.weight_clip"] is None) == (
            row["setting.loss"] == "relativistic"
        )
        assert np.isfinite(row["score.reverse_kl"])
    summary = json.loads((folder / "scores.json").read_text())
    assert set(summary["methods"]) == set(LOSSES)
    assert set(summary["pairs"]) == {"relativistic"}
    assert all(row["collapsed"] in (True, False) for row in rows)
    assert "better than wgan_clip" in printed and "8 trials" in printed
    untrained = summary["references"]["untrained generators"]["reverse_kl"]["value"]
    assert len(untrained) == 2  # of the seeds
    assert "untrained generators" in printed


@pytest.mark.slow
def test_the_report_shows_every_trial_its_samples_and_the_command(smoke):
    folder, _ = smoke
    text = (folder / "report.html").read_text()
    for line in (folder / "trials.jsonl").read_text().splitlines():
        assert f">{json.loads(line)['trial']}<" in text
    names = {path.name for path in (folder / "report").iterdir()}
    assert sum(name.startswith("samples-") for name in names) >= 4
    assert sum(name.startswith("training-") for name in names) == 4
    assert "held-out real points" in text
    assert "--smoke --dataset ring" in text and "jax" in text


@pytest.mark.slow
def test_settings_are_shared_by_all_losses(smoke):
    rows = parquet.read_table(smoke[0] / "trials.parquet").to_pylist()
    names = ("setting.draw", "seed", "setting.learning_rate", "setting.n_critic")
    own = [
        {tuple(r[n] for n in names) for r in rows if r["setting.loss"] == loss}
        for loss in LOSSES
    ]
    assert own[0] == own[1] and len(own[0]) == 4


@pytest.mark.slow
def test_finished_trials_are_not_run_again_and_lost_ones_are(smoke):
    folder, _ = smoke
    path = folder / "trials.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    whole = {row["trial"]: row for row in records.read(path)}
    path.write_text("".join(lines[:3]) + lines[3][:20])  # within a population
    result = run("--resume", "run", cwd=folder.parent)
    assert result.returncode == 0, result.stderr
    again = path.read_text().splitlines(keepends=True)
    assert again[:3] == lines[:3]

    found = {row["trial"]: row for row in records.read(path)}
    assert len(found) == len(again) == len(lines)
    for name, row in whole.items():
        for column in [column for column in row if column.startswith("score.")]:
            np.testing.assert_allclose(found[name][column], row[column], rtol=1e-4)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--losses", "nonsense"), "--losses nonsense"),
        (("--losses", "hinge", "hinge"), "--losses hinge hinge"),
        (("--budget", "0"), "--budget 0"),
    ],
)
def test_bad_input_is_one_sentence(words, said, tmp_path, refused, monkeypatch):
    monkeypatch.chdir(tmp_path)
    error = refused("compare_losses", *words)
    assert said in error and error.startswith("error: ") and error.count("\n") == 1
    assert not list(tmp_path.iterdir())
