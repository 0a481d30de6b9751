"""Tests of jaxgan.cli."""

import math

import pytest

from jaxgan import cli, errors


def test_a_user_error_is_one_sentence_and_status_two(capsys):
    def main(settings):
        raise errors.UserError(f"--rate {settings}: wrong.")

    with pytest.raises(SystemExit) as stop:
        cli.run(main, 3)
    assert stop.value.code == 2
    assert capsys.readouterr().err == "error: --rate 3: wrong.\n"


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
