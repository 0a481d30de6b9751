"""Tests of jaxgan.scores.suites: many seeds are scored as each alone."""

import jax
import numpy as np
import pytest

from jaxgan.core import errors
from jaxgan.data import dataset
from jaxgan.scores import classifier, suites

SEEDS, N = 3, 60


@pytest.fixture(scope="module")
def suite():
    random = np.random.default_rng(0)
    images = random.uniform(-1, 1, (100, 8, 8, 1)).astype(np.float32)
    network = classifier.train_classifier(
        images,
        np.arange(100) % 4,
        num_classes=4,
        key=jax.random.key(0),
        architecture="fully_connected",
        num_epochs=2,
    )
    shares = np.full(4, 0.25)
    return suites.of_classifier(network, 0.5, images, shares, split_size=20)


def test_members_score_as_alone_and_a_dead_one_is_nan(suite):
    x = np.random.default_rng(1).uniform(-1, 1, (SEEDS, N, 8, 8, 1))
    x = (x * [[[[[1.0]]]], [[[[0.5]]]], [[[[np.nan]]]]]).astype(np.float32)
    together = suite(x)
    for seed in range(2):
        alone = suite(x[seed : seed + 1])
        for name, own in together.items():
            leaves = jax.tree.leaves(own), jax.tree.leaves(alone[name])
            for a, b in zip(*leaves, strict=True):
                np.testing.assert_allclose(a[seed], b[0], rtol=1e-5, atol=1e-6)
    for name in ("inception_score", "frechet_distance", "within_class_diversity"):
        assert np.isnan(together[name].value[2])
    assert together["coverage"].finite[2] == 0


def test_a_suite_scores_a_set_and_not_an_order(suite):
    random = np.random.default_rng(2)
    # Ten images that are repeated, in a row, as if they were sorted by class.
    x = random.uniform(-1, 1, (10, 8, 8, 1)).astype(np.float32).repeat(6, axis=0)
    sorted_, shuffled = suite(x[None]), suite(x[random.permutation(N)][None])
    for own, expected in zip(
        jax.tree.leaves(sorted_), jax.tree.leaves(shuffled), strict=True
    ):
        np.testing.assert_allclose(own, expected, rtol=1e-5, atol=1e-6)


def squares(number, classes=3, size=8, seed=0):
    """Noisy images with one bright row, which tells the class; sorted by class."""
    random = np.random.default_rng(seed)
    label = np.sort(np.arange(number) % classes).astype(np.int32)
    x = random.integers(0, 60, (number, size, size, 1), np.uint8)
    x[np.arange(number), 3 * label] += 160  # apart, as images are moved by a pixel
    return dataset.Split(x, label)


def reordered(split, seed):
    rows = np.random.default_rng(seed).permutation(len(split.x))
    return dataset.Split(split.x[rows], split.label[rows])


# Most sets have 90 images and 60 held-out ones, so that they share programs.
def of(train, test, num_samples=200, **more):
    num_classes = 1 + int(max(train.label.max(), test.label.max()))
    data = dataset.Dataset("squares", train, test, num_classes, **more)
    return suites.of_dataset(data, num_samples=num_samples, seed=0, num_images=3000)


def test_the_scores_of_a_dataset_do_not_depend_on_its_order():
    train, test = squares(90), squares(60, seed=1)
    suite, known, note = of(train, test)
    other_panel, other_known, other_note = of(reordered(train, 2), reordered(test, 3))
    assert note == other_note
    own, other = jax.tree.flatten(known), jax.tree.flatten(other_known)
    assert own[1] == other[1]
    for a, b in zip(own[0], other[0], strict=True):
        if isinstance(a, float):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
    # Three classes; in sorted parts of twenty each the score would be 1.
    assert known["held-out real images"]["inception_score"]["value"][0] > 2
    x = np.asarray(dataset.to_float(test.x))[None]
    for a, b in zip(
        jax.tree.leaves(suite(x)), jax.tree.leaves(other_panel(x)), strict=True
    ):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


def test_one_image_per_class_has_no_diversity_where_a_class_is_not_held_out():
    train, test = squares(90), squares(60, seed=1)
    test = dataset.Split(test.x[test.label < 2], test.label[test.label < 2])
    _, known, note = of(train, test, class_names=("ant", "bee", "cat"))
    assert "1 of 3 classes have no held-out samples (cat)" in note
    copies = known["one image per class"]
    assert copies["coverage"]["modes"] == [3]
    diversity, real = (
        known[name]["within_class_diversity"]["value"][0]
        for name in ("one image per class", "held-out real images")
    )
    assert abs(diversity) < 1e-4 * real


def test_a_class_that_has_no_images_at_all_is_no_class_of_the_copies():
    train, test = squares(90, 2), squares(60, 2, seed=1)
    of_three = [own._replace(label=2 * own.label) for own in (train, test)]
    _, known, _ = of(*of_three)
    assert known["one image per class"]["coverage"]["modes"] == [2]
    assert known["one image per class"]["within_class_diversity"]["value"][0] < 1e-4


def test_a_class_that_is_tested_and_not_trained_is_said():
    train, test = squares(90, 2), squares(60, 3, seed=1)
    assert "1 of 3 classes have no training samples (2)" in of(train, test)[2]


@pytest.mark.parametrize("size", [1, 3, 7])
def test_images_of_few_pixels_are_scored(size):
    train, test = (squares(40, 1, size, seed) for seed in (0, 1))
    label = np.arange(40, dtype=np.int32) % 2
    parts = [
        dataset.Split(own.x // 4 + 120 * label[:, None, None, None].astype("u1"), label)
        for own in (train, test)
    ]
    _, known, note = of(*parts)
    assert "accuracy 1.0000" in note
    assert known["held-out real images"]["coverage"]["modes"] == [2]


def test_too_few_samples_are_refused_before_anything_is_trained():
    with pytest.raises(errors.UserError, match="9 training and 1 held-out.*at least 2"):
        of(squares(9), squares(1))
    with pytest.raises(errors.UserError, match="num_samples=9 must be at least 10"):
        of(squares(20), squares(20), num_samples=9)
