"""Studies of Optuna: whose trials are whose, what is told, and how it goes on."""

import contextlib
import math
import shutil
import socket

import numpy as np
import optuna
import pytest

from jaxgan.core import errors, files
from jaxgan.sweeps import records, spaces, studies
from jaxgan.sweeps.search.optuna import driver as optuna_driver
from jaxgan.sweeps.search.optuna import histories, questions

BY = "reverse_kl"
SPACE = {"learning_rate": spaces.Uniform(0.0, 1.0), "b1": spaces.Uniform(0.0, 1.0)}


class Killed(Exception):
    pass


def good(values):
    return abs(values["learning_rate"] - 0.4)


def beside_the_edge(values):
    """The nearer to the edge the better, and beyond it everything dies."""
    edge = 0.7 - 0.2 * values["b1"]
    left = edge - values["learning_rate"]
    return left + 0.3 * abs(values["b1"] - 0.3) if left > 0 else math.nan


@pytest.fixture
def search_in(study_in, monkeypatch):
    """Searches in a folder; a setting's score is a function of its values."""

    def search(folder, cost=good, space=SPACE, steps=6, seed=0, **asked):
        folder.mkdir(exist_ok=True)

        def train_all(study, groups):
            there = {row["trial"] for row in records.read(folder / "trials.jsonl")}
            new = [t for g in groups for t in g.trials if t.name not in there]
            rows = [
                studies.row(t, {BY: cost(t.values)}, group="g", status="finished")
                for t in new
            ]
            records.append(folder / "trials.jsonl", rows)
            return records.read(folder / "trials.jsonl")

        monkeypatch.setattr(studies, "train_all", train_all)
        study = study_in(folder, steps=steps)
        asked = {"settings": 12, "batch": 4, "seeds": [0]} | asked
        return optuna_driver.search(study, space, [], BY, seed=seed, **asked)

    return search


def studies_of(path):
    backend = optuna.storages.journal.JournalFileBackend(str(path))
    storage = optuna.storages.JournalStorage(backend)
    names = optuna.get_all_study_names(storage)
    return [optuna.load_study(study_name=name, storage=storage) for name in names]


def study_of(path):
    (study,) = studies_of(path)
    return study


def states_of(path):
    return [trial.state for trial in study_of(path).trials]


@pytest.mark.parametrize(
    "other",
    [
        {"space": SPACE | {"b1": spaces.Uniform(0.0, 0.9)}},
        {"space": {"b1": spaces.Categorical((0.1, 0.2))}, "cost": lambda v: v["b1"]},
        {"steps": 12},
        {"seeds": [0, 1]},
        {"seed": 1},
    ],
    ids=["bounds", "choices", "steps", "seeds", "seed"],
)
def test_searches_that_differ_share_no_history(other, search_in, tmp_path):
    storage = str(tmp_path / "shared.log")
    small = {"settings": 2, "storage": storage}
    search_in(tmp_path / "a", **small)
    search_in(tmp_path / "b", **small, **other)
    one, two = studies_of(storage)
    assert len(one.trials) == len(two.trials) == 2
    assert one.study_name != two.study_name
    with pytest.raises(errors.UserError, match="its trials are of another search"):
        search_in(tmp_path / "c", **small, name=one.study_name, **other)
    with pytest.raises(errors.UserError, match="are of another search: "):
        search_in(tmp_path / "d", **small, name=two.study_name)
    assert len(study_names := {s.study_name for s in studies_of(storage)}) == 2
    assert all(name.startswith("jaxgan-ring-") for name in study_names)


def test_other_choices_in_a_study_of_the_same_name_are_said(search_in, tmp_path):
    storage = str(tmp_path / "shared.log")
    asked = {"cost": lambda v: v["b1"], "settings": 2, "storage": storage, "name": "x"}
    one, two = ({"b1": spaces.Categorical(c)} for c in ((0.1, 0.2), (0.1, 0.3)))
    search_in(tmp_path / "a", space=one, **asked)
    said = r"--study x: .*space.b1 .*0.1, 0.2.*, not .*0.1, 0.3"
    with pytest.raises(errors.UserError, match=said):
        search_in(tmp_path / "b", space=two, **asked)


def test_what_optuna_refuses_is_a_sentence(search_in, tmp_path, monkeypatch):
    study = optuna.trial.Trial

    def refusing(*_, **__):
        raise ValueError("CategoricalDistribution does not support it.\nMore")

    monkeypatch.setattr(study, "suggest_float", refusing)
    with pytest.raises(errors.UserError, match="Optuna refuses .*support it"):
        search_in(tmp_path / "a")
    with pytest.raises(errors.UserError, match="--storage sqlite://"):
        search_in(tmp_path / "b", storage="sqlite:////no/such/folder/x.db")


