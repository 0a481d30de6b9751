"""Divergences of samples, against SciPy, scikit-learn and closed forms."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats
from sklearn import neighbors
from sklearn.metrics import pairwise

from jaxgan import divergences
from jaxgan.core import errors

KEY = jax.random.key(0)
rbf = divergences.rbf_kernel([0.5, 2.0])
cubic = divergences.polynomial_kernel()


def mmd2(x, y):
    return divergences.mmd2(x, y, rbf)


def mmd2_cubic(x, y):
    return divergences.mmd2(x, y, cubic)


def sliced(x, y):
    return divergences.sliced_wasserstein(x, y, KEY, num_projections=16)


def sinkhorn(x, y):
    return divergences.sinkhorn_divergence(x, y, 1.0).value


# All that take `[..., N, F]` and `[..., M, F]`.
TABLE = {
    "knn_kl": divergences.knn_kl,
    "energy_distance": divergences.energy_distance,
    "mmd2": mmd2,
    "mmd2_cubic": mmd2_cubic,
    "sliced_wasserstein": sliced,
    "sinkhorn_divergence": sinkhorn,
}
each = pytest.mark.parametrize("name", TABLE)
JITTED = {name: jax.jit(function) for name, function in TABLE.items()}
jitted_sinkhorn = jax.jit(
    divergences.sinkhorn_divergence, static_argnames=("max_iterations", "tolerance")
)
wasserstein_1d = jax.jit(divergences.wasserstein_1d, static_argnames="order")
energy_distance = jax.jit(divergences.energy_distance)


def samples(num_x=40, num_y=30, num_features=3, seed=0, batch=(), dtype=np.float32):
    generator = np.random.default_rng(seed)
    x = generator.normal(size=(*batch, num_x, num_features))
    y = 0.5 + 1.5 * generator.normal(size=(*batch, num_y, num_features))
    return x.astype(dtype), y.astype(dtype)


# What holds for all of them.


# One program for all of them, because compiling is what takes the time here.


@jax.jit
def everything(x, y):
    return {name: function(x, y) for name, function in TABLE.items()}


@jax.jit
def everything_mapped(x, y):
    return jax.vmap(everything)(x, y)


@each
def test_leading_axes_are_a_batch(name):
    x, y = samples(batch=(2,))
    batched = everything(x, y)[name]
    assert batched.shape == (2,)
    single = [everything(x[i], y[i])[name] for i in range(2)]
    mapped = everything_mapped(x, y)[name]
    np.testing.assert_allclose(batched, single, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(batched, mapped, rtol=1e-4, atol=1e-5)


def test_one_sample_is_compared_with_each_of_a_batch():
    (x, _), (_, y) = samples(num_features=1), samples(num_features=1, batch=(2,))
    found = energy_distance(x, y)
    each = [energy_distance(x, own) for own in y]
    np.testing.assert_allclose(found, each, rtol=1e-5)
    np.testing.assert_allclose(energy_distance(y, x[None]), each, rtol=1e-5)


@each
def test_order_of_the_samples_does_not_matter(name):
    x, y = samples()
    value, turned = everything(x, y)[name], everything(x[::-1], y[::-1])[name]
    np.testing.assert_allclose(value, turned, rtol=1e-4, atol=1e-5)


@jax.jit
def gradients(x, y):
    def precise(x, y):
        return divergences.sinkhorn_divergence(x, y, 1.0, tolerance=1e-9).value

    functions = TABLE | {"sinkhorn_divergence": precise}
    return {name: jax.value_and_grad(f)(x, y) for name, f in functions.items()}


@each
def test_gradient_matches_differences(x64, name):
    x, y = samples(10, 8, dtype=np.float64)
    step = 1e-6 * np.random.default_rng(1).normal(size=x.shape)
    numeric = gradients(x + step, y)[name][0] - gradients(x - step, y)[name][0]
    gradient = gradients(x, y)[name][1]
    np.testing.assert_allclose(np.sum(gradient * step), numeric / 2, rtol=1e-5)


@pytest.mark.parametrize("name", sorted(set(TABLE) - {"knn_kl"}))
def test_gradient_at_equal_samples_is_finite(name):
    x, _ = samples(10, 8)
    assert np.isfinite(gradients(x, x)[name][1]).all()


@each
def test_nan_stays_nan(name):
    x, y = samples()
    strange = x.copy()
    strange[3, 1] = np.nan
    assert np.isnan(everything(strange, y)[name])
    assert np.isnan(everything(x, strange[:30])[name])


@each
@pytest.mark.parametrize(
    "x, y, words",
    [
        (np.zeros((0, 2)), np.zeros((5, 2)), "x has shape"),
        (np.zeros((5, 2)), np.zeros((0, 2)), "y has shape"),
        (np.zeros((8, 2)), np.zeros((8, 3)), "last axis the same"),
        (np.zeros((2, 8, 2)), np.zeros((3, 8, 2)), "leading axes broadcast"),
        (1.0, np.zeros((8, 1)), "x has shape"),
    ],
)
def test_samples_that_do_not_fit_are_refused(name, x, y, words):
    with pytest.raises(errors.UserError, match=words):
        TABLE[name](x, y)


# Nearest neighbours.


@pytest.mark.parametrize("k", [1, 4])
def test_knn_kl_is_the_published_formula(k):
    x, y = samples()
    rho = neighbors.NearestNeighbors(n_neighbors=k + 1).fit(x).kneighbors(x)[0][:, k]
    nu = neighbors.NearestNeighbors(n_neighbors=k).fit(y).kneighbors(x)[0][:, k - 1]
    expected = 3 * np.mean(np.log(nu / rho)) + np.log(30 / 39)
    in_nats_and_bits = jax.jit(
        lambda x, y: [divergences.knn_kl(x, y, k, base=base) for base in (None, 2)]
    )
    value, bits = in_nats_and_bits(x, y)
    np.testing.assert_allclose(value, expected, rtol=1e-4)
    np.testing.assert_allclose(bits, expected / np.log(2), rtol=1e-4)


def test_knn_kl_approaches_the_kl_of_gaussians():
    x, y = samples(1500, 1500, 2)
    exact = divergences.gaussian_kl_diagonal([0, 0], [1, 1], [0.5, 0.5], [2.25, 2.25])
    # The standard deviation over draws is about 0.03.
    np.testing.assert_allclose(JITTED["knn_kl"](x, y), exact, atol=0.15)


def test_knn_kl_says_what_ties_do():
    x, y = samples()
    tied = np.concatenate([np.repeat(x[:1], 8, axis=0), x])
    assert JITTED["knn_kl"](tied, y) == np.inf
    assert JITTED["knn_kl"](x, np.repeat(x, 8, axis=0)) == -np.inf
    assert np.isnan(JITTED["knn_kl"](tied, np.repeat(tied, 8, axis=0)))


@pytest.mark.parametrize("k, num_x, num_y", [(5, 5, 9), (5, 9, 4), (0, 9, 9)])
def test_knn_kl_asks_for_enough_samples(k, num_x, num_y):
    with pytest.raises(errors.UserError, match=f"k is {k}"):
        divergences.knn_kl(np.zeros((num_x, 2)), np.zeros((num_y, 2)), k)


# Energy distance.


def test_energy_distance_on_the_line_is_that_of_scipy():
    x, y = samples(num_features=1)
    expected = stats.energy_distance(x[:, 0], y[:, 0])
    np.testing.assert_allclose(JITTED["energy_distance"](x, y), expected, rtol=1e-4)
    flat = energy_distance(x[:, 0], y[:, 0])
    np.testing.assert_allclose(flat, expected, rtol=1e-4)
    padded = [np.pad(side, ((0, 0), (0, 2))) for side in (x, y)]
    np.testing.assert_allclose(JITTED["energy_distance"](*padded), expected, rtol=1e-4)


def test_energy_distance_in_float64_is_that_of_scipy(x64):
    x, y = samples(num_features=1, dtype=np.float64)
    value = energy_distance(x, y)
    expected = stats.energy_distance(x[:, 0], y[:, 0])
    np.testing.assert_allclose(value, expected, rtol=1e-9)


def test_energy_distance_is_that_of_pairwise_distances():
    x, y = samples()
    across, within_x, within_y = (
        pairwise.euclidean_distances(a.astype(np.float64), b).mean()
        for a, b in ((x, y), (x, x), (y, y))
    )
    expected = np.sqrt(2 * across - within_x - within_y)
    np.testing.assert_allclose(JITTED["energy_distance"](x, y), expected, rtol=1e-4)
    assert JITTED["energy_distance"](x, x) < 1e-3


# Maximum mean discrepancy.


def numpy_mmd2(gram_xx, gram_yy, gram_xy):
    num_x, num_y = gram_xy.shape
    return (
        (gram_xx.sum() - np.trace(gram_xx)) / (num_x * (num_x - 1))
        + (gram_yy.sum() - np.trace(gram_yy)) / (num_y * (num_y - 1))
        - 2 * gram_xy.mean()
    )


def grams(kernel, x, y):
    return [kernel(a, b) for a, b in ((x, x), (y, y), (x, y))]


def test_mmd2_of_a_mixture_of_gaussian_kernels():
    x, y = samples()

    def kernel(a, b):
        return sum(
            pairwise.rbf_kernel(a, b, gamma=1 / (2 * width**2)) for width in (0.5, 2.0)
        )

    expected = numpy_mmd2(*grams(kernel, np.float64(x), np.float64(y)))
    np.testing.assert_allclose(JITTED["mmd2"](x, y), expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("settings", [{}, {"degree": 2, "scale": 0.5, "offset": 0.0}])
def test_mmd2_of_a_polynomial_kernel(settings):
    x, y = samples()
    kernel = functools.partial(
        pairwise.polynomial_kernel,
        degree=settings.get("degree", 3),
        gamma=settings.get("scale"),
        coef0=settings.get("offset", 1.0),
    )
    expected = numpy_mmd2(*grams(kernel, np.float64(x), np.float64(y)))
    own = divergences.polynomial_kernel(**settings)
    value = jax.jit(lambda x, y: divergences.mmd2(x, y, own))(x, y)
    np.testing.assert_allclose(value, expected, rtol=1e-4)


@pytest.mark.parametrize(("constant", "dtype"), [(1e4, np.float32), (4.2e6, float)])
def test_a_constant_added_to_all_samples_changes_nothing(constant, dtype):
    # Multiples of 1/64, to which the constant is added without rounding.
    x, y = (np.round(64 * v).astype(dtype) / 64 for v in samples())
    moved = x + constant, y + constant
    for name in TABLE.keys() - {"mmd2_cubic"}:  # of which one origin is the kernel's
        np.testing.assert_allclose(
            TABLE[name](*moved), TABLE[name](x, y), rtol=2e-4, err_msg=name
        )
    np.testing.assert_allclose(
        divergences.wasserstein_1d(moved[0][:, 0], moved[1][:, 0]),
        stats.wasserstein_distance(x[:, 0], y[:, 0]),
        rtol=1e-5,
    )
    for found, expected in zip(
        divergences.histogram_kl(*moved, KEY, 3, num_permutations=8),
        divergences.histogram_kl(x, y, KEY, 3, num_permutations=8),
        strict=True,
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.parametrize("constant", [10.0, 1e4])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_mmd2_of_a_polynomial_kernel_far_from_the_origin(constant, dtype):
    # (a + s)^3 of 1e24 leaves nothing of a discrepancy, if it is not left out.
    x, y = (v + np.asarray(constant, dtype) for v in samples(dtype=dtype))
    kernel = functools.partial(pairwise.polynomial_kernel, degree=3)
    longer = [v.astype(np.longdouble) for v in (x, y)]

    def exact(a, b):
        return (a @ b.T / a.shape[1] + 1) ** 3

    expected = numpy_mmd2(*grams(exact, *longer))
    if constant == 10:
        np.testing.assert_allclose(
            expected, numpy_mmd2(*grams(kernel, x.astype(float), y.astype(float)))
        )
    np.testing.assert_allclose(mmd2_cubic(x, y), float(expected), rtol=1e-4)
    np.testing.assert_allclose(
        divergences.mmd2(
            x - np.asarray(constant, dtype),
            y - np.asarray(constant, dtype),
            divergences.polynomial_kernel(origin=constant),
        ),
        float(expected),
        rtol=1e-4,
    )


@pytest.mark.parametrize(("shift", "tolerance"), [(0.0, 1e-5), (1e6, 1e-5)])
def test_frechet_distance_of_gaussians_keeps_the_difference_of_the_means(
    shift, tolerance
):
    mean = np.array([0.01, 0.02])
    found = divergences.gaussian_frechet(
        mean + shift, np.eye(2), np.zeros(2) + shift, np.eye(2)
    )
    np.testing.assert_allclose(found, 5e-4, rtol=tolerance)


def test_mmd2_is_unbiased():
    """Over independent samples its mean is the population's value."""

    def draw(key):
        key_x, key_y = jax.random.split(key)
        x = jax.random.normal(key_x, (6, 1))
        y = 1 + jax.random.normal(key_y, (4, 1))
        return divergences.mmd2(x, y, divergences.rbf_kernel([1.0]))

    values = jax.jit(jax.vmap(draw))(jax.random.split(KEY, 20_000))
    # E k(x, y) = exp(-d^2 / (2 (1 + 2))) / sqrt(1 + 2) for unit Gaussians d apart.
    exact = 2 * (1 - np.exp(-1 / 6)) / np.sqrt(3)
    error = values.std() / np.sqrt(len(values))
    assert abs(values.mean() - exact) < 5 * error
    assert (values < 0).any()


