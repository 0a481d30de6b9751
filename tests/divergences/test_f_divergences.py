"""The table of f-divergences: convex analysis, bounds and data processing."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxgan import divergences
from jaxgan.core import errors

K = 4
ORDERS = (-1.0, 0.0, 0.4, 1.0, 2.5)
RECORDS = dict(divergences.F_DIVERGENCES) | {
    f"alpha({order})": divergences.alpha_f_divergence(order) for order in ORDERS
}
each = pytest.mark.parametrize("name", RECORDS)
U = np.array([0.05, 0.3, 0.9, 1.0, 1.4, 3.0, 12.0])
V = np.array([-4.0, -1.0, -0.2, 0.0, 0.3, 1.0, 3.0])


def distributions(seed=0, shape=(5,)):
    generator = np.random.default_rng(seed)
    p, q = generator.dirichlet(np.ones(K), (2, *shape))
    return p, q


@jax.jit
def values(p, q):
    return {name: record.divergence(p, q) for name, record in RECORDS.items()}


def expected_bound(record, weights_p, weights_q, critic):
    """The bound with exact expectations, from activation and conjugate apart."""
    conjugate = record.conjugate(record.activation(critic))
    return weights_p @ record.activation(critic) - weights_q @ conjugate


# Each record by itself, in one program for all: compiling is what takes the time.


@jax.jit
def generators(u):
    return {name: record.generator(u) for name, record in RECORDS.items()}


@jax.jit
def at_ratios(u):
    """At density ratios: f', f*(f'), its slope, and g of the optimal critic."""

    def of(record):
        t = record.derivative(u)
        slope = jax.vmap(jax.grad(record.conjugate))(t)
        optimal = record.activation(record.optimal_critic(jnp.log(u)))
        return t, record.conjugate(t), slope, optimal

    return {name: of(record) for name, record in RECORDS.items()}


@jax.jit
def at_outputs(v):
    """At critic outputs: g, f* of g, and that in one."""

    def of(record):
        t = record.activation(v)
        return t, record.conjugate(t), record.conjugate_of_activation(v)

    return {name: of(record) for name, record in RECORDS.items()}


@each
def test_generator_gives_the_divergence(x64, name):
    p, q = distributions()
    expected = np.sum(q * generators(p / q)[name], axis=-1)
    np.testing.assert_allclose(values(p, q)[name], expected, rtol=1e-9, atol=1e-12)


@each
def test_generator_is_convex_with_the_stated_value_at_one(x64, name):
    at_equality = RECORDS[name].at_equality
    ends = np.array(generators(U)[name])
    np.testing.assert_allclose(ends[U == 1], at_equality, atol=1e-12)
    middle = generators((U[1:] + U[:-1]) / 2)[name]
    assert (middle <= (ends[1:] + ends[:-1]) / 2 + 1e-12).all()
    p, _ = distributions()
    np.testing.assert_allclose(values(p, p)[name], at_equality, atol=1e-12)


@each
def test_derivative_is_that_of_the_generator(x64, name):
    numeric = (generators(U + 1e-6)[name] - generators(U - 1e-6)[name]) / 2e-6
    # At its kink, the difference of |u - 1| takes the middle of the slopes, too.
    np.testing.assert_allclose(at_ratios(U)[name][0], numeric, rtol=1e-6, atol=1e-8)


@each
def test_conjugate_is_the_supremum(x64, name):
    """Over a fine grid of u, at points t in the range of the activation."""
    u = np.exp(np.linspace(-30, 30, 300_001))
    generator = np.array(generators(u)[name])
    t, conjugate, _ = at_outputs(V)[name]
    supremum = [np.max(u * one - generator) for one in np.array(t)]
    np.testing.assert_allclose(conjugate, supremum, rtol=1e-5, atol=1e-6)


@each
def test_conjugate_meets_the_generator_at_its_derivative(x64, name):
    """Fenchel and Young: f(u) + f*(t) = u t exactly for t = f'(u)."""
    t, conjugate, slope, _ = at_ratios(U)[name]
    both = generators(U)[name] + conjugate
    np.testing.assert_allclose(both, U * t, rtol=1e-9, atol=1e-9)
    if name != "total_variation":  # where u is not unique
        np.testing.assert_allclose(slope, U, rtol=1e-6)


@each
def test_conjugate_of_activation_is_their_composition(x64, name):
    _, conjugate, in_one = at_outputs(V)[name]
    np.testing.assert_allclose(in_one, conjugate, rtol=1e-9, atol=1e-12)


@each
def test_activation_grows_and_undoes_the_optimal_critic(x64, name):
    assert (np.diff(at_outputs(V)[name][0]) > 0).all()
    derivative, _, _, optimal = at_ratios(U)[name]
    np.testing.assert_allclose(optimal, derivative, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    "name, edge",
    [
        ("reverse_kl", 0.0),
        ("js", math.log(2) / 2),
        ("gan", 0.0),
        ("total_variation", 0.5),
        ("squared_hellinger", 0.5),
        ("neyman_chi2", 1.0),
        ("alpha(-1.0)", 0.5),
        ("alpha(0.0)", 1.0),
        ("alpha(0.4)", 1 / 0.6),
    ],
)
def test_conjugate_is_infinite_outside_its_domain(name, edge):
    """There u t - f(u) grows without bound; and NaN stays NaN."""
    conjugate = RECORDS[name].conjugate
    assert conjugate(edge + 0.01) == np.inf
    assert np.isfinite(conjugate(edge - 0.01))
    assert np.isnan(conjugate(jnp.nan))


