"""Within the modes of a mixture: are the points of a mode spread as they should be?

Mode coverage and the share of good samples are both perfect for a generator that makes
the centre of each mode over and over. The scores here look at what is left when each
sample is seen from the centre of its nearest mode, in standard deviations of the mode:

    r = (x - mean_k) / std_k,   of N(0, I) for a perfect generator.

References:
  Szekely and Rizzo, Energy Statistics: A Class of Statistics Based on Distances, 2013.
"""

import math

import jax
import jax.numpy as jnp
from jax import Array
from jax.scipy import special
from jax.typing import ArrayLike

from jaxgan.core import errors
from jaxgan.divergences import offsets
from jaxgan.scores import record

BLOCK = 256
"""Samples whose distances to all others are held at once."""

SURE = 3.0
"""Deviations of a perfect generator's value below 1 that are no luck."""


def within_mode_deviation(
    x: Array,
    mode: Array,
    high_quality: Array,
    means: Array,
    std: ArrayLike,
    threshold: float = 3.0,
) -> record.Score:
    """Standard deviation of the good samples of a mode, in the place of the real one.

    The ratio `sqrt(mean_k v_k / v)`, with `v_k` the variance of r over the good samples
    of mode k and all coordinates (ddof 1), and `v` that of N(0, I) within the threshold
    t:

        v = P(chi2_{D+2} < t^2) / P(chi2_D < t^2)

    It is 1 for a perfect generator and 0 for one that repeats a sample in each mode.
    Stray samples do not count, so that they cannot hide a mode that has collapsed.

    Args:
      x: `[N, D]` samples.
      mode: int `[N]`, from `nearest_mode` by the Euclidean rule.
      high_quality: bool `[N]`, likewise.
      means: `[K, D]` means of the modes.
      std: standard deviation of every mode, a scalar or `[K]`.
      threshold: by which samples are good.

    Returns:
      The score, its spread that of a perfect generator with as many good samples; NaN
      if no mode has two of them. Its warning is true if modes are narrower than chance
      makes them, which lifts the share of good samples above its ceiling.

    Raises:
      UserError: for shapes that do not fit.

    When:
      To see modes that shrink to points, which coverage takes for perfect.
    """
    r, member = _residuals(x, mode, means, std)
    member = member & high_quality[:, None]
    dimensions, counts = r.shape[1], jnp.sum(member, axis=0)
    own = jnp.where(member, 1 / jnp.maximum(counts, 1), 0.0)
    # Elementwise products and sums, as accelerators contract with fewer digits.
    r = jnp.where(jnp.any(member, axis=1)[:, None], r, 0)
    centres = jnp.sum(own[:, :, None] * r[:, None], axis=0)
    squares = jnp.sum((r[:, None] - centres) ** 2, axis=-1)
    variances = jnp.sum(own * squares, axis=0) / dimensions
    variances = variances * counts / jnp.maximum(counts - 1, 1)
    real = special.gammainc(dimensions / 2 + 1, threshold**2 / 2)
    real = real / special.gammainc(dimensions / 2, threshold**2 / 2)
    known = counts > 1
    number = jnp.sum(known)
    mean = jnp.sum(jnp.where(known, variances, 0)) / jnp.maximum(number, 1)
    freedom = dimensions * jnp.sum(jnp.where(known, counts - 1, 0))
    value = jnp.where(number > 0, jnp.sqrt(mean / real), jnp.nan)
    spread = jnp.where(number > 0, 1 / jnp.sqrt(2 * freedom), jnp.nan)
    return record.Score(
        value=value,
        spread=spread,
        warning=value < 1 - SURE * spread,
        protocol=record.protocol(
            score="within_mode_deviation",
            samples="good samples, by nearest mode",
            threshold=threshold,
            perfect=1.0,
            spread="about the standard deviation of a perfect generator's value",
            warning="modes too narrow: more good samples than there should be",
            num_samples=x.shape[0],
        ),
    )


