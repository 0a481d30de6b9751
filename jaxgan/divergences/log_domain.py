"""The sums behind the categorical divergences, on log-probabilities.

All take `log_p [..., K]` and `log_q [..., K]`, where `-inf` is probability zero, and
give `[...]`. Working with logarithms keeps ratios of tiny probabilities finite, and
keeps their gradients from overflowing on the way. Each place that a branch must not
be evaluated gets a harmless argument there, not only an unused result, because the
gradient of an unused infinity is NaN.
"""

import functools
import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array


def log(x: Array) -> Array:
    """Logarithm with -inf and no gradient at zero; subnormal numbers count as zero."""
    zero = jnp.abs(x) < jnp.finfo(x.dtype).tiny
    return jnp.where(zero, -jnp.inf, jnp.log(jnp.where(zero, 1, x)))


def root(x: Array) -> Array:
    """Square root with gradient zero at zero, for what cannot be negative."""
    positive = jnp.where(x <= 0, 1, x)
    return jnp.where(x <= 0, 0, jnp.sqrt(positive))


def excess_of(excess: Array, logarithm: Array) -> Array:
    """x - 1 - log x given x - 1 and log x, by its series near x = 1: never negative."""
    close = jnp.abs(logarithm) < 0.1
    small = jnp.where(close, logarithm, 0)
    series = jnp.zeros_like(small)
    for n in range(7, 1, -1):
        series = 1 / math.factorial(n) + small * series
    return jnp.where(close, small**2 * series, excess - logarithm)


def alpha(
    log_p: Array, log_q: Array, order: float, only_p: float | None = None
) -> Array:
    """Sum of (p^a q^(1-a) - a p - (1-a) q) / (a (a - 1)), by its limits at 0 and 1.

    Args:
      log_p: `[..., K]`.
      log_q: `[..., K]`.
      order: a, a Python number.
      only_p: what a unit of p counts where q is zero; None for what the formula says,
        1 / (1 - a) below order 1 and infinity from there on.

    Returns:
      `[...]`.
    """
    if order < 0.5:  # the same divergence the other way round, at 1 - order
        log_p, log_q, order = log_q, log_p, 1 - order
    if only_p is None:
        only_p = 1 / (1 - order) if order < 1 else math.inf
    terms = functools.partial(_alpha_terms, order=order)
    return _sum(terms, log_p, log_q, only_p, 1 / order)


def jeffreys(log_p: Array, log_q: Array) -> Array:
    """Sum of (p - q) (log p - log q)."""
    return alpha(log_p, log_q, 1.0) + alpha(log_p, log_q, 0.0)


def js(log_p: Array, log_q: Array) -> Array:
    """Sum of (p log(2p / (p + q)) + q log(2q / (p + q))) / 2."""
    return _sum(_js_terms, log_p, log_q, math.log(2) / 2, math.log(2) / 2)


def total_variation(log_p: Array, log_q: Array) -> Array:
    """Sum of |p - q| / 2."""
    return jnp.sum(jnp.abs(jnp.exp(log_p) - jnp.exp(log_q)), axis=-1) / 2


def renyi(log_p: Array, log_q: Array, order: float) -> Array:
    """Logarithm of sum p^a q^(1-a), divided by a - 1, by its limits at 1 and infinity.

    Args:
      log_p: `[..., K]`.
      log_q: `[..., K]`.
      order: a, a Python number in [0, inf].

    Returns:
      `[...]`.
    """
    if order == 1:
        return alpha(log_p, log_q, 1.0)
    p_zero, q_zero = log_p == -jnp.inf, log_q == -jnp.inf
    missed = jnp.any(~p_zero & q_zero & (order >= 1), axis=-1)
    outside = p_zero | q_zero
    safe_p, safe_q = jnp.where(outside, 0, log_p), jnp.where(outside, 0, log_q)
    if order == math.inf:
        value = jnp.max(jnp.where(outside, -jnp.inf, safe_p - safe_q), axis=-1)
        # Where q is zero its partner may still be NaN, and NaN must survive.
        unknown = jnp.any(jnp.isnan(log_p) | jnp.isnan(log_q), axis=-1)
        return jnp.where(unknown, jnp.nan, jnp.where(missed, jnp.inf, value))
    apart = jnp.all(outside, axis=-1)
    powers = order * safe_p + (1 - order) * safe_q
    powers = jnp.where(outside & ~apart[..., None], -jnp.inf, powers)
    log_sum = jax.nn.logsumexp(powers, axis=-1)
    value = jnp.where(apart | missed, jnp.inf, log_sum / (order - 1))
    if order == 0:
        unknown = jnp.any(jnp.isnan(log_p) | jnp.isnan(log_q), axis=-1)
        return jnp.where(unknown, jnp.nan, value)
    # When p is close to q the sum is close to 1 and the alpha divergence is the
    # accurate way to the difference.
    excess = order * (order - 1) * alpha(log_p, log_q, order)
    close = jnp.abs(excess) < 0.5
    near = jnp.log1p(jnp.where(close, excess, 0)) / (order - 1)
    return jnp.where(jnp.isnan(excess), excess, jnp.where(close, near, value))


