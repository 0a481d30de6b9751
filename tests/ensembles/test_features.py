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


def abstract(networks):
    """Weights of the discriminator by their shapes, drawn by NumPy."""
    random, key = np.random.default_rng(0), jax.eval_shape(lambda: jax.random.key(0))
    return jax.tree.map(
        lambda leaf: random.normal(size=leaf.shape).astype(np.float32),
        tuple(own.discriminator for own in jax.eval_shape(networks.init, key)),
    )


def test_layers_are_what_the_next_ones_are_given_in_their_order():
    networks = gan.mlp((2,), hidden=(3, 4), latent_dim=2)
    params, collections = abstract(networks)
    x = np.random.default_rng(1).normal(size=(9, 2)).astype(np.float32)
    known = features.names(networks, params, collections, x)
    assert known == ["Dense_1", "features"]
    expected, hidden = [], x
    for name in ("Dense_0", "Dense_1"):
        hidden = hidden @ params[name]["kernel"] + params[name]["bias"]
        hidden = np.maximum(hidden, 0.2 * hidden)
        expected.append(hidden)
    own = networks, params, collections, x
    found = jax.jit(lambda x: features.of_layers(*own[:3], x))(x)
    np.testing.assert_allclose(found, np.hstack(expected), rtol=1e-4, atol=1e-5)
    last = jax.jit(lambda x: features.of_layers(*own[:3], x, layers=known[1:]))(x)
    np.testing.assert_allclose(last, expected[1], rtol=1e-4, atol=1e-5)
    with pytest.raises(errors.UserError, match="Dense_3.*did you mean 'Dense_1'"):
        features.of_layers(*own, layers=["Dense_3"])
    with pytest.raises(errors.UserError, match="at least one sample"):
        features.of_layers(networks, params, collections, x[:0])


def test_a_layer_of_images_is_the_maximum_in_each_cell_of_a_grid():
    # Cells overlap where the sides are no multiples of the grid's.
    x = np.random.default_rng(0).normal(size=(2, 7, 3, 5)).astype(np.float32)
    rows = [(0, 2), (1, 4), (3, 6), (5, 7)]  # [floor(7 i / 4), ceil(7 (i + 1) / 4))
    expected = np.stack([x[:, a:b].max(axis=1) for a, b in rows], axis=1)
    found = features._pooled(jnp.asarray(x))  # and three columns stay as they are
    np.testing.assert_array_equal(found, expected.reshape(2, -1))


@pytest.mark.parametrize("conditioning", ["projection", "auxiliary"])
def test_norms_labels_and_heads_are_no_layers(conditioning):
    networks = gan.mlp(
        (2,),
        hidden=(3, 4),
        num_classes=4,
        discriminator_normalisation="layer",
        discriminator_conditioning=conditioning,
    )
    params, collections = abstract(networks)
    found = features.names(networks, params, collections, np.ones((2, 2)), 0)
    assert found == ["Dense_1", "features"]
