"""The script that asks discriminators what they know, and what it reads of a run."""

import importlib.util
import json
import pathlib
import re
import sys

import jax
import numpy as np
import pytest
import warm_python

from jaxgan import checkpoint, gan, population, runs, steps, types
from jaxgan.core import errors
from jaxgan.data import dataset
from jaxgan.ensembles import saved_discriminators
from jaxgan.scores import probes
from jaxgan.scripts import cli

SCRIPT = pathlib.Path(__file__).parents[2] / "experiments" / "probe.py"
EIGHT = {
    "architecture": "mlp",
    "shape": [8, 8, 1],
    "hidden": [6],
    "latent_dim": 2,
    "bounded": True,
}
LABELLED = EIGHT | {"num_classes": 10, "discriminator_conditioning": "projection"}


def members(described, alive):
    """A population whose weights NumPy has drawn."""
    key = jax.eval_shape(lambda: jax.random.key(0))
    random, number = np.random.default_rng(0), len(alive)
    params, collections = jax.tree.map(
        lambda leaf: random.normal(size=(number, *leaf.shape)).astype(np.float32) / 4,
        jax.eval_shape(gan.build(described).init, key),
    )
    state = types.TrainState(
        np.full(number, 7, np.int32),
        params,
        collections,
        types.Pair({}, {}),
        jax.tree.map(lambda leaf: 2 * leaf, params.generator),
        np.array(alive),
    )
    rate = {"learning_rate": np.ones(number, np.float32)}
    hparams = types.HParams(types.Pair(rate, rate), {})
    words = np.arange(2 * number, dtype=np.uint32).reshape(number, 2)
    return runs.Members(hparams, state, jax.random.wrap_key_data(words))


