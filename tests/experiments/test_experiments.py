"""The scripts, run as a user runs them."""

import json
import math
import os
import pathlib
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
import warm_python

ROOT = pathlib.Path(__file__).parents[2]
SCRIPTS = sorted((ROOT / "experiments").glob("*.py"))
SEEDS = 2  # of the main job at full length, which has five on its own


def run(script, *arguments, cwd, **more):
    return python(ROOT / "experiments" / script, *arguments, cwd=cwd, **more)


def python(*arguments, cwd, timeout=600, compile_fast=True, env=None):
    # The tests' own flags make programs compile fast and run slowly.
    env = {
        name: value
        for name, value in os.environ.items()
        if name != "XLA_FLAGS" or compile_fast
    } | (env or {})
    return warm_python.run(arguments, cwd=cwd, env=env, timeout=timeout)


@pytest.fixture(scope="module")
def smoke(tmp_path_factory):
    """Folder of a smoke run of the main job on digits, what it said and compiled."""
    folder = tmp_path_factory.mktemp("smoke")
    words = ("mode_ensemble.py", "--smoke", "--dataset", "digits")
    result = run(
        *words, "--out", folder / "run", cwd=folder, env={"JAX_LOG_COMPILES": "1"}
    )
    assert result.returncode == 0, result.stderr
    return folder / "run", result.stdout, re.findall(r"Compiling (\S+)", result.stderr)


HELP = """
import contextlib, io, json, runpy, sys

HEAVY = {"jax", "flax", "optax", "sklearn", "matplotlib", "orbax",
         "tensorflow_datasets", "numpy"}
for script in sys.argv[1:]:
    said, status = io.StringIO(), "it went on"
    sys.argv, sys.path[0] = [script, "--help"], script.rpartition("/")[0]
    with contextlib.redirect_stdout(said):
        try:
            runpy.run_path(script, run_name="__main__")
        except SystemExit as stop:
            status = stop.code
    print(json.dumps([status or 0, said.getvalue(), sorted(HEAVY & set(sys.modules))]))
"""


