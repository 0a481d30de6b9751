"""Tests of jaxgan.data.streaming."""

import threading
import time

import jax
import numpy as np
import pytest

from jaxgan.core import errors
from jaxgan.data import modes, pool, streaming

X = np.arange(2 * 60, dtype=np.uint8).reshape(60, 2)
INDEX = np.random.default_rng(0).integers(0, 60, (3, 4, 5))


def threads():
    return [t for t in threading.enumerate() if "prefetch" in t.name]


@pytest.mark.parametrize("num_steps", [0, 1, 4])
def test_rows_are_the_samples_of_their_indices(num_steps):
    label = np.arange(60) % 7
    rows = streaming.gather(
        streaming.host(X, label=label, batch_size=5), INDEX, num_steps
    )
    assert rows.x.shape == (3, 4, 5, 2) and rows.x.dtype == np.uint8
    np.testing.assert_array_equal(rows.x[:, :num_steps], X[INDEX[:, :num_steps]])
    np.testing.assert_array_equal(
        rows.label[:, :num_steps], label[INDEX[:, :num_steps]]
    )


def test_points_are_sent_as_float32_and_missing_labels_not_at_all():
    data = streaming.host(X / 7, batch_size=5)
    rows = streaming.gather(data, INDEX, 4)
    assert rows.x.dtype == np.float32 and rows.label is None


def test_a_mapped_file_is_not_read_until_its_samples_are_drawn(tmp_path):
    np.save(tmp_path / "x.npy", X)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    data = streaming.host(mapped, modes.everything(60), batch_size=5)
    assert np.shares_memory(data.x, mapped)
    assert isinstance(data.modes.table, jax.Array)
    np.testing.assert_array_equal(streaming.gather(data, INDEX, 4).x, X[INDEX])


@pytest.mark.parametrize("chunk_steps", [1, 7, 500, 501])
@pytest.mark.parametrize("budget", [1, 60, 599, 10**9])
def test_what_is_sent_at_once_fits_and_is_cut_evenly(chunk_steps, budget, monkeypatch):
    monkeypatch.setattr(streaming, "CHUNK_BYTES", budget)
    data = streaming.host(X, batch_size=5)  # 10 bytes a step and member
    at_once = streaming.steps_at_once(data, 3, chunk_steps)
    assert 1 <= at_once <= chunk_steps
    assert at_once == 1 or at_once * 30 <= budget
    parts = -(-chunk_steps // at_once)
    assert parts * at_once - chunk_steps < parts
    most = max(1, min(chunk_steps, budget // 30))
    assert parts == -(-chunk_steps // most)


def test_results_come_in_order_and_are_made_by_another_thread():
    def make(item):
        time.sleep(0.002 * (item % 3))
        return item, threading.current_thread()

    with streaming.prefetched(make, range(20)) as made:
        found = list(made)
    assert [item for item, _ in found] == list(range(20))
    assert {thread for _, thread in found}.isdisjoint({threading.current_thread()})
    assert not threads()


@pytest.mark.parametrize("ahead", [1, 3])
def test_only_so_many_are_made_ahead(ahead):
    made = []
    with streaming.prefetched(made.append, range(50), ahead) as results:
        for used, _ in enumerate(results, start=1):
            time.sleep(0.005)
            assert used <= len(made) <= used + ahead
            if used == 10:
                break
    assert not threads()


def test_an_error_reaches_the_caller_in_its_place():
    def make(item):
        if item == 3:
            raise OSError("disk gone")
        return item

    found = []
    with pytest.raises(OSError, match="disk gone"):
        with streaming.prefetched(make, range(50)) as made:
            for item in made:
                found.append(item)
    assert found == [0, 1, 2] and not threads()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"x": X[:0]}, r"x has shape \(0, 2\)"),
        ({"x": np.float32(1)}, r"x has shape \(\)"),
        ({"label": np.zeros(59, int)}, r"label has shape \(59,\).*\(60,\)"),
        ({"batch_size": 0}, "batch_size=0"),
    ],
)
def test_data_that_cannot_be_drawn_from_are_refused(arguments, words):
    with pytest.raises(errors.UserError, match=words):
        streaming.host(**({"x": X, "batch_size": 5} | arguments))


def test_rows_become_the_batch_scaled_as_images_are():
    sample = pool.draw(5)
    batch = sample(pool.Rows(np.full((5, 2), 255, np.uint8)), _no_numbers(), None)
    np.testing.assert_array_equal(batch.x, np.ones((5, 2)))
    assert batch.label is None


def _no_numbers():
    from jaxgan import types

    return types.HParams(None, {})