def keep(folder, kept, described, **more):
    manager = checkpoint.open(folder)
    checkpoint.save(manager, 7, kept, {}, {"gan": described, **more})
    checkpoint.close(manager)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of two arms on digits, the second member of the first one dead."""
    folder = tmp_path_factory.mktemp("run")
    own = members(EIGHT, [True, False]), members(LABELLED, [True])
    for name, kept, described in zip("ab", own, (EIGHT, LABELLED), strict=True):
        keep(folder / "checkpoints" / name, kept, described)
    config = {"dataset": "digits", "loss": "minimax", "seed": 3}
    config["data"] = dataset.fingerprint(dataset.load("digits").train.x)
    (folder / "config.json").write_text(json.dumps(config))
    return folder, dict(zip("ab", own, strict=True))


@pytest.fixture(scope="module")
def found(run):
    """The script's record of the run."""
    spec = importlib.util.spec_from_file_location("probe", SCRIPT)
    script = sys.modules["probe"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    out = run[0] / "found"
    # Images that the run has held out are as real as they are.
    asked = {"labels_per_class": 5, "samples": 40, "outside": "digits:test"}
    asked = script.Settings(run[0], out=out, **asked)
    cli.run(script.main, asked)
    return json.loads((out / "scores.json").read_text())


def forward(params, member, x):
    """A member's hidden layer and, but for its label, its logits, by NumPy."""
    own = jax.tree.map(lambda leaf: leaf[member], params.discriminator)
    hidden = x.reshape(len(x), -1) @ own["Dense_0"]["kernel"] + own["Dense_0"]["bias"]
    hidden = np.maximum(hidden, 0.2 * hidden)
    head = own["Head_0"]
    return hidden, hidden @ head["Dense_0"]["kernel"] + head["Dense_0"]["bias"], head


def test_each_member_is_probed_by_its_own_layers_and_labels(run, found):
    data = dataset.load("digits")
    x, held_out = (np.float32(own.x) / 127.5 - 1 for own in (data.train, data.test))
    rows = probes.subset(data.train.label, 5, (0, 0))
    told = np.asarray(data.train.label)[rows]
    expected = {
        "pixels": (x[rows].reshape(50, -1), held_out.reshape(len(held_out), -1)),
        **{
            arm: [
                forward(run[1][arm].state.params, 0, own)[0]
                for own in (x[rows], held_out)
            ]
            for arm in "ab"
        },
    }
    values = {
        name: probes.accuracy(own, told, test, data.test.label).value
        for name, (own, test) in expected.items()
    }
    close = {"abs": 1.5 / len(held_out)}
    assert found["raw_pixels"]["value"][0] == pytest.approx(values["pixels"], **close)
    for arm in "ab":
        own = found["arms"][arm]["trained"]
        assert own["value"][0] == pytest.approx(values[arm], **close)
        assert own["protocol"]["num_labels"] == 50
    assert len(found["raw_pixels"]["value"]) == 2
    assert found["raw_pixels"]["value"][0] != found["raw_pixels"]["value"][1]


def test_beside_a_member_are_the_weights_that_it_began_with(run, found):
    data, networks = dataset.load("digits"), gan.build(EIGHT)
    state = population.init(
        steps.initialise(networks), run[1]["a"].hparams, run[1]["a"].keys
    )
    for i, value in enumerate(found["arms"]["a"]["untrained"]["value"]):
        rows = probes.subset(data.train.label, 5, (0, i))
        x, held_out = (
            forward(state.params, i, np.float32(own) / 127.5 - 1)[0]
            for own in (np.asarray(data.train.x)[rows], data.test.x)
        )
        told = np.asarray(data.train.label)[rows]
        expected = probes.accuracy(x, told, held_out, data.test.label).value
        assert value == pytest.approx(expected, abs=1.5 / len(held_out))


def test_a_dead_member_has_no_scores_and_leaves_those_of_others_alone(found):
    own = found["arms"]["a"]
    for name in ("trained", "area_under_curve", "calibration_error"):
        alive, dead = own[name]["value"]
        assert 0 <= alive <= 1 and dead == "NaN"
    assert all(0 < value < 1 for value in own["untrained"]["value"])


def test_a_conditional_discriminator_tells_classes_by_what_looks_most_real(run, found):
    test = dataset.load("digits").test
    x, params = np.float32(test.x) / 127.5 - 1, run[1]["b"].state.params
    hidden, logits, head = forward(params, 0, x)
    (table,) = (
        leaf
        for leaf in jax.tree.leaves({k: head[k] for k in head if k != "Dense_0"})
        if leaf.shape == (10, 6)
    )
    guess = np.argmax(logits + hidden @ table.T, axis=1)
    (value,) = found["arms"]["b"]["class_accuracy"]["value"]
    assert value == pytest.approx(np.mean(guess == test.label), abs=1e-6)
    assert "class_accuracy" not in found["arms"]["a"]


def test_samples_of_the_same_distribution_are_not_told_from_it(found):
    alive, dead = found["arms"]["a"]["outside_area"]["value"]
    assert alive == pytest.approx(0.5, abs=1e-6) and dead == "NaN"
    value = found["arms"]["a"]["area_under_curve"]["value"][0]
    assert abs(value - 0.5) > 1e-3


def test_what_is_kept_comes_back_by_member(run):
    arms = saved_discriminators.arms(run[0])
    assert [*arms] == ["a", "b"]
    kept, own = saved_discriminators.load(arms["a"]), run[1]["a"]
    for name in ("params", "collections", "ema", "alive"):
        jax.tree.map(
            np.testing.assert_array_equal,
            getattr(kept.state, name),
            getattr(own.state, name),
        )
    assert kept.description["gan"] == EIGHT and not kept.skipped


def test_discriminators_that_are_shared_or_of_unknown_networks_are_refused(tmp_path):
    own = members(EIGHT, [True])
    pair = own.state.params
    several = jax.tree.map(lambda leaf: np.stack([leaf] * 2, axis=1), pair.generator)
    shared = own.state._replace(params=pair._replace(generator=several))
    keep(tmp_path / "shared", own._replace(state=shared), EIGHT)
    with pytest.raises(errors.UserError, match="a discriminator of its own"):
        saved_discriminators.load(tmp_path / "shared")
    keep(tmp_path / "sweep", own, None)
    with pytest.raises(errors.UserError, match="which networks.*--probe-labels"):
        saved_discriminators.load(tmp_path / "sweep")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["none"], "RUN none: none has no checkpoints of discriminators"),
        (["RUN", "--arm", "c"], "--arm c: there is a, b"),
        (
            ["RUN", "--labels-per-class", 500],
            "--labels-per-class 500: .*smallest class",
        ),
        (["RUN", "--labels-per-class", 0], "--labels-per-class 0: .*at least 1"),
        (["RUN", "--samples", 0], "--samples 0: .*at least 1"),
        (["RUN", "--outside", "nowhere"], "--outside nowhere: "),
    ],
)
def test_bad_input_is_one_sentence(words, said, run, refused, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = [run[0] if word == "RUN" else word for word in words]
    sentence = refused("probe", *words)
    assert re.search(said, sentence) and sentence.count("\n") == 1, sentence
    assert not [*tmp_path.iterdir()]


def test_a_run_that_does_not_know_its_data_is_refused(run, refused, tmp_path):
    (tmp_path / "checkpoints").symlink_to(run[0] / "checkpoints")
    sentence = refused("probe", tmp_path)
    assert "config.json does not say which data the run was on" in sentence
    config = json.loads((run[0] / "config.json").read_text()) | {"data": "others"}
    (tmp_path / "config.json").write_text(json.dumps(config))
    sentence = refused("probe", tmp_path)
    assert "the training samples were others and are uint8[1433" in sentence


def test_layers_that_do_not_exist_are_named(run, refused, tmp_path):
    words = ["--labels-per-class", 5, "--layers", "Conv_1", "--arm", "a"]
    sentence = refused("probe", run[0], *words, "--out", tmp_path / "out")
    assert (
        sentence.startswith("error: --layers Conv_1: ")
        and "choose one of features" in sentence
    )
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_losses_are_probed_and_their_run_can_be_probed_anew(tmp_path):
    def started(script, *words):
        return warm_python.run([SCRIPT.with_name(script), *words], cwd=tmp_path)

    losses = ["--losses", "minimax", "wgan_clip"]
    result = started("probe_losses.py", "--smoke", *losses, "--out", "run")
    assert result.returncode == 0, result.stderr
    record = json.loads((tmp_path / "run" / "scores.json").read_text())
    assert [*record["arms"]] == losses[1:]
    assert "calibration_error" not in record["arms"]["wgan_clip"]
    words = ("--labels-per-class", "20", "--samples", "100", "--out", "anew")
    result = started("probe.py", "run", *words)
    assert result.returncode == 0, result.stderr
    anew = json.loads((tmp_path / "anew" / "scores.json").read_text())
    for name, own in record["arms"].items():
        np.testing.assert_allclose(
            anew["arms"][name]["trained"]["value"], own["trained"]["value"], atol=5e-3
        )
