"""Tests of jaxgan.runs, journal.rewind, signals and health."""

import json
import os
import shutil
import signal
import subprocess
import textwrap
import time

import jax
import numpy as np
import pytest
import warm_python

from jaxgan import gan as gan_lib
from jaxgan import population, runs, training
from jaxgan.core import errors
from jaxgan.data import pool
from jaxgan.runs import health, journal, learning_curves, trainers
from jaxgan.training import methods

ADAM = {"learning_rate": 1e-3, "b1": 0.5, "b2": 0.99}
STEPS, CHUNK = 12, 3
DATA = pool.put(np.random.default_rng(0).normal(size=(64, 2)).astype(np.float32))


@pytest.fixture(scope="module")
def trainer():
    from jaxgan import types

    method = methods.Method("non_saturating", {"r1": 0.1}, types.Pair(ADAM, ADAM), 0.9)
    made = methods.make(gan_lib.mlp((2,), hidden=(4,), latent_dim=2), method)
    return runs.trainer(made, 8, made.hparams, DATA, population.vmap)


def begin(trainer):
    hparams = population.broadcast(trainer.made.hparams, 3)
    return runs.begin(trainer, hparams, jax.random.key(3), DATA)


def train(trainer, folder, *, saved=True, seconds=0.0, **options):
    saving = runs.Saving(folder / "checkpoints", {"net": "mlp"}, "go on", seconds)
    return runs.train(
        trainer,
        begin(trainer),
        DATA,
        title="test",
        log=folder / "metrics.jsonl",
        num_steps=STEPS,
        chunk_steps=CHUNK,
        saving=saving if saved else None,
        arm="a",
        **options,
    )


def lines(folder):
    """The log, without what depends on the clock."""
    read = map(json.loads, (folder / "metrics.jsonl").read_text().splitlines())
    return [{k: v for k, v in line.items() if k != "seconds"} for line in read]


def assert_same(one, other):
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        if jax.dtypes.issubdtype(a.dtype, jax.dtypes.prng_key):
            a, b = jax.random.key_data(a), jax.random.key_data(b)
        np.testing.assert_array_equal(a, b)


@pytest.fixture(scope="module")
def undisturbed(trainer, tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    members, history = train(trainer, folder)
    return members, history, lines(folder)


def test_saving_changes_nothing(trainer, undisturbed, tmp_path):
    members, _ = train(trainer, tmp_path, saved=False)
    assert_same(members, undisturbed[0])


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1])
def test_a_stopped_run_goes_on_to_the_same_bits_and_log(
    number, trainer, undisturbed, tmp_path
):
    def stop(step, collect):
        if step == 2 * CHUNK:
            os.kill(os.getpid(), number)

    with pytest.raises(errors.Interrupted, match="saved at step 6 of 12.*go on") as e:
        train(trainer, tmp_path, on_pause=stop, seconds=1e9)
    assert e.value.signal == number
    assert lines(tmp_path)[-1]["step"] == 6
    seen = []
    members, history = train(
        trainer, tmp_path, on_pause=lambda step, collect: seen.append(step)
    )
    assert seen == [9, 12]
    assert_same(members, undisturbed[0])
    assert lines(tmp_path) == undisturbed[2]
    for report, other in zip(history, undisturbed[1], strict=True):
        assert report.step == other.step and set(report.metrics) == set(other.metrics)
        for name, values in report.metrics.items():
            np.testing.assert_array_equal(values, other.metrics[name])


def test_a_signal_in_the_last_chunk_stops_what_would_follow(
    trainer, undisturbed, tmp_path
):
    def stop(step, collect):
        if step == 4 * CHUNK:
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(errors.Interrupted, match="saved at step 12 of 12"):
        train(trainer, tmp_path, on_pause=stop)
    members, _ = train(trainer, tmp_path)
    assert_same(members, undisturbed[0])


def test_a_finished_run_is_read_and_not_trained(trainer, undisturbed, tmp_path):
    train(trainer, tmp_path)
    members, history = train(
        trainer, tmp_path, on_pause=lambda step, collect: pytest.fail("it trained")
    )
    assert_same(members, undisturbed[0])
    assert [report.step for report in history] == [3, 6, 9, 12]


