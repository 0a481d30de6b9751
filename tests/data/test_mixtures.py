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


@pytest.mark.parametrize("name", sorted(mixtures.VARIANTS))
def test_samples_have_the_moments_that_the_mixture_states(name):
    mixture = mixtures.VARIANTS[name]
    x, mode = jax.jit(mixtures.sample, static_argnums=2)(mixture, jax.random.key(1), N)
    assert x.shape == (N, 2) and x.dtype == jnp.float32
    assert mode.shape == (N,) and mode.dtype == jnp.int32
    num_modes = len(mixture.means)
    counts = np.bincount(mode, minlength=num_modes)
    bound = 5 * np.sqrt(N * (1 / num_modes) * (1 - 1 / num_modes))
    assert np.all(np.abs(counts - N / num_modes) < bound)
    residual = np.asarray(x) - mixture.means[mode] / mixture.scale
    std = mixture.std / mixture.scale
    assert abs(residual.mean()) < 5 * std / np.sqrt(2 * N)
    # The relative error of a standard deviation from 2 N values is 1 / sqrt(4 N).
    np.testing.assert_allclose(residual.std(axis=0), std, rtol=5 / np.sqrt(2 * N))


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
    ],
)
def test_arguments_out_of_range_are_refused(make, words):
    with pytest.raises(errors.UserError, match=words):
        make()
