"""Tests of jaxgan.training: what a member computes depends on that member alone."""

import json
import math
import os
import subprocess
import sys
import threading
from concurrent import futures

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgan import gan, gradients, losses, penalties, population, steps, training, types
from jaxgan.core import errors
from jaxgan.data import modes, pool, streaming
from jaxgan.runs import journal

P = 16
NETWORKS = gan.mlp((2,), latent_dim=2, hidden=(16,), generator_normalisation="batch")
X = np.random.default_rng(0).normal(size=(60, 2)).astype(np.float32)
DATA = pool.put(X, modes.from_labels(np.arange(60) % 3))
KEYS = population.keys(jax.random.key(0), P)
INITIALISE = steps.initialise(NETWORKS)  # one function, so that it is compiled once


def step():
    loss = losses.get("non_saturating")
    terms = {"r1": penalties.get("r1")}
    d = steps.update("discriminator", gradients.discriminator(NETWORKS, loss, terms))
    g = steps.update("generator", gradients.generator(NETWORKS, loss))
    return steps.quarantine(steps.averaged(steps.alternating(d, g)))


def hparams(members=P):
    adam = {"learning_rate": 1e-3, "b1": 0.5}
    numbers = types.HParams(types.Pair(adam, adam), {"r1": 0.1}, 0.9)
    rates = jnp.logspace(-4, -2, P)
    numbers = population.broadcast(numbers, P)._replace(
        mode_weights=jax.nn.one_hot(jnp.arange(P) % 3, 3)
    )
    numbers.optimizer.generator["learning_rate"] = rates
    return population.take(numbers, jnp.arange(members))


def start(numbers, keys=KEYS):
    return population.init(INITIALISE, numbers, keys)


@pytest.fixture(scope="module")
def program():
    return training.compile(step(), pool.draw(8))


@pytest.fixture(scope="module")
def trained(program):
    numbers = hparams()
    return training.train(program, numbers, start(numbers), KEYS, DATA, num_steps=50)


def test_a_member_trained_alone_equals_the_same_member_in_a_population(
    program, trained
):
    for i in (0, 3, 15):
        numbers, keys = population.take((hparams(), KEYS), [i])
        alone = training.train(
            program, numbers, start(numbers, keys), keys, DATA, num_steps=50
        )
        for one, many in zip(
            jax.tree.leaves(alone), jax.tree.leaves(trained), strict=True
        ):
            np.testing.assert_array_equal(one[0], many[i])


def test_a_step_is_traced_once():
    traced = []

    def counted(hparams, state, batch, key):
        traced.append(batch)
        return state, {"mean": batch.x.mean()}

    program = training.compile(counted, pool.draw(8), population.one_by_one)
    numbers = hparams(2)._replace(ema_decay=None)
    state = start(numbers, KEYS[:2])
    for num_steps in (2, 3):
        state = training.train(
            *(program, numbers, state, KEYS[:2], DATA), num_steps=num_steps
        )
    assert len(traced) == 1


def test_members_do_not_see_each_others_numbers_or_data(program, trained):
    numbers = hparams()
    numbers.optimizer.generator["learning_rate"] = (
        numbers.optimizer.generator["learning_rate"].at[3].set(0.5)
    )
    weights = numbers.mode_weights.at[3].set(1.0)
    numbers = numbers._replace(mode_weights=weights)
    other = training.train(program, numbers, start(numbers), KEYS, DATA, num_steps=50)
    differs = False
    for now, before in zip(
        jax.tree.leaves(other), jax.tree.leaves(trained), strict=True
    ):
        keep = np.arange(P) != 3
        np.testing.assert_array_equal(now[keep], before[keep])
        differs |= bool((now[3] != before[3]).any())
    assert differs


