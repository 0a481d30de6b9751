"""R1 and R2 from differences of logits, against closed forms on quadratic critics."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan import gan, gradients, losses, penalties, steps, types
from jaxgan.core import errors
from jaxgan.penalties import differences

N, DIM = 20_000, 3
RNG = np.random.default_rng(0)
MATRIX = np.float32([[1.0, 0.5, 0.0], [0.5, -0.4, 0.3], [0.0, 0.3, 0.8]])
VECTOR = np.float32([0.7, -1.0, 0.4])
POINT = np.float32([0.3, 0.2, -0.5])
SLOPE = MATRIX @ POINT + VECTOR
CURVATURE = (2 * np.sum(MATRIX**2) + np.trace(MATRIX) ** 2) / 4


def quadratic(params, x):
    a, b = params
    return jnp.sum(x @ a * x, axis=-1) / 2 + x @ b


@functools.cache
def value_and_gradient(name):
    """At many copies of one point, of which the mean over all directions is taken."""

    @jax.jit
    def run(params, real, fake, key, sigma):
        def value(params):
            critic = functools.partial(quadratic, params)
            return penalties.PENALTIES[name](critic, real, fake, key, sigma=sigma)

        return jax.value_and_grad(value)(params)

    def of(sigma, seed=0):
        other = np.full((N, DIM), np.nan, np.float32)
        points = np.tile(POINT, (N, 1))
        samples = (points, other) if name.endswith("r1") else (other, points)
        params = MATRIX, VECTOR
        return run(params, *samples, jax.random.key(seed), np.float32(sigma))

    return of


def drawn(sigma):
    """What one draw gives, from directions of NumPy's."""
    e = RNG.normal(size=(N, DIM))
    return (e @ SLOPE + sigma * np.sum(e @ MATRIX * e, axis=1) / 2) ** 2


@pytest.mark.parametrize("name", differences.APPROXIMATE)
@pytest.mark.parametrize("sigma", [0.05, 2.0])
def test_the_bias_on_a_quadratic_critic_is_the_closed_form(name, sigma):
    value, _ = value_and_gradient(name)(sigma)
    expected = SLOPE @ SLOPE + sigma**2 * CURVATURE
    error = np.std(drawn(sigma)) / np.sqrt(N)
    assert abs(value - expected) < 5 * error
    # The bias of the large sigma is no matter of chance, that of the small one is.
    assert (sigma**2 * CURVATURE > 20 * error) == (sigma == 2.0)


@pytest.mark.parametrize("name", differences.APPROXIMATE)
def test_the_slope_is_pushed_down_without_bias_and_curvature_beside_it(name):
    sigma = 2.0
    _, (by_matrix, by_vector) = value_and_gradient(name)(sigma)
    # d|Ax + b|^2 and d(2 tr(A A^T) + tr(A)^2) / 4 for symmetric A.
    np.testing.assert_allclose(by_vector, 2 * SLOPE, atol=0.2)
    exact = np.outer(SLOPE, POINT) + np.outer(POINT, SLOPE)
    bias = sigma**2 * (MATRIX + np.trace(MATRIX) * np.eye(DIM) / 2)
    symmetric = (by_matrix + by_matrix.T) / 2
    np.testing.assert_allclose(symmetric, exact + bias, atol=0.4)
    assert np.abs(bias).max() > 4 * 0.4


def test_a_linear_critic_has_its_squared_norm_whatever_sigma():
    rng = np.random.default_rng(1)
    x, w = rng.normal(size=(N, 2, 2)), rng.normal(size=4)
    x, w = np.float32(x), np.float32(w)

    def value(sigma):
        critic = lambda x: x.reshape(N, -1) @ w  # noqa: E731
        return penalties.approximate_r1(critic, x, x, jax.random.key(2), sigma=sigma)

    small, large = map(float, map(jax.jit(value), np.float32([0.1, 10.0])))
    np.testing.assert_allclose(small, large, rtol=1e-3)
    norm = float(w @ w)
    assert abs(large - norm) < 5 * norm * np.sqrt(2 / N)


def test_real_and_generated_samples_are_not_confused():
    x = np.ones((4, DIM), np.float32)
    nan = np.full_like(x, np.nan)
    critic = functools.partial(quadratic, (MATRIX, VECTOR))
    key = jax.random.key(0)
    assert np.isfinite(penalties.approximate_r1(critic, x, nan, key))
    assert np.isfinite(penalties.approximate_r2(critic, nan, x, key))


@pytest.mark.parametrize("sigma", [0.0, -1.0, float("nan")])
def test_a_sigma_that_moves_nothing_is_refused(sigma):
    x = np.zeros((4, DIM), np.float32)
    critic = functools.partial(quadratic, (MATRIX, VECTOR))
    with pytest.raises(errors.UserError, match="sigma is .*positive"):
        penalties.approximate_r1(critic, x, x, jax.random.key(0), sigma=sigma)


def test_a_critic_without_one_logit_an_example_is_refused():
    x = np.zeros((4, DIM), np.float32)
    with pytest.raises(errors.UserError, match=r"logits \(4, 1\)"):
        penalties.approximate_r2(lambda x: x[:, :1], x, x, jax.random.key(0))


NETWORKS = gan.mlp((2,), hidden=(3,), latent_dim=2)
CHOSEN = {**differences.APPROXIMATE, "r1": penalties.r1}


def with_sigma(chosen):
    return differences.with_sigma(
        lambda own: gradients.discriminator(NETWORKS, losses.get("hinge"), own), chosen
    )


def test_each_member_has_its_own_sigma():
    weights = {"approximate_r1": 0.5, "approximate_r2": 2.0, "r1": 1.0}
    sgd = types.Pair(*2 * ({"learning_rate": 0.1},))
    sigmas = np.float32([0.01, 0.3])
    key = jax.random.key(0)
    batch = types.Batch(np.float32(RNG.normal(size=(6, 2))))

    @jax.jit
    def both():
        hparams = types.HParams(sgd, weights)
        state = steps.initialise(NETWORKS)(hparams, key)

        def member(sigma):
            own = hparams._replace(penalties={**weights, differences.NUMBER: sigma})
            return with_sigma(CHOSEN)(own, state, batch, key)[::2]

        def by_hand(sigma):
            own = {
                name: functools.partial(penalty, sigma=sigma)
                for name, penalty in differences.APPROXIMATE.items()
            }
            chosen = {**own, "r1": penalties.r1}
            gradient = gradients.discriminator(NETWORKS, losses.get("hinge"), chosen)
            return gradient(hparams, state, batch, key)[::2]

        return jax.vmap(member)(sigmas), jax.vmap(by_hand)(sigmas)

    found, expected = both()
    jax.tree.map(
        functools.partial(np.testing.assert_allclose, rtol=1e-5, atol=1e-6),
        found,
        expected,
    )
    values = found[1]["approximate_r1"]
    assert values[0] != values[1] and found[1]["r1"][0] == found[1]["r1"][1]


def test_a_sigma_without_a_penalty_that_takes_it_is_refused():
    with pytest.raises(errors.UserError, match="approximate_sigma.*approximate_r1"):
        with_sigma({"r1": penalties.r1})


def test_a_missing_sigma_is_named():
    hparams = types.HParams(types.Pair({}, {}), {"approximate_r1": 1.0})
    with pytest.raises(errors.UserError, match="no approximate_sigma"):
        with_sigma(differences.APPROXIMATE)(hparams, None, None, None)
