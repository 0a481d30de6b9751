"""Divergences of Gaussians, with full or diagonal covariances, batched in front.

Full covariances may be singular and need not be exactly so: a symmetric
eigendecomposition tells their support, taking eigenvalues below 8 epsilon of the
largest as zero (1e-6 of it in float32), negative ones included. Only a clearly
negative one, beyond a square root of epsilon of the largest, makes the result NaN.
Two Gaussians on different supports are mutually singular: KL is infinite, with
gradient zero, and the Jensen-Shannon divergence is log 2.

Derivatives follow the closed forms rather than the decompositions, whose derivatives
are NaN at repeated eigenvalues, as an identity matrix has; `gaussian_kl` can be
differentiated any number of times, `gaussian_frechet` once. On a singular covariance
they are those along its support. Products run in full precision also where the
hardware would round them.

References:
  Dowson and Landau, The Frechet Distance between Multivariate Normal Distributions,
  1982.
  Bhatia, Jain and Lim, On the Bures-Wasserstein Distance between Positive Definite
  Matrices, 2017, https://arxiv.org/abs/1712.01504
"""

import math

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from jaxgan.core import randomness
from jaxgan.divergences import (
    checks,
    covariances,
    distribution_checks,
    log_domain,
    offsets,
)
from jaxgan.divergences.estimate import Estimate


def gaussian_kl(
    mean_p: ArrayLike,
    cov_p: ArrayLike,
    mean_q: ArrayLike,
    cov_q: ArrayLike,
    base: float | None = None,
) -> Array:
    """Kullback-Leibler divergence of two Gaussians, in [0, inf].

    (tr(cov_q^-1 cov_p) - F + d^T cov_q^-1 d + log det cov_q - log det cov_p) / 2 with
    d = mean_p - mean_q; on a common support of lower dimension, the same within it.

    Args:
      mean_p: `[..., F]`.
      cov_p: `[..., F, F]`, symmetric and positive semidefinite.
      mean_q: `[..., F]`.
      cov_q: `[..., F, F]`, likewise.
      base: of the logarithm; None for nats.

    Returns:
      `[...]`, infinite if the supports differ.

    Raises:
      UserError: if shapes do not fit, or a known covariance is not symmetric or has a
        negative variance.

    When:
      For features to which Gaussians were fitted.
    """
    mean_p, cov_p, mean_q, cov_q = _full(mean_p, cov_p, mean_q, cov_q)
    difference = mean_p - mean_q
    inverse = covariances.pseudo_inverse(cov_q)
    mahalanobis = jnp.sum(difference * covariances.apply(inverse, difference), axis=-1)
    value = (covariances.kl(cov_p, cov_q) + mahalanobis) / 2
    apart = covariances.different_support(difference, cov_p, cov_q) & ~jnp.isnan(value)
    value = jnp.where(apart, jnp.inf, value)
    return value / checks.log_base(base)


def gaussian_kl_diagonal(
    mean_p: ArrayLike,
    var_p: ArrayLike,
    mean_q: ArrayLike,
    var_q: ArrayLike,
    base: float | None = None,
) -> Array:
    """Kullback-Leibler divergence of Gaussians with independent coordinates, [0, inf].

    Coordinates whose variance is zero on both sides count nothing if the means agree
    and make it infinite otherwise; zero on one side makes it infinite.

    Args:
      mean_p: `[..., F]`.
      var_p: `[..., F]` variances, not standard deviations.
      mean_q: `[..., F]`.
      var_q: `[..., F]`.
      base: of the logarithm; None for nats.

    Returns:
      `[...]`.

    Raises:
      UserError: if shapes do not fit or known variances are negative.
    """
    mean_p, var_p, mean_q, var_q = _diagonal(mean_p, var_p, mean_q, var_q)
    difference = mean_p - mean_q
    degenerate = (var_p == 0) | (var_q == 0)
    safe_p = jnp.where(degenerate, 1, var_p)
    safe_q = jnp.where(degenerate, 1, var_q)
    excess = (safe_p - safe_q) / safe_q
    inside = log_domain.excess_of(excess, jnp.log(safe_p) - jnp.log(safe_q))
    inside = inside + jnp.where(degenerate, 0, difference) ** 2 / safe_q
    equal = (var_p == 0) & (var_q == 0) & (difference == 0)
    unknown = jnp.isnan(var_p + var_q + difference)
    outside = jnp.where(equal, 0, jnp.where(unknown, jnp.nan, jnp.inf))
    value = jnp.sum(jnp.where(degenerate, outside, inside), axis=-1) / 2
    return value / checks.log_base(base)


