"""Tests of jaxgan.data.wav, beside files made byte by byte and SciPy's reader."""

import struct

import numpy as np
import pytest
from scipy.io import wavfile

from jaxgan.core import errors
from jaxgan.data import wav

PCM, FLOAT = 1, 3


def riff(body, bits, *, kind=PCM, channels=1, rate=8000, size=None):
    """A WAV file by the specification of its header."""
    frame = channels * bits // 8
    form = struct.pack("<HHIIHH", kind, channels, rate, rate * frame, frame, bits)
    size = len(body) if size is None else size
    chunks = b"fmt " + struct.pack("<I", 16) + form
    chunks += b"data" + struct.pack("<I", size) + body
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks


@pytest.mark.parametrize(
    "bits, body, values",
    [
        (8, bytes([0, 128, 255]), [-1, 0, 127 / 128]),
        (16, struct.pack("<3h", -32768, 1, 32767), [-1, 2**-15, 1 - 2**-15]),
        (24, b"\0\0\x80\1\0\0\xff\xff\xff", [-1, 2**-23, -(2**-23)]),
        (32, struct.pack("<3i", -(2**31), 2**30, -(2**20)), [-1, 0.5, -(2**-11)]),
    ],
)
def test_integers_of_each_width_are_shares_of_full_scale(bits, body, values, tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(riff(body, bits, rate=11_025))
    found = wav.read(path)
    np.testing.assert_array_equal(found.x, np.array(values, np.float32))
    assert found.sample_rate == 11_025 and found.x.dtype == np.float32


def test_another_reader_finds_what_was_written(tmp_path):
    x = np.array([0, 0.5, -0.5, 1, 1.7, -1, -3, 2**-15, 0.49 * 2**-15])
    wav.write(tmp_path / "a.wav", x, 22_050)
    rate, found = wavfile.read(tmp_path / "a.wav")
    expected = [0, 16384, -16384, 32767, 32767, -32768, -32768, 1, 0]
    assert rate == 22_050 and found.dtype == np.int16
    assert found.tolist() == expected
    np.testing.assert_array_equal(
        wav.read(tmp_path / "a.wav").x, np.array(expected, np.float32) / 32768
    )


@pytest.mark.parametrize(
    "content, says",
    [
        (riff(np.zeros(4, "<f4").tobytes(), 32, kind=FLOAT), "cannot be read"),
        (riff(bytes(8), 16, channels=2), "2 channels"),
        (riff(bytes(8), 16, size=20), "10 samples and holds 4"),
        (riff(b"", 16), "0 samples"),
        (riff(bytes(10), 40), "40-bit samples"),
        (riff(bytes(8), 16, rate=0), "16-bit samples, 0 a second"),
        (b"no sound at all", "cannot be read"),
        (b"RIFF", "cannot be read"),
        (b"", "cannot be read"),
    ],
    ids=[
        "float",
        "stereo",
        "truncated",
        "no samples",
        "wide",
        "rate",
        "text",
        "header",
        "empty",
    ],
)
def test_what_is_no_whole_recording_of_one_channel_is_refused(content, says, tmp_path):
    path = tmp_path / "bad.wav"
    path.write_bytes(content)
    with pytest.raises(errors.UserError, match=says) as refused:
        wav.read(path)
    assert "bad.wav" in str(refused.value) and "\n" not in str(refused.value)
