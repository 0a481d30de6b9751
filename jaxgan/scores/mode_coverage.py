"""Mode coverage: how many modes a generator found, and how evenly it fills them.

`nearest_mode` (for mixtures with known means), `confident_class` (for a classifier) or
`stacked_classes` (for stacked digits) says of each sample which mode it belongs to and
whether it is any good; `mode_coverage` turns that into the figures of the literature.
Two numbers belong together: with a threshold as weak as one good sample a mode, all
modes can be captured by a generator that hardly ever makes a good sample.

References:
  Srivastava et al., VEEGAN, 2017, https://arxiv.org/abs/1705.07761
  Lin et al., PacGAN, 2017, https://arxiv.org/abs/1712.04086
"""

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.scipy import special
from jax.typing import ArrayLike

from jaxgan.core import errors
from jaxgan.divergences import checks, offsets
from jaxgan.scores import checks as score_checks
from jaxgan.scores import record

RULES = ("euclidean", "box")


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class ModeCoverage:
    """How a sample spreads over the modes.

    Attributes:
      modes: int32, modes captured: those nearest to at least one good sample.
      high_quality: share of good samples among ALL samples, dead ones included.
      reverse_kl: `KL(histogram || reference)` in nats, over all finite samples, good
        or not; infinite if a mode that the reference lacks is hit; NaN if no sample
        is finite.
      floor: `(K - 1) / 2n`, the expected `reverse_kl` of a perfect generator with as
        many finite samples `n` and the `K` modes of the reference; NaN if `n` is 0.
        It is of independent samples: held-out ones of a stratified split, whose shares
        of the classes are those of the rest, lie far below it.
      entropy: of the shares of the modes among the finite samples, in nats: 0 for one
        mode, log K for K alike; NaN if no sample is finite. As much as the reference
        has is right, less `floor`, which chance takes away.
      histogram: int32 `[K]`, number of finite samples nearest to each mode.
      finite: share of finite samples.
      collapsed: bool, complete collapse: at most one of several modes captured.
      protocol: how the figures came about.
    """

    modes: Array
    high_quality: Array
    reverse_kl: Array
    floor: Array
    entropy: Array
    histogram: Array
    finite: Array
    collapsed: Array
    protocol: record.Protocol = dataclasses.field(default=(), metadata={"static": True})


def nearest_mode(
    x: Array,
    means: Array,
    std: ArrayLike,
    threshold: float = 3.0,
    rule: str = "euclidean",
) -> tuple[Array, Array]:
    """Assigns samples to the nearest mean, and says which are close to it.

    Args:
      x: `[N, D]` samples.
      means: `[K, D]` means of the modes.
      std: standard deviation of every mode, a scalar or `[K]`.
      threshold: a good sample is closer than this many standard deviations.
      rule: "euclidean" measures the distance to the mean (VEEGAN, PacGAN); "box"
        each coordinate by itself (the code of self-conditioned GANs). Their ceilings
        differ: see `high_quality_ceiling`.

    Returns:
      `(mode [N], high_quality [N])`: the mode in 0 ... K-1, or -1 if a coordinate of
      the sample is not finite, and whether the sample is good.

    Raises:
      UserError: for an unknown rule and for shapes that do not fit.

    Example:
      >>> means = jnp.array([[0.0, 0.0], [3.0, 0.0]])
      >>> x = jnp.array([[0.1, 0.0], [3.0, 1.0]])
      >>> mode, good = scores.nearest_mode(x, means, std=0.1)
      >>> print(mode, good)
      [0 1] [ True False]

    When:
      For `mode_coverage` of points.
    """
    _check_rule(rule)
    if jnp.ndim(x) != 2 or jnp.ndim(means) != 2 or x.shape[1] != means.shape[1]:
        raise errors.UserError(
            "x and means must have shapes [samples, dimensions] and [modes, "
            f"dimensions], not {jnp.shape(x)} and {jnp.shape(means)}."
        )
    x, means = map(jnp.asarray, offsets.centred(x, means))
    # Differences rather than |x|^2 - 2 x.m + |m|^2, whose rounding is not small
    # beside modes as narrow as 0.01.
    difference = x[:, None, :] - means[None, :, :]
    squared = jnp.sum(difference**2, axis=-1)
    finite = jnp.all(jnp.isfinite(x), axis=-1)
    mode = jnp.argmin(squared, axis=-1)
    limit = threshold * jnp.broadcast_to(jnp.asarray(std, x.dtype), means.shape[:1])
    if rule == "euclidean":
        close = squared < limit**2
    else:
        close = jnp.max(jnp.abs(difference), axis=-1) < limit
    high_quality = jnp.take_along_axis(close, mode[:, None], axis=-1)[:, 0] & finite
    return jnp.where(finite, mode, -1), high_quality


def confident_class(probs: Array, threshold: float = 0.5) -> tuple[Array, Array]:
    """Assigns samples to their most probable class; good ones are above `threshold`.

    Args:
      probs: `[N, K]` class probabilities.
      threshold: a good sample has a class more probable than this.

    Returns:
      `(mode [N], high_quality [N])`, the mode -1 if a probability is not finite.

    Raises:
      UserError: for known values that are no probabilities.

    When:
      For `mode_coverage` of images with classes.
    """
    probs = score_checks.class_probabilities(probs)
    finite = jnp.all(jnp.isfinite(probs), axis=-1)
    high_quality = (jnp.max(probs, axis=-1) > threshold) & finite
    return jnp.where(finite, jnp.argmax(probs, axis=-1), -1), high_quality


