"""The command `jaxgan`, in a checkout and from a wheel."""

import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import zipfile

import pytest

import jaxgan
from jaxgan.scripts import console

ROOT = pathlib.Path(__file__).parents[2]
EXPERIMENTS = sorted(path.stem for path in (ROOT / "experiments").glob("*.py"))
CALL = "from jaxgan.scripts.console import main; main()"


def called(*words, cwd, **more):
    return subprocess.run(
        [sys.executable, "-c", CALL, *words],
        cwd=cwd,
        env=os.environ | more,
        capture_output=True,
        text=True,
        timeout=600,
    )


def test_each_experiment_is_listed_with_its_question(capsys):
    console.main(["--list"])
    lines = capsys.readouterr().out.splitlines()
    named = dict(line.split(maxsplit=1) for line in lines[: len(EXPERIMENTS)])
    assert list(named) == EXPERIMENTS
    assert named["sweep"].startswith("Which settings of a GAN are best")


def test_without_an_experiment_the_usage_is_said(capsys):
    console.main([])
    said = capsys.readouterr().out
    assert said.startswith("usage: jaxgan") and "image_gan" in said


def test_the_version_is_that_of_the_package(capsys):
    console.main(["--version"])
    assert capsys.readouterr().out.strip() == jaxgan.__version__


def test_an_unknown_experiment_is_refused_with_the_nearest_name(capsys):
    with pytest.raises(SystemExit) as stop:
        console.main(["image-gan", "--smoke"])
    assert stop.value.code == 2
    said = capsys.readouterr().err
    assert "no experiment 'image-gan'" in said and "did you mean 'image_gan'?" in said


def test_an_experiment_gets_its_flags_and_ends_with_its_status(tmp_path):
    done = called("image_gan", "--help", cwd=tmp_path)
    assert done.returncode == 0 and "--smoke" in done.stdout
    done = called("image_gan", "--steps", "0", "--dataset", "digits", cwd=tmp_path)
    assert done.returncode == 2 and "--steps" in done.stderr


@pytest.mark.slow
def test_an_installed_wheel_runs_an_experiment_in_any_folder(tmp_path):
    pip = (sys.executable, "-m", "pip", "wheel", "-q", "--no-deps")
    copy = tmp_path / "source"
    copy.mkdir()
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy / name)
    for name in ("jaxgan", "experiments"):
        shutil.copytree(ROOT / name, copy / name)
    subprocess.run([*pip, "-w", tmp_path, copy], check=True, timeout=300)
    (wheel,) = tmp_path.glob("*.whl")
    installed = tmp_path / "installed"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(installed)
        points = next(n for n in archive.namelist() if n.endswith("entry_points.txt"))
        assert "jaxgan = jaxgan.scripts.console:main" in archive.read(points).decode()
    own = {"PYTHONPATH": str(installed)}
    listed = called("--list", cwd=tmp_path, **own)
    assert f"They are in {installed / 'jaxgan' / 'experiments'}." in listed.stdout
    assert (installed / "jaxgan/experiments/sweeps/digits.toml").exists()
    words = ("image_gan", "--smoke", "--dataset", "digits", "--out", "run")
    done = called(*words, cwd=tmp_path, **own)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "run" / "scores.json").exists()
    # The command that it gives to go on with is one that works here.
    command = re.search(r"Draw from a generator: python (.+)", done.stdout).group(1)
    drawn = subprocess.run(
        [sys.executable, *shlex.split(command)], cwd=tmp_path, env=os.environ | own
    )
    assert drawn.returncode == 0 and (tmp_path / "grid.png").exists()
