"""Matrix products whose gradients are laid out for a CPU.

The gradients of `x w` are `y w^T` and `x^T y`, and those of these two are again such
products. XLA's CPU compiler knows fast code for a matrix times a matrix or a transposed
one, and not for a transposed matrix times a matrix, which is what a layer's weights
need. Here one of the two is transposed in memory first, where the compiler cannot undo
it: the smaller one, counting that with the second one the result is transposed too.
"""

import jax
from jax import Array, lax

from jaxgan.networks import convolution


def multiply(x: Array, w: Array, *, form: str = "auto") -> Array:
    """`x w` in a form of `convolution.FORMS`.

    Args:
      x: `[..., C]`.
      w: `[C, F]`.
      form: `lax` for the plain product, which alone has forward-mode derivatives;
        `auto` for what suits the backend; all others for `product`.

    Returns:
      `[..., F]`.

    Raises:
      UserError: if there is no such form.
    """
    convolution.check_form(form)
    if convolution.resolve(form) == "lax":
        return x @ w
    return product(x.reshape(-1, x.shape[-1]), w).reshape(*x.shape[:-1], w.shape[-1])


@jax.custom_vjp
def product(x: Array, w: Array) -> Array:
    """`x w`: `[B, C], [C, F] -> [B, F]`, without forward-mode derivatives."""
    return x @ w


@jax.custom_vjp
def _input_gradient(y: Array, w: Array) -> Array:
    """`y w^T`: `[B, F], [C, F] -> [B, C]`."""
    return y @ w.T


@jax.custom_vjp
def _weight_gradient(x: Array, y: Array) -> Array:
    """`x^T y`: `[B, C], [B, F] -> [C, F]`."""
    batch, inputs, outputs = *x.shape, y.shape[1]
    # The other way the result is transposed too.
    if batch * inputs <= batch * outputs + inputs * outputs:
        return _kept(x.T) @ y
    return _kept(_kept(y.T) @ x).T


def _kept(x: Array) -> Array:
    """As it is in memory: XLA would join it with the product or transpose both."""
    return lax.optimization_barrier(x)


# The rules call the functions that have rules, so that there is always one more
# derivative.
product.defvjp(
    lambda x, w: (product(x, w), (x, w)),
    lambda saved, dy: (
        _input_gradient(dy, saved[1]),
        _weight_gradient(saved[0], dy),
    ),
)
_input_gradient.defvjp(
    lambda y, w: (_input_gradient(y, w), (y, w)),
    lambda saved, dx: (product(dx, saved[1]), _weight_gradient(dx, saved[0])),
)
_weight_gradient.defvjp(
    lambda x, y: (_weight_gradient(x, y), (x, y)),
    lambda saved, dw: (_input_gradient(saved[1], dw), product(saved[0], dw)),
)
