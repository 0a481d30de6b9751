"""Tests of jaxgan.scripts.cli."""

import dataclasses
import errno
import json
import math
import os
import pathlib
import signal
import subprocess
import sys
from typing import Literal

import pytest

from jaxgan.core import errors, files, signals
from jaxgan.scripts import cli
from jaxgan.scripts import settings as settings_lib


def test_a_user_error_is_one_sentence_and_status_two(capsys):
    def main(settings):
        raise errors.UserError(f"--rate {settings}: wrong.")

    with pytest.raises(SystemExit) as stop:
        cli.run(main, 3)
    assert stop.value.code == 2
    assert capsys.readouterr().err == "error: --rate 3: wrong.\n"


@dataclasses.dataclass
class Named:
    image_size: tuple | None = None
    data_dir: str | None = None
    loss: str = "hinge"
    labels: bool = False
    discriminator_conditioning: str = "none"


@pytest.mark.parametrize(
    ("said", "printed"),
    [
        ("give image_size=(H, W) to", "give --image-size H W to"),
        ("image_size=(3,) must be", "--image-size 3 must be"),
        ("data_dir is /a/data_dir/b, which", "--data-dir is /a/data_dir/b, which"),
        ("give that as data_dir.", "give that as --data-dir."),
        ("loss='x' is none; the loss is", "--loss x is none; the loss is"),
        (
            "discriminator_conditioning='concat' needs labels; give num_classes, or",
            "--discriminator-conditioning concat needs labels; give --labels, or",
        ),
        ("learning_rate=3 is no flag here", "learning_rate=3 is no flag here"),
        (
            "./my_data_dir 'data_dir' data_dir.npz",
            "./my_data_dir 'data_dir' data_dir.npz",
        ),
        ("by tfds.builder('a', data_dir=...).", "by tfds.builder('a', data_dir=...)."),
    ],
)
def test_a_script_speaks_of_flags_where_the_package_speaks_of_arguments(
    said, printed, capsys
):
    def main(settings):
        raise errors.UserError(said)

    with pytest.raises(SystemExit):
        cli.run(main, Named())
    assert capsys.readouterr().err == f"error: {printed}\n"


def test_a_defect_keeps_its_traceback():
    def main(settings):
        raise ValueError(settings)

    with pytest.raises(ValueError):
        cli.run(main, 3)


def test_an_interruption_is_status_130():
    def main(settings):
        raise KeyboardInterrupt

    with pytest.raises(SystemExit) as stop:
        cli.run(main, None)
    assert stop.value.code == 130


@pytest.mark.parametrize("value", [-1.0, 0.0, math.nan, math.inf])
def test_comparisons_refuse_what_is_not_a_positive_number(value):
    with pytest.raises(errors.UserError, match="--rate"):
        cli.require(0 < value < math.inf, "--rate", value, "it must be positive")