def test_a_dead_member_is_frozen_and_changes_no_other_bits(program, trained):
    numbers = hparams()
    for player in numbers.optimizer:
        player["learning_rate"] = jnp.asarray(player["learning_rate"]).at[3].set(1e30)
    numbers.optimizer.generator["learning_rate"] = (
        hparams().optimizer.generator["learning_rate"].at[3].set(1e30)
    )
    alive = []
    state = training.train(
        program,
        numbers,
        start(numbers),
        KEYS,
        DATA,
        num_steps=50,
        on_chunk=lambda report: alive.append(report.alive),
    )
    np.testing.assert_array_equal(alive[-1], np.arange(P) != 3)
    for now, before in zip(
        jax.tree.leaves(state), jax.tree.leaves(trained), strict=True
    ):
        keep = np.arange(P) != 3
        np.testing.assert_array_equal(now[keep], before[keep])
    assert steps.is_finite(population.take(state, 3))


def test_how_a_run_is_cut_changes_nothing(program, trained):
    numbers = hparams()
    state = start(numbers)
    for part in (50 - 13, 13):
        state = training.train(
            program, numbers, state, KEYS, DATA, num_steps=part, chunk_steps=10
        )
    jax.tree.map(np.testing.assert_array_equal, state, trained)
    assert (np.asarray(state.step) == 50).all()


def test_other_numbers_and_other_lengths_compile_nothing(traces, caplog):
    program = training.compile(traces(step()), pool.draw(8))
    numbers = hparams()
    state = training.train(program, numbers, start(numbers), KEYS, DATA, num_steps=0)
    assert (np.asarray(state.step) == 0).all()
    before = traces.count
    numbers = jax.tree.map(lambda x: 0.3 * x, numbers)
    with jax.log_compiles(), caplog.at_level("WARNING"):
        for num_steps in (1, 4):
            state = training.train(
                program, numbers, state, KEYS, DATA, num_steps=num_steps, chunk_steps=3
            )
    assert traces.count == before
    assert "Compiling jit(share)" not in caplog.text


@pytest.mark.parametrize(
    "mapper",
    [population.one_by_one, population.chunks(5), population.vmap],
    ids=["one", "chunks", "vmap"],
)
def test_mappers_agree(mapper, trained):
    program = training.compile(step(), pool.draw(8), mapper)
    numbers = hparams()
    state = training.train(program, numbers, start(numbers), KEYS, DATA, num_steps=50)
    for one, other in zip(
        jax.tree.leaves(state), jax.tree.leaves(trained), strict=True
    ):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-5)


ENVIRONMENTS = """
import hashlib, sys, jax, numpy as np
from jaxgan import gan, gradients, losses, penalties, population, steps, training, types
from jaxgan.data import mixtures, modes, pool

real, label = mixtures.sample(mixtures.ring(), jax.random.key(0), 100)
data = pool.put(np.asarray(real, float), modes.from_labels(np.asarray(label)))
networks = gan.mlp((2,), latent_dim=2, hidden=(9,), generator_normalisation="batch",
                   discriminator_normalisation="spectral")
loss, terms = losses.get("hinge"), {"dragan": penalties.get("dragan")}
d = steps.update("discriminator", gradients.discriminator(networks, loss, terms))
g = steps.update("generator", gradients.generator(networks, loss))
step = steps.averaged(steps.alternating(d, g), steps.warmed_up)
program = training.compile(steps.quarantine(step), pool.draw(7))
# Whole powers of two, which are the same number in any precision.
adam = {"learning_rate": 2.0 ** -np.arange(6, 9), "b1": np.full(3, 0.5)}
hparams = types.HParams(types.Pair(adam, adam), {"dragan": np.full(3, 0.125)},
                        np.full(3, 0.875), np.ones((3, 8)))
keys = population.keys(jax.random.key(1), 3)

def train(members):
    own = population.take((hparams, keys), members)
    begun = population.init(steps.initialise(networks), *own)
    trained = training.train(program, own[0], begun, own[1], data, num_steps=9)
    return jax.tree.leaves((begun, trained))

every = train([0, 1, 2])
for many in every:
    assert str(many.dtype) in ("float32", "int32", "bool"), many.dtype
if sys.argv[1] == "alone":
    for many, one in zip(every, train([1])):
        np.testing.assert_array_equal(many[1], one[0])
print(hashlib.sha256(b"".join(np.asarray(x).tobytes() for x in every)).hexdigest())
"""


