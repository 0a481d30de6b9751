"""Tests of the suites of stacked images and of long tails, whose modes are known."""

import jax
import numpy as np
import pytest

from jaxgan.data import dataset
from jaxgan.scores import feature_networks, feature_passes, suites

CLASSES, N = 4, 320


def images(number, seed):
    """Noisy images with one bright row, which tells the class."""
    random = np.random.default_rng(seed)
    label = (np.arange(number) % CLASSES).astype(np.int32)
    x = random.integers(0, 60, (number, 8, 8, 1), np.uint8)
    x[np.arange(number), 2 * label] += 160
    return dataset.Split(x, label)


SINGLE = dataset.Dataset("rows", images(160, 0), images(120, 1), CLASSES)
STACK = dataset.from_stack("stacked_rows", SINGLE, 2, seed=0, num_tuples=600)


@pytest.fixture(scope="module")
def scoring():
    return suites.of_dataset(STACK, num_samples=N, seed=0, num_images=8000)


def test_real_tuples_have_all_modes_and_the_reverse_kl_of_as_many_samples(scoring):
    assert "accuracy 1.0000" in scoring.note
    real = scoring.references["held-out real tuples"]
    modes, n = CLASSES**2, N
    assert real["coverage"]["modes"] == [modes]
    floor = (modes - 1) / (2 * n)
    np.testing.assert_allclose(real["coverage"]["floor"], floor, rtol=1e-6)
    # 2 n KL is chi-squared of 15 degrees of freedom, of deviation sqrt(30).
    assert abs(real["coverage"]["reverse_kl"][0] - floor) < 5 * np.sqrt(30) / (2 * n)
    assert real["clipped_coverage"]["value"][0] > 0.8
    own, target = (real["rke_mode_count"][k][0] for k in ("value", "target"))
    assert own == pytest.approx(target, rel=0.1)


def test_a_generator_of_one_tuple_has_one_mode_and_the_whole_entropy_as_its_kl(scoring):
    one = np.asarray(dataset.to_float(STACK.test.x[:1]))
    x = np.stack([np.repeat(one, N, axis=0), np.full((N, *one.shape[1:]), np.nan)])
    found = scoring.suite(x)
    coverage = found["coverage"]
    assert coverage.modes[0] == 1 and coverage.collapsed[0]
    np.testing.assert_allclose(coverage.reverse_kl[0], np.log(CLASSES**2), rtol=1e-5)
    assert coverage.entropy[0] == 0
    # The mode is that of the tuple: the first channel counts for the most.
    assert coverage.histogram[0, STACK.test.label[0]] == N
    assert found["repetition"].value[0] == 1
    assert found["within_class_diversity"].value[0] < 1e-3
    assert coverage.finite[1] == 0
    for name in ("frechet_distance", "memorisation", "repetition", "clipped_density"):
        assert np.isnan(found[name].value[1])


def test_copies_of_training_images_in_new_tuples_are_copies(scoring):
    random = np.random.default_rng(5)
    rows = random.integers(0, 160, (N, 2))
    x = np.stack([SINGLE.train.x[own, ..., 0] for own in rows.T], axis=-1)
    found = scoring.suite(np.asarray(dataset.to_float(x))[None])
    assert found["memorisation"].value[0] == 1
    assert found["memorisation"].floor[0] < 0.1
    assert abs(found["clipped_density"].value[0] - 1) < 0.15


def test_one_image_per_class_has_all_modes_and_repeats_itself(scoring):
    copies = scoring.references["one image per class"]
    assert copies["coverage"]["modes"] == [CLASSES**2]
    np.testing.assert_allclose(copies["coverage"]["reverse_kl"], 0, atol=1e-6)
    assert copies["repetition"]["value"] == [1]
    assert copies["within_class_diversity"]["value"][0] < 1e-3
    assert copies["clipped_coverage"]["value"][0] < 0.6


def test_features_of_stacked_images_are_those_of_their_channels():
    random = np.random.default_rng(0)
    weights = random.normal(size=(64, CLASSES)).astype(np.float32)

    def apply(x):
        flat = x.reshape(len(x), -1) / 255
        return flat[:, :5], flat @ weights

    def check(shape):
        assert shape == (8, 8, 1)

    single = feature_networks.FeatureNetwork(apply, (), check)
    network = feature_networks.stacked(single, 2, CLASSES)
    network.check((8, 8, 2))
    x = STACK.test.x[:9]
    features, probs = feature_passes.opinion(network, x)
    first, second = (feature_passes.opinion(single, x[..., d : d + 1]) for d in (0, 1))
    np.testing.assert_allclose(features, np.hstack([first[0], second[0]]))
    product = first[1][:, :, None] * second[1][:, None]
    np.testing.assert_allclose(probs, product.reshape(9, -1), rtol=1e-4, atol=1e-6)


@pytest.fixture(scope="module")
def tail():
    data = dataset.with_long_tail(SINGLE, 8)
    return data, suites.of_dataset(data, num_samples=N, seed=0, num_images=8000)


def test_a_long_tail_is_scored_by_the_classes_as_they_were(tail):
    data, scoring = tail
    counts = np.bincount(data.train.label)
    np.testing.assert_array_equal(counts, [40, 20, 10, 5])
    assert "accuracy 1.0000" in scoring.note  # the classifier has seen all
    recall = {n: own["class_recall"] for n, own in scoring.references.items()}
    held_out = recall["held-out real images"]
    np.testing.assert_allclose(held_out["tail_recall"], 1, atol=1e-5)
    # 5 of 75 where a quarter should be.
    own = recall["training samples of the long tail"]
    np.testing.assert_allclose(own["tail_recall"], 5 / 75 * 4, rtol=1e-5)
    np.testing.assert_allclose(own["recall"][0][:3], [1, 1, 40 / 75], rtol=1e-5)
    kl = scoring.references["training samples of the long tail"]["coverage"]
    share = counts / 75
    expected = np.sum(share * np.log(4 * share))
    np.testing.assert_allclose(kl["reverse_kl"], expected, rtol=1e-4)


def test_copies_are_those_of_what_was_trained_and_not_of_what_was_left_out(tail):
    data, scoring = tail
    kept = {x.tobytes() for x in data.train.x}
    left = np.array([x.tobytes() not in kept for x in data.whole.x])
    parts = (data.train.x, data.whole.x[left][:75])
    found = scoring.suite(np.stack([np.asarray(dataset.to_float(x)) for x in parts]))
    assert found["memorisation"].value[0] == 1
    assert found["memorisation"].value[1] < 0.3


def test_points_of_the_embedded_mixture_are_scored_in_all_their_dimensions():
    data = dataset.load("veegan_1200d_calibrated", num_samples=300)
    scoring = suites.of_dataset(data, num_samples=300, seed=0)
    real = scoring.references["held-out real points"]
    assert real["coverage"]["modes"] == [10]
    assert real["coverage"]["high_quality"][0] > 0.95
    deviation = real["within_mode_deviation"]
    assert deviation["value"][0] == pytest.approx(1, abs=0.01)
    assert not deviation["warning"][0] and "within_mode_energy" not in real
    narrow = data.mixture.means[data.test.label].astype(np.float32)
    found = jax.device_get(scoring.suite(narrow[None]))
    assert found["coverage"].high_quality[0] == 1
    assert found["within_mode_deviation"].warning[0]
