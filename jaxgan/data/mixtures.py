"""Mixtures of Gaussians whose modes are known exactly, most of them in the plane.

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
      means: `[K, D]`, before division by `scale`.
      std: standard deviation per axis, before division by `scale`.
      weights: `[K]` probabilities of the modes.
      scale: the number by which samples are divided; 1.0 for none.
      threshold: standard deviations from its mode within which a sample is good; None
        for 3.
      noise_dimensions: of a mixture that is embedded in more dimensions, how many, the
        first ones, have noise; None for all.
    """

    means: ArrayLike
    std: ArrayLike
    weights: ArrayLike
    scale: ArrayLike = 1.0
    threshold: float | None = None
    noise_dimensions: int | None = None


def ring(
    num_modes: int = 8,
    radius: float = 1.0,
    std: float = 0.01,
    scale: float = 1.0,
    *,
    endpoint: bool = False,
) -> GaussianMixture:
    """Modes of equal weight at equal angles on a circle, the first at angle 0.

    The angles are `2 pi k / K` for k = 0 .. K - 1. Some published code spaces K angles
    over [0, 2 pi] with both ends included, so that the first and the last mode
    coincide: 7 distinct modes of 8, one of them with weight 2/8. With `endpoint` the
    mixture is that one.

    Args:
      num_modes: K, at least 1, and 2 with `endpoint`.
      radius: of the circle, positive.
      std: standard deviation per axis, positive.
      scale: the number by which samples are divided, positive.
      endpoint: whether K angles share [0, 2 pi] with both its ends, which gives K - 1
        modes, the first of them of twice the weight.

    Returns:
      The mixture, as NumPy arrays.

    Raises:
      UserError: if an argument is out of range.
    """
    _check_count("num_modes", num_modes, least=1 + endpoint)
    _check_positive(radius=radius, std=std, scale=scale)
    distinct = num_modes - endpoint
    angles = 2 * np.pi * np.arange(distinct) / distinct
    means = radius * np.stack([np.cos(angles), np.sin(angles)], axis=-1)
    mixture = _uniform(means, std, scale)
    if not endpoint:
        return mixture
    counts = np.bincount(np.arange(num_modes) % distinct)
    return mixture._replace(weights=(counts / num_modes).astype(np.float32))


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


def embedded(threshold: float | None = None) -> GaussianMixture:
    """VEEGAN's ten Gaussians of 700 dimensions in a space of 1,200.

    Their noise, of deviation 1, is in the first 700 coordinates; every coordinate of a
    mean is the same number. The published rule counts a sample as good within 10
    deviations of its mode, by their Euclidean distance. This is a ball that the
    Gaussians themselves avoid: their samples lie about `sqrt(700)` = 26.5 deviations
    from the mean, so that a perfect generator has no good samples, and a share of these
    says that modes have collapsed. `threshold=None` takes the radius in which 98.889 %
    of a Gaussian's samples lie, as within three deviations in the plane.

    Args:
      threshold: see `GaussianMixture`; 10.0 as published.

    Raises:
      UserError: if the threshold is not positive.
    """
    if threshold is None:
        threshold = _CALIBRATED
    _check_positive(threshold=threshold)
    centres = np.array([-1, -0.5, 0, 0.5, -2, -2.5, 10, 0.25, -13, -5.5])
    means = np.repeat(centres[:, None], 1200, axis=1)
    return _uniform(means, 1.0, 1.0)._replace(
        threshold=threshold, noise_dimensions=_NOISE_DIMENSIONS
    )