def gaussian_frechet(
    mean_p: ArrayLike, cov_p: ArrayLike, mean_q: ArrayLike, cov_q: ArrayLike
) -> Array:
    """Squared 2-Wasserstein (Frechet) distance of two Gaussians, in [0, inf).

    |mean_p - mean_q|^2 + tr(cov_p + cov_q - 2 (cov_p^1/2 cov_q cov_p^1/2)^1/2), found
    as the least |cov_p^1/2 - cov_q^1/2 U|^2 over rotations U, which cannot be negative
    and keeps its precision when the two are close.

    Args:
      mean_p: `[..., F]`.
      cov_p: `[..., F, F]`, symmetric and positive semidefinite.
      mean_q: `[..., F]`.
      cov_q: `[..., F, F]`, likewise.

    Returns:
      `[...]`; take the square root for the distance itself.

    Raises:
      UserError: if shapes do not fit, or a known covariance is not symmetric or has a
        negative variance.

    When:
      For features to which Gaussians were fitted; the FID is of this form.

    References:
      Dowson and Landau, The Frechet Distance between Multivariate Normals, 1982
    """
    mean_p, cov_p, mean_q, cov_q = _full(mean_p, cov_p, mean_q, cov_q)
    return jnp.sum((mean_p - mean_q) ** 2, axis=-1) + covariances.bures(cov_p, cov_q)


def gaussian_frechet_diagonal(
    mean_p: ArrayLike, var_p: ArrayLike, mean_q: ArrayLike, var_q: ArrayLike
) -> Array:
    """Squared 2-Wasserstein distance of Gaussians with independent coordinates.

    |mean_p - mean_q|^2 + |sqrt var_p - sqrt var_q|^2, in [0, inf); a variance of zero
    receives gradient zero.

    Args:
      mean_p: `[..., F]`.
      var_p: `[..., F]` variances, not standard deviations.
      mean_q: `[..., F]`.
      var_q: `[..., F]`.

    Returns:
      `[...]`.

    Raises:
      UserError: if shapes do not fit or known variances are negative.
    """
    mean_p, var_p, mean_q, var_q = _diagonal(mean_p, var_p, mean_q, var_q)
    deviations = log_domain.root(var_p) - log_domain.root(var_q)
    return jnp.sum((mean_p - mean_q) ** 2 + deviations**2, axis=-1)


