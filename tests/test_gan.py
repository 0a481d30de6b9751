"""Tests of jaxgan.gan and jaxgan.networks."""

import functools
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan import gan, gradients, losses, penalties, types
from jaxgan.core import errors
from jaxgan.networks import layers

ARCHITECTURES = [
    {"architecture": "mlp", "shape": [2]},
    {"architecture": "mlp", "shape": [8, 8, 1], "bounded": True, "hidden": [32, 16]},
    {"architecture": "conv", "shape": [8, 8, 1], "width": 8},
    {"architecture": "conv", "shape": [28, 20, 3], "width": 4},
]
NORMALISED = [
    {
        "architecture": name,
        "shape": [8, 8, 1],
        "generator_normalisation": norm,
        "discriminator_normalisation": norm,
        "reference_size": 4,
    }
    for name in ("mlp", "conv")
    for norm in layers.NORMALISATIONS
    if (name, norm) != ("mlp", "instance")
]
STATEFUL = ("batch", "virtual_batch", "spectral")


def made(description, batch=6):
    networks, params, collections = initialised(json.dumps(description))
    return networks, params, collections, networks.latent(jax.random.key(1), batch)


@functools.cache
def initialised(description):
    networks = gan.build(json.loads(description))
    networks = networks._replace(
        generate=jax.jit(networks.generate, static_argnames="train"),
        discriminate=jax.jit(networks.discriminate, static_argnames="train"),
    )
    return networks, *jax.jit(networks.init)(jax.random.key(0))


@functools.cache
def played(description):
    """The generator's collections, and by `train` what both make of a batch of 6.

    One program, as compiling takes nearly all the time.
    """
    networks = gan.build(json.loads(description))

    @jax.jit
    def play(key, latent_key):
        params, collections = networks.init(key)
        z, found = networks.latent(latent_key, 6), {}
        for train in (True, False):
            x, after = networks.generate(
                params.generator, collections.generator, z, train=train
            )
            output, _ = networks.discriminate(
                params.discriminator, collections.discriminator, x, train=train
            )
            found[train] = x, after, output
        return collections.generator, found

    return jax.device_get(play(jax.random.key(0), jax.random.key(1)))


@pytest.mark.parametrize("description", ARCHITECTURES + NORMALISED, ids=str)
@pytest.mark.parametrize("train", [True, False])
def test_shapes_are_those_promised_and_values_finite(description, train):
    x, _, output = played(json.dumps(description))[1][train]
    assert x.shape == (6, *description["shape"])
    assert output.logits.shape == (6,)
    assert output.features.shape[0] == 6 and output.features.ndim == 2
    assert output.class_logits is None
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves((x, output)))


@pytest.mark.parametrize("description", [ARCHITECTURES[1], ARCHITECTURES[2]], ids=str)
def test_images_lie_between_minus_one_and_one(description):
    networks, params, collections, z = made(description, batch=64)
    x, _ = networks.generate(params.generator, collections.generator, 100 * z)
    assert jnp.abs(x).max() <= 1
    assert x.std() > 0


@pytest.mark.parametrize("description", NORMALISED, ids=str)
def test_collections_advance_in_training_and_only_there(description):
    before, found = played(json.dumps(description))
    jax.tree.map(np.testing.assert_array_equal, found[False][1], before)
    after = found[True][1]
    assert jax.tree.structure(after) == jax.tree.structure(before)
    moved = jax.tree.map(lambda a, b: bool((a != b).any()), after, before)
    carries_state = description["generator_normalisation"] in STATEFUL
    assert any(jax.tree.leaves(moved)) == carries_state


@pytest.mark.parametrize("name", ["mlp", "conv"])
def test_without_batch_statistics_a_sample_does_not_depend_on_its_batch(name):
    networks, params, collections, z = made(
        {
            "architecture": name,
            "shape": [8, 8, 1],
            "generator_normalisation": "batch",
            "discriminator_normalisation": "spectral",
        }
    )
    whole, _ = networks.generate(params.generator, collections.generator, z)
    part, _ = networks.generate(params.generator, collections.generator, z[2:3])
    np.testing.assert_allclose(part, whole[2:3], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("description", "said"),
    [
        ({"architecture": "transformer", "shape": [2]}, "transformer"),
        ({"architecture": "conv", "shape": [9, 8, 1]}, "(9, 8, 1)"),
        ({"architecture": "conv", "shape": [2]}, "(2,)"),
        ({"architecture": "mlp", "shape": [2], "hidden": [8, 0]}, "(8, 0)"),
        ({"architecture": "mlp", "shape": [2], "latent_dim": 0}, "latent_dim=0"),
        (
            {"architecture": "mlp", "shape": [2], "generator_normalisation": "x"},
            "'x'",
        ),
        ({"architecture": "mlp", "shape": [2], "width": 8}, "width=8"),
        ({"architecture": "mlp", "shape": [2], "dtype": "int8"}, "'int8'"),
        ({"architecture": "conv", "shape": [8, 8, 1], "convolution": "f"}, "'f'"),
        (
            {"architecture": "mlp", "shape": [2], "generator_conditioning": "concat"},
            "generator_conditioning='concat'",
        ),
        (
            {
                "architecture": "mlp",
                "shape": [2],
                "num_classes": 3,
                "generator_normalisation": "virtual_batch",
            },
            "num_classes=3",
        ),
    ],
)
def test_what_cannot_be_built_is_said(description, said):
    with pytest.raises(errors.UserError) as error:
        gan.build(description)
    assert said in str(error.value)


def test_labels_are_refused_by_an_unconditional_gan():
    networks, params, collections, z = made(ARCHITECTURES[0])
    with pytest.raises(errors.UserError, match="label was given"):
        networks.generate(params.generator, collections.generator, z, jnp.zeros(6, int))


