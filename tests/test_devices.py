"""Programs over several devices and processes, each in a process of its own."""

import json
import os
import socket
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest

PROGRAM = textwrap.dedent("""
    import argparse, pathlib, sys
    parser = argparse.ArgumentParser()
    parser.add_argument("--devices", type=int, default=1)
    parser.add_argument("--data-devices", type=int, default=1)
    parser.add_argument("--network", default="mlp")
    parser.add_argument("--chunk", type=int)
    parser.add_argument("--stream", action="store_true")
    parser.add_argument("--process", type=int)
    parser.add_argument("--port")
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--folder", type=pathlib.Path)
    asked = parser.parse_args()
    from jaxgan import cli
    cli.compile_fast()
    import jax, numpy as np
    jax.config.update("jax_num_cpu_devices", asked.devices)
    from jaxgan import gan, hosts, methods, population, runs, types
    from jaxgan.data import pool, streaming

    if asked.process is not None:
        hosts.join(f"localhost:{asked.port}", 2, asked.process, seconds=60)
    # A large epsilon, so that rounding does not grow where gradients are near zero.
    adam = {"learning_rate": 1e-3, "b1": 0.5, "b2": 0.99, "eps": 1e-2}
    weights = {"r1": 0.1}
    if asked.network == "mlp":
        networks = gan.mlp((2,), hidden=(8,), latent_dim=2)
        x = np.random.default_rng(0).normal(size=(64, 2)).astype(np.float32)
    else:
        x = np.random.default_rng(0).integers(0, 256, (32, 8, 8, 1)).astype(np.uint8)
        networks = gan.build({
            "architecture": "conv", "shape": [8, 8, 1], "latent_dim": 4, "width": 2})
        weights = {}
    method = methods.Method("hinge", weights, types.Pair(adam, adam), 0.9)
    made = methods.make(networks, method)
    example = pool.put(x[:1])
    data = streaming.host(x, batch_size=8) if asked.stream else pool.put(x)
    trainer = runs.trainer(
        made, 8, made.hparams, example, population.chunks(asked.chunk)
        if asked.chunk else population.one_by_one, asked.data_devices)
    hparams = population.broadcast(made.hparams, 3)
    with hosts.own_folder(cli.run_folder("--out", asked.folder, "t")
            if not (asked.folder / "metrics.jsonl").exists()
            else cli.run_folder("--out", None, "t", asked.folder)) as (own, shared):
        members = runs.begin(trainer, hparams, jax.random.key(3), data, 3)
        members, history = runs.train(
            trainer, members, data, title="", log=own / "metrics.jsonl",
            num_steps=asked.steps, chunk_steps=3,
            saving=runs.Saving(shared / "checkpoints", {"net": asked.network}, "", 0.0))
        leaves = jax.tree.leaves(members.state)
        np.savez(own / f"final-{asked.steps}.npz", *leaves)
    print("lines", len(history))
""")


def start(folder, **options):
    words = [sys.executable, "-c", PROGRAM, "--folder", str(folder)]
    for name, value in options.items():
        flag = "--" + name.replace("_", "-")
        words += [flag] if value is True else [flag, str(value)]
    return subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def end(*processes):
    """Waits for processes, which must succeed; none outlives the test."""
    try:
        said = [process.communicate(timeout=180) for process in processes]
    finally:
        for process in processes:
            process.kill()
    for process, (_, error) in zip(processes, said, strict=True):
        assert process.returncode == 0, error[-3000:]


def pair(folder, **options):
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    end(*(start(folder, process=i, port=port, **options) for i in (0, 1)))


def final(folder, steps=6):
    with np.load(folder / f"final-{steps}.npz") as arrays:
        return [arrays[name] for name in sorted(arrays.files)]


def assert_same(one, other):
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a, b)


def assert_close(one, other):
    for a, b in zip(one, other, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=5e-6)


