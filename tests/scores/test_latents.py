import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan import scores
from jaxgan.core import errors

MIX = np.random.default_rng(0).normal(size=(4, 9)).astype(np.float32)


def linear(z):
    return (z @ MIX).reshape(-1, 3, 3, 1)


def latents(n=64):
    return jax.random.normal(jax.random.key(0), (2, n, 4))


def test_paths_of_a_linear_generator_are_as_long_as_their_ends_are_apart():
    z, other = latents()
    found = scores.perceptual_path_length(
        linear, lambda x: 2 * x, z, other, jax.random.key(1), 1e-2, "lerp", 0.0
    )
    expected = np.square(2 * (other - z) @ MIX).sum(1)
    np.testing.assert_allclose(found.value, expected.mean(), rtol=1e-3)
    np.testing.assert_allclose(found.spread, expected.std() / 8, rtol=1e-2)


def test_paths_stay_between_their_ends():
    seen = []

    def noting(z):
        seen.append(np.asarray(z))
        return z

    z, other = jnp.zeros((500, 2)), jnp.ones((500, 2))
    key, epsilon = jax.random.key(1), 0.25
    scores.perceptual_path_length(noting, jnp.asarray, z, other, key, epsilon, "lerp")
    start, end = seen
    assert 0 <= start.min() < 0.02 and 0.98 < end.max() <= 1 + 1e-6
    np.testing.assert_allclose(end - start, epsilon, rtol=1e-4)
    np.testing.assert_array_equal(start[:, 0], start[:, 1])


def test_the_sphere_is_followed_at_equal_speed():
    z, other = (x / jnp.linalg.norm(x, axis=1, keepdims=True) for x in latents())
    found = scores.perceptual_path_length(
        lambda z: z, lambda x: x, z, other, jax.random.key(1), 1e-2, trimmed=0.0
    )
    angles = np.arccos(np.sum(z * other, 1))
    np.testing.assert_allclose(found.value, np.mean(angles**2), rtol=1e-3)


def test_trimming_leaves_out_both_ends():
    z, other = latents(100)
    values = np.sort(np.square((other - z) @ MIX).sum(1))
    found = scores.perceptual_path_length(
        linear, lambda x: x, z, other, jax.random.key(1), 1e-2, "lerp", 0.1
    )
    np.testing.assert_allclose(found.value, values[10:-10].mean(), rtol=1e-3)


def test_paths_that_do_not_move_have_length_zero():
    z, _ = latents()
    score = scores.perceptual_path_length(linear, lambda x: x, z, z, jax.random.key(0))
    np.testing.assert_allclose(score.value, 0, atol=1e-2)


def test_conditioning_of_a_linear_generator_is_that_of_its_matrix():
    values = np.linalg.svd(MIX, compute_uv=False)
    found = scores.generator_conditioning(linear, latents(5)[0])
    np.testing.assert_allclose(found.value, 2 * np.log(values[0] / values[-1]), 1e-4)
    np.testing.assert_allclose(found.spread, 0, atol=1e-4)


def test_a_latent_that_is_ignored_makes_the_condition_infinite():
    def ignores(z):
        return z.at[:, 0].set(0)

    assert scores.generator_conditioning(ignores, latents(2)[0]).value == np.inf


def test_a_generator_that_has_collapsed_is_conditioned_infinitely_badly():
    z = latents(2)[0]
    assert scores.generator_conditioning(lambda z: 0 * z, z).value == np.inf
    assert np.isnan(scores.generator_conditioning(lambda z: np.nan * z, z).value)


def test_the_jacobian_is_taken_at_each_latent():
    found = scores.generator_conditioning(lambda z: jnp.exp(z), latents(6)[0])
    z = np.asarray(latents(6)[0])
    np.testing.assert_allclose(
        found.value, np.mean(2 * (z.max(1) - z.min(1))), rtol=1e-4
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"interpolation": "no"}, "interpolation='no'"),
        ({"epsilon": 0.0}, "epsilon=0.0"),
        ({"trimmed": 0.5}, "trimmed=0.5"),
    ],
)
def test_bad_paths_are_named(change, said):
    z, other = latents(3)
    with pytest.raises(errors.UserError, match=said):
        scores.perceptual_path_length(
            linear, lambda x: x, z, other, jax.random.key(0), **change
        )


def test_bad_latents_are_named():
    z, other = latents(3)
    with pytest.raises(errors.UserError, match="shapes"):
        scores.perceptual_path_length(
            linear, lambda x: x, z, other[:2], jax.random.key(0)
        )
    with pytest.raises(errors.UserError, match="all 4 dimensions"):
        scores.generator_conditioning(lambda z: z[:, :3], z)