def test_labels_are_demanded_by_a_conditional_gan():
    networks, params, collections, z = made({**ARCHITECTURES[0], "num_classes": 3})
    with pytest.raises(errors.UserError, match="label is missing"):
        networks.generate(params.generator, collections.generator, z)


@pytest.mark.parametrize("description", [ARCHITECTURES[0], ARCHITECTURES[2]], ids=str)
def test_a_pack_is_judged_as_its_samples_side_by_side(description):
    x = np.random.default_rng(0).normal(size=(6, *description["shape"]))
    x = x.astype(np.float32)
    *places, channels = description["shape"]
    wide = description | {"shape": [*places, 3 * channels]}
    networks, params, collections, _ = made(description | {"pack": 3})
    whole, own, _, _ = made(wide)
    assert networks.pack == 3 and whole.pack == 1
    jax.tree.map(np.testing.assert_array_equal, params.discriminator, own.discriminator)
    found, _ = networks.discriminate(params.discriminator, collections.discriminator, x)
    beside = np.stack([np.concatenate(x[i : i + 3], axis=-1) for i in (0, 3)])
    expected, _ = whole.discriminate(
        params.discriminator, collections.discriminator, beside
    )
    np.testing.assert_array_equal(found.logits, expected.logits)


def test_packs_of_one_are_samples_bit_for_bit():
    plain, params, collections, z = made(ARCHITECTURES[2])
    packed, own, others, _ = made(ARCHITECTURES[2] | {"pack": 1})
    assert packed.pack == 1
    jax.tree.map(np.testing.assert_array_equal, (params, collections), (own, others))
    x, _ = plain.generate(params.generator, collections.generator, z)
    for_each = [
        networks.discriminate(params.discriminator, collections.discriminator, x)[0]
        for networks in (plain, packed)
    ]
    np.testing.assert_array_equal(*(output.logits for output in for_each))


# Its logit of a pack is the sum of its samples' products with w.
def linear(pack):
    def discriminate(params, collections, x, label=None, train=False):
        logits = (x @ params).reshape(-1, pack).sum(1)
        return types.DiscriminatorOutput(logits, logits[:, None]), collections

    def generate(params, collections, z, label=None, train=False):
        return params + z, collections

    def latent(key, n):
        return jax.random.normal(key, (n, 2))

    return types.GAN(None, latent, generate, discriminate, pack)


@pytest.mark.parametrize("pack", [1, 3])
def test_gradient_penalties_are_of_packs(pack):
    weights = jnp.array([2.0, -1.0])
    state = types.TrainState(
        jnp.zeros((), jnp.int32),
        types.Pair(jnp.zeros(2), weights),
        types.Pair({}, {}),
        None,
        None,
        jnp.ones((), bool),
    )
    names = {"r1": 0.0, "wgan_gp": 0.0}
    build = gradients.discriminator(
        linear(pack),
        losses.get("wasserstein"),
        {name: penalties.get(name) for name in names},
    )
    x = jnp.asarray(np.random.default_rng(1).normal(size=(4 * pack, 2)), jnp.float32)
    hparams = types.HParams(types.Pair({}, {}), names)
    _, _, metrics = build(hparams, state, types.Batch(x), jax.random.key(0))
    # |grad|^2 of a pack is m |w|^2, wherever it is.
    squared = pack * 5.0
    np.testing.assert_allclose(metrics["r1"], squared, rtol=1e-5)
    np.testing.assert_allclose(
        metrics["wgan_gp"], (np.sqrt(squared) - 1) ** 2, rtol=1e-5
    )


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"pack": 0}, "pack=0"),
        ({"pack": 1.5}, "pack=1.5"),
        ({"pack": 2, "num_classes": 3}, "pack=2 does not go with num_classes=3"),
        ({"minibatch": "x"}, "discriminator_minibatch='x'|minibatch='x'"),
    ],
)
def test_packs_that_cannot_be_are_refused(changed, said):
    with pytest.raises(errors.UserError, match=said):
        gan.build(ARCHITECTURES[2] | changed)


def test_a_batch_that_is_no_whole_packs_is_refused():
    networks, params, collections, _ = made(ARCHITECTURES[0] | {"pack": 4})
    with pytest.raises(errors.UserError, match="batch of 6 samples .* packs of 4"):
        networks.discriminate(
            params.discriminator, collections.discriminator, jnp.zeros((6, 2))
        )


@pytest.mark.parametrize("kind", ["stddev", "discrimination"])
def test_the_logit_sees_how_samples_of_a_batch_differ(kind):
    networks, params, collections, z = made(ARCHITECTURES[1] | {"minibatch": kind})
    x, _ = networks.generate(params.generator, collections.generator, z)
    output, _ = networks.discriminate(
        params.discriminator, collections.discriminator, x
    )
    features = np.asarray(output.features, np.float64)
    assert features.shape == (6, 16)
    if kind == "stddev":
        # Groups of 3 of 6: those that are two apart.
        deviation = np.sqrt(features.reshape(3, 2, 16).var(0) + 1e-8).mean(-1)
        added = np.tile(deviation, 3)[:, None]
    else:
        own = params.discriminator["Head_0"]["MinibatchDiscrimination_0"]["Dense_0"]
        m = (features @ np.asarray(own["kernel"])).reshape(6, 100, 5)
        distance = np.abs(m[:, None] - m[None]).sum(-1)
        added = np.exp(-distance).sum(1) - 1
    head = params.discriminator["Head_0"]["Dense_0"]
    seen = np.concatenate([features, added], axis=1)
    expected = (seen @ np.asarray(head["kernel"]) + np.asarray(head["bias"]))[:, 0]
    np.testing.assert_allclose(output.logits, expected, rtol=1e-4, atol=1e-5)
