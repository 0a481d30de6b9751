"""Scores from kernels between features: the kernel distance and the Vendi score."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from jaxgan import decompositions, errors
from jaxgan.divergences import mmd
from jaxgan.scores import checks, record


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
    of samples, and single values may be negative.

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
      UserError: if widths differ, or there are fewer samples than a subset has.

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

    if num_subsets is None:
        num_subsets = min(len(real), len(fake)) // subset_size
        values = _of_disjoint(real, fake, key, num_subsets, subset_size)
        spread = jnp.std(values, ddof=1) / np.sqrt(num_subsets)
        meaning = "standard error of the mean over subsets that share no sample"
    else:
        keys = jax.random.split(key, num_subsets)
        values = _of_subsets(real, fake, keys, subset_size)
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


def vendi_score(
    similarities: ArrayLike, kernel: str = "unnamed kernel"
) -> record.Score:
    """How many different samples there are in effect: exp of the entropy of K / n.

    `exp(-sum_i l_i log l_i)`, `l` the eigenvalues of `K / n`: 1 if all samples are
    alike, n if none resembles another. It knows nothing of real samples: noise scores
    high.

    Args:
      similarities: `K [n, n]`, symmetric, positive semi-definite, 1 on the diagonal.
      kernel: what the similarities are, in words.

    Returns:
      The score, between 1 and n; more is more diverse.

    Raises:
      UserError: for another shape, and for known values that are not symmetric or not
        1 on the diagonal.

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
@functools.partial(jax.jit, static_argnums=3)
def _of_subsets(real: Array, fake: Array, keys: Array, subset_size: int) -> Array:
    def of_subset(key):
        subsets = (
            jax.random.choice(own, x, (subset_size,), replace=False)
            for own, x in zip(jax.random.split(key), (real, fake), strict=True)
        )
        return mmd.mmd2(*subsets, mmd.polynomial_kernel())

    return jax.lax.map(of_subset, keys)


@functools.partial(jax.jit, static_argnums=(3, 4))
def _of_disjoint(
    real: Array, fake: Array, key: Array, num_subsets: int, subset_size: int
) -> Array:
    subsets = (
        jax.random.permutation(own, x)[: num_subsets * subset_size].reshape(
            num_subsets, subset_size, -1
        )
        for own, x in zip(jax.random.split(key), (real, fake), strict=True)
    )
    kernel = mmd.polynomial_kernel()
    return jax.lax.map(lambda pair: mmd.mmd2(*pair, kernel), tuple(subsets))
