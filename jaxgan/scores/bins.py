"""Scores of histograms over clusters of features: NDB, and the PRD curve.

Clusters are found by k-means on the host; what is made of the counts is pure.
"""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.scipy import stats
from jax.typing import ArrayLike

from jaxgan import divergences
from jaxgan.core import errors
from jaxgan.scores import checks, distances, record

CHUNK = 1024
"""Samples whose distances to all centres are in memory at a time."""


def cluster_centres(features: ArrayLike, num_bins: int, seed: int = 0) -> np.ndarray:
    """Centres `[K, F]` of bins of real samples, by k-means.

    In float64, about the mean: neither a constant that is added to all features nor
    clusters that lie far apart take digits from the distances within them.

    Args:
      features: `[N, F]`, not fewer different samples than bins.
      num_bins: K.
      seed: of k-means.

    Returns:
      The centres, float64.

    Raises:
      UserError: if there are fewer different samples than bins, or a feature is not
        finite.
    """
    from sklearn import cluster

    checks.features("features", features, at_least=max(num_bins, 1))
    x = np.asarray(features, np.float64)
    if not np.isfinite(x).all():
        raise errors.UserError(
            "features must be finite, as no clusters can be found otherwise; leave out "
            "what is not."
        )
    different = num_different(features)
    if num_bins < 1:
        raise errors.UserError(f"num_bins={num_bins} must be at least 1.")
    if different < num_bins:
        raise errors.UserError(
            f"features holds {different} different samples among {len(x)}, too few for "
            f"num_bins={num_bins}; ask for at most {different} bins, or give more."
        )
    centre = x.mean(axis=0)
    found = cluster.KMeans(num_bins, n_init=1, random_state=seed, copy_x=False).fit(
        x - centre
    )
    return found.cluster_centers_ + centre


def num_different(features: ArrayLike) -> int:
    """How many different samples there are among `[N, F]`.

    Samples that all agree but for the rounding of a network are one: copies of an image
    can have features that differ in the last digit, by their place in a batch.
    """
    x = np.asarray(features)
    epsilon = np.finfo(x.dtype).eps if np.issubdtype(x.dtype, np.floating) else 0
    if np.all(np.ptp(x, axis=0) <= 32 * epsilon * np.abs(x).max()):
        return 1
    return len({row.tobytes() for row in x + 0.0})  # 0.0 for -0.0


def bin_counts(features: ArrayLike, centres: ArrayLike) -> Array:
    """How many samples `[N, F]` are nearest to each of the centres `[K, F]`: `[K]`.

    All are NaN if a sample is not finite, as of a dead generator.

    Raises:
      UserError: if the numbers of features differ.
    """
    points = distances.points(features, centres)
    x = checks.features("features", points[0].value)
    centres = checks.features("centres", points[1].value)
    checks.same_width("features", x, "centres", centres)
    return _counts(*points)


@jax.jit
def _counts(x: distances.Points, centres: distances.Points) -> Array:
    def of_rows(carry, index, squares):
        return carry, jnp.argmin(squares, axis=1)

    _, nearest = distances.sweep(of_rows, None, x, centres, CHUNK)
    counts = jnp.zeros(len(centres.value)).at[nearest].add(1)
    return jnp.where(jnp.isfinite(x.value).all(), counts, jnp.nan)


def number_of_distinct_bins(
    real_counts: ArrayLike, fake_counts: ArrayLike, significance: float = 0.05
) -> record.Score:
    """Bins whose shares of real and of generated samples differ significantly.

    `z = (p - q) / sqrt(s (1 - s) (1/N + 1/M))` with the pooled share s; a bin counts
    where |z| is beyond the two-sided quantile. A perfect generator shows about
    `significance K` bins, which is the floor.

    Args:
      real_counts: `[K]`, from `bin_counts`.
      fake_counts: `[K]`.
      significance: of the test of each bin.

    Returns:
      The number of bins; less is better. Divide by K to compare different K.

    Raises:
      UserError: for counts that do not fit or a significance outside (0, 1).

    When:
      To test for missing and unbalanced parts of the data.

    References:
      Richardson and Weiss, On GANs and GMMs, 2018, https://arxiv.org/abs/1805.12462
    """
    real, fake = _pair(real_counts, fake_counts)
    if not 0 < significance < 1:
        raise errors.UserError(
            f"significance={significance} must lie strictly between 0 and 1."
        )
    n, m = real.sum(), fake.sum()
    pooled = (real + fake) / (n + m)
    error = jnp.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
    difference = jnp.abs(real / n - fake / m)
    z = jnp.where(error > 0, difference / jnp.where(error > 0, error, 1), 0)
    found = jnp.sum(z > stats.norm.ppf(1 - significance / 2))
    return record.Score(
        value=jnp.where(jnp.isfinite(n + m), found, jnp.nan),
        floor=jnp.asarray(significance * len(real)),
        protocol=record.protocol(
            score="number_of_distinct_bins",
            num_bins=len(real),
            significance=significance,
            test="two proportions, pooled, two-sided, each bin by itself",
        ),
    )


def bins_js(real_counts: ArrayLike, fake_counts: ArrayLike) -> Array:
    """Jensen-Shannon divergence in nats of the shares of the bins.

    When:
      To see missing and unbalanced parts of the data in one number.
    """
    real, fake = _pair(real_counts, fake_counts)
    return divergences.js(real / real.sum(), fake / fake.sum())


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class PrecisionRecallCurve:
    """What precision can be had at what recall.

    Attributes:
      precision: `[A]`, along the curve.
      recall: `[A]`.
      f_8: the largest F-score with beta = 8, which weighs recall.
      f_1_8: with beta = 1/8, which weighs precision.
      protocol: how they came about.
    """

    precision: Array
    recall: Array
    f_8: Array
    f_1_8: Array
    protocol: record.Protocol = dataclasses.field(default=(), metadata={"static": True})


