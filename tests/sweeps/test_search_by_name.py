"""Searches that are driven, stopped at any score, and resumed."""

import json
import re

import numpy as np
import optuna
import pytest

from jaxgan.core import errors
from jaxgan.scores import objectives
from jaxgan.scripts import settings
from jaxgan.sweeps import records, samples, spaces, studies
from jaxgan.sweeps.search import by_name, rounds
from jaxgan.sweeps.search.pbt import rule as pbt

SPACE = {
    "learning_rate": spaces.LogUniform(1e-3, 1e-2),
    "b1": spaces.Uniform(0.0, 0.9),
}
BY = "reverse_kl"
CASES = {
    "halving": {"settings": 6, "rounds": 3, "places": 2, "seeds": 2},
    "successive_halving": {"settings": 5, "rounds": 3, "places": 2, "seeds": 2},
    "hyperband": {"rounds": 3, "places": 4},
    "pbt": {"settings": 4, "rounds": 3},
    "optuna": {"settings": 5, "batch": 4},
    "sobol": {"settings": 4, "members": 2},
}

OTHERS = [name for name in CASES if name != "halving"]


class Killed(Exception):
    pass


def run(study, name, space=SPACE):
    asked = settings.Search(search=name, **CASES[name])
    return by_name.make(study, asked, space, BY).run()


def without_times(rows):
    return [{k: v for k, v in row.items() if k != "seconds"} for row in rows]


@pytest.fixture(scope="module")
def undisturbed(study_in, tmp_path_factory):
    found = {}

    def of(name):
        if name not in found:
            folder = tmp_path_factory.mktemp(name)
            found[name] = without_times(run(study_in(folder), name)), folder
        return found[name]

    return of


@pytest.mark.parametrize(
    "name",
    [
        *("halving", "pbt", "sobol"),
        pytest.param("successive_halving", marks=pytest.mark.slow),
    ],
)
def test_samples_are_kept_of_every_trial_that_has_ended(name, undisturbed):
    rows, folder = undisturbed(name)
    ended = {row["trial"] for row in rows if row["status"] != "going"}
    kept = samples.read(folder, {row["group"] for row in rows})
    assert set(kept) == ended
    assert all(x.shape == (64, 2) for x in kept.values())


@pytest.mark.parametrize(
    "name",
    ["halving", *(pytest.param(n, marks=pytest.mark.slow) for n in OTHERS)],
)
def test_a_search_that_dies_wherever_it_scores_ends_in_the_same_table(
    name, undisturbed, study_in, tmp_path, monkeypatch
):
    whole, _ = undisturbed(name)
    study, score, calls = study_in(tmp_path), studies.score, 0
    monkeypatch.setattr(rounds, "SECONDS", 0.0)

    def dying(*args):
        nonlocal calls
        calls += 1
        if calls % 2 == 0:
            raise Killed
        return score(*args)

    monkeypatch.setattr(studies, "score", dying)
    died = 0
    while True:
        try:
            found = run(study, name)
            break
        except Killed:
            died += 1
            assert died < 40
    assert died or calls == 1
    np.testing.assert_equal(without_times(found), whole)
    monkeypatch.setattr(studies, "score", score)
    text = (tmp_path / studies.JOURNAL).read_text()
    np.testing.assert_equal(without_times(run(study, name)), whole)
    assert (tmp_path / studies.JOURNAL).read_text() == text
    keys = [(row["trial"], row.get("rung", 0)) for row in found]
    assert len(set(keys)) == len(keys)


def test_halving_trains_the_best_settings_longest_and_all_seeds_alike(undisturbed):
    rows, _ = undisturbed("halving")
    last = {row["trial"]: row for row in rows}
    assert len(last) == 12
    assert {row["status"] for row in last.values()} <= {"stopped", "finished", "died"}
    for row in last.values():
        twin = [r for r in last.values() if r["setting"] == row["setting"]]
        assert len({(r["rung"], r["status"]) for r in twin}) == 1
    first = [row for row in rows if row["rung"] == 0]
    means = {
        row["setting"]: np.mean(
            [r["score.reverse_kl"] for r in first if r["setting"] == row["setting"]]
        )
        for row in first
    }
    went_on = {row["setting"] for row in rows if row["rung"] == 1}
    assert min(means, key=means.get) in went_on and len(went_on) < 6


def test_rungs_of_halving_show_what_the_whole_training_shows(study_in, tmp_path):
    """A trial is the same in places that are given away as in a population whole."""
    own = SPACE | {"b1": spaces.Categorical((0.5,))}
    asked = settings.Search(search="halving", settings=4, rounds=3, places=2, eta=2)
    driven = by_name.make(study_in(tmp_path), asked, own, BY).run()
    (tmp_path / "grid").mkdir()
    study = study_in(tmp_path / "grid")
    asked = settings.Search(search="sobol", settings=4)
    whole = {r["trial"]: r for r in by_name.make(study, asked, own, BY).run()}
    finished = [row for row in driven if row["status"] == "finished"]
    assert finished and all(row["steps"] == 6 for row in finished)
    for row in finished:
        np.testing.assert_allclose(
            row["score.reverse_kl"], whole[row["trial"]]["score.reverse_kl"], rtol=1e-4
        )


