"""Scores from kernels between features: the kernel distance and the Vendi score."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from jaxgan.core import decompositions, errors, randomness
from jaxgan.divergences import checks as divergence_checks
from jaxgan.divergences import mmd, offsets
from jaxgan.scores import checks, record

MOST_OFFSET = 5
"""See `far_from_origin`."""


def kernel_distance(
    real_features: ArrayLike,
    fake_features: ArrayLike,
    key: Array,
    num_subsets: int | None = 100,
    subset_size: int = 1000,
    features: str | record.Protocol = "unnamed features",
) -> record.Score:
    """Unbiased squared MMD with the kernel (x.y / F + 1)^3, the mean over subsets.

    In the features of the Inception network it is called KID. Unlike a Frechet
    distance it has no bias: its expectation is 0 for a perfect generator at any number
    of samples, and single values may be negative. The kernel measures from the origin,
    so that a constant added to both sets changes the distance; features that lie too
    far from it, as coordinates may do, are refused.

    Args:
      real_features: `[N, F]`.
      fake_features: `[M, F]`; not finite for a dead generator, whose distance is NaN.
      key: consumed; which samples are in a subset, drawn without replacement.
      num_subsets: over which the mean is taken. None for subsets that share no sample,
        as many as there are.
      subset_size: samples of each set in a subset, at most N and M; 1000 as published.
      features: what the features are.

    Returns:
      The score; less is better. `spread` is the standard deviation over the subsets,
      as published; as they overlap it is no standard error. Of subsets that share no
      sample it is the standard error of the mean, NaN of a single one.

    Raises:
      UserError: if widths differ, there are fewer samples than a subset has, or known
        real features lie farther from the origin than `far_from_origin` allows.

    When:
      To compare features without bias; `num_subsets=None` gives a standard error.

    References:
      Binkowski et al., Demystifying MMD GANs, 2018, https://arxiv.org/abs/1801.01401
    """
    if (num_subsets is not None and num_subsets < 1) or subset_size < 2:
        raise errors.UserError(
            f"num_subsets={num_subsets} must be at least 1 and "
            f"subset_size={subset_size} at least 2."
        )
    real = checks.features("real_features", real_features, at_least=subset_size)
    fake = checks.features("fake_features", fake_features, at_least=subset_size)
    checks.same_width("real_features", real, "fake_features", fake)
    far = far_from_origin(real_features)
    if far is not None:
        raise errors.UserError(
            f"{far}; subtract the same from both sets, such as the mean of the real "
            "features."
        )
    key = randomness.threefry(key)
    origin = offsets.of(real_features, fake_features)
    pair = offsets.centred(real_features, fake_features)
    real, fake = map(divergence_checks.floating, pair)

    if num_subsets is None:
        num_subsets = min(len(real), len(fake)) // subset_size
        values = _of_disjoint(real, fake, origin, key, num_subsets, subset_size)
        spread = jnp.std(values, ddof=1) / np.sqrt(num_subsets)
        meaning = "standard error of the mean over subsets that share no sample"
    else:
        keys = jax.random.split(key, num_subsets)
        values = _of_subsets(real, fake, origin, keys, subset_size)
        spread = jnp.std(values)
        meaning = "population standard deviation over the subsets"
    return record.Score(
        value=jnp.mean(values),
        spread=spread,
        floor=jnp.zeros((), values.dtype),
        protocol=record.protocol(
            score="kernel_distance",
            num_real=real.shape[0],
            num_fake=fake.shape[0],
            num_features=real.shape[1],
            kernel="(x.y / F + 1)^3",
            estimator="unbiased",
            num_subsets=num_subsets,
            subset_size=subset_size,
            spread=meaning,
            features=features,
        ),
    )


def far_from_origin(real_features: ArrayLike) -> str | None:
    """Why there is no kernel distance to these features, if there is none.

    Where their mean is more than `MOST_OFFSET` times as far from the origin as
    `(F + mean |x - mean|^2)^(1/2)`, products say where the origin is and little else.

    Args:
      real_features: `[N, F]`; passes if it is not known.

    Returns:
      The reason, as a sentence without its end, or None.
    """
    x = divergence_checks.concrete(real_features)
    if x is None:
        return None
    offset, spread = offset_and_spread(x)
    if not offset**2 > MOST_OFFSET**2 * (x.shape[1] + spread**2):
        return None
    return (
        f"the kernel distance measures from the origin, of which the mean of the real "
        f"features is {offset:.3g} away, while they are {spread:.3g} from their mean, "
        "so that it would tell where the origin was put"
    )


def offset_and_spread(features: ArrayLike) -> tuple[float, float]:
    """How far the mean of `[N, F]` is from the origin, and they from their mean.

    The second is the root of the mean square.
    """
    x = np.asarray(features)
    mean = x.mean(axis=0, dtype=np.float64)
    variance = x.var(axis=0, dtype=np.float64)
    return float(np.linalg.norm(mean)), float(np.sqrt(variance.sum()))


def vendi_score(
    similarities: ArrayLike, kernel: str = "unnamed kernel"
) -> record.Score:
    """How many different samples there are in effect: exp of the entropy of K / n.

    `exp(-sum_i l_i log l_i)`, `l` the eigenvalues of `K / n`: 1 if all samples are
    alike, n if none resembles another. It knows nothing of real samples: noise scores
    high, so that as much as as many real samples show is better.

    Args:
      similarities: `K [n, n]`, symmetric, positive semi-definite, 1 on the diagonal.
      kernel: what the similarities are, in words.

    Returns:
      The score, between 1 and n; more is more diverse, which is not better by itself.

    Raises:
      UserError: for another shape, and for known values that are not symmetric or not
        1 on the diagonal.

    When:
      To see diversity alone, of noise too; as much as real samples have is right.

    References:
      Friedman and Dieng, The Vendi Score, 2022, https://arxiv.org/abs/2210.02410
    """
    gram = checks.features("similarities", similarities)
    n = len(gram)
    if gram.shape[1] != n:
        raise errors.UserError(
            f"similarities must have shape [samples, samples], not {gram.shape}."
        )
    if not isinstance(gram, jax.core.Tracer):
        _check_similarities(gram)
    # Rounding can make an eigenvalue of 0 negative; it has no entropy.
    eigenvalues = jnp.clip(decompositions.eigh(gram / n)[0], 0)
    logs = jnp.log(jnp.where(eigenvalues > 0, eigenvalues, 1))
    return record.Score(
        value=jnp.exp(-jnp.sum(eigenvalues * logs)),
        floor=jnp.ones((), gram.dtype),
        ceiling=jnp.asarray(n, gram.dtype),
        protocol=record.protocol(score="vendi_score", num_samples=n, kernel=kernel),
    )


def _check_similarities(gram: Array) -> None:
    # NaN passes, as of a dead generator.
    asymmetry = jnp.nanmax(jnp.abs(gram - gram.T))
    off = jnp.nanmax(jnp.abs(jnp.diagonal(gram) - 1))
    if asymmetry > 1e-4 or off > 1e-4:
        raise errors.UserError(
            "similarities must be symmetric with 1 on the diagonal, but differ from "
            f"that by {float(jnp.maximum(asymmetry, off)):.3g}; normalise the kernel."
        )


# Compiled as a whole: by itself a map over a local function is compiled anew, and kept,
# at each call.
@functools.partial(jax.jit, static_argnums=4)
def _of_subsets(
    real: Array, fake: Array, origin: ArrayLike, keys: Array, subset_size: int
) -> Array:
    kernel = mmd.polynomial_kernel(origin=origin)

    def of_subset(key):
        subsets = (
            jax.random.choice(own, x, (subset_size,), replace=False)
            for own, x in zip(jax.random.split(key), (real, fake), strict=True)
        )
        return mmd.mmd2(*subsets, kernel)

    return jax.lax.map(of_subset, keys)


@functools.partial(jax.jit, static_argnums=(4, 5))
def _of_disjoint(
    real: Array,
    fake: Array,
    origin: ArrayLike,
    key: Array,
    num_subsets: int,
    subset_size: int,
) -> Array:
    subsets = (
        jax.random.permutation(own, x)[: num_subsets * subset_size].reshape(
            num_subsets, subset_size, -1
        )
        for own, x in zip(jax.random.split(key), (real, fake), strict=True)
    )
    kernel = mmd.polynomial_kernel(origin=origin)
    return jax.lax.map(lambda pair: mmd.mmd2(pair[0], pair[1], kernel), tuple(subsets))
