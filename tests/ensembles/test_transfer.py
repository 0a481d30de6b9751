"""Tests of jaxgan.ensembles.transfer and steps.freezing."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan import gan as gan_lib
from jaxgan import population, runs, types
from jaxgan.checkpoint import leaves as leaves_lib
from jaxgan.core import errors
from jaxgan.ensembles import transfer
from jaxgan.scores import torch_files
from jaxgan.steps import freezing
from jaxgan.training import methods

ADAM = {"learning_rate": 1e-2, "b1": 0.5, "b2": 0.99}
DATA = np.random.default_rng(0).normal(size=(8, 2)).astype(np.float32)
FIRST = "discriminator.Dense_0"


def make(hidden, **options):
    method = methods.Method(
        "non_saturating", {}, types.Pair(ADAM, ADAM), 0.9, **options
    )
    gan = gan_lib.mlp((2,), hidden=hidden, latent_dim=2)
    return methods.make(gan, method)


def begin(made, members, seed):
    hparams = population.broadcast(made.hparams, members)
    keys = population.keys(jax.random.key(seed), members)
    return jax.device_get(population.init(made.initialise, hparams, keys))


def named(state):
    own = {part: getattr(state, part) for part in transfer.PARTS}
    return {k: np.asarray(v) for k, v in leaves_lib.named(own)[0].items()}


def assert_same_trees(one, other):
    jax.tree.map(np.testing.assert_array_equal, one, other)


def test_every_array_of_the_same_name_and_shape_is_taken_member_by_member():
    made = make((4, 4))
    source = transfer.Source("there", named(begin(made, 2, seed=1)))
    state, found = transfer.begin_from(source, begin(made, 3, seed=2))
    assert not (found.new or found.other or found.unused)
    for name, array in named(state).items():
        np.testing.assert_array_equal(array, source.arrays[name][[0, 1, 0]])


def test_noise_and_the_state_of_an_augmentation_begin_as_usual():
    before = begin(make((4,)), 2, seed=2)
    own = {"layer": {"key": np.arange(4, dtype=np.uint32).reshape(2, 2)}}
    changing = {"value": np.zeros(2, np.float32)}
    collections = {"noise": own, "augmentation": changing}
    before = before._replace(collections=types.Pair({}, collections))
    arrays = {name: x[:1] + 1 for name, x in named(before).items()}
    after, found = transfer.begin_from(transfer.Source("there", arrays), before)
    assert_same_trees(after.collections, before.collections)
    assert found.taken and not any("collections" in name for name in found.taken)
    assert not (found.new or found.unused)


def test_layers_of_another_size_begin_as_usual_and_are_told():
    source = transfer.Source("there", named(begin(make((4, 4)), 1, seed=1)))
    before = begin(make((4, 6)), 1, seed=2)
    state, found = transfer.begin_from(source, before)
    after, own = named(state), named(before)
    assert "params.discriminator.Dense_0.kernel" in found.taken
    assert found.other["params.discriminator.Dense_1.kernel"] == "[4, 4], here [4, 6]"
    for name, array in after.items():
        expected = source.arrays if name in found.taken else own
        np.testing.assert_array_equal(array, expected[name])
    said = " ".join(transfer.sentences(source, found))
    assert "Dense_1.kernel (there [4, 4], here [4, 6])" in said


def test_an_average_that_is_not_there_begins_at_the_weights():
    made = make((4, 4))
    arrays = named(begin(made, 1, seed=1))
    weights = {name: x + 1 for name, x in arrays.items() if name.startswith("params")}
    state, _ = transfer.begin_from(
        transfer.Source("there", weights), begin(made, 1, seed=2)
    )
    for a, b in zip(
        jax.tree.leaves(state.ema),
        jax.tree.leaves(state.params.generator),
        strict=True,
    ):
        np.testing.assert_array_equal(a, b)


def test_weights_that_fit_nowhere_are_refused():
    source = transfer.Source("there", {"params.generator.Other.kernel": np.ones(3)})
    with pytest.raises(errors.UserError, match="no weights of there fit"):
        transfer.begin_from(source, begin(make((4, 4)), 1, seed=2))


def as_torch(monkeypatch, tmp_path, mapping, **arrays):
    monkeypatch.setattr(torch_files, "read_arrays", lambda path: arrays)
    path = tmp_path / "mapping.json"
    path.write_text(json.dumps(mapping))
    return transfer.of_torch(tmp_path / "weights.pt", path).arrays


def test_kernels_of_pytorch_take_the_order_of_axes_here(monkeypatch, tmp_path):
    linear, conv = np.arange(6.0).reshape(2, 3), np.arange(48.0).reshape(2, 3, 4, 2)
    mapping = {
        "linear": "a",
        "bias": "b",
        "conv": "c",
        "up": {"to": "d", "axes": [2, 3, 0, 1], "flip": [0, 1]},
    }
    found = as_torch(
        *(monkeypatch, tmp_path, mapping),
        linear=linear,
        bias=linear[0],
        conv=conv,
        up=conv,
    )
    np.testing.assert_array_equal(found["a"][0], linear.T)
    np.testing.assert_array_equal(found["b"][0], linear[0])
    # [O, I, H, W] there, [H, W, I, O] here.
    assert found["c"].shape == (1, 4, 2, 3, 2)
    assert found["c"][0, 3, 1, 2, 1] == conv[1, 2, 3, 1]
    # [I, O, H, W] of a transposed convolution, read backwards in space.
    assert found["d"][0, 0, 0, 1, 2] == conv[1, 2, 3, 1]


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"linaer": "a"}, "'linear'"),
        ({"linear": {"to": "a", "axes": [0, 0]}}, "axes"),
        ({"linear": {"to": "a", "axis": [1, 0]}}, "unknown: axis"),
        ({"linear": 3}, "must be a name"),
        ({"linear": "a", "other": "a"}, "two arrays for 'a', the second is 'other'"),
    ],
)
def test_a_wrong_mapping_names_its_entry(entry, words, monkeypatch, tmp_path):
    with pytest.raises(errors.UserError, match=words):
        arrays = dict.fromkeys(["linear", "other"], np.ones((2, 3)))
        as_torch(monkeypatch, tmp_path, entry, **arrays)


def test_a_mapping_that_names_an_array_twice_is_refused(monkeypatch, tmp_path):
    path = tmp_path / "mapping.json"
    path.write_text('{"linear": "a", "linear": "b"}')
    monkeypatch.setattr(torch_files, "read_arrays", lambda path: {})
    with pytest.raises(errors.UserError, match="'linear' comes twice"):
        transfer.of_torch(tmp_path / "weights.pt", path)


def test_optimisers_that_remember_weights_begin_at_those_that_were_taken():
    made = make((4,), optimizer_family="schedule_free")
    trainer = runs.Trainer(made, None, 0.0)
    members = runs.Members(
        population.broadcast(made.hparams, 2),
        begin(made, 2, seed=1),
        population.keys(jax.random.key(1), 2),
    )
    other = begin(made, 2, seed=2)
    state = members.state._replace(params=other.params, ema=other.ema)
    found = runs.begin_at(trainer, members, state).state
    # Of the sequence z of schedule-free, which begins where the weights do.
    for one, its in zip(found.opt_state, other.opt_state, strict=True):
        np.testing.assert_array_equal(*(jax.tree.leaves(x)[-1] for x in (one, its)))
    assert_same_trees(found, other)


def test_frozen_layers_stay_and_the_others_learn_with_any_optimiser():
    weights = {"learning_rate": 1e-2, "weight_decay": 0.1}
    made = make((4, 4), freeze=(FIRST,), optimizer_family="adamw")
    both = types.Pair(weights, weights)
    hparams = made.hparams._replace(optimizer=both)
    state = made.initialise(hparams, jax.random.key(0))
    batch = types.Batch(jnp.asarray(DATA))
    after, _ = jax.jit(made.step)(hparams, state, batch, jax.random.key(1))
    old, new = (own.params.discriminator for own in (state, after))
    for name in old:
        leaves = zip(
            jax.tree.leaves(old[name]), jax.tree.leaves(new[name]), strict=True
        )
        same = all(np.array_equal(a, b) for a, b in leaves)
        assert same == (name == "Dense_0")


@pytest.mark.parametrize(
    "weights", [{}, {methods.CLIP: 1e-3}], ids=["without clip", "clipped"]
)
def test_others_never_see_a_frozen_player_move_within_a_step(weights):
    gan = gan_lib.mlp((2,), hidden=(4,), latent_dim=2)
    batch = types.Batch(jnp.asarray(DATA))

    def train(weights, rate, **more):
        numbers = types.Pair(ADAM, ADAM | {"learning_rate": rate})
        method = methods.Method("non_saturating", weights, numbers, n_critic=2, **more)
        made = methods.make(gan, method)
        state = made.initialise(made.hparams, jax.random.key(0))
        return made.step(made.hparams, state, batch, jax.random.key(1))[0].params

    # What has the rate zero does not move either.
    frozen = train(weights, 1.0, freeze=("discriminator",))
    assert_same_trees(frozen, train({}, 0.0))


def test_a_layer_that_is_not_there_is_refused_with_those_that_are():
    params, _ = jax.eval_shape(
        gan_lib.mlp((2,), hidden=(4,), latent_dim=2).init, jax.random.key(0)
    )
    with pytest.raises(errors.UserError, match=f"no layer .*{FIRST}"):
        freezing.check(params, ["discriminator.Dense_O"])
    freezing.check(params, [FIRST, f"{FIRST}.kernel", "generator"])
