"""Dense and convolutional layers, whose kernels may be normalised."""

import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxgan.networks import convolution, onednn, products
from jaxgan.networks.layers import recipe as recipes

TINY = 1e-12


class Dense(nn.Module):
    """`[..., C] -> [..., F]`, `x kernel + bias`, see `products.multiply`.

    Attributes:
      features: F.
      recipe: its normalisation of kernels, initialisation, dtype and form.
      use_bias: whether there is a bias.
      gain: factor of the initial kernel, beyond its initialisation.
    """

    features: int
    recipe: recipes.Recipe = recipes.Recipe()
    use_bias: bool = True
    gain: float = 1.0

    @nn.compact
    def __call__(self, x: Array, *, train: bool) -> Array:
        kernel = _kernel(self, (x.shape[-1], self.features), train)
        x, kernel = recipes.computed(self.recipe, x, kernel)
        y = products.multiply(x, kernel, form=self.recipe.convolution)
        return _add_bias(self, y)


class Conv(nn.Module):
    """`[B, *n, C] -> [B, *o, F]`, see `convolution.convolve`.

    Attributes:
      features: F.
      kernel_size: places of the kernel, one number per dimension.
      strides: one number per dimension, or None for ones.
      padding: "SAME", "VALID" or numbers.
      groups: that the channels are split into.
      recipe: its normalisation of kernels, initialisation, dtype and form.
      use_bias, gain: as of `Dense`.
    """

    features: int
    kernel_size: Sequence[int]
    strides: Sequence[int] | None = None
    padding: convolution.Padding = "SAME"
    groups: int = 1
    recipe: recipes.Recipe = recipes.Recipe()
    use_bias: bool = True
    gain: float = 1.0

    @nn.compact
    def __call__(self, x: Array, *, train: bool) -> Array:
        shape = (*self.kernel_size, x.shape[-1] // self.groups, self.features)
        x, kernel = recipes.computed(self.recipe, x, _kernel(self, shape, train))
        y = convolution.convolve(
            x,
            kernel,
            strides=_strides(self),
            padding=self.padding,
            groups=self.groups,
            form=self.recipe.convolution,
        )
        return _add_bias(self, y)


class ConvTranspose(nn.Module):
    """`[B, *n, C] -> [B, *o, F]`, see `convolution.convolve_transposed`.

    Attributes:
      features, kernel_size, strides, padding, recipe, use_bias, gain: as of `Conv`.
    """

    features: int
    kernel_size: Sequence[int]
    strides: Sequence[int] | None = None
    padding: convolution.Padding = "SAME"
    recipe: recipes.Recipe = recipes.Recipe()
    use_bias: bool = True
    gain: float = 1.0

    @nn.compact
    def __call__(self, x: Array, *, train: bool) -> Array:
        shape = (*self.kernel_size, x.shape[-1], self.features)
        x, kernel = recipes.computed(self.recipe, x, _kernel(self, shape, train))
        y = convolution.convolve_transposed(
            x,
            kernel,
            strides=_strides(self),
            padding=self.padding,
            form=self.recipe.convolution,
        )
        return _add_bias(self, y)


def _strides(layer: Conv | ConvTranspose) -> tuple[int, ...]:
    return tuple(layer.strides or (1,) * len(layer.kernel_size))


def _add_bias(layer: nn.Module, y: Array) -> Array:
    if not layer.use_bias:
        return y
    bias = layer.param("bias", nn.initializers.zeros, (layer.features,))
    return y + bias.astype(y.dtype)


def _kernel(layer: nn.Module, shape: tuple[int, ...], train: bool) -> Array:
    """The kernel `[..., C, F]` that is effective."""
    recipe = layer.recipe
    initialise = recipes.INITIALISATIONS[recipe.initialisation]
    kernel = layer.param(
        "kernel", lambda key: layer.gain * initialise(key, shape, jnp.float32)
    )
    if recipe.initialisation == "equalised":
        kernel = kernel * math.sqrt(2 / math.prod(shape[:-1]))
    if recipe.normalisation == "spectral":
        kernel = _spectral(layer, kernel, train)
    if recipe.normalisation == "weight":
        kernel = _weight(layer, kernel)
    return kernel


def _spectral(layer: nn.Module, kernel: Array, train: bool) -> Array:
    """The kernel over its largest singular value, as a matrix `[k C, F]`.

    The value is estimated by one power iteration in each training pass, whose vector u
    is kept in the collection `batch_stats`; Miyato et al. 2018,
    https://arxiv.org/abs/1802.05957.
    """
    matrix = kernel.reshape(-1, kernel.shape[-1])
    stored = layer.variable("batch_stats", "u", _random_unit, layer, matrix.shape[1])
    if train:
        single = matrix.dtype == stored.value.dtype == jnp.float32
        own = single and layer.recipe.convolution == "onednn"
        iterate = onednn.power_iteration if own else _power_iteration
        stored.value, largest = iterate(matrix, stored.value)
    else:
        largest = _left_direction(matrix, stored.value) @ matrix @ stored.value
    # Zero has no norm to be divided by, and stays zero.
    return kernel / jnp.where(largest > 0, largest, 1)


def _power_iteration(matrix: Array, u: Array) -> tuple[Array, Array]:
    """The next u and the singular value that it estimates."""
    v = _left_direction(matrix, u)
    # A kernel of zeros gives no direction, and must not take the old one away.
    u = _unit(v @ jax.lax.stop_gradient(matrix), otherwise=u)
    return u, v @ matrix @ u


def _left_direction(matrix: Array, u: Array) -> Array:
    return _unit(jax.lax.stop_gradient(matrix) @ u)


def _random_unit(layer: nn.Module, size: int) -> Array:
    return _unit(jax.random.normal(layer.make_rng("params"), (size,)))


def _unit(x: Array, otherwise: Array | float = 0.0) -> Array:
    """`x / |x|`, or something else where x is zero."""
    # Squares of numbers below 1e-19 would be lost.
    scale = jnp.max(jnp.abs(x))
    scaled = x / jnp.where(scale > 0, scale, 1)
    norm = jnp.sqrt((scaled * scaled).sum())
    return jnp.where(scale > 0, scaled / jnp.where(scale > 0, norm, 1), otherwise)


def _weight(layer: nn.Module, kernel: Array) -> Array:
    """Direction and length of each output's weights apart: `g w / |w|`.

    The length g starts at that of the initial kernel, so that nothing changes at the
    start; Salimans and Kingma 2016, https://arxiv.org/abs/1602.07868.
    """
    axes = tuple(range(kernel.ndim - 1))
    norm = jnp.sqrt((kernel * kernel).sum(axes) + TINY)
    return kernel * (layer.param("length", lambda _: norm) / norm)
