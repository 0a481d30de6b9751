"""f-divergences as a table, and what a critic can say about them.

D_f(P, Q) = sum_k q f(p / q) for a convex f on u >= 0; with its conjugate
f*(t) = sup_u (u t - f(u)), every function T bounds it from below,

    D_f(P, Q) >= E_P[T] - E_Q[f*(T)],    with equality at T = f'(p / q).

A critic has real outputs v, so T = g(v) with an output activation g onto the domain
of f*. Critics here give v, BEFORE the activation. Activations follow Nowozin et al.;
where our f is theirs times a constant, so is g.

References:
  Nguyen, Wainwright and Jordan, Estimating Divergence Functionals and the Likelihood
  Ratio by Convex Risk Minimization, 2008, https://arxiv.org/abs/0809.0853
  Nowozin, Cseke and Tomioka, f-GAN: Training Generative Neural Samplers using
  Variational Divergence Minimization, 2016, https://arxiv.org/abs/1606.00709
  Goodfellow et al., Generative Adversarial Networks, 2014,
  https://arxiv.org/abs/1406.2661
"""

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.scipy.special import xlogy
from jax.typing import ArrayLike

from jaxgan.core import errors
from jaxgan.divergences import categorical, checks


class FDivergence(NamedTuple):
    """One f-divergence; all functions act on each element alone.

    Attributes:
      generator: f(u) for u >= 0.
      derivative: f'(u) for u > 0, the optimal T at density ratio u.
      conjugate: f*(t), the supremum over u >= 0; infinite outside its domain.
      activation: g(v), from any real critic output v into the domain of f*.
      conjugate_of_activation: f*(g(v)), without the overflow or lost digits that the
        two have one after the other.
      optimal_critic: the v with g(v) = f'(p / q), given log(p / q).
      at_equality: f(1), the value at P = Q and the least there is.
      divergence: `(p [..., K], q [..., K]) -> [...]`, exact and safe at zeros.
    """

    generator: Callable[[Array], Array]
    derivative: Callable[[Array], Array]
    conjugate: Callable[[Array], Array]
    activation: Callable[[Array], Array]
    conjugate_of_activation: Callable[[Array], Array]
    optimal_critic: Callable[[Array], Array]
    at_equality: float
    divergence: Callable[[ArrayLike, ArrayLike], Array]


def alpha_f_divergence(order: float) -> FDivergence:
    """The alpha divergence of `divergences.alpha` as an `FDivergence`, for any order a.

    f(u) = (u^a - 1 - a (u - 1)) / (a (a - 1)), with the limits u log u - u + 1 at order
    1 and -log u + u - 1 at order 0.

    Args:
      order: a, a finite Python number.

    Returns:
      A record that `f_divergence` and `variational_bound` take in place of a name.

    Raises:
      UserError: if the order is traced or not finite.
    """
    a = checks.finite("order", order)

    def generator(u):
        if a == 1:
            return xlogy(u, u) - u + 1
        if a == 0:
            return -jnp.log(u) + u - 1
        return (u**a - 1 - a * (u - 1)) / (a * (a - 1))

    def derivative(u):
        return jnp.log(u) if a == 1 else (u ** (a - 1) - 1) / (a - 1)

    def conjugate(t):
        if a == 1:
            return jnp.expm1(t)
        if a == 0:
            return _inside(t < 1, lambda t: -jnp.log1p(-t), t)
        if a > 1:
            return (jnp.maximum(1 + (a - 1) * t, 0) ** (a / (a - 1)) - 1) / a
        inside = t < 1 / (1 - a) if a > 0 else t <= 1 / (1 - a)
        return _inside(
            inside, lambda t: ((1 + (a - 1) * t) ** (a / (a - 1)) - 1) / a, t
        )

    def activation(v):
        return v if a >= 1 else -jnp.expm1(-v) / (1 - a)

    def conjugate_of_activation(v):
        if a >= 1:
            return conjugate(v)
        return v if a == 0 else jnp.expm1(v * a / (1 - a)) / a

    def optimal_critic(log_ratio):
        if a == 1:
            return log_ratio
        if a > 1:
            return jnp.expm1((a - 1) * log_ratio) / (a - 1)
        return (1 - a) * log_ratio

    return FDivergence(
        generator=generator,
        derivative=derivative,
        conjugate=conjugate,
        activation=activation,
        conjugate_of_activation=conjugate_of_activation,
        optimal_critic=optimal_critic,
        at_equality=0.0,
        divergence=lambda p, q: categorical.alpha(p, q, a),
    )


