"""How often which training samples are drawn, from settings."""

import dataclasses
import pathlib
import types

import jax
import numpy as np
import pytest

from jaxgan import ensembles
from jaxgan.core import errors
from jaxgan.data import dataset, modes, sampling
from jaxgan.scripts import drawing, ensemble_comparison, from_settings, settings

RANDOM = np.random.default_rng(0)
SHAPE = (4, 4, 1)


def images(label, name="files", shape=SHAPE):
    x = RANDOM.integers(0, 256, (len(label), *shape), np.uint8)
    x[:, 0, 0] = np.asarray(label)[:, None]
    split = dataset.Split(x, np.asarray(label, np.int32))
    return dataset.Dataset(name, split, split, len(set(label)))


LABEL = np.repeat([0, 1, 3], [40, 8, 2])
DATA = images(LABEL)


@dataclasses.dataclass(frozen=True)
class Asked(settings.Images):
    seed: int = 0


@dataclasses.dataclass(frozen=True)
class Ensemble(settings.Ensemble):
    modes: str = "labels"
    data_dir: pathlib.Path | None = None


def shares(drawn, number=20_000):
    """How often each label is drawn."""
    index = sampling.indices(
        drawn.modes, drawn.mode_weights, len(drawn.x), number, jax.random.key(0)
    )
    return np.bincount(np.asarray(index), minlength=len(drawn.x)) / number


def test_data_are_drawn_alike_unless_asked_otherwise():
    drawn = drawing.make(Asked(), DATA)
    assert drawn.x is DATA.train.x and drawn.modes is drawn.mode_weights is None
    assert drawing.rows(drawn, 3) is None


@pytest.mark.parametrize("temperature", [0.0, 0.5, 1.0])
def test_classes_are_drawn_by_their_tempered_counts(temperature):
    asked = Asked(balance="class", balance_temperature=temperature)
    drawn = drawing.make(asked, DATA)
    counts = np.array([40.0, 8.0, 2.0]) ** temperature
    expected = counts / counts.sum()
    found = shares(drawn)
    by_class = [found[LABEL == k].sum() for k in (0, 1, 3)]
    np.testing.assert_allclose(by_class, expected, atol=0.02)
    # Within a class all samples alike.
    np.testing.assert_allclose(found[LABEL == 1], expected[1] / 8, atol=0.01)
    assert drawing.rows(drawn, 3).shape == (3, 3)


@pytest.mark.parametrize("temperature", [None, 0.0, 0.5])
def test_labels_come_as_often_as_their_samples_are_drawn(temperature):
    balance = {} if temperature is None else {"balance": "class"}
    asked = Asked(**balance, balance_temperature=temperature or 0.0)
    drawn = drawing.make(asked, DATA)
    power = 1 if temperature is None else temperature
    counts = np.array([40.0**power, 8.0**power, 0, 2.0**power])
    found = drawing.label_shares(drawn, LABEL, 4)
    np.testing.assert_allclose(found, counts / counts.sum(), rtol=1e-6)


def test_labels_of_balanced_clusters_count_as_their_clusters_do():
    found = modes.from_labels(np.array([0] * 6 + [1] * 2))
    drawn = drawing.Drawn(np.zeros((8, 1)), found, np.array([0.5, 0.5]))
    label = np.array([0, 0, 0, 1, 1, 1, 1, 2])
    # Half of the draws are of six samples, half of two.
    expected = [1.5 / 6, 1.5 / 6 + 0.5 / 2, 0.5 / 2]
    np.testing.assert_allclose(drawing.label_shares(drawn, label, 3), expected)


