"""Synchronous halving, driven: all settings of a rung are compared with all."""

import collections

import numpy as np
import pytest

from jaxgan.scripts import settings
from jaxgan.sweeps import spaces
from jaxgan.sweeps.search import by_name, rounds
from jaxgan.sweeps.search.successive_halving import rule as successive

SPACE = {
    "learning_rate": spaces.LogUniform(1e-3, 1e-2),
    "b1": spaces.Uniform(0.0, 0.9),
}
BY = "reverse_kl"


def search(study, space=SPACE, **asked):
    asked = {"search": "successive_halving", "eta": 2, "rounds": 4} | asked
    return by_name.make(study, settings.Search(**asked), space, BY)


def means_of(rows):
    found = collections.defaultdict(lambda: collections.defaultdict(list))
    for row in rows:
        found[row["rung"]][row["setting"]].append(row[f"score.{BY}"])
    return [{name: np.mean(x) for name, x in found[r].items()} for r in sorted(found)]


def assert_the_best_went_on(rows, sizes):
    means = means_of(rows)
    assert tuple(map(len, means)) == sizes
    for now, then in zip(means, means[1:], strict=False):
        assert set(then) == set(sorted(now, key=now.get)[: len(then)])
    for row in rows:
        climbs = (
            row["rung"] + 1 < len(means) and row["setting"] in means[row["rung"] + 1]
        )
        end = "finished" if row["rung"] + 1 == len(means) else "stopped"
        assert row["status"] == ("going" if climbs else end)


def test_the_best_of_all_go_on_and_no_member_trains_for_nothing(
    study_in, tmp_path, monkeypatch
):
    taken, train_round = [], rounds.train_round

    def counting(study, ready, members, num_steps):
        taken.append(len(members.keys) * num_steps)
        return train_round(study, ready, members, num_steps)

    monkeypatch.setattr(rounds, "train_round", counting)
    made = search(study_in(tmp_path), settings=8, seeds=2, places=2, rounds=3)
    rows = made.run()
    assert_the_best_went_on(rows, (8, 4, 2))
    assert {(row["rung"], row["steps"]) for row in rows} == {(0, 2), (1, 4), (2, 6)}
    whole = (8 + 4 + 2) / (8 * 3)
    assert sum(taken) / (8 * 2 * 6) == pytest.approx(whole)
    assert made.share == pytest.approx(whole)
    assert len(taken) == 4 + 2 + 1 and made.scorings == 14 / 8


@pytest.mark.slow
def test_settings_of_all_structures_are_compared_with_one_another(study_in, tmp_path):
    space = SPACE | {"loss": spaces.Categorical(("hinge", "minimax"))}
    rows = search(study_in(tmp_path), space, settings=7, places=2, rounds=3).run()
    assert len({row["group"] for row in rows}) == 2
    assert_the_best_went_on(rows, successive.sizes(7, 3, 2))


@pytest.mark.slow
def test_neither_places_nor_padding_change_what_is_found(study_in, tmp_path):
    tables = []
    for places in (1, 2, 3):
        folder = tmp_path / str(places)
        folder.mkdir()
        rows = search(study_in(folder), settings=5, places=places, rounds=3).run()
        for row in rows:
            del row["seconds"]
        tables.append(rows)
    # Unlike ==, this takes not a number for equal to itself.
    np.testing.assert_equal(tables[1], tables[0])
    np.testing.assert_equal(tables[2], tables[0])


@pytest.mark.slow
def test_a_rung_shows_what_the_whole_training_shows(study_in, tmp_path):
    rows = search(study_in(tmp_path), settings=4, places=2, rounds=3).run()
    (tmp_path / "whole").mkdir()
    asked = settings.Search(search="sobol", settings=4)
    study = study_in(tmp_path / "whole")
    whole = {r["trial"]: r for r in by_name.make(study, asked, SPACE, BY).run()}
    finished = [row for row in rows if row["status"] == "finished"]
    assert finished
    for row in finished:
        assert row[f"score.{BY}"] == whole[row["trial"]][f"score.{BY}"]


@pytest.mark.slow
def test_a_search_in_which_all_die_ends_with_the_rows_of_the_dead(study_in, tmp_path):
    space = {"learning_rate": spaces.Categorical((1e30, 1e31))}
    rows = search(study_in(tmp_path), space, settings=2, places=1).run()
    assert {(row["rung"], row["status"]) for row in rows} == {(0, "died")}
    assert len(search(study_in(tmp_path), space, settings=2, places=1).run()) == 2


@pytest.mark.slow
def test_a_rung_that_is_far_is_trained_to_in_one_go(study_in, tmp_path, monkeypatch):
    taken, train_round = [], rounds.train_round

    def counting(study, ready, members, num_steps):
        taken.append((len(members.keys), num_steps))
        return train_round(study, ready, members, num_steps)

    monkeypatch.setattr(rounds, "train_round", counting)
    rows = search(study_in(tmp_path, steps=8), settings=4, places=1, rounds=4).run()
    # Rungs after 1, 2 and 4 rounds of two steps, with 4, 2 and 1 settings.
    assert taken == [(1, 2)] * 4 + [(1, 2)] * 2 + [(1, 4)]
    assert {(row["rung"], row["steps"]) for row in rows} == {(0, 2), (1, 4), (2, 8)}
