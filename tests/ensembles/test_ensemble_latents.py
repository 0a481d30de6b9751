"""Latents of a mixture: whose they are, what is made of them, and the way back."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan import ensembles, types
from jaxgan.core import errors
from jaxgan.data import standardise
from jaxgan.ensembles import latents

KEY = jax.random.key(0)


def latent(key, n):
    return jax.random.normal(key, (n, 2))


def generate(params, collections, z, label=None, train=False):
    x = z * params + (0 if label is None else 100 * label[:, None])
    return x, collections


GAN = types.GAN(None, latent, generate, None)
SLOPES = np.float32([1, 2, 4])
CLASSES = np.float32([[1, 0, 0], [0, 0.25, 0.75], [0, 0, 1]])
WEIGHTS = np.float32([0.5, 0, 0.5])


def mixture(weights=WEIGHTS, params=SLOPES, **more):
    return ensembles.Mixture(np.float32(weights), np.float32(params), {}, **more)


def test_each_row_is_made_by_its_own_member_of_its_own_class():
    z = np.random.default_rng(0).normal(size=(4, 5, 2)).astype(np.float32)
    member, label = np.int32([2, 0, 1, 2]), np.int32([0, 1, 2, 2])
    x = latents.decode(GAN, mixture(classes=CLASSES), member, z, label)
    expected = z * SLOPES[member][:, None, None] + 100 * label[:, None, None]
    np.testing.assert_allclose(x, expected, rtol=1e-6)


def test_samples_come_in_the_units_of_the_members_data():
    scale = standardise.Standardiser(np.full((3, 2), 5.0), 1 + np.eye(3, 2))
    mixed = mixture(standardiser=jax.tree.map(np.float32, scale))
    member = np.int32([0, 1, 2])
    x = latents.decode(GAN, mixed, member, np.ones((3, 1, 2), np.float32))
    expected = 5 + (1 + np.eye(3, 2)) * SLOPES[:, None]
    np.testing.assert_allclose(x[:, 0], expected, rtol=1e-6)


def test_latents_are_drawn_from_members_by_weight_and_from_their_classes():
    weights = np.float32([0.25, 0.75, 0])
    at = latents.draw(GAN, mixture(weights, classes=CLASSES), KEY, 4000)
    joint = np.zeros((3, 3))
    np.add.at(joint, (at.member, at.label), 1 / 4000)
    expected = weights[:, None] * CLASSES
    np.testing.assert_allclose(joint, expected, atol=4 * 0.5 / 4000**0.5)
    assert (joint[expected == 0] == 0).all()
    assert abs(np.corrcoef(at.z[:, 0], at.member)[0, 1]) < 4 / 4000**0.5


def test_a_class_is_made_by_the_members_that_know_it_in_proportion():
    weights, label = np.float32([0.2, 0.4, 0.4]), np.repeat(np.int32([0, 1, 2]), 2000)
    member = latents.of_classes(GAN, mixture(weights, classes=CLASSES), KEY, label)
    member = np.asarray(member).reshape(3, 2000)
    assert (member[0] == 0).all() and (member[1] == 1).all()
    shares = np.bincount(member[2], minlength=3) / 2000
    # 0.4 x 0.75 against 0.4 x 1.
    np.testing.assert_allclose(shares, [0, 3 / 7, 4 / 7], atol=2 / 2000**0.5)


def test_a_truncated_gan_draws_the_same_latents_nearer_to_their_middle():
    whole = np.asarray(latent(KEY, 500))
    near = latents.truncated(GAN, "resampling", 0.5).latent(KEY, 500)
    np.testing.assert_array_equal(np.argsort(near, axis=0), np.argsort(whole, axis=0))
    assert np.abs(near).max() <= 0.5
    half = latents.truncated(GAN, "scaling", 0.5).latent(KEY, 500)
    np.testing.assert_allclose(half, whole / 2, rtol=1e-6)
    x, member = ensembles.sample(
        latents.truncated(GAN, "resampling", 0.5), mixture(), KEY, 200
    )
    assert (np.abs(x) <= 0.5 * SLOPES[member][:, None] + 1e-6).all()
    with pytest.raises(errors.UserError, match="level=-1"):
        latents.truncated(GAN, "scaling", -1.0)


def on_a_line(params, collections, z, label=None, train=False):
    """Points on a line through the origin, of the slope of the member."""
    return jnp.stack([z[:, 0], params * z[:, 0]], axis=1), collections


LINES = types.GAN(None, latent, on_a_line, None)
POINTS = np.float32([[1, 1], [1, 2], [0.5, 2], [3, 0]])


def project(weights, params=SLOPES):
    found = latents.project(
        LINES, mixture(weights, params), KEY, POINTS, starts=2, num_steps=300, pool=64
    )
    return jax.tree.map(np.asarray, found)


def test_each_sample_is_projected_to_the_member_that_comes_nearest():
    found = project([0.4, 0.3, 0.3])
    # Distance of (x, y) from the line of slope s, over the root of two numbers.
    each = np.abs(POINTS[:, 1, None] - SLOPES * POINTS[:, :1]) / np.sqrt(1 + SLOPES**2)
    np.testing.assert_array_equal(found.at.member, [0, 1, 2, 0])
    np.testing.assert_allclose(found.distance, each.min(axis=1) / np.sqrt(2), atol=2e-3)
    np.testing.assert_allclose(found.reached[:, :, 0], each / np.sqrt(2), atol=2e-3)
    own = SLOPES[found.at.member]
    made = np.stack([found.at.z[:, 0], own * found.at.z[:, 0]], axis=1)
    np.testing.assert_allclose(found.x, made, rtol=1e-5)
    assert (found.distance <= found.begin).all()


@pytest.mark.parametrize("slope", [1.0, np.nan])
def test_members_without_weight_are_not_projected_to(slope):
    found = project([0, 0.5, 0.5], [slope, 2, 4])
    assert (found.at.member > 0).all() and np.isfinite(found.distance).all()
    assert np.isinf(found.reached[:, 0]).all()


def test_a_dead_mixture_reaches_nothing():
    found = project([np.nan] * 3)
    assert np.isnan(found.distance).all() and np.isnan(found.x).all()
