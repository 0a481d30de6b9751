"""Tests of jaxgan.gan and jaxgan.networks."""

import functools
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan import gan
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


@pytest.mark.parametrize("description", ARCHITECTURES + NORMALISED, ids=str)
@pytest.mark.parametrize("train", [True, False])
def test_shapes_are_those_promised_and_values_finite(description, train):
    networks, params, collections, z = made(description)
    x, _ = networks.generate(params.generator, collections.generator, z, train=train)
    assert x.shape == (6, *description["shape"])
    output, _ = networks.discriminate(
        params.discriminator, collections.discriminator, x, train=train
    )
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
    networks, params, collections, z = made(description)
    _, after = networks.generate(
        params.generator, collections.generator, z, train=False
    )
    jax.tree.map(np.testing.assert_array_equal, after, collections.generator)
    _, after = networks.generate(params.generator, collections.generator, z, train=True)
    assert jax.tree.structure(after) == jax.tree.structure(collections.generator)
    moved = jax.tree.map(
        lambda a, b: bool((np.asarray(a) != np.asarray(b)).any()),
        after,
        collections.generator,
    )
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