def test_a_study_of_another_program_is_left_alone(search_in, tmp_path):
    storage = optuna.storages.JournalStorage(
        optuna.storages.journal.JournalFileBackend(str(tmp_path / "shared.log"))
    )
    study = optuna.create_study(storage=storage, study_name="jaxgan")
    study.add_trial(optuna.trial.create_trial(value=1.0))
    asked = {"storage": str(tmp_path / "shared.log"), "name": "jaxgan"}
    with pytest.raises(errors.UserError, match="does not say what its trials are of"):
        search_in(tmp_path / "a", **asked)
    assert len(study.trials) == 1
    optuna.create_study(storage=storage, study_name="up", direction="maximize")
    with pytest.raises(errors.UserError, match="--study up"):
        search_in(tmp_path / "b", **asked | {"name": "up"})


@pytest.mark.parametrize("database", [False, True])
def test_what_died_is_told_as_worse_than_any_number(search_in, tmp_path, database):
    path = tmp_path / "history"
    storage = f"sqlite:///{path}" if database else str(path)
    rows = search_in(tmp_path / "a", beside_the_edge, settings=16, storage=storage)
    if database:
        (name,) = optuna.get_all_study_names(storage)
        found = optuna.load_study(study_name=name, storage=storage).trials
    else:
        found = study_of(path).trials
    scores = {row["setting"]: row[f"score.{BY}"] for row in rows}
    died = 0
    for trial in found:
        score = scores[trial.user_attrs["setting"]]
        assert trial.state == optuna.trial.TrialState.COMPLETE
        assert trial.value == (math.inf if math.isnan(score) else score)
        assert trial.user_attrs.get("died", False) == math.isnan(score)
        died += math.isnan(score)
    assert 0 < died < 16


def test_a_search_beside_the_edge_of_divergence_learns_to_stay_on_this_side(
    search_in, tmp_path
):
    """Told as failed, deaths by quarter were 0.44 0.82 0.95 0.99: all but the best."""
    search_in(tmp_path / "a", beside_the_edge, settings=64, batch=16)
    trials = study_of(tmp_path / "a" / "optuna.log").trials
    died = [math.isinf(trial.value) for trial in trials]
    quarters = np.reshape(died, (4, -1)).mean(axis=1)
    assert quarters[1:].max() < 0.6


def without_times(rows):
    return [(row["trial"], row[f"score.{BY}"]) for row in rows]


@pytest.mark.parametrize("version", ["own", "shared"])
def test_a_search_that_is_killed_while_it_asks_goes_on_as_undisturbed(
    version, search_in, tmp_path, monkeypatch
):
    """Killed before and after each call of Optuna that leaves something behind."""
    shared = version == "shared"

    def asked(name):
        return {"storage": str(tmp_path / f"{name}.log")} if shared else {}

    asked_for = {"settings": 20, "batch": 4}
    whole = without_times(search_in(tmp_path / "a", **asked_for, **asked("a")))
    calls, lives = 0, 0

    def deadly(call):
        def dying(*args, **kwargs):
            nonlocal calls, lives
            calls += 1
            if calls < 2 + lives // 2:
                return call(*args, **kwargs)
            calls, lives = 0, lives + 1
            if lives % 2:
                call(*args, **kwargs)
            raise Killed

        return dying

    for of, name in (
        (optuna.study.Study, "add_trial"),
        (optuna.study.Study, "tell"),
        (optuna.trial.Trial, "suggest_float"),
        (optuna.trial.Trial, "set_user_attr"),
    ):
        monkeypatch.setattr(of, name, deadly(getattr(of, name)))
    # A kill is no error of Optuna's.
    monkeypatch.setattr(
        histories, "refusals", lambda *names: contextlib.nullcontext(names)
    )
    while True:
        try:
            found = search_in(tmp_path / "b", **asked_for, **asked("b"))
            break
        except Killed:
            assert lives < 100
    assert lives > 10
    assert without_times(found) == whole
    path = tmp_path / "b.log" if shared else tmp_path / "b" / "optuna.log"
    assert set(states_of(path)) == {optuna.trial.TrialState.COMPLETE}


def kill_in_training(search_in, folder, **asked):
    """A search of which a batch is asked and not told."""
    died = 0

    def deadly(values):
        nonlocal died
        died += 1
        if died > 5:
            raise Killed
        return good(values)

    with pytest.raises(Killed):
        search_in(folder, deadly, **asked)