def _inside(inside: Array, function: Callable[[Array], Array], t: Array) -> Array:
    """Gives `function(t)` inside its domain, infinity outside and NaN for NaN."""
    inside = inside | jnp.isnan(t)
    return jnp.where(inside, function(jnp.where(inside, t, 0)), jnp.inf)


@jax.custom_jvp
def _jeffreys_log_ratio(t: Array) -> Array:
    """The v with v + 1 - exp(-v) = t, where the derivative of (u - 1) log u is t."""
    # This start lies left of the solution, from where Newton's steps on a concave
    # increasing function never overshoot; eight reach the precision of float64.
    v = jnp.where(t > 1, t - 1, -jnp.log1p(jnp.maximum(-t, 0)))
    for _ in range(8):
        decay = jnp.exp(-v)
        v = v - (v + 1 - decay - t) / (1 + decay)
    return v


@_jeffreys_log_ratio.defjvp
def _jeffreys_log_ratio_jvp(primals, tangents):
    v = _jeffreys_log_ratio(*primals)
    return v, jax.nn.sigmoid(v) * tangents[0]


def _jeffreys_conjugate(t: Array) -> Array:
    v = _jeffreys_log_ratio(jnp.asarray(t))
    return jnp.expm1(v) + v


def _pearson_conjugate(t: Array) -> Array:
    return jnp.where(t < -2, -1.0, t**2 / 4 + t)


def _away_from_zero(log_ratio: Array) -> Array:
    return jnp.where(log_ratio == 0, 0.0, jnp.copysign(jnp.inf, log_ratio))


