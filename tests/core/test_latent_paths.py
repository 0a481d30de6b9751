"""Ways between latents: ends, angles, lengths, and where directions are opposite."""

import jax
import numpy as np
import pytest

from jaxgan.core import errors, latent_paths

T = np.linspace(0, 1, 9, dtype=np.float32)[:, None]
SLERP = jax.jit(latent_paths.slerp)
WALK = jax.jit(latent_paths.walk, static_argnums=2)


def drawn(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def angles_along(path):
    unit = np.float64(path) / np.linalg.norm(np.float64(path), axis=-1, keepdims=True)
    one, other = unit[..., :-1, :], unit[..., 1:, :]
    # Exact for small angles, where an arc cosine is not.
    return 2 * np.arcsin(np.linalg.norm(other - one, axis=-1) / 2)


@pytest.mark.parametrize("move", [latent_paths.lerp, SLERP])
def test_a_way_begins_and_ends_where_it_was_told_to(move):
    a, b = drawn(2, 5, 8)
    np.testing.assert_allclose(move(a, b, np.zeros((5, 1), np.float32)), a, atol=1e-6)
    np.testing.assert_allclose(move(a, b, np.ones((5, 1), np.float32)), b, atol=2e-6)


def test_lines_are_divided_evenly():
    a, b = drawn(2, 8)
    path = latent_paths.lerp(a, b, T)
    np.testing.assert_allclose(np.diff(path, axis=0), [(b - a) / 8] * 8, atol=1e-6)


def test_great_circles_are_gone_in_equal_angles_at_lengths_between_those_of_the_ends():
    a, b = 2 * drawn(8), drawn(8, seed=1)
    path = np.asarray(SLERP(a, b, T))
    lengths = np.linalg.norm([a, b], axis=-1)
    between = np.arccos(a @ b / lengths.prod()) / 8
    np.testing.assert_allclose(angles_along(path), between, rtol=1e-4)
    expected = lengths[0] + T[:, 0] * (lengths[1] - lengths[0])
    np.testing.assert_allclose(np.linalg.norm(path, axis=-1), expected, rtol=1e-5)
    # In the plane of both.
    assert np.linalg.svd(np.vstack([a, b, path]), compute_uv=False)[2] < 1e-5


def test_a_quarter_of_a_circle_has_its_middle_on_the_diagonal():
    path = SLERP(np.float32([2, 0]), np.float32([0, 2]), np.float32([[0.5]]))
    np.testing.assert_allclose(path, [[2**0.5, 2**0.5]], rtol=1e-6)


def test_between_parallel_latents_the_direction_is_kept():
    a = drawn(8)
    np.testing.assert_allclose(SLERP(a, 3 * a, T), a * (1 + 2 * T), rtol=1e-5)
    np.testing.assert_allclose(SLERP(a, a, T), np.tile(a, (9, 1)), rtol=1e-5)


@pytest.mark.parametrize("turned", [0.0, 3e-7, 1e-4])
def test_between_opposite_latents_lies_half_a_circle_and_not_the_middle(turned):
    a = drawn(8)
    b = -a + turned * drawn(8, seed=1)
    path = np.asarray(SLERP(a, b, T))
    np.testing.assert_allclose(np.linalg.norm(path, axis=-1), np.linalg.norm(a), 1e-4)
    np.testing.assert_allclose(angles_along(path), np.pi / 8, rtol=1e-3)
    np.testing.assert_allclose(path[-1], b, atol=3e-5)


def test_in_one_dimension_the_way_between_signs_leads_through_zero():
    path = np.asarray(SLERP(np.float32([1]), np.float32([-3]), T))
    assert (np.diff(np.sign(path[:, 0])) <= 0).all()
    np.testing.assert_allclose(path[[0, 4, 8], 0], [1, 0, -3], atol=1e-5)


def test_a_latent_of_zero_has_the_direction_of_the_other():
    a, zero = drawn(8), np.zeros(8, np.float32)
    np.testing.assert_allclose(SLERP(zero, a, T), T * a, atol=1e-6)
    np.testing.assert_allclose(SLERP(a, zero, T), (1 - T) * a, atol=1e-6)
    np.testing.assert_array_equal(SLERP(zero, zero, T), np.zeros((9, 8)))


@pytest.mark.parametrize("persistence", [0.0, 0.9, 1.0])
def test_a_walk_keeps_its_length_and_takes_steps_of_one_angle(persistence):
    start = drawn(3, 8)
    path = np.asarray(WALK(jax.random.key(0), start, 100, 0.3, persistence))
    assert path.shape == (3, 101, 8)
    np.testing.assert_array_equal(path[:, 0], start)
    lengths = np.linalg.norm(start, axis=-1)[:, None]
    np.testing.assert_allclose(
        np.linalg.norm(path, axis=-1), np.tile(lengths, 101), 1e-5
    )
    np.testing.assert_allclose(angles_along(path), 0.3, rtol=1e-4)


def test_a_walk_that_persists_is_a_great_circle_and_comes_back():
    start = drawn(3, 8)
    path = np.asarray(WALK(jax.random.key(0), start, 100, 2 * np.pi / 100, 1.0))
    np.testing.assert_allclose(path[:, -1], start, atol=1e-4)
    np.testing.assert_allclose(path[:, 50], -start, atol=1e-4)


def test_steps_that_do_not_persist_forget_where_they_went():
    path = np.float64(WALK(jax.random.key(1), drawn(2000, 4), 2, 0.5, 0.0))
    path /= np.linalg.norm(path, axis=-1, keepdims=True)
    # On average a step multiplies the direction by its cosine, two by its square.
    cosines = np.sum(path[:, 0] * path[:, 2], axis=-1)
    error = cosines.std() / len(cosines) ** 0.5
    assert abs(cosines.mean() - np.cos(0.5) ** 2) < 4 * error


def test_members_walk_apart():
    start = np.tile(drawn(8), (3, 1))
    path = np.asarray(WALK(jax.random.key(0), start, 100, 0.3, 0.5))
    assert np.abs(path[0, 1:] - path[1, 1:]).max(axis=-1).min() > 1e-2


def test_a_walk_on_two_points_is_refused():
    with pytest.raises(errors.UserError, match="two dimensions"):
        latent_paths.walk(jax.random.key(0), np.ones((3, 1), np.float32), 2, 0.1)
