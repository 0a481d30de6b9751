"""Optimal transport with an entropic penalty, and the divergence made from it.

OT(x, y) = min over couplings pi of <pi, C> + epsilon KL(pi, a b), cost C = |x - y|^2
(no factor 1/2), solved for its dual potentials by Sinkhorn's iteration on logarithms.

References:
  Cuturi, Sinkhorn Distances: Lightspeed Computation of Optimal Transport, 2013,
  https://arxiv.org/abs/1306.0895
  Genevay, Peyre and Cuturi, Learning Generative Models with Sinkhorn Divergences, 2018,
  https://arxiv.org/abs/1706.00292
  Feydy et al., Interpolating between Optimal Transport and MMD using Sinkhorn
  Divergences, 2019, https://arxiv.org/abs/1810.08278
"""

import functools
import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from jaxgan.divergences import checks, samples


class Sinkhorn(NamedTuple):
    """A Sinkhorn divergence and how well its iteration converged.

    Attributes:
      value: `[...]`.
      iterations: int32 `[...]`, the most that one of its three problems took; equal to
        `max_iterations` if that one was cut off.
      marginal_error: `[...]`, the largest L1 distance, in [0, 2], between a marginal of
        a transport plan found and what it should be.
    """

    value: Array
    iterations: Array
    marginal_error: Array


def sinkhorn_divergence(
    x: ArrayLike,
    y: ArrayLike,
    epsilon: ArrayLike,
    max_iterations: int = 1000,
    tolerance: float = 1e-4,
) -> Sinkhorn:
    """Sinkhorn divergence, OT(x, y) - OT(x, x) / 2 - OT(y, y) / 2, in [0, inf).

    Without the last two terms it would not vanish for equal samples. It tends to the
    squared 2-Wasserstein distance as epsilon goes to 0, and to the squared distance of
    the means as it goes to infinity. The iteration needs of the order of max C /
    epsilon rounds.

    First derivatives are those at convergence, given by the plan, and do not run
    through the iteration; second ones take forward mode over reverse mode
    (`jax.hessian`), reverse over reverse being an error of JAX.

    Args:
      x: `[..., N, F]` samples of P, all of weight 1 / N.
      y: `[..., M, F]` samples of Q, all of weight 1 / M.
      epsilon: strength of the entropic penalty, in units of |x - y|^2; may be traced.
      max_iterations: after which the iteration stops, converged or not.
      tolerance: marginal error at which it stops. Float32 reaches about
        1e-7 max C / epsilon.

    Returns:
      A `Sinkhorn` record; look at its `marginal_error` before trusting the value.

    Raises:
      UserError: if shapes do not fit, a sample is empty, a known epsilon is not
        positive, or no iteration is allowed.

    When:
      For samples, where smooth gradients are needed.

    References:
      Genevay et al., Learning Generative Models with Sinkhorn Divergences, 2018,
      https://arxiv.org/abs/1706.00292
    """
    x, y = checks.two_samples(x, y)
    epsilon = jnp.asarray(checks.positive("epsilon", epsilon), x.dtype)
    checks.at_least("max_iterations", max_iterations, 1)
    solve = functools.partial(
        _transport, max_iterations=max_iterations, tolerance=tolerance
    )
    xy = solve(samples.squared_distances(x, y), epsilon)
    xx = solve(samples.squared_distances(x, x), epsilon)
    yy = solve(samples.squared_distances(y, y), epsilon)
    return Sinkhorn(
        value=xy.value - (xx.value + yy.value) / 2,
        iterations=_largest(xy.iterations, xx.iterations, yy.iterations).astype(
            "int32"
        ),
        marginal_error=_largest(
            xy.marginal_error, xx.marginal_error, yy.marginal_error
        ),
    )


class _Potentials(NamedTuple):
    """Dual potentials, and the plan's error in the marginal over M.

    The other marginal is exact, because `f` answers `g`; `next_g` answers `f`.
    """

    f: Array
    g: Array
    next_g: Array
    iterations: Array
    error: Array


@functools.partial(jax.custom_jvp, nondiff_argnums=(2, 3))
def _transport(
    cost: Array, epsilon: Array, max_iterations: int, tolerance: float
) -> Sinkhorn:
    """Solves one problem of `cost [..., N, M]`."""
    return _record(_solve(cost, epsilon, max_iterations, tolerance))


@_transport.defjvp
def _transport_jvp(max_iterations, tolerance, primals, tangents):
    # The derivative of the minimum with respect to the cost is the minimiser.
    # Likewise that with respect to epsilon is what epsilon multiplies.
    cost, epsilon = primals
    solution = _solve(cost, epsilon, max_iterations, tolerance)
    log_density = solution.f[..., :, None] + solution.g[..., None, :] - cost
    log_density = log_density / epsilon
    plan = jnp.exp(log_density) / (cost.shape[-2] * cost.shape[-1])
    record = _record(solution)
    change = tangents[0] + log_density * tangents[1]
    tangent = jnp.sum(plan * change, axis=(-2, -1))
    zeros = jnp.zeros_like(tangent)
    return record, Sinkhorn(tangent, zeros, zeros)


def _record(solution: _Potentials) -> Sinkhorn:
    value = jnp.mean(solution.f, axis=-1) + jnp.mean(solution.g, axis=-1)
    # A count without a derivative would need a tangent type of its own, so it is
    # floating-point until it leaves this module.
    return Sinkhorn(value, solution.iterations.astype(value.dtype), solution.error)


def _solve(
    cost: Array, epsilon: Array, max_iterations: int, tolerance: float
) -> _Potentials:
    def answer(potential, cost):
        """The best potential on axis -2 of `cost`, given that on axis -1."""
        exponents = (potential[..., None, :] - cost) / epsilon
        log_mean = jax.nn.logsumexp(exponents, axis=-1) - math.log(cost.shape[-1])
        return -epsilon * log_mean

    def iterate(g, iterations):
        f = answer(g, cost)
        next_g = answer(f, cost.mT)
        error = jnp.mean(jnp.abs(jnp.expm1((g - next_g) / epsilon)), axis=-1)
        return _Potentials(f, g, next_g, iterations, error)

    def unfinished(state):
        going_on = (state.error > tolerance) & (state.iterations < max_iterations)
        return jnp.any(going_on)

    def body(state):
        # In a batch, members that have converged wait for the others unchanged.
        active = state.error > tolerance
        g = jnp.where(active[..., None], state.next_g, state.g)
        return iterate(g, state.iterations + active)

    start = jnp.zeros((*cost.shape[:-2], cost.shape[-1]), cost.dtype)
    once = jnp.ones(cost.shape[:-2], jnp.int32)
    return jax.lax.while_loop(unfinished, body, iterate(start, once))


def _largest(a: Array, b: Array, c: Array) -> Array:
    return jnp.maximum(a, jnp.maximum(b, c))
