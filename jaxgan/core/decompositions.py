"""Decompositions of matrices, one after another where a batch of them could hang.

On CPUs jaxlib 0.10.0 to 0.11.0 shares the matrices of a batch out over the threads of
XLA's pool and waits for them in one of these threads. As soon as all of them wait, as
for two batches side by side on two cores, none is left to work, and the program stands
still for ever; 0.9.2 and those from 0.11.1 on do not. A single matrix is decomposed by
the thread that asks for it, which waits for nothing. So everything here takes a batch
on CPUs matrix by matrix, in a loop, whether the batch is an axis in front or one of
`jax.vmap`. Other backends decompose it at once.

Nothing else of the package calls the decompositions of `jnp.linalg`.
"""

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array


def one_at_a_time(function: Callable[[Array], Any]) -> Callable:
    """Lifts a function of a matrix to batches of them, on CPUs in a loop.

    Args:
      function: `[n, m] -> tree`; it decomposes by functions of this module.

    Returns:
      `[..., n, m] -> tree`, every leaf with the same axes in front. Derivatives go
      forwards only, unless a rule is wrapped around.
    """

    @jax.custom_batching.custom_vmap
    def lifted(matrix: Array) -> Any:
        if matrix.ndim == 2:
            return function(matrix)
        flat = matrix.reshape(math.prod(matrix.shape[:-2]), *matrix.shape[-2:])
        out = jax.lax.platform_dependent(
            flat,
            cpu=functools.partial(jax.lax.map, function),
            default=jax.vmap(function),
        )
        batch = matrix.shape[:-2]
        return jax.tree.map(lambda x: x.reshape(*batch, *x.shape[1:]), out)

    @lifted.def_vmap
    def rule(size, is_batched, matrix):
        del size, is_batched
        out = lifted(matrix)
        return out, jax.tree.map(lambda _: True, out)

    # Outside of another program, a call would compile the loop anew.
    return jax.jit(lifted)


def product(*matrices: Array) -> Array:
    """Matrix product in the full precision of the type, on any hardware."""
    result = matrices[0]
    for matrix in matrices[1:]:
        result = jnp.matmul(result, matrix, precision=jax.lax.Precision.HIGHEST)
    return result


@one_at_a_time
def cholesky(matrix: Array) -> Array:
    """The lower factor of a positive definite `[..., n, n]`, NaN for another one."""
    return jnp.linalg.cholesky(matrix)


@jax.custom_jvp
def eigh(matrix: Array) -> tuple[Array, Array]:
    """Eigenvalues `[..., n]`, rising, and vectors of a symmetric `[..., n, n]`."""
    return _eigh(matrix)


@eigh.defjvp
def _eigh_jvp(primals, tangents):
    values, vectors = eigh(*primals)
    inside = product(vectors.mT, (tangents[0] + tangents[0].mT) / 2, vectors)
    turns = product(vectors, inside * _one_over(_differences(values)))
    return (values, vectors), (_diagonal(inside), turns)


@jax.custom_jvp
def svd(matrix: Array) -> tuple[Array, Array, Array]:
    """U `[..., n, n]`, the falling singular values and V^T of a square matrix."""
    return _svd(matrix)


@svd.defjvp
def _svd_jvp(primals, tangents):
    left, values, right = svd(*primals)
    inside = product(left.mT, tangents[0], right.mT)
    gaps = _one_over(_differences(values**2))
    scaled, scaling = inside * values[..., None, :], values[..., :, None] * inside
    turn_left = product(left, gaps * (scaled + scaled.mT))
    turn_right = product((gaps * (scaling + scaling.mT)).mT, right)
    return (left, values, right), (turn_left, _diagonal(inside), turn_right)


@jax.custom_jvp
def singular_values(matrix: Array) -> Array:
    """The singular values `[..., min(n, m)]` of `[..., n, m]`, falling."""
    return _singular_values(matrix)


@singular_values.defjvp
def _singular_values_jvp(primals, tangents):
    left, values, right = _thin_svd(*primals)
    return values, _diagonal(product(left.mT, tangents[0], right.mT))


def orthogonal(key: Array, shape: Sequence[int], dtype: Any = jnp.float32) -> Array:
    """Initialiser of kernels `[..., outputs]` whose columns, or rows, are orthonormal.

    The same numbers as those of `jax.nn.initializers.orthogonal()`: the Q of a normal
    matrix, its signs such that the diagonal of R is positive.
    """
    rows, columns = math.prod(shape[:-1]), shape[-1]
    normal = jax.random.normal(key, (max(rows, columns), min(rows, columns)), dtype)
    q, signs = _signed_q(normal)
    q = q * signs[..., None, :]
    return (q.T if rows < columns else q).reshape(shape)


_eigh = one_at_a_time(lambda matrix: tuple(jnp.linalg.eigh(matrix)))
_svd = one_at_a_time(lambda matrix: tuple(jnp.linalg.svd(matrix)))
_thin_svd = one_at_a_time(
    lambda matrix: tuple(jnp.linalg.svd(matrix, full_matrices=False))
)
_singular_values = one_at_a_time(
    lambda matrix: jnp.linalg.svd(matrix, compute_uv=False)
)


@one_at_a_time
def _signed_q(matrix: Array) -> tuple[Array, Array]:
    q, r = jnp.linalg.qr(matrix)
    return q, jnp.sign(jnp.diagonal(r))


def _differences(values: Array) -> Array:
    """`values_j - values_i`, `[..., i, j]`."""
    return values[..., None, :] - values[..., :, None]


def _one_over(differences: Array) -> Array:
    """Off the diagonal, on which is zero; infinite where two values are the same."""
    identity = jnp.eye(differences.shape[-1], dtype=differences.dtype)
    return 1 / (differences + identity) - identity


def _diagonal(matrix: Array) -> Array:
    return jnp.diagonal(matrix, axis1=-2, axis2=-1)
