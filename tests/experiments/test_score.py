"""The script that scores anything, and what it stands on."""

import importlib.util
import json
import pathlib
import shutil
import sys

import jax
import numpy as np
import pytest
import warm_python

from jaxgan import ensembles, gan, reports, scores
from jaxgan.data import dataset
from jaxgan.scripts import cli

SCRIPT = pathlib.Path(__file__).parents[2] / "experiments" / "score.py"
EIGHT = {"architecture": "mlp", "shape": [8, 8, 1], "latent_dim": 2, "bounded": True}


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("score", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules["score"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["score"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where samples lie: half of the test digits as a file, and two generators."""
    folder = tmp_path_factory.mktemp("score")
    x = np.asarray(dataset.load("digits").test.x)
    np.save(folder / "half.npy", x[::2])
    np.save(folder / "five.npy", x[:5])
    label = np.arange(60) % 2
    np.savez(folder / "small.npz", x=x[:60, 2:6, 2:6], y=label)
    parts = {"x_train": x[:60], "y_train": label, "x_test": x[:5], "y_test": label[:5]}
    np.savez(folder / "few.npz", **parts)
    colours = np.random.default_rng(0).integers(0, 256, (20, 8, 8, 3), np.uint8)
    np.save(folder / "last.npy", colours)
    np.save(folder / "first.npy", colours.transpose(0, 3, 1, 2))
    (folder / "run").mkdir()
    init = jax.jit(gan.build(EIGHT).init)
    for seed in (0, 1):
        params, collections = init(jax.random.key(seed))
        own = [
            jax.tree.map(lambda x: x[None], t.generator) for t in (params, collections)
        ]
        weight = np.ones(1) if seed == 0 else np.full(1, np.nan)
        path = folder / "run" / f"mixture-generator-{seed}.safetensors"
        mixture = ensembles.Mixture(weight.astype(np.float32), *own)
        ensembles.save(path, mixture, EIGHT, title=f"seed {seed}")
    (folder / "empty").mkdir()
    return folder


def start(script, folder, monkeypatch, scored, **asked):
    """Runs the script's main function as the command line would."""
    monkeypatch.chdir(folder)
    for name in ("JAXGAN_DATA_DIR", "JAXGAN_INCEPTION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("JAXGAN_CACHE", str(folder / "cache"))
    monkeypatch.setenv("TFDS_DATA_DIR", str(folder / "none"))
    base = {"reference": "digits:test", "features": "raw", "scores": "fd"}
    asked = base | {"samples": 60} | asked
    cli.run(script.main, script.Settings(scored, **asked))


def test_a_file_is_scored_and_everything_is_kept(script, folder, monkeypatch, capsys):
    out = pathlib.Path("first")
    start(script, folder, monkeypatch, "half.npy", scores="fd,nn", plots=True, out=out)
    printed = capsys.readouterr().out
    kept = folder / out
    names = {path.name for path in kept.iterdir()}
    pictures = {"precision-recall.png", "neighbours.png"}
    assert {"config.json", "scores.json", *pictures} <= names
    record = json.loads((kept / "scores.json").read_text())
    assert set(record["rows"]) == {"held-out real", "scored"}
    for row in record["rows"].values():
        assert set(row["scores"]) == {"frechet_distance", "nearest_distance", "prd"}
        assert row["scores"]["frechet_distance"]["protocol"]["ddof"] == 1
    # The scored samples are among the reference ones, so they are copies.
    found = record["rows"]["scored"]["scores"]
    assert found["nearest_distance"]["value"] == [0.0]
    x = dataset.load("digits").test.x
    flat = np.asarray(dataset.to_float(x)).reshape(len(x), -1)
    expected = scores.frechet_distance(flat, flat[::2])
    np.testing.assert_allclose(
        found["frechet_distance"]["value"], [expected.value], rtol=1e-4
    )
    floor = scores.frechet_floor(flat, len(flat[::2]))
    np.testing.assert_allclose(found["frechet_distance"]["floor"], [floor], rtol=1e-4)
    for words in ("Frechet distance", "floor", "ceiling", "held-out real", "scored"):
        assert words in printed


def test_a_run_is_one_population_and_the_reference_is_passed_over_once(
    script, folder, monkeypatch, capsys
):
    for name in ("second", "third"):
        out = pathlib.Path(name)
        start(script, folder, monkeypatch, "run", scores="nn", out=out)
    printed = capsys.readouterr().out
    assert "digits:test: statistics as an earlier pass has kept them" in printed
    assert "generator, 2 seeds" in printed and "(1 of 2 without a value)" in printed
    records = [
        json.loads((folder / name / "scores.json").read_text())["rows"]
        for name in ("second", "third")
    ]
    assert records[0] == records[1]
    found = records[0]["generator"]["scores"]
    alive, dead = found["nearest_distance"]["value"]
    assert np.isfinite(alive) and dead == "NaN"
    assert len(set(records[0]["generator"]["samples"]["sha256"])) == 2


def test_labelled_samples_are_scored_class_by_class(
    script, folder, tmp_path, monkeypatch, capsys
):
    data = dataset.load("digits")
    x, label = np.asarray(data.train.x), np.asarray(data.train.label)
    np.savez(tmp_path / "made.npz", x=x, y=label)
    asked = {"scores": "intrafd", "out": tmp_path / "out"}
    start(script, folder, monkeypatch, str(tmp_path / "made.npz"), **asked)
    printed = capsys.readouterr().out
    assert "no row of" not in printed
    assert "Frechet distance within each class" in printed
    assert "WARNING: scored, intra_class_frechet of 0: a class has no more" in printed
    record = json.loads((tmp_path / "out" / "scores.json").read_text())
    found = record["rows"]["scored"]["scores"]["intra_class_frechet"]
    flat, own = (
        np.asarray(dataset.to_float(part)).reshape(len(part), -1)
        for part in (data.test.x, x)
    )
    for k in (0, 7):
        expected = scores.frechet_distance(
            flat[np.asarray(data.test.label) == k], own[label == k]
        )
        np.testing.assert_allclose(found["by_class"][0][k], expected.value, rtol=1e-3)
    np.testing.assert_allclose(found["value"], np.mean(found["by_class"]), rtol=1e-5)
    assert found["floor"][0] > 0 and len(found["floor_by_class"][0]) == 10


def test_coordinates_in_float64_are_scored_with_all_their_digits(
    script, folder, monkeypatch, capsys
):
    random, place = np.random.default_rng(0), np.array([5e5, 4.2e6])
    for name in ("survey", "made"):
        x = place + 0.05 * random.normal(size=(200, 2))
        np.save(folder / f"{name}.npy", x)
    asked = {"reference": "survey.npy", "scores": "fd,kd,prdc,nn,ndb,vendi"}
    start(script, folder, monkeypatch, "made.npy", out=pathlib.Path("points"), **asked)
    printed = capsys.readouterr().out
    assert "WARNING: there is no kernel_distance, as" in printed
    assert "WARNING: there is no vendi_score, as" in printed
    record = json.loads((folder / "points" / "scores.json").read_text())
    found = record["rows"]["scored"]["scores"]
    real, made = (np.load(folder / f"{name}.npy") for name in ("survey", "made"))
    nearest = np.linalg.norm(made[:, None] - real, axis=-1).min(axis=1)
    np.testing.assert_allclose(
        found["nearest_distance"]["value"], [nearest.mean()], rtol=1e-4
    )
    assert 0.8 < found["density"]["value"][0] < 1.2
    expected = scores.frechet_distance(real - place, made - place).value
    np.testing.assert_allclose(
        found["frechet_distance"]["value"], [expected], rtol=1e-3
    )
    assert found["kernel_distance"]["value"] == ["NaN"]


def test_a_dataset_comes_before_a_folder_of_its_name(
    script, folder, tmp_path, monkeypatch, capsys
):
    x = np.load(folder / "half.npy")
    np.save(tmp_path / "half.npy", x)
    shutil.copytree(folder / "run", tmp_path / "digits")
    out = pathlib.Path("out")
    start(script, tmp_path, monkeypatch, "half.npy", out=out)
    rows = json.loads((tmp_path / out / "scores.json").read_text())
    digits = dataset.load("digits").test.x
    assert rows["reference"]["num_samples"] == len(digits)
    with pytest.raises(SystemExit):
        start(script, tmp_path, monkeypatch, "digits", out=pathlib.Path("none"))
    said = capsys.readouterr().err
    assert "digits is a dataset; write digits:train or" in said and "./digits" in said
    start(script, tmp_path, monkeypatch, "./digits", out=pathlib.Path("run"))
    assert "generator, 2 seeds" in capsys.readouterr().out


def test_pictures_ask_for_no_scores(script, folder, tmp_path, monkeypatch, capsys):
    np.save(tmp_path / "few.npy", np.load(folder / "half.npy")[:15])
    out = pathlib.Path("few")
    start(script, tmp_path, monkeypatch, "few.npy", scores="fd", plots=True, out=out)
    printed = capsys.readouterr().out
    assert "--plots: without the curve of precision and recall, which" in printed
    assert {path.name for path in (tmp_path / out).glob("*.png")} == {"neighbours.png"}


def test_a_range_that_cannot_be_told_is_asked_for(
    script, folder, tmp_path, monkeypatch, capsys
):
    x = np.load(folder / "half.npy") / 255
    x[0, 0, 0] = -0.1
    np.save(tmp_path / "odd.npy", x)
    np.save(tmp_path / "bright.npy", np.abs(x))
    np.save(tmp_path / "signed.npy", 2 * np.abs(x) - 1)
    for names in (("odd.npy", "digits:test"), ("bright.npy", "signed.npy")):
        asked = {"reference": names[1], "out": pathlib.Path("out")}
        with pytest.raises(SystemExit):
            start(script, tmp_path, monkeypatch, names[0], **asked)
        assert "--value-range LOW HIGH" in capsys.readouterr().err
        start(script, tmp_path, monkeypatch, names[0], value_range=(-1, 1), **asked)
        assert "read as [-1, 1]" in capsys.readouterr().out
        shutil.rmtree(tmp_path / "out")


@pytest.mark.parametrize(
    ("scored", "asked", "said"),
    [
        ("nowhere", {}, "SCORED nowhere"),
        ("empty", {}, "SCORED empty: .* no images"),
        ("half.npy", {"reference": "digits"}, "--reference digits.*digits:test"),
        ("half.npy", {"reference": "run"}, "--reference run"),
        ("half.npy", {"scores": "fd,fid"}, "--scores fd,fid.* 'fid'"),
        ("half.npy", {"scores": "is"}, "--scores is.* class probabilities"),
        (
            "half.npy",
            {"scores": "cas"},
            "--scores cas.*labels, which half.npy has",
        ),
        ("run", {"scores": "fd,intrafd"}, "--scores fd,intrafd.*labels, which .*run"),
        (
            "small.npz",
            {"scores": "cas", "reference": "few.npz:train", "held_out": "digits:test"},
            "--scores cas.*reference has the classes 0, 1, but digits:test 0, 1, 2, 3,",
        ),
        ("half.npy", {"average": (0.1,)}, "--average .*only runs keep averages"),
        ("run", {"average": (0.1,)}, "--average 0.1.*no snapshots .* --averages"),
        (
            "run",
            {"average": (0.1, 0.3)},
            "--average 0.1 0.3: the relative width 0.3 must",
        ),
        ("run", {"average_step": 5}, "--average-step 5.*goes with --average"),
        ("half.npy", {"arm": "one"}, "--arm one"),
        ("run", {"arm": "one"}, "--arm one.*generator"),
        ("run", {"samples": 0}, "--samples 0"),
        ("run", {"samples": 5, "scores": "prdc"}, "at least 6 samples.* 5 of scored"),
        ("half.npy", {"seed": -1}, "--seed -1"),
        ("half.npy", {"image_size": (4, 4), "reference": "run"}, "--reference run"),
        (
            "half.npy",
            {"features": "classifier", "reference": "half.npy"},
            "--features classifier.* labels",
        ),
        (
            "half.npy",
            {"features": "inception", "weights": pathlib.Path("none.pth")},
            "--features inception.*none.pth cannot be read .*download",
        ),
        (
            "half.npy",
            {"convolution": "onednn"},
            "--convolution onednn.*it is of --features inception",
        ),
        (
            "half.npy",
            {"features": "inception", "convolution": "lax"},
            "--convolution lax.*one of auto, onednn",
        ),
        ("half.npy", {"held_out": "nothing"}, "--held-out nothing"),
        (
            "half.npy",
            {"held_out": "five.npy", "scores": "prdc"},
            "--held-out five.npy.* at least 6 samples.* 5 of held-out",
        ),
        (
            "half.npy",
            {"reference": "small.npz", "features": "classifier"},
            r"SCORED half.npy.*\(8, 8, 1\).*\(4, 4, 1\).*--image-size",
        ),
        ("first.npy", {"reference": "last.npy"}, r"SCORED first.npy.*order height"),
        (
            "last.npy",
            {"reference": "last.npy", "held_out": "first.npy"},
            r"--held-out first.npy.*\(3, 8, 8\).*\(8, 8, 3\)",
        ),
        ("half.npy", {"out": pathlib.Path("empty/../run")}, "--out .*not empty"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_bad_input_is_one_sentence_and_leaves_nothing(
    scored, asked, said, script, folder, monkeypatch, capsys
):
    import re

    before = sorted(folder.iterdir())
    asked = {"out": pathlib.Path("bad")} | asked
    with pytest.raises(SystemExit) as ended:
        start(script, folder, monkeypatch, scored, **asked)
    sentence = capsys.readouterr().err
    assert ended.value.code == 2 and re.search(said, sentence, re.S), sentence
    assert sorted(folder.iterdir()) == before


def test_a_held_out_row_that_nobody_asked_for_is_left_out_where_it_is_too_small(
    script, folder, tmp_path, monkeypatch, capsys
):
    asked = {"reference": "few.npz:train", "scores": "prdc", "out": tmp_path / "out"}
    start(script, folder, monkeypatch, "half.npy", **asked)
    printed = capsys.readouterr().out
    assert "no row of few.npz:test, as the score 'prdc' needs at least 6" in printed
    record = json.loads((tmp_path / "out" / "scores.json").read_text())
    assert set(record["rows"]) == {"scored"}


def test_a_truncated_image_is_named_and_nothing_is_scored(
    script, folder, tmp_path, monkeypatch, capsys
):
    from PIL import Image

    images = tmp_path / "images"
    images.mkdir()
    for i, x in enumerate(np.load(folder / "half.npy")[:30, ..., 0]):
        Image.fromarray(x).save(images / f"{i:02}.png")
    path = images / "17.png"
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(SystemExit) as ended:
        out = tmp_path / "out"
        start(script, folder, monkeypatch, str(images), scores="fd", out=out)
    assert ended.value.code == 2 and str(path) in capsys.readouterr().err
    assert not out.exists()


def test_a_sheet_has_a_line_for_each_score_and_its_bounds(capsys):
    one = {"value": [2.0, 4.0], "floor": [1.0, 1.0], "ceiling": [10.0, 10.0]}
    other = {"value": [0.5], "spread": [0.1], "floor": [0.0], "ceiling": None}
    columns = {
        "a": {"inception_score": one, "frechet_distance": other},
        "b": {"inception_score": other, "frechet_distance": other},
    }
    reports.print_sheet(columns, columns["a"], "Title")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Title"
    assert lines[3].split()[:6] == ["Inception", "Score", "more", "1", "10", "3"]
    assert "0.5 (0.1)" in lines[3] and lines[4].split()[3:5] == ["0", "-"]
    assert "Held-out rows of a split by class are below floors" in lines[-1]
    assert "target" not in lines[1]
    columns["a"]["within_class_diversity"] = one | {"ceiling": None, "target": [7.0, 7]}
    columns["b"]["within_class_diversity"] = one
    reports.print_sheet(columns, columns["a"], "Title")
    lines = capsys.readouterr().out.splitlines()
    row = next(
        line.split() for line in lines if line.startswith("diversity in a class")
    )
    assert row[4:10] == ["as", "the", "target", "1", "-", "7"]
    assert lines[1].split()[:4] == ["better", "floor", "ceiling", "target"]


@pytest.mark.slow
def test_a_smoke_run_is_scored_by_a_classifier_from_the_command_line(tmp_path):
    import os

    own = {
        name: value for name, value in os.environ.items() if name != "JAXGAN_DATA_DIR"
    }
    env = own | {"JAXGAN_CACHE": str(tmp_path), "TFDS_DATA_DIR": str(tmp_path / "none")}

    def run(name, *arguments):
        words = [SCRIPT.parent / name, *arguments]
        ended = warm_python.run(words, cwd=tmp_path, env=env)
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    small = ("--dataset", "digits", "--network", "conv", "--width", "4")
    run("image_gan.py", "--smoke", *small, "--classifier-images", 0, "--out", "run")
    flags = ("--reference", "digits:test", "--samples", "400", "--plots", "--out", "s")
    printed = run("score.py", "run", *flags)
    record = json.loads((tmp_path / "s" / "scores.json").read_text())
    assert record["features"]["held_out_accuracy"] > 0.95
    real, made = record["rows"]["held-out real"], record["rows"]["generator"]
    # Of 40 samples in a split even perfect opinions reach but 10 exp(-9 / 80) = 8.9.
    assert 8 < real["scores"]["inception_score"]["value"][0] < 9.3
    assert len(made["scores"]["frechet_distance"]["value"]) == 2
    assert {"precision-recall.png", "modes.png", "neighbours.png"} <= {
        path.name for path in (tmp_path / "s").iterdir()
    }
    assert "generator, 2 seeds" in printed
