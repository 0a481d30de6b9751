"""Tests of jaxgan.sweeps.studies and recipes."""

import dataclasses

import numpy as np
import pytest

from jaxgan.core import errors
from jaxgan.data import dataset, modes
from jaxgan.sweeps import plans, recipes, records, studies, trials

TRIALS = trials.make(
    [
        {"learning_rate": rate, "penalties.r1": weight}
        for rate, weight in ((1e-3, 0.1), (3e-3, 1.0), (1e-2, 10.0))
    ],
    seeds=(0, 7),
)


def scores_of(rows):
    return {
        row["trial"]: {k: v for k, v in row.items() if k.startswith("score.")}
        for row in rows
    }


@pytest.fixture(scope="module")
def together(study_in, tmp_path_factory):
    study = study_in(tmp_path_factory.mktemp("together"))
    return scores_of(studies.train_all(study, plans.make(TRIALS, [])))


@pytest.mark.parametrize("most", [1, 4])
def test_a_trial_is_the_same_alone_and_in_any_population_and_order(
    most, together, study_in, tmp_path
):
    study = study_in(tmp_path)
    groups = plans.make(TRIALS[::-1], [], most_members=most)
    assert len(groups) > 1
    found = scores_of(studies.train_all(study, groups))
    assert set(found) == set(together) == {trial.name for trial in TRIALS}
    for name, own in together.items():
        for score, value in own.items():
            np.testing.assert_allclose(found[name][score], value, rtol=1e-4)


def test_tensorboard_gets_the_metrics_of_each_trial_where_it_is_asked_for(
    study_in, tmp_path
):
    study = study_in(tmp_path)
    asked = dataclasses.replace(study.devices, tensorboard=True)
    (group,) = plans.make(TRIALS, [])
    studies.train_all(study._replace(devices=asked), [group])
    (events,) = (tmp_path / "tensorboard").iterdir()
    assert f"{group.name}/generator_loss/0".encode() in events.read_bytes()


def test_trials_differ_by_setting_and_by_seed(together):
    values = [own["score.reverse_kl"] for own in together.values()]
    assert len(set(values)) == len(TRIALS)


def test_a_sweep_over_numbers_compiles_once(study_in, tmp_path):
    study = study_in(tmp_path)
    groups = plans.make(TRIALS, [], most_members=4)
    assert [len(g.trials) for g in groups] == [3, 3]
    groups = plans.make(TRIALS[:5], [], most_members=3)
    assert [len(g.trials) for g in groups] == [3, 2]  # the last one is filled up
    studies.train_all(study, groups)
    ready = {id(study.ready(study.recipe(t.values), 3)) for t in TRIALS}
    assert len(ready) == 1
    program = study.ready(study.recipe(TRIALS[0].values), 3).trainer.program
    assert program.over(program.mesh(3))._cache_size() == 1


def test_one_that_died_is_shown_with_scores_that_are_no_numbers(study_in, tmp_path):
    study = study_in(tmp_path)
    rates = trials.make([{"learning_rate": r} for r in (1e-3, 1e30)], seeds=[0])
    rows = studies.train_all(study, plans.make(rates, []))
    assert [row["status"] for row in rows] == ["finished", "died"]
    assert np.isfinite(rows[0]["score.reverse_kl"])
    assert np.isnan(rows[1]["score.reverse_kl"])
    assert records.read(tmp_path / studies.JOURNAL)[1]["status"] == "died"


def test_a_setting_changes_the_fields_that_it_names():
    setting = {
        "learning_rate": 0.5,
        "optimizer.generator.learning_rate": 0.25,
        "penalties.r1": 2.0,
        "loss": "hinge",
        "network.hidden": [8, 8],
    }
    made = recipes.changed(recipes.Recipe(), setting)
    assert made.optimizer.generator["learning_rate"] == 0.25
    assert made.optimizer.discriminator["learning_rate"] == 0.5
    assert made.penalties == {"r1": 2.0} and made.loss == "hinge"
    assert recipes.structural(setting) == ["loss", "network.hidden"]
    numbers = recipes.numbers([made, made._replace(penalties={"r1": 3.0})])
    np.testing.assert_array_equal(numbers.penalties["r1"], [2, 3])


