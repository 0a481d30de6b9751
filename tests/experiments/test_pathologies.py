"""The experiments on covariate shift and vanishing gradients, as a user runs them."""

import json
import pathlib
import re

import numpy as np
import pytest
import warm_python

EXPERIMENTS = pathlib.Path(__file__).parents[2] / "experiments"


@pytest.mark.parametrize(
    ("script", "words", "said"),
    [
        ("vanishing_gradients", ("--ages", 9, 3), "--ages 9 3: they must be positive"),
        ("vanishing_gradients", ("--steps", 30), "--steps 30: .*multiple of 20"),
        ("vanishing_gradients", ("--arms", "nonsense"), "--arms nonsense: choose"),
        ("vanishing_gradients", ("--seeds", 0), "--seeds 0"),
        ("vanishing_gradients", ("--dataset", "nowhere"), "--dataset nowhere"),
        ("covariate_shift", ("--every", 7), "--every 7: it must divide --steps 400"),
        ("covariate_shift", ("--loss", "nonsense"), "--loss nonsense"),
        ("covariate_shift", ("--normalisations", "bath"), "--normalisations bath"),
        ("covariate_shift", ("--normalisations", "none", "none"), "each once"),
        ("covariate_shift", ("--network", "dcgan"), "--normalisations none of dcgan"),
    ],
)
def test_bad_input_is_one_sentence(script, words, said, tmp_path, refused, monkeypatch):
    monkeypatch.chdir(tmp_path)
    error = refused(script, *words)
    assert error.startswith("error: ") and error.count("\n") == 1
    assert re.search(said, error), error
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize("script", ["vanishing_gradients", "covariate_shift"])
def test_a_short_run_leaves_tables_pictures_and_a_record(script, tmp_path):
    words = [EXPERIMENTS / f"{script}.py", "--smoke", "--out", "run"]
    result = warm_python.run(words, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    folder = tmp_path / "run"
    assert (folder / "report.html").exists() and any((folder / "report").iterdir())
    found = json.loads((folder / "scores.json").read_text())
    if script == "covariate_shift":
        shift = found["normalisations"]["batch"]["generator"]["gradients"]["frozen"][
            "norm"
        ]
        assert np.shape(shift) == (3, 2, 5)  # records, seeds, layers
        np.testing.assert_array_equal(np.array(shift)[..., 0], 0)
        assert np.all(np.array(shift)[..., 1:] > 0)
    else:
        curves = found["curves"]
        assert set(curves) == {"minimax", "non_saturating", "relativistic+r1+r2"}
        assert np.shape(curves["minimax"]["norm"]) == (2, 2, 21)
