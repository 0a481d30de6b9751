"""Outer eigenvalues of large matrices that are known by their products alone.

Lanczos and Arnoldi project a matrix on the space that a random vector and its images
under the matrix span. The basis is orthogonalised in full, twice at each step, on the
device; the small matrix that is left goes to the host, where NumPy finds its
eigenvalues, the Ritz values, in float64.

Where the space is invariant before it has as many dimensions as asked for, a fresh
random vector continues the basis and the small matrix falls into blocks. So
eigenvalues that are multiple are found as often as they occur, and as many steps as
dimensions find all of them.

References:
  Saad, Numerical Methods for Large Eigenvalue Problems, 2nd edition, 2011,
  https://www-users.cse.umn.edu/~saad/eig_book_2ndEd.pdf
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxgan.core import errors

BROKEN = 10
"""Roundings of the largest image below which what is left of one counts as nothing."""


class Tridiagonal(NamedTuple):
    """What Lanczos leaves of a symmetric matrix.

    Attributes:
      diagonal: `[..., m]`.
      beside: `[..., m]` on both sides of it; the last one is the residual norm, of what
        the space leaves out.
    """

    diagonal: Array
    beside: Array


class Ritz(NamedTuple):
    """Approximate eigenvalues.

    Attributes:
      values: `[..., m]` float64 and rising, or complex128 without an order.
      residuals: `[..., m]` norms `|A x - lambda x|` of the unit vectors x that belong
        to them. A symmetric matrix has an eigenvalue as near as that; of another one it
        is the least change of the matrix that makes the value an eigenvalue.
    """

    values: np.ndarray
    residuals: np.ndarray


def arnoldi(
    product: Callable[[Array], Array],
    size: int,
    steps: int,
    key: Array,
    dtype: Any = jnp.float32,
) -> Array:
    """Projects a matrix on a Krylov space.

    Args:
      product: `u [n] -> A u [n]`.
      size: n.
      steps: m, dimensions of the space, from 1 to n; m products are taken.
      key: of the vector that begins.
      dtype: of the vectors.

    Returns:
      The Hessenberg matrix `[m + 1, m]`: the matrix in the basis, and below it the
      residual norm.

    Raises:
      UserError: if `steps` is out of range.
    """
    errors.require_whole(size=size, steps=steps)
    if not 1 <= steps <= size:
        raise errors.UserError(
            f"steps={steps} of a matrix with {size} rows must be from 1 to {size}."
        )
    start = jax.random.normal(key, (size,), dtype)
    basis = jnp.zeros((steps + 1, size), dtype).at[0].set(_unit(start))

    def grow(carry, number):
        basis, largest = carry
        image = product(basis[number]).astype(dtype)
        largest = jnp.maximum(largest, _norm(image))
        along, rest = _split(basis, image)
        length = _norm(rest)
        broken = length <= BROKEN * jnp.finfo(dtype).eps * largest
        length = jnp.where(broken, 0.0, length)

        def fresh():
            # A vector at random in another order is another one at random.
            own = jnp.roll(start, number + 1)
            return _unit(_split(basis, own)[1])

        def usual():
            return rest / jnp.where(broken, 1.0, length)

        following = jax.lax.cond(broken, fresh, usual)
        basis = basis.at[number + 1].set(following)
        return (basis, largest), along.at[number + 1].set(length)

    begin = basis, jnp.zeros((), dtype)
    _, columns = jax.lax.scan(grow, begin, jnp.arange(steps))
    return columns.T


def lanczos(
    product: Callable[[Array], Array],
    size: int,
    steps: int,
    key: Array,
    dtype: Any = jnp.float32,
) -> Tridiagonal:
    """Projects a symmetric matrix on a Krylov space; arguments are those of `arnoldi`.

    With the full orthogonalisation of `arnoldi`, without which Lanczos finds the same
    eigenvalue several times.
    """
    matrix = arnoldi(product, size, steps, key, dtype)
    return Tridiagonal(jnp.diagonal(matrix), jnp.diagonal(matrix, offset=-1))


def symmetric_ritz(matrix: Tridiagonal) -> Ritz:
    """The Ritz values of a symmetric matrix, NaN where the projection is not finite.

    The least of them is never below the least eigenvalue, nor the largest above the
    largest one: a negative one is proof that there is a negative eigenvalue.
    """
    diagonal, beside = (np.asarray(part, np.float64) for part in matrix)
    steps = diagonal.shape[-1]
    small = np.zeros((*diagonal.shape, steps))
    rows = np.arange(steps)
    small[..., rows, rows] = diagonal
    small[..., rows[1:], rows[:-1]] = beside[..., :-1]  # eigh reads the lower half
    broken = ~np.isfinite(small).all(axis=(-2, -1))
    values, vectors = np.linalg.eigh(np.where(broken[..., None, None], 0.0, small))
    residuals = np.abs(beside[..., -1:] * vectors[..., -1, :])
    return _masked(broken, values, residuals)


def ritz(matrix: Array) -> Ritz:
    """The Ritz values of Hessenberg matrices `[..., m + 1, m]`, NaN as above."""
    whole = np.asarray(matrix, np.float64)
    broken = ~np.isfinite(whole).all(axis=(-2, -1))
    whole = np.where(broken[..., None, None], 0.0, whole)
    values, vectors = np.linalg.eig(whole[..., :-1, :])
    residuals = np.abs(whole[..., -1, -1:] * vectors[..., -1, :])
    return _masked(broken, values.astype(np.complex128), residuals)


def _masked(broken, values, residuals) -> Ritz:
    return Ritz(*(np.where(broken[..., None], np.nan, x) for x in (values, residuals)))


def _split(basis: Array, vector: Array) -> tuple[Array, Array]:
    """Coordinates in an orthonormal basis, of which rows may be zero, and the rest."""
    first, rest = _project(basis, vector)
    again, rest = _project(basis, rest)  # what rounding has left
    return first + again, rest


def _project(basis: Array, vector: Array) -> tuple[Array, Array]:
    along = jnp.matmul(basis, vector, precision=jax.lax.Precision.HIGHEST)
    inside = jnp.matmul(along, basis, precision=jax.lax.Precision.HIGHEST)
    return along, vector - inside


def _unit(vector: Array) -> Array:
    return vector / jnp.maximum(_norm(vector), jnp.finfo(vector.dtype).tiny)


def _norm(vector: Array) -> Array:
    return jnp.sqrt(jnp.sum(vector**2))
