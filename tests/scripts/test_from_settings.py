"""What jaxgan.scripts.from_settings asks of data before a run begins or goes on."""

import dataclasses
import json
import pathlib
import re
import runpy
import types

import numpy as np
import pytest

from jaxgan.core import errors
from jaxgan.data import dataset
from jaxgan.runs import journal
from jaxgan.scripts import cli, from_settings, settings

SCRIPTS = pathlib.Path(__file__).parents[2] / "experiments"


def own(seed, name="files", labelled=True):
    random = np.random.default_rng(seed)
    label = np.arange(20, dtype=np.int32) % 2 if labelled else None
    split = dataset.Split(random.integers(0, 256, (20, 4, 4, 1), np.uint8), label)
    return dataset.Dataset(name, split, split, 2 if labelled else None)


@pytest.mark.parametrize(
    ("stored", "data", "said"),
    [
        (dataset.record(own(0)), own(0), None),
        (dataset.record(own(0)), own(1), "training samples were uint8.*and are uint8"),
        ({}, own(0), "a version that held out other images"),
        ({}, own(0, "digits"), None),
    ],
    ids=["same", "others", "older files", "older digits"],
)
def test_a_search_goes_on_with_its_own_data_alone(stored, data, said, tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(stored))
    from_settings.check_resumed(None, data)
    if said is None:
        from_settings.check_resumed(tmp_path, data)
        return
    with pytest.raises(errors.UserError, match=f"--resume {tmp_path}: .*{said}"):
        from_settings.check_resumed(tmp_path, data)


@pytest.mark.parametrize(
    ("data", "samples", "said"),
    [
        (own(0, labelled=False), 100, "the scores need its labels"),
        (
            own(0)._replace(test=dataset.Split(*(x[:1] for x in own(0).test))),
            100,
            "20 training and 1 held-out",
        ),
        (own(0), 9, "num_samples=9"),
    ],
    ids=["no labels", "one held out", "few samples"],
)
def test_data_that_cannot_be_scored_are_refused(data, samples, said):
    asked = types.SimpleNamespace(dataset="mine", samples=samples)
    with pytest.raises(errors.UserError, match=f"--dataset mine: .*{said}"):
        from_settings.check_scores(asked, data)


def test_data_of_which_the_law_is_known_need_no_labels():
    asked = types.SimpleNamespace(dataset="polygons", samples=100)
    from_settings.check_scores(asked, dataset.load("polygons", num_samples=1))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, None),
        ({"arrangement": None}, "arranged by the machine's cores"),
        ({"devices": ["NVIDIA H200"] * 8}, "begun on NVIDIA H200 and goes on on cpu"),
        ({"versions": {"jax": "0.9.0"}}, "begun with jax 0.9.0 and goes on with"),
        ({"devices": ["cpu"] * 64}, None),
    ],
    ids=["same", "older", "another kind", "another JAX", "more cores"],
)
def test_a_run_that_goes_on_says_what_its_last_bits_depend_on(changed, said, tmp_path):
    stored = {**journal.environment(), **changed}
    stored = {name: value for name, value in stored.items() if value is not None}
    (tmp_path / "config.json").write_text(json.dumps(stored))
    found = journal.differences(tmp_path)
    assert journal.differences(None) == []
    assert len(found) == (said is not None) and all(said in own for own in found)


@pytest.mark.parametrize(
    "name", ["compare_losses", "image_gan", "mode_ensemble", "sweep"]
)
def test_each_script_has_the_flags_by_which_ones_own_files_are_read(name, tmp_path):
    settings = runpy.run_path(str(SCRIPTS / f"{name}.py"))["Settings"]
    x = np.random.default_rng(0).integers(0, 2, (20, 12, 12), np.uint8)
    np.savez(tmp_path / "masks.npz", x=x, y=np.arange(20) % 2)
    given = {"dataset": "files", "data_dir": tmp_path / "masks.npz"}
    load = from_settings.load_images if name == "image_gan" else from_settings.load

    with pytest.raises(errors.UserError) as refused:
        load(settings(**given))
    said = cli.in_flags(str(refused.value), settings(**given))
    assert re.search(r"--value-range LOW HIGH", said)

    found = load(settings(**given, value_range=(0.0, 1.0), image_size=(6, 6)))
    data = found[1] if name == "image_gan" else found
    assert data.train.x.shape == (18, 6, 6, 1) and data.train.x.max() > 200


SCRIPTS_OF_DATA = ["compare_losses", "image_gan", "mode_ensemble", "sweep"]