@pytest.mark.parametrize(
    ("flags", "member"),
    [
        # What compiles fast may inline the loop of a single member.
        pytest.param({}, "among others", id="compiled fast"),
        pytest.param(
            {"XLA_FLAGS": ""}, "alone", id="as in a run", marks=pytest.mark.slow
        ),
    ],
)
def test_bits_depend_neither_on_the_default_generator_nor_on_the_default_precision(
    flags, member
):
    environments = (
        {},
        {"JAX_DEFAULT_PRNG_IMPL": "unsafe_rbg", "JAX_ENABLE_X64": "1"},
    )
    with futures.ThreadPoolExecutor(len(environments)) as at_once:
        found = set(
            at_once.map(
                lambda changed: (
                    subprocess.run(
                        [sys.executable, "-c", ENVIRONMENTS, member],
                        env=os.environ | flags | changed,
                        stdout=subprocess.PIPE,
                        check=True,  # what went wrong is on standard error
                        timeout=480,
                    ).stdout
                ),
                environments,
            )
        )
    assert len(found) == 1


def test_devices_share_members_without_changing_them():
    code = """
import itertools, jax, jax.numpy as jnp, numpy as np
jax.config.update("jax_num_cpu_devices", 2)
from jaxgan import population, steps, training, types
from jaxgan.data import modes, pool, streaming

def step(hparams, state, batch, key):
    noise = jax.random.normal(key, state.params.shape)
    rate = hparams.penalties["rate"]
    params = 0.9 * state.params + rate * (noise + batch.x.mean())
    return state._replace(params=params), {"mean": params.mean()}

keys = population.keys(jax.random.key(0), 5)
weights = jnp.eye(3)[jnp.arange(5) % 3]
hparams = types.HParams((), {"rate": jnp.arange(5.0)}, None, weights)
state = types.TrainState(
    jnp.zeros(5, int), jnp.zeros((5, 3)), (), (), None, jnp.ones(5, bool)
)
x, parts = np.arange(10.0), modes.from_labels(np.arange(10) % 3)
pooled = pool.put(x, parts), streaming.host(x, parts, batch_size=4)
results = []
for devices, data in itertools.product((jax.devices(), jax.devices()[:1]), pooled):
    reports = []
    program = training.compile(step, pool.draw(4), devices=devices)
    out = training.train(
        program, hparams, state, keys, data, num_steps=7, chunk_steps=3,
        on_chunk=reports.append)
    out = training.train(program, hparams, out, keys, data, num_steps=2)
    assert out.params.shape == (5, 3) and (out.step == 9).all()
    assert [r.step for r in reports] == [3, 6, 7]
    assert all(r.metrics["mean"].shape == (5,) for r in reports)
    results.append(np.asarray(out.params))
    alone = training.train(
        program, *population.take((hparams, state, keys), jnp.arange(1)), data,
        num_steps=9)
    np.testing.assert_array_equal(alone.params[0], out.params[0])
    assert program.mesh(1).size == 1 and program.mesh(5).size == len(devices)
for other in results[1:]:
    np.testing.assert_array_equal(results[0], other)
tree = {"a": np.arange(15).reshape(5, 3), "b": jnp.arange(5.0)}
mesh = training.compile(step, pool.draw(4)).mesh(5)
shared = population.shard(tree, mesh)
assert mesh.size == 2 and len(shared["a"].sharding.device_set) == 2
assert shared["a"].shape == (6, 3) and (shared["a"][5] == tree["a"][4]).all()
jax.tree.map(np.testing.assert_array_equal, population.unshard(shared, 5), tree)
assert population.shard(keys, mesh).shape == (6,)
assert len(jax.devices()) == 2
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


@pytest.mark.parametrize("chunk_steps", [50, 17])
def test_streamed_data_train_the_same_bits_however_they_are_cut(
    program, trained, chunk_steps, monkeypatch
):
    # A step of 16 members takes 1 KiB, so that five steps are sent at once.
    monkeypatch.setattr(streaming, "CHUNK_BYTES", 5 * 1024)
    numbers, reports = hparams(), []
    state = training.train(
        program,
        numbers,
        start(numbers),
        KEYS,
        streaming.host(X, DATA.modes, batch_size=8),
        num_steps=50,
        chunk_steps=chunk_steps,
        on_chunk=reports.append,
    )
    jax.tree.map(np.testing.assert_array_equal, state, trained)
    assert reports[-1].step == 50
    assert len(reports) == math.ceil(50 / chunk_steps)


def remember(numbers, state, batch, key):
    """A step that remembers a digest of all it has seen, exactly."""
    del numbers
    noise = jax.random.bits(key, (), jnp.uint32) >> 12
    label = jnp.zeros(len(batch.x), int) if batch.label is None else batch.label
    seen = (batch.x.sum(axis=(1, 2, 3)) * 127.5).astype(jnp.int32) * 10 + label
    mixed = (seen * jnp.arange(1, len(seen) + 1)).sum() + noise.astype(jnp.int32)
    return state._replace(params=31 * state.params + mixed), {"noise": noise / 1e3}


LABEL = np.random.default_rng(1).permutation(np.arange(50) % 3)
IMAGES = np.random.default_rng(0).integers(0, 256, (50, 4, 3, 1), np.uint8)
PARTS = modes.from_labels(np.arange(50) % 5)
FEW = 6


@pytest.fixture(scope="module")
def witness():
    """A program that trains nothing and compiles fast."""
    return training.compile(remember, pool.draw(5), population.chunks(4))


def watch(program, data, by_mode=True, **arguments):
    """What `FEW` members at different steps have seen."""
    weights = np.random.default_rng(2).uniform(size=(FEW, 5)).astype(np.float32)
    numbers = types.HParams({"unused": jnp.zeros(FEW)}, {})
    numbers = numbers._replace(mode_weights=weights if by_mode else None)
    first = jnp.array([0, 7, 0, 1, 2, 3])
    state = types.TrainState(
        first, jnp.zeros(FEW, int), (), (), None, jnp.ones(FEW, bool)
    )
    keys = population.keys(jax.random.key(3), FEW)
    arguments = {"num_steps": 11, "chunk_steps": 4} | arguments
    return training.train(program, numbers, state, keys, data, **arguments)


@pytest.mark.parametrize("labelled", [True, False])
@pytest.mark.parametrize("by_mode", [True, False])
def test_a_step_sees_the_same_images_labels_and_key_from_either_place(
    witness, labelled, by_mode, tmp_path
):
    np.save(tmp_path / "x.npy", IMAGES)
    x = np.load(tmp_path / "x.npy", mmap_mode="r")
    label = LABEL if labelled else None
    pooled = watch(witness, pool.put(IMAGES, PARTS, label), by_mode)
    streamed = watch(witness, streaming.host(x, PARTS, label, batch_size=5), by_mode)
    np.testing.assert_array_equal(pooled.params, streamed.params)
    assert len(np.unique(pooled.params)) == FEW


def test_streamed_metrics_are_means_over_the_chunk(witness, monkeypatch):
    # A step of 6 members takes 360 bytes, so that two steps are sent at once.
    monkeypatch.setattr(streaming, "CHUNK_BYTES", 2 * 360)
    found = []
    for data in (pool.put(IMAGES, PARTS), streaming.host(IMAGES, PARTS, batch_size=5)):
        watch(witness, data, chunk_steps=8, on_chunk=found.append)
    for one, other in zip(found[:2], found[2:], strict=True):
        assert (one.step, one.num_steps) == (other.step, other.num_steps)
        np.testing.assert_allclose(
            other.metrics["noise"], one.metrics["noise"], rtol=1e-5
        )


def test_streaming_compiles_once(traces):
    program = training.compile(traces(remember), pool.draw(5))
    data, counts = streaming.host(IMAGES, PARTS, batch_size=5), []
    for num_steps in (0, 1, 7):
        state = watch(program, data, num_steps=num_steps)
        counts.append(traces.count)
    assert len(set(counts)) == 1 and state.step[0] == 7


def test_a_failing_source_fails_the_run_and_leaves_no_thread(witness):
    data = streaming.host(IMAGES, PARTS, batch_size=5)
    with pytest.raises(IndexError, match="out of bounds"):
        watch(witness, data._replace(x=IMAGES[:10]))  # as if the file had been cut
    assert not [t for t in threading.enumerate() if "prefetch" in t.name]


def test_the_thread_ends_when_the_run_is_left_early(witness):
    def leave(report):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        data = streaming.host(IMAGES, PARTS, batch_size=5)
        watch(witness, data, num_steps=100, on_chunk=leave)
    assert not [t for t in threading.enumerate() if "prefetch" in t.name]


def test_streaming_with_another_batch_size_than_the_samplers_is_refused(witness):
    with pytest.raises(errors.UserError, match="batch_size=4.*batch_size=5"):
        watch(witness, streaming.host(IMAGES, PARTS, batch_size=4))


def test_metrics_are_means_over_the_chunk():
    def count(numbers, state, batch, key):
        del numbers, batch, key
        return state, {"step": state.step.astype(jnp.float32)}

    def sample(data, numbers, key):
        del numbers, key
        return types.Batch(data)

    numbers = hparams()
    program = training.compile(count, sample)
    reports = []
    training.train(
        program,
        numbers,
        start(numbers),
        KEYS,
        X,
        num_steps=5,
        chunk_steps=3,
        on_chunk=reports.append,
    )
    assert [(r.step, r.num_steps) for r in reports] == [(3, 3), (5, 2)]
    np.testing.assert_allclose(reports[0].metrics["step"], np.full(P, 1.0))
    np.testing.assert_allclose(reports[1].metrics["step"], np.full(P, 3.5))


def test_the_log_has_a_line_of_valid_json_for_each_chunk(tmp_path):
    log = journal.log(tmp_path / "metrics.jsonl", arm="a")
    metrics = {"loss": np.array([0.5, math.nan], np.float32)}
    for step_number in (10, 20):
        log(training.Report(step_number, 10, 0.1, metrics, np.array([True, False])))
    lines = (tmp_path / "metrics.jsonl").read_text().splitlines()
    first, second = (json.loads(line, parse_constant=pytest.fail) for line in lines)
    assert first["arm"] == "a" and (first["step"], second["step"]) == (10, 20)
    assert first["loss"] == [0.5, None] and first["alive"] == [True, False]


def test_flops_are_counted_for_a_known_product():
    def step(numbers, state, batch, key):
        del numbers, key
        return state, {"y": (batch.x @ state).sum()}

    def sample(data, numbers, key):
        del numbers, key
        return types.Batch(data)

    w = jnp.ones((30, 50))
    found = training.flops(
        step, sample, hparams(1), w, jax.random.key(0), jnp.ones((20, 30))
    )
    product = 2 * 20 * 30 * 50
    assert product <= found <= 1.1 * product


@pytest.mark.parametrize(
    ("change", "said"),
    [({"num_steps": -1}, "num_steps=-1"), ({"chunk_steps": 0}, "chunk_steps=0")],
)
def test_numbers_of_steps_out_of_range_are_refused(program, change, said):
    numbers = hparams()
    arguments = {"num_steps": 1} | change
    with pytest.raises(errors.UserError, match=said):
        training.train(program, numbers, start(numbers), KEYS, DATA, **arguments)


def test_a_population_of_unequal_parts_is_refused(program):
    numbers = hparams(4)
    with pytest.raises(errors.UserError, match=r"\[P\]"):
        training.train(program, numbers, start(hparams()), KEYS, DATA, num_steps=1)


def test_optimisers_take_the_members_own_numbers():
    def gradient(numbers, state, batch, key):
        del numbers, batch, key
        return jnp.ones(()), {}, {}

    state = types.TrainState(
        0, types.Pair(0.0, 0.0), types.Pair({}, {}), types.Pair((), ()), None, True
    )
    move = steps.update("generator", gradient, optax.sgd)

    def moved(rate):
        numbers = types.HParams(types.Pair({"learning_rate": rate}, {}), {})
        opt_state = optax.sgd(rate).init(jnp.zeros(()))
        own = state._replace(opt_state=types.Pair(opt_state, ()))
        return move(numbers, own, None, None)[0].params.generator

    rates = jnp.array([0.1, 0.2, 0.4])
    np.testing.assert_allclose(jax.vmap(moved)(rates), -rates)
