"""The script of image GANs, run as a user runs it."""

import contextlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import time
from importlib.metadata import version

import numpy as np
import pytest
import warm_python
from PIL import Image

from jaxgan.data import dataset
from jaxgan.scripts import replicate_grids

EXPERIMENTS = pathlib.Path(__file__).parents[2] / "experiments"
FEW = ["--labels-per-class", "2"]
SMALL = ("--network", "conv", "--width", 4, "--classifier-images", 3000)


def environment(cwd):
    own = {name: own for name, own in os.environ.items() if name != "JAXGAN_DATA_DIR"}
    return own | {"TFDS_DATA_DIR": str(cwd / "none")}


def run(script, *arguments, cwd):
    words = [EXPERIMENTS / script, *arguments]
    return warm_python.run(words, cwd=cwd, env=environment(cwd))


def succeed(script, *arguments, cwd):
    result = run(script, *arguments, cwd=cwd)
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def smoke(tmp_path_factory):
    """Folder of a conditional smoke run, and what it printed."""
    folder = tmp_path_factory.mktemp("smoke")
    arguments = ("--smoke", *SMALL, "--labels", "--out", "run")
    printed = succeed("image_gan.py", *arguments, cwd=folder)
    return folder / "run", printed


@pytest.mark.slow
def test_a_run_keeps_everything_it_promises(smoke):
    folder, printed = smoke
    names = {path.name for path in folder.iterdir()}
    assert {
        "config.json",
        "metrics.jsonl",
        "scores.json",
        "samples.png",
        "training.png",
        "losses.png",
        "report.html",
        "mixture-generator-0.safetensors",
        "mixture-generator-1.safetensors",
    } <= names
    assert {"progress-000005.png", "scores-000005.json"} <= names
    drawn = {path.name for path in (folder / "report").iterdir()}
    assert {"evaluations.png", "progress-000005.png"} <= drawn
    config = json.loads((folder / "config.json").read_text())
    assert config["dataset"] == "digits" and config["gan"]["num_classes"] == 10
    assert config["class_names"] == list("0123456789")
    assert config["data"] == dataset.fingerprint(dataset.load("digits").train.x)
    assert "digits: 1,433 training and 364 held-out samples; by class 0: " in printed
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    assert json.loads(lines[-1])["step"] == config["steps"]
    assert "dataset digits, because mnist is not at hand" in printed


@pytest.mark.slow
def test_scores_are_of_each_seed_and_count_the_dead(smoke):
    folder, printed = smoke
    record = json.loads((folder / "scores.json").read_text())
    assert record["dead_members"] == 0
    assert set(record["scores"]) == {
        "coverage",
        "inception_score",
        "frechet_distance",
        "within_class_diversity",
        *("clipped_density", "clipped_coverage", "rke_mode_count"),
        *("repetition", "memorisation"),
    }
    for score in ("inception_score", "frechet_distance"):
        assert np.isfinite(record["scores"][score]["value"]).shape == (2,)
    for row in ("seed 0", "seed 1", "all seeds", "held-out real images", "0 of 2"):
        assert row in printed
    untrained = record["references"]["untrained"]["frechet_distance"]
    assert len(untrained["value"]) == 2 and "untrained" in printed
    value, known = (record["game"][name] for name in ("value", "class_accuracy"))
    assert len(value) == len(known) == 2 and max(value) <= 0 and "V(D, G)" in printed


@pytest.mark.slow
def test_conditional_discriminators_are_asked_for_classes(smoke):
    folder, printed = smoke
    found = json.loads((folder / "scores.json").read_text())["classes"]
    assert set(found) == {"error_rate"}
    assert np.shape(found["error_rate"]["value"]) == (2,)
    assert "error of the discriminators' classes on held-out images" in printed


@pytest.mark.slow
def test_few_labels_are_learnt_beside_the_same_labels_alone(tmp_path):
    arguments = ("--smoke", "--classifier-images", 0, *FEW, "--out", "run")
    printed = succeed("image_gan.py", *arguments, cwd=tmp_path)
    assert "Error on held-out images with 20 labels, 2 subsets of them" in printed
    found = json.loads((tmp_path / "run/scores.json").read_text())["classes"]
    assert found["num_labels"] == 20
    for own in (found, found["supervised_only"]):
        value = own["error_rate"]["value"]
        assert len(value) == 2 and all(0 < share < 1 for share in value)
        protocol = own["ensemble_error_rate"]["protocol"]
        assert protocol["num_classifiers"] == 2 and protocol["num_held_out"] == 364
    config = json.loads((tmp_path / "run/config.json").read_text())
    assert config["gan"]["evidence_classes"] == 10
    lines = (tmp_path / "run/supervised-only.jsonl").read_text().splitlines()
    assert json.loads(lines[-1])["step"] == config["steps"]