@pytest.mark.parametrize("name", SCRIPTS_OF_DATA)
def test_each_script_takes_stacks_and_long_tails(name):
    settings = runpy.run_path(str(SCRIPTS / f"{name}.py"))["Settings"]

    def load(**given):
        asked = settings(**given)
        if name == "image_gan":
            return from_settings.load_images(asked)[1]
        return from_settings.load(asked)

    stack = load(dataset="stacked_digits", num_tuples=500, seed=3)
    expected = dataset.load("stacked_digits", num_tuples=500, seed=3)
    np.testing.assert_array_equal(stack.train.x, expected.train.x)
    assert stack.num_classes == 100 and len(stack.train.x) == 500
    tail = load(dataset="digits", imbalance=10.0)
    assert np.bincount(tail.train.label)[9] * 10 <= np.bincount(tail.train.label)[0]
    for given, said in (
        ({"dataset": "digits", "imbalance": 1e4}, "--imbalance 10000 leaves class 9"),
        ({"dataset": "digits", "num_tuples": 5}, "--num-tuples 5 is for stacked"),
        ({"dataset": "stacked_ring"}, "must hold images with labels"),
    ):
        with pytest.raises(errors.UserError) as refused:
            load(**given)
        assert said in cli.in_flags(str(refused.value), settings(**given))


@pytest.mark.parametrize("name", [*dataset.NAMES, "stacked_digits"])
def test_data_that_are_built_in_take_no_folder(name, tmp_path):
    asked = settings.Images(dataset=name, data_dir=tmp_path)
    with pytest.raises(errors.UserError, match="--data-dir .*reads no folder"):
        from_settings.load_images(asked)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"optimizer": "lyon"}, "--optimizer lyon: .* did you mean 'lion'"),
        ({"optimizer": "sgd", "betas": (0.9, 0.9)}, "--betas 0.9 0.9: .*sgd has no b1"),
        ({"optimizer_numbers": ("b1:0.5",)}, "b1:0.5: b1 is given by --betas"),
        (
            {"optimizer": "schedule_free", "betas": (0.0, 0.9)},
            "--betas 0.0 0.9: .*schedule_free needs one above 0",
        ),
        ({"optimizer_numbers": ("clip_norm:0",)}, "clip_norm:0: it must be positive"),
        (
            {"optimizer": "sgd", "optimizer_numbers": ("momentum:1",)},
            "momentum:1: it must be below 1",
        ),
        (
            {"optimizer": "adamw", "optimizer_numbers": ("weight_decai:1",)},
            "adamw takes no weight_decai; .*did you mean 'weight_decay'",
        ),
    ],
    ids=[
        "unknown",
        "no betas",
        "twice",
        "divided",
        "clip",
        "momentum",
        "unknown number",
    ],
)
def test_numbers_that_an_optimiser_does_not_take_are_refused(asked, said):
    with pytest.raises(errors.UserError, match=said):
        from_settings.optimizer_numbers(settings.Training(**asked))


def test_both_players_have_the_numbers_of_their_optimiser():
    asked = settings.Training(optimizer="sgd", optimizer_numbers=("momentum:0.5",))
    assert from_settings.optimizer_numbers(asked) == (
        {"learning_rate": 1e-3, "momentum": 0.5},
        {"learning_rate": 3e-4, "momentum": 0.5},
    )
    usual = from_settings.optimizer_numbers(settings.Training())
    assert usual.generator == {"learning_rate": 1e-3, "b1": 0.5, "b2": 0.99}


@dataclasses.dataclass(frozen=True)
class OfWidth(settings.Network):
    """Networks of a script that has a width of its own."""

    width: int | None = 8


@pytest.mark.parametrize(
    ("network", "width", "found"),
    [("mlp", 8, None), ("mlp", None, None), ("conv", 8, 8), ("conv", None, 16)],
)
def test_a_usual_width_is_left_out_where_a_network_has_none(network, width, found):
    asked = OfWidth(network=network, width=width)
    _, described = from_settings.networks_for(
        asked, own(0), labels=False, rule="alternating"
    )
    assert described.get("width") == found


def test_a_width_that_a_network_has_not_and_latents_that_do_not_suit_are_refused():
    how = {"labels": False, "rule": "alternating"}
    with pytest.raises(errors.UserError, match="width=9 is no argument"):
        from_settings.networks_for(OfWidth(network="mlp", width=9), own(0), **how)
    x = np.zeros((4, 2, 4, 4, 1), np.uint8)
    videos = own(0)._replace(train=dataset.Split(x), test=dataset.Split(x))
    asked = OfWidth(network="mocogan", latent_dim=20)
    with pytest.raises(errors.UserError, match="--network mocogan for videos of .*20"):
        from_settings.networks_for(asked, videos, **how)
