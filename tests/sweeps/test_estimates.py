"""The plan of a sweep, said before it runs."""

import dataclasses
import json
import pathlib
import sys

import pytest

from jaxgan import population
from jaxgan.core import errors
from jaxgan.scores import objectives, suites
from jaxgan.scripts import settings
from jaxgan.sweeps import estimates, plans, spaces, trials
from jaxgan.sweeps.search import by_name

EXPERIMENTS = pathlib.Path(__file__).parents[2] / "experiments"


def some_groups(most=None):
    found = [{"loss": "hinge", "b1": b1} for b1 in (0.1, 0.2, 0.3)]
    found += [{"loss": "minimax", "b1": 0.5}]
    return plans.make(trials.make(found, range(2)), ["loss"], most_members=most)


def test_lines_have_the_trials_and_the_parameters_of_a_member(study_in, tmp_path):
    few, one = estimates.lines(study_in(tmp_path), some_groups(most=4))
    assert (few.structure, few.trials) == ({"loss": "hinge"}, 6)
    assert (few.populations, few.members) == (2, 3)
    assert (one.trials, one.populations, one.members) == (2, 1, 2)
    # Of hidden width 4, latent dimension 16 and points of the plane.
    assert few.parameters == (16 * 4 + 4 + 4 * 2 + 2) + (2 * 4 + 4 + 4 + 1)
    assert few.bytes > 3 * 4 * few.parameters  # Adam has two moments


def test_the_time_grows_with_trials_and_steps(study_in, tmp_path):
    study = study_in(tmp_path)
    lines = estimates.lines(study, some_groups())
    probed = (5.0, 1e9, 0.25)
    training = sum(line.trials * line.flops for line in lines) * study.steps / 1e9
    found = estimates.seconds(study, lines, probed)
    assert found == pytest.approx(2 * 5 + 8 * 0.25 + training)
    halved = estimates.seconds(study, lines, probed, share=0.5)
    assert found - halved == pytest.approx(training / 2)


def test_the_share_of_halving_is_that_of_its_rungs():
    share = estimates.halving_share([(1, 3, 9)], [9], 3)
    assert share == pytest.approx((9 * 1 + 3 * 2 + 1 * 6) / (9 * 9))
    assert estimates.halving_share([(4,)], [5], 3) == 1


def test_a_population_that_certainly_fits_is_not_measured(study_in, tmp_path):
    assert estimates.most_members(study_in(tmp_path), [{"b1": 0.5}], 2) is None


def test_large_populations_are_cut_to_what_fits(study_in, tmp_path, monkeypatch):
    monkeypatch.setattr(estimates.memory, "available", lambda: (2**20, True))
    monkeypatch.setattr(estimates.memory, "largest", lambda few, many: 7)
    monkeypatch.setattr(estimates.memory, "need", lambda *arguments: None)
    asked = settings.Search(search="sobol", settings=100)
    space = {"b1": spaces.Uniform(0.0, 0.9)}
    study = study_in(tmp_path)
    groups = by_name.make(study, asked, space, "reverse_kl").groups
    assert max(len(group.trials) for group in groups) == 7
    assert {group.places for group in groups} == {7}


@pytest.fixture
def memory_for(monkeypatch):
    """Says how many members fit into memory; None for as many as are asked for."""
    monkeypatch.setattr(estimates.memory, "need", lambda *arguments: None)

    def fit(members):
        free = 2**50 if members is None else 2**10
        monkeypatch.setattr(estimates.memory, "available", lambda: (free, True))
        monkeypatch.setattr(estimates.memory, "largest", lambda few, many: members)

    return fit


