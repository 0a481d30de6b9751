"""The Frechet distance between real and generated samples, in some network's features.

Only in the features of the original Inception network, and with its preprocessing, is
it called FID. Here it is "the Frechet distance in so-and-so's features", and the
protocol says whose.

References:
  Heusel et al., GANs Trained by a Two Time-Scale Update Rule, 2017,
  https://arxiv.org/abs/1706.08500
  Chong and Forsyth, Effectively Unbiased FID and Inception Score, 2019,
  https://arxiv.org/abs/1911.07023
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from jaxgan.core import decompositions, errors, randomness
from jaxgan.divergences import gaussian, offsets
from jaxgan.scores import checks, moments, record


def frechet_distance(
    real_features: Array,
    fake_features: Array,
    features: str | record.Protocol = "unnamed features",
    floor: ArrayLike | None = None,
) -> record.Score:
    """Squared Frechet distance between Gaussians fitted to two sets of features.

    `|m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2))`, the covariances unbiased (ddof 1).
    The estimate is biased upwards, the more the fewer the samples: compare only
    distances of equal `N` and `M`, and beside the floor. It stays finite with fewer
    samples than features, but says little then.

    Args:
      real_features: `[N, F]`, `N` at least 2.
      fake_features: `[M, F]`, `M` at least 2; not finite for a dead generator, whose
        distance is NaN.
      features: what the features are, in words or as the classifier's `fingerprint`.
      floor: what a perfect generator would show, from `frechet_floor` or as the
        distance between real samples and held-out real samples, `M` of them.

    Returns:
      The score; less is better.

    Raises:
      UserError: for shapes that do not fit and for fewer than two samples.

    When:
      To compare mean and covariance of features; biased by the number of samples.

    References:
      Heusel et al., GANs Trained by a Two Time-Scale Update Rule, 2017,
      https://arxiv.org/abs/1706.08500
    """
    real_features, fake_features = offsets.centred(real_features, fake_features)
    real_features = checks.features("real_features", real_features, at_least=2)
    fake_features = checks.features("fake_features", fake_features, at_least=2)
    checks.same_width("real_features", real_features, "fake_features", fake_features)
    # Without what is common to all, means keep the digits in which they differ.
    centre = jnp.mean(real_features, axis=0)
    value = gaussian.gaussian_frechet(
        *moments.finalize(moments.of(real_features - centre)),
        *moments.finalize(moments.of(fake_features - centre)),
    )
    return record.Score(
        value=value,
        floor=None if floor is None else jnp.asarray(floor),
        protocol=record.protocol(
            score="frechet_distance",
            num_real=real_features.shape[0],
            num_fake=fake_features.shape[0],
            num_features=real_features.shape[1],
            ddof=1,
            features=features,
        ),
    )


def frechet_distance_infinity(
    real_features: ArrayLike,
    fake_features: ArrayLike,
    key: Array,
    num_points: int = 15,
    features: str | record.Protocol = "unnamed features",
) -> record.Score:
    """The Frechet distance that infinitely many generated samples would show.

    The bias falls as 1 / M to leading order, so distances at `num_points` numbers of
    generated samples, evenly spaced from M / 10 to M, are fitted by least squares as
    `d(m) = value + slope / m`. All real samples are used each time: what bias their
    number brings remains. Sensible where M / 10 is above F.

    Args:
      real_features: `[N, F]`, N at least 2.
      fake_features: `[M, F]`, M at least 20; not finite for a dead generator, whose
        distance is NaN.
      key: consumed; the order from whose beginning the generated samples are taken.
      num_points: of the fit, at least 3.
      features: what the features are.

    Returns:
      The score; less is better, and it may be negative. `spread` is the standard error
      of the fit, which knows nothing of the samples being the same ones.

    Raises:
      UserError: for shapes that do not fit and for too few samples or points.

    When:
      As `frechet_distance`, with less bias and a standard error.

    References:
      Chong and Forsyth, Effectively Unbiased FID and Inception Score, 2019,
      https://arxiv.org/abs/1911.07023
    """
    if num_points < 3:
        raise errors.UserError(
            f"num_points={num_points} must be at least 3, so that the fit has an error."
        )
    real_features, fake_features = offsets.centred(real_features, fake_features)
    fake_features = checks.features("fake_features", fake_features, at_least=20)
    total = fake_features.shape[0]
    sizes = np.unique(np.linspace(total / 10, total, num_points).astype(int))
    if len(sizes) < num_points:
        raise errors.UserError(
            f"num_points={num_points} are too many for {total} generated samples; ask "
            f"for {len(sizes)}."
        )
    shuffled = jax.random.permutation(randomness.threefry(key), fake_features)
    distances = [
        frechet_distance(real_features, shuffled[:size]).value for size in sizes
    ]
    value, error = _intercept(1 / sizes, jnp.stack(distances))
    return record.Score(
        value=value,
        spread=error,
        floor=jnp.zeros((), value.dtype),
        protocol=record.protocol(
            score="frechet_distance_infinity",
            num_real=jnp.shape(real_features)[0],
            num_fake=total,
            num_features=fake_features.shape[1],
            ddof=1,
            sizes=sizes.tolist(),
            spread="standard error of the fit",
            features=features,
        ),
    )


def _intercept(x: np.ndarray, y: Array) -> tuple[Array, Array]:
    """Intercept of the least-squares line through points, and its standard error."""
    centred = x - x.mean()
    # Weights of y in the intercept; they depend on x alone.
    weights = 1 / len(x) - x.mean() * centred / (centred @ centred)
    slope = jnp.asarray(centred / (centred @ centred), y.dtype) @ y
    residuals = y - jnp.mean(y) - slope * jnp.asarray(centred, y.dtype)
    variance = jnp.sum(residuals**2) / (len(x) - 2)
    value = jnp.asarray(weights, y.dtype) @ y
    return value, jnp.sqrt(variance * (weights @ weights))


def frechet_floor(real_features: Array, num_fake: int) -> Array:
    """Expected `frechet_distance` of `num_fake` samples of a perfect generator.

    To leading order in the sampling errors of mean and covariance, for Gaussian
    features whose covariance has eigenvalues `l`:
    `(1/N + 1/M) (sum_i l_i + 1/2 sum_ij (1 + delta_ij) l_i l_j / (l_i + l_j))`.
    Good if `N` and `M` are much larger than `F`. Features with heavy tails show more:
    where there are enough real samples, the distance between two sets of them assumes
    nothing. The samples are independent of each other and of the real ones. Where those
    are split by class, in equal shares, the held-out part shows less: it lacks what
    chance does to the shares, which is much of the floor where classes lie apart.

    Args:
      real_features: `[N, F]`, the real features that the distance is measured to.
      num_fake: `M`, number of generated samples.

    Returns:
      A scalar.

    Raises:
      UserError: for a wrong shape and for fewer than two samples.

    When:
      To know what a perfect generator would show.
    """
    (real_features,) = offsets.centred(real_features)
    real_features = checks.features("real_features", real_features, at_least=2)
    _, covariance = moments.finalize(moments.of(real_features))
    return floor_of_covariance(covariance, real_features.shape[0], num_fake)


def floor_of_covariance(covariance: Array, num_real: ArrayLike, num_fake: int) -> Array:
    """`frechet_floor` of real features of which only the covariance was kept.

    Args:
      covariance: `[F, F]`, unbiased, of the real features.
      num_real: `N`.
      num_fake: `M`.

    Raises:
      UserError: for fewer than two generated samples.
    """
    if num_fake < 2:
        raise errors.UserError(f"num_fake must be at least 2, not {num_fake}.")
    eigenvalues = jnp.maximum(decompositions.eigh(covariance)[0], 0)
    products = eigenvalues[:, None] * eigenvalues[None, :]
    totals = eigenvalues[:, None] + eigenvalues[None, :]
    # The second-order term of the Bures distance, 1/2 |E_ij|^2 / (l_i + l_j), with the
    # variance (1 + delta_ij) l_i l_j of the entries of a Wishart matrix.
    ratios = jnp.where(totals > 0, products / jnp.where(totals > 0, totals, 1), 0)
    spread = jnp.sum(ratios) + jnp.trace(ratios)
    per_sample = jnp.sum(eigenvalues) + spread / 2
    return per_sample * (1 / num_real + 1 / num_fake)
