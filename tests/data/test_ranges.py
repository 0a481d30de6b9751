"""Tests of jaxgan.data.ranges: which values are black and white."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxgan.core import errors
from jaxgan.data import dataset, ranges, samples

LEVELS = np.random.default_rng(0).integers(0, 256, (12, 6, 5), np.uint8)
SCALES = {(0.0, 1.0): LEVELS / 255, (-1.0, 1.0): LEVELS / 127.5 - 1}


def found(*arrays, asked=None):
    return ranges.find("a.npz", {f"x{i}": x for i, x in enumerate(arrays)}, asked)


@settings(max_examples=30, deadline=None)
@given(
    st.sampled_from(sorted(SCALES)),
    st.sampled_from([np.float16, np.float32, np.float64]),
    st.floats(-1 / 512, 1 / 512),
    st.integers(0, LEVELS.size - 1),
)
def test_one_pixel_beyond_the_end_by_less_than_half_a_level_changes_nothing(
    values, dtype, more, place
):
    x = SCALES[values].astype(dtype)
    x.reshape(-1)[place] = values[0] + more if more < 0 else values[1] + more
    assert found(x) == values
    levels = ranges.to_bytes(x, found(x))[..., 0]
    expected = LEVELS.copy()
    expected.reshape(-1)[place] = 0 if more < 0 else 255
    np.testing.assert_array_equal(levels, expected)


@pytest.mark.parametrize("way", ["dataset", "samples"])
def test_a_pixel_of_minus_one_ten_millionth_does_not_rescale_all(way, tmp_path):
    x = LEVELS / 255
    x[3, 2, 1] = -1e-7
    x[4, 2, 1] = 1 + 1e-6
    np.save(tmp_path / "x.npy", x)
    expected = LEVELS.copy()
    expected[3, 2, 1], expected[4, 2, 1] = 0, 255
    if way == "dataset":
        read = dataset.load("files", data_dir=str(tmp_path / "x.npy"))
        assert any("read as [0, 1]" in note for note in read.notes)
        both = np.concatenate([read.train.x, read.test.x])
        assert both.sum(dtype=int) == expected.sum(dtype=int)
    else:
        read = samples.find(str(tmp_path / "x.npy"))
        assert read.facts == {"values": "read from [0, 1]"}
        np.testing.assert_array_equal(read.read(np.arange(12))[..., 0], expected)


@pytest.mark.parametrize("low", [-0.003, -0.05, -0.4, -0.8, -1.0])
def test_a_few_negative_values_are_refused_and_an_answer_decides(low):
    x = LEVELS / 255
    x[3, 2, 1] = low
    with pytest.raises(errors.UserError, match="negative: too little for .-1, 1. and"):
        found(x)
    assert found(x, asked=(-1.0, 1.0)) == (-1.0, 1.0)
    with pytest.raises(errors.UserError, match=r"outside of \[0, 1\]"):
        found(x, asked=(0.0, 1.0))


def test_images_that_are_hardly_negative_are_refused():
    with pytest.raises(errors.UserError, match="too little for"):
        found(SCALES[-1.0, 1.0] * 0.3)


def test_one_range_is_read_from_all_parts_together():
    bright = np.full((2, 6, 5), 0.5)
    assert found(SCALES[-1.0, 1.0], bright) == (-1.0, 1.0)
    assert found(bright, SCALES[0.0, 1.0].astype(np.float32)) == (0.0, 1.0)
    with pytest.raises(errors.UserError, match="float64 and uint8; save them"):
        found(SCALES[0.0, 1.0], LEVELS)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_masks_that_would_be_almost_black_are_refused_and_an_answer_decides(dtype):
    mask = (LEVELS > 128).astype(np.uint8)
    x = mask if dtype == np.uint8 else (mask / 255).astype(dtype)
    with pytest.raises(errors.UserError, match="almost black.*value_range"):
        found(x)
    asked = (0.0, float(x.max()))
    np.testing.assert_array_equal(
        ranges.to_bytes(x, found(x, asked=asked))[..., 0], 255 * mask
    )
    dark = (0.0, 255.0) if dtype == np.uint8 else (0.0, 1.0)
    np.testing.assert_array_equal(
        ranges.to_bytes(x, found(x, asked=dark))[..., 0], mask
    )


def test_truth_values_are_black_and_white_and_black_is_black():
    mask = LEVELS > 128
    np.testing.assert_array_equal(
        ranges.to_bytes(mask, found(mask))[..., 0], np.where(mask, 255, 0)
    )
    assert found(np.zeros((2, 3, 3), np.uint8)) == ranges.BYTES


@pytest.mark.parametrize("dtype", [np.uint16, np.int64, np.float32])
def test_an_answer_opens_other_numbers(dtype):
    white = 65535.0 if dtype == np.uint16 else 255.0
    x = (LEVELS * (white / 255)).astype(dtype)
    with pytest.raises(errors.UserError, match="must be uint8 in 0..255"):
        found(x)
    values = found(x, asked=(0.0, white))
    np.testing.assert_array_equal(ranges.to_bytes(x, values)[..., 0], LEVELS)


@pytest.mark.parametrize("asked", [(1.0, 1.0), (1.0, 0.0), (0.0, np.nan)])
def test_an_answer_must_be_a_range(asked):
    with pytest.raises(errors.UserError, match="value_range is"):
        found(SCALES[0.0, 1.0], asked=asked)
    with pytest.raises(errors.UserError, match="nan"):
        found(np.full((2, 3, 3), np.nan), asked=(0.0, 1.0))


def test_both_sides_of_a_score_are_read_by_one_range(tmp_path):
    np.save(tmp_path / "real.npy", SCALES[-1.0, 1.0])
    np.save(tmp_path / "bright.npy", SCALES[0.0, 1.0])
    np.save(tmp_path / "bytes.npy", LEVELS)
    read = {
        path.stem: samples.find(str(path), value_range=None)
        for path in tmp_path.iterdir()
    }
    samples.check_alike(read["real"], read["bytes"])
    with pytest.raises(errors.UserError, match="different ranges"):
        samples.check_alike(*read.values())
    asked = samples.find(str(tmp_path / "bright.npy"), value_range=(-1.0, 1.0))
    samples.check_alike(read["real"], read["bytes"], asked)
