"""Tests of jaxgan.data.clips."""

import numpy as np
import pytest

from jaxgan.core import errors
from jaxgan.data import clips, dataset, wav

RAMP = wav.Wave(np.arange(1, 7, dtype=np.float32) / 32768, 8000)  # 1 ... 6 in 16 bits


def made(recording, **form):
    form = {"pad": "refuse", "normalise": "none"} | form
    x, rate, _ = clips.make([recording], ["a"], clips.Form(**form))
    assert x.shape == (1, form["length"], 1) and x.dtype == np.int16
    return x[0, :, 0].tolist(), rate


@pytest.mark.parametrize(
    "form, expected",
    [
        ({"length": 3}, [1, 2, 3]),
        ({"length": 2, "crop": "middle"}, [3, 4]),
        ({"length": 2, "crop": "loudest"}, [5, 6]),
        ({"length": 6, "crop": "loudest"}, [1, 2, 3, 4, 5, 6]),
        ({"length": 8, "pad": "end"}, [1, 2, 3, 4, 5, 6, 0, 0]),
        ({"length": 9, "pad": "middle"}, [0, 1, 2, 3, 4, 5, 6, 0, 0]),
    ],
)
def test_samples_are_cut_and_padded_where_that_is_asked_for(form, expected):
    assert made(RAMP, **form) == (expected, 8000)


def test_the_loudest_part_is_found_whatever_its_sign():
    x = np.zeros(100, np.float32)
    x[40:50] = -0.9
    x[70:80] = 0.5
    found, _ = made(wav.Wave(x, 8000), length=10, crop="loudest")
    assert found == [round(-0.9 * 32768)] * 10


def test_a_peak_is_at_the_same_height_of_both_signs_and_no_clip_is_shifted():
    x = np.array([0.1, -0.2, 0.0], np.float32)
    found, _ = made(wav.Wave(x, 8000), length=3, normalise="peak")
    scaled = np.array([0.475, -0.95, 0]) * 32768
    np.testing.assert_allclose(found, scaled, atol=0.51)


@pytest.mark.parametrize("rate", [4000, 11_025, 16_000])
def test_resampling_keeps_the_frequency_of_a_tone_and_its_loudness(rate):
    tone = np.sin(2 * np.pi * 440 * np.arange(rate) / rate).astype(np.float32) / 2
    found, new = made(wav.Wave(tone, rate), length=8000, sample_rate=8000, pad="end")
    expected = np.sin(2 * np.pi * 440 * np.arange(8000) / 8000) / 2 * 32768
    inside = slice(200, -200)
    np.testing.assert_allclose(found[inside], expected[inside], atol=200)
    assert new == 8000


def test_to_float_is_the_inverse_of_sixteen_bits():
    x = np.array([-32768, -1, 0, 16384, 32767], np.int16)
    as_float = np.asarray(dataset.to_float(x))
    np.testing.assert_array_equal(as_float, x / np.float32(32768))
    np.testing.assert_array_equal(wav.to_int16(as_float), x)


@pytest.mark.parametrize(
    "form, says",
    [
        ({"length": 7}, "6 samples, fewer than length=7"),
        ({"length": 0}, "length=0"),
        ({"length": 2.5}, "length=2.5"),
        ({"length": 4, "crop": "end"}, "crop='end'"),
        ({"length": 4, "pad": "start"}, "pad='start'"),
        ({"length": 4, "normalise": "rms"}, "normalise='rms'"),
        ({"length": 4, "sample_rate": 0}, "sample_rate=0"),
    ],
)
def test_a_form_that_cannot_be_is_refused(form, says):
    with pytest.raises(errors.UserError, match=says):
        made(RAMP, **form)


def test_silence_has_no_peak_and_mixed_rates_no_common_one():
    silent = wav.Wave(np.zeros(5, np.float32), 8000)
    with pytest.raises(errors.UserError, match="a is silent"):
        made(silent, length=5, normalise="peak")
    assert made(silent, length=5)[0] == [0] * 5
    other = RAMP._replace(sample_rate=16_000)
    form = clips.Form(length=3, pad="end")
    with pytest.raises(errors.UserError, match="a has 8000 .* b has 16000"):
        clips.make([RAMP, other], ["a", "b"], form)
    x, rate, said = clips.make([RAMP, other], "ab", form._replace(sample_rate=8000))
    assert x.shape == (2, 3, 1) and rate == 8000 and "1 resampled" in said[0]
