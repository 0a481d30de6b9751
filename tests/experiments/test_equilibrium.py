"""Where step rules end: what is refused, and what a run leaves."""

import json
import pathlib

import pytest
import warm_python

SCRIPT = pathlib.Path(__file__).parents[2] / "experiments" / "equilibrium.py"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--rules", "optimist"], "--rules optimist: rule is 'optimist'"),
        (["--rules", "lola", "lola"], "--rules lola lola: name each rule once"),
        (["--loss", "hings"], "did you mean 'hinge'?"),
        (["--penalties", "r9:1"], "--penalties r9"),
        (["--krylov", "19"], "--krylov 19: it must be twice --eigenvalues"),
        (["--batches", "0"], "--batches 0"),
        (["--answers", "0"], "--answers 0"),
        (
            ["--hidden", "1", "--eigenvalues", "9"],
            "--eigenvalues 9: count=9 eigenvalues are more than the 7 weights of the "
            "generator",
        ),
    ],
)
def test_what_cannot_be_asked_for_is_refused(refused, words, said):
    assert said in refused("equilibrium", *words)


@pytest.mark.slow
def test_a_run_leaves_its_measures_and_pictures(tmp_path):
    ended = warm_python.run([SCRIPT, "--smoke", "--out", tmp_path / "run"])
    assert ended.returncode == 0, ended.stderr
    names = {path.name for path in (tmp_path / "run").iterdir()}
    assert {"config.json", "equilibrium.json", "eigenvalues.png"} <= names
    found = json.loads((tmp_path / "run" / "equilibrium.json").read_text())
    assert found["rules"] == ["simultaneous", "optimistic"]
    assert all(len(values) == 4 for values in found["values"].values())
    assert min(found["values"]["exploitability of G"]) >= -1e-6
    assert max(found["values"]["V"]) <= 0