def test_kernels_refuse_what_they_cannot_take():
    with pytest.raises(errors.UserError, match="bandwidths"):
        divergences.rbf_kernel([1.0, 0.0])
    with pytest.raises(errors.UserError, match="bandwidths"):
        divergences.rbf_kernel([])
    with pytest.raises(errors.UserError, match="degree is 0"):
        divergences.polynomial_kernel(0)
    with pytest.raises(errors.UserError, match="at least 2 samples"):
        divergences.mmd2(np.zeros((1, 2)), np.zeros((3, 2)), rbf)


def test_bandwidths_can_be_swept_under_vmap():
    x, y = samples()

    def of_bandwidth(width):
        return divergences.mmd2(x, y, divergences.rbf_kernel(width))

    swept = jax.jit(jax.vmap(of_bandwidth))(jnp.array([0.5, 2.0]))
    np.testing.assert_allclose(swept.sum(), JITTED["mmd2"](x, y), rtol=1e-4)


# Wasserstein distances.


@pytest.mark.parametrize("num_x, num_y", [(20, 20), (30, 20), (7, 1)])
def test_wasserstein_on_the_line(x64, num_x, num_y):
    x, y = samples(num_x, num_y, 1, dtype=np.float64)
    x, y = x[:, 0], y[:, 0]
    expected = stats.wasserstein_distance(x, y)
    np.testing.assert_allclose(wasserstein_1d(x, y), expected, rtol=1e-12)
    # Both as samples of equal weight and equal number: then sorting pairs them.
    many_x, many_y = np.repeat(np.sort(x), num_y), np.repeat(np.sort(y), num_x)
    value = wasserstein_1d(x, y, order=2)
    expected = np.sqrt(np.mean((many_x - many_y) ** 2))
    np.testing.assert_allclose(value, expected, rtol=1e-12)