def within_mode_energy(
    x: Array, mode: Array, means: Array, std: ArrayLike
) -> record.Score:
    """Energy distance of the samples of a mode to the mode, in its deviations.

    The root of the mean over the modes that have samples of

        2 E|r - Y| - E|r - r'| - E|Y - Y'|,   Y and Y' of N(0, I),

    over all finite samples of a mode, good or not, and all their pairs, equal ones
    included. In the plane `E|Y - Y'|` is the root of pi, and `E|a - Y|` is, with
    `u = |a|^2 / 2` and Bessel functions I,

        sqrt(pi / 2) exp(-u / 2) ((1 + u) I_0(u / 2) + u I_1(u / 2)).

    Args:
      x: `[N, 2]` samples.
      mode: int `[N]`, the nearest mode, -1 for samples that are not finite.
      means: `[K, 2]` means of the modes.
      std: standard deviation of every mode, a scalar or `[K]`.

    Returns:
      The score, 0.857 for copies of the centres; its floor, the root of the mean over
      modes of `sqrt(pi) / n_k`, is what a perfect generator shows with `n_k` samples of
      each mode. NaN if no sample is finite.

    Raises:
      UserError: for shapes that do not fit, and samples that are not in the plane.

    When:
      To see whether a mode has the right shape; 0 but for noise is right.

    References:
      Szekely and Rizzo, Energy Statistics, 2013
    """
    r, member = _residuals(x, mode, means, std)
    if r.shape[1] != 2:
        raise errors.UserError(
            f"x has shape {x.shape}; energy distances within modes are those of points "
            "[N, 2] in the plane."
        )
    counts = jnp.sum(member, axis=0)
    own = jnp.where(member, 1 / jnp.maximum(counts, 1), 0.0)
    across = jnp.sum(own * _distance_to_normal(r)[:, None], axis=0)
    within = jnp.sum(own**2 * _distances_in_mode(r, mode)[:, None], axis=0)
    squares = 2 * across - within - math.sqrt(math.pi)
    number = jnp.sum(counts > 0)

    def root_of_mean(values):
        mean = jnp.sum(jnp.where(counts > 0, values, 0)) / jnp.maximum(number, 1)
        return jnp.where(number > 0, jnp.sqrt(jnp.maximum(mean, 0)), jnp.nan)

    return record.Score(
        value=root_of_mean(squares),
        floor=root_of_mean(math.sqrt(math.pi) / jnp.maximum(counts, 1)),
        protocol=record.protocol(
            score="within_mode_energy",
            samples="all finite samples, by nearest mode",
            unit="standard deviations of the mode",
            estimator="V-statistic against the mode's own law",
            num_samples=x.shape[0],
        ),
    )


def _residuals(
    x: Array, mode: Array, means: Array, std: ArrayLike
) -> tuple[Array, Array]:
    """Samples `[N, D]` seen from their mode, and whose `[N, K]` they are."""
    if jnp.ndim(x) != 2 or jnp.ndim(means) != 2 or x.shape[1] != means.shape[1]:
        raise errors.UserError(
            "x and means must have shapes [samples, dimensions] and [modes, "
            f"dimensions], not {jnp.shape(x)} and {jnp.shape(means)}."
        )
    if jnp.shape(mode) != x.shape[:1]:
        raise errors.UserError(
            f"mode must have one entry for each of the {x.shape[0]} samples, not the "
            f"shape {jnp.shape(mode)}."
        )
    x, means = map(jnp.asarray, offsets.centred(x, means))
    means = jnp.asarray(means, x.dtype)
    std = jnp.broadcast_to(jnp.asarray(std, x.dtype), means.shape[:1])
    r = (x - means[mode]) / std[mode][:, None]
    r = jnp.where((mode >= 0)[:, None], r, 0)
    return r, mode[:, None] == jnp.arange(len(means))


def _distance_to_normal(a: Array) -> Array:
    """`E|a - Y|` of points `[N, 2]`, Y of N(0, I)."""
    u = jnp.sum(a**2, axis=-1) / 2
    bessel = (1 + u) * special.i0e(u / 2) + u * special.i1e(u / 2)
    return math.sqrt(math.pi / 2) * bessel


def _distances_in_mode(r: Array, mode: Array) -> Array:
    """The sum of the distances of each sample `[N]` to all of its own mode."""

    def of_one(one):
        point, own = one
        distances = jnp.hypot(r[:, 0] - point[0], r[:, 1] - point[1])
        return jnp.sum(jnp.where(mode == own, distances, 0))

    return jax.lax.map(of_one, (r, mode), batch_size=BLOCK)