@pytest.mark.parametrize("name", ["sobol", "pbt", "halving", "successive_halving"])
@pytest.mark.parametrize(("then", "now"), [(7, 3), (3, 7), (None, 3), (3, None)])
def test_a_sweep_that_goes_on_has_its_plan_whatever_memory_is_free(
    then, now, name, study_in, tmp_path, memory_for
):
    asked = settings.Search(search=name, settings=40, rounds=3)
    space = {"b1": spaces.Uniform(0.0, 0.9)}
    study = study_in(tmp_path)

    def plan(limit):
        return by_name.make(study, asked, space, "reverse_kl", limit)

    memory_for(then)
    begun = plan(None)
    kept = json.dumps(begun.limit._asdict())
    (tmp_path / "config.json").write_text(kept)
    memory_for(now)
    assert plan(None).groups != begun.groups
    limit = by_name.kept_limit(tmp_path)
    assert limit.most_members == then
    assert plan(limit).groups == begun.groups


def test_a_sweep_of_an_older_version_goes_by_the_memory_that_is_free(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    assert by_name.kept_limit(tmp_path) is by_name.kept_limit(None) is None


@pytest.mark.parametrize("most", [7, None])
def test_a_sweep_keeps_its_limit_in_its_folder_and_goes_on_with_it(
    most, tmp_path, monkeypatch
):
    monkeypatch.syspath_prepend(str(EXPERIMENTS))
    import sweep

    given, limit = [], by_name.Limit(most)

    def make(study, asked, space, by, known):
        given.append(known)
        return by_name.ReadySearch((None,), interrupted, limit)

    def interrupted():
        raise InterruptedError

    # The test's own process has begun with one device.
    monkeypatch.setattr(population, "use_all_cores", lambda: None)
    monkeypatch.setattr(by_name, "make", make)
    for name in ("lines", "probe", "seconds", "show"):
        monkeypatch.setattr(estimates, name, lambda *arguments: None)
    unscored = suites.Scoring(lambda x: {}, {}, None)
    monkeypatch.setattr(suites, "of_dataset", lambda *arguments, **more: unscored)
    monkeypatch.setattr(objectives, "names", lambda *arguments, **more: ["reverse_kl"])
    asked = sweep.Settings(
        dataset="ring", space=("b1 = [0.5]",), out=tmp_path / "run", samples=100
    )
    for resume in (None, tmp_path / "run"):
        with pytest.raises(InterruptedError):
            sweep.main(dataclasses.replace(asked, resume=resume))
    assert given == [None, limit]


def test_brackets_of_hyperband_that_are_empty_are_said(study_in, tmp_path):
    asked = settings.Search(search="hyperband", rounds=9)
    study = study_in(tmp_path, steps=9)
    few = {"b1": spaces.Categorical((0.0, 0.5))}
    search = by_name.make(study, asked, few, "reverse_kl")
    assert "Of 17 settings drawn 2 differ" in search.note
    assert "brackets 0 to 2 have 2 of 9, 0 of 5, 0 of 3: empty are 1, 2" in search.note
    # Two settings for a ninth of the steps, and on for shares of 1/3 and 1/9.
    assert search.share == pytest.approx((1 + 2 / 3 + 6 / 9) / 9)
    many = {"b1": spaces.Uniform(0.0, 0.9)}
    assert by_name.make(study, asked, many, "reverse_kl").note == ""


@pytest.mark.parametrize("name", ["random", "pbt", "successive_halving"])
def test_settings_that_are_drawn_twice_are_said(name, study_in, tmp_path):
    asked = settings.Search(search=name, settings=5, rounds=3)
    few = {"b1": spaces.Categorical((0.5,))}
    note = by_name.make(study_in(tmp_path), asked, few, "reverse_kl").note
    assert note == "Of 5 settings drawn 1 differ, and are tried once."


def test_without_optuna_the_extra_is_named(study_in, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    asked = settings.Search(search="optuna", settings=2)
    space = {"b1": spaces.Uniform(0.0, 0.9)}
    search = by_name.make(study_in(tmp_path), asked, space, "reverse_kl")
    with pytest.raises(errors.UserError, match=r"pip install 'jaxgan\[optuna\]'"):
        search.run()
