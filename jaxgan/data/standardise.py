"""Location and scale of the data that a member learns, for point data.

A GAN that learns one mode of standard deviation 0.01 sees almost constant data; brought
to mean 0 and standard deviation 1 per coordinate, all modes are alike to the network.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from jaxgan.data import dataset
from jaxgan.data import modes as modes_lib

SMALLEST_SCALE = 1e-6
"""The floor of the scale, for a mode whose points all coincide."""


class Standardiser(NamedTuple):
    """An affine map per coordinate.

    Attributes:
      location: `[...]`, the mean of each coordinate.
      scale: `[...]`, the standard deviation of each coordinate, positive.
    """

    location: Array
    scale: Array


def standardiser(
    x: ArrayLike, modes: modes_lib.Modes | None, mode_weights: ArrayLike | None
) -> Standardiser:
    """Mean and standard deviation of the data that some mode weights describe.

    With weights p (normalised to sum 1) and the mean m_k and variance v_k of mode k:

        location = sum_k p_k m_k
        scale^2  = sum_k p_k (v_k + (m_k - location)^2)

    Both variances divide by the number of samples (ddof 0).

    Args:
      x: `[N, ...]` points, or uint8 images, which are scaled to [-1, 1] first.
      modes: of those samples; may be None if `mode_weights` is.
      mode_weights: `[K]`, non-negative, not all 0; None for all N samples alike. A
        member axis goes here, under `vmap`.

    Returns:
      Location and scale, each of the shape of one sample; the scale is at least 1e-6.
    """
    x = dataset.to_float(x)
    if mode_weights is None:
        return Standardiser(x.mean(axis=0), _floor(x.std(axis=0)))
    mean, variance = _moments(x, modes)
    weights = jnp.asarray(mode_weights, jnp.float32)
    weights = _beside(weights / weights.sum(), mean)
    location = (weights * mean).sum(axis=0)
    spread = variance + jnp.square(mean - location)
    return Standardiser(location, _floor(jnp.sqrt((weights * spread).sum(axis=0))))


def standardise(standardiser: Standardiser, x: ArrayLike) -> Array:
    """Brings data to mean 0 and standard deviation 1, `(x - location) / scale`."""
    return (jnp.asarray(x) - standardiser.location) / standardiser.scale


def unstandardise(standardiser: Standardiser, x: ArrayLike) -> Array:
    """Undoes `standardise`, `x * scale + location`."""
    return jnp.asarray(x) * standardiser.scale + standardiser.location


def _moments(x: Array, modes: modes_lib.Modes) -> tuple[Array, Array]:
    """Mean and variance `[K, ...]` of each mode, without the padding of its row."""
    table, counts = jnp.asarray(modes.table), jnp.asarray(modes.counts)
    entries = x[table]
    own = (jnp.arange(table.shape[1]) < counts[:, None]) / counts[:, None]
    own = _beside(own, entries)
    # Sums of products, not contractions: accelerators contract with fewer digits.
    mean = (own * entries).sum(axis=1)
    # Centred before squaring: a difference of moments would cancel for narrow modes.
    centred = entries - jnp.expand_dims(mean, 1)
    return mean, (own * jnp.square(centred)).sum(axis=1)


def _beside(weights: Array, values: Array) -> Array:
    """Weights of the leading axes of `values`, ready to multiply them."""
    return weights.reshape(weights.shape + (1,) * (values.ndim - weights.ndim))


def _floor(scale: Array) -> Array:
    return jnp.maximum(scale, SMALLEST_SCALE)