def sample(mixture: GaussianMixture, key: Array, n: int) -> tuple[Array, Array]:
    """Draws from a mixture, after normalisation.

    Args:
      mixture: its leaves may be traced or carry a member axis under `vmap`.
      key: consumed.
      n: number of samples, static.

    Returns:
      Samples `[n, D]` float32 and the mode `[n]` int32 that each was drawn from.
    """
    mode_key, noise_key = jax.random.split(randomness.threefry(key))
    mode = jax.random.categorical(
        mode_key, jnp.log(jnp.asarray(mixture.weights, jnp.float32)), shape=(n,)
    ).astype(jnp.int32)
    centre = jnp.asarray(centres(mixture), jnp.float32)[mode]
    noise = jax.random.normal(noise_key, centre.shape, centre.dtype)
    if mixture.noise_dimensions is not None:
        noise *= jnp.arange(centre.shape[1]) < mixture.noise_dimensions
    return centre + jnp.asarray(spread(mixture), jnp.float32) * noise, mode


def log_density(mixture: GaussianMixture, x: ArrayLike) -> Array:
    """`log sum_k w_k N(x; m_k, s^2 I)`, of samples after normalisation, in nats.

    Args:
      mixture: whose noise is in all dimensions.
      x: `[..., D]`.

    Returns:
      `[...]`.

    Raises:
      UserError: if the noise is in some dimensions alone, so that there is no density,
        or x has another number of them.
    """
    means, std = jnp.asarray(centres(mixture)), jnp.asarray(spread(mixture))
    x = jnp.asarray(x)
    dimensions = means.shape[1]
    if mixture.noise_dimensions is not None or x.shape[-1:] != (dimensions,):
        raise errors.UserError(
            f"x has shape {x.shape} and the mixture {dimensions} dimensions, with "
            f"noise in {mixture.noise_dimensions or dimensions} of them; it has a "
            "density of points of as many, if all have noise."
        )
    squares = jnp.sum(jnp.square((x[..., None, :] - means) / std), axis=-1)
    constant = dimensions * jnp.log(std * jnp.sqrt(2 * jnp.pi))
    logs = jnp.log(jnp.asarray(mixture.weights)) - squares / 2
    return jax.nn.logsumexp(logs, axis=-1) - constant


def centres(mixture: GaussianMixture) -> ArrayLike:
    """The means `[K, D]` of the modes after normalisation, `means / scale`."""
    return mixture.means / mixture.scale


def spread(mixture: GaussianMixture) -> ArrayLike:
    """The standard deviation per axis after normalisation, `std / scale`."""
    return mixture.std / mixture.scale


def _uniform(means: np.ndarray, std: float, scale: float) -> GaussianMixture:
    num_modes = len(means)
    weights = np.full(num_modes, 1 / num_modes, np.float32)
    return GaussianMixture(means.astype(np.float32), std, weights, scale)


def _check_count(name: str, value: int, least: int = 1) -> None:
    if value < least:
        raise errors.UserError(f"{name} is {value}; it must be at least {least}.")


def _check_positive(**values: float) -> None:
    for name, value in values.items():
        if not (value > 0 and math.isfinite(value)):
            raise errors.UserError(
                f"{name} is {value}; it must be positive and finite."
            )


_NOISE_DIMENSIONS = 700

_CALIBRATED = 28.0778
"""Root of the chi-squared quantile of 700 degrees of freedom at `1 - exp(-9 / 2)`."""

VARIANTS = {
    # VEEGAN's setting, as PacGAN, the unrolled GAN demo and Stackelberg GAN run it.
    "pacgan_ring": ring(),
    "pacgan_grid": grid(),
    # The unrolled GAN as it is described, and as its demo has it: 7 distinct modes.
    "unrolled_ring": ring(),
    "unrolled_demo_ring": ring(endpoint=True),
    "self_conditioned_ring": ring(radius=2.0),
    "self_conditioned_grid": grid(),
    # These two normalisers are the rounded constants of the toy script, not roots.
    "wgan_gp_ring": ring(radius=2.0, std=0.02, scale=1.414),
    "wgan_gp_grid": grid(scale=2.828),
    # Symplectic gradient adjustment: 4 x 4 modes.
    "sga_grid": grid(side=4, spacing=1.0, std=0.02),
    # By the rule as published, and by one that perfect samples pass.
    "veegan_1200d": embedded(10.0),
    "veegan_1200d_calibrated": embedded(),
}
"""The published settings, by paper and shape."""