def assert_same_gradients(one, other):
    """The norms of gradients in the first chunk, and all else that is measured."""
    logs = [(folder / "metrics.jsonl").read_text() for folder in (one, other)]
    a, b = (json.loads(log.splitlines()[0]) for log in logs)
    assert set(a) == set(b)
    for name in set(a) - {"seconds", "alive"}:
        np.testing.assert_allclose(a[name], b[name], rtol=1e-4, atol=1e-5, err_msg=name)


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """Folders of runs on one device."""
    folders = {}
    for network in ("mlp", "conv"):
        folders[network] = tmp_path_factory.mktemp("alone") / network
        end(start(folders[network], network=network))
    return folders


@pytest.mark.parametrize(
    "devices", [2, pytest.param(4, marks=pytest.mark.slow), 8], ids=str
)
def test_members_have_the_same_bits_on_any_number_of_devices(devices, alone, tmp_path):
    folder = tmp_path / "run"
    end(start(folder, devices=devices))
    assert_same(final(folder), final(alone["mlp"]))


def test_members_in_chunks_have_the_same_bits_on_any_number_of_devices(tmp_path):
    for devices in (1, 2, 3):
        end(start(tmp_path / str(devices), devices=devices, chunk=2))
    assert_same(final(tmp_path / "1"), final(tmp_path / "2"))
    assert_same(final(tmp_path / "1"), final(tmp_path / "3"))


@pytest.mark.parametrize("network", ["mlp", "conv"])
def test_devices_that_share_batches_compute_the_same_training(network, alone, tmp_path):
    folder = tmp_path / "run"
    end(start(folder, devices=4, data_devices=2, network=network))
    assert_close(final(folder), final(alone[network]))
    assert_same_gradients(folder, alone[network])


@pytest.mark.slow
def test_a_checkpoint_goes_on_with_another_number_of_devices(alone, tmp_path):
    folder = tmp_path / "run"
    end(start(folder, devices=2, steps=3))
    end(start(folder, devices=1, steps=6))
    assert_same(final(folder), final(alone["mlp"]))


@pytest.mark.parametrize("stream", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_two_processes_train_what_one_does(stream, alone, tmp_path):
    folder = tmp_path / "run"
    options = {"stream": True} if stream else {}
    pair(folder, **options)
    assert_same(final(folder), final(alone["mlp"]))
    theirs = (alone["mlp"] / "metrics.jsonl").read_text().splitlines()
    own = (folder / "metrics.jsonl").read_text().splitlines()
    assert len(own) == len(theirs) == 2


def test_two_processes_save_and_go_on(alone, tmp_path):
    folder = tmp_path / "run"
    pair(folder, steps=3)
    pair(folder, steps=6)
    assert_same(final(folder), final(alone["mlp"]))
    end(start(folder, steps=9))
    assert (folder / "final-9.npz").exists()


@pytest.mark.slow
def test_two_processes_share_batches(alone, tmp_path):
    folder = tmp_path / "run"
    pair(folder, data_devices=2, network="conv")
    assert_close(final(folder), final(alone["conv"]))
    assert_same_gradients(folder, alone["conv"])


def test_a_coordinator_that_does_not_answer_is_named_in_time(monkeypatch):
    from jaxgan import errors, hosts

    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    began = time.monotonic()
    with pytest.raises(errors.UserError, match=f"--coordinator localhost:{port}: nob"):
        hosts.join(f"localhost:{port}", 2, 1, seconds=1)
    assert time.monotonic() - began < 10


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ((None, 2, None), "--num-processes 2"),
        ((None, None, 0), "--process-id 0"),
        (("nowhere", 2, 0), "--coordinator nowhere: it must be HOST:PORT"),
        (("here:1", None, 0), "--num-processes None"),
        (("here:1", 2, 2), "--process-id 2"),
        (("here:1", 2, None), "--process-id None"),
        (("auto", None, None), "--coordinator auto"),
    ],
    ids=str,
)
def test_processes_that_cannot_come_together_are_told_why(given, said):
    from jaxgan import errors, hosts

    for name in os.environ:
        assert not name.startswith(("SLURM_", "OMPI_"))
    with pytest.raises(errors.UserError, match=said):
        hosts.join(*given, seconds=1)


def test_a_mesh_larger_than_the_devices_is_refused():
    from jaxgan import errors, training

    with pytest.raises(errors.UserError, match="data_devices=3 must divide the"):
        training.compile(None, None, data_devices=3)
