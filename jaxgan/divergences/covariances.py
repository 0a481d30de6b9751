"""Functions of covariances, singular ones included, with derivatives that are finite.

Everything takes `[..., F, F]`. An eigenvalue below 8 epsilon of the largest is zero: a
matrix that was rounded tells no more. If one is clearly negative, below minus a square
root of epsilon of the largest, all results are NaN. The derivatives are the closed
forms, along the support of a singular matrix; those of the decompositions themselves
would divide by differences of eigenvalues.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from jaxgan.core import decompositions
from jaxgan.core.decompositions import product
from jaxgan.divergences import log_domain


class Spectrum(NamedTuple):
    """Eigenvalues of covariances, and which of them count.

    Attributes:
      values: `[..., F]`, zero outside the support.
      vectors: `[..., F, F]`, one a column.
      support: `[..., F]`, whether the eigenvalue is positive.
    """

    values: Array
    vectors: Array
    support: Array


def apply(matrix: Array, vector: Array) -> Array:
    """Product of matrices `[..., F, F]` and vectors `[..., F]`."""
    return product(matrix, vector[..., None])[..., 0]


def spectrum(matrix: Array) -> Spectrum:
    """Eigendecomposition with rounding noise taken out."""
    values, vectors = decompositions.eigh(matrix)
    epsilon = jnp.finfo(matrix.dtype).eps
    largest = jnp.max(jnp.abs(values), axis=-1, keepdims=True)
    negative = values[..., :1] < -jnp.sqrt(epsilon) * largest
    noise = values <= 8 * epsilon * largest
    values = jnp.where(negative, jnp.nan, jnp.where(noise, 0, values))
    return Spectrum(values, vectors, ~noise)


@jax.custom_jvp
def root(matrix: Array) -> Array:
    """The symmetric square root."""
    values, vectors, _ = spectrum(matrix)
    return _assemble(vectors, jnp.sqrt(values))


@root.defjvp
def _root_jvp(primals, tangents):
    (matrix,), (tangent,) = primals, tangents
    values, vectors, support = spectrum(matrix)
    roots = jnp.sqrt(values)
    sums = roots[..., :, None] + roots[..., None, :]
    neither = ~(support[..., :, None] | support[..., None, :])
    rotated = product(vectors.mT, tangent, vectors)
    rotated = jnp.where(neither, 0, rotated / jnp.where(neither, 1, sums))
    return _assemble(vectors, roots), product(vectors, rotated, vectors.mT)


@jax.custom_jvp
def pseudo_inverse(matrix: Array) -> Array:
    """The inverse on the support, zero outside it."""
    values, vectors, support = spectrum(matrix)
    return _assemble(vectors, jnp.where(support, 1 / jnp.where(support, values, 1), 0))


@pseudo_inverse.defjvp
def _pseudo_inverse_jvp(primals, tangents):
    inverse = pseudo_inverse(*primals)
    return inverse, -product(inverse, tangents[0], inverse)


@jax.custom_jvp
def log_determinant(matrix: Array) -> Array:
    """The sum of the logarithms of the positive eigenvalues, `[...]`."""
    values, _, support = spectrum(matrix)
    return jnp.sum(jnp.log(jnp.where(support, values, 1)), axis=-1)


@log_determinant.defjvp
def _log_determinant_jvp(primals, tangents):
    return log_determinant(*primals), _inner(pseudo_inverse(*primals), tangents[0])


@jax.custom_jvp
def kl(p: Array, q: Array) -> Array:
    """tr(q^-1 p) - F + log det q - log det p on a common support: twice a KL, `[...]`.

    It is the sum of w - 1 - log w over the squares w of the singular values of
    q^-1/2 p^1/2, which is never negative, and far more accurate near p = q.
    """
    whitened = product(_inverse_root(q), root(p))
    singular = decompositions.singular_values(whitened)
    # They come in descending order, so those outside the support are the last.
    rank = jnp.sum(spectrum(q).support, axis=-1, keepdims=True)
    inside = jnp.arange(q.shape[-1]) < rank
    least = jnp.finfo(q.dtype).eps * singular[..., :1] / 2
    least = jnp.maximum(least, jnp.finfo(q.dtype).tiny)
    singular = jnp.where(inside, jnp.maximum(singular, least), 1)
    excess = (singular - 1) * (singular + 1)
    return jnp.sum(log_domain.excess_of(excess, 2 * jnp.log(singular)), axis=-1)


@kl.defjvp
def _kl_jvp(primals, tangents):
    p, q = primals
    inverse_p, inverse_q = pseudo_inverse(p), pseudo_inverse(q)
    by_q = inverse_q - product(inverse_q, p, inverse_q)
    tangent = _inner(inverse_q - inverse_p, tangents[0]) + _inner(by_q, tangents[1])
    return kl(p, q), tangent


@jax.custom_jvp
def bures(p: Array, q: Array) -> Array:
    """tr(p + q - 2 (p^1/2 q p^1/2)^1/2), `[...]`, as the least |P - Q U|^2.

    The least over rotations U, for any P and Q with P P^T = p and Q Q^T = q.
    """
    of_p = _factor(p)
    # One after the other, as a large decomposition takes all cores of a CPU.
    q, of_p = jax.lax.optimization_barrier((q, of_p))
    of_q = _factor(q)
    left, _, right = decompositions.svd(product(of_q.mT, of_p))
    return jnp.sum((of_p - product(of_q, left, right)) ** 2, axis=(-2, -1))


@bures.defjvp
def _bures_jvp(primals, tangents):
    p, q = primals
    root_p, root_q = root(p), root(q)
    left, singular, right = decompositions.svd(product(root_q, root_p))
    inverse_p, inverse_q = _inverse_root(p), _inverse_root(q)
    # The optimal transport maps from p to q and back, and the projections on supports.
    to_q = product(inverse_p, _assemble(right.mT, singular), inverse_p)
    to_p = product(inverse_q, _assemble(left, singular), inverse_q)
    by_p = product(inverse_p, root_p) - to_q
    by_q = product(inverse_q, root_q) - to_p
    return bures(p, q), _inner(by_p, tangents[0]) + _inner(by_q, tangents[1])


def different_support(difference: Array, p: Array, q: Array) -> Array:
    """Whether Gaussians, their means `difference [..., F]` apart, share no support."""
    support_p = spectrum(p).support
    _, vectors, support_q = spectrum(q)
    outside = _assemble(vectors, (~support_q).astype(q.dtype))
    epsilon = jnp.finfo(q.dtype).eps
    trace = jnp.trace(p, axis1=-2, axis2=-1)
    spread = _inner(outside, p) > 8 * p.shape[-1] * epsilon * trace
    leak = jnp.sum(apply(outside, difference) ** 2, axis=-1)
    shifted = leak > 8 * epsilon * jnp.sum(difference**2, axis=-1)
    return (support_p.sum(-1) != support_q.sum(-1)) | spread | shifted


@decompositions.one_at_a_time
def _factor(matrix: Array) -> Array:
    """A matrix whose product with its transpose is this one.

    Cholesky's, which takes a twentieth of the time of a decomposition into eigenvalues,
    or that of the eigenvalues where a pivot is below a square root of epsilon: then
    the matrix may be singular, and its rounding must not count.
    """
    lower = decompositions.cholesky(matrix)
    pivots, variances = jnp.diagonal(lower), jnp.diagonal(matrix)
    least = jnp.sqrt(jnp.finfo(matrix.dtype).eps) * variances.max()

    def of_spectrum():
        values, vectors, _ = spectrum(matrix)
        return vectors * jnp.sqrt(values)

    return jax.lax.cond((pivots**2 > least).all(), lambda: lower, of_spectrum)


def _assemble(vectors: Array, values: Array) -> Array:
    return product(vectors * values[..., None, :], vectors.mT)


def _inner(a: Array, b: Array) -> Array:
    return jnp.sum(a * b, axis=(-2, -1))


def _inverse_root(matrix: Array) -> Array:
    values, vectors, support = spectrum(matrix)
    inverse = jnp.where(support, 1 / jnp.sqrt(jnp.where(support, values, 1)), 0)
    return _assemble(vectors, inverse)