@pytest.mark.slow
@pytest.mark.parametrize("more", [(), ("--run-seed", 1, "--label", 3)])
def test_samples_are_drawn_from_a_saved_generator(more, smoke, tmp_path):
    succeed("sample.py", smoke[0], "--n", 9, *more, cwd=tmp_path)
    assert (tmp_path / "grid.png").stat().st_size > 1000


@pytest.mark.slow
def test_the_length_of_the_average_is_chosen_after_the_run(tmp_path):
    asked = ("--smoke", *SMALL[:4], "--classifier-images", 0, "--out", "run")
    printed = succeed("image_gan.py", *asked, "--averages", 0.05, 0.1, cwd=tmp_path)
    assert "averages of other lengths: " in printed
    kept = {path.name for path in (tmp_path / "run/averages").iterdir()}
    assert kept == {"00000005.safetensors", "00000010.safetensors"}
    flags = ("--reference", "digits:test", "--features", "raw", "--samples", 100)
    flags += ("--scores", "fd", "--average", 0.1, 0.2, "--out", "scores")
    printed = succeed("score.py", "run", *flags, cwd=tmp_path)
    assert "average 0.1 after step 10: the snapshots have its profile but for 0" in (
        printed
    )
    rows = json.loads((tmp_path / "scores/scores.json").read_text())["rows"]
    assert {"generator", "average 0.1", "average 0.2"} <= set(rows)
    facts = rows["average 0.2"]["samples"]["facts"][0]
    assert facts["relative_width"] == 0.2 and facts["average_step"] == 10
    sample = ("--average", 0.2, "--average-step", 7, "--n", 9)
    printed = succeed("sample.py", "run", *sample, cwd=tmp_path)
    assert "average 0.2 after step 7: the snapshots have its profile but for" in printed
    late = run("sample.py", "run", *sample[:3], 11, cwd=tmp_path)
    assert late.returncode == 2 and "give one from 1 to 10" in late.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--dataset", "nonsense"], "--dataset nonsense"),
        (
            ["--averages", "0.05", "0.3"],
            "--averages 0.05 0.3: the relative width 0.3 must be from",
        ),
        (["--averages", "0.1", "0.1"], "--averages 0.1 0.1: name each width once"),
        (["--snapshots", "5"], "--snapshots 5: it goes with --averages"),
        (["--averages", "0.1", "--snapshots", "0"], "--snapshots 0"),
        (
            ["--averages", "0.1", "--keep", "best:coverage", "--evaluations", "1"],
            "--averages 0.1: they are of the last weights, so that they do not go with",
        ),
        (["--dataset", "ring"], "--dataset ring"),
        (["--network", "nonsense"], "--network nonsense"),
        (["--network", "conv", "--image-size", "9", "9"], "--network conv for images"),
        (["--image-size", "0", "8"], "--image-size 0 8 must"),
        (["--network", "mlp", "--width", "8"], ": --width 8 is"),
        (["--numbers", "width"], "--numbers width"),
        (
            ["--generator-normalisation", "nonsense"],
            "normalisation nonsense is",
        ),
        (["--generator-conditioning", "concat"], "give --labels, or"),
        (["--dtype", "float12"], "dtype"),
        (["--loss", "nonsense"], "--loss nonsense"),
        (["--rule", "nonsense"], "--rule nonsense"),
        (["--rule", "simultaneous", "--n-critic", "2"], ": --n-critic 2 does"),
        (["--rule", "competitive", "--convolution", "matmul"], "--convolution matmul"),
        (["--penalties", "r1"], "--penalties r1"),
        (["--penalties", "r1:-1"], "--penalties r1:-1"),
        (["--penalties", "nonsense:1"], "nonsense"),
        (["--penalties", "ac_gan:1"], "ac_gan"),
        (["--penalties", "consensus:1"], "consensus"),
        (["--labels", "--dataset", "files", "--data-dir", "plain.npy"], "--labels"),
        (["--dataset", "files", "--data-dir", "deep.npy"], "--dataset files"),
        (["--dataset", "files", "--data-dir", "sizes"], "give --image-size H W to"),
        (["--dataset", "files", "--data-dir", "lost"], "--data-dir is lost, which"),
        (["--dataset", "files"], "--data-dir is not given"),
        (["--dataset", "sizes"], "give 'files' with --data-dir sizes for what lies"),
        (["--value-range", "-1", "1"], "--value-range is [-1, 1], but"),
        (["--dataset", "mnist", "--data-dir", "plain.npy"], "--data-dir is plain.npy"),
        (["--latent-dim", "0"], "--latent-dim 0 must"),
        (
            ["--dataset", "files", "--data-dir", "ten.npz"],
            "--dataset files: files has 9 training and 1 held-out samples",
        ),
        (["--betas", "0.5", "1"], "--betas"),
        (["--ema-decay", "1"], "--ema-decay 1"),
        (["--minutes", "0"], "--minutes 0"),
        (["--samples", "3"], "--samples 3"),
        (["--seeds", "0"], "--seeds 0"),
        (["--out", "deep.npy/run"], "--out deep.npy/run"),
        (["--augment", "color"], "--augment color: augmentation 'saturation' changes"),
        (["--augment", "nonsense"], "--augment nonsense: augmentation"),
        (["--ada-target", "0.6"], "--ada-target 0.6: it needs augmentations"),
        (["--ada-images", "9"], "--ada-images 9.0: it goes with --ada-target"),
        (
            ["--evaluations", "5", "--classifier-images", "0"],
            "--evaluations 5: --classifier-images 0 leaves out the scores",
        ),
        (["--consistency", "translation"], "go together"),
        (["--pack", "0"], "--pack 0"),
        (["--pack", "2", "--labels"], "--pack 2: it goes without --labels"),
        (["--balance-temperature", "1"], "--balance-temperature 1.0: it goes with"),
        (["--extra-data", "ring"], "--extra-data ring"),
        (["--extra-data", "digits", "--extra-share", "1"], "--extra-share 1"),
        (["--labels-per-class", "0"], "--labels-per-class 0: it must"),
        (
            ["--labels-per-class", "999"],
            "--labels-per-class 999: per_class=999 labelled samples",
        ),
        (
            [*FEW, "--dataset", "files", "--data-dir", "plain.npy"],
            "--labels-per-class 2: files is not of single images with labels",
        ),
        ([*FEW, "--loss", "hinge"], "loss hinge gives no probability of K + 1"),
        ([*FEW, "--labels"], "--labels True: it does not go with --labels-per-class"),
        ([*FEW, "--stream"], "--stream True: it does not go with --labels-per-class"),
        ([*FEW, "--pack", "2"], "--pack 2: it does not go with --labels-per-class"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_input_is_one_sentence_and_leaves_nothing(
    arguments, said, tmp_path, capsys, monkeypatch
):
    np.save(tmp_path / "plain.npy", np.zeros((20, 8, 8, 1), np.uint8))
    np.save(tmp_path / "deep.npy", np.zeros((20, 8, 8, 4), np.uint8))
    (tmp_path / "sizes").mkdir()
    for size in (8, 9):
        image = Image.fromarray(np.zeros((size, 8), np.uint8))
        image.save(tmp_path / "sizes" / f"{size}.png")
    ten = {"x": np.zeros((10, 8, 8), np.uint8), "y": (np.arange(10) == 9).astype(int)}
    np.savez(tmp_path / "ten.npz", **ten)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("JAXGAN_DATA_DIR", raising=False)
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "none"))
    monkeypatch.syspath_prepend(str(EXPERIMENTS))
    import image_gan

    from jaxgan import population
    from jaxgan.scripts import cli

    # The test's own process has begun with one device.
    monkeypatch.setattr(population, "use_all_cores", lambda: None)
    monkeypatch.setattr(sys, "argv", ["image_gan.py", *arguments])
    with pytest.raises(SystemExit) as stop:
        cli.run(image_gan.main, cli.parse(image_gan.Settings, image_gan.__doc__))
    assert stop.value.code == 2
    error = capsys.readouterr().err
    assert said in error and error.startswith("error: ") and error.count("\n") == 1
    left = {path.name for path in tmp_path.iterdir()} - {"none"}
    assert left == {"plain.npy", "deep.npy", "ten.npz", "sizes"}