def test_a_run_never_overwrites_a_folder(tmp_path):
    (tmp_path / "old").write_text("results")
    with pytest.raises(errors.UserError, match="not empty"):
        cli.new_folder("--out", tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["old"]


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(errors.UserError, match="--out .*file/run"):
        cli.new_folder("--out", tmp_path / "file" / "run")


def test_a_new_folder_is_made_and_empty(tmp_path):
    folder = cli.new_folder("--out", tmp_path / "a" / "b")
    assert folder.is_dir() and not list(folder.iterdir())


def test_what_a_desktop_leaves_does_not_occupy_a_folder(tmp_path):
    (tmp_path / ".DS_Store").write_text("x")
    with pytest.raises(errors.UserError, match="no."):
        with cli.run_folder("--out", tmp_path, "title"):
            raise errors.UserError("no.")
    assert [p.name for p in tmp_path.iterdir()] == [".DS_Store"]
    with cli.run_folder("--out", tmp_path, "title") as folder:
        assert folder == tmp_path


def test_names_and_numbers_are_read_in_order():
    read = cli.named_numbers("--penalties", ["r1:0.5", "r2:2"])
    assert list(read.items()) == [("r1", 0.5), ("r2", 2.0)]


@pytest.mark.parametrize("text", ["r1", "r1:", ":1", "r1:-1", "r1:nan", "r1:1 r1:2"])
def test_what_is_no_name_and_number_is_refused(text):
    with pytest.raises(errors.UserError, match="--penalties r1|--penalties :1"):
        cli.named_numbers("--penalties", text.split())


def test_whole_numbers_stay_whole():
    assert cli.named_numbers("--numbers", ["width:8"], int) == {"width": 8}
    with pytest.raises(errors.UserError, match="--numbers width:0.5: .*whole"):
        cli.named_numbers("--numbers", ["width:0.5"], int)


@dataclasses.dataclass
class Asked:
    batch_size: int | None = 0
    betas: tuple[float, float] = (0.5, 1.0)


def test_the_first_setting_that_fails_is_named_and_none_is_left_alone():
    checks = {"batch_size": cli.AT_LEAST_ONE, "betas": cli.SHARES}
    with pytest.raises(errors.UserError, match="--batch-size 0: it must be at least 1"):
        cli.check(Asked(), checks)
    with pytest.raises(errors.UserError, match="--betas"):
        cli.check(Asked(batch_size=None), checks)


@pytest.mark.parametrize("wrote", [False, True])
def test_the_folder_of_a_run_that_failed_goes_if_it_is_empty(wrote, tmp_path):
    with pytest.raises(errors.UserError):
        with cli.run_folder("--out", tmp_path / "run", "title") as folder:
            if wrote:
                (folder / "kept").touch()
            raise errors.UserError("no.")
    assert (tmp_path / "run").exists() == wrote


def test_a_folder_belongs_to_one_process_at_a_time(tmp_path):
    code = (
        "import sys; from jaxgan.core import files; from jaxgan.scripts import cli\n"
        "def main(folder):\n"
        "    with files.locked(folder): pass\n"
        "cli.run(main, sys.argv[1])"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    with files.locked(tmp_path):
        refused = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert refused.returncode == 2
    assert f"{tmp_path} is in use by process {os.getpid()}" in refused.stderr
    assert subprocess.run(command, timeout=60).returncode == 0


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("number", signals.SIGNALS)
def test_a_run_interrupted_at_any_moment_says_how_to_go_on(number, tmp_path, capsys):
    def main(folder):
        with cli.run_folder("--out", folder, "title") as own:
            (own / cli.CONFIG).touch()
            os.kill(os.getpid(), number)

    with pytest.raises(SystemExit) as stop:
        cli.run(main, tmp_path / "run")
    assert stop.value.code == 128 + number
    said = capsys.readouterr().err
    assert f"what was saved is in {tmp_path / 'run'}, go on by " in said
    assert said.endswith(f"--resume {tmp_path / 'run'}\n") and said.count("\n") == 1


def test_a_run_interrupted_before_it_wrote_leaves_nothing(tmp_path, capsys):
    def main(folder):
        with cli.run_folder("--out", folder, "title"):
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(SystemExit) as stop:
        cli.run(main, tmp_path / "run")
    assert stop.value.code == 143 and not (tmp_path / "run").exists()
    assert capsys.readouterr().err == "interrupted\n"


def test_a_full_disk_is_a_sentence(capsys):
    def main(settings):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "metrics.jsonl")

    with pytest.raises(SystemExit) as stop:
        cli.run(main, None)
    assert stop.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith("error: metrics.jsonl: ") and "No space left" in said


def test_a_folder_that_is_not_there_cannot_be_kept(tmp_path):
    with pytest.raises(errors.UserError, match="cannot be kept"):
        with files.locked(tmp_path / "absent"):
            pass


@dataclasses.dataclass
class Resumable:
    resume: pathlib.Path | None = None
    steps: int = 3
    rate: float = 0.5
    minutes: float | None = None
    sizes: tuple[int, ...] = (1, 2)
    kind: Literal["a", "b"] | int = "a"


@pytest.mark.parametrize(
    ("changed", "good"),
    [
        ({}, True),
        ({"rate": 1, "minutes": 2.5, "sizes": [], "kind": 7}, True),
        ({"steps": "many"}, False),
        ({"steps": 2.5}, False),
        ({"steps": True}, False),
        ({"steps": None}, False),
        ({"rate": [1]}, False),
        ({"sizes": [1, "x"]}, False),
        ({"sizes": 3}, False),
        ({"kind": "c"}, False),
        ({"resume": 5}, False),
    ],
    ids=str,
)
def test_settings_come_back_from_a_config_or_are_refused(
    changed, good, tmp_path, monkeypatch, capsys
):
    config = dataclasses.asdict(Resumable()) | changed
    (tmp_path / cli.CONFIG).write_text(json.dumps(config))
    monkeypatch.setattr(sys, "argv", ["x.py", "--resume", str(tmp_path)])
    if good:
        sizes = tuple(config["sizes"])
        expected = Resumable(**config | {"sizes": sizes, "resume": tmp_path})
        assert cli.parse(Resumable, "") == expected
        return
    with pytest.raises(SystemExit) as stop:
        cli.parse(Resumable, "")
    assert stop.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith(
        f"error: --resume {tmp_path}: its config.json cannot be read"
    )
    assert said.count("\n") == 1


def test_a_run_goes_on_that_is_older_than_a_setting(tmp_path, monkeypatch, capsys):
    @dataclasses.dataclass
    class Later(Resumable):
        value_range: tuple[float, float] | None = None

    config = dataclasses.asdict(Resumable(steps=7))
    (tmp_path / cli.CONFIG).write_text(json.dumps(config))
    monkeypatch.setattr(sys, "argv", ["x.py", "--resume", str(tmp_path)])
    assert cli.parse(Later, "") == Later(tmp_path, steps=7)
    del config["steps"]
    (tmp_path / cli.CONFIG).write_text(json.dumps(config))
    with pytest.raises(SystemExit):
        cli.parse(Later, "")
    sentence = "has no 'steps', as it is of another script"
    assert sentence in capsys.readouterr().err
    # Another script may mean something else by a setting of the same name.
    other = json.dumps(config | {"resume": 7})
    (tmp_path / cli.CONFIG).write_text(other)
    with pytest.raises(SystemExit):
        cli.parse(Later, "")
    assert sentence in capsys.readouterr().err


def test_a_run_goes_on_that_is_older_than_the_averages(tmp_path, monkeypatch):
    config = dataclasses.asdict(settings_lib.Replicates(steps=7))
    del config["averages"], config["snapshots"]
    (tmp_path / cli.CONFIG).write_text(json.dumps(config))
    monkeypatch.setattr(sys, "argv", ["x.py", "--resume", str(tmp_path)])
    expected = settings_lib.Replicates(steps=7, resume=tmp_path)
    assert cli.parse(settings_lib.Replicates, "") == expected


def test_an_interrupted_run_says_how_to_go_on(capsys):
    def main(settings):
        raise errors.Interrupted("go on", 15)

    with pytest.raises(SystemExit) as stop:
        cli.run(main, None)
    assert stop.value.code == 143
    assert capsys.readouterr().err == "go on\n"


@pytest.mark.parametrize(("steps", "good"), [("9", True), ("5", True), ("4", False)])
def test_a_run_goes_on_to_more_steps_and_never_to_fewer(
    steps, good, tmp_path, monkeypatch, capsys
):
    path = tmp_path / cli.CONFIG
    config = dataclasses.asdict(Resumable()) | {"steps": 5, "sizes": [1, 2]}
    path.write_text(json.dumps(config | {"gan": {"width": 0.1}}))
    words = ["x.py", "--resume", str(tmp_path), "--steps", steps]
    monkeypatch.setattr(sys, "argv", words)
    if good:
        asked = cli.parse(Resumable, "", growing=("steps",))
        cli.keep_settings(tmp_path, steps=asked.steps)
        kept = json.loads(path.read_text())
        assert kept == config | {"gan": {"width": 0.1}, "steps": int(steps)}
        return
    with pytest.raises(SystemExit) as stop:
        cli.parse(Resumable, "", growing=("steps",))
    assert stop.value.code == 2
    said = capsys.readouterr().err
    assert f"--steps 4: the run in {tmp_path} has 5; give as many or more" in said
