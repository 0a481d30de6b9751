"""How well a discriminator tells real samples from others, and how sure it is of it.

On samples that it was not trained on. Neither more nor less is better: against a
perfect generator nobody tells them apart. Host code, of logits that are computed
already.
"""

import numpy as np
from jax.typing import ArrayLike

from jaxgan.core import errors
from jaxgan.scores import record

BINS = 15


def area_under_curve(real_logits: ArrayLike, other_logits: ArrayLike) -> record.Score:
    """How often a real sample has the larger logit: the area under the ROC curve.

    `P(D(real) > D(other)) + P(D(real) = D(other)) / 2` over all pairs. It is 1/2 for a
    discriminator that knows nothing, and 0 for one that is always wrong. Any increasing
    function of the logits has the same.

    Args:
      real_logits: `[N]`, large for real.
      other_logits: `[M]`, of generated samples or of another distribution.

    Returns:
      A share in [0, 1]; NaN if logits are not finite. `spread` is DeLong's standard
      error, None with fewer than two samples of either kind.

    Raises:
      UserError: if there are no logits, or they are no vectors.

    References:
      Hanley and McNeil, The meaning and use of the area under a receiver operating
      characteristic (ROC) curve, 1982, https://doi.org/10.1148/radiology.143.1.7063747
      DeLong et al., Comparing the Areas under Two or More Correlated Receiver Operating
      Characteristic Curves, 1988, https://doi.org/10.2307/2531595
    """
    real, other = _checked(real_logits, other_logits)
    entries = {"num_real": len(real), "num_other": len(other)}
    protocol = record.protocol(
        score="area_under_curve", ties="half", spread="DeLong", **entries
    )
    if not (np.isfinite(real).all() and np.isfinite(other).all()):
        return record.Score(value=np.float64(np.nan), protocol=protocol)
    beaten, beats = _below(real, other), 1 - _below(other, real)
    spread = None
    if min(len(real), len(other)) > 1:
        parts = (own.var(ddof=1) / len(own) for own in (beaten, beats))
        spread = np.sqrt(sum(parts))
    return record.Score(value=beaten.mean(), spread=spread, protocol=protocol)


def calibration_error(
    real_logits: ArrayLike, other_logits: ArrayLike, num_bins: int = BINS
) -> record.Score:
    """How far D's probability of being real is from the share that is real.

    `sum_b w_b |mean p in b - share of real in b|` with `p = sigmoid(logit)`, over bins
    of p of equal width and their weights w. Real and other samples count alike, however
    many there are of each, as they did in training. For losses whose best logit is the
    log-odds of being real, such as `minimax` and `non_saturating`; a critic's logits
    are no probabilities.

    Args:
      real_logits: `[N]`, large for real.
      other_logits: `[M]`.
      num_bins: of equal width, from 0 to 1.

    Returns:
      An expected calibration error in [0, 1], 0 for who is as sure as it is right; NaN
      if logits are not finite.

    Raises:
      UserError: as `area_under_curve`, and if there is no bin.

    References:
      Guo et al., On Calibration of Modern Neural Networks, 2017,
      https://arxiv.org/abs/1706.04599
    """
    errors.require_whole(num_bins=num_bins)
    if num_bins < 1:
        raise errors.UserError(f"num_bins={num_bins} must be at least 1.")
    real, other = _checked(real_logits, other_logits)
    value = np.nan
    if np.isfinite(real).all() and np.isfinite(other).all():
        logits = np.concatenate([real, other])
        probability = np.exp(-np.logaddexp(0, -logits))
        sizes = len(real), len(other)
        weight = np.repeat([0.5 / sizes[0], 0.5 / sizes[1]], sizes)
        excess = probability - np.repeat([1.0, 0.0], sizes)
        bins = np.minimum((probability * num_bins).astype(int), num_bins - 1)
        gaps = np.bincount(bins, weight * excess, minlength=num_bins)
        value = np.abs(gaps).sum()
    return record.Score(
        value=np.float64(value),
        protocol=record.protocol(
            score="calibration_error",
            num_bins=num_bins,
            num_real=len(real),
            num_other=len(other),
            prior="real and other alike",
        ),
    )


def _below(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """For each x the share of y below it, those that are equal counted half."""
    y = np.sort(y)
    both = [np.searchsorted(y, x, side) for side in ("left", "right")]
    return (both[0] + both[1]) / (2 * len(y))


def _checked(real_logits, other_logits) -> tuple[np.ndarray, np.ndarray]:
    given = {"real_logits": real_logits, "other_logits": other_logits}
    made = {name: np.asarray(own, np.float64) for name, own in given.items()}
    for name, own in made.items():
        if own.ndim != 1 or not len(own):
            raise errors.UserError(
                f"{name} has shape {own.shape}; give a vector of at least one logit."
            )
    return made["real_logits"], made["other_logits"]