def test_wasserstein_on_the_line_in_float32_and_in_batches():
    x, y = samples(batch=(5,))
    x, y = x[..., 0], y[..., 0]
    expected = [stats.wasserstein_distance(a, b) for a, b in zip(x, y, strict=True)]
    np.testing.assert_allclose(wasserstein_1d(x, y), expected, rtol=1e-4)
    assert np.isnan(wasserstein_1d(x[0] * np.nan, y[0]))
    gradient = jax.grad(functools.partial(wasserstein_1d, order=2))
    assert np.isfinite(gradient(x[0], x[0])).all()


@pytest.mark.parametrize("order", [1, 2])
def test_sliced_wasserstein_of_shifted_samples(order):
    """A shift by s moves every projection by its own length: closed form in F = 2."""
    x, _ = samples(num_features=2)
    far = jax.jit(lambda x, y: divergences.sliced_wasserstein(x, y, KEY, 4000, order))
    value = far(x, x + [3.0, 4.0])
    exact = {1: 5 * 2 / np.pi, 2: 5 / np.sqrt(2)}[order]
    np.testing.assert_allclose(value, exact, rtol=0.04)


def test_sliced_wasserstein_on_the_line_is_wasserstein():
    x, y = samples(num_features=1)
    np.testing.assert_allclose(
        jax.jit(sliced)(x, y), wasserstein_1d(x[:, 0], y[:, 0], 2), rtol=1e-5
    )


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda x: divergences.wasserstein_1d(x, x, 3), "order is 3"),
        (lambda x: divergences.wasserstein_1d(x, x[:0]), "y has shape"),
        (
            lambda x: divergences.sliced_wasserstein(x, x, KEY, 0),
            "num_projections is 0",
        ),
        (lambda x: divergences.sliced_wasserstein(x, x, KEY, 5, 0), "order is 0"),
    ],
)
def test_wasserstein_distances_name_what_is_wrong(call, words):
    with pytest.raises(errors.UserError, match=words):
        call(np.zeros(4))


