"""Records of what discriminators know: kept where a run was stopped, and shown."""

import json
import math

import numpy as np
import pytest

from jaxgan.data import dataset
from jaxgan.ensembles import saved_discriminators
from jaxgan.scripts import kept_runs, probing


def record(values, base=(0.25, 0.5)):
    own = {"trained": {"value": list(values), "protocol": {"score": "own"}}}
    return own | {"untrained": {"value": list(base)}}


def test_a_run_that_goes_on_reads_what_it_has_found_and_does_not_find_it_anew(tmp_path):
    path, calls = tmp_path / "probe-hinge.json", []

    def make():
        calls.append(1)
        return {"steps": 10 * len(calls), **record([0.5, math.nan])}

    made = probing.kept(path, 10, make)
    read = probing.kept(path, 10, make)
    assert len(calls) == 1 and read["trained"]["protocol"] == {"score": "own"}
    for found in (made, read):
        np.testing.assert_array_equal(found["trained"]["value"], [0.5, math.nan])
    probing.kept(path, 20, make)  # it has trained on meanwhile
    probing.kept(path, 20, make)
    assert len(calls) == 2


def test_processes_read_what_the_first_one_has_and_no_other_does(tmp_path, monkeypatch):
    first = tmp_path / "first.json"
    first.write_text(json.dumps({"steps": 10, **record([0.5, 0.5])}))
    told = json.loads(first.read_text())
    monkeypatch.setattr(probing.processes, "broadcast", lambda make: told)
    found = probing.kept(tmp_path / "second.json", 10, lambda: pytest.fail("made anew"))
    assert found["trained"]["value"] == [0.5, 0.5]


def test_differences_are_between_members_that_were_told_the_same_labels(capsys):
    # Both differences are the same for both members, though accuracies are not.
    found = {"hinge": record([0.5, 0.75])}
    found["hinge"]["area_under_curve"] = {"value": [0.5, 0.5]}
    probing.show({"value": [0.375, 0.625, 0.9]}, found, "Title")
    *_, row = capsys.readouterr().out.splitlines()
    assert row.split()[-9:] == "0.125 ± 0 0.25 ± 0 0.5 ± 0".split()


def test_columns_that_nobody_has_are_left_out(capsys):
    probing.show({"value": [0.5, 0.5]}, {"hinge": record([0.5, 0.75])}, "Title")
    printed = capsys.readouterr().out
    assert "above untrained" in printed and "AUC" not in printed
    assert "class accuracy" not in printed


@pytest.mark.parametrize(
    ("described", "loss"),
    [
        ({"loss": "minimax"}, "minimax"),  # each arm of a comparison has its own
        ({"method": "remedied"}, "hinge"),
        ({"method": "classic"}, "minimax"),
        ({"method": "pac2"}, "non_saturating"),
        ({"method": "rpgan"}, "relativistic"),
        ({}, "hinge"),
    ],
    ids=str,
)
def test_logits_are_taken_for_what_the_loss_of_their_own_arm_makes_them(
    described, loss
):
    kept = saved_discriminators.Kept(None, {"gan": {}} | described, None, None, [])
    assert kept_runs.subject(kept, {"loss": "hinge"}).loss == loss


def test_the_main_job_whose_data_nobody_named_was_on_digits(tmp_path):
    train = dataset.load("digits").train
    config = {"dataset": None, "data": dataset.fingerprint(train.x)}
    (tmp_path / "config.json").write_text(json.dumps(config))
    found, _ = kept_runs.data_of(tmp_path, None)
    np.testing.assert_array_equal(found.train.x, train.x)