def gaussian_js(
    mean_p: ArrayLike,
    cov_p: ArrayLike,
    mean_q: ArrayLike,
    cov_q: ArrayLike,
    key: Array,
    num_samples: int = 10_000,
    base: float | None = None,
) -> Estimate:
    """Jensen-Shannon divergence of two Gaussians by Monte Carlo, in [0, log 2].

    There is no closed form. The mean over samples of p of log(2p / (p + q)) and the
    mean over samples of q of log(2q / (p + q)) are averaged.

    Args:
      mean_p: `[..., F]`.
      cov_p: `[..., F, F]`, symmetric and positive semidefinite.
      mean_q: `[..., F]`.
      cov_q: `[..., F, F]`, likewise.
      key: consumed.
      num_samples: N of each Gaussian, at least 2.
      base: of the logarithm; None for nats.

    Returns:
      The value `[...]` and its standard error `[...]`; exactly log 2 with error zero
      if the supports differ.

    Raises:
      UserError: as `gaussian_frechet`, and if `num_samples` is below 2.

    When:
      For fitted Gaussians; by Monte Carlo, with its standard error.
    """
    checks.at_least("num_samples", num_samples, 2)
    mean_p, cov_p, mean_q, cov_q = _full(mean_p, cov_p, mean_q, cov_q)
    shape = jnp.broadcast_shapes(mean_p.shape, mean_q.shape, cov_p.shape[:-1])
    shape = jnp.broadcast_shapes(shape, cov_q.shape[:-1])
    apart = covariances.different_support(mean_p - mean_q, cov_p, cov_q)
    key = randomness.threefry(key)
    noise = jax.random.normal(key, (2, num_samples, *shape), mean_p.dtype)
    inverse_p, inverse_q = (
        covariances.pseudo_inverse(cov_p),
        covariances.pseudo_inverse(cov_q),
    )
    log_determinants = covariances.log_determinant(cov_q)
    log_determinants = log_determinants - covariances.log_determinant(cov_p)

    def log_ratio(x):
        from_p, from_q = x - mean_p, x - mean_q
        squares = from_q * covariances.apply(
            inverse_q, from_q
        ) - from_p * covariances.apply(inverse_p, from_p)
        return (jnp.sum(squares, axis=-1) + log_determinants) / 2

    real = log_ratio(mean_p + covariances.apply(covariances.root(cov_p), noise[0]))
    fake = log_ratio(mean_q + covariances.apply(covariances.root(cov_q), noise[1]))
    of_p = math.log(2) + jax.nn.log_sigmoid(real)
    of_q = math.log(2) + jax.nn.log_sigmoid(-fake)
    value = (of_p.mean(axis=0) + of_q.mean(axis=0)) / 2
    variance = (of_p.var(axis=0, ddof=1) + of_q.var(axis=0, ddof=1)) / num_samples
    error = log_domain.root(variance) / 2
    apart = apart & ~jnp.isnan(value)
    value, error = jnp.where(apart, math.log(2), value), jnp.where(apart, 0, error)
    return Estimate(value / checks.log_base(base), error / checks.log_base(base))


def _full(
    mean_p: ArrayLike, cov_p: ArrayLike, mean_q: ArrayLike, cov_q: ArrayLike
) -> tuple[Array, Array, Array, Array]:
    mean_p, mean_q = _means(mean_p, mean_q)
    cov_p = distribution_checks.covariances("cov_p", cov_p)
    cov_q = distribution_checks.covariances("cov_q", cov_q)
    checks.same_axis("cov_p", cov_p, "cov_q", cov_q, num_axes=2)
    checks.same_axis("mean_p", mean_p, "a row of cov_p", cov_p[..., 0])
    checks.same_axis("mean_q", mean_q, "a row of cov_q", cov_q[..., 0])
    mean_p, cov_p, mean_q, cov_q = _same_type(mean_p, cov_p, mean_q, cov_q)
    return mean_p, cov_p, mean_q, cov_q


def _diagonal(
    mean_p: ArrayLike, var_p: ArrayLike, mean_q: ArrayLike, var_q: ArrayLike
) -> tuple[Array, Array, Array, Array]:
    mean_p, mean_q = _means(mean_p, mean_q)
    var_p = distribution_checks.variances("var_p", var_p)
    var_q = distribution_checks.variances("var_q", var_q)
    checks.same_axis("var_p", var_p, "var_q", var_q)
    checks.same_axis("mean_p", mean_p, "var_p", var_p)
    checks.same_axis("mean_q", mean_q, "var_q", var_q)
    mean_p, var_p, mean_q, var_q = _same_type(mean_p, var_p, mean_q, var_q)
    return mean_p, var_p, mean_q, var_q


def _means(mean_p: ArrayLike, mean_q: ArrayLike) -> tuple[Array, Array]:
    # Only their difference counts.
    mean_p, mean_q = offsets.centred(mean_p, mean_q)
    mean_p = checks.vectors("mean_p", mean_p, "[..., F]")
    mean_q = checks.vectors("mean_q", mean_q, "[..., F]")
    checks.same_axis("mean_p", mean_p, "mean_q", mean_q)
    return mean_p, mean_q


def _same_type(*arrays: Array) -> tuple[Array, ...]:
    dtype = jnp.result_type(*arrays)
    return tuple(array.astype(dtype) for array in arrays)
