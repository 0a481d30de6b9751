"""The soak counts the runs that end, and ends those that do not."""

import pathlib
import subprocess
import sys

import pytest

SCRIPT = pathlib.Path(__file__).parents[2] / "experiments" / "soak.py"


def soak(folder, program, *flags, more=""):
    path = folder / "program.py"
    path.write_text(program)
    asked = f"{path} {{folder}} {more}"
    command = [sys.executable, SCRIPT, "--command", asked, *flags]
    return subprocess.run(command, capture_output=True, text=True, timeout=100)


def test_runs_that_end_are_counted_each_in_a_folder_of_its_own(tmp_path):
    program = "import pathlib, sys; pathlib.Path(sys.argv[1]).mkdir()"
    ended = soak(tmp_path, program, "--runs", "2")
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines()[-1] == "2 of 2 runs ended well within 900 s"


def test_other_braces_and_quotes_of_a_command_are_its_own(tmp_path):
    program = "import sys; sys.exit(sys.argv[2:] != ['b1 = {uniform = [0, 1]}', '{}'])"
    more = "'b1 = {uniform = [0, 1]}' {}"
    ended = soak(tmp_path, program, "--runs", "1", "--busy", "0", more=more)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_a_command_whose_quotes_do_not_close_is_refused(tmp_path):
    ended = soak(tmp_path, "", "--runs", "1", "--busy", "0", more="'b1")
    assert ended.returncode == 2
    (sentence,) = ended.stderr.splitlines()
    assert sentence.startswith("error: --command") and "No closing quot" in sentence


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
