"""Regularisers of the generator and of weights, against closed forms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from jaxgan import penalties, types
from jaxgan.core import errors

KEY = jax.random.key(0)


def normal(seed, shape):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape), jnp.float32)


def orthogonal_matrix(seed, dim):
    q, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(dim, dim)))
    return jnp.asarray(q, jnp.float32)


def image_generator(matrix):
    """A linear generator of images 2 x 2 x 3."""
    return lambda w: (w @ matrix).reshape(-1, 2, 2, 3)


def test_path_lengths_of_a_scaled_rotation_are_those_of_the_noise():
    num, scale = 4000, 3.0
    generate = image_generator(scale * orthogonal_matrix(0, 12))
    result = penalties.path_length(generate, jnp.zeros((num, 12)), 0.0, KEY)
    # |J^T y|^2 = scale^2 |y|^2 with y in 12 dimensions over 4 pixels; chi-squared.
    expected = scale**2 * 12 / 4
    np.testing.assert_allclose(result.penalty, expected, rtol=6 * np.sqrt(2 / 12 / num))


def test_the_path_penalty_is_the_squared_distance_from_the_given_average():
    generate = image_generator(orthogonal_matrix(1, 12))
    w = normal(2, (6, 12))

    def at(average, decay):
        return penalties.path_length(generate, w, average, KEY, decay=decay)

    mean = at(0.0, 0.0).average
    np.testing.assert_allclose(
        at(2.0, 0.0).penalty, at(0.0, 0.0).penalty - 4 * mean + 4, rtol=1e-4
    )
    np.testing.assert_allclose(at(2.0, 0.75).average, 1.5 + mean / 4, rtol=1e-5)


def test_path_lengths_of_vectors_are_not_divided_by_pixels():
    result = penalties.path_length(lambda w: 2 * w, jnp.zeros((4000, 8)), 0.0, KEY)
    np.testing.assert_allclose(result.penalty, 4 * 8, rtol=6 * np.sqrt(2 / 8 / 4000))


def test_a_constant_generator_has_path_length_zero_and_a_finite_gradient():
    def penalty(matrix):
        generate = image_generator(matrix)
        return penalties.path_length(generate, normal(3, (4, 12)), 0.0, KEY).penalty

    zeros = jnp.zeros((12, 12))
    assert penalty(zeros) == 0
    np.testing.assert_array_equal(jax.grad(penalty)(zeros), zeros)


def test_path_length_differentiates_to_second_order(x64):
    matrix = normal(4, (3, 12)).astype(jnp.float64)
    w = normal(5, (4, 3)).astype(jnp.float64)

    def penalty(matrix):
        generate = image_generator(matrix)
        return penalties.path_length(
            lambda w: jnp.tanh(generate(w)), w, 1.0, KEY
        ).penalty

    check_grads(
        jax.jit(penalty), (matrix,), order=1, modes=["rev"], atol=1e-6, rtol=1e-6
    )


@pytest.mark.parametrize("shape", [(5, 3), (5, 4, 4, 2)])
def test_mode_seeking_is_the_inverse_ratio_of_mean_distances(shape):
    x, y, z, w = (
        normal(6, shape),
        normal(7, shape),
        normal(8, (5, 2)),
        normal(9, (5, 2)),
    )
    ratio = np.mean(np.abs(x - y)) / np.mean(np.abs(z - w))
    np.testing.assert_allclose(
        penalties.mode_seeking(x, y, z, w, epsilon=0.1), 1 / (ratio + 0.1), rtol=1e-5
    )


def test_mode_seeking_of_collapsed_samples_is_bounded_with_a_finite_gradient():
    z, w = normal(10, (5, 2)), normal(11, (5, 2))
    x = jnp.ones((5, 3))
    value, grads = jax.value_and_grad(
        lambda x: penalties.mode_seeking(x, jnp.ones((5, 3)), z, w, epsilon=1e-3)
    )(x)
    np.testing.assert_allclose(value, 1e3, rtol=1e-5)
    assert np.all(np.isfinite(grads))


def test_mode_seeking_is_bounded_as_in_the_authors_code():
    z, w, x = normal(10, (5, 2)), normal(11, (5, 2)), jnp.ones((5, 3))
    np.testing.assert_allclose(penalties.mode_seeking(x, x, z, w), 1e5, rtol=1e-5)


def test_mode_seeking_rewards_distance_between_samples():
    z, w = normal(12, (5, 2)), normal(13, (5, 2))
    x, y = jnp.zeros((5, 3)), jnp.full((5, 3), 2.0)
    grads = jax.grad(penalties.mode_seeking)(x, y, z, w)
    assert np.all(np.asarray(grads) > 0)  # descent moves x away from y


def test_pulling_away_is_the_mean_squared_cosine_of_pairs():
    features = np.asarray(normal(14, (5, 3)))
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    pairs = [(unit[i] @ unit[j]) ** 2 for i in range(5) for j in range(5) if i != j]
    np.testing.assert_allclose(
        penalties.pulling_away(jnp.asarray(features)), np.mean(pairs), rtol=1e-5
    )


def test_pulling_away_is_zero_for_orthogonal_and_one_for_parallel_rows():
    orthogonal = 3 * orthogonal_matrix(15, 4)
    np.testing.assert_allclose(penalties.pulling_away(orthogonal), 0, atol=1e-6)
    parallel = jnp.outer(jnp.array([1.0, -2.0, 5.0]), jnp.array([1.0, 2.0]))
    np.testing.assert_allclose(penalties.pulling_away(parallel), 1, rtol=1e-6)


def test_pulling_away_leaves_rows_of_zeros_alone():
    features = normal(16, (4, 3)).at[1].set(0)
    grads = jax.grad(penalties.pulling_away)(features)
    assert np.all(np.isfinite(grads))
    np.testing.assert_array_equal(grads[1], 0)


def test_orthogonal_is_zero_for_orthogonal_kernels_of_any_length():
    kernel = orthogonal_matrix(17, 8)[:, :3]
    params = {"dense": {"kernel": 2 * kernel, "bias": jnp.ones(3)}}
    np.testing.assert_allclose(penalties.orthogonal(params), 0, atol=1e-6)
    # With the diagonal, three columns of squared length 4 instead of 1.
    value = penalties.orthogonal(params, diagonal=True)
    np.testing.assert_allclose(value, 3 * 3**2, rtol=1e-5)


@pytest.mark.parametrize("diagonal", [False, True])
def test_orthogonal_sums_over_kernels_with_output_channels_as_columns(diagonal):
    params = [normal(18, (5, 3)), normal(19, (2, 2, 4, 3)), jnp.ones(7)]
    expected = 0
    for kernel in params[:2]:
        matrix = np.asarray(kernel).reshape(-1, 3)
        gram = matrix.T @ matrix
        target = np.eye(3) if diagonal else np.diag(np.diag(gram))
        expected += np.sum((gram - target) ** 2)
    value = penalties.orthogonal(params, diagonal=diagonal)
    np.testing.assert_allclose(value, expected, rtol=1e-5)


def state(value):
    weights = {"kernel": jnp.array([[value, -value], [0.5, 0.005]])}
    params = types.Pair(weights, weights)
    empty = types.Pair({}, {})
    return types.TrainState(jnp.int32(3), params, empty, empty, None, jnp.array(True))


def grow(hparams, state, batch, key):
    del hparams, batch, key
    params = jax.tree.map(lambda leaf: 2 * leaf, state.params)
    return state._replace(params=params), {"metric": jnp.float32(1.5)}


def test_weight_clip_bounds_the_discriminator_after_the_step_and_nothing_else():
    clipped = penalties.weight_clip(grow, 0.1)
    after, metrics = jax.jit(clipped)(None, state(1.0), None, KEY)
    free, _ = grow(None, state(1.0), None, KEY)
    np.testing.assert_allclose(
        after.params.discriminator["kernel"], [[0.1, -0.1], [0.1, 0.01]], rtol=1e-6
    )
    expected = free._replace(
        params=free.params._replace(discriminator=after.params.discriminator)
    )
    jax.tree.map(np.testing.assert_array_equal, after, expected)
    assert metrics["metric"] == 1.5


def test_the_limit_of_weight_clip_may_differ_between_members():
    def run(limit):
        after, _ = penalties.weight_clip(grow, limit)(None, state(1.0), None, KEY)
        return jnp.max(after.params.discriminator["kernel"])

    limits = jnp.array([0.01, 0.1])
    np.testing.assert_allclose(jax.jit(jax.vmap(run))(limits), limits, rtol=1e-6)


def test_a_population_has_the_regularisers_of_its_members():
    def member(scale, key):
        matrix = scale * normal(20, (12, 12))
        w = normal(21, (4, 12))
        generate = image_generator(matrix)
        x = generate(w)
        return (
            penalties.path_length(generate, w, scale, key),
            penalties.mode_seeking(x, 2 * x, w, 3 * w),
            penalties.pulling_away(x.reshape(4, -1)),
            penalties.orthogonal(matrix),
        )

    scales, keys = jnp.array([1.0, 2.0, 3.0]), jax.random.split(KEY, 3)
    together = jax.jit(jax.vmap(member))(scales, keys)
    alone = jax.jit(member)(scales[1], keys[1])
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a[1], b, rtol=1e-4), together, alone
    )


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: penalties.pulling_away(jnp.ones((1, 3))), r"\(1, 3\).*two rows"),
        (lambda: penalties.pulling_away(jnp.ones(3)), r"features has shape \(3,\)"),
        (lambda: penalties.orthogonal({"bias": jnp.ones(3)}), "no array with two axes"),
        (lambda: penalties.weight_clip(grow, 0.0), "limit is 0.0"),
        (lambda: penalties.weight_clip(grow, float("nan")), "limit is nan"),
        (
            lambda: penalties.path_length(lambda w: w, jnp.ones((0, 3)), 0.0, KEY),
            "w has shape",
        ),
        (
            lambda: penalties.mode_seeking(*(jnp.ones((n, 2)) for n in (4, 4, 4, 3))),
            "second_z has shape",
        ),
    ],
)
def test_bad_input_is_refused_in_a_sentence(call, message):
    with pytest.raises(errors.UserError, match=message):
        call()
