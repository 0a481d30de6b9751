"""Tests of jaxgan.population."""

import os
import re
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan import population, types
from jaxgan.core import errors

MAPPERS = {
    "vmap": population.vmap,
    "one_by_one": population.one_by_one,
    "chunks_1": population.chunks(1),
    "chunks_3": population.chunks(3),
    "chunks_100": population.chunks(100),
}


def member(x, y):
    return {"sum": x + y["a"], "square": jnp.square(y["a"]).sum()}


@pytest.mark.parametrize("name", MAPPERS)
@pytest.mark.parametrize("total", [1, 2, 7])
def test_every_mapper_gives_each_member_its_own_result(name, total):
    x = jnp.arange(float(total))
    y = {"a": jnp.arange(2.0 * total).reshape(total, 2)}
    out = jax.jit(MAPPERS[name](member))(x, y)
    np.testing.assert_allclose(out["sum"], x[:, None] + y["a"])
    np.testing.assert_allclose(out["square"], np.square(y["a"]).sum(1))


@pytest.mark.parametrize(("total", "size"), [(50, 8), (7, 3), (64, 8), (5, 8), (1, 4)])
def test_chunks_are_of_the_size_asked_for_however_few_members(total, size):
    def see(x):
        return jnp.sin(x)

    jaxpr = jax.make_jaxpr(population.chunks(size)(see))(jnp.ones(total))
    assert set(re.findall(r"f32\[(\d+)\] = sin", str(jaxpr))) == {str(size)}


@pytest.mark.parametrize(
    ("widest", "together"),
    [(128 * 128, 1), (64 * 128, 1), (64 * 64, 4), (32 * 64, 4), (None, 4)],
)
def test_narrow_members_run_together_whatever_their_number_and_the_cores(
    widest, together, monkeypatch
):
    def see(x):
        return jnp.sin(x)

    for members, cores in ((1, 1), (50, 2), (64, 2), (7, 16)):
        monkeypatch.setattr(os, "sched_getaffinity", lambda _, n=cores: set(range(n)))
        mapper = population.automatic(members, widest=widest)
        jaxpr = str(jax.make_jaxpr(mapper(see))(jnp.ones(members)))
        shapes = re.findall(r"f32\[(\d*)\] = sin", jaxpr)
        assert shapes == ["" if together == 1 else str(together)]


def test_the_widest_layer_counts_and_scalars_do_not():
    params = {"kernel": jnp.ones((3, 5)), "bias": jnp.ones(7), "gamma": jnp.ones(())}
    assert population.widest(params, 10) == 70
    assert not population.is_convolutional(params)
    assert population.is_convolutional(params | {"conv": jnp.ones((3, 3, 1, 2))})


def test_a_player_without_layers_is_as_wide_as_its_batch():
    assert population.widest({}, 8) == population.widest({"x": jnp.ones(())}, 8) == 8


def test_a_number_is_no_key():
    with pytest.raises(errors.UserError, match=r"key.*jax.random.key\(seed\)"):
        population.keys(0, 3)


@pytest.mark.parametrize("cores", [1, 2, 5])
def test_a_cpu_never_computes_on_a_single_thread(cores, monkeypatch):
    # XLA has other code, of other bits, for one thread.
    asked = {}
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(cores)))
    monkeypatch.setattr(jax.config, "update", asked.__setitem__)
    population.use_all_cores()
    assert asked == {"jax_num_cpu_devices": max(cores, 2)}


@pytest.mark.parametrize("implementation", ["rbg", "unsafe_rbg"])
def test_keys_of_another_generator_become_those_of_threefry(implementation):
    other = population.keys(jax.random.key(5, impl=implementation), 3)
    same = population.keys(jax.random.key(5, impl="threefry2x32"), 3)
    assert other.dtype == same.dtype
    data = jax.random.key_data
    np.testing.assert_array_equal(data(other), data(same))
    raw = population.keys(jax.random.PRNGKey(5), 3)
    np.testing.assert_array_equal(data(raw), data(same))


def test_a_members_key_depends_neither_on_the_size_nor_on_the_others():
    key = jax.random.key(3)
    few, many = population.keys(key, 2), population.keys(key, 9)
    data = jax.random.key_data
    np.testing.assert_array_equal(data(few), data(many)[:2])
    np.testing.assert_array_equal(data(many)[7], data(jax.random.fold_in(key, 7)))
    assert len(np.unique(np.asarray(data(many)), axis=0)) == 9


def test_taking_and_stacking_undo_each_other():
    tree = {"a": jnp.arange(6.0).reshape(3, 2), "b": jnp.arange(3)}
    again = population.stack([population.take(tree, i) for i in range(3)])
    jax.tree.map(np.testing.assert_array_equal, again, tree)
    reversed_ = population.take(tree, [2, 1, 0])
    np.testing.assert_array_equal(reversed_["b"], [2, 1, 0])
    halves = [population.take(tree, [0]), population.take(tree, [1, 2])]
    jax.tree.map(np.testing.assert_array_equal, population.concatenate(halves), tree)


def test_broadcasting_makes_float32_numbers_and_keeps_arrays():
    tree = population.broadcast({"rate": 1, "weights": jnp.ones(4, bool)}, 5)
    assert tree["rate"].shape == (5,) and tree["rate"].dtype == jnp.float32
    assert tree["weights"].shape == (5, 4) and tree["weights"].dtype == bool


@pytest.mark.parametrize("tree", [{"a": 1.0}, {"a": jnp.ones(2), "b": jnp.ones(3)}])
def test_trees_without_a_common_axis_are_refused(tree):
    with pytest.raises(errors.UserError, match=r"\[P\]"):
        population.size(tree)


def test_the_leaf_without_the_members_axis_is_named():
    tree = {"learning_rate": jnp.ones(3), "b1": 0.5}
    with pytest.raises(errors.UserError, match=r"no axis at \['b1'\].*broadcast"):
        population.size(tree)


def test_a_chunk_holds_at_least_one_member():
    with pytest.raises(errors.UserError, match="size=0"):
        population.chunks(0)


def test_a_population_is_made_by_one_program_however_often_it_is_made(traces):
    @traces
    def initialise(hparams, key):
        return hparams.penalties["rate"], key

    for rate in (1.0, 2.0):
        numbers = types.HParams(types.Pair({}, {}), {"rate": np.full(3, rate, "f4")})
        made, _ = population.init(
            initialise, numbers, population.keys(jax.random.key(0), 3)
        )
        np.testing.assert_array_equal(made, np.full(3, rate))
    assert traces.count == 1


def test_what_makes_a_population_may_hold_arrays():
    class Initial(NamedTuple):
        rates: np.ndarray

        def __call__(self, hparams, key):
            return self.rates * hparams.ema_decay

    decays = types.HParams(types.Pair({}, {}), {}, np.float32([2, 3]))
    keys = jax.random.split(jax.random.key(0), 2)
    made = population.init(Initial(np.float32([1, 5])), decays, keys)
    np.testing.assert_array_equal(made, [[2, 10], [3, 15]])
