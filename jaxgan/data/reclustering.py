"""Clusters that follow features which change, and keep their identities.

A GAN that is trained on clusters of its own discriminator's features is clustered anew
from time to time. Cluster k should then still be what it was, as far as it can: its
generator has learnt it.

References:
  Liu et al., Diverse Image Generation via Self-Conditioned GANs, 2020, section 3,
  https://arxiv.org/abs/2006.10728
  Kuhn, The Hungarian Method for the Assignment Problem, 1955,
  https://doi.org/10.1002/nav.3800020109
"""

from typing import Any

import numpy as np
from jax.typing import ArrayLike

from jaxgan.core import errors
from jaxgan.data import modes


def matched(labels: ArrayLike, before: ArrayLike, num_modes: int) -> np.ndarray:
    """Renames clusters so that as many samples as possible keep the label they had.

    Args:
      labels: `[N]` integers in 0 .. K - 1, the new clusters under any names.
      before: `[N]` integers in 0 .. K - 1, the clusters that were.
      num_modes: K.

    Returns:
      `[N]` int32, `labels` under the permutation of 0 .. K - 1 that agrees with
      `before` at the most samples.

    Raises:
      UserError: if labels are not integers in 0 .. K - 1 of the same samples.
    """
    from scipy import optimize

    own, old = np.asarray(labels), np.asarray(before)
    for name, given in {"labels": own, "before": old}.items():
        whole = given.ndim == 1 and np.issubdtype(given.dtype, np.integer)
        if not whole or not given.size or given.min() < 0 or given.max() >= num_modes:
            raise errors.UserError(
                f"{name} is {errors.shown(given)}, but must hold whole numbers in "
                f"0..{num_modes - 1}, one per sample."
            )
    if own.shape != old.shape:
        raise errors.UserError(
            f"labels are of {len(own)} samples and before of {len(old)}; give those of "
            "the same."
        )
    agreeing = np.zeros((num_modes, num_modes), np.int64)
    np.add.at(agreeing, (own, old), 1)
    _, names = optimize.linear_sum_assignment(agreeing, maximize=True)
    return names.astype(np.int32)[own]


def clustered(features: ArrayLike, num_modes: int, seed: int = 0) -> np.ndarray:
    """Clusters features by k-means, begun by k-means++.

    At most 5,000 samples are fitted, a random subset if there are more; all others join
    the nearest mean. Cheaper than `modes.cluster`, and what `reclustered` goes on with.

    Args:
      features: `[N, F]`, finite, on the host.
      num_modes: K, at most the number of features that differ.
      seed: of the beginning.

    Returns:
      `[N]` int32 in 0 .. K - 1, each of which occurs.

    Raises:
      UserError: if there are fewer different features than clusters, or one is not
        finite.
    """
    x = _flat(features)
    different = _different(x, seed)
    if not 1 <= num_modes <= different:
        raise errors.UserError(
            f"num_modes is {num_modes}, but only {different} of the features are "
            "finite and different; ask for at most as many clusters."
        )
    return _kmeans(x, num_modes, "k-means++", seed)


def reclustered(
    features: ArrayLike, before: ArrayLike, num_modes: int, seed: int = 0
) -> np.ndarray:
    """Clusters features anew by k-means, each cluster under the name it had.

    k-means (Lloyd's algorithm, Euclidean) begins with the means that the old clusters
    have in the new features, on as many samples as `clustered` fits; `matched` then
    names what came out.

    Args:
      features: `[N, F]`, on the host.
      before: `[N]` integers in 0 .. K - 1, each of which occurs.
      num_modes: K.
      seed: of k-means, for clusters that lose all their samples.

    Returns:
      `[N]` int32 in 0 .. K - 1, each of which occurs. Where features tell fewer than K
      clusters apart, as those of a discriminator that has collapsed do, the labels are
      those before.

    Raises:
      UserError: if a cluster before is empty, or labels are not of these samples.
    """
    x, old = _flat(features), np.asarray(before)
    matched(old, old, num_modes)  # refuses what are no labels
    if len(x) != len(old):
        raise errors.UserError(
            f"features are of {len(x)} samples and before of {len(old)}; give those of "
            "the same."
        )
    counts = np.bincount(old, minlength=num_modes)
    if counts.min() == 0:
        raise errors.UserError(
            f"before has no sample in the cluster {int(counts.argmin())}; every one of "
            f"the {num_modes} needs one."
        )
    kept = old.astype(np.int32)
    if _different(x, seed) < num_modes:
        return kept
    means = np.stack([x[old == k].mean(axis=0) for k in range(num_modes)])
    found = _kmeans(x, num_modes, means, seed)
    if np.bincount(found, minlength=num_modes).min() == 0:
        return kept
    return matched(found, old, num_modes)


def _flat(features: ArrayLike) -> np.ndarray:
    x = np.asarray(features, np.float32)
    return x.reshape(len(x), -1)


def _kmeans(x: np.ndarray, number: int, begin: Any, seed: int) -> np.ndarray:
    import threadpoolctl
    from sklearn import cluster as clustering

    kmeans = clustering.KMeans(number, init=begin, n_init=1, random_state=seed)
    # The number of threads would enter the rounding.
    with threadpoolctl.threadpool_limits(limits=1):
        return kmeans.fit(x[_fitted(x, seed)]).predict(x)


def _fitted(x: np.ndarray, seed: int) -> np.ndarray:
    """The rows in which clusters are looked for."""
    order = np.random.default_rng(seed).permutation(len(x))
    return np.sort(order[: modes.MAX_FITTED])


def _different(x: np.ndarray, seed: int) -> int:
    """How many of those rows differ; 0 if some of all are not finite."""
    if not np.isfinite(x).all():
        return 0
    return len(np.unique(x[_fitted(x, seed)], axis=0))
