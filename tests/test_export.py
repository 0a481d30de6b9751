"""Tests of jaxgan.export."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan import ensembles, export, population
from jaxgan import gan as gan_lib
from jaxgan.data import standardise


def mixture(gan, members=3, **more):
    params, collections = jax.vmap(gan.init)(
        jax.random.split(jax.random.key(0), members)
    )
    weights = jnp.ones(members) / members
    plain = ensembles.Mixture(
        weights, params.generator, collections.generator, None, None
    )
    return plain._replace(**more)


@pytest.mark.parametrize("conditional", [False, True])
def test_the_program_is_the_generator_of_each_member(conditional):
    described = {
        "architecture": "conv",
        "shape": [8, 8, 1],
        "latent_dim": 4,
        "width": 2,
    }
    if conditional:
        described["num_classes"] = 3
    gan = gan_lib.build(described)
    classes = jnp.full((3, 3), 1 / 3) if conditional else None
    mixed = mixture(gan, classes=classes)
    program = jax.export.deserialize(bytearray(export.stablehlo(gan, mixed)))
    assert program.platforms == ("cpu", "cuda", "tpu")
    for member, batch in ((0, 1), (2, 5)):
        z = jax.random.normal(jax.random.key(batch), (batch, 4))
        label = (jnp.arange(batch) % 3,) if conditional else ()
        own = population.take(mixed, member)
        expected, _ = gan.generate(own.params, own.collections, z, *label)
        got = program.call(jnp.int32(member), z, *label)
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)


def test_points_come_in_the_units_of_the_data():
    gan = gan_lib.mlp((2,), hidden=(4,), latent_dim=2)
    scale = standardise.Standardiser(jnp.full((3, 2), 5.0), jnp.full((3, 2), 2.0))
    plain, scaled = mixture(gan), mixture(gan, standardiser=scale)
    z = jnp.ones((4, 2))
    one, other = (
        jax.export.deserialize(bytearray(export.stablehlo(gan, mixed, ("cpu",))))
        for mixed in (plain, scaled)
    )
    expected = 5 + 2 * one.call(jnp.int32(1), z)
    np.testing.assert_allclose(other.call(jnp.int32(1), z), expected, rtol=1e-5)
