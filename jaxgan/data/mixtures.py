"""Mixtures of Gaussians in the plane whose modes are known exactly.

"Ring" and "grid" name several benchmarks: published code differs in radius, spacing,
standard deviation and normalisation, and scores of different variants cannot be
compared. Here each of them is a field or an argument, a score reads what it needs from
the mixture itself, and `VARIANTS` holds the published settings by name.

References:
  Srivastava et al., VEEGAN: Reducing Mode Collapse in GANs using Implicit Variational
  Learning, 2017, https://arxiv.org/abs/1705.07761
  Lin et al., PacGAN: The power of two samples in generative adversarial networks, 2018,
  https://arxiv.org/abs/1712.04086
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from jaxgan.core import errors, randomness


class GaussianMixture(NamedTuple):
    """A mixture of isotropic Gaussians with one common standard deviation.

    Means and standard deviation are stated before normalisation; `centres` and `spread`
    give what the samples have.

    Attributes:
      means: `[K, 2]`, before division by `scale`.
      std: standard deviation per axis, before division by `scale`.
      weights: `[K]` probabilities of the modes.
      scale: the number by which samples are divided; 1.0 for none.
    """

    means: ArrayLike
    std: ArrayLike
    weights: ArrayLike
    scale: ArrayLike = 1.0


def ring(
    num_modes: int = 8, radius: float = 1.0, std: float = 0.01, scale: float = 1.0
) -> GaussianMixture:
    """Modes of equal weight at equal angles on a circle, the first at angle 0.

    The angles are `2 pi k / K` for k = 0 .. K - 1. Some published code spaces K angles
    over [0, 2 pi] with both ends included, so that the first and the last mode
    coincide: 7 distinct modes of 8, one of them with weight 2/8.

    Args:
      num_modes: K, at least 1.
      radius: of the circle, positive.
      std: standard deviation per axis, positive.
      scale: the number by which samples are divided, positive.

    Returns:
      The mixture, as NumPy arrays.

    Raises:
      UserError: if an argument is out of range.
    """
    _check_count("num_modes", num_modes)
    _check_positive(radius=radius, std=std, scale=scale)
    angles = 2 * np.pi * np.arange(num_modes) / num_modes
    means = radius * np.stack([np.cos(angles), np.sin(angles)], axis=-1)
    return _uniform(means, std, scale)


def grid(
    side: int = 5, spacing: float = 2.0, std: float = 0.05, scale: float = 1.0
) -> GaussianMixture:
    """Modes of equal weight on a square lattice centred at the origin.

    Args:
      side: modes along each axis, at least 1; K is its square.
      spacing: distance between neighbours along an axis, positive.
      std: standard deviation per axis, positive.
      scale: the number by which samples are divided, positive.

    Returns:
      The mixture, as NumPy arrays; the second coordinate varies fastest.

    Raises:
      UserError: if an argument is out of range.
    """
    _check_count("side", side)
    _check_positive(spacing=spacing, std=std, scale=scale)
    axis = spacing * (np.arange(side) - (side - 1) / 2)
    means = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
    return _uniform(means, std, scale)


def sample(mixture: GaussianMixture, key: Array, n: int) -> tuple[Array, Array]:
    """Draws from a mixture, after normalisation.

    Args:
      mixture: its leaves may be traced or carry a member axis under `vmap`.
      key: consumed.
      n: number of samples, static.

    Returns:
      Samples `[n, 2]` float32 and the mode `[n]` int32 that each was drawn from.
    """
    mode_key, noise_key = jax.random.split(randomness.threefry(key))
    mode = jax.random.categorical(
        mode_key, jnp.log(jnp.asarray(mixture.weights, jnp.float32)), shape=(n,)
    ).astype(jnp.int32)
    centre = jnp.asarray(centres(mixture), jnp.float32)[mode]
    noise = jax.random.normal(noise_key, centre.shape, centre.dtype)
    return centre + jnp.asarray(spread(mixture), jnp.float32) * noise, mode


def centres(mixture: GaussianMixture) -> ArrayLike:
    """The means `[K, 2]` of the modes after normalisation, `means / scale`."""
    return mixture.means / mixture.scale


def spread(mixture: GaussianMixture) -> ArrayLike:
    """The standard deviation per axis after normalisation, `std / scale`."""
    return mixture.std / mixture.scale


def _uniform(means: np.ndarray, std: float, scale: float) -> GaussianMixture:
    num_modes = len(means)
    weights = np.full(num_modes, 1 / num_modes, np.float32)
    return GaussianMixture(means.astype(np.float32), std, weights, scale)


def _check_count(name: str, value: int) -> None:
    if value < 1:
        raise errors.UserError(f"{name} is {value}; it must be at least 1.")


def _check_positive(**values: float) -> None:
    for name, value in values.items():
        if not (value > 0 and math.isfinite(value)):
            raise errors.UserError(
                f"{name} is {value}; it must be positive and finite."
            )


VARIANTS = {
    # VEEGAN's setting, as PacGAN, the unrolled GAN demo and Stackelberg GAN run it.
    "pacgan_ring": ring(),
    "pacgan_grid": grid(),
    "self_conditioned_ring": ring(radius=2.0),
    "self_conditioned_grid": grid(),
    # These two normalisers are the rounded constants of the toy script, not roots.
    "wgan_gp_ring": ring(radius=2.0, std=0.02, scale=1.414),
    "wgan_gp_grid": grid(scale=2.828),
    # Symplectic gradient adjustment: 4 x 4 modes.
    "sga_grid": grid(side=4, spacing=1.0, std=0.02),
}
"""The published settings, by paper and shape."""
