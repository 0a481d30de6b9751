"""Tests of jaxgan.data.dataset."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.core import errors
from jaxgan.data import dataset, mixtures


def test_scaling_to_float_and_back_keeps_every_level():
    levels = np.arange(256, dtype=np.uint8)
    x = dataset.to_float(levels)
    assert x.dtype == jnp.float32 and x[0] == -1.0 and x[255] == 1.0
    np.testing.assert_allclose(x, (levels - 127.5) / 127.5, atol=1e-6)
    np.testing.assert_array_equal(dataset.to_uint8(x), levels)


def test_other_images_have_another_fingerprint_wherever_they_lie():
    x = np.arange(300, dtype=np.uint8).reshape(100, 3) % 7
    own = dataset.fingerprint(x)
    assert own == dataset.fingerprint(jnp.asarray(x)) and own.startswith(
        "uint8[100, 3]"
    )
    assert len({own, *map(dataset.fingerprint, (x + 1, x[1:], x.reshape(-1, 1)))}) == 4


def test_points_are_not_scaled():
    x = np.array([-300.0, 0.25, 7.0], np.float32)
    np.testing.assert_array_equal(dataset.to_float(x), x)


def test_values_out_of_range_are_clipped_and_others_rounded():
    x = jnp.array([-2.0, 2.0, -1 + 0.9 / 127.5, -1 + 0.1 / 127.5])
    np.testing.assert_array_equal(dataset.to_uint8(x), [0, 255, 1, 0])


@pytest.mark.parametrize(("name", "num_modes"), [("ring", 8), ("grid", 25)])
def test_a_mixture_is_two_different_pools_labelled_by_mode(name, num_modes):
    found = dataset.load(name, seed=3, num_samples=2000)
    assert found.name == name and found.num_classes == num_modes
    for split in (found.train, found.test):
        assert split.x.shape == (2000, 2) and split.x.dtype == np.float32
        distance = np.linalg.norm(split.x[:, None] - found.mixture.means, axis=-1)
        np.testing.assert_array_equal(distance.argmin(axis=1), split.label)
    assert not np.isin(found.train.x, found.test.x).all(axis=1).any()


def test_the_pool_depends_on_the_seed_alone():
    first, again = (dataset.load("ring", seed=1, num_samples=50) for _ in range(2))
    other = dataset.load("ring", seed=2, num_samples=50)
    np.testing.assert_array_equal(first.train.x, again.train.x)
    assert not np.array_equal(first.train.x, other.train.x)


def test_any_variant_can_be_a_dataset():
    mixture = mixtures.VARIANTS["wgan_gp_ring"]
    found = dataset.from_mixture("wgan_gp_ring", mixture, seed=0, num_samples=500)
    radius = np.linalg.norm(found.train.x, axis=1)
    np.testing.assert_allclose(radius, 2.0 / 1.414, atol=6 * 0.02 / 1.414)


def test_digits_are_labelled_images():
    found = dataset.load("digits")
    assert found.num_classes == 10 and found.mixture is None
    assert found.train.x.shape[1:] == (8, 8, 1) and found.train.x.dtype == np.uint8
    assert len(found.train.x) + len(found.test.x) == 1797


def test_a_dataset_can_be_put_on_the_device_as_it_is():
    split = jax.device_put(dataset.load("digits").test)
    assert isinstance(split.x, jax.Array) and split.x.dtype == jnp.uint8


def test_an_empty_pool_is_refused():
    with pytest.raises(errors.UserError, match="num_samples is 0"):
        dataset.load("ring", num_samples=0)


def of_labels(train, test, num_classes, names=None):
    parts = (
        dataset.Split(np.zeros((len(label), 2, 2, 1), np.uint8), np.array(label))
        for label in (train, test)
    )
    return dataset.Dataset("own", *parts, num_classes, class_names=names)


def test_a_dataset_is_told_with_its_counts_and_names():
    data = of_labels([0, 0, 1], [1], 3, ("cat", "dog", "emu"))
    said = "own: 3 training and 1 held-out samples"
    assert dataset.about(data) == f"{said}; by class cat: 2 + 0, dog: 1 + 1, emu: 0 + 0"
    assert dataset.record(data)["class_names"] == ["cat", "dog", "emu"]
    assert dataset.names_of(of_labels([0], [0], 2)) == ("0", "1")
    many = of_labels(list(range(30)) * 2 + [3], list(range(29)), 30)
    assert dataset.about(many).endswith("; of each of 30 classes 2 to 3 and 0 to 1")
    unlabelled = data._replace(train=data.train._replace(label=None))
    assert dataset.about(unlabelled) == said
    assert set(dataset.record(unlabelled)) == {"data"}


@pytest.mark.parametrize(
    "name", [*(own for own in dataset.NAMES if own != dataset.CHIRPS), "mnist"]
)
def test_a_range_is_refused_where_it_would_say_nothing(name):
    with pytest.raises(errors.UserError, match="value_range is .0, 1., but"):
        dataset.load(name, value_range=(0.0, 1.0))
