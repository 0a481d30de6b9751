"""Programs over several devices and processes, each in a process of its own."""

import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from concurrent import futures

import numpy as np
import pytest
import warm_python

from jaxgan.core import errors
from jaxgan.core.distributed import rendezvous

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
    from jaxgan.scripts import cli
    cli.compile_fast()
    import jax, numpy as np
    jax.config.update("jax_num_cpu_devices", asked.devices)
    from jaxgan import gan, population, runs, types
    from jaxgan.core.distributed import processes
    from jaxgan.training import methods
    from jaxgan.data import pool, streaming

    if asked.process is not None:
        processes.join(f"localhost:{asked.port}", 2, asked.process, seconds=60)
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
    with processes.own_folder(cli.run_folder("--out", asked.folder, "t")
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
    words = ["-c", PROGRAM, "--folder", folder]
    for name, value in options.items():
        flag = "--" + name.replace("_", "-")
        words += [flag] if value is True else [flag, value]
    return warm_python.Process(words)


def end(*processes):
    """Waits for processes, which must succeed; none outlives the test."""
    try:
        for process in processes:
            process.wait(180)
    finally:
        for process in processes:
            process.kill()
    said = [process.communicate() for process in processes]
    for process, (_, error) in zip(processes, said, strict=True):
        assert process.returncode == 0, error[-3000:]


def pair(folder, **options):
    port = free_port()
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
    """Folders of runs on one device, each made when it is asked for."""

    class Folders(dict):
        def __missing__(self, network):
            folder = tmp_path_factory.mktemp("alone") / network
            end(start(folder, network=network))
            self[network] = folder
            return folder

    return Folders()


@pytest.mark.parametrize(
    "devices", [2, pytest.param(4, marks=pytest.mark.slow), 8], ids=str
)
def test_members_have_the_same_bits_on_any_number_of_devices(devices, alone, tmp_path):
    folder = tmp_path / "run"
    end(start(folder, devices=devices))
    assert_same(final(folder), final(alone["mlp"]))


@pytest.mark.slow
def test_members_in_chunks_have_the_same_bits_on_any_number_of_devices(tmp_path):
    for devices in (1, 2, 3):
        end(start(tmp_path / str(devices), devices=devices, chunk=2))
    assert_same(final(tmp_path / "1"), final(tmp_path / "2"))
    assert_same(final(tmp_path / "1"), final(tmp_path / "3"))


@pytest.mark.parametrize(
    "network", ["mlp", pytest.param("conv", marks=pytest.mark.slow)]
)
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


@pytest.mark.slow
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


FATE = textwrap.dedent("""
    import sys
    from jaxgan.scripts import cli
    from jaxgan.core import errors
    cli.compile_fast()
    from jaxgan.core.distributed import processes

    def main(index):
        processes.join(f"localhost:{sys.argv[2]}", 2, index, seconds=60)
        processes.barrier("begun")
        if index == int(sys.argv[3]):
            if sys.argv[4] == "sentence":
                raise errors.UserError("--disk full: make room.")
            raise ZeroDivisionError("a defect")
        processes.barrier("never")

    cli.run(main, int(sys.argv[1]))
""")


@pytest.mark.parametrize(
    ("failing", "how", "said", "status"),
    [
        (0, "sentence", "process 0 has ended: --disk full: make room.", 2),
        (1, "sentence", "process 1 has ended: --disk full: make room.", 2),
        pytest.param(1, "defect", "ZeroDivisionError", 1, marks=pytest.mark.slow),
    ],
)
def test_what_ends_one_process_ends_all_and_all_say_why(failing, how, said, status):
    port = free_port()
    processes = [
        warm_python.Process(["-c", FATE, index, port, failing, how]) for index in (0, 1)
    ]
    try:
        for process in processes:
            process.wait(50)
    finally:
        for process in processes:
            process.kill()
    shown = [process.communicate()[1] for process in processes]
    assert [process.returncode for process in processes] == [status] * 2, shown
    assert said in shown[1 - failing]
    assert ("Traceback" in shown[failing]) == (how == "defect")


def test_a_coordinator_that_does_not_answer_is_named_in_time(monkeypatch):
    from jaxgan.core.distributed import processes

    port = free_port()
    began = time.monotonic()
    with pytest.raises(errors.UserError, match=f"--coordinator localhost:{port}: nob"):
        processes.join(f"localhost:{port}", 2, 1, seconds=1)
    assert time.monotonic() - began < 10


def free_port():
    with socket.socket() as free:
        free.bind(("localhost", 0))
        return free.getsockname()[1]


def meet(*numbers, num_processes=3, seconds=20.0):
    """What is said to each process, None where all have come together."""
    address = f"localhost:{free_port()}"

    def come(number):
        try:
            if number == 0:
                rendezvous.gather(address, num_processes, seconds)
            else:
                rendezvous.reach(address, number, num_processes, seconds)
        except errors.UserError as error:
            return str(error)

    with futures.ThreadPoolExecutor(len(numbers)) as pool:
        return list(pool.map(come, numbers))


def test_processes_meet_in_any_order():
    assert meet(2, 0, 1) == meet(0, 1, 2) == [None] * 3


def test_process_0_names_those_that_do_not_come():
    said, other = meet(0, 2, seconds=1.5)
    assert "of 3 processes number 1 did not come within" in said
    assert "--process-id 2 of --num-processes 3" in other


def test_a_number_that_two_processes_have_is_named():
    said, *others = meet(0, 1, 1)
    assert said.startswith("--process-id 1: two processes have it")
    assert all("process 0 did not let this one" in other for other in others)


def test_strangers_at_the_port_are_not_counted():
    port = free_port()
    with futures.ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(rendezvous.gather, f"localhost:{port}", 2, 20.0)
        for words in (b"GET / HTTP/1.1\r\n", b"jaxgan 1 7\n", b"\xff"):
            until = time.monotonic() + 10
            while time.monotonic() < until:
                try:
                    with socket.create_connection(("localhost", port)) as stranger:
                        stranger.sendall(words)
                    break
                except ConnectionRefusedError:
                    time.sleep(0.05)
        assert not waiting.done()
        rendezvous.reach(f"localhost:{port}", 1, 2, 10.0)
        assert waiting.result() is None


def test_a_port_that_somebody_has_is_named():
    with socket.create_server(("", 0)) as taken:
        address = f"localhost:{taken.getsockname()[1]}"
        with pytest.raises(errors.UserError, match=f"{address}: process 0 cannot have"):
            rendezvous.gather(address, 2, 1)


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
    from jaxgan.core.distributed import processes

    for name in os.environ:
        assert not name.startswith(("SLURM_", "OMPI_"))
    with pytest.raises(errors.UserError, match=said):
        processes.join(*given, seconds=1)


def test_a_mesh_larger_than_the_devices_is_refused():
    from jaxgan import training

    def never(*args):
        raise AssertionError

    with pytest.raises(errors.UserError, match="data_devices=3 must divide the"):
        training.compile(never, never, data_devices=3)


def test_a_process_that_has_joined_still_ends_by_a_signal():
    # JAX's coordination service takes SIGTERM for itself.
    code = textwrap.dedent(f"""
        import os, signal, time
        from jaxgan.scripts import cli
        from jaxgan.core.distributed import processes
        def main(settings):
            processes.join("localhost:{free_port()}", 1, 0, seconds=60)
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(10)
        cli.run(main, None)
    """)
    ended = subprocess.run([sys.executable, "-c", code], timeout=100)
    assert ended.returncode == 128 + signal.SIGTERM


@pytest.mark.slow
def test_bits_do_not_depend_on_the_cores_that_a_process_may_use():
    # Layers so wide that XLA's products for one thread sum in another order.
    code = textwrap.dedent("""
        import hashlib
        from jaxgan import population
        population.use_all_cores()
        import jax, numpy as np
        import jax.numpy as jnp
        from jaxgan import gan, gradients, losses, steps, training, types
        from jaxgan.data import pool
        real = np.random.default_rng(0).normal(size=(1000, 2)).astype(np.float32)
        networks = gan.mlp((2,), latent_dim=2, hidden=(512, 512))
        loss = losses.get("non_saturating")
        d = steps.update("discriminator", gradients.discriminator(networks, loss))
        g = steps.update("generator", gradients.generator(networks, loss))
        program = training.compile(steps.alternating(d, g), pool.draw(128))
        adam = {"learning_rate": jnp.logspace(-4, -2, 3)}
        hparams = types.HParams(types.Pair(adam, adam), penalties={})
        keys = population.keys(jax.random.key(1), 3)
        state = population.init(steps.initialise(networks), hparams, keys)
        data = pool.put(real)
        state = training.train(program, hparams, state, keys, data, num_steps=40)
        leaves = map(np.asarray, jax.tree.leaves(state.params))
        print(hashlib.sha256(b"".join(x.tobytes() for x in leaves)).hexdigest())
    """)
    cores = sorted(os.sched_getaffinity(0))
    # As in a run: tests compile with fewer of XLA's optimisations.
    environ = {name: own for name, own in os.environ.items() if name != "XLA_FLAGS"}
    printed = {
        subprocess.run(
            [
                sys.executable,
                "-c",
                f"import os; os.sched_setaffinity(0, {own})\n{code}",
            ],
            env=environ,
            capture_output=True,
            check=True,
            timeout=300,
        ).stdout
        for own in (cores[:1], cores)
    }
    assert len(printed) == 1