def test_a_log_that_is_ahead_or_torn_is_cut_back(trainer, undisturbed, tmp_path):
    train(trainer, tmp_path)
    path = tmp_path / "metrics.jsonl"
    text = path.read_text()
    other = json.dumps({"arm": "b", "step": 99}) + "\n"
    ahead = json.dumps(json.loads(text.splitlines()[0]) | {"step": 15}) + "\n"
    path.write_text(text + other + ahead + '{"arm": "a", "st')
    train(trainer, tmp_path)
    assert path.read_text() == text + other


def test_a_log_behind_its_checkpoint_is_refused(trainer, tmp_path):
    train(trainer, tmp_path)
    path = tmp_path / "metrics.jsonl"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    with pytest.raises(errors.UserError, match="ends at step 9 .* at step 12"):
        train(trainer, tmp_path)


def test_a_log_without_its_folder_of_checkpoints_is_refused_and_left(trainer, tmp_path):
    train(trainer, tmp_path)
    path = tmp_path / "metrics.jsonl"
    text = path.read_text()
    shutil.rmtree(tmp_path / "checkpoints")
    with pytest.raises(errors.UserError, match="has step 12 and .* put the folder"):
        train(trainer, tmp_path)
    assert path.read_text() == text


def test_a_run_killed_before_its_first_checkpoint_begins_anew(
    trainer, undisturbed, tmp_path
):
    train(trainer, tmp_path)
    shutil.rmtree(tmp_path / "checkpoints")
    (tmp_path / "checkpoints").mkdir()  # as the run had made it
    members, _ = train(trainer, tmp_path)
    assert_same(members, undisturbed[0])
    assert lines(tmp_path) == undisturbed[2]


def test_a_part_of_a_log_is_rewound_and_later_parts_stay_in_order(tmp_path):
    path = tmp_path / "metrics.jsonl"
    write, other = journal.log(path, arm="a"), journal.log(path, arm="b")
    for step in (1, 2, 3, 5):
        write(report(step))
    other(report(9))
    kept = journal.rewind(path, 1, 3, arm="a")
    assert [own.step for own in kept] == [1]
    assert [(line["arm"], line["step"]) for line in lines(tmp_path)] == [
        *(("a", 1), ("a", 5), ("b", 9))
    ]
    write(report(2))
    assert [own.step for own in journal.rewind(path, 5, arm="a")] == [1, 2, 5]
    assert [line["step"] for line in lines(tmp_path)] == [1, 2, 9, 5]


