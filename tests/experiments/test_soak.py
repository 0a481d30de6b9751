"""The soak counts the runs that end, and ends those that do not."""

import pathlib
import subprocess
import sys

import pytest

SCRIPT = pathlib.Path(__file__).parents[2] / "experiments" / "soak.py"


def soak(folder, program, *flags):
    path = folder / "program.py"
    path.write_text(program)
    command = [sys.executable, SCRIPT, "--command", f"{path} {{folder}}", *flags]
    return subprocess.run(command, capture_output=True, text=True, timeout=100)


def test_runs_that_end_are_counted_each_in_a_folder_of_its_own(tmp_path):
    program = "import pathlib, sys; pathlib.Path(sys.argv[1]).mkdir()"
    ended = soak(tmp_path, program, "--runs", "2")
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines()[-1] == "2 of 2 runs ended well within 900 s"


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("import time; time.sleep(100)", "not ended after 1 s, and status -15 after 1"),
        ("raise ValueError('no')", ""),
    ],
)
def test_runs_that_do_not_end_well_fail_the_soak(tmp_path, program, said):
    ended = soak(tmp_path, program, "--runs", "1", "--limit", "1", "--busy", "0")
    assert ended.returncode == 2
    assert "error: 0 of 1 runs ended well within 1 s" in ended.stderr
    assert f"run 1: {said}" in ended.stdout
