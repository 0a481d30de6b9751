"""The script of video GANs, run as a user runs it."""

import json
import os
import pathlib
import sys

import numpy as np
import pytest
import warm_python
from PIL import Image

from jaxgan.scripts import films, replicate_grids

EXPERIMENTS = pathlib.Path(__file__).parents[2] / "experiments"


@pytest.fixture(scope="module")
def smoke(tmp_path_factory):
    """Folder of a smoke run on labelled videos of colour, and what it printed."""
    folder = tmp_path_factory.mktemp("video")
    random = np.random.default_rng(0)
    x = random.integers(0, 256, (40, 5, 8, 8, 3), np.uint8)
    np.savez(folder / "own.npz", x=x, y=np.arange(40) % 2)
    words = ["--smoke", "--dataset", "videos", "--data-dir", "own.npz", "--out", "run"]
    words = [EXPERIMENTS / "video_gan.py", *words, "--num-frames", 5]
    result = warm_python.run(words, cwd=folder)
    assert result.returncode == 0, result.stderr
    return folder / "run", result.stdout


@pytest.mark.slow
def test_a_run_of_ones_own_videos_keeps_films_of_every_frame(smoke):
    folder, printed = smoke
    for title in ("real", "seed-0", "seed-1"):
        for ending in ("gif", "webp"):
            with Image.open(folder / f"samples-{title}.{ending}") as film:
                assert film.n_frames == 5
                assert min(film.size) > 8 * 8
    assert (folder / "report.html").exists() and (folder / "samples.png").exists()
    record = json.loads((folder / "scores.json").read_text())
    assert {
        *("frame_frechet_distance", "difference_frechet_distance"),
        *("coverage", "inception_score", "frechet_distance"),
    } <= set(record["scores"])
    assert {
        "untrained",
        "held-out real videos",
        "their frames in random order",
        "one video per class",
    } <= set(record["references"])
    assert "Frechet distance of differences" in printed


def test_strips_show_the_frames_of_each_video_from_left_to_right():
    x = np.arange(10 * 3).reshape(10, 3, 1, 1, 1) * np.ones((1, 1, 2, 4, 1))
    found = films.first_strips(x)
    assert found.shape == (8, 2, 3 * 5 - 1, 1)
    for time in range(3):
        frame = found[:, :, 5 * time : 5 * time + 4]
        np.testing.assert_array_equal(frame, x[:8, time])
    assert (found[:, :, 4] == 0).all()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["--dataset", "digits"],
            "--dataset digits: it has samples of shape (8, 8, 1)",
        ),
        (["--dataset", "videos"], "--dataset videos: "),
        (["--dataset", "videos", "--data-dir", "lost"], "--data-dir is lost, which"),
        (["--dataset", "videos", "--data-dir", "lengths"], "give --num-frames T"),
        (["--dataset", "videos", "--data-dir", "sizes"], "or give --image-size H W"),
        (["--dataset", "videos", "--data-dir", "empty"], "empty holds no images"),
        (
            ["--dataset", "videos", "--data-dir", "four.npy", "--labels"],
            "--labels True: the samples of videos have no labels",
        ),
        (["--data-dir", "lengths"], "--data-dir lengths: moving_shapes is built in"),
        (["--num-frames", "12"], "--num-frames 12 do not fit"),
        (["--image-size", "18", "18"], "multiples of 4"),
        (["--image-size", "16", "20"], "--image-size 16 20 must be square"),
        (["--network", "dcgan"], "--network dcgan for videos of 8x16x16x1"),
        (["--latent-dim", "32"], "--latent-dim 32 must be above 32"),
        (["--numbers", "motion:0"], "motion=0 must be at least 1"),
        (["--augment", "shift"], "--augment shift"),
        (["--samples", "3"], "--samples 3"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_input_is_one_sentence_and_leaves_nothing(
    arguments, said, tmp_path, capsys, monkeypatch
):
    for name, shapes in {
        "lengths": [(4, 8, 8), (5, 8, 8)],
        "sizes": [(4, 8, 8), (4, 8, 12)],
        "empty": [],
    }.items():
        (tmp_path / name).mkdir()
        for i, (frames, height, width) in enumerate(shapes):
            (tmp_path / name / f"{i}").mkdir()
            for frame in range(frames):
                image = Image.fromarray(np.full((height, width), 9 * frame, np.uint8))
                image.save(tmp_path / name / f"{i}" / f"{frame}.png")
    np.save(tmp_path / "four.npy", np.zeros((20, 4, 8, 8), np.uint8))
    before = set(os.listdir(tmp_path))
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("JAXGAN_DATA_DIR", raising=False)
    monkeypatch.syspath_prepend(str(EXPERIMENTS))
    import video_gan

    from jaxgan import population
    from jaxgan.scripts import cli

    # The test's own process has begun with one device.
    monkeypatch.setattr(population, "use_all_cores", lambda: None)
    monkeypatch.setattr(sys, "argv", ["video_gan.py", *arguments])
    with pytest.raises(SystemExit) as stop:
        cli.run(video_gan.main, cli.parse(video_gan.Settings, video_gan.__doc__))
    assert stop.value.code == 2
    error = capsys.readouterr().err
    assert said in error and error.startswith("error: ") and error.count("\n") == 1
    assert set(os.listdir(tmp_path)) == before


def test_rows_of_strips_take_the_place_of_columns_of_classes():
    assert films.STRIPS == replicate_grids.ROWS
