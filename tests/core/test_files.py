"""Tests of jaxgan.core.files: files are whole, whatever a disk takes of them."""

import errno
import io

import numpy as np
import pytest

from jaxgan import checkpoint, training
from jaxgan.core import errors, files
from jaxgan.runs import journal
from jaxgan.sweeps import records

resource = pytest.importorskip("resource")

LIMIT = 2000
"""Bytes that a file can have where the disk is said to be full."""


@pytest.fixture
def full_disk():
    """Makes the system write no file beyond the limit: a write may end within a line.

    Yields:
      A function that takes the limit away.
    """
    before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def make_room():
        resource.setrlimit(resource.RLIMIT_FSIZE, before)

    resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, before[1]))
    yield make_room
    make_room()


def report(step):
    metrics = {"loss": np.full(7, step, np.float32)}
    return training.Report(step, 1, 0.1, metrics, np.ones(7, bool))


def test_a_log_on_a_full_disk_keeps_whole_lines_and_goes_on(tmp_path, full_disk):
    path = tmp_path / "metrics.jsonl"
    write, step = journal.log(path, arm="a"), 0
    with pytest.raises(errors.UserError, match="metrics.jsonl: it could not be writ"):
        while True:
            write(report(step + 1))
            step += 1
    assert 0 < LIMIT - path.stat().st_size < len(path.read_bytes()) / step + 10
    assert [own.step for own in journal.read(path, "arm")["a"]] == [*range(1, step + 1)]
    full_disk()
    write(report(step + 1))
    assert [own.step for own in journal.rewind(path, 99, arm="a")] == [
        *range(1, step + 2)
    ]


def test_rows_of_a_sweep_are_on_the_disk_all_or_none(tmp_path, full_disk):
    path = tmp_path / "trials.jsonl"
    records.append(path, [{"trial": "first", "score": 1.0}])
    many = [{"trial": f"trial {i}", "score": i / 7} for i in range(60)]
    with pytest.raises(errors.UserError, match="trials.jsonl: it could not be written"):
        records.append(path, many)
    assert [row["trial"] for row in records.read(path)] == ["first"]
    full_disk()
    records.append(path, many)
    assert len(records.read(path)) == 61


def test_a_system_that_takes_a_part_is_given_the_rest(tmp_path, monkeypatch):
    class Slow(io.FileIO):
        def write(self, data):
            return super().write(data[:7])

    def open_slow(path, mode, buffering):
        return Slow(path, mode.replace("b", ""))

    monkeypatch.setattr(files, "open", open_slow, raising=False)
    files.append(tmp_path / "log", "a line of more than seven bytes\n")
    files.append(tmp_path / "log", "another line\n")
    monkeypatch.undo()
    assert (tmp_path / "log").read_text() == (
        "a line of more than seven bytes\nanother line\n"
    )


@pytest.mark.parametrize("old", ["", "a line\n"])
def test_nothing_is_glued_to_half_a_line(old, tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text(old + '{"step": 3, "los')
    files.append(path, "{}\n")
    assert path.read_text() == old + "{}\n"


def test_a_file_that_is_replaced_is_named_and_stays_on_a_full_disk(tmp_path, full_disk):
    path = tmp_path / "scores.json"
    files.write_whole(path, lambda name: open(name, "w").close())

    def write(name):
        with open(name, "wb") as file:
            file.write(bytes(2 * LIMIT))

    with pytest.raises(OSError) as full:
        files.write_whole(path, write)
    assert full.value.filename == str(path) and full.value.errno == errno.EFBIG
    assert [(p.name, p.stat().st_size) for p in tmp_path.iterdir()] == [(path.name, 0)]


def test_a_tree_is_named_and_stays_on_a_full_disk(tmp_path, full_disk):
    path = tmp_path / "mixture.safetensors"
    checkpoint.save_tree(path, {"a": np.ones(2)}, 1)
    with pytest.raises(OSError) as full:
        checkpoint.save_tree(path, {"a": np.ones(LIMIT)}, 2)
    assert full.value.filename == str(path) and full.value.errno == errno.EFBIG
    assert checkpoint.load_tree(path)[1] == 1


def test_events_on_a_full_disk_are_a_sentence(tmp_path, full_disk, capsys):
    folder = tmp_path / "tensorboard"
    with pytest.raises(errors.UserError, match="tensorboard: what TensorBoard shows"):
        with journal.tensorboard(folder) as board:
            for step in range(100):
                board(report(step))
    assert "Traceback" not in capsys.readouterr().err
