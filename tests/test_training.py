"""Tests of jaxgan.training: what a member computes depends on that member alone."""

import json
import math
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgan import (
    errors,
    gan,
    gradients,
    losses,
    penalties,
    population,
    steps,
    training,
    types,
)
from jaxgan.data import modes, pool

P = 16
NETWORKS = gan.mlp((2,), latent_dim=2, hidden=(16,), generator_normalisation="batch")
X = np.random.default_rng(0).normal(size=(60, 2)).astype(np.float32)
DATA = pool.put(X, modes.from_labels(np.arange(60) % 3))
KEYS = population.keys(jax.random.key(0), P)


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
    return population.init(steps.initialise(NETWORKS), numbers, keys)


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
            np.testing.assert_allclose(one[0], many[i], rtol=1e-4, atol=1e-6)


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
        player["learning_rate"] = jnp.asarray(player["learning_rate"]).at[3].set(1e6)
    numbers.optimizer.generator["learning_rate"] = (
        hparams().optimizer.generator["learning_rate"].at[3].set(1e6)
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
    "mapper", [population.one_by_one, population.chunks(5)], ids=["one", "chunks"]
)
def test_mappers_agree(mapper, trained):
    program = training.compile(step(), pool.draw(8), mapper)
    numbers = hparams()
    state = training.train(program, numbers, start(numbers), KEYS, DATA, num_steps=50)
    for one, other in zip(
        jax.tree.leaves(state), jax.tree.leaves(trained), strict=True
    ):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-5)


def test_devices_share_members_without_changing_them():
    code = """
import jax, jax.numpy as jnp, numpy as np
jax.config.update("jax_num_cpu_devices", 2)
from jaxgan import population, steps, training, types

def step(hparams, state, batch, key):
    noise = jax.random.normal(key, state.params.shape)
    params = 0.9 * state.params + hparams * (noise + batch.x.mean())
    return state._replace(params=params), {"mean": params.mean()}

def sample(data, hparams, key):
    return types.Batch(jax.random.choice(key, data, (4,)))

keys = population.keys(jax.random.key(0), 5)
hparams = jnp.arange(5.0)
state = types.TrainState(
    jnp.zeros(5, int), jnp.zeros((5, 3)), (), (), None, jnp.ones(5, bool)
)
data = jnp.arange(10.0)
results = []
for devices in (jax.devices(), jax.devices()[:1]):
    reports = []
    program = training.compile(step, sample, devices=devices)
    out = training.train(
        program, hparams, state, keys, data, num_steps=7, chunk_steps=3,
        on_chunk=reports.append)
    out = training.train(program, hparams, out, keys, data, num_steps=2)
    assert out.params.shape == (5, 3) and (out.step == 9).all()
    assert [r.step for r in reports] == [3, 6, 7]
    assert all(r.metrics["mean"].shape == (5,) for r in reports)
    results.append(np.asarray(out.params))
np.testing.assert_array_equal(*results)
assert len(jax.devices()) == 2
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


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
    log = training.log(tmp_path / "metrics.jsonl", arm="a")
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