# Sinkhorn divergence.


def test_sinkhorn_tends_to_wasserstein_and_to_the_means(x64):
    x, y = samples(12, 12, 2, dtype=np.float64)
    cost = pairwise.euclidean_distances(x, y, squared=True)
    exact = cost[optimize.linear_sum_assignment(cost)].mean()
    sharp = jitted_sinkhorn(x, y, 2e-2, max_iterations=20_000)
    assert sharp.marginal_error <= 1e-4
    np.testing.assert_allclose(sharp.value, exact, rtol=1e-2)
    blunt = jitted_sinkhorn(x, y, 1e5, max_iterations=10)
    np.testing.assert_allclose(
        blunt.value, np.sum((x.mean(axis=0) - y.mean(axis=0)) ** 2), rtol=1e-3
    )


def test_sinkhorn_of_two_points_is_their_squared_distance():
    """With one sample each there is one plan, and no entropy."""
    record = jitted_sinkhorn(np.array([[0.0, 0.0]]), np.array([[3.0, 4.0]]), 0.5)
    np.testing.assert_allclose(record.value, 25, rtol=1e-6)
    assert record.marginal_error < 1e-5


def test_sinkhorn_matches_an_independent_solver_of_the_same_problem(x64):
    """The dual, maximised by a general optimiser."""
    x, y = samples(6, 5, 2, dtype=np.float64)
    epsilon = 0.7

    def transport(a, b):
        cost = pairwise.euclidean_distances(a, b, squared=True)

        def minus_dual(potentials):
            f, g = potentials[: len(a), None], potentials[len(a) :]
            plan = np.exp((f + g - cost) / epsilon) / cost.size
            gradient = [1 / len(a) - plan.sum(1), 1 / len(b) - plan.sum(0)]
            dual = f.mean() + g.mean() - epsilon * (plan.sum() - 1)
            return -dual, -np.concatenate(gradient)

        start = np.zeros(len(a) + len(b))
        tight = {"ftol": 1e-14, "gtol": 1e-10, "maxiter": 10_000}
        return -optimize.minimize(
            minus_dual, start, jac=True, method="L-BFGS-B", options=tight
        ).fun

    expected = transport(x, y) - (transport(x, x) + transport(y, y)) / 2
    record = jitted_sinkhorn(x, y, epsilon, tolerance=1e-9)
    np.testing.assert_allclose(record.value, expected, rtol=1e-6)


