"""The categorical divergences of unnormalised log-probabilities, over the last axis.

Each is the function of `jaxgan.divergences.categorical` without its `_from_logits`, of
the softmax of its arguments: same formula, conventions and base. Logits of `-inf` are
probability zero. Nothing leaves the log domain, so that a probability of 1e-100 is
not yet zero in float32, and a divergence that is large but finite stays finite. NaN
and `+inf` give NaN. Shapes that do not fit, and empty ones, raise `UserError`.
"""

import jax
from jax import Array
from jax.typing import ArrayLike

from jaxgan.divergences import checks, distribution_checks, log_domain


def kl_from_logits(
    logits_p: ArrayLike, logits_q: ArrayLike, base: float | None = None
) -> Array:
    """`kl` of softmax(logits_p `[..., K]`) and softmax(logits_q `[..., K]`)."""
    return log_domain.alpha(*_logs(logits_p, logits_q), 1.0) / checks.log_base(base)


def reverse_kl_from_logits(
    logits_p: ArrayLike, logits_q: ArrayLike, base: float | None = None
) -> Array:
    """`reverse_kl` of softmax(logits_p `[..., K]`) and softmax(logits_q `[..., K]`)."""
    return log_domain.alpha(*_logs(logits_p, logits_q), 0.0) / checks.log_base(base)


def jeffreys_from_logits(
    logits_p: ArrayLike, logits_q: ArrayLike, base: float | None = None
) -> Array:
    """`jeffreys` of softmax(logits_p `[..., K]`) and softmax(logits_q `[..., K]`)."""
    return log_domain.jeffreys(*_logs(logits_p, logits_q)) / checks.log_base(base)


def js_from_logits(
    logits_p: ArrayLike, logits_q: ArrayLike, base: float | None = None
) -> Array:
    """`js` of softmax(logits_p `[..., K]`) and softmax(logits_q `[..., K]`)."""
    return log_domain.js(*_logs(logits_p, logits_q)) / checks.log_base(base)


def js_distance_from_logits(
    logits_p: ArrayLike, logits_q: ArrayLike, base: float | None = None
) -> Array:
    """`js_distance` of the softmax of both arguments, `[..., K]` each."""
    return log_domain.root(js_from_logits(logits_p, logits_q, base))


def total_variation_from_logits(logits_p: ArrayLike, logits_q: ArrayLike) -> Array:
    """`total_variation` of the softmax of both arguments, `[..., K]` each."""
    return log_domain.total_variation(*_logs(logits_p, logits_q))


def squared_hellinger_from_logits(logits_p: ArrayLike, logits_q: ArrayLike) -> Array:
    """`squared_hellinger` of the softmax of both arguments, `[..., K]` each."""
    return log_domain.alpha(*_logs(logits_p, logits_q), 0.5) / 4


def pearson_chi2_from_logits(logits_p: ArrayLike, logits_q: ArrayLike) -> Array:
    """`pearson_chi2` of the softmax of both arguments, `[..., K]` each."""
    return 2 * log_domain.alpha(*_logs(logits_p, logits_q), 2.0)


def neyman_chi2_from_logits(logits_p: ArrayLike, logits_q: ArrayLike) -> Array:
    """`neyman_chi2` of the softmax of both arguments, `[..., K]` each."""
    return 2 * log_domain.alpha(*_logs(logits_p, logits_q), -1.0)


def alpha_from_logits(logits_p: ArrayLike, logits_q: ArrayLike, order: float) -> Array:
    """`alpha` of the softmax of both arguments, `[..., K]` each."""
    return log_domain.alpha(*_logs(logits_p, logits_q), checks.finite("order", order))


def renyi_from_logits(
    logits_p: ArrayLike, logits_q: ArrayLike, order: float, base: float | None = None
) -> Array:
    """`renyi` of the softmax of both arguments, `[..., K]` each."""
    log_p, log_q = _logs(logits_p, logits_q)
    return log_domain.renyi(
        log_p, log_q, checks.not_negative("order", order)
    ) / checks.log_base(base)


def generalized_js_from_logits(
    logits: ArrayLike, weights: ArrayLike | None = None, base: float | None = None
) -> Array:
    """`generalized_js` of softmax(logits `[..., M, K]`) under weights `[..., M]`."""
    log_p = jax.nn.log_softmax(checks.vectors("logits", logits, "[..., K]"))
    weights = distribution_checks.mixture_weights(weights, log_p)
    return log_domain.generalized_js(log_p, weights) / checks.log_base(base)


def _logs(logits_p: ArrayLike, logits_q: ArrayLike) -> tuple[Array, Array]:
    logits_p = checks.vectors("logits_p", logits_p, "[..., K]")
    logits_q = checks.vectors("logits_q", logits_q, "[..., K]")
    checks.same_axis("logits_p", logits_p, "logits_q", logits_q)
    return jax.nn.log_softmax(logits_p), jax.nn.log_softmax(logits_q)
