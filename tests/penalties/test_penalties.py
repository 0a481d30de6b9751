"""Penalties on the critic's gradient, against closed forms and finite differences."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from jaxgan import penalties
from jaxgan.core import errors
from jaxgan.penalties import differences

KEY = jax.random.key(0)
NAMES = sorted(penalties.PENALTIES)
EXACT = [name for name in NAMES if name not in differences.APPROXIMATE]
SHAPES = [(5, 3), (5, 4, 4, 2)]

# What each penalty is for a critic whose gradient has one norm everywhere.
OF_CONSTANT_NORM = {
    "r1": lambda n: n**2,
    "r2": lambda n: n**2,
    "wgan_gp": lambda n: (n - 1) ** 2,
    "wgan_lp": lambda n: max(0, n - 1) ** 2,
    "dragan": lambda n: (n - 1) ** 2,
    "lipschitz_max": lambda n: n**2,
}


def normal(seed, shape):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape), jnp.float32)


def linear(weights):
    return lambda x: x.reshape(x.shape[0], -1) @ weights.ravel() + 7


def half_square(x):
    """A critic whose gradient at x is x."""
    return jnp.sum(jnp.square(x), axis=tuple(range(1, x.ndim))) / 2


def mlp(params, x):
    hidden = jnp.tanh(x.reshape(x.shape[0], -1) @ params["a"] + params["b"])
    return jax.nn.softplus(hidden @ params["c"])[:, 0]


def mlp_params(seed=0, dim=3, width=4):
    return {
        "a": normal(seed, (dim, width)),
        "b": normal(seed + 1, (width,)),
        "c": normal(seed + 2, (width, 1)),
    }


def test_every_exact_penalty_of_the_table_has_a_closed_form_here():
    assert sorted(OF_CONSTANT_NORM) == EXACT


@pytest.mark.parametrize("name", EXACT)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("norm", [0.0, 0.25, 1.0, 3.0])
def test_a_linear_critic_is_penalised_by_the_norm_of_its_weights(name, shape, norm):
    direction = np.random.default_rng(1).normal(size=shape[1:])
    weights = jnp.asarray(norm * direction / np.linalg.norm(direction), jnp.float32)
    value = penalties.PENALTIES[name](
        linear(weights), normal(2, shape), normal(3, shape), KEY
    )
    assert value.shape == ()
    np.testing.assert_allclose(value, OF_CONSTANT_NORM[name](norm), atol=1e-5)


@pytest.mark.parametrize("shape", SHAPES)
def test_r1_is_taken_on_real_data_and_r2_on_generated(shape):
    matrix = np.random.default_rng(4).normal(size=(np.prod(shape[1:]),) * 2)
    symmetric = (matrix + matrix.T) / 2
    real, fake = normal(5, shape), normal(6, shape)

    def critic(x):
        x = x.reshape(x.shape[0], -1)
        return jnp.sum(x @ jnp.asarray(matrix, jnp.float32) * x, axis=1) / 2

    for penalty, x in ((penalties.r1, real), (penalties.r2, fake)):
        gradients = np.asarray(x).reshape(shape[0], -1) @ symmetric
        expected = np.mean(np.sum(gradients**2, axis=1))
        np.testing.assert_allclose(penalty(critic, real, fake, KEY), expected, 1e-4)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("target", [0.0, 1.0, 2.5])
@pytest.mark.parametrize("one_sided", [False, True])
def test_between_equal_samples_wgan_gp_is_taken_at_the_samples(
    shape, target, one_sided
):
    x = normal(7, shape)
    norms = np.linalg.norm(np.asarray(x).reshape(shape[0], -1), axis=1)
    excess = np.maximum(norms - target, 0) if one_sided else norms - target
    value = penalties.wgan_gp(
        half_square, x, x, KEY, target=target, one_sided=one_sided
    )
    np.testing.assert_allclose(value, np.mean(excess**2), rtol=1e-5)


def test_the_largest_gradient_of_the_batch_counts_not_the_mean():
    x = normal(8, (6, 3))
    value = penalties.lipschitz_max(half_square, x, x, KEY)
    expected = np.max(np.sum(np.asarray(x) ** 2, axis=1))
    np.testing.assert_allclose(value, expected, rtol=1e-6)


def test_the_mixtures_are_uniform_on_the_segments_with_one_place_a_row():
    num, dim = 4096, 64
    real, fake = jnp.zeros((num, dim)), jnp.full((num, dim), 2.0)
    squared_length = 4.0 * dim
    mean = penalties.wgan_gp(half_square, real, fake, KEY, target=0.0)
    # E u^2 = 1/3 with standard deviation sqrt(4/45) a draw; six standard errors.
    assert abs(mean / squared_length - 1 / 3) < 6 * np.sqrt(4 / 45 / num)
    largest = penalties.lipschitz_max(half_square, real, fake, KEY)
    # One place a number instead of a row would average out at about 1/3.
    assert 0.98 * squared_length < largest <= squared_length * (1 + 1e-6)


def test_the_mixtures_of_positive_samples_are_positive():
    ones = jnp.ones((5, 3))
    slope_at_one = penalties.wgan_gp(
        lambda x: jnp.sum(jax.nn.relu(x), axis=1), ones, 2 * ones, KEY, target=0.0
    )
    np.testing.assert_allclose(slope_at_one, 3.0, rtol=1e-6)


def test_dragan_looks_around_real_data_at_the_scale_of_their_deviation():
    num, dim, scale = 4096, 16, 0.5
    real = 3 * normal(9, (num, dim))
    fake = jnp.full_like(real, jnp.nan)
    penalty = functools.partial(penalties.dragan, half_square, real, fake, KEY)
    exact = np.mean(np.sum(np.asarray(real) ** 2, axis=1))
    at_data = penalty(target=0.0, scale=0.0)
    np.testing.assert_allclose(at_data, exact, rtol=1e-5)
    added = (penalty(target=0.0, scale=scale) - exact) / dim
    variance = (scale * np.std(np.asarray(real))) ** 2
    # The mean of n^2 + 2 x n over num * dim draws, s.d. below 10; six of them.
    assert abs(added - variance) < 60 / np.sqrt(num * dim)


@pytest.mark.parametrize("name", ["wgan_gp", "dragan"])
def test_the_target_is_the_norm_that_costs_nothing(name):
    weights = jnp.array([3.0, 4.0])
    penalty = functools.partial(penalties.PENALTIES[name], linear(weights))
    real, fake = normal(10, (4, 2)), normal(11, (4, 2))
    assert penalty(real, fake, KEY, target=5.0) < 1e-10
    np.testing.assert_allclose(penalty(real, fake, KEY, target=3.0), 4.0, rtol=1e-5)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", SHAPES)
def test_a_constant_critic_has_a_finite_penalty_and_gradient(name, shape):
    def value(weights):
        return penalties.PENALTIES[name](
            linear(weights), normal(12, shape), normal(13, shape), KEY
        )

    zeros = jnp.zeros(shape[1:])
    expected = OF_CONSTANT_NORM.get(name, lambda norm: norm**2)
    np.testing.assert_allclose(value(zeros), expected(0))
    np.testing.assert_array_equal(jax.grad(value)(zeros), zeros)


@pytest.mark.parametrize("name", NAMES)
def test_second_order_gradients_agree_with_finite_differences(name, x64):
    params = jax.tree.map(lambda leaf: leaf.astype(jnp.float64), mlp_params())
    real, fake = (normal(s, (4, 3)).astype(jnp.float64) for s in (14, 15))

    def value(params):
        return penalties.PENALTIES[name](
            functools.partial(mlp, params), real, fake, KEY
        )

    check_grads(jax.jit(value), (params,), order=1, modes=["rev"], atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("shape", SHAPES)
def test_each_example_has_its_own_gradient(shape):
    critic = functools.partial(mlp, mlp_params(dim=np.prod(shape[1:])))
    x = normal(16, shape)
    one_by_one = jax.vmap(jax.grad(lambda example: critic(example[None])[0]))(x)
    gradient = penalties.per_example_gradient(critic, x)
    np.testing.assert_allclose(gradient, one_by_one, rtol=1e-5, atol=1e-6)
    other = penalties.per_example_gradient(critic, x.at[2].add(1.0))
    keep = np.arange(shape[0]) != 2
    np.testing.assert_array_equal(gradient[keep], other[keep])
    assert np.any(np.asarray(gradient[2] != other[2]))


@pytest.mark.parametrize("name", EXACT)
def test_a_critic_may_close_over_the_labels_of_its_batch(name):
    labels = jnp.array([0, 1, 1, 0, 1])
    scale = jnp.array([1.0, 3.0])
    x = normal(17, (5, 2))

    def critic(x):
        return scale[labels] * x[:, 0]

    value = penalties.PENALTIES[name](critic, x, x, KEY)
    per_row = [OF_CONSTANT_NORM[name](float(n)) for n in scale[labels]]
    mean = max(per_row) if name == "lipschitz_max" else np.mean(per_row)
    np.testing.assert_allclose(value, mean, rtol=1e-6)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("r1", "r2")])
def test_the_key_alone_decides_the_random_points(name):
    critic = functools.partial(mlp, mlp_params())
    real, fake = 3 * normal(18, (6, 3)), normal(19, (6, 3))
    penalty = jax.jit(functools.partial(penalties.PENALTIES[name], critic))
    first, again, other = (
        penalty(real, fake, jax.random.key(seed)) for seed in (0, 0, 1)
    )
    assert first == again != other


@pytest.mark.parametrize("name", NAMES)
def test_members_share_one_trace_and_do_not_leak(name):
    traces = []

    def member(params, real, fake, key):
        traces.append(name)
        critic = functools.partial(mlp, params)
        return penalties.PENALTIES[name](critic, real, fake, key)

    population = jax.jit(jax.vmap(member))
    params = jax.vmap(lambda s: jax.tree.map(lambda x: x * s, mlp_params()))(
        jnp.linspace(0.5, 1.5, 3)
    )
    real, fake = normal(20, (3, 4, 3)), normal(21, (3, 4, 3))
    keys = jax.random.split(KEY, 3)
    before = population(params, real, fake, keys)
    alone = jax.jit(member)(
        jax.tree.map(lambda x: x[1], params), real[1], fake[1], keys[1]
    )
    np.testing.assert_allclose(before[1], alone, rtol=1e-4, atol=1e-5)
    traces.clear()
    after = population(params, real.at[2].add(1), fake.at[2].add(1), keys)
    assert not traces
    np.testing.assert_array_equal(before[:2], after[:2])
    assert before[2] != after[2]


@pytest.mark.parametrize("name", NAMES)
def test_bfloat16_stays_finite_and_keeps_its_dtype(name):
    params = jax.tree.map(lambda x: x.astype(jnp.bfloat16), mlp_params())
    real, fake = (normal(s, (4, 3)).astype(jnp.bfloat16) for s in (22, 23))
    value, grads = jax.jit(
        jax.value_and_grad(
            lambda params: penalties.PENALTIES[name](
                functools.partial(mlp, params), real, fake, KEY
            )
        )
    )(params)
    assert value.dtype == jnp.bfloat16
    assert all(bool(jnp.all(jnp.isfinite(x))) for x in jax.tree.leaves((value, grads)))


def test_an_unknown_penalty_is_refused_with_those_that_exist():
    with pytest.raises(errors.UserError, match="'r3'.*dragan.*wgan_lp"):
        penalties.get("r3")
    assert penalties.get("r1") is penalties.r1


@pytest.mark.parametrize("name", NAMES)
def test_an_empty_batch_is_refused(name):
    empty = jnp.zeros((0, 3))
    with pytest.raises(errors.UserError, match="empty batch"):
        penalties.PENALTIES[name](half_square, empty, empty, KEY)


@pytest.mark.parametrize("name", ["wgan_gp", "wgan_lp", "lipschitz_max"])
def test_batches_that_cannot_be_mixed_row_by_row_are_refused(name):
    with pytest.raises(errors.UserError, match=r"real has shape \(4, 3\).*\(5, 3\)"):
        penalties.PENALTIES[name](
            half_square, jnp.zeros((4, 3)), jnp.zeros((5, 3)), KEY
        )


def test_a_critic_without_one_logit_an_example_is_refused():
    with pytest.raises(errors.UserError, match=r"logits \(4, 1\)"):
        penalties.r1(lambda x: x[:, :1], jnp.zeros((4, 3)), jnp.zeros((4, 3)), KEY)


@pytest.mark.parametrize(
    ("penalty", "argument"),
    [
        (penalties.wgan_gp, {"target": -1.0}),
        (penalties.dragan, {"target": float("nan")}),
        (penalties.dragan, {"scale": -0.5}),
    ],
)
def test_negative_numbers_are_refused(penalty, argument):
    x = jnp.zeros((4, 3))
    with pytest.raises(errors.UserError, match=f"{next(iter(argument))} is"):
        penalty(half_square, x, x, KEY, **argument)