def test_baselines_are_of_the_data_and_not_of_further_images():
    own = modes.from_labels(LABEL // 3)
    for num_extra, found in ((0, own), (7, modes.with_extra(own, len(LABEL), 7))):
        experiment = types.SimpleNamespace(
            data=types.SimpleNamespace(modes=found), num_extra=num_extra
        )
        plan = ensemble_comparison._parts(experiment)
        np.testing.assert_allclose(plan.weights, [48 / 50, 2 / 50], rtol=1e-6)
        assert plan.mode_weights.shape == (2, len(found.counts))
        np.testing.assert_array_equal(plan.mode_weights[:, :2], np.eye(2))


def test_clusters_are_balanced_too():
    x = np.repeat(np.array([[0.0, 0], [9, 9]]), [30, 3], 0).astype(np.float32)
    x += RANDOM.normal(size=x.shape).astype(np.float32) / 10
    split = dataset.Split(x, None)
    data = dataset.Dataset("points", split, split)
    drawn = drawing.make(Asked(balance="cluster", balance_clusters=2), data)
    np.testing.assert_allclose(shares(drawn)[30:].sum(), 0.5, atol=0.02)


@pytest.mark.parametrize("balance", [None, "class"])
def test_a_share_of_each_batch_is_of_the_extra_images(balance, tmp_path):
    own = images(np.zeros(30, int)).train.x
    np.save(tmp_path / "extra.npy", own)
    asked = Asked(
        balance=balance, extra_data=str(tmp_path / "extra.npy"), extra_share=0.3
    )
    drawn = drawing.make(asked, DATA)
    assert len(drawn.x) == 80
    np.testing.assert_array_equal(np.sort(drawn.x[50:], axis=0), np.sort(own, axis=0))
    found = shares(drawn)
    np.testing.assert_allclose(found[50:].sum(), 0.3, atol=0.02)
    tail = found[:50][LABEL == 3].sum()
    expected = 0.7 / 3 if balance else 0.7 * 2 / 50
    np.testing.assert_allclose(tail, expected, atol=0.015)


def test_extra_images_are_resized_to_the_datasets():
    drawn = drawing.make(Asked(extra_data="digits"), DATA)
    assert len(drawn.x) == 50 + 1797 and drawn.x.shape[1:] == SHAPE


def without_labels(data):
    train = data.train._replace(label=None)
    return data._replace(train=train, num_classes=None)


@pytest.mark.parametrize(
    ("changed", "data", "said"),
    [
        ({"balance": "class"}, without_labels(DATA), "--balance class: .* no labels"),
        ({"balance": "cluster"}, without_labels(DATA), "give --balance-clusters"),
        (
            {"balance": "cluster", "balance_clusters": 99},
            DATA,
            "--balance-clusters 99: num_modes is 99",
        ),
        (
            {"balance": "class", "balance_clusters": 2},
            DATA,
            "--balance-clusters 2: it goes with --balance cluster",
        ),
        (
            {"balance": "cluster", "balance_clusters": 0},
            DATA,
            "--balance-clusters 0: num_modes is 0",
        ),
        ({"extra_data": "nonsense"}, DATA, "--extra-data nonsense"),
        ({"extra_data": "digits", "labels": True}, DATA, "without --labels"),
        (
            {"extra_data": "digits"},
            images(LABEL, shape=(4, 4, 3)),
            "--extra-data digits: its images have 1 channels",
        ),
    ],
)
def test_what_cannot_be_drawn_is_refused(changed, data, said):
    with pytest.raises(errors.UserError, match=said):
        drawing.make(Asked(**changed), data)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"ada_images": 9.0}, "--ada-images 9.0: it goes with --ada-target"),
        ({"balance_temperature": 0.5}, "--balance-temperature 0.5: it goes with"),
        ({"extra_share": 0.5}, "--extra-share 0.5: it goes with --extra-data"),
        ({"ada_target": 0.6}, "--ada-target 0.6: it needs augmentations"),
        ({"augment": ("color",)}, "--augment color: .*'saturation'"),
    ],
)
def test_settings_that_say_nothing_alone_are_refused(changed, said):
    with pytest.raises(errors.UserError, match=said):
        from_settings.augmented(Ensemble(**changed), DATA)


def test_an_ensemble_learns_balanced_modes_whoever_learns_them():
    found = modes.from_labels(np.unique(LABEL, return_inverse=True)[1])
    asked = Ensemble(balance="class", balance_temperature=0.5)
    shares = np.sqrt([40, 8, 2]) / np.sqrt([40, 8, 2]).sum()
    for given in (ensembles.per_mode(found), ensembles.bagged(found, 2)):
        own = drawing.plan(asked, found, given)
        rows = own.mode_weights / own.mode_weights.sum(-1, keepdims=True)
        np.testing.assert_allclose(own.weights @ rows, shares, rtol=1e-5)
        assert ((own.mode_weights > 0) == (given.mode_weights > 0)).all()
        np.testing.assert_allclose(own.weights.sum(), 1, rtol=1e-6)
    as_it_is = drawing.plan(Ensemble(), found, ensembles.per_mode(found))
    np.testing.assert_array_equal(as_it_is.mode_weights, np.eye(3))
    extra = dataclasses.replace(asked, extra_data="digits", extra_share=0.25)
    own = drawing.plan(extra, found, ensembles.per_mode(found))
    np.testing.assert_allclose(own.mode_weights[:, -1], 0.25)
    np.testing.assert_allclose(own.mode_weights[:, :-1], 0.75 * np.eye(3))


def test_an_ensemble_balances_its_own_modes_alone():
    with pytest.raises(errors.UserError, match="--balance cluster: the modes are"):
        drawing.check(Ensemble(balance="cluster"), DATA)
    drawing.check(Ensemble(balance="class"), DATA)


def test_an_example_of_the_pool_is_like_it():
    drawn = drawing.make(Asked(balance="class"), DATA)
    found = drawing.example(drawn, LABEL)
    assert found.x.shape == (1, *SHAPE) and found.label.shape == (1,)
    assert found.modes.table.shape == (3, 1)
