"""Tests of jaxgan.data.mixtures."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.core import errors
from jaxgan.data import mixtures

N = 20_000


def test_the_ring_has_eight_distinct_modes_at_its_radius():
    means = mixtures.ring(radius=2.0).means
    assert len(np.unique(means.round(4), axis=0)) == 8
    np.testing.assert_allclose(np.linalg.norm(means, axis=1), 2.0, rtol=1e-6)
    # Neighbours on a regular octagon are 2 r sin(pi / 8) apart, the last pair too.
    sides = np.linalg.norm(means - np.roll(means, 1, axis=0), axis=1)
    np.testing.assert_allclose(sides, 4 * np.sin(np.pi / 8), rtol=1e-5)


def test_the_grid_is_the_published_lattice():
    expected = {(a, b) for a in (-4, -2, 0, 2, 4) for b in (-4, -2, 0, 2, 4)}
    assert {tuple(mean) for mean in mixtures.grid().means.tolist()} == expected


def test_an_even_grid_is_centred_between_its_modes():
    means = mixtures.grid(side=4, spacing=1.0).means
    assert set(np.unique(means)) == {-1.5, -0.5, 0.5, 1.5}


PLANE = sorted(n for n, own in mixtures.VARIANTS.items() if own.means.shape[1] == 2)


@pytest.mark.parametrize("name", PLANE)
def test_samples_have_the_moments_that_the_mixture_states(name):
    mixture = mixtures.VARIANTS[name]
    x, mode = jax.jit(mixtures.sample, static_argnums=2)(mixture, jax.random.key(1), N)
    assert x.shape == (N, 2) and x.dtype == jnp.float32
    assert mode.shape == (N,) and mode.dtype == jnp.int32
    num_modes = len(mixture.means)
    counts = np.bincount(mode, minlength=num_modes)
    expected = N * mixture.weights
    bound = 5 * np.sqrt(expected * (1 - mixture.weights))
    assert np.all(np.abs(counts - expected) < bound) and len(counts) == num_modes
    residual = np.asarray(x) - mixture.means[mode] / mixture.scale
    std = mixture.std / mixture.scale
    assert abs(residual.mean()) < 5 * std / np.sqrt(2 * N)
    # The relative error of a standard deviation from 2 N values is 1 / sqrt(4 N).
    np.testing.assert_allclose(residual.std(axis=0), std, rtol=5 / np.sqrt(2 * N))


@pytest.mark.parametrize(
    ("name", "radius", "std"),
    [
        ("pacgan_ring", 1.0, 0.01),
        ("unrolled_ring", 1.0, 0.01),
        ("self_conditioned_ring", 2.0, 0.01),
        ("wgan_gp_ring", 2 / 1.414, 0.02 / 1.414),
    ],
)
def test_a_preset_has_the_published_radius_and_deviation(name, radius, std):
    mixture = mixtures.VARIANTS[name]
    assert len(np.unique(mixture.means.round(4), axis=0)) == 8
    centres = np.linalg.norm(mixtures.centres(mixture), axis=1)
    np.testing.assert_allclose(centres, radius, rtol=1e-6)
    assert mixtures.spread(mixture) == pytest.approx(std)


def test_angles_with_both_ends_make_seven_modes_and_one_of_them_double():
    mixture = mixtures.VARIANTS["unrolled_demo_ring"]
    angles = np.linspace(0, 2 * np.pi, 8)
    published = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    distance = np.linalg.norm(published[:, None] - mixture.means, axis=-1)
    np.testing.assert_allclose(distance.min(axis=1), 0, atol=1e-6)
    shares = np.bincount(distance.argmin(axis=1)) / 8
    np.testing.assert_allclose(mixture.weights, shares)
    assert len(mixture.means) == 7 and mixture.weights[0] == 0.25


def test_the_embedded_mixture_has_noise_in_its_own_dimensions_alone():
    mixture = mixtures.VARIANTS["veegan_1200d"]
    x, mode = (np.asarray(y) for y in mixtures.sample(mixture, jax.random.key(0), 400))
    assert x.shape == (400, 1200) and mixture.threshold == 10.0
    residual = x - mixture.means[mode]
    np.testing.assert_array_equal(residual[:, 700:], 0)
    # The relative error of a standard deviation from n values is 1 / sqrt(2 n).
    std = residual[:, :700].std()
    assert abs(std - 1) < 5 / np.sqrt(2 * 400 * 700)
    assert set(mixture.means[:, 0]) == {-1, -0.5, 0, 0.5, -2, -2.5, 10, 0.25, -13, -5.5}
    # Nobody is within ten deviations of 700 dimensions; of 400 about 4.4 are beyond
    # the radius that holds 98.889 %.
    distance = np.linalg.norm(residual, axis=1)
    assert distance.min() > 10
    beyond = np.sum(distance > mixtures.VARIANTS["veegan_1200d_calibrated"].threshold)
    assert beyond <= 4.4 + 5 * np.sqrt(4.4)


def test_centres_and_spread_are_after_normalisation():
    mixture = mixtures.ring(radius=3.0, std=0.3, scale=1.5)
    np.testing.assert_allclose(np.linalg.norm(mixtures.centres(mixture), axis=1), 2.0)
    assert mixtures.spread(mixture) == pytest.approx(0.2)


def test_a_mode_of_weight_zero_is_never_drawn():
    mixture = mixtures.ring()._replace(weights=np.eye(8, dtype=np.float32)[3])
    _, mode = mixtures.sample(mixture, jax.random.key(0), 1000)
    assert set(mode.tolist()) == {3}


def test_members_may_have_their_own_mixture():
    stds = jnp.asarray([0.1, 10.0])
    mixture = mixtures.ring()
    axes = mixtures.GaussianMixture(None, 0, None, None)
    draw = jax.vmap(lambda m, key: mixtures.sample(m, key, 500)[0], in_axes=(axes, 0))
    x = draw(mixture._replace(std=stds), jax.random.split(jax.random.key(0), 2))
    assert x.shape == (2, 500, 2)
    assert x[1].std() > 5 * x[0].std()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: mixtures.ring(num_modes=0), "num_modes is 0"),
        (lambda: mixtures.ring(radius=-1.0), "radius is -1.0"),
        (lambda: mixtures.ring(std=float("nan")), "std is nan"),
        (lambda: mixtures.grid(side=0), "side is 0"),
        (lambda: mixtures.grid(spacing=float("inf")), "spacing is inf"),
        (lambda: mixtures.grid(scale=0.0), "scale is 0.0"),
        (lambda: mixtures.ring(num_modes=1, endpoint=True), "num_modes is 1"),
        (lambda: mixtures.embedded(-1.0), "threshold is -1.0"),
    ],
)
def test_arguments_out_of_range_are_refused(make, words):
    with pytest.raises(errors.UserError, match=words):
        make()