def of_three_classes(held_out):
    """Images whose pixels are ten times their class and more; the first is not seen."""
    label = np.repeat(np.arange(1, 4, dtype=np.int32), 5)
    x = 10 * label[:, None, None, None] + np.arange(5).repeat(3)[:, None, None, None]
    train = dataset.Split(np.tile(x.astype(np.uint8), (1, 2, 2, 1)), label)
    test = dataset.Split(*(values[np.isin(label, held_out)] for values in train))
    return dataset.Dataset("own", train, test, 4, class_names=tuple("wxyz"))


@pytest.mark.slow
def test_a_run_with_all_that_makes_data_diverse_is_resumed_to_the_same_bits(
    tmp_path, programs
):
    arguments = (
        *("--smoke", "--network", "conv", "--width", 4, "--classifier-images", 0),
        *("--augment", "shift", "luma_flip"),
        *(
            "--ada-target",
            -1,
            "--ada-images",
            1000,
            "--pack",
            2,
            "--minibatch",
            "stddev",
        ),
        *("--balance", "class", "--balance-temperature", 0.5),
        *("--extra-data", "digits", "--extra-share", 0.2),
    )
    printed = succeed("image_gan.py", *arguments, "--out", "whole", cwd=tmp_path)
    assert "1,797 further images from digits" in printed
    succeed(
        "image_gan.py", *arguments, "--out", "part", "--minutes", 1e-6, cwd=tmp_path
    )
    succeed("image_gan.py", "--resume", "part", "--minutes", 9, cwd=tmp_path)
    record = json.loads((tmp_path / "whole" / "scores.json").read_text())
    # Ten steps of 64 packs of two samples.
    assert record["real_samples"] == 10 * 64 * 2
    logs = [
        [
            {name: own for name, own in json.loads(line).items() if name != "seconds"}
            for line in (tmp_path / folder / "metrics.jsonl").read_text().splitlines()
        ]
        for folder in ("whole", "part")
    ]
    assert logs[0] == logs[1]
    assert 0 <= min(logs[0][-1]["augmentation_probability"])
    for seed in range(2):
        name = f"mixture-generator-{seed}.safetensors"
        one, other = ((tmp_path / f / name).read_bytes() for f in ("whole", "part"))
        assert one == other


