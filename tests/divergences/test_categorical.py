"""Divergences of categorical distributions, against NumPy, SciPy and mathematics."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats
from scipy.spatial import distance

from jaxgan import divergences
from jaxgan.core import errors

K = 5


def at_order(function, order):
    return functools.partial(function, order=order)


def power_sum(p, q, order):
    return np.sum(p**order * q ** (1 - order), axis=-1)


def numpy_alpha(order):
    return lambda p, q: (power_sum(p, q, order) - 1) / (order * (order - 1))


def numpy_renyi(order):
    return lambda p, q: np.log(power_sum(p, q, order)) / (order - 1)


# Name, from probabilities, from logits, by NumPy or SciPy for positive p and q.
TABLE = [
    (
        "kl",
        divergences.kl,
        divergences.kl_from_logits,
        lambda p, q: stats.entropy(p, q, axis=-1),
    ),
    (
        "reverse_kl",
        divergences.reverse_kl,
        divergences.reverse_kl_from_logits,
        lambda p, q: stats.entropy(q, p, axis=-1),
    ),
    (
        "js",
        divergences.js,
        divergences.js_from_logits,
        lambda p, q: distance.jensenshannon(p, q, axis=-1) ** 2,
    ),
    (
        "js_distance",
        divergences.js_distance,
        divergences.js_distance_from_logits,
        lambda p, q: distance.jensenshannon(p, q, axis=-1),
    ),
    (
        "jeffreys",
        divergences.jeffreys,
        divergences.jeffreys_from_logits,
        lambda p, q: np.sum((p - q) * np.log(p / q), axis=-1),
    ),
    (
        "total_variation",
        divergences.total_variation,
        divergences.total_variation_from_logits,
        lambda p, q: np.maximum(p - q, 0).sum(axis=-1),
    ),
    (
        "squared_hellinger",
        divergences.squared_hellinger,
        divergences.squared_hellinger_from_logits,
        lambda p, q: 1 - np.sqrt(p * q).sum(axis=-1),
    ),
    (
        "pearson_chi2",
        divergences.pearson_chi2,
        divergences.pearson_chi2_from_logits,
        lambda p, q: np.sum((p - q) ** 2 / q, axis=-1),
    ),
    (
        "neyman_chi2",
        divergences.neyman_chi2,
        divergences.neyman_chi2_from_logits,
        lambda p, q: np.sum((p - q) ** 2 / p, axis=-1),
    ),
    *(
        (
            f"alpha({order})",
            at_order(divergences.alpha, order),
            at_order(divergences.alpha_from_logits, order),
            numpy_alpha(order),
        )
        for order in (-0.7, 0.3, 3.0)
    ),
    *(
        (
            f"renyi({order})",
            at_order(divergences.renyi, order),
            at_order(divergences.renyi_from_logits, order),
            numpy_renyi(order),
        )
        for order in (0.5, 7.5)
    ),
    (
        "renyi(inf)",
        at_order(divergences.renyi, np.inf),
        at_order(divergences.renyi_from_logits, np.inf),
        lambda p, q: np.log(np.max(p / q, axis=-1)),
    ),
    (
        "renyi(0)",
        at_order(divergences.renyi, 0.0),
        at_order(divergences.renyi_from_logits, 0.0),
        lambda p, q: np.zeros(p.shape[:-1]),
    ),
]
NAMES = [row[0] for row in TABLE]
each = pytest.mark.parametrize("name", NAMES)
ORACLE = {name: oracle for name, _, _, oracle in TABLE}


# All divergences in one program each, because compiling is what takes the time here.


@jax.jit
def probabilities(p, q):
    return {name: function(p, q) for name, function, _, _ in TABLE}


@jax.jit
def logits(logits_p, logits_q):
    return {name: function(logits_p, logits_q) for name, _, function, _ in TABLE}


@jax.jit
@jax.vmap
def gradients(p, q):
    return {name: jax.grad(f, argnums=(0, 1))(p, q) for name, f, _, _ in TABLE}


@jax.jit
@jax.vmap
def logits_gradients(p, q):
    return {name: jax.grad(f, argnums=(0, 1))(p, q) for name, _, f, _ in TABLE}


def log(p):
    with np.errstate(divide="ignore"):
        return np.log(p)


SYMMETRIC = (
    "js",
    "js_distance",
    "jeffreys",
    "total_variation",
    "squared_hellinger",
    "renyi(0.5)",
)
# What the definitions give for disjoint supports; infinity where not listed.
DISJOINT = {
    "js": np.log(2),
    "js_distance": np.sqrt(np.log(2)),
    "total_variation": 1.0,
    "squared_hellinger": 1.0,
    "alpha(0.3)": 1 / (0.3 * 0.7),
}


def random_pair(seed=0, shape=(6,), dtype=np.float32):
    generator = np.random.default_rng(seed)
    p = generator.dirichlet(np.ones(K), shape).astype(dtype)
    q = generator.dirichlet(np.ones(K), shape).astype(dtype)
    return p, q


@each
def test_agrees_with_the_formula_in_float32(name):
    p, q = random_pair()
    expected = ORACLE[name](p.astype(np.float64), q.astype(np.float64))
    for value in (probabilities(p, q), logits(log(p) + 3, log(q) - 2)):
        assert value[name].dtype == np.float32
        np.testing.assert_allclose(value[name], expected, rtol=1e-4, atol=1e-6)


@each
def test_agrees_with_the_formula_in_float64(x64, name):
    p, q = random_pair(dtype=np.float64)
    for value in (probabilities(p, q), logits(log(p) + 3, log(q) - 2)):
        assert value[name].dtype == np.float64
        np.testing.assert_allclose(
            value[name], ORACLE[name](p, q), rtol=1e-7, atol=1e-12
        )


@pytest.mark.parametrize("base", [None, 2, 10.0])
def test_base_divides_by_its_logarithm(base):
    p, q = random_pair()

    @jax.jit
    def in_base(p, q):
        return (
            divergences.kl(p, q, base),
            divergences.js_distance(p, q, base),
            divergences.renyi(p, q, 2.0, base),
            divergences.renyi(p, q, 2.0),
        )

    kl, js_distance, renyi, nats = in_base(p, q)
    expected = stats.entropy(p, q, base=base, axis=-1)
    np.testing.assert_allclose(kl, expected, rtol=1e-4)
    expected = distance.jensenshannon(p, q, base, axis=-1)
    np.testing.assert_allclose(js_distance, expected, rtol=1e-4)
    np.testing.assert_allclose(
        renyi, nats / (1 if base is None else np.log(base)), rtol=1e-6
    )


@each
def test_leading_axes_broadcast(name):
    p, q = random_pair(shape=(3,))[0], random_pair(1, shape=(4,))[1]
    table = probabilities(p[:, None], q)[name]
    rows = [[probabilities(a, b)[name] for b in q] for a in p]
    np.testing.assert_allclose(table, rows, rtol=1e-5, atol=1e-7)


@each
def test_zero_for_equal_distributions_with_zeros(name):
    p = np.array([[0.25, 0, 0.75, 0, 0], [0, 0, 1, 0, 0]], np.float32)
    np.testing.assert_allclose(probabilities(p, p)[name], 0, atol=1e-7)
    np.testing.assert_allclose(logits(log(p), log(p) + 1)[name], 0, atol=1e-6)


@each
def test_disjoint_supports_give_what_the_definition_gives(name):
    p = np.array([0.5, 0.5, 0, 0, 0], np.float32)
    q = np.array([0, 0, 0.25, 0.25, 0.5], np.float32)
    expected = DISJOINT.get(name, np.inf)
    np.testing.assert_allclose(probabilities(p, q)[name], expected, rtol=1e-6)
    np.testing.assert_allclose(logits(log(p), log(q))[name], expected, rtol=1e-6)


def test_a_zero_on_one_side_only_makes_one_direction_infinite():
    @jax.jit
    def both(p, q):
        finite = (
            divergences.kl(p, q),
            divergences.pearson_chi2(p, q),
            divergences.renyi(p, q, 0),
        )
        infinite = (
            divergences.reverse_kl(p, q),
            divergences.kl(q, p),
            divergences.neyman_chi2(p, q),
            divergences.renyi(q, p, 2.0),
            divergences.alpha(q, p, 1.5),
            divergences.alpha(p, q, -0.5),
            divergences.renyi(q, p, np.inf),
        )
        return finite, infinite

    finite, infinite = both(np.array([0.5, 0.5, 0]), np.array([0.25, 0.25, 0.5]))
    np.testing.assert_allclose(finite, [np.log(2), 1.0, np.log(2)], rtol=1e-6)
    np.testing.assert_array_equal(infinite, np.inf)


ZEROS = [
    ([1.0, 0, 0, 0, 0], [1.0, 0, 0, 0, 0]),
    ([0.5, 0.5, 0, 0, 0], [0, 0.5, 0.5, 0, 0]),
    ([0.5, 0.5, 0, 0, 0], [0, 0, 0.5, 0.25, 0.25]),
    ([1e-30, 1.0, 0, 0, 0], [1.0, 1e-30, 0, 0, 0]),
    ([0.2, 0.2, 0.2, 0.2, 0.2], [0.2, 0.2, 0.2, 0.2, 0.2]),
]


@each
def test_gradients_are_never_nan(name):
    p, q = (np.array(side, np.float32) for side in zip(*ZEROS, strict=True))
    assert not np.isnan(gradients(p, q)[name]).any()
    far = np.array([[1e4, -1e4, 0, 300, -300]], np.float32)
    logits_p, logits_q = np.concatenate([log(p), far]), np.concatenate([log(q), -far])
    assert np.isfinite(logits_gradients(logits_p, logits_q)[name]).all()


@each
def test_gradient_along_the_simplex_matches_differences(x64, name):
    p, q = random_pair(3, (), np.float64)
    direction = np.array([0.3, -1.0, 0.5, 0.7, -0.2])

    def moved(step):
        return special.softmax(log(p) + step * direction)

    numeric = (ORACLE[name](moved(1e-5), q) - ORACLE[name](moved(-1e-5), q)) / 2e-5
    to_logits = logits_gradients(log(p)[None], log(q)[None])[name][0][0]
    to_p = gradients(p[None], q[None])[name][0][0]
    velocity = p * (direction - p @ direction)
    np.testing.assert_allclose(to_logits @ direction, numeric, rtol=1e-5, atol=1e-9)
    np.testing.assert_allclose(to_p @ velocity, numeric, rtol=1e-5, atol=1e-9)


@each
def test_nan_and_negative_probabilities_give_nan_under_tracing(name):
    unknown = np.array([np.nan, 0.5, 0.5, 0, 0], np.float32)
    negative = np.array([-0.5, 0.5, 0.5, 0.5, 0], np.float32)
    known = np.array([0, 0.5, 0.25, 0.25, 0], np.float32)
    for strange in (unknown, negative):
        assert np.isnan(probabilities(strange, known)[name])
        assert np.isnan(probabilities(known, strange)[name])
    assert np.isnan(logits(log(unknown), log(known))[name])


def test_known_nan_passes_the_checks_and_stays():
    unknown = jnp.array([jnp.nan, 0.5, 0.5])
    known = jnp.array([0.5, 0.5, 0])
    assert np.isnan(divergences.kl(unknown, known))
    assert np.isnan(divergences.js(known, unknown))


def test_logits_reach_probabilities_that_float32_does_not_have():
    logits_p = np.array([0.0, -200.0, -1.0], np.float32)
    logits_q = np.array([-150.0, 0.0, -2.0], np.float32)
    log_p = special.log_softmax(logits_p.astype(np.float64))
    log_q = special.log_softmax(logits_q.astype(np.float64))
    expected = np.sum(np.exp(log_p) * (log_p - log_q))
    value = jax.jit(divergences.kl_from_logits)(logits_p, logits_q)
    np.testing.assert_allclose(value, expected, rtol=1e-5)
    # p^2 / q is in range though both p and q are not.
    logits_p = np.array([0.0, -110.0], np.float32)
    logits_q = np.array([0.0, -240.0], np.float32)
    value = jax.jit(divergences.pearson_chi2_from_logits)(logits_p, logits_q)
    np.testing.assert_allclose(value, np.exp(20.0), rtol=1e-4)


LOCAL = [
    (divergences.kl, 1),
    (divergences.reverse_kl, 1),
    (divergences.js, 1 / 4),
    (divergences.pearson_chi2, 2),
    (divergences.squared_hellinger, 1 / 4),
    (at_order(divergences.renyi, 3.0), 3),
]
near_by = jax.jit(lambda p, q: [function(p, q) for function, _ in LOCAL])


@pytest.mark.parametrize("step", [1e-2, 1e-3, 1e-4, 1e-5])
def test_close_distributions_keep_their_relative_precision(step):
    """Locally every f-divergence is f''(1) / 2 times the chi-squared one."""
    p = np.array([0.5, 0.5], np.float32)
    q = np.array([0.5 + step, 0.5 - step], np.float32)
    chi2 = np.sum((p.astype(np.float64) - q) ** 2 / p)
    for value, (_, curvature) in zip(near_by(p, q), LOCAL, strict=True):
        # The next order of the expansion is smaller by about the step itself.
        np.testing.assert_allclose(
            value, curvature / 2 * chi2, rtol=5 * step + 2e-2 * (step < 1e-4)
        )


@pytest.mark.parametrize("step", [0.09, 0.11, 0.3])
def test_js_keeps_its_digits_where_its_forms_meet(x64, step):
    p, q = np.array([0.5 + step, 0.5 - step]), np.array([0.5 - step, 0.5 + step])
    entropy = -np.sum(p * np.log(p))  # of q too; that of the mixture is log 2
    value = jax.jit(divergences.js)(p, q)
    np.testing.assert_allclose(value, np.log(2) - entropy, rtol=1e-8)


@pytest.mark.parametrize("order", [0.0, 1.0])
def test_alpha_and_renyi_are_continuous_at_their_limits(order):
    orders = order, order - 1e-4, order + 1e-4

    @jax.jit
    def at_orders(p, q):
        renyi = [divergences.renyi(p, q, own) for own in orders if own >= 0]
        return renyi, [divergences.alpha(p, q, own) for own in orders]

    (renyi, *near_renyi), (alpha, *near_alpha) = at_orders(*random_pair())
    for near in near_renyi:
        np.testing.assert_allclose(near, renyi, atol=5e-4)
    for near in near_alpha:
        np.testing.assert_allclose(near, alpha, rtol=2e-3)


@pytest.mark.parametrize("weights", [None, [0.2, 0.5, 0.3], [0.0, 1.0, 0.0]])
def test_generalized_js_is_the_entropy_gained_by_mixing(x64, weights):
    p = np.random.default_rng(0).dirichlet(np.ones(K), (2, 3))
    p[0, 1] = [1, 0, 0, 0, 0]
    w = np.full(3, 1 / 3) if weights is None else np.array(weights)
    mean = np.einsum("m,bmk->bk", w, p)
    expected = stats.entropy(mean, axis=-1) - stats.entropy(p, axis=-1) @ w
    value = jax.jit(divergences.generalized_js)(p, w)
    np.testing.assert_allclose(value, expected, atol=1e-9)
    value = jax.jit(divergences.generalized_js_from_logits)(log(p) - 1, weights)
    np.testing.assert_allclose(value, expected, atol=1e-9)


def test_generalized_js_of_two_is_js_and_of_disjoint_ones_the_entropy_of_weights():
    p, q = random_pair()
    pair = np.stack([p, q], axis=-2)
    expected = probabilities(p, q)["js"]
    value = jax.jit(divergences.generalized_js)(pair)
    np.testing.assert_allclose(value, expected, rtol=1e-4, atol=1e-6)
    weights = np.array([0.5, 0.25, 0.25])
    in_bits = jax.jit(functools.partial(divergences.generalized_js, base=2))
    np.testing.assert_allclose(in_bits(np.eye(3), weights), 1.5, rtol=1e-6)
    gradient = jax.grad(divergences.generalized_js, argnums=(0, 1))
    for part in jax.jit(gradient)(np.eye(3), np.array([0.0, 1.0, 0.0])):
        assert not np.isnan(part).any()


def test_one_trace_serves_a_population():
    traces = []

    @jax.jit
    @jax.vmap
    def both(p, q):
        traces.append(None)
        return divergences.js(p, q), jax.grad(divergences.kl)(p, q)

    p, q = random_pair()
    for _ in range(2):
        value, gradient = both(p, q)
    assert len(traces) == 1
    assert value.shape == (6,) and gradient.shape == (6, K)
    np.testing.assert_allclose(value, probabilities(p, q)["js"], rtol=1e-5)


@pytest.mark.parametrize("dtype", [np.float16, jnp.bfloat16])
def test_half_precision_is_computed_in_float32(dtype):
    p, q = (np.array(x, dtype) for x in ([0.25, 0.75], [0.5, 0.5]))
    value = jax.jit(divergences.kl)(p, q)
    assert value.dtype == np.float32
    np.testing.assert_allclose(
        value, stats.entropy([0.25, 0.75], [0.5, 0.5]), rtol=1e-5
    )


# Property tests over arbitrary distributions, zeros included.

WEIGHT = st.one_of(st.just(0.0), st.floats(1e-6, 1.0))
DISTRIBUTION = (
    st.lists(WEIGHT, min_size=K, max_size=K)
    .filter(lambda weights: sum(weights) > 0)
    .map(lambda weights: (np.array(weights) / sum(weights)).astype(np.float32))
)
properties = settings(max_examples=60, deadline=None)


@properties
@given(DISTRIBUTION, DISTRIBUTION)
def test_never_negative_and_zero_only_if_equal(p, q):
    apart = np.abs(p - q).max()
    same = probabilities(p, p)
    for name, value in probabilities(p, q).items():
        assert value >= -1e-6, name
        if name not in ("renyi(0)", "renyi(inf)"):
            assert value >= 0 or name.startswith("renyi"), name
            # All are at least total variation squared over 4, but for a factor.
            assert value > 0.02 * apart**2 or apart < 1e-3, name
        np.testing.assert_allclose(same[name], 0, atol=1e-6, err_msg=name)


@properties
@given(DISTRIBUTION, DISTRIBUTION)
def test_symmetric_where_claimed(p, q):
    there, back = probabilities(p, q), probabilities(q, p)
    for name in SYMMETRIC:
        np.testing.assert_allclose(
            there[name], back[name], rtol=1e-5, atol=1e-7, err_msg=name
        )


@properties
@given(DISTRIBUTION, DISTRIBUTION)
def test_bounded_where_claimed(p, q):
    value = probabilities(p, q)
    total_variation = value["total_variation"]
    hellinger = value["squared_hellinger"]
    assert value["js"] <= np.log(2) + 1e-6
    assert value["js_distance"] <= np.sqrt(np.log(2)) + 1e-6
    assert total_variation <= 1 + 1e-6 and hellinger <= 1 + 1e-6
    # Le Cam, and Pinsker.
    assert hellinger <= total_variation + 1e-6
    assert total_variation**2 <= 2 * hellinger + 1e-6
    assert 2 * total_variation**2 <= value["kl"] + 1e-6


@properties
@given(DISTRIBUTION, DISTRIBUTION, DISTRIBUTION)
def test_js_distance_obeys_the_triangle_inequality(p, q, r):
    def far(a, b):
        return probabilities(a, b)["js_distance"]

    assert far(p, r) <= far(p, q) + far(q, r) + 1e-6


@properties
@given(DISTRIBUTION, DISTRIBUTION)
def test_renyi_grows_with_its_order(p, q):
    names = ["renyi(0)", "renyi(0.5)", "kl", "renyi(7.5)"]
    value = probabilities(p, q)
    values = [value[name] for name in [*names, "renyi(inf)"]]
    for smaller, larger in zip(values, values[1:], strict=False):
        assert smaller <= larger * (1 + 1e-5) + 1e-5


# What a user can put right.

GOOD = np.array([0.5, 0.5])


@pytest.mark.parametrize(
    "p, q, words",
    [
        ([0.5, 0.6], GOOD, "sums to 1.1"),
        (GOOD, [0.2, 0.2], "q sums to 0.4"),
        ([1.5, -0.5], GOOD, "negative value -0.5"),
        (GOOD, np.full(3, 1 / 3), "last axis the same"),
        (np.full((2, 2), 0.5), np.full((3, 2), 0.5), "leading axes broadcast"),
        (np.zeros((0, 2)), GOOD, "holds nothing"),
        (np.zeros((2, 0)), np.zeros((2, 0)), "holds nothing"),
        (1.0, GOOD, r"shape \[..., K\]"),
    ],
)
@pytest.mark.parametrize(
    "function", [divergences.kl, divergences.js, divergences.total_variation]
)
def test_what_is_no_distribution_is_refused(function, p, q, words):
    with pytest.raises(errors.UserError, match=words):
        function(p, q)
    with pytest.raises(ValueError):
        function(jnp.asarray(p), jnp.asarray(q))


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: divergences.kl(GOOD, GOOD, base=1), "base is 1"),
        (lambda: divergences.kl(GOOD, GOOD, base=-2), "base is -2"),
        (lambda: divergences.renyi(GOOD, GOOD, -1.0), "order is -1"),
        (lambda: divergences.alpha(GOOD, GOOD, np.inf), "order is inf"),
        (lambda: divergences.alpha(GOOD, GOOD, np.nan), "order is nan"),
        (
            lambda: jax.jit(divergences.alpha)(GOOD, GOOD, 0.3),
            "order is traced",
        ),
        (lambda: divergences.generalized_js(GOOD), "shape"),
        (
            lambda: divergences.generalized_js(np.eye(3), np.full(2, 0.5)),
            "last axis the same",
        ),
        (lambda: divergences.generalized_js(np.eye(2), [0.3, 0.3]), "weights sums"),
        (lambda: divergences.kl_from_logits(np.zeros(2), np.zeros(3)), "logits_p"),
        (lambda: divergences.kl_from_logits(np.zeros(0), np.zeros(0)), "nothing"),
    ],
)
def test_other_mistakes_are_named(call, words):
    with pytest.raises(errors.UserError, match=words):
        call()


def test_shapes_are_checked_under_tracing_too():
    with pytest.raises(errors.UserError, match="last axis the same"):
        jax.jit(divergences.kl)(jnp.ones(2), jnp.ones(3))
