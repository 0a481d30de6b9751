"""Tests of jaxgan.ensembles.features."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan import gan
from jaxgan.core import errors
from jaxgan.ensembles import features


def test_features_are_those_of_the_discriminator_sample_by_sample():
    networks = gan.mlp((2,), hidden=(3,), latent_dim=2)
    params, collections = jax.jit(networks.init)(jax.random.key(0))
    own = params.discriminator, collections.discriminator
    # More than a block, and not a whole number of them.
    x = jax.random.normal(jax.random.key(1), (2 * features.BLOCK + 7, 2))
    found = jax.jit(lambda x: features.of_data(networks, *own, x))(x)
    expected = networks.discriminate(*own, x)[0].features
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    with pytest.raises(errors.UserError, match="at least one sample"):
        features.of_data(networks, *own, x[:0])


def test_packs_have_no_features_of_single_samples():
    with pytest.raises(errors.UserError, match="packs of 2"):
        features.of_data(gan.mlp((2,), pack=2), {}, {}, jnp.ones((4, 2)))


def test_the_class_does_not_matter_where_labels_enter_by_projection():
    networks = gan.mlp(
        (2,),
        hidden=(3,),
        latent_dim=2,
        num_classes=4,
        discriminator_conditioning="projection",
    )
    params, collections = jax.jit(networks.init)(jax.random.key(0))
    own = params.discriminator, collections.discriminator
    x = jnp.ones((5, 2))
    found = [features.of_data(networks, *own, x, label=label) for label in (0, 3)]
    np.testing.assert_array_equal(*found)
    with pytest.raises(errors.UserError, match="label"):
        features.of_data(networks, *own, x)
