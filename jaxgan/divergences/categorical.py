"""Divergences of categorical distributions, over the last axis.

Every function takes `p [..., K]` and `q [..., K]`, broadcasts over the leading axes
and returns `[...]`; every one has a sister `*_from_logits` that takes unnormalised
log-probabilities (`jaxgan.divergences.categorical_logits`).

Nearly all are members of one family, the alpha divergences of Cressie and Read,

    A_a(p, q) = sum_k (p^a q^(1-a) - a p - (1-a) q) / (a (a - 1)),

whose terms are never negative, which keeps full relative precision when p is close to
q: KL is A_1, reverse KL is A_0, the chi-squared ones 2 A_2 and 2 A_-1, and squared
Hellinger A_1/2 / 4. Off the simplex, which the gradient with respect to probabilities
sees, these are the generalised divergences that the formula gives; along the simplex,
so through any softmax, nothing differs from the textbook.

Zeros: 0 log 0 = 0, and the value is infinite where the definition says so. A
probability of exactly zero receives gradient zero, and so does everything in an
infinite term, so gradients are never NaN. NaN and negative inputs give NaN under
tracing; known values are checked first (`jaxgan.divergences.checks`).

References:
  Cressie and Read, Multinomial Goodness-of-Fit Tests, 1984.
  Lin, Divergence Measures Based on the Shannon Entropy, 1991.
  Endres and Schindelin, A New Metric for Probability Distributions, 2003.
  van Erven and Harremoes, Renyi Divergence and Kullback-Leibler Divergence, 2012,
  https://arxiv.org/abs/1206.2459
"""

from jax import Array
from jax.typing import ArrayLike

from jaxgan.divergences import checks, distribution_checks, log_domain


def kl(p: ArrayLike, q: ArrayLike, base: float | None = None) -> Array:
    """Kullback-Leibler divergence, sum p log(p / q), in [0, inf].

    Args:
      p: `[..., K]` probabilities.
      q: `[..., K]` probabilities.
      base: of the logarithm; None for nats, 2 for bits.

    Returns:
      `[...]`, infinite where q is zero and p is not.

    Raises:
      UserError: if shapes do not fit, or known values are not distributions.

    Example:
      >>> p, q = jnp.array([1.0, 0.0]), jnp.array([0.5, 0.5])
      >>> print(f"{divergences.kl(p, q):.4f}, {divergences.kl(q, p):.4f}")
      0.6931, inf

    When:
      Where a mode that q misses should weigh most.

    References:
      Kullback and Leibler, On Information and Sufficiency, 1951
    """
    return log_domain.alpha(*_logs(p, q), 1.0) / checks.log_base(base)


def reverse_kl(p: ArrayLike, q: ArrayLike, base: float | None = None) -> Array:
    """Kullback-Leibler divergence the other way round, sum q log(q / p), in [0, inf].

    Arguments, result and errors are those of `kl`.

    When:
      Where mass that q invents should weigh most.

    References:
      Kullback and Leibler, On Information and Sufficiency, 1951
    """
    return log_domain.alpha(*_logs(p, q), 0.0) / checks.log_base(base)


def jeffreys(p: ArrayLike, q: ArrayLike, base: float | None = None) -> Array:
    """Sum of both Kullback-Leibler divergences (no factor 1/2), symmetric, in [0, inf].

    Arguments, result and errors are those of `kl`.

    When:
      For a symmetric measure without a bound.

    References:
      Jeffreys, An Invariant Form for the Prior Probability, 1946
    """
    return log_domain.jeffreys(*_logs(p, q)) / checks.log_base(base)


def js(p: ArrayLike, q: ArrayLike, base: float | None = None) -> Array:
    """Jensen-Shannon divergence, (KL(p, m) + KL(q, m)) / 2 with m = (p + q) / 2.

    It is symmetric, in [0, log 2]; arguments and errors are those of `kl`.

    Example:
      >>> apart = divergences.js(jnp.array([1.0, 0.0]), jnp.array([0.0, 1.0]), base=2)
      >>> print(f"{apart:.3f}")
      1.000

    When:
      For a bounded and symmetric measure.

    References:
      Lin, Divergence Measures Based on the Shannon Entropy, 1991
    """
    return log_domain.js(*_logs(p, q)) / checks.log_base(base)


def js_distance(p: ArrayLike, q: ArrayLike, base: float | None = None) -> Array:
    """Square root of the Jensen-Shannon divergence: a metric, in [0, sqrt(log 2)].

    The gradient at p = q, where a distance has a kink, is zero. Arguments and errors
    are those of `kl`; `base` divides under the root, as in SciPy.

    When:
      For a metric.

    References:
      Endres and Schindelin, A New Metric for Probability Distributions, 2003
    """
    return log_domain.root(js(p, q, base))