F_DIVERGENCES: Mapping[str, FDivergence] = {
    "kl": FDivergence(
        generator=lambda u: xlogy(u, u),
        derivative=lambda u: 1 + jnp.log(u),
        conjugate=lambda t: jnp.exp(t - 1),
        activation=lambda v: v,
        conjugate_of_activation=lambda v: jnp.exp(v - 1),
        optimal_critic=lambda log_ratio: 1 + log_ratio,
        at_equality=0.0,
        divergence=categorical.kl,
    ),
    "reverse_kl": FDivergence(
        generator=lambda u: -jnp.log(u),
        derivative=lambda u: -1 / u,
        conjugate=lambda t: _inside(t < 0, lambda t: -1 - jnp.log(-t), t),
        activation=lambda v: -jnp.exp(-v),
        conjugate_of_activation=lambda v: v - 1,
        optimal_critic=lambda log_ratio: log_ratio,
        at_equality=0.0,
        divergence=categorical.reverse_kl,
    ),
    # Half of what Nowozin et al. call Jensen-Shannon, so that it equals `js`.
    "js": FDivergence(
        generator=lambda u: (xlogy(u, u) - (u + 1) * jnp.log((u + 1) / 2)) / 2,
        derivative=lambda u: jnp.log(2 * u / (1 + u)) / 2,
        conjugate=lambda t: _inside(
            t < math.log(2) / 2, lambda t: -jnp.log(2 - jnp.exp(2 * t)) / 2, t
        ),
        activation=lambda v: (math.log(2) + jax.nn.log_sigmoid(v)) / 2,
        conjugate_of_activation=lambda v: -(math.log(2) + jax.nn.log_sigmoid(-v)) / 2,
        optimal_critic=lambda log_ratio: log_ratio,
        at_equality=0.0,
        divergence=categorical.js,
    ),
    # The value 2 JS - log 4 of the original game at its optimal discriminator.
    "gan": FDivergence(
        generator=lambda u: xlogy(u, u) - (u + 1) * jnp.log1p(u),
        derivative=lambda u: jnp.log(u / (1 + u)),
        conjugate=lambda t: _inside(t < 0, lambda t: -jnp.log(-jnp.expm1(t)), t),
        activation=jax.nn.log_sigmoid,
        conjugate_of_activation=jax.nn.softplus,
        optimal_critic=lambda log_ratio: log_ratio,
        at_equality=-math.log(4),
        divergence=lambda p, q: 2 * categorical.js(p, q) - math.log(4),
    ),
    "jeffreys": FDivergence(
        generator=lambda u: (u - 1) * jnp.log(u),
        derivative=lambda u: jnp.log(u) + 1 - 1 / u,
        conjugate=_jeffreys_conjugate,
        activation=lambda v: v,
        conjugate_of_activation=_jeffreys_conjugate,
        optimal_critic=lambda log_ratio: log_ratio - jnp.expm1(-log_ratio),
        at_equality=0.0,
        divergence=categorical.jeffreys,
    ),
    "total_variation": FDivergence(
        generator=lambda u: jnp.abs(u - 1) / 2,
        derivative=lambda u: jnp.sign(u - 1) / 2,
        conjugate=lambda t: _inside(t <= 0.5, lambda t: jnp.maximum(t, -0.5), t),
        activation=lambda v: jnp.tanh(v) / 2,
        conjugate_of_activation=lambda v: jnp.tanh(v) / 2,
        optimal_critic=_away_from_zero,
        at_equality=0.0,
        divergence=categorical.total_variation,
    ),
    "squared_hellinger": FDivergence(
        generator=lambda u: (jnp.sqrt(u) - 1) ** 2 / 2,
        derivative=lambda u: (1 - 1 / jnp.sqrt(u)) / 2,
        conjugate=lambda t: _inside(t < 0.5, lambda t: t / (1 - 2 * t), t),
        activation=lambda v: -jnp.expm1(-v) / 2,
        conjugate_of_activation=lambda v: jnp.expm1(v) / 2,
        optimal_critic=lambda log_ratio: log_ratio / 2,
        at_equality=0.0,
        divergence=categorical.squared_hellinger,
    ),
    "pearson_chi2": FDivergence(
        generator=lambda u: (u - 1) ** 2,
        derivative=lambda u: 2 * (u - 1),
        conjugate=_pearson_conjugate,
        activation=lambda v: v,
        conjugate_of_activation=_pearson_conjugate,
        optimal_critic=lambda log_ratio: 2 * jnp.expm1(log_ratio),
        at_equality=0.0,
        divergence=categorical.pearson_chi2,
    ),
    "neyman_chi2": FDivergence(
        generator=lambda u: (1 - u) ** 2 / u,
        derivative=lambda u: 1 - 1 / u**2,
        conjugate=lambda t: _inside(t <= 1, lambda t: 2 - 2 * jnp.sqrt(1 - t), t),
        activation=lambda v: -jnp.expm1(-v),
        conjugate_of_activation=lambda v: -2 * jnp.expm1(-v / 2),
        optimal_critic=lambda log_ratio: 2 * log_ratio,
        at_equality=0.0,
        divergence=categorical.neyman_chi2,
    ),
}
"""Every f-divergence by its name; `alpha_f_divergence` makes the rest of the family."""


def f_divergence(name: str | FDivergence, p: ArrayLike, q: ArrayLike) -> Array:
    """The f-divergence sum q f(p / q) of categorical distributions, in nats.

    Args:
      name: of an entry of `F_DIVERGENCES`, or such a record.
      p: `[..., K]` probabilities.
      q: `[..., K]` probabilities.

    Returns:
      `[...]`, never below the record's `at_equality`.

    Raises:
      UserError: if there is no such name, shapes do not fit, or known values are not
        distributions.

    When:
      For any member of the family, by name in `F_DIVERGENCES`.

    References:
      Csiszar, Information-Type Measures of Difference, 1967
    """
    return named(name).divergence(p, q)


def named(name: str | FDivergence) -> FDivergence:
    """Finds an entry of `F_DIVERGENCES`, and hands a record through.

    Raises:
      UserError: if there is no such name; it says which there are.
    """
    if isinstance(name, FDivergence):
        return name
    if name not in F_DIVERGENCES:
        raise errors.UserError(
            f"there is no f-divergence {name!r}, unless you make it with "
            f"alpha_f_divergence: {errors.choice(name, F_DIVERGENCES)}"
        )
    return F_DIVERGENCES[name]