def prd_of_counts(
    real_counts: ArrayLike, fake_counts: ArrayLike, num_angles: int = 1001
) -> PrecisionRecallCurve:
    """The PRD curve of two histograms.

    At slope `l`, `precision = sum_k min(l p_k, q_k)` and `recall = precision / l`, p
    the shares of real and q of generated samples.

    Args:
      real_counts: `[K]`.
      fake_counts: `[K]`.
      num_angles: slopes `tan(a)`, evenly spaced in the angle a.

    Raises:
      UserError: for counts that do not fit, or fewer than three angles.

    When:
      To tell missing from invented mass, from counts of clusters.

    References:
      Sajjadi et al., Assessing Generative Models via Precision and Recall, 2018,
      https://arxiv.org/abs/1806.00035
    """
    real, fake = _pair(real_counts, fake_counts)
    if num_angles < 3:
        raise errors.UserError(f"num_angles={num_angles} must be at least 3.")
    edge = 1e-6
    slopes = jnp.tan(jnp.linspace(edge, jnp.pi / 2 - edge, num_angles))[:, None]
    p, q = real / real.sum(), fake / fake.sum()
    precision = jnp.clip(jnp.sum(jnp.minimum(slopes * p, q), 1), 0, 1)
    recall = jnp.clip(jnp.sum(jnp.minimum(p, q / slopes), 1), 0, 1)
    return PrecisionRecallCurve(
        precision=precision,
        recall=recall,
        f_8=jnp.max(_f_score(precision, recall, 8.0)),
        f_1_8=jnp.max(_f_score(precision, recall, 1 / 8)),
        protocol=record.protocol(
            score="prd", num_bins=len(real), num_angles=num_angles
        ),
    )


def prd(
    real_features: ArrayLike,
    fake_features: ArrayLike,
    num_bins: int = 20,
    num_angles: int = 1001,
    num_runs: int = 10,
    seed: int = 0,
    features: str | record.Protocol = "unnamed features",
) -> PrecisionRecallCurve:
    """The PRD curve of features, mean over several clusterings of their union.

    Runs on the host, as it clusters; F-scores are those of the mean curve. A set that
    is not finite, as of a dead generator, has a curve of NaN.

    Args:
      real_features: `[N, F]`.
      fake_features: `[N, F]`, as many.
      num_bins: clusters, fewer if there are fewer different samples.
      num_angles: points of the curve.
      num_runs: clusterings.
      seed: of the first one.
      features: what the features are.

    Raises:
      UserError: if shapes differ, as clusters of a larger set would favour it, or both
        sets together have fewer samples than bins.

    When:
      To tell missing from invented mass, from features.

    References:
      Sajjadi et al., Assessing Generative Models via Precision and Recall, 2018,
      https://arxiv.org/abs/1806.00035
    """
    checks.features("real_features", real_features)
    checks.features("fake_features", fake_features)
    real, fake = np.asarray(real_features), np.asarray(fake_features)
    if real.shape != fake.shape:
        raise errors.UserError(
            f"real_features and fake_features have shapes {real.shape} and "
            f"{fake.shape}; give as many samples of both."
        )
    if num_runs < 1:
        raise errors.UserError(f"num_runs={num_runs} must be at least 1.")
    both = np.concatenate([real, fake])
    checks.features("real_features and fake_features", both, at_least=num_bins)
    num_bins = min(num_bins, num_different(both))
    curves = [
        prd_of_counts(*_counts_of_both(real, fake, num_bins, seed + run), num_angles)
        for run in range(num_runs)
    ]
    precision = jnp.mean(jnp.stack([curve.precision for curve in curves]), 0)
    recall = jnp.mean(jnp.stack([curve.recall for curve in curves]), 0)
    return PrecisionRecallCurve(
        precision=precision,
        recall=recall,
        f_8=jnp.max(_f_score(precision, recall, 8.0)),
        f_1_8=jnp.max(_f_score(precision, recall, 1 / 8)),
        protocol=record.protocol(
            score="prd",
            num_real=len(real),
            num_fake=len(fake),
            num_bins=num_bins,
            num_angles=num_angles,
            num_runs=num_runs,
            seed=seed,
            features=features,
        ),
    )


def _counts_of_both(
    real: np.ndarray, fake: np.ndarray, num_bins: int, seed: int
) -> tuple[Array, Array]:
    """Counts of both sets in clusters of their union; NaN where it is not finite."""
    both = np.concatenate([real, fake])
    if not np.isfinite(both).all():
        unknown = jnp.full(num_bins, jnp.nan)
        return unknown, unknown
    centres = cluster_centres(both, num_bins, seed)
    return bin_counts(real, centres), bin_counts(fake, centres)


def _f_score(precision: Array, recall: Array, beta: float) -> Array:
    below = beta**2 * precision + recall
    above = (1 + beta**2) * precision * recall
    return jnp.where(below == 0, 0, above / jnp.where(below == 0, 1, below))


def _pair(real, fake) -> tuple[Array, Array]:
    real, fake = (jnp.asarray(x, jnp.float32) for x in (real, fake))
    if real.ndim != 1 or real.shape != fake.shape or not real.size:
        raise errors.UserError(
            f"counts have shapes {real.shape} and {fake.shape}; both must be [bins]."
        )
    return real, fake