@pytest.fixture(scope="module")
def helps(tmp_path_factory):
    """Of each script the status of `--help`, what it prints and the heavy imports.

    All are asked within one process, so that an import shows from its script on.
    """
    found = subprocess.run(
        [sys.executable, "-c", HELP, *map(str, SCRIPTS)],
        cwd=tmp_path_factory.mktemp("help"),
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert found.returncode == 0, found.stderr
    lines = map(json.loads, found.stdout.splitlines())
    return dict(zip(SCRIPTS, lines, strict=True))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_help_comes_without_importing_jax(script, helps):
    status, said, heavy = helps[script]
    assert status == 0 and "--out" in said and not heavy


def test_the_main_job_keeps_everything_it_promises(smoke):
    folder, printed, _ = smoke
    names = {path.name for path in folder.iterdir()}
    assert {
        "config.json",
        "metrics.jsonl",
        "scores.json",
        "samples.png",
        "coverage.png",
        "training.png",
        "report.html",
    } <= names
    config = json.loads((folder / "config.json").read_text())
    assert config["dataset"] == "digits" and config["smoke"] is True
    record = json.loads((folder / "scores.json").read_text())
    assert set(record["arms"]) == {"single", "independent", "per_mode", "minimax"}
    for name, arm in record["arms"].items():
        seeds = config["seeds"]
        assert arm["dead_members"] == 0
        assert len(arm["scores"]["coverage"]["modes"]) == seeds
        assert {f"mixture-{name}-{seed}.safetensors" for seed in range(seeds)} <= names
        assert arm["title"] in printed
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    assert {json.loads(line)["arm"] for line in lines} == set(record["arms"])


def test_the_page_of_the_main_job_shows_every_arm(smoke):
    folder, _, _ = smoke
    text = (folder / "report.html").read_text()
    record = json.loads((folder / "scores.json").read_text())
    drawn = {path.name for path in (folder / "report").iterdir()}
    for name, arm in record["arms"].items():
        assert f">{arm['title']}<" in text and f"training-{name}.png" in drawn
    assert "coverage.png" in drawn and "held-out real images" in text
    assert "mode_ensemble.py --smoke" in text and "Inception Score" in text


def test_arms_of_one_method_share_a_program_however_many_members_they_have(smoke):
    # One for one GAN, one for both ensembles, whose numbers differ, one for minimax.
    assert smoke[2].count("jit(share)") == 3


def test_all_arms_cost_the_same_operations(smoke):
    record = json.loads((smoke[0] / "scores.json").read_text())
    costs = [arm["teraflops"] for arm in record["arms"].values()]
    assert max(costs) / min(costs) < 1.01


def test_the_inception_score_cannot_see_what_diversity_within_classes_sees(smoke):
    record = json.loads((smoke[0] / "scores.json").read_text())["references"]
    real, copies = record["held-out real images"], record["one image per class"]
    assert copies["inception_score"]["value"][0] >= real["inception_score"]["value"][0]
    within = [r["within_class_diversity"]["value"][0] for r in (copies, real)]
    assert within[0] < 1e-3 * within[1]


def test_what_is_had_without_training_is_scored_beside_the_arms(smoke):
    folder, printed, _ = smoke
    record = json.loads((folder / "scores.json").read_text())
    untrained, gaussian, copies, *_ = record["references"].values()
    title = record["arms"]["per_mode"]["title"]
    assert [*record["references"]][:3] == [
        f"{title}, untrained",
        "a Gaussian per cluster",
        "the mean of each cluster, copied",
    ]
    seeds = json.loads((folder / "config.json").read_text())["seeds"]
    assert len(untrained["frechet_distance"]["value"]) == seeds
    distances = [own["frechet_distance"]["value"][0] for own in (gaussian, copies)]
    assert distances[0] < distances[1]
    diversity = copies["within_class_diversity"]
    assert diversity["value"][0] < 1e-3 * diversity["target"][0]
    assert f"{title}, untrained" in printed and "collapse within classes" in printed


def test_the_classifier_is_good_enough_to_count_modes(smoke):
    record = json.loads((smoke[0] / "scores.json").read_text())["references"]
    protocol = record["held-out real images"]["frechet_distance"]["protocol"]
    fingerprint = dict(protocol["features"])
    assert fingerprint["held_out_accuracy"] >= 0.97


def test_a_saved_mixture_is_drawn_from(smoke, tmp_path):
    result = run("sample.py", smoke[0], "--n", 9, "--out", "grid.png", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "grid.png").stat().st_size > 1000


def test_samples_are_kept_as_numbers(smoke, tmp_path):
    result = run("sample.py", smoke[0], "--n", 9, "--out", "x.npy", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    x = np.load(tmp_path / "x.npy", allow_pickle=False)
    assert x.shape == (9, 8, 8, 1) and x.dtype == np.float32
    assert np.isfinite(x).all() and x.std() > 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--dataset", "nonsense"], "--dataset nonsense"),
        (["--num-modes", "5000"], "--num-modes 5000"),
        (["--learning-rate", "-1"], "--learning-rate -1"),
        (["--learning-rate", "nan"], "--learning-rate nan"),
        (["--dataset", "ring", "--network", "conv"], "--network conv"),
        (["--loss", "nonsense"], "--loss nonsense"),
        (["--out", "file/run"], "--out file/run"),
        (["--seed", "-1"], "--seed -1"),
        (["--smoke", "--seeds", "0"], "--seeds 0"),
        (["--dataset", "kmnist", "--data-dir", "nowhere"], "--dataset kmnist"),
        (["--seeds", "many"], "seeds"),
        (["--dataset", "ring", "--augment", "diffaugment"], "--augment diffaugment"),
        (["--augment", "diffaugment"], "give brightness contrast translation cutout"),
        (["--balance", "class"], "--balance class: the modes are clusters"),
        (["--extra-data", "nonsense"], "--extra-data nonsense"),
        (["--arms", "single", "adagann"], "--arms single adagann"),
        (["--arms", "single", "single"], "comes twice"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_input_is_one_sentence_and_leaves_nothing(
    arguments, said, tmp_path, refused, monkeypatch
):
    (tmp_path / "file").touch()
    monkeypatch.chdir(tmp_path)
    error = refused("mode_ensemble", *arguments)
    assert said in error and "Traceback" not in error
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["."], "RUN"),
        (["RUN", "--arm", "nonsense"], "--arm nonsense"),
        (["RUN", "--n", "0"], "--n 0"),
        (["RUN", "--out", "nowhere/grid.png"], "--out nowhere/grid.png"),
        (["RUN", "--out", "grid.nonsense"], "grid.nonsense"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_input_to_sampling_is_one_sentence(
    smoke, arguments, said, tmp_path, refused, monkeypatch
):
    arguments = [smoke[0] if word == "RUN" else word for word in arguments]
    monkeypatch.chdir(tmp_path)
    error = refused("sample", *arguments)
    assert said in error and "Traceback" not in error
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "words", [("mode_ensemble.py", "--loss", "nonsense"), ("sample.py", ".")], ids=str
)
def test_a_process_that_refuses_ends_with_status_2_and_a_sentence(words, tmp_path):
    result = run(*words, cwd=tmp_path)
    assert result.returncode == 2 and not result.stdout
    assert result.stderr.startswith("error: ") and result.stderr.count("\n") == 1


@pytest.mark.slow
def test_the_main_job_goes_on_with_its_second_part(smoke, tmp_path):
    # As if it had been killed between the parts: of the second one nothing is there.
    folder = tmp_path / "run"
    shutil.copytree(smoke[0], folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"dataset": None}))
    result = run("mode_ensemble.py", "--resume", folder, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    record = json.loads((folder / "scores.json").read_text())
    before = json.loads((smoke[0] / "scores.json").read_text())
    for name, arm in before["arms"].items():
        assert record["arms"][name]["scores"] == arm["scores"]
    own = json.loads((folder / "tail" / "scores.json").read_text())
    assert record["tail"] == own and record["seconds"] > own["seconds"]
    costs = [arm["teraflops"] for arm in own["arms"].values()]
    assert max(costs) / min(costs) < 1.1  # a step of each member is rounded
    pages = [(at / "report.html").read_text() for at in (folder, folder / "tail")]
    for arm in own["arms"].values():
        assert arm["dead_members"] == 0
        recall = arm["scores"]["class_recall"]["tail_recall"]
        assert len(recall) == config["seeds"]
        for text in (result.stdout, *pages):
            assert arm["title"] in text and "a perfect generator" in text
    assert json.loads((folder / "tail" / "config.json").read_text())["imbalance"] == 100
    assert list((folder / "tail").glob("mixture-per_mode-*.safetensors"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("dataset", "num_modes", "good", "reverse_kl"),
    [("digits", 10, 0.0, 0.05), ("ring", 8, 0.95, 0.03), ("grid", 25, 0.93, 0.05)],
)
def test_a_gan_per_mode_covers_all_modes_with_every_seed(
    dataset, num_modes, good, reverse_kl, tmp_path
):
    result = run(
        "mode_ensemble.py",
        *("--dataset", dataset, "--seeds", SEEDS, "--out", tmp_path / "run"),
        *("--arms", "per_mode"),
        cwd=tmp_path,
        timeout=1800,
        compile_fast=False,
    )
    assert result.returncode == 0, result.stderr
    record = json.loads((tmp_path / "run" / "scores.json").read_text())
    coverage = record["arms"]["per_mode"]["scores"]["coverage"]
    assert coverage["modes"] == [num_modes] * SEEDS
    assert min(coverage["high_quality"]) >= good
    assert max(coverage["reverse_kl"]) <= reverse_kl
    assert not any(map(math.isnan, coverage["reverse_kl"]))


@pytest.mark.slow
def test_the_program_in_the_readme_runs_and_prints_a_row_per_member(tmp_path):
    program, *_ = re.findall(
        r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL
    )
    result = python("-c", program, cwd=tmp_path, compile_fast=False)
    assert result.returncode == 0, result.stderr
    rows = re.findall(r"learning rate [\d.]+: (\d) of 8 modes", result.stdout)
    assert len(rows) == 8 and max(map(int, rows)) == 8


@pytest.mark.slow
def test_limited_data_compares_augmentations_on_images_that_nobody_learnt(tmp_path):
    result = run("limited_data.py", "--smoke", "--out", "run", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    record = json.loads((tmp_path / "run" / "scores.json").read_text())
    assert set(record["arms"]) == {"none", "diffaugment", "ada"}
    assert set(record["result"]) == {"diffaugment", "ada"}
    for arm in record["arms"].values():
        assert len(arm["scores"]["frechet_distance"]["value"]) == 2
        assert arm["title"] in result.stdout
    assert len(record["arms"]["ada"]["probability"]) == 2
    protocol = dict(record["arms"]["ada"]["scores"]["frechet_distance"]["protocol"])
    assert protocol["num_real"] == 364  # the held-out digits
    assert (tmp_path / "run" / "report.html").exists()
    own, everything = record["references"].values()
    assert len(own["frechet_distance"]["value"]) == 2
    assert (
        min(own["frechet_distance"]["value"])
        > everything["frechet_distance"]["value"][0]
    )


@pytest.mark.slow
def test_the_main_job_runs_with_all_that_makes_data_diverse(tmp_path):
    result = run(
        *("mode_ensemble.py", "--smoke", "--augment", "translation"),
        *("--arms", "per_mode", "minimax"),
        *("--ada-target", 0.6, "--pack", 2, "--minibatch", "stddev"),
        *("--balance", "cluster", "--extra-data", "digits", "--out", "run"),
        cwd=tmp_path,
    )
    assert result.returncode == 0, result.stderr
    lines = (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
    arms = {line["arm"]: line for line in map(json.loads, lines)}
    assert "augmentation_probability" in arms["per_mode"]
    assert "augmentation_probability" not in arms["minimax"]
    record = json.loads((tmp_path / "run" / "scores.json").read_text())["arms"]
    steps, samples = (record["per_mode"][n] for n in ("steps", "real_samples"))
    assert samples == 10 * steps * 64 * 2