def test_trials_of_a_killed_search_are_taken_up_or_marked_failed(
    search_in, tmp_path, monkeypatch, capsys
):
    asked = {"storage": str(tmp_path / "shared.log")}
    kill_in_training(search_in, tmp_path / "a", **asked)
    running = optuna.trial.TrialState.RUNNING
    assert states_of(asked["storage"]).count(running) == 4
    capsys.readouterr()
    # Another run, with the folder of the killed one still there.
    rows = search_in(tmp_path / "b", **asked)
    said = capsys.readouterr().out
    assert "learns from 4 settings" in said and "4 that killed runs left" in said
    assert len(rows) == 12 and running not in states_of(asked["storage"])
    # The killed one goes on after all, with the settings that it had asked for.
    failed = [t for t in study_of(asked["storage"]).trials if t.value is None]
    rows = search_in(tmp_path / "a", **asked)
    assert len(rows) == 12 and running not in states_of(asked["storage"])
    tried = [row["setting.learning_rate"] for row in rows]
    assert [trial.params["learning_rate"] for trial in failed] == tried[4:8]
    assert sum(t.value is not None for t in study_of(asked["storage"]).trials) == 24


def test_trials_of_a_run_that_goes_on_are_left_alone(
    search_in, tmp_path, monkeypatch, capsys
):
    asked = {"storage": str(tmp_path / "shared.log")}
    kill_in_training(search_in, tmp_path / "a", **asked)
    running = optuna.trial.TrialState.RUNNING
    with files.locked(tmp_path / "a"):
        search_in(tmp_path / "b", **asked)
    assert "4 are being tried by other runs" in capsys.readouterr().out
    assert states_of(asked["storage"]).count(running) == 4
    with monkeypatch.context() as elsewhere:  # nothing is known of another machine
        elsewhere.setattr(socket, "gethostname", lambda: "elsewhere")
        search_in(tmp_path / "c", **asked)
    assert states_of(asked["storage"]).count(running) == 4
    shutil.rmtree(tmp_path / "a")
    search_in(tmp_path / "d", **asked)
    assert running not in states_of(asked["storage"])


def test_the_same_command_after_its_folder_was_removed_is_a_new_run(
    search_in, tmp_path, capsys
):
    asked = {"storage": str(tmp_path / "shared.log")}
    first = search_in(tmp_path / "a", **asked)
    shutil.rmtree(tmp_path / "a")
    capsys.readouterr()
    second = search_in(tmp_path / "a", **asked)
    assert (
        "learns from 12 settings that other runs have told" in capsys.readouterr().out
    )
    assert len(first) == len(second) == 12
    assert not {r["trial"] for r in first} & {r["trial"] for r in second}


def test_a_run_whose_folder_was_moved_is_the_same_run(search_in, tmp_path):
    asked = {"storage": str(tmp_path / "shared.log")}
    search_in(tmp_path / "a", settings=8, **asked)
    (tmp_path / "a").rename(tmp_path / "moved")
    rows = search_in(tmp_path / "moved", settings=12, **asked)
    assert len(rows) == 12 == len(study_of(asked["storage"]).trials)
    (tmp_path / "moved" / "optuna.json").write_text("{")
    with pytest.raises(errors.UserError, match="optuna.json does not say which run"):
        search_in(tmp_path / "moved", settings=12, **asked)


def test_a_journal_of_an_earlier_version_in_the_run_folder_goes_on(search_in, tmp_path):
    folder = tmp_path / "a"
    folder.mkdir()
    study = optuna.create_study(
        storage=optuna.storages.JournalStorage(
            optuna.storages.journal.JournalFileBackend(str(folder / "optuna.log"))
        ),
        study_name="jaxgan",
    )
    distributions = {
        name: optuna.distributions.FloatDistribution(0, 1) for name in SPACE
    }
    values = {"learning_rate": 0.5, "b1": 0.5}
    for state, more in (("COMPLETE", {"value": 0.1}), ("FAIL", {}), ("RUNNING", {})):
        study.add_trial(
            optuna.trial.create_trial(
                state=optuna.trial.TrialState[state],
                params=values,
                distributions=distributions,
                user_attrs={"setting": "x"} if state != "RUNNING" else {},
                **more,
            )
        )
    rows = search_in(folder, settings=4, name="jaxgan")
    assert len(rows) == 2  # of the third, which was running, and of a fourth
    assert rows[0]["setting.learning_rate"] == 0.5
    assert len(study_of(folder / "optuna.log").trials) == 4


def test_a_question_is_the_same_however_it_is_written(study_in, tmp_path):
    study = study_in(tmp_path)
    turned = dict.fromkeys(reversed(SPACE), spaces.Uniform(0, 1))
    one, two = (
        questions.describe(study, space, BY, seeds=1, seed=0)
        for space in (SPACE, turned)
    )
    assert questions.name(one) == questions.name(two)
    assert questions.differences(one, two) == []
