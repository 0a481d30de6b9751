"""Tests of the second part of the main job: jaxgan.scripts.long_tails, run_folders."""

import contextlib
import dataclasses
import json
import pathlib
import sys

import numpy as np
import pytest

from jaxgan.core import files
from jaxgan.core.distributed import processes
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


def scores(recall, lost=0, copies=0.05):
    protocol = {"num_samples": 1000, "num_real": 1000, "tail": [7, 8, 9]}
    ones, lost = np.ones(len(recall)), np.broadcast_to(lost, len(recall))
    return {
        "class_recall": {
            "recall": (0.05 + (np.arange(10) >= lost[:, None])).tolist(),
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


COLLAPSED = {"recall": [0.01, 0.02, 0.015], "lost": [6, 6, 7]}
HELD = 3  # classes that the training images have too few of


def arm(title, parameters, **found):
    cost = {"parameters": parameters, "teraflops": 0.25}
    return {"title": title, "scores": scores(**found), **cost}


def record(one=COLLAPSED, other=COLLAPSED, modes="clusters", commonest=(0, 1)):
    return {
        "modes": modes,
        "commonest": [*commonest],
        "arms": {"plain": arm("one", 100, **one), "other": arm("many", 1000, **other)},
        "references": {long_tails.TRAINING: scores([TRAINING], lost=HELD)},
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
    ("lost", "said"),
    [
        ([6, 6, 7], ": it collapses"),
        ([4], ": it collapses"),
        ([3, 3, 3], "it does not collapse"),
        ([1, 2, 1], "it does not collapse"),
        ([2, 6, 3], "whether it collapses"),
    ],
    ids=str,
)
def test_whether_one_gan_collapses_follows_from_what_its_data_hold(lost, said):
    found = long_tails.says(record({"recall": [0.05] * len(lost), "lost": lost}))
    verdicts = ["it does not collapse", "whether it collapses", ": it collapses"]
    assert [own for own in verdicts if own in found] == [said]
    assert f", where {HELD} are as rare among its training images, and makes" in found


def test_dead_seeds_are_counted_neither_as_lost_nor_as_found():
    some = {"recall": [0.01, np.nan, 0.02], "lost": [6, 10, 6]}
    found = long_tails.says(record(some))
    assert "“one” loses 6 ± 0 (1 of 3 without a value)" in found
    none = {"recall": [np.nan] * 3, "lost": 10}
    assert "do not tell whether it collapses" in long_tails.says(record(none))


@pytest.mark.parametrize(
    ("recall", "lost", "said"),
    [
        ([0.95, 0.99, 0.97], 0, ": the tail is back"),
        ([0.30, 0.31, 0.32], 1, "a part of the tail is back"),
        ([0.05, 0.06, 0.05], 3, "fewer than one GAN, but no more of the tail"),
        ([0.01, 0.02, 0.01], [6, 6, 7], "do not tell whether it helps"),
        ([0.00, 0.30, 0.10], [2, 8, 4], "do not tell whether it helps"),
        ([0.00, 0.01, 0.00], 9, "even more"),
    ],
    ids=str,
)
def test_what_a_remedy_does_follows_from_its_interval(recall, lost, said):
    verdicts = [
        *(": the tail is back", "a part of the tail is back", "even more"),
        *("fewer than one GAN, but no more of the tail", "fewer than one GAN."),
        "do not tell whether it helps",
    ]
    found = long_tails.says(record(other={"recall": recall, "lost": lost}))
    assert [own for own in verdicts if own in found] == [said]


def test_no_part_of_the_tail_is_denied_where_one_gan_is_too_uncertain():
    wide = {"recall": [0.0, 0.9], "lost": [6, 6]}
    found = long_tails.says(record(wide, {"recall": [0.7, 0.71], "lost": 3}))
    assert "fewer than one GAN." in found and "hold" not in found


def test_it_is_said_which_rare_classes_the_clusters_have_found():
    def said(commonest, modes="clusters"):
        return long_tails.says(record(modes=modes, commonest=commonest))

    assert "tail 0 are the commonest one of a cluster, as" in said([0, 1, 2, 2])
    assert "tail 2 are the commonest one of a cluster, as" in said([8, 1, 9, 9])
    assert "tail 3 are the commonest one of a cluster." in said([7, 8, 9, 0])
    assert "commonest" not in said([7, 8, 9, 0], modes="labels")


def test_the_price_is_in_the_sentences_and_in_the_table():
    found = record(other={"recall": [0.9] * 3, "copies": 0.3})
    said = long_tails.says(found)
    assert "0.25 TFLOP a seed" in said and "“many” has 10 times the parameters" in said
    assert "are 0.3 of the samples of “many”, where of new real ones 0.05" in said
    assert "copies" not in long_tails.says(record())
    copying = long_tails.says(record({**COLLAPSED, "copies": 0.2}))
    assert "are 0.2 of the samples of “one”, where" in copying
    columns, rows = long_tails.table(found)
    names = [row[0] for row in rows]
    assert names == ["one", "many", long_tails.TRAINING, long_tails.PERFECT]
    assert [row[-2:] for row in rows[:2]] == [[100, 0.25], [1000, 0.25]]
    at = {name.strip(" ↑↓"): place for place, name in enumerate(columns)}
    bounds = [row[at["recall of the tail"]].mean for row in rows[2:]]
    np.testing.assert_allclose(bounds, [TRAINING, CEILING])
    best = [rows[3][at[name]].mean for name in ("modes", "reverse KL")]
    np.testing.assert_allclose(best, [10, 0.001])
    lost = [row[at["lost"]] for row in rows]
    np.testing.assert_allclose([own.mean for own in lost[:3]], [19 / 3, 0, HELD])
    assert lost[3] == 0 and not any("floor" in name for name in columns)


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


def test_another_process_has_the_logs_of_all_parts_of_a_run(tmp_path, monkeypatch):
    for name in ("metrics.jsonl", "tail/metrics.jsonl", "tail/scores.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    monkeypatch.setattr(processes.jax, "process_count", lambda: 2)
    monkeypatch.setattr(processes.jax, "process_index", lambda: 1)
    monkeypatch.setattr(processes, "broadcast", lambda make: str(tmp_path))
    monkeypatch.setattr(processes, "barrier", lambda name: None)
    monkeypatch.setattr(
        processes.failure, "removed_at_end", lambda path: contextlib.nullcontext()
    )
    with processes.own_folder(contextlib.nullcontext(tmp_path)) as (own, run):
        part = run_folders.part(run_folders.Folders(own, run), "tail")
        names = {str(path.relative_to(own)) for path in own.rglob("*.json*")}
        assert names == {"metrics.jsonl", "tail/metrics.jsonl"}
        assert (part.own / "metrics.jsonl").read_text() == "tail/metrics.jsonl"
        assert part.run == tmp_path / "tail"