def generalized_js(log_p: Array, weights: Array) -> Array:
    """Sum of weights `[..., M]` times KL of every `log_p [..., M, K]` to the mean."""
    mean = jnp.sum(weights[..., None] * jnp.exp(log_p), axis=-2, keepdims=True)
    # The mean is zero where a distribution is not only if that one's weight is zero
    # (or the product too small to be a number): such a term counts nothing.
    each = alpha(log_p, log(mean), 1.0, only_p=0.0)
    return jnp.sum(weights * each, axis=-1)


def _sum(
    terms: Callable[[Array, Array], Array],
    log_p: Array,
    log_q: Array,
    only_p: float,
    only_q: float,
) -> Array:
    """Sums `terms` where both are positive, and multiples of p or q elsewhere."""
    p_zero, q_zero = log_p == -jnp.inf, log_q == -jnp.inf
    outside = p_zero | q_zero
    inside = terms(jnp.where(outside, 0, log_p), jnp.where(outside, 0, log_q))
    value = jnp.where(q_zero, _times(only_p, jnp.exp(log_p)), inside)
    value = jnp.where(p_zero, _times(only_q, jnp.exp(log_q)), value)
    return jnp.sum(value, axis=-1)


def _times(weight: float, mass: Array) -> Array:
    """Product with infinity times zero equal to zero, and infinities constant."""
    if weight == math.inf:
        return jnp.where(mass > 0, jnp.inf, mass)
    return weight * mass


def _alpha_terms(log_p: Array, log_q: Array, order: float) -> Array:
    """Terms of the alpha divergence for order >= 1/2 where both are positive."""
    p, q = jnp.exp(log_p), jnp.exp(log_q)
    slope = order - 1
    log_ratio = log_p - log_q
    power = slope * log_ratio
    # (p / q)^slope - 1, divided by slope, loses its digits for a small power and
    # overflows for a large one, so each has its own form.
    modest = jnp.abs(power) < 1
    if slope == 0:
        scaled = p * log_ratio
    else:
        log_product = log_p + power
        largest = math.log(jnp.finfo(p.dtype).max) + min(0, math.log(abs(slope))) - 1
        overflow = log_product >= largest
        product = jnp.exp(jnp.where(modest | overflow, 0, log_product))
        product = jnp.where(overflow, jnp.inf, product)
        scaled = jnp.where(
            modest,
            p * jnp.expm1(jnp.where(modest, power, 0)) / slope,
            (product - p) / slope,
        )
    # What remains is of second order in the log ratio: near zero by its series.
    close = jnp.abs(log_ratio) * max(1, abs(slope)) < 0.1
    small = jnp.where(close, log_ratio, 0)
    coefficients = [
        (slope ** (n - 1) + (-1) ** n) / math.factorial(n) for n in range(2, 8)
    ]
    series = jnp.zeros_like(small)
    for coefficient in reversed(coefficients):
        series = coefficient + small * series
    return jnp.where(close, p * small**2 * series, scaled - p + q) / order


def _js_terms(log_p: Array, log_q: Array) -> Array:
    """Terms of the Jensen-Shannon divergence where both are positive."""
    p, q = jnp.exp(log_p), jnp.exp(log_q)
    log_ratio = log_p - log_q
    x = jnp.tanh(log_ratio / 2)  # (p - q) / (p + q)
    close = jnp.abs(x) < 0.2
    square = jnp.where(close, x, 0) ** 2
    series = square * (
        1 + square * (1 / 6 + square * (1 / 15 + square * (1 / 28 + square / 45)))
    )
    far = p * (math.log(2) + jax.nn.log_sigmoid(log_ratio)) + q * (
        math.log(2) + jax.nn.log_sigmoid(-log_ratio)
    )
    return jnp.where(close, (p + q) * series / 4, far / 2)