def test_generations_record_who_came_from_whom_and_with_which_numbers(undisturbed):
    rows, _ = undisturbed("pbt")
    by_place = {(row["trial"], row["rung"]): row for row in rows}
    assert len(by_place) == 4 * 3
    moved = 0
    for (trial, rung), row in by_place.items():
        before = by_place.get((row["parent"], rung - 1))
        if before is None:
            assert rung == 0 and row["parent"] == trial
            continue
        moved += row["parent"] != trial
        for name in ("learning_rate", "b1"):
            now, then = row[f"setting.{name}"], before[f"setting.{name}"]
            low, high = SPACE[name].low, SPACE[name].high
            possible = (
                [then]
                if row["parent"] == trial
                else [
                    np.clip(then * f, low, high) for f in (pbt.FACTOR, 1 / pbt.FACTOR)
                ]
            )
            assert min(abs(now / p - 1) if p else abs(now) for p in possible) < 1e-12
    assert moved == 2  # one loser after each generation but the last


def test_choices_of_population_based_training_stay_as_they_were_written(
    study_in, tmp_path
):
    own = {
        "learning_rate": spaces.Categorical((1e-3, 3e-3)),
        "b1": spaces.Categorical((0.0, 0.3, 0.9)),
        "penalties.r1": spaces.Conditional(spaces.Integers(0, 3), "b1", (0.0, 0.3)),
    }
    asked = settings.Search(search="pbt", settings=6, rounds=6)
    rows = by_name.make(study_in(tmp_path), asked, own, BY).run()
    stored = (tmp_path / studies.JOURNAL).read_text()
    assert "0.8999999761581421" not in stored and "0.003" in stored
    for row in rows:
        for name, one in own.items():
            values = spaces.unwrapped(one)[0]
            values = getattr(values, "choices", range(4))
            assert row.get(f"setting.{name}", values[0]) in values
        # A number on which another field depends stays, as that field does.
        assert ("setting.penalties.r1" in row) == (row["setting.b1"] in (0.0, 0.3))
    assert any(row["parent"] != row["trial"] for row in rows)


def test_optuna_is_told_each_setting_once(undisturbed):
    rows, folder = undisturbed("optuna")
    storage = optuna.storages.JournalStorage(
        optuna.storages.journal.JournalFileBackend(str(folder / "optuna.log"))
    )
    name = json.loads((folder / "optuna.json").read_text())["study"]
    study = optuna.load_study(study_name=name, storage=storage)
    told = {t.user_attrs["setting"]: t.value for t in study.trials}
    assert told == {row["setting"]: row["score.reverse_kl"] for row in rows}
    assert len(study.trials) == 5


def test_a_search_in_which_all_die_ends_with_the_rows_of_the_dead(study_in, tmp_path):
    own = {"learning_rate": spaces.Categorical((1e30, 1e31))}
    asked = settings.Search(search="optuna", settings=2, batch=2, seed=1)
    rows = by_name.make(study_in(tmp_path), asked, own, BY).run()
    assert {row["status"] for row in rows} == {"died"}


def test_more_is_better_where_it_is():
    measured = {"inception_score": np.array([1.0, 2.0]), BY: np.array([1.0, np.nan])}
    assert objectives.costs(measured, "inception_score").tolist() == [-1, -2]
    np.testing.assert_equal(objectives.costs(measured, BY), [1.0, np.nan])
    assert objectives.chosen(None, list(measured)) == BY
    with pytest.raises(errors.UserError, match="no score 'fid'.*inception_score"):
        objectives.chosen("fid", list(measured))


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"search": "grid", "settings": 3}, "--settings 3: a grid"),
        ({"search": "hyperband", "settings": 3}, "--settings 3: hyperband"),
        ({"search": "sobol", "allow_groups": 1}, "2 compiled programs.*allow-groups 2"),
    ],
)
def test_what_does_not_go_together_is_said(asked, said, study_in, tmp_path):
    own = SPACE | {"loss": spaces.Categorical(("hinge", "minimax"))}
    with pytest.raises(errors.UserError, match=said):
        by_name.make(study_in(tmp_path), settings.Search(**asked), own, BY)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--levels", "4"), "--levels 4: it goes with --search grid."),
        (("--search", "pbt", "--eta", "2"), "--eta 2: it goes with --search halving, "),
        (("--search", "grid", "--places", "2"), "--places 2: .* or hyperband"),
        (("--rounds", "4"), "--rounds 4: .*hyperband or pbt"),
        (("--search", "pbt", "--batch", "4"), "--batch 4: .*--search optuna"),
        (("--study", "own"), "--study own: .*--search optuna"),
        (("--storage", "own.log"), "--storage own.log: .*--search optuna"),
        (("--search", "pbt", "--tensorboard"), "--tensorboard True: --search pbt logs"),
    ],
)
def test_a_flag_that_the_search_has_no_use_for_is_refused(
    words, said, refused, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    error = refused("sweep", "--space", "b1 = [0.5]", *words)
    assert re.match(f"error: {said}", error) and error.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_search_takes_what_it_has_a_use_for():
    for name, fitting in by_name.FITTING.items():
        for search in fitting:
            by_name.check(settings.Search(search=search, **{name: 5}))


def test_rows_are_plain_and_say_what_they_are_of(undisturbed):
    for name in ("halving", "pbt", "optuna"):
        for row in undisturbed(name)[0]:
            json.dumps(row)
            assert {"trial", "setting", "seed", "group", "status", "steps"} <= set(row)
            assert row["collapsed"] in (True, False)
            protocol = json.loads(row["protocol"])["coverage"]
            assert protocol["num_samples"] == 64
    assert records.read(undisturbed("pbt")[1] / studies.JOURNAL)