@pytest.mark.parametrize("held_out", [[1, 2, 3], [1, 2]])
def test_real_images_stand_in_the_columns_of_their_classes(held_out):
    data = of_three_classes(held_out)
    assert replicate_grids.column_names(data, labels=True) == ["x", "y", "z"]
    label = np.tile(replicate_grids.classes_shown(data), 8)
    real = replicate_grids.real_samples(data, len(label), label)
    of_class = np.asarray(dataset.to_uint8(real))[:, 0, 0, 0] // 10
    np.testing.assert_array_equal(of_class, [1, 2, 3] * 8)


def test_real_images_of_a_sorted_dataset_are_of_all_classes():
    label = np.arange(1000, dtype=np.int32) // 100
    x = np.random.default_rng(0).integers(0, 10, (1000, 2, 2, 1), np.uint8)
    data = dataset.Split(x + 20 * label[:, None, None, None].astype(np.uint8), label)
    own = dataset.Dataset("own", data, data, 10)
    real = replicate_grids.real_samples(own, 64, None)
    of_class = np.asarray(dataset.to_uint8(real))[:, 0, 0, 0] // 20
    # 6.4 of each class, with a standard deviation of 2.4.
    assert np.abs(np.bincount(of_class, minlength=10) - 6.4).max() < 4 * 2.4
    assert replicate_grids.column_names(own, labels=False) is None


def lines(folder):
    read = map(json.loads, (folder / "metrics.jsonl").read_text().splitlines())
    return [{k: v for k, v in line.items() if k != "seconds"} for line in read]


