"""Tests of jaxgan.ensembles.export."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan import ensembles, population
from jaxgan import gan as gan_lib
from jaxgan.core import errors
from jaxgan.data import standardise
from jaxgan.ensembles import export


def mixture(gan, members=3, **more):
    params, collections = jax.jit(jax.vmap(gan.init))(
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
        expected, _ = jax.jit(gan.generate)(own.params, own.collections, z, *label)
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


def test_a_program_of_a_fixed_batch_has_no_check_of_its_size():
    # The check is what an older JAX does not know: vhlo.custom_call_v2, seen in 0.10.2.
    gan = gan_lib.mlp((2,), hidden=(4,), latent_dim=2)
    mixed, z = mixture(gan), jnp.ones((4, 2))
    free, fixed = (
        jax.export.deserialize(
            bytearray(export.stablehlo(gan, mixed, ("cpu",), batch=batch))
        )
        for batch in (None, 4)
    )
    assert "custom_call" in free.mlir_module()
    assert "custom_call" not in fixed.mlir_module()
    member = jnp.int32(1)
    np.testing.assert_array_equal(fixed.call(member, z), free.call(member, z))
    assert fixed.in_avals[1].shape == (4, 2)
    assert jax.__version__ in export.readers(None)
    assert export.readers(4) == "batches of 4; for JAX from 0.10.2 on"


@pytest.mark.parametrize("architecture", ["mlp", "conv"])
def test_virtual_batch_normalisation_leaves_the_batch_free(architecture):
    described = {
        "architecture": architecture,
        "shape": [8, 8, 1],
        "latent_dim": 4,
        "generator_normalisation": "virtual_batch",
        "reference_size": 3,
    }
    gan = gan_lib.build(described)
    mixed, z = mixture(gan), gan.latent(jax.random.key(1), 5)
    train = jax.jit(
        jax.vmap(lambda own: gan.generate(own.params, own.collections, z, train=True))
    )
    _, trained = train(mixed._replace(weights=None))
    mixed = mixed._replace(collections=trained)
    program = jax.export.deserialize(bytearray(export.stablehlo(gan, mixed, ("cpu",))))
    for batch in (1, 7):
        z = gan.latent(jax.random.key(batch), batch)
        own = population.take(mixed, 2)
        expected, _ = jax.jit(gan.generate)(own.params, own.collections, z)
        got = program.call(jnp.int32(2), z)
        np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)


def test_networks_that_need_the_size_of_a_batch_are_told_to_be_given_it():
    gan = gan_lib.mlp((2,), hidden=(4,), latent_dim=2)

    def generate(params, collections, z, label=None, **options):
        x, collections = gan.generate(params, collections, z, label, **options)
        return x - jnp.sum(x) / len(x), collections

    own = gan._replace(generate=generate)
    with pytest.raises(errors.UserError, match="free .* give it as batch, --batch N"):
        export.stablehlo(own, mixture(gan), ("cpu",))
    export.stablehlo(own, mixture(gan), ("cpu",), batch=3)
