"""The script of GANs of sounds, run as a user runs it."""

import json
import os
import pathlib

import numpy as np
import pytest
import warm_python
from PIL import Image
from scipy.io import wavfile

from jaxgan.data import wav

SCRIPT = pathlib.Path(__file__).parents[2] / "experiments" / "sound_gan.py"


def run(*arguments, cwd):
    own = {name: own for name, own in os.environ.items() if name != "JAXGAN_DATA_DIR"}
    own |= {"TFDS_DATA_DIR": str(cwd / "none")}
    return warm_python.run([SCRIPT, *arguments], cwd=cwd, env=own)


@pytest.fixture(scope="module")
def smoke(tmp_path_factory):
    """Folder of a smoke run on chirps, and what it printed."""
    folder = tmp_path_factory.mktemp("smoke")
    keep = ("--keep", "best:matched_energy", "--evaluations", 1)
    result = run("--smoke", *keep, "--out", "run", cwd=folder)
    assert result.returncode == 0, result.stderr
    return folder / "run", result.stdout


def test_a_run_keeps_wav_files_spectrograms_and_what_any_run_keeps(smoke):
    folder, printed = smoke
    names = {path.name for path in folder.iterdir()}
    assert {
        "real.wav",
        "seed-0.wav",
        "seed-1.wav",
        "samples.png",
        "report.html",
    } < names
    assert {"scores.json", "mixture-generator-1.safetensors"} < names
    assert "dataset chirps, because spoken_digits are not at hand" in printed
    config = json.loads((folder / "config.json").read_text())
    assert (config["dataset"], config["length"]) == ("chirps", 1024)
    assert config["gan"]["shape"] == [1024, 1] and len(config["class_names"]) == 10
    assert config["data"].startswith("int16[4000, 1024, 1] ")


def test_the_weights_that_are_kept_were_chosen_by_samples_that_no_score_has(smoke):
    folder, printed = smoke
    record = json.loads((folder / "scores.json").read_text())
    kept, scored = record["kept"], record["scores"]["matched_energy"]["value"]
    assert kept["by"] == "matched_energy" and kept["at"] == [record["steps"]] * 2
    # Of other samples of the same generators, each way of it: more is better.
    np.testing.assert_allclose(kept["values"], scored, atol=0.1)
    assert min(kept["values"]) > 0
    assert kept["chose"] == 2000  # of the 4,000 that are held out
    assert "and the other 2,000 held-out ones" in printed
    assert "best matched energy at any evaluation are kept" in printed


def test_the_wav_files_hold_each_clip_of_the_sheet_at_the_rate_of_the_data(smoke):
    folder, _ = smoke
    for name in ("real", "seed-0"):
        rate, x = wavfile.read(folder / f"{name}.wav")
        clips = x.reshape(64, 1024 + 800)
        assert rate == 8000 and x.dtype == np.int16
        assert (clips[:, 1024:] == 0).all()  # a tenth of a second
        assert (np.abs(clips[:, :1024]).max(axis=1) > 0).all()
    first, second = (wavfile.read(folder / f"seed-{i}.wav")[1] for i in range(2))
    assert (first != second).any()


def test_scores_are_of_each_seed_beside_real_chirps_and_noise(smoke):
    folder, printed = smoke
    record = json.loads((folder / "scores.json").read_text())
    assert set(record["scores"]) == {"coverage", "matched_energy"}
    assert len(record["scores"]["matched_energy"]["value"]) == 2
    known = record["references"]
    assert known["held-out real clips"]["coverage"]["modes"] == [10]
    assert known["white noise"]["coverage"]["modes"] == [0]
    assert "matched filters" in printed
    with Image.open(folder / "samples.png") as sheet:
        assert sheet.size[0] > 300


@pytest.mark.slow
def test_few_recordings_without_labels_make_a_whole_run(tmp_path):
    (tmp_path / "own").mkdir()
    for i in range(12):
        x = np.random.default_rng(i).uniform(-0.5, 0.5, 256)
        wav.write(tmp_path / "own" / f"{i}.wav", x, 8000)
    own = ("--dataset", "sounds", "--data-dir", tmp_path / "own", "--length", 256)
    result = run("--smoke", "--seeds", 1, *own, "--out", "run", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    # One of twelve is held out, which is all that there is of a sheet of real ones.
    _, x = wavfile.read(tmp_path / "run" / "real.wav")
    assert len(x) == 256 + 800 and (tmp_path / "run" / "report.html").exists()
    assert "no scores, as a classifier needs labels" in result.stdout
