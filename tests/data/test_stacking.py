"""Tests of jaxgan.data.stacking, and of stacked datasets."""

import jax
import numpy as np
import pytest

from jaxgan import types
from jaxgan.core import errors
from jaxgan.data import dataset, pool, stacking

TRAIN, TEST, CLASSES = 30, 20, 4


def coded(channels=1, label=True, name="coded"):
    """Images that tell their number in every pixel, held-out ones from 100 on."""

    def part(numbers):
        x = np.broadcast_to(numbers[:, None, None, None], (len(numbers), 3, 2, 1))
        x = np.repeat(x, channels, axis=-1).astype(np.uint8)
        return dataset.Split(x, (numbers % CLASSES).astype(np.int32) if label else None)

    parts = part(np.arange(TRAIN)), part(100 + np.arange(TEST))
    return dataset.Dataset(name, *parts, CLASSES if label else None)


def stacked(depth=3, seed=0, number=200):
    return dataset.from_stack("stack", coded(), depth, seed=seed, num_tuples=number)


@pytest.mark.parametrize("depth", [2, 3])
def test_channels_are_images_of_their_part_and_the_class_is_that_of_the_tuple(depth):
    data = stacked(depth)
    for part, low, high in ((data.train, 0, TRAIN), (data.test, 100, 100 + TEST)):
        assert part.x.shape == (200, 3, 2, depth) and part.x.dtype == np.uint8
        number = part.x[:, 0, 0].astype(int)
        # Every pixel of a channel is of one image, and no image is of the other part.
        np.testing.assert_array_equal(part.x, number[:, None, None] + 0 * part.x)
        assert number.min() >= low and number.max() < high
        written = ["".join(map(str, row % CLASSES)) for row in number]
        expected = [int(text, CLASSES) for text in written]  # in base 4, row-major
        np.testing.assert_array_equal(part.label, expected)
        assert [data.class_names[own] for own in part.label] == written
    assert data.num_classes == CLASSES**depth == len(set(data.class_names))
    np.testing.assert_array_equal(data.stack.train, data.train.x[:, 0, 0])


def test_tuples_follow_from_the_seed_and_the_first_do_not_depend_on_the_number():
    own, again, other = stacked(), stacked(), stacked(seed=1)
    np.testing.assert_array_equal(own.train.x, again.train.x)
    assert not np.array_equal(own.train.x, other.train.x)
    np.testing.assert_array_equal(stacked(number=70).train.x, own.train.x[:70])


def test_every_image_and_every_pair_of_classes_is_drawn_alike():
    rows = stacking.draw(0, 40_000, 2, [10])[0]
    counts = np.histogram2d(*rows.T, bins=10, range=[[0, 10], [0, 10]])[0]
    # Chi-squared of 99 degrees of freedom, five deviations above its mean.
    assert ((counts - 400) ** 2 / 400).sum() < 99 + 5 * np.sqrt(2 * 99)


def test_held_out_tuples_are_no_more_than_are_scored_in_the_published_tables():
    train, test = stacking.draw(0, 30_000, 2, [5, 5])
    assert train.shape == (30_000, 2) and test.shape == (26_000, 2)
    assert not np.array_equal(train[:100], test[:100])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("stacked_digits", (2, "digits")),
        ("stacked2_digits", (2, "digits")),
        ("stacked3_fashion_mnist", (3, "fashion_mnist")),
        ("digits", None),
        ("restacked_digits", None),
    ],
)
def test_a_name_says_channels_and_images(name, expected):
    assert stacking.parse(name) == expected


@pytest.mark.parametrize(
    "name", ["stacked1_digits", "stacked4_x", "stacked2_stacked_x"]
)
def test_other_stacks_are_refused(name):
    with pytest.raises(errors.UserError, match="two or three channels"):
        dataset.load(name)


def test_a_stack_is_loaded_by_name_and_says_what_it_is():
    data = dataset.load("stacked3_digits", num_tuples=50, seed=4)
    assert data.train.x.shape == (50, 8, 8, 3) and data.num_classes == 1000
    assert data.class_names[37] == "037"
    assert "3 images of digits in each sample" in dataset.about(data)
    assert dataset.is_built_in("stacked_digits") and dataset.is_at_hand(
        "stacked_digits"
    )
    assert not dataset.is_at_hand("stacked_mnist")


@pytest.mark.parametrize(
    ("images", "said"),
    [
        (coded(channels=3), "only grey images can"),
        (coded(label=False), "must hold images with labels"),
    ],
    ids=["colours", "no labels"],
)
def test_images_that_cannot_be_stacked_are_refused(images, said):
    with pytest.raises(errors.UserError, match=said):
        dataset.from_stack("stack", images, 2, seed=0, num_tuples=5)


def test_points_cannot_be_stacked_and_numbers_of_tuples_are_for_stacks():
    with pytest.raises(errors.UserError, match="'ring' cannot be stacked"):
        dataset.load("stacked_ring")
    with pytest.raises(errors.UserError, match="num_tuples=5 is for stacked images"):
        dataset.load("digits", num_tuples=5)
    with pytest.raises(errors.UserError, match="num_tuples=0 must be at least 1"):
        dataset.load("stacked_digits", num_tuples=0)


def test_a_sampler_of_tuples_makes_new_ones_at_each_step():
    data = coded().train
    own = pool.put(data.x, label=data.label)
    batch_size, depth = 64, 3
    hparams = types.HParams(types.Pair({}, {}), {})
    draw = pool.draw(depth * batch_size)
    sample = jax.jit(pool.stacked(draw, depth, CLASSES))
    keys = jax.random.split(jax.random.key(0), 2)
    first, second = (sample(own, hparams, key) for key in keys)
    assert first.x.shape == (batch_size, 3, 2, depth)
    number = np.asarray(dataset.to_uint8(first.x))[:, 0, 0].astype(int)
    places = CLASSES ** np.arange(depth - 1, -1, -1)
    np.testing.assert_array_equal(first.label, (number % CLASSES) @ places)
    single = draw(own, hparams, keys[0])
    np.testing.assert_array_equal(first.x[:, :, :, 1], single.x[64:128, :, :, 0])
    tuples = {tuple(row) for row in number.tolist()}
    other = np.asarray(dataset.to_uint8(second.x))[:, 0, 0].astype(int)
    assert len(tuples | {tuple(row) for row in other.tolist()}) > 1.9 * batch_size
    assert pool.stacked(draw, depth)(own, hparams, keys[0]).label is None


def test_a_sampler_of_a_number_that_makes_no_tuples_is_refused():
    own = pool.put(coded().train.x)
    hparams = types.HParams(types.Pair({}, {}), {})
    with pytest.raises(errors.UserError, match="a multiple of depth=3"):
        pool.stacked(pool.draw(64), 3)(own, hparams, jax.random.key(0))
