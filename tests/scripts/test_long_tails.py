"""Tests of the second part of the main job: jaxgan.scripts.long_tails, run_folders."""

import dataclasses
import json
import pathlib
import sys

import numpy as np
import pytest

from jaxgan.core import files
from jaxgan.data import dataset
from jaxgan.scripts import long_tails, run_folders, settings

TRAINING, CEILING = 0.06, 0.98


@dataclasses.dataclass(frozen=True)
class Asked(settings.Ensemble):
    dataset: str | None = None
    arms: tuple[str, ...] = ("single", "per_mode")
    steps: int = 800
    seed: int = 0
    resume: pathlib.Path | None = None


def scores(recall, copies=0.05):
    protocol = {"num_samples": 1000, "num_real": 1000, "tail": [7, 8, 9]}
    ones = np.ones(len(recall))
    return {
        "class_recall": {
            "tail_recall": [*recall],
            "ceiling": [*(CEILING * ones)],
            "protocol": protocol,
        },
        "coverage": {
            "modes": [*(10 * ones)],
            "reverse_kl": [*(0.5 * ones)],
            "floor": [*(0.001 * ones)],
            "histogram": np.ones((len(recall), 10)).tolist(),
        },
        "memorisation": {
            "value": [*(copies * ones)],
            "floor": [*(0.05 * ones)],
            "protocol": protocol,
        },
    }


def arm(title, recall, parameters=100, **more):
    return {
        "title": title,
        "parameters": parameters,
        "teraflops": 0.25,
        "scores": scores(recall, **more),
    }


def record(one, other=(0.5, 0.5, 0.5), modes="clusters", commonest=(0, 1), **more):
    arms = {"plain": arm("one", one), "per_mode": arm("many", other, 1000, **more)}
    return {
        "modes": modes,
        "commonest": [*commonest],
        "arms": arms,
        "references": {long_tails.TRAINING: scores([TRAINING])},
    }


def test_the_tail_comes_second_and_differs_in_what_it_is_about_alone():
    first, second = long_tails.parts(Asked(seed=3))
    assert first == Asked(dataset="digits", seed=3)
    assert second == dataclasses.replace(
        first, steps=800 // long_tails.FEWER, **long_tails.TAIL
    )
    assert [own.steps for own in long_tails.parts(Asked(steps=1))] == [1, 1]


@pytest.mark.parametrize(
    "chosen",
    [
        {"dataset": "digits"},
        {"dataset": "ring"},
        {"imbalance": 50.0},
        {"arms": ("single",)},
        {"balance": "cluster"},
        {"extra_data": "digits"},
    ],
    ids=str,
)
def test_who_says_which_data_or_arms_gets_these_alone(chosen):
    (only,) = long_tails.parts(Asked(**chosen))
    assert only == dataclasses.replace(Asked(**chosen), dataset=only.dataset)
    assert only.dataset == chosen.get("dataset", "digits")


@pytest.mark.parametrize(
    ("recall", "said"),
    [
        ([0.01, 0.02, 0.01], "it collapses"),
        ([0.01], "it collapses"),
        ([0.30, 0.31, 0.32], "it does not collapse"),
        ([0.00, 0.10, 0.04], "these seeds do not tell"),
        ([float("nan")] * 3, "these seeds do not tell"),
    ],
)
def test_whether_one_gan_collapses_follows_from_its_interval(recall, said):
    found = long_tails.says(record(recall))
    assert said in found
    others = {"it collapses", "it does not collapse"} - {said}
    assert not any(other in found for other in others)


@pytest.mark.parametrize(
    ("recall", "said"),
    [
        ([0.95, 0.99, 0.97], "the tail is back"),
        ([0.30, 0.31, 0.32], "but not all"),
        ([0.05, 0.06, 0.05], "no more than the training images hold"),
        ([0.01, 0.02, 0.01], "it does not help"),
        ([0.02, 0.02, 0.02], "it does not help"),
        ([0.0001, 0.0002, 0.0001], "even less"),
    ],
)
def test_what_a_remedy_does_follows_from_both_intervals(recall, said):
    verdicts = [
        *("the tail is back", "but not all", "no more than the training images hold"),
        *("it does not help", "even less"),
    ]
    found = long_tails.says(record([0.01, 0.02, 0.015], recall))
    assert [own for own in verdicts if own in found] == [said]


def test_it_is_said_which_rare_classes_the_clusters_have_found():
    def said(commonest, modes="clusters"):
        return long_tails.says(record([0.01] * 3, modes=modes, commonest=commonest))

    assert "none is the commonest of a cluster: the clusters do" in said([0, 1, 2, 2])
    assert "2 is the commonest of a cluster: the clusters do" in said([8, 1, 9, 9])
    assert "each is the commonest of a cluster." in said([7, 8, 9, 0])
    assert "commonest" not in said([7, 8, 9, 0], modes="labels")


def test_the_price_is_in_the_sentences_and_in_the_table():
    found = record([0.01] * 3, copies=0.3)
    said = long_tails.says(found)
    assert "0.25 TFLOP a seed" in said and "“many” has 10 times the parameters" in said
    assert "0.3 of the samples of “many” are copies" in said
    assert "copies" not in long_tails.says(record([0.01] * 3))
    columns, rows = long_tails.table(found)
    names = [row[0] for row in rows]
    assert names == ["one", "many", long_tails.TRAINING, long_tails.PERFECT]
    assert [row[-2:] for row in rows[:2]] == [[100, 0.25], [1000, 0.25]]
    at = {name.strip(" ↑↓"): place for place, name in enumerate(columns)}
    bounds = [row[at["recall of the tail"]].mean for row in rows[2:]]
    np.testing.assert_allclose(bounds, [TRAINING, CEILING])
    best = [rows[3][at[name]].mean for name in ("modes", "reverse KL")]
    np.testing.assert_allclose(best, [10, 0.001])
    assert not any("floor" in name for name in columns)


def test_a_part_of_a_run_goes_on_with_the_run(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["job.py"])
    whole = run_folders.Folders(tmp_path, tmp_path)
    part = run_folders.part(whole, "tail")
    assert part.own == part.run == tmp_path / "tail" and part.own.is_dir()
    assert part.resume == whole.resume == f"python job.py --resume {tmp_path}"
    assert run_folders.part(whole, "tail") == part


def test_a_part_that_was_not_begun_keeps_its_settings_when_the_run_goes_on(tmp_path):
    x = np.zeros((4, 2), np.float32)
    split = dataset.Split(x, np.arange(4, dtype=np.int32))
    data, part = dataset.Dataset("points", split, split, 4), tmp_path / "tail"
    folders = run_folders.part(run_folders.Folders(tmp_path, tmp_path), "tail")
    for steps in (5, 7):
        asked = Asked(resume=tmp_path, steps=steps)
        run_folders.keep_settings(folders, asked, data)
        assert json.loads((part / files.CONFIG).read_text())["steps"] == 5
    asked = Asked(resume=tmp_path, steps=7)
    run_folders.keep_settings(folders, asked, data, growing=("steps",))
    assert json.loads((part / files.CONFIG).read_text())["steps"] == 7
