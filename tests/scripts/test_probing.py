"""Records of what discriminators know: kept where a run was stopped, and shown."""

import math

import numpy as np

from jaxgan.scripts import probing


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