def test_structure_tells_apart_what_is_another_program():
    base = recipes.Recipe()
    same = recipes.changed(base, {"learning_rate": 0.1})
    assert recipes.structure(same) == recipes.structure(base)
    for name, value in {"n_critic": 5, "penalties.r1": 0.0, "ema_decay": 0.0}.items():
        other = recipes.changed(base, {name: value})
        assert recipes.structure(other) != recipes.structure(base)


def test_families_and_shapes_of_schedules_are_structure_and_their_numbers_are_not():
    base = recipes.changed(
        recipes.Recipe(),
        {
            **{"optimizer_family": "sgd", "momentum": 0.5},
            **{"schedules.learning_rate.cosine.steps": 100},
        },
    )
    # The moments of Adam were usual ones, which nobody asked for.
    assert base.optimizer.generator == {"learning_rate": 1e-3, "momentum": 0.5}
    numbers = {"momentum": 0.9, "schedules.learning_rate.cosine.steps": 50}
    same = recipes.changed(base, numbers)
    assert recipes.structure(same) == recipes.structure(base)
    assert recipes.structural(numbers) == []
    found = recipes.numbers([base, same])
    np.testing.assert_allclose(found.optimizer.generator["momentum"], [0.5, 0.9])
    steps_of = "optimizer.discriminator.learning_rate.cosine.steps"
    np.testing.assert_array_equal(found.schedules[steps_of], [100, 50])
    for changed in (
        {"optimizer_family": "lion"},
        {"clip_norm": 1.0},
        {"accumulate": 2},
        {"schedules.learning_rate.cosine.final": 0.0},
        {"schedules.optimizer.generator.learning_rate.warm_up.steps": 1},
    ):
        other = recipes.changed(base, changed)
        assert recipes.structure(other) != recipes.structure(base)
    with pytest.raises(errors.UserError, match="did you mean 'cosine'"):
        recipes.changed(base, {"schedules.learning_rate.cosin.steps": 1})


def test_augmentations_are_structure_and_their_numbers_are_not():
    base = recipes.changed(
        recipes.Recipe(), {"augment": "ada_grey", "ada_target": 0.6, "network.pack": 2}
    )
    same = recipes.changed(base, {"ada_target": 0.1, "ada_images": 10.0})
    assert recipes.structure(same) == recipes.structure(base)
    for changed in (
        {"augment": ["ada_grey", "cutout"]},
        {"network.pack": 1},
        {"balance_temperature": 0.0},
        {"consistency": "translation"},
    ):
        other = recipes.changed(base, changed)
        assert recipes.structure(other) != recipes.structure(base)
    bare = base._replace(augment=(), ada_target=None)
    assert recipes.structure(bare) != recipes.structure(base)
    found = recipes.numbers([base, same])
    np.testing.assert_allclose(found.augmentation["target"], [0.6, 0.1])
    np.testing.assert_allclose(found.augmentation["images"], [5e5, 10])
    assert found.mode_weights is None
    assert recipes.method(base).augment == ("ada_grey",)


def test_each_trial_draws_classes_by_its_own_temperature():
    classes = modes.from_labels(np.repeat([0, 1], [9, 1]))
    own = [recipes.Recipe(balance_temperature=value) for value in (0.0, 1.0)]
    found = recipes.numbers(own, classes)
    np.testing.assert_allclose(found.mode_weights, [[0.5, 0.5], [0.9, 0.1]], rtol=1e-5)
    with pytest.raises(errors.UserError, match="balance_temperature=0.0 balances"):
        recipes.numbers(own)


def test_augmentations_that_do_not_fit_the_data_are_refused():
    data = dataset.load("ring", num_samples=8)
    recipe = recipes.Recipe(augment=("translation",))
    with pytest.raises(errors.UserError, match="'translation' changes images"):
        recipes.networks_of(recipe, data)


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ({"learning_rat": 1.0}, "did you mean 'learning_rate'"),
        ({"penalties.r3": 1.0}, "did you mean 'penalties.r"),
        ({"network.hiden": 1.0}, "did you mean 'network.hidden'"),
        ({"learning_rate": "fast"}, "learning_rate='fast' must be a number"),
        ({"ada_target": "high"}, "ada_target='high' must be a number"),
        ({"augmentation": "ada"}, "there is no field 'augmentation'"),
    ],
)
def test_what_cannot_be_changed_is_named(setting, said):
    with pytest.raises(errors.UserError, match=said):
        recipes.changed(recipes.Recipe(), setting)