@contextlib.contextmanager
def on_one_core():
    """What is started meanwhile may use one core."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


@pytest.fixture
def programs(monkeypatch, compiled_once):
    """The first of the runs of a test compiles programs, which the others read."""
    for name in filter(lambda name: name.startswith("JAX_"), compiled_once):
        monkeypatch.setenv(name, compiled_once[name])


@pytest.mark.slow
def test_a_run_that_is_stopped_goes_on_by_the_command_it_gives(
    tmp_path, monkeypatch, programs
):
    monkeypatch.delenv("XLA_FLAGS")  # those of the tests, which compile fast
    small = ("--dataset", "digits", "--network", "conv", "--width", 2)
    # Scores, which take longer than the training, are of other tests.
    words = [*small, "--seeds", 2, "--samples", 100, "--classifier-images", 0]
    words += ["--steps", 240, "--pictures", 1, "--latent-dim", 4]
    succeed("image_gan.py", *words, "--out", "whole", cwd=tmp_path)
    command = [sys.executable, EXPERIMENTS / "image_gan.py", *words, "--out", "cut"]
    process = subprocess.Popen(
        [str(word) for word in command],
        cwd=tmp_path,
        env=environment(tmp_path),
        stderr=subprocess.PIPE,
        text=True,
    )
    log = tmp_path / "cut" / "metrics.jsonl"
    while process.poll() is None and not (log.exists() and log.read_text()):
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    said = process.communicate(timeout=60)[1]
    assert process.returncode == 128 + signal.SIGTERM, said
    assert 0 < len(lines(tmp_path / "cut")) < 60
    assert said.split()[-2:] == ["--resume", "cut"]
    refused = run("image_gan.py", "--resume", "cut", "--steps", 7, cwd=tmp_path)
    assert refused.returncode == 2 and "--steps 7: the run in cut has 240" in (
        refused.stderr
    )
    # What a run may use when it goes on, as on another machine, does not matter.
    monkeypatch.delenv("JAX_COMPILATION_CACHE_DIR")
    with on_one_core():
        printed = succeed("image_gan.py", "--resume", "cut", cwd=tmp_path)
    assert "going on from step" in printed
    assert lines(tmp_path / "cut") == lines(tmp_path / "whole")
    names = [{p.name for p in (tmp_path / n).iterdir()} for n in ("cut", "whole")]
    assert names[0] == names[1]
    for name in (
        "mixture-generator-0.safetensors",
        "samples.png",
        "progress-000120.png",
    ):
        one, other = ((tmp_path / n / name).read_bytes() for n in ("cut", "whole"))
        assert one == other, name


@pytest.mark.slow
def test_a_dry_run_leaves_nothing(tmp_path):
    printed = succeed(
        "image_gan.py",
        "--dry-run",
        "--smoke",
        "--dataset",
        "digits",
        *SMALL,
        cwd=tmp_path,
    )
    assert "largest population that fits" in printed
    assert not list(tmp_path.iterdir())


def test_only_the_folder_of_a_run_is_resumed(tmp_path):
    for folder, content in (("empty", None), ("other", "{}"), ("torn", '{"st')):
        (tmp_path / folder).mkdir()
        if content is not None:
            (tmp_path / folder / "config.json").write_text(content)
        result = run("image_gan.py", "--resume", folder, cwd=tmp_path)
        assert result.returncode == 2
        assert result.stderr.startswith(f"error: --resume {folder}: ")
        assert result.stderr.count("\n") == 1


@pytest.mark.slow
def test_one_file_of_a_run_is_enough_to_draw_and_to_export(smoke, tmp_path):
    file = tmp_path / "alone.safetensors"
    file.write_bytes((smoke[0] / "mixture-generator-1.safetensors").read_bytes())
    printed = succeed(
        "sample.py", file, "--n", 4, "--stablehlo", "generator.bin", cwd=tmp_path
    )
    assert "generator.bin: the generators" in printed
    assert f"MB; any batch; for JAX from {version('jax')} on" in printed
    assert (tmp_path / "generator.bin").stat().st_size > 1000
    result = run("sample.py", file, "--stablehlo", "none/g.bin", cwd=tmp_path)
    assert result.returncode == 2 and "--stablehlo none/g.bin" in result.stderr
    result = run("sample.py", file, "--batch", 4, cwd=tmp_path)
    assert result.returncode == 2 and "--batch 4: it goes with" in result.stderr
    words = ("--stablehlo", "fixed.bin", "--batch", 4)
    printed = succeed("sample.py", file, "--n", 4, *words, cwd=tmp_path)
    assert "MB; batches of 4; for JAX from 0.10.2 on" in printed