def stacked_classes(probs: Array, threshold: float = 0.5) -> tuple[Array, Array]:
    """Assigns samples of several images, one a channel, to a mode per tuple of classes.

    Stacked MNIST has D = 3 digits of K = 10 classes in each sample, and so 1,000 modes;
    the mode of classes `c_1 .. c_D` is `sum_d c_d K^(D - d)`. A sample is good if each
    of its images has a class more probable than the threshold.

    Args:
      probs: `[N, D, K]` class probabilities of each image.
      threshold: as for `confident_class`.

    Returns:
      `(mode [N], high_quality [N])`, the mode -1 if a probability is not finite.

    Raises:
      UserError: for another shape, and known values that are no probabilities.

    When:
      For `mode_coverage` of images that are stacked as channels.

    References:
      Srivastava et al., VEEGAN, 2017, https://arxiv.org/abs/1705.07761
    """
    shape = jnp.shape(probs)
    if len(shape) != 3:
        raise errors.UserError(
            f"probs of shape {shape} must be [N, D, K], the class probabilities of D "
            "images in each sample."
        )
    _, depth, num_classes = shape
    flat = jnp.reshape(probs, (-1, num_classes))
    classes, good = (x.reshape(-1, depth) for x in confident_class(flat, threshold))
    mode = classes @ num_classes ** jnp.arange(depth - 1, -1, -1)
    finite = jnp.all(classes >= 0, axis=-1)
    return jnp.where(finite, mode, -1), jnp.all(good, axis=-1)


def mode_coverage(
    mode: Array,
    high_quality: Array,
    reference: Array,
    protocol: record.Protocol = (),
) -> ModeCoverage:
    """Modes captured, share of good samples, and reverse KL to the reference.

    Conventions: one good sample captures a mode; the reverse KL is that of ALL
    finite samples, each counted for its nearest mode whatever its quality
    (self-conditioned GANs; PacGAN's code counts good samples only).

    A dead generator, of whose samples none is finite, captures no mode, has
    `high_quality` and `finite` 0 and a NaN `reverse_kl`, and counts as collapsed.

    Args:
      mode: int `[N]`, the mode of each sample, -1 for samples that are not finite.
      high_quality: bool `[N]`, whether each sample is good.
      reference: `[K]` share or count of each mode in the real data; normalised here.
      protocol: how modes were assigned, added to the record's protocol.

    Returns:
      A `ModeCoverage`.

    Raises:
      UserError: for shapes that do not fit, and for a reference that is known before
        tracing and is no distribution.

    When:
      To count the modes that are hit, where they are known.
    """
    if len(jnp.shape(mode)) != 1 or 0 in mode.shape or mode.shape != high_quality.shape:
        raise errors.UserError(
            "mode and high_quality must both have shape [samples], not "
            f"{jnp.shape(mode)} and {jnp.shape(high_quality)}."
        )
    _check_reference(reference)
    mode, high_quality = jnp.asarray(mode), jnp.asarray(high_quality)
    num_samples, num_modes = mode.shape[0], jnp.shape(reference)[0]
    reference = jnp.asarray(reference, jnp.result_type(float))
    reference = reference / jnp.sum(reference)

    member = mode[:, None] == jnp.arange(num_modes)  # [N, K]; no True for mode -1
    histogram = jnp.sum(member, axis=0)
    captured = jnp.any(member & high_quality[:, None], axis=0)
    modes = jnp.sum(captured)
    count = jnp.sum(histogram)
    shares = histogram / jnp.maximum(count, 1)
    divergence = jnp.sum(special.rel_entr(shares, reference))
    floor = (jnp.sum(reference > 0) - 1) / (2 * jnp.maximum(count, 1))
    return ModeCoverage(
        modes=modes,
        high_quality=jnp.mean((jnp.any(member, axis=1) & high_quality) * 1.0),
        reverse_kl=jnp.where(count > 0, divergence, jnp.nan),
        floor=jnp.where(count > 0, floor, jnp.nan),
        entropy=jnp.where(count > 0, jnp.sum(special.entr(shares)), jnp.nan),
        histogram=histogram,
        finite=count / num_samples,
        collapsed=modes <= min(1, num_modes - 1),
        protocol=record.protocol(
            score="mode_coverage",
            num_samples=num_samples,
            num_modes=num_modes,
            captured="at least one good sample",
            reverse_kl="all finite samples, by nearest mode, in nats",
        )
        + protocol,
    )


def high_quality_ceiling(
    threshold: float, num_dimensions: int, rule: str = "euclidean"
) -> float:
    """The share of good samples of a perfect generator of isotropic Gaussian modes.

    In two dimensions and with a threshold of 3 it is `1 - exp(-9/2)`, 98.889 %, by
    the euclidean rule, and 99.461 % by the box rule. A share above the ceiling means
    that the generated modes are too narrow.

    Raises:
      UserError: for an unknown rule.
    """
    _check_rule(rule)
    if rule == "box":
        return math.erf(threshold / math.sqrt(2)) ** num_dimensions
    return float(special.gammainc(num_dimensions / 2, threshold**2 / 2))


def _check_rule(rule):
    if rule not in RULES:
        raise errors.UserError(f"rule must be one of {', '.join(RULES)}, not {rule!r}.")


def _check_reference(reference):
    shape = jnp.shape(reference)
    if len(shape) != 1 or shape[0] == 0:
        raise errors.UserError(
            f"reference must have one entry per mode, not the shape {shape}."
        )
    values = checks.concrete(reference)
    if values is None:
        return
    values = values.astype(np.float64)
    if not (np.isfinite(values).all() and values.min() >= 0 and values.sum() > 0):
        raise errors.UserError(
            "reference must hold shares or counts of the modes, none negative and "
            f"some positive, not {values.tolist()}."
        )