@pytest.mark.parametrize("line", [b'{"step": 1}', b"nonsense", b"\xff", b"[" * 10**5])
def test_a_line_that_is_no_log_is_named(line, tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(line + b'\n{"step": 3}\n')
    with pytest.raises(errors.UserError, match="line 1"):
        journal.rewind(path, 5)


def test_the_first_process_alone_shows_progress(monkeypatch, capsys):
    for index, shown in ((0, True), (1, False)):
        monkeypatch.setattr(jax, "process_index", lambda index=index: index)
        with journal.progress("title", num_steps=1, num_members=1) as show:
            show(report(1))
        assert ("title" in capsys.readouterr().err) == shown


def test_a_population_that_is_begun_in_parts_is_the_same(trainer, monkeypatch):
    whole = begin(trainer)
    monkeypatch.setattr(trainers, "INITIALISED_BYTES", 3000)  # of two members
    parts = begin(trainer)
    assert_same(whole.keys, parts.keys)
    for a, b in zip(*map(jax.tree.leaves, (whole.state, parts.state)), strict=True):
        assert isinstance(b, np.ndarray) and a.shape == b.shape
        np.testing.assert_allclose(a, b, rtol=1e-6)


def test_tensorboard_gets_each_metric_of_each_chunk(trainer, tmp_path):
    from tensorboard.backend.event_processing import event_accumulator

    train(trainer, tmp_path, tensorboard=tmp_path / "events")
    events = event_accumulator.EventAccumulator(str(tmp_path / "events"))
    events.Reload()
    log = lines(tmp_path)
    names = set(log[0]) - {"arm", "step", "num_steps", "alive"}
    tags = {f"a/{name}/{end}" for name in names for end in ("mean", 0, 1, 2)}
    assert set(events.Tags()["tensors"]) | set(events.Tags()["scalars"]) == tags


def test_training_ends_when_no_member_is_alive(trainer, tmp_path):
    members = begin(trainer)
    dead = members._replace(
        hparams=jax.tree.map(lambda x: np.full_like(x, np.inf), members.hparams)
    )
    options = {"title": "", "log": tmp_path / "l", "num_steps": 9, "chunk_steps": 3}
    after, history = runs.train(trainer, dead, DATA, **options)
    assert history[-1].step == 3
    with pytest.raises(errors.UserError, match="--learning-rate: all 3 members"):
        runs.require_alive(after, history, tmp_path / "l")
    runs.require_alive(members, history, tmp_path / "l")


def report(step, **metrics):
    names = ("generator_gradient_norm", "discriminator_gradient_norm")
    usual = {"discriminator_accuracy": 0.7, "fake_deviation": 0.5}
    usual |= dict.fromkeys(names, 1.0) | metrics
    arrays = {name: np.broadcast_to(value, (3,)) for name, value in usual.items()}
    return training.Report(step, 1, 0.1, arrays, np.array([True, True, False]))


@pytest.mark.parametrize(
    ("metrics", "name"),
    [
        ({"discriminator_accuracy": [1.0, 0.7, 1.0]}, "discriminator_won"),
        ({"discriminator_accuracy": [0.0, 0.7, 0.0]}, "discriminator_lost"),
        ({"fake_deviation": [0.001, 0.5, 0.0]}, "collapsed"),
        ({"generator_gradient_norm": [1e4, 1.0, 1.0]}, "gradient_exploding"),
    ],
)
def test_sick_members_are_found_and_the_dead_only_called_dead(metrics, name):
    history = [report(i) for i in range(6)] + [report(i, **metrics) for i in (6, 7)]
    found = health.findings(history)
    assert found[name].tolist() == [True, False, False]
    assert found.pop("dead").tolist() == [False, False, True]
    assert sum(map(np.sum, found.values())) == 1
    assert name.replace("_", " ") + ": 0" in health.sentence(health.findings(history))


@pytest.mark.parametrize(
    ("accuracy", "fall", "found"),
    [(1.0, 0.005, True), (1.0, 0.05, False), (0.9, 0.005, False)],
)
def test_a_gradient_has_vanished_if_it_fell_and_the_discriminator_is_sure(
    accuracy, fall, found
):
    def at(step, share):
        norm = [7.0 * share, 1.0, 1.0]
        metrics = {"discriminator_accuracy": accuracy, "generator_gradient_norm": norm}
        return report(step, **metrics)

    history = [at(0, 0.1), at(1, 1.0), *(at(i, 0.5) for i in (2, 3, 4, 5))]
    history += [at(6, fall), at(7, fall)]
    expected = [found, False, False]
    assert health.findings(history)["gradient_vanished"].tolist() == expected
    # One chunk of the last quarter in which it was there is enough.
    history[6] = at(6, 0.5)
    assert not health.findings(history)["gradient_vanished"].any()


def test_a_page_draws_gradient_norms_below_the_accuracy_and_those_of_layers():
    norms = {f"generator_gradient_norm/{name}": [1.0, 3.0, 9.0] for name in "ab"}
    history = [report(i, generator_gradient_norm=10.0**-i, **norms) for i in range(9)]
    (section,) = learning_curves.sections({"run": ("a run", history)})
    whole, layers = (part.figure.axes for part in section.content)
    assert [axis.get_ylabel() for axis in whole[:2]] == ["accuracy", "gradient norm"]
    assert whole[0].get_yscale() == "linear" and whole[1].get_yscale() == "log"
    low, high = whole[1].get_ylim()
    assert 0 < low < 1e-8 and high > 1
    labels = [line.get_label() for line in layers[0].lines]
    assert labels == ["a", "b"] and layers[0].get_yscale() == "log"
    np.testing.assert_array_equal(layers[0].lines[0].get_ydata(), 2)  # of the alive
    plain = [report(i) for i in range(9)]
    (section,) = learning_curves.sections({"run": ("a run", plain)})
    assert len(section.content) == 1


def test_health_says_nothing_of_one_bad_chunk():
    alive = np.ones(3, bool)
    history = [report(i)._replace(alive=alive) for i in range(8)]
    history[-2] = report(6, discriminator_accuracy=1.0)
    assert health.sentence(health.findings(history)) is None


PROGRAM = textwrap.dedent("""
    import pathlib, sys
    import jax, numpy as np
    from jaxgan.scripts import cli
    cli.compile_fast()
    from jaxgan import gan, population, runs, types
    from jaxgan.training import methods
    from jaxgan.data import pool

    folder = pathlib.Path(sys.argv[1])
    adam = {"learning_rate": 1e-3, "b1": 0.5, "b2": 0.99}
    data = pool.put(np.random.default_rng(0).normal(size=(64, 2)).astype(np.float32))
    method = methods.Method("non_saturating", {"r1": 0.1}, types.Pair(adam, adam), 0.9)
    made = methods.make(gan.mlp((2,), hidden=(4,), latent_dim=2), method)
    trainer = runs.trainer(made, 8, made.hparams, data, population.vmap)
    hparams = population.broadcast(made.hparams, 3)
    members = runs.begin(trainer, hparams, jax.random.key(3), data)
    print("begun", flush=True)
    members, _ = runs.train(
        trainer, members, data, title="", log=folder / "metrics.jsonl",
        num_steps=200, chunk_steps=2,
        saving=runs.Saving(folder / "checkpoints", {"net": "mlp"}, "go on", 0.0))
    np.savez(folder / "final.npz", *jax.tree.leaves(members.state))
    print("ended", flush=True)
""")


KILLS = 4


def start(folder, env):
    folder.mkdir(exist_ok=True)
    return warm_python.Process(["-c", PROGRAM, folder], env=env)


def finish(folder, env):
    """Runs to the end, and gives the seconds that this took from the first step on."""
    process = start(folder, env)
    assert process.line() == "begun\n"
    began = time.perf_counter()
    assert process.communicate(timeout=300)[0].endswith("ended\n")
    return time.perf_counter() - began


def final(folder):
    with np.load(folder / "final.npz") as arrays:
        return [arrays[name] for name in sorted(arrays.files)]


@pytest.mark.slow
def test_runs_killed_at_any_moment_end_in_the_same_bits(tmp_path, compiled_once):
    finish(tmp_path / "whole", compiled_once)
    expected, log = final(tmp_path / "whole"), lines(tmp_path / "whole")
    most = finish(tmp_path / "timed", compiled_once)
    random, killed, runs = np.random.default_rng(), 0, 0
    while killed < KILLS:
        folder = tmp_path / str(runs)
        first = start(folder, compiled_once)
        assert first.line() == "begun\n"
        try:
            first.wait(timeout=random.uniform(0, most))
        except subprocess.TimeoutExpired:
            first.kill()
            killed += 1
        first.communicate()
        finish(folder, compiled_once)
        for one, other in zip(final(folder), expected, strict=True):
            np.testing.assert_array_equal(one, other)
        assert lines(folder) == log
        runs += 1


def test_a_run_goes_on_to_more_steps_with_the_bits_of_one_begun_with_them(
    trainer, undisturbed, tmp_path
):
    def to(steps, chunk, made):
        def make(step, members, path):
            assert path.name == str(step) == str(members.state.step[0])
            made.append(path.name)

        saving = runs.Saving(tmp_path / "checkpoints", {"net": "mlp"}, "go on", 0.0)
        on_pause = runs.spread(
            {"{}": (2, make)}, tmp_path, num_steps=steps, chunk_steps=chunk
        )
        return runs.train(
            trainer,
            begin(trainer),
            DATA,
            title="test",
            log=tmp_path / "metrics.jsonl",
            num_steps=steps,
            chunk_steps=chunk,
            on_pause=on_pause,
            saving=saving,
        )

    first, then = [], []
    to(5, 2, first)
    members, history = to(STEPS, 4, then)
    assert_same(members, undisturbed[0])
    assert [report.step for report in history] == [2, 4, 5, 9, 12]
    # Of 12 steps a third is 4, taken before; two thirds are 8, in the chunk up to 9.
    assert (first, then) == (["2", "4"], ["9"])
