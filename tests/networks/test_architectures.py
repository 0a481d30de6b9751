"""Every architecture trains in a population, in both dtypes, with and without labels.

An architecture that is added to `networks.ARCHITECTURES` needs a line in `SMALL`.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan import gan, gradients, losses, networks, steps, types
from jaxgan import population as members
from jaxgan.core import errors
from jaxgan.gradients import policy
from jaxgan.networks import layers

SMALL = {
    "mlp": {"shape": (3,), "hidden": (8, 8), "latent_dim": 4},
    "noisy_mlp": {"shape": (4, 4, 1), "hidden": 8, "latent_dim": 4},
    "noisy_conv": {"shape": (8, 8, 1), "width": 4, "hidden": 8, "latent_dim": 4},
    "conv": {"shape": (8, 8, 1), "width": 4, "latent_dim": 4},
    "dcgan": {"shape": (16, 16, 1), "width": 4, "latent_dim": 4},
    "sn_dcgan": {"shape": (16, 16, 1), "width": 4, "latent_dim": 4},
    "resnet": {
        "shape": (8, 8, 3),
        "generator_width": 4,
        "discriminator_width": 4,
        "latent_dim": 4,
    },
    "sagan": {"shape": (32, 32, 1), "width": 4, "latent_dim": 4},
    "biggan_small": {
        "shape": (32, 32, 1),
        "width": 1,
        "embedding": 4,
        "latent_dim": 8,
    },
    "r3gan": {"shape": (8, 8, 3), "width": 4, "groups": 2, "latent_dim": 4},
    "wavegan": {"shape": (256, 1), "width": 2, "latent_dim": 4},
    "text_resnet": {"shape": (6, 5), "width": 4, "blocks": 1, "latent_dim": 4},
    "gumbel_text": {"shape": (6, 5), "width": 4, "blocks": 1, "latent_dim": 34},
    "seqgan": {"shape": (6, 5), "width": 4, "windows": 2, "latent_dim": 6},
    "video_dcgan": {"shape": (4, 4, 8, 2), "width": 2, "latent_dim": 4},
    "mocogan": {
        "shape": (3, 4, 8, 2),
        "width": 2,
        "start": 2,
        "motion": 1,
        "memory": 4,
        "latent_dim": 6,
    },
}
NUM_CLASSES = 3
MEMBERS, STEPS, BATCH = 2, 20, 4
RATE = 1e-3

# Compiling takes nearly all the time.
LONG_TO_COMPILE = ("sagan", "biggan_small", "sn_dcgan", "resnet", "r3gan")
USUAL = ("mlp", "conv", "dcgan")
BY_NAME = [
    pytest.param(name, marks=() if name in USUAL else pytest.mark.slow)
    for name in networks.ARCHITECTURES
]
QUICK_TO_COMPILE = [
    name for name in networks.ARCHITECTURES if name not in LONG_TO_COMPILE
]
# Each with either dtype and with and without labels; some with one of the two alone. Of
# those that take long to compile one.
FURTHER = [
    *((name, "bfloat16", NUM_CLASSES) for name in (*QUICK_TO_COMPILE, "resnet")),
    *((name, "float32", NUM_CLASSES) for name in ("mlp", "dcgan")),
    ("conv", "bfloat16", None),
]


def small(name):
    assert name in SMALL, f"{name} has no line in SMALL of {__file__}"
    return SMALL[name]


def build(name, dtype, num_classes):
    return gan.build(
        {
            "architecture": name,
            "dtype": dtype,
            "num_classes": num_classes,
            **small(name),
        }
    )


def labels(num_classes):
    return None if num_classes is None else jnp.arange(BATCH) % num_classes


@functools.cache
def member(name, dtype, num_classes):
    """A function `key -> record` that makes a member and trains it on noise."""
    pair = build(name, dtype, num_classes)
    loss = losses.LOSSES["non_saturating"]
    generator = gradients.generator
    if pair.log_probs is not None:
        generator = functools.partial(policy.reinforce, rollouts=1)
    step = steps.alternating(
        steps.update("discriminator", gradients.discriminator(pair, loss)),
        steps.update("generator", generator(pair, loss)),
    )
    rates = types.Pair({"learning_rate": RATE}, {"learning_rate": RATE})
    hparams = types.HParams(optimizer=rates, penalties={})
    shape = small(name)["shape"]

    def one(state, key):
        x_key, step_key = jax.random.split(key)
        x = jax.random.uniform(x_key, (BATCH, *shape), minval=-1.0)
        batch = types.Batch(x, labels(num_classes))
        return step(hparams, state, batch, step_key)

    def train(key):
        start = steps.initialise(pair)(hparams, key)
        state, metrics = jax.lax.scan(one, start, jax.random.split(key, STEPS))
        z = pair.latent(key, BATCH)
        x, logits = play(pair, state.params, state.collections, z, labels(num_classes))
        record = {"start": start, "state": state, "metrics": metrics}
        return {**record, "z": z, "x": x, "logits": logits}

    return train


def play(pair, params, collections, z, label):
    """Samples and their logits."""
    x, _ = pair.generate(params.generator, collections.generator, z, label)
    output, _ = pair.discriminate(
        params.discriminator, collections.discriminator, x, label
    )
    return x, output.logits


def keys():
    return jax.random.split(jax.random.key(0), MEMBERS)


@functools.cache
def population(name, dtype, num_classes):
    """Records of two members, trained as one program."""
    return jax.jit(jax.vmap(member(name, dtype, num_classes)))(keys())


def check_trained(name, dtype, num_classes):
    record = jax.device_get(population(name, dtype, num_classes))
    start, state = record["start"], record["state"]
    assert record["x"].shape == (MEMBERS, BATCH, *small(name)["shape"])
    assert record["x"].dtype == jnp.float32
    for path, leaf in jax.tree_util.tree_leaves_with_path((state, record["metrics"])):
        if jnp.issubdtype(leaf.dtype, jnp.inexact):
            assert leaf.dtype == jnp.float32, path
            assert np.isfinite(leaf).all(), path
    assert np.isfinite(record["x"]).all()
    for path, (before, after) in pairs_of_leaves(start.params, state.params):
        for i in range(MEMBERS):
            assert (before[i] != after[i]).any(), path
            # Adam's steps are at most a few rates long.
            assert np.abs(before[i] - after[i]).max() < 10 * STEPS * RATE, path


def pairs_of_leaves(before, after):
    both = jax.tree.map(lambda a, b: (a, b), before, after)
    return jax.tree_util.tree_leaves_with_path(
        both, is_leaf=lambda node: type(node) is tuple
    )


@pytest.mark.parametrize("name", BY_NAME)
def test_a_population_trains(name):
    check_trained(name, "float32", None)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "dtype", "num_classes"), FURTHER)
def test_a_population_trains_in_bfloat16_and_with_labels(name, dtype, num_classes):
    check_trained(name, dtype, num_classes)


@pytest.mark.slow
@pytest.mark.parametrize("name", LONG_TO_COMPILE)
def test_training_in_bfloat16_and_with_labels_leaves_a_state_in_float32(name):
    train = member(name, "bfloat16", NUM_CLASSES)
    record = jax.eval_shape(train, jax.random.key(0))
    for path, leaf in jax.tree_util.tree_leaves_with_path(record):
        if jnp.issubdtype(leaf.dtype, jnp.inexact):
            assert leaf.dtype == jnp.float32, path


@pytest.mark.parametrize("name", BY_NAME)
def test_labels_in_bfloat16_leave_parameters_and_samples_in_float32(name):
    pair = build(name, "bfloat16", NUM_CLASSES)
    params, collections = jax.eval_shape(pair.init, jax.random.key(0))
    assert {leaf.dtype for leaf in jax.tree.leaves(params)} == {jnp.dtype("float32")}
    z = jax.eval_shape(lambda key: pair.latent(key, BATCH), jax.random.key(0))
    x, logits = jax.eval_shape(
        functools.partial(play, pair), params, collections, z, labels(NUM_CLASSES)
    )
    assert x.shape == (BATCH, *small(name)["shape"]) and x.dtype == jnp.float32
    assert logits.shape == (BATCH,) and logits.dtype == jnp.float32


@pytest.mark.parametrize("name", BY_NAME)
def test_members_of_different_keys_differ(name):
    record = population(name, "float32", None)
    for name in ("x", "logits"):
        first, second = record[name]
        assert jnp.abs(first - second).max() > 1e-5, name


@pytest.mark.parametrize("name", BY_NAME)
def test_a_member_plays_as_it_would_alone(name):
    first = jax.tree.map(lambda leaf: leaf[0], population(name, "float32", None))
    alone = jax.jit(functools.partial(play, build(name, "float32", None)))
    x, logits = alone(
        first["state"].params, first["state"].collections, first["z"], None
    )
    np.testing.assert_allclose(x, first["x"], rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(logits, first["logits"], rtol=1e-3, atol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("name", [*QUICK_TO_COMPILE, "resnet", "r3gan"])
def test_a_member_trains_as_it_would_alone(name):
    first = jax.tree.map(lambda leaf: leaf[0], population(name, "float32", None))
    alone = jax.jit(member(name, "float32", None))(keys()[0])
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5),
        first["start"].params,
        alone["start"].params,
    )
    # Adam turns rounding into steps where gradients vanish: only the first steps count.
    for metric, values in alone["metrics"].items():
        np.testing.assert_allclose(
            first["metrics"][metric][:3], values[:3], rtol=5e-3, atol=1e-4
        )


def initialised(name, normalisation=None):
    """The initialisation of a population with orthogonal kernels, and its arguments."""
    config = {"architecture": name, "initialisation": "orthogonal", **small(name)}
    if normalisation is not None:
        config["generator_normalisation"] = normalisation
        config["discriminator_normalisation"] = normalisation
    rates = types.Pair(*2 * ({"learning_rate": jnp.full(MEMBERS, RATE)},))
    hparams = types.HParams(optimizer=rates, penalties={})
    initialise = steps.initialise(gan.build(config))
    return functools.partial(members.init, initialise), hparams, keys()


@pytest.mark.parametrize("name", BY_NAME)
def test_initialisation_takes_one_member_at_a_time(check_one_at_a_time, name):
    check_one_at_a_time(*initialised(name))


# Where a kernel is made does not depend on what is done to its outputs, so that each
# architecture is tried with one of the normalisations, in turns, the smallest with all.
KINDS = list(layers.NORMALISATIONS)
NORMALISED = [
    *((name, KINDS[i % len(KINDS)]) for i, name in enumerate(networks.ARCHITECTURES)),
    *(("conv", normalisation) for normalisation in KINDS),
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "normalisation"), NORMALISED)
def test_every_normalisation_takes_one_member_at_a_time(
    check_one_at_a_time, name, normalisation
):
    try:
        check_one_at_a_time(*initialised(name, normalisation))
    except errors.UserError as error:  # such as `instance` where there are no places
        pytest.skip(str(error))
