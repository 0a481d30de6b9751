"""Divergences of Gaussians, against closed forms in NumPy and SciPy."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate, linalg, stats

from jaxgan import divergences
from jaxgan.core import errors

F = 4
FULL = {"kl": divergences.gaussian_kl, "frechet": divergences.gaussian_frechet}
DIAGONAL = {
    "kl": divergences.gaussian_kl_diagonal,
    "frechet": divergences.gaussian_frechet_diagonal,
}
either = pytest.mark.parametrize("name", FULL)
JITTED = {name: jax.jit(function) for name, function in FULL.items()}


def numpy_kl(mean_p, cov_p, mean_q, cov_q):
    difference = mean_p - mean_q
    return 0.5 * (
        np.trace(np.linalg.solve(cov_q, cov_p))
        - len(difference)
        + difference @ np.linalg.solve(cov_q, difference)
        + np.linalg.slogdet(cov_q)[1]
        - np.linalg.slogdet(cov_p)[1]
    )


def numpy_frechet(mean_p, cov_p, mean_q, cov_q):
    root = np.real(linalg.sqrtm(cov_p @ cov_q))
    return np.sum((mean_p - mean_q) ** 2) + np.trace(cov_p + cov_q - 2 * root)


ORACLE = {"kl": numpy_kl, "frechet": numpy_frechet}


def random_gaussians(num=3, seed=0, dtype=np.float64):
    """Parameters of `num` pairs with well-conditioned covariances."""
    generator = np.random.default_rng(seed)

    def mean_and_cov():
        factor = generator.normal(size=(num, F, F))
        cov = factor @ factor.swapaxes(-1, -2) / F + 0.3 * np.eye(F)
        return generator.normal(size=(num, F)).astype(dtype), cov.astype(dtype)

    return (*mean_and_cov(), *mean_and_cov())


def projection(rank, seed):
    """A random rotation, and a covariance of that rank in its first directions."""
    generator = np.random.default_rng(seed)
    rotation = np.linalg.qr(generator.normal(size=(F, F)))[0]
    scales = np.where(np.arange(F) < rank, generator.uniform(0.5, 2, F), 0)
    return rotation, (rotation * scales) @ rotation.T


@either
def test_agrees_with_the_closed_form_in_float32(name):
    arguments = random_gaussians(dtype=np.float32)
    expected = [
        ORACLE[name](*map(np.float64, one)) for one in zip(*arguments, strict=True)
    ]
    np.testing.assert_allclose(JITTED[name](*arguments), expected, rtol=1e-4)


@either
def test_agrees_with_the_closed_form_in_float64(x64, name):
    arguments = random_gaussians()
    expected = [ORACLE[name](*one) for one in zip(*arguments, strict=True)]
    np.testing.assert_allclose(JITTED[name](*arguments), expected, rtol=1e-8)


@either
def test_diagonal_equals_full_of_a_diagonal_matrix(name):
    mean_p, cov_p, mean_q, cov_q = random_gaussians(dtype=np.float32)
    var_p, var_q = (np.diagonal(cov, axis1=-2, axis2=-1) for cov in (cov_p, cov_q))
    full = JITTED[name](
        mean_p,
        var_p[..., None] * np.eye(F, dtype=np.float32),
        mean_q,
        var_q[..., None] * np.eye(F, dtype=np.float32),
    )
    np.testing.assert_allclose(
        DIAGONAL[name](mean_p, var_p, mean_q, var_q), full, rtol=1e-4
    )


def test_in_one_dimension_both_are_what_the_textbook_says(x64):
    @jax.jit
    def each(mean_p, var_p, mean_q, var_q):
        gaussians = mean_p, var_p[:, None], mean_q, var_q[:, None]
        return (
            divergences.gaussian_kl_diagonal(mean_p, var_p, mean_q, var_q),
            divergences.gaussian_frechet(*gaussians),
            divergences.gaussian_kl(*gaussians, base=2),
        )

    kl, frechet, bits = each(*map(np.array, ([1.0], [4.0], [3.0], [9.0])))
    np.testing.assert_allclose(kl, np.log(3 / 2) + (4 + 4) / 18 - 0.5, rtol=1e-12)
    np.testing.assert_allclose(frechet, 4 + 1, rtol=1e-12)
    np.testing.assert_allclose(bits, kl / np.log(2), rtol=1e-12)


@either
def test_zero_for_equal_gaussians_and_never_negative(name):
    mean, cov, _, _ = random_gaussians(dtype=np.float32)
    same = JITTED[name](mean, cov, mean, cov)
    assert (same >= 0).all()
    np.testing.assert_allclose(same, 0, atol=1e-9)
    near = JITTED[name](mean, cov, mean, cov * np.float32(1 + 1e-3))
    expected = {"kl": F / 2 * (np.log1p(1e-3) - 1e-3 / (1 + 1e-3))}
    expected["frechet"] = np.trace(cov, axis1=1, axis2=2) * (np.sqrt(1.001) - 1) ** 2
    np.testing.assert_allclose(near, expected[name], rtol=2e-3)


def test_frechet_is_symmetric_and_moves_with_rotations():
    mean_p, cov_p, mean_q, cov_q = random_gaussians(dtype=np.float32)
    value = JITTED["frechet"](mean_p, cov_p, mean_q, cov_q)
    back = JITTED["frechet"](mean_q, cov_q, mean_p, cov_p)
    np.testing.assert_allclose(value, back, rtol=1e-5)
    turn = projection(F, 5)[0].astype(np.float32)

    def turned(mean, cov):
        return mean @ turn.T, turn @ cov @ turn.T

    moved = JITTED["frechet"](*turned(mean_p, cov_p), *turned(mean_q, cov_q))
    np.testing.assert_allclose(value, moved, rtol=1e-4)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_frechet_of_singular_covariances(x64, dtype):
    """One full rank, one of rank two: the nuclear norm of a product of roots."""
    _, low = projection(2, 1)
    rotation, full = projection(F, 2)
    values, vectors = np.linalg.eigh(low)
    root = (vectors * np.sqrt(np.where(values < 1e-9, 0, values))) @ vectors.T
    inner = np.linalg.eigvalsh(root @ full @ root)
    expected = np.trace(low + full) - 2 * np.sqrt(np.maximum(inner, 0)).sum()
    zero = np.zeros(F, dtype)
    for a, b in ((low, full), (full, low)):
        value = JITTED["frechet"](zero, a.astype(dtype), zero, b.astype(dtype))
        assert value.dtype == dtype
        np.testing.assert_allclose(value, expected, rtol=1e-4)
    point = np.zeros((F, F), dtype)
    value = JITTED["frechet"](zero, point, zero + 1, full.astype(dtype))
    np.testing.assert_allclose(value, F + np.trace(full), rtol=1e-5)
    assert JITTED["frechet"](zero, point, zero, point) == 0


@pytest.mark.parametrize("batched", [jax.vmap, lambda function: function])
def test_frechet_of_a_regular_pair_is_the_same_beside_a_singular_one(batched):
    """They are decomposed in different ways."""
    mean_p, cov_p, mean_q, cov_q = random_gaussians(dtype=np.float32)
    alone = JITTED["frechet"](mean_p, cov_p, mean_q, cov_q)
    singular, strange = cov_p.copy(), cov_p.copy()
    singular[0], strange[0] = projection(2, 1)[1].astype(np.float32), np.nan
    for first in (singular, strange):
        function = jax.jit(batched(divergences.gaussian_frechet))
        beside = function(mean_p, first, mean_q, cov_q)
        np.testing.assert_allclose(beside[1:], alone[1:], rtol=1e-5)
        assert np.isnan(beside[0]) == np.isnan(first[0]).any()


@pytest.mark.parametrize("least", 10.0 ** np.arange(-7, 0))
def test_frechet_of_any_condition_is_near_the_closed_form(least):
    """Around the condition from which on eigenvalues are looked at."""
    turn = projection(F, 4)[0]
    values = np.geomspace(least, 1, F)
    cov = (turn * values) @ turn.T
    expected = F * 0.25**2 + np.sum((np.sqrt(values) - 1) ** 2)
    zero, eye = np.zeros(F, np.float32), np.eye(F, dtype=np.float32)
    for pair in ((zero, eye, zero + 0.25, cov), (zero, cov, zero + 0.25, eye)):
        value = JITTED["frechet"](*(x.astype(np.float32) for x in pair))
        # An eigenvalue is rounded by an epsilon, and its root by that of an epsilon.
        np.testing.assert_allclose(value, expected, rtol=3e-4)


def test_frechet_forgives_rounding_below_zero():
    cov = np.diag([1.0, 1.0, -1e-8, -1e-7]).astype(np.float32)
    cov_q = np.diag([4.0, 1.0, 0, 0]).astype(np.float32)
    zero = np.zeros(F, np.float32)
    np.testing.assert_allclose(JITTED["frechet"](zero, cov, zero, cov_q), 1, rtol=1e-5)


@either
def test_nan_and_indefinite_covariances_give_nan(name):
    zero, eye = np.zeros(F, np.float32), np.eye(F, dtype=np.float32)
    indefinite = eye.copy()
    indefinite[0, 1] = indefinite[1, 0] = 2.0
    for strange in (indefinite, eye * np.nan):
        assert np.isnan(JITTED[name](zero, strange, zero, eye))
        assert np.isnan(JITTED[name](zero, eye, zero, strange))
    assert np.isnan(JITTED[name](zero * np.nan, eye, zero, eye))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_kl_on_a_common_support_is_that_within_it(x64, dtype):
    rotation, cov = projection(2, 1)
    basis = rotation[:, :2]
    within_q = np.array([[2.0, 0.5], [0.5, 1.0]])
    shift = np.array([0.3, -0.4])
    expected = numpy_kl(shift, basis.T @ cov @ basis, np.zeros(2), within_q)
    arguments = (basis @ shift, cov, np.zeros(F), basis @ within_q @ basis.T)
    value = JITTED["kl"](*(argument.astype(dtype) for argument in arguments))
    np.testing.assert_allclose(value, expected, rtol=1e-4)


def test_kl_is_infinite_on_different_supports_with_finite_gradients():
    zero, eye = np.zeros(F, np.float32), np.eye(F, dtype=np.float32)
    flat = np.diag([1, 1, 0, 0]).astype(np.float32)
    other = np.diag([0, 1, 1, 0]).astype(np.float32)
    gradient = jax.jit(jax.grad(divergences.gaussian_kl, argnums=(0, 1, 2, 3)))
    for arguments in (
        (zero, flat, zero, eye),
        (zero, eye, zero, flat),
        (zero, flat, zero, other),
        (zero + 1, flat, zero, flat),
    ):
        assert JITTED["kl"](*arguments) == np.inf
        for part in gradient(*arguments):
            assert np.isfinite(part).all()


def test_diagonal_kl_at_zero_variances():
    kl = divergences.gaussian_kl_diagonal
    np.testing.assert_allclose(kl([0, 1.0], [1, 0.0], [0, 1.0], [1, 0.0]), 0)
    assert kl([0, 2.0], [1, 0.0], [0, 1.0], [1, 0.0]) == np.inf
    assert kl([0, 1.0], [1, 0.0], [0, 1.0], [1, 1.0]) == np.inf
    assert kl([0, 1.0], [1, 1.0], [0, 1.0], [1, 0.0]) == np.inf
    assert np.isnan(kl([0, np.nan], [1, 0.0], [0, 1.0], [1, 0.0]))
    with pytest.raises(errors.UserError, match="negative value -1"):
        kl([0.0], [-1.0], [0.0], [1.0])


def test_kl_of_point_masses_is_zero_or_infinite():
    nothing = np.zeros((F, F), np.float32)
    here, there = np.zeros(F, np.float32), np.ones(F, np.float32)
    assert JITTED["kl"](here, nothing, here, nothing) == 0
    assert JITTED["kl"](here, nothing, there, nothing) == np.inf


@either
def test_gradients_match_differences(x64, name):
    arguments = [argument[0] for argument in random_gaussians(1, seed=4)]
    generator = np.random.default_rng(0)
    gradient = jax.jit(jax.grad(FULL[name], argnums=(0, 1, 2, 3)))(*arguments)
    for i, part in enumerate(gradient):
        step = generator.normal(size=arguments[i].shape)
        step = 1e-5 * (step + step.T if step.ndim == 2 else step)
        up, down = list(arguments), list(arguments)
        up[i], down[i] = arguments[i] + step, arguments[i] - step
        numeric = (ORACLE[name](*up) - ORACLE[name](*down)) / 2
        np.testing.assert_allclose(np.sum(part * step), numeric, rtol=1e-5)


@either
def test_gradients_at_repeated_and_zero_eigenvalues_are_those_of_the_diagonal(name):
    zero = np.zeros(F, np.float32)
    gradient = jax.jit(jax.grad(FULL[name], argnums=(0, 1, 2, 3)))
    expected = jax.jit(jax.grad(DIAGONAL[name], argnums=(0, 1, 2, 3)))
    for var_p, var_q in (
        ([1.0, 1, 1, 1], [1.0, 1, 1, 1]),
        ([1.0, 1, 2, 2], [2.0, 2, 2, 3]),
        ([1.0, 1, 0, 0], [2.0, 2, 0, 0]),
    ):
        var_p, var_q = np.float32(var_p), np.float32(var_q)
        shift = zero + np.float32([1, 0.5, 0, 0])
        full = gradient(shift, np.diag(var_p), zero, np.diag(var_q))
        diagonal = expected(shift, var_p, zero, var_q)
        for part, wanted in zip(full, diagonal, strict=True):
            assert np.isfinite(part).all()
            part = np.diagonal(part) if part.ndim == 2 else part
            inside = (var_p > 0) & (var_q > 0)
            np.testing.assert_allclose(part[inside], wanted[inside], atol=1e-5)


def test_kl_differentiates_twice_where_eigenvalues_repeat(x64):
    """With p = N(0, s I) and q = N(0, I), KL is F (s - 1 - log s) / 2."""
    zero, eye = np.zeros(F), np.eye(F)

    def of_scale(scale):
        return divergences.gaussian_kl(zero, scale * eye, zero, eye)

    curvature = jax.jit(jax.grad(jax.grad(of_scale)))(2.0)
    np.testing.assert_allclose(curvature, F / 2 / 2.0**2, rtol=1e-9)


@either
def test_works_under_jit_of_vmap_and_broadcasts(name):
    arguments = random_gaussians(3, dtype=np.float32)
    batched = JITTED[name](*arguments)
    mapped = jax.jit(jax.vmap(FULL[name]))(*arguments)
    np.testing.assert_allclose(batched, mapped, rtol=1e-5)
    mean_p, cov_p, mean_q, cov_q = arguments
    table = JITTED[name](mean_p[:, None], cov_p[:, None], mean_q, cov_q)
    np.testing.assert_allclose(np.diagonal(table), batched, rtol=1e-5)
    shared = JITTED[name](mean_p, cov_p, mean_q[0], cov_q[0])
    np.testing.assert_allclose(shared, table[:, 0], rtol=1e-5)


def integrated_js(mean_p, std_p, mean_q, std_q):
    p, q = stats.norm(mean_p, std_p), stats.norm(mean_q, std_q)

    def density(x):
        a, b = p.pdf(x), q.pdf(x)
        return (a * np.log(2 * a / (a + b)) + b * np.log(2 * b / (a + b))) / 2

    return integrate.quad(density, -8, 8)[0]


@functools.partial(jax.jit, static_argnames="num_samples")
def sampled_js(mean_p, cov_p, mean_q, cov_q, key, num_samples=10_000):
    return divergences.gaussian_js(mean_p, cov_p, mean_q, cov_q, key, num_samples)


def test_js_agrees_with_quadrature_within_its_error():
    mean_p, mean_q = np.array([[0.0]]), np.array([[1.0], [0.2], [-2.0]])
    std_p, std_q = 1.0, np.array([0.5, 1.0, 1.2])
    value, error = sampled_js(
        mean_p, [[[std_p**2]]], mean_q, std_q[:, None, None] ** 2, jax.random.key(0)
    )
    exact = [integrated_js(0, std_p, mean_q[i, 0], std_q[i]) for i in range(3)]
    assert (np.abs(value - np.array(exact)) < 5 * error).all()
    assert (error < 0.005).all()


def test_the_error_of_js_is_its_spread_over_keys():
    keys = jax.random.split(jax.random.key(1), 200)
    mean, cov = np.zeros(2, np.float32), np.eye(2, dtype=np.float32)
    estimate = jax.vmap(
        lambda key: sampled_js(mean, cov, mean + 1, 2 * cov, key, num_samples=100)
    )(keys)
    # A standard deviation from 200 draws is known to about 5 %.
    np.testing.assert_allclose(
        estimate.standard_error.mean(), estimate.value.std(), rtol=0.25
    )


def test_js_at_its_extremes():
    mean, cov = np.zeros(F, np.float32), np.eye(F, dtype=np.float32)
    flat = np.diag([1, 1, 0, 0]).astype(np.float32)
    key = jax.random.key(0)
    np.testing.assert_allclose(sampled_js(mean, cov, mean, cov, key), 0, atol=1e-6)
    np.testing.assert_allclose(sampled_js(mean, flat, mean, flat, key), 0, atol=1e-6)
    for arguments in ((mean, flat, mean, cov), (mean, cov, mean + 100, cov)):
        value, error = sampled_js(*arguments, key)
        np.testing.assert_allclose(value, np.log(2), rtol=1e-6)
        np.testing.assert_allclose(error, 0, atol=1e-6)


EYE = np.eye(2)
ZERO = np.zeros(2)


@pytest.mark.parametrize(
    "arguments, words",
    [
        ((ZERO, EYE, np.zeros(3), EYE), "last axis the same"),
        ((ZERO, np.eye(3), ZERO, np.eye(3)), "cov_p"),
        ((ZERO, EYE, ZERO, np.eye(3)), "last 2 axes the same"),
        ((ZERO, np.ones((2, 3)), ZERO, EYE), "square"),
        ((ZERO, np.ones(2), ZERO, EYE), "F, F"),
        ((ZERO, np.array([[1.0, 0.5], [0.0, 1.0]]), ZERO, EYE), "transpose"),
        ((ZERO, -EYE, ZERO, EYE), "negative variance -1"),
        ((np.zeros((0, 2)), EYE, ZERO, EYE), "holds nothing"),
        ((np.zeros((2, 2)), EYE, np.zeros((3, 2)), EYE), "leading axes broadcast"),
    ],
)
@either
def test_what_is_no_gaussian_is_refused(name, arguments, words):
    with pytest.raises(errors.UserError, match=words):
        FULL[name](*arguments)


@pytest.mark.parametrize(
    ("sizes", "words"),
    [
        ((2, 2, 3, 2), r"mean_p has shape \(2,\) and mean_q has shape \(3,\)"),
        ((2, 2, 2, 1), r"var_p has shape \(2,\) and var_q has shape \(1,\)"),
        ((2, 1, 2, 1), r"mean_p has shape \(2,\) and var_p has shape \(1,\)"),
    ],
)
@either
def test_what_is_no_diagonal_gaussian_is_refused(name, sizes, words):
    with pytest.raises(errors.UserError, match=words):
        DIAGONAL[name](*map(np.ones, sizes))


def test_gradients_of_js_are_those_of_its_mean_over_one_set_of_samples(x64):
    arguments = [argument[0] for argument in random_gaussians(1, seed=4)]
    generator, key = np.random.default_rng(0), jax.random.key(0)

    def value(*arguments):
        return divergences.gaussian_js(*arguments, key, num_samples=50).value

    compiled = jax.jit(value)
    gradient = jax.jit(jax.grad(value, argnums=(0, 1, 2, 3)))(*arguments)
    for i, part in enumerate(gradient):
        step = generator.normal(size=arguments[i].shape)
        step = 1e-5 * (step + step.T if step.ndim == 2 else step)
        up, down = list(arguments), list(arguments)
        up[i], down[i] = arguments[i] + step, arguments[i] - step
        numeric = (compiled(*up) - compiled(*down)) / 2
        np.testing.assert_allclose(np.sum(part * step), numeric, rtol=1e-5)


def test_js_asks_for_two_samples():
    with pytest.raises(errors.UserError, match="num_samples is 1"):
        divergences.gaussian_js(ZERO, EYE, ZERO, EYE, jax.random.key(0), 1)


def test_frechet_is_differentiable_as_a_training_signal():
    """Gradient descent on a factor of the covariance recovers the target."""
    target = np.array([[2.0, 0.6], [0.6, 1.0]], np.float32)

    def loss(factor):
        cov = factor @ factor.T
        return divergences.gaussian_frechet(ZERO, cov, ZERO, target)

    def step(factor, _):
        value, gradient = jax.value_and_grad(loss)(factor)
        return factor - 0.1 * gradient, value

    start = jnp.array([[1.0, 0.0], [0.3, 0.2]])
    _, values = jax.jit(lambda x: jax.lax.scan(step, x, length=100))(start)
    assert values[-1] < 1e-6 < values[0]