def test_sinkhorn_says_how_it_converged():
    x, y = samples(12, 12)
    cut = jitted_sinkhorn(x, y, 1e-3)
    assert cut.iterations == 1000 and cut.marginal_error > 1e-4
    done = jitted_sinkhorn(x, y, 5.0)
    assert 1 <= done.iterations < 100 and done.marginal_error <= 1e-4
    sides = (x, y), (x, np.float32(0.1) * y)
    pairs = jitted_sinkhorn(np.stack([x, x]), np.stack([y, sides[1][1]]), 1.0)
    alone = [jitted_sinkhorn(*side, 1.0).iterations for side in sides]
    assert alone[0] != alone[1]
    np.testing.assert_array_equal(pairs.iterations, alone)


def test_sinkhorn_differentiates_with_respect_to_epsilon(x64):
    x, y = samples(8, 6, dtype=np.float64)

    @jax.jit
    def of_epsilon(epsilon):
        return divergences.sinkhorn_divergence(x, y, epsilon, tolerance=1e-9).value

    numeric = (of_epsilon(1.0 + 1e-5) - of_epsilon(1.0 - 1e-5)) / 2e-5
    np.testing.assert_allclose(jax.jit(jax.grad(of_epsilon))(1.0), numeric, rtol=1e-4)


@pytest.mark.parametrize("epsilon", [0.0, -1.0])
def test_sinkhorn_asks_for_a_positive_epsilon(epsilon):
    with pytest.raises(errors.UserError, match="epsilon is"):
        divergences.sinkhorn_divergence(np.zeros((2, 1)), np.zeros((2, 1)), epsilon)


# Properties over arbitrary small samples.

NUM = 6
POINTS = st.lists(
    st.floats(-10, 10).map(lambda x: round(x, 3)), min_size=2 * NUM, max_size=2 * NUM
).map(lambda values: np.array(values, np.float32).reshape(NUM, 2))


@settings(max_examples=40, deadline=None)
@given(POINTS, POINTS)
def test_distances_are_symmetric_and_not_negative(x, y):
    for name in ("energy_distance", "sliced_wasserstein", "sinkhorn_divergence"):
        there, back = JITTED[name](x, y), JITTED[name](y, x)
        assert there >= -1e-3 and np.isfinite(there), name
        np.testing.assert_allclose(there, back, rtol=1e-2, atol=1e-2, err_msg=name)
        np.testing.assert_allclose(JITTED[name](x, x), 0, atol=1e-2, err_msg=name)
    across = wasserstein_1d(x[:, 0], y[:, 0])
    longer = wasserstein_1d(x[:, 0], y[:, 0], order=2)
    assert 0 <= across <= longer * (1 + 1e-5) + 1e-6
