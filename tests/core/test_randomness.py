"""What draws gives a member the same numbers alone and beside others, with any keys."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan import divergences, penalties, scores

X = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
Y = X + np.float32(0.3)
IMAGES = np.random.default_rng(1).uniform(-1, 1, (4, 16, 16, 1)).astype(np.float32)


def critic(x):
    return jnp.sum(jnp.sin(x) ** 2, axis=-1)


DRAWN = {
    "sliced_wasserstein": lambda key: divergences.sliced_wasserstein(
        X, Y, key, num_projections=3
    ),
    "gaussian_js": lambda key: divergences.gaussian_js(
        jnp.zeros(2), jnp.eye(2), jnp.ones(2), jnp.eye(2), key, num_samples=50
    ),
    "histogram_kl": lambda key: divergences.histogram_kl(
        X[:, :1], Y[:, :1], key, num_permutations=3
    ),
    "frechet_distance_infinity": lambda key: scores.frechet_distance_infinity(
        X, Y, key, num_points=4
    ),
    "kernel_distance": lambda key: scores.kernel_distance(
        X, Y, key, subset_size=10, num_subsets=3
    ),
    "kernel_distance, disjoint": lambda key: scores.kernel_distance(
        X, Y, key, subset_size=10, num_subsets=None
    ),
    "perceptual_path_length": lambda key: scores.perceptual_path_length(
        lambda z: z, jnp.sin, X, Y, key, epsilon=0.1
    ),
    "wgan_gp": lambda key: penalties.wgan_gp(critic, X, Y, key),
    "dragan": lambda key: penalties.dragan(critic, X, Y, key),
    "lipschitz_max": lambda key: penalties.lipschitz_max(critic, X, Y, key),
    "augmentation": lambda key: penalties.instance_noise(0.1)(X, key),
}


@pytest.mark.parametrize("name", DRAWN)
def test_what_is_drawn_does_not_depend_on_the_others_with_rbg_keys(name):
    # Of JAX's generators threefry alone draws the same under vmap and without it.
    key = jax.random.split(jax.random.key(0, impl="rbg"), 3)
    together = jax.jit(jax.vmap(DRAWN[name]))(key)
    alone = jax.jit(DRAWN[name])(key[2])
    jax.tree.map(
        lambda all_, one: np.testing.assert_allclose(
            all_[2], one, rtol=1e-4, atol=1e-5
        ),
        together,
        alone,
    )