def test_conjugate_below_the_slope_at_zero_is_flat():
    """There the supremum is at u = 0, which is minus f(0)."""
    assert RECORDS["pearson_chi2"].conjugate(-5.0) == -1
    assert RECORDS["total_variation"].conjugate(-3.0) == -0.5
    np.testing.assert_allclose(RECORDS["alpha(2.5)"].conjugate(-9.0), -1 / 2.5)


@pytest.mark.parametrize("name", ["js", "gan", "total_variation"])
def test_bounded_activations_survive_any_logit(name):
    """In float32, value and gradient, where apart the two would overflow."""
    far = jnp.array([-1e4, 1e4])
    for function in (RECORDS[name].activation, RECORDS[name].conjugate_of_activation):
        assert np.isfinite(function(far)).all()
        assert np.isfinite(jax.vmap(jax.grad(function))(far)).all()


def test_the_value_of_the_original_game():
    p, q = distributions()
    expected = -math.log(4) + 2 * divergences.js(p, q)
    np.testing.assert_allclose(divergences.f_divergence("gan", p, q), expected)
    disjoint = divergences.f_divergence("gan", [1.0, 0.0], [0.0, 1.0])
    np.testing.assert_allclose(disjoint, 0, atol=1e-6)


# Bounds.


@jax.jit
def bounds(p, q, critics):
    def bound(record, critic):
        gain = jnp.sum(p * record.activation(critic))
        return gain - jnp.sum(q * record.conjugate_of_activation(critic))

    return {name: bound(record, critics[name]) for name, record in RECORDS.items()}


@each
def test_bound_is_tight_at_the_optimal_critic(x64, name):
    p, q = distributions(shape=())
    log_ratio = jnp.log(p / q)
    critics = {name: RECORDS[name].optimal_critic(log_ratio) for name in RECORDS}
    tight = bounds(p, q, critics)[name]
    np.testing.assert_allclose(tight, values(p, q)[name], rtol=1e-9)


def repeated(counts, outputs):
    return np.repeat(outputs, counts)


@pytest.mark.parametrize("name", ["kl", "gan", "alpha(0.4)"])
def test_variational_bound_takes_means_over_samples(name):
    """Samples in the exact proportions of p and q give exact expectations."""
    counts_p, counts_q = np.array([5, 1, 2, 2]), np.array([1, 4, 4, 1])
    critic = np.array([0.7, -0.5, 0.1, 1.2])
    key = name if name in divergences.F_DIVERGENCES else RECORDS[name]
    bound = divergences.variational_bound(
        key, repeated(counts_p, critic), repeated(counts_q, critic)
    )
    expected = expected_bound(RECORDS[name], counts_p / 10, counts_q / 10, critic)
    np.testing.assert_allclose(bound, expected, rtol=1e-5)
    both = divergences.variational_bound(key, np.stack([V, V]), np.stack([V, -V]))
    assert both.shape == (2,)


WEIGHTS = st.lists(st.floats(1e-3, 1.0), min_size=K, max_size=K)
DISTRIBUTION = WEIGHTS.map(lambda weights: np.array(weights) / sum(weights))
CHANNEL = st.lists(DISTRIBUTION, min_size=K, max_size=K).map(np.array)
CRITIC = st.lists(st.floats(-5, 5), min_size=K, max_size=K).map(np.array)
properties = settings(max_examples=50, deadline=None)


@properties
@given(DISTRIBUTION, DISTRIBUTION, CRITIC)
def test_bound_never_exceeds_the_value(p, q, critic):
    exact = values(p, q)
    bound = bounds(p, q, dict.fromkeys(RECORDS, critic))
    for name in RECORDS:
        scale = 1e-5 * (1 + abs(exact[name]) + abs(bound[name]))
        assert bound[name] <= exact[name] + scale, name


@properties
@given(DISTRIBUTION, DISTRIBUTION, CHANNEL)
def test_processing_both_alike_never_tells_them_better_apart(p, q, channel):
    """The data-processing inequality, through any stochastic matrix."""
    before, after = values(p, q), values(p @ channel, q @ channel)
    for name in RECORDS:
        assert after[name] <= before[name] + 1e-5 * (1 + abs(before[name])), name


@properties
@given(DISTRIBUTION, DISTRIBUTION)
def test_never_below_the_value_at_equality(p, q):
    for name, value in values(p, q).items():
        assert value >= RECORDS[name].at_equality - 1e-6, name


# What a user can put right.


@pytest.mark.parametrize(
    "call",
    [
        lambda: divergences.f_divergence("hellinger", [1.0], [1.0]),
        lambda: divergences.variational_bound("hellinger", V, V),
    ],
)
def test_an_unknown_name_says_which_there_are(call):
    with pytest.raises(errors.UserError, match="'hellinger'.*squared_hellinger") as e:
        call()
    for name in divergences.F_DIVERGENCES:
        assert name in str(e.value)


def test_other_mistakes_are_named():
    with pytest.raises(errors.UserError, match="critic_fake has shape"):
        divergences.variational_bound("kl", V, V[:0])
    with pytest.raises(errors.UserError, match="sums to 1.1"):
        divergences.f_divergence("gan", [0.5, 0.6], [0.5, 0.5])
    with pytest.raises(errors.UserError, match="order is inf"):
        divergences.alpha_f_divergence(math.inf)
