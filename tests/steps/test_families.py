"""Optimisers by name: in a population each member's is optax's own."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import optax.contrib
import pytest

from jaxgan import steps, types
from jaxgan.core import errors
from jaxgan.steps import core, families

# Powers of two and their like, of which float32 computes `1 - b` exactly.
USUAL = {
    "learning_rate": 2.0**-6,
    **{"b1": 0.5, "b2": 0.96875, "eps": 2.0**-20, "eps_root": 2.0**-20},
    **{"decay": 0.875, "momentum": 0.5, "weight_decay": 2.0**-5, "threshold": 5.0},
    **{"beta": 0.9375, "adam_learning_rate": 2.0**-7, "adam_b1": 0.5},
    **{"adam_b2": 0.96875, "weight_lr_power": 2.0},
}
OTHER = {
    "learning_rate": 2.0**-4,
    **{"b1": 0.25, "b2": 0.875, "eps": 2.0**-4, "eps_root": 2.0**-4},
    **{"decay": 0.5, "momentum": 0.25, "weight_decay": 2.0**-1, "threshold": 12.0},
    **{"beta": 0.5, "adam_learning_rate": 2.0**-4, "adam_b1": 0.25},
    **{"adam_b2": 0.875, "weight_lr_power": 1.0},
}

DECAYS = {"bias": False, "kernel": True}
ALONE = {
    "adam": optax.adam,
    "adamw": functools.partial(optax.adamw, mask=DECAYS),
    "rmsprop": optax.rmsprop,
    "sgd": optax.sgd,
    "lion": functools.partial(optax.lion, mask=DECAYS),
    "adabelief": optax.adabelief,
    "radam": optax.radam,
    # Its own default is to see matrices as they are, and other weights by Adam.
    "muon": optax.contrib.muon,
}

RANDOM = np.random.default_rng(0)
PARAMS = {
    "bias": RANDOM.normal(size=2).astype(np.float32),
    "kernel": RANDOM.normal(size=(3, 2)).astype(np.float32),
}
# That go one way, so that the momentum counts.
GRADIENTS = {
    name: (1 + RANDOM.normal(size=(50, *leaf.shape))).astype(np.float32)
    for name, leaf in PARAMS.items()
}


def moved_by(transformation):
    """The weights after all gradients."""

    def body(carry, grads):
        params, state = carry
        updates, state = transformation.update(grads, state, params)
        return (optax.apply_updates(params, updates), state), None

    begin = PARAMS, transformation.init(PARAMS)
    return jax.lax.scan(body, begin, GRADIENTS)[0][0]


def moved_in_a_step(name):
    """The same by `steps.update`, of the numbers of one member."""
    optimizer = families.make(name)

    def gradient(hparams, state, batch, key):
        grads = jax.tree.map(lambda x: jnp.asarray(x)[state.step], GRADIENTS)
        return grads, state.collections.generator, {}

    step = steps.update("generator", gradient, optimizer)

    def of_member(numbers):
        hparams = types.HParams(types.Pair(numbers, numbers), {})
        opt_state = core.built(optimizer, hparams, "generator").init(PARAMS)
        nothing = types.Pair({}, {})
        state = types.TrainState(
            jnp.zeros((), jnp.int32),
            types.Pair(PARAMS, {}),
            nothing,
            types.Pair(opt_state, ()),
            None,
            jnp.ones((), bool),
        )

        def body(_, state):
            state, _ = step(hparams, state, types.Batch(jnp.zeros(1)), None)
            return state._replace(step=state.step + 1)

        return jax.lax.fori_loop(0, 50, body, state).params.generator

    return of_member


def numbers_of(name):
    """One member as usual, one in which all differs, then one for each number."""
    known = steps.OPTIMIZERS[name].numbers
    usual, other = ({key: of[key] for key in known} for of in (USUAL, OTHER))
    return [usual, other, *(usual | {key: other[key]} for key in known)]


@pytest.mark.parametrize("name", steps.OPTIMIZERS)
def test_an_optimiser_of_a_population_is_optax_alone_and_traced_once(name, traces):
    members = numbers_of(name)
    stacked = {key: np.float32([own[key] for own in members]) for key in members[0]}
    run = traces(moved_in_a_step(name))
    population = jax.jit(jax.vmap(run))
    found = jax.device_get(population(stacked))
    population({key: value[::-1] for key, value in stacked.items()})
    assert traces.count == 1

    @jax.jit
    def alone():
        return [moved_by(theirs(name)(**own)) for own in members[:2]]

    for i, expected in enumerate(jax.device_get(alone())):
        for leaf in PARAMS:
            np.testing.assert_allclose(found[leaf][i], expected[leaf], rtol=1e-5)
    for key, i in zip(members[0], range(2, len(members)), strict=True):
        differs = {k: not np.allclose(found[k][i], found[k][0], 1e-5) for k in PARAMS}
        # The power of the rate weighs steps that have different rates.
        assert any(differs.values()) != (key == "weight_lr_power"), key
        if key == "weight_decay":
            assert differs == DECAYS


def theirs(name):
    if name != "schedule_free":
        return ALONE[name]

    def factory(learning_rate, b1, b2, eps, weight_decay, weight_lr_power):
        inner = optax.adamw(
            learning_rate, 0.0, b2, eps, weight_decay=weight_decay, mask=DECAYS
        )
        return optax.contrib.schedule_free(inner, learning_rate, b1, weight_lr_power)

    return factory


def test_kernels_of_convolutions_are_matrices_to_muon():
    kernel = RANDOM.normal(size=(3, 3, 2, 4)).astype(np.float32)
    flat = {"learning_rate": 0.125}

    @jax.jit
    def first(leaf):
        muon = families.make("muon")(**flat)
        return muon.update(leaf, muon.init(leaf), leaf)[0]

    update = np.asarray(first(kernel)).reshape(18, 4)
    # A step is nearly orthogonal: its singular values are alike, up to those of the
    # iteration, which lie in [0.7, 1.2]. Muon scales by sqrt(max(1, O / I)) = 1.
    values = np.linalg.svd(update / 0.125, compute_uv=False)
    assert values.min() > 0.6 and values.max() < 1.3


def test_gradients_beyond_the_clip_norm_are_shortened_to_it():
    gradient = {"a": np.float32([3.0, 0.0]), "b": np.float32([[4.0]])}  # |g| = 5

    @jax.jit
    @jax.vmap
    def update(norm):
        sgd = families.make("sgd")(learning_rate=0.5, clip_norm=norm)
        return sgd.update(gradient, sgd.init(gradient), gradient)[0]

    found = update(np.float32([2.5, 10.0]))
    np.testing.assert_allclose(found["a"], [[-0.75, 0], [-1.5, 0]], rtol=1e-6)
    np.testing.assert_allclose(found["b"], [[[-1.0]], [[-2.0]]], rtol=1e-6)


def test_adam_by_name_is_the_program_of_adam():
    def program(factory):
        adam = factory(learning_rate=1e-3, b1=0.5)
        shapes = jax.eval_shape(adam.init, PARAMS)
        return str(jax.make_jaxpr(adam.update)(PARAMS, shapes, PARAMS))

    assert program(families.make("adam")) == program(steps.adam)


@pytest.mark.parametrize(
    ("name", "numbers", "said"),
    [
        ("adan", {}, "optimizer_family is 'adan', .* did you mean 'adam'"),
        ("sgd", {"momentun": 0.5}, "'momentun', .* sgd; .* did you mean 'momentum'"),
        ("adam", {"nesterov": True}, "'nesterov', which is no number of .* adam"),
        ("lion", {"b1": 0.5}, "optimizer.generator has no 'learning_rate'"),
    ],
)
def test_what_an_optimiser_does_not_take_is_refused(name, numbers, said):
    with pytest.raises(errors.UserError, match=said):
        families.check(name, numbers, "generator")