def total_variation(p: ArrayLike, q: ArrayLike) -> Array:
    """Half the sum of |p - q|, symmetric, in [0, 1].

    Arguments and errors are those of `kl`.

    When:
      For the largest difference of probability of any event.
    """
    return log_domain.total_variation(*_logs(p, q))


def squared_hellinger(p: ArrayLike, q: ArrayLike) -> Array:
    """Half the sum of (sqrt p - sqrt q)^2, that is 1 - sum sqrt(p q), in [0, 1].

    Some authors, Nowozin et al. (2016) among them, leave out the half. Arguments and
    errors are those of `kl`.

    When:
      For a bounded measure that is finite where one distribution is zero.

    References:
      Hellinger, Neue Begruendung der Theorie quadratischer Formen, 1909
    """
    return log_domain.alpha(*_logs(p, q), 0.5) / 4


def pearson_chi2(p: ArrayLike, q: ArrayLike) -> Array:
    """Sum of (p - q)^2 / q (no factor 1/2), in [0, inf].

    Arguments, result and errors are those of `kl`.

    When:
      For tests; weighs events that are rare under q.

    References:
      Pearson, On the Criterion that a Given System of Deviations, 1900
    """
    return 2 * log_domain.alpha(*_logs(p, q), 2.0)


def neyman_chi2(p: ArrayLike, q: ArrayLike) -> Array:
    """Sum of (p - q)^2 / p (no factor 1/2), in [0, inf]: Pearson's the other way round.

    Arguments, result and errors are those of `kl`.

    When:
      For tests; weighs events that are rare under p.
    """
    return 2 * log_domain.alpha(*_logs(p, q), -1.0)


def alpha(p: ArrayLike, q: ArrayLike, order: float) -> Array:
    """Alpha divergence, (sum p^a q^(1-a) - 1) / (a (a - 1)) for order a, in [0, inf].

    Order 1 is `kl`, 0 is `reverse_kl`; Amari's own order is 2 a - 1 up to its sign.

    Args:
      p: `[..., K]` probabilities.
      q: `[..., K]` probabilities.
      order: any finite Python number.

    Returns:
      `[...]`.

    Raises:
      UserError: if the order is traced or not finite, shapes do not fit, or known
        values are not distributions.

    When:
      For a family that goes from the KL to the reverse KL divergence.

    References:
      Amari, Differential-Geometrical Methods in Statistics, 1985
    """
    return log_domain.alpha(*_logs(p, q), checks.finite("order", order))


def renyi(p: ArrayLike, q: ArrayLike, order: float, base: float | None = None) -> Array:
    """Renyi divergence, log(sum p^a q^(1-a)) / (a - 1) for order a, in [0, inf].

    Order 1 is `kl`, 0 is -log of the q-mass where p is positive, and infinity the
    logarithm of the largest p / q.

    Args:
      p: `[..., K]` probabilities.
      q: `[..., K]` probabilities.
      order: Python number in [0, inf].
      base: of the logarithm; None for nats.

    Returns:
      `[...]`.

    Raises:
      UserError: if the order is traced or negative, shapes do not fit, or known values
        are not distributions.

    When:
      For a family that has the KL divergence in it.

    References:
      Renyi, On Measures of Entropy and Information, 1961
    """
    return log_domain.renyi(
        *_logs(p, q), checks.not_negative("order", order)
    ) / checks.log_base(base)


def generalized_js(
    distributions: ArrayLike,
    weights: ArrayLike | None = None,
    base: float | None = None,
) -> Array:
    """Jensen-Shannon divergence of M weighted distributions, sum w_i KL(p_i, sum w p).

    It is the mutual information between a sample and which distribution it came from,
    in [0, entropy of the weights].

    Args:
      distributions: `[..., M, K]` probabilities.
      weights: `[..., M]` probabilities, or None for 1 / M each.
      base: of the logarithm; None for nats.

    Returns:
      `[...]`.

    Raises:
      UserError: if shapes do not fit, or known values are not distributions.

    When:
      To compare more than two distributions.

    References:
      Lin, Divergence Measures Based on the Shannon Entropy, 1991
    """
    p = checks.probabilities("distributions", distributions)
    log_p = log_domain.log(p)
    weights = distribution_checks.mixture_weights(weights, log_p)
    return log_domain.generalized_js(log_p, weights) / checks.log_base(base)


def _logs(p: ArrayLike, q: ArrayLike) -> tuple[Array, Array]:
    p, q = distribution_checks.two_distributions(p, q)
    return log_domain.log(p), log_domain.log(q)
