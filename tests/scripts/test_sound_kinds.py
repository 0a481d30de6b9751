"""Tests of jaxgan.scripts.sound_kinds: what is asked for in flags, and what is not."""

import dataclasses
import wave

import numpy as np
import pytest

from jaxgan.core import errors
from jaxgan.data import wav
from jaxgan.scripts import settings, sound_kinds


@dataclasses.dataclass(frozen=True)
class Asked(settings.Sounds):
    seed: int = 0


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Three recordings, of which the first is shorter than the others."""
    monkeypatch.delenv("JAXGAN_DATA_DIR", raising=False)
    for i, length in enumerate((300, 400, 400)):
        wav.write(tmp_path / f"{i}.wav", np.linspace(-0.5, 0.5, length), 8000)
    return tmp_path


def test_flags_say_what_is_made_of_recordings_and_the_user_is_told(folder, capsys):
    asked = Asked(
        dataset="sounds", data_dir=folder, length=350, pad="middle", normalise="none"
    )
    found, data = sound_kinds.load(asked)
    assert found.dataset == "sounds" and data.sample_rate == 8000
    assert data.train.x.shape[1:] == (350, 1)
    said = capsys.readouterr().out
    assert "2 cropped (start), 1 padded (middle)" in said and "none" in said


def test_chirps_are_the_dataset_where_spoken_digits_are_not_at_hand(folder, capsys):
    asked, data = sound_kinds.load(Asked(length=1024))
    assert asked.dataset == "chirps" and data.sweeps.length == 1024
    assert "spoken_digits are not at hand" in capsys.readouterr().out


@pytest.mark.parametrize(
    "flags, says",
    [
        ({"dataset": "sounds", "length": 350}, "0.wav has 300 samples"),
        ({"dataset": "sounds", "length": 300, "labels": True}, "--labels"),
        ({"dataset": "sounds", "length": 100}, "--length 100"),
        ({"dataset": "mnist"}, "--dataset mnist"),
        ({"dataset": "chirps"}, "--data-dir"),
        ({}, "--data-dir"),
    ],
)
def test_what_cannot_be_is_said_of_its_flag(flags, says, folder):
    with pytest.raises(errors.UserError, match=says):
        sound_kinds.load(Asked(data_dir=folder, **flags))


def test_flags_of_recordings_are_not_ignored_by_chirps(folder):
    for flags in ({"crop": "middle"}, {"pad": "end"}, {"normalise": "none"}):
        with pytest.raises(errors.UserError, match=f"--{next(iter(flags))}"):
            sound_kinds.load(Asked(dataset="chirps", **flags))


def test_stereo_is_refused_with_the_name_of_the_file(folder):
    with wave.open(str(folder / "3.wav"), "wb") as file:
        file.setparams((2, 2, 8000, 0, "NONE", ""))
        file.writeframes(bytes(1600))
    with pytest.raises(errors.UserError, match="3.wav has 2 channels"):
        sound_kinds.load(Asked(dataset="sounds", data_dir=folder, length=300))


def test_wav_files_have_the_clips_in_their_order_and_a_dead_seed_has_none(folder):
    x = np.stack([np.full((400, 1), 0.25), np.full((400, 1), -0.5)])
    dead = np.full_like(x, np.nan)
    sound_kinds.keep(folder, {"seed 0": x, "seed 1": dead}, sample_rate=4000)
    found = wav.read(folder / "seed-0.wav")
    expected = [0.25] * 400 + [0] * 400 + [-0.5] * 400 + [0] * 400
    np.testing.assert_array_equal(found.x, np.array(expected, np.float32))
    assert found.sample_rate == 4000 and not (folder / "seed-1.wav").exists()
