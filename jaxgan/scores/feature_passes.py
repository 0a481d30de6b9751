"""One pass over samples, in which is kept what the scores that are asked for need.

Scores of moments keep moments, whatever the number of samples; the others keep the
features and class probabilities of each sample. Samples themselves come and go batch by
batch. Runs on the host; what is kept is scored by `jaxgan.scores.by_name`.
"""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from jaxgan.core import errors
from jaxgan.data import dataset
from jaxgan.scores import class_moments, feature_networks, sums
from jaxgan.scores import marginals as marginals_lib
from jaxgan.scores import moments as moments_lib
from jaxgan.scores.feature_networks import FeatureNetwork


class Needs(NamedTuple):
    """What is to be kept of a pass.

    Attributes:
      splits: of the Inception Score, or None to keep no marginals.
      moments: of the features.
      classes: moments of the features in each class.
      rows: features and probabilities of every sample.
      samples: themselves, as the network saw them.
    """

    splits: int | None = None
    moments: bool = False
    classes: bool = False
    rows: bool = False
    samples: bool = False


class Kept(NamedTuple):
    """What was kept, None where it was not asked for; of several passes `[S, ...]`.

    Attributes:
      moments: see `jaxgan.scores.moments`.
      marginals: see `jaxgan.scores.marginals`.
      classes: see `jaxgan.scores.class_moments`.
      features: `[N, F]`.
      probs: `[N, K]`, also None if the network knows no classes.
      labels: int `[N]`, of samples that have some; they are no network's opinion, and
        who has them puts them here.
      samples: `[N, ...]`; one that was not finite is 0 here, and NaN in its features.
    """

    moments: moments_lib.Moments | None = None
    marginals: marginals_lib.Marginals | None = None
    classes: class_moments.ClassMoments | None = None
    features: ArrayLike | None = None
    probs: ArrayLike | None = None
    labels: ArrayLike | None = None
    samples: ArrayLike | None = None


def collect(
    batches: Iterable[np.ndarray],
    network: FeatureNetwork,
    needs: Needs,
    num_samples: int,
    on_batch: Callable[[int], Any] = lambda number: None,
) -> Kept:
    """Passes over samples once.

    Args:
      batches: of samples `[B, ...]`, of any sizes: images uint8, or float in [-1, 1],
        which are rounded to bytes; other samples as they are. A sample that is not
        finite, of a dead generator, has features that are NaN.
      network: the features.
      needs: what to keep.
      num_samples: in all batches.
      on_batch: called with the number of samples of each batch that is done.

    Returns:
      What was kept.

    Raises:
      UserError: if there are fewer or more samples than was said, the network cannot
        take them or they differ in shape, or scores of classes are asked of one that
        knows none.
    """
    part = None
    if needs.splits is not None:
        part = marginals_lib.parts(num_samples, needs.splits)
    kept, rows, own_samples, done, shape = None, [], [], 0, None
    for batch in batches:
        network.check(batch.shape[1:])
        shape = batch.shape[1:] if shape is None else shape
        feature_networks.check_alike(network, batch.shape[1:], shape)
        features, probs = opinion(network, batch)
        if probs is None and (needs.classes or part is not None):
            raise errors.UserError(
                "scores of classes are asked of features that know none; take those of "
                "a classifier or of the Inception network."
            )
        if kept is None:
            kept = _empty(needs, features, probs)
        own = None if part is None else part[done : done + len(batch)]
        if own is None or len(own) == len(batch):
            kept = _update(kept, *sums.split(features), probs, own)
        if needs.rows:
            rows.append((features, probs))
        if needs.samples:
            own_samples.append(seen(batch)[0])
        done += len(batch)
        on_batch(len(batch))
    if kept is None or done != num_samples:
        raise errors.UserError(
            f"there are {done} samples where {num_samples} were announced; score what "
            "does not change meanwhile."
        )
    if needs.rows:
        features, probs = zip(*rows, strict=True)
        probs = None if probs[0] is None else np.concatenate(probs)
        kept = kept._replace(features=np.concatenate(features), probs=probs)
    if needs.samples:
        kept = kept._replace(samples=np.concatenate(own_samples))
    return kept


def opinion(
    network: FeatureNetwork, x: np.ndarray
) -> tuple[np.ndarray, np.ndarray | None]:
    """Features `[B, F]` and class probabilities `[B, K]` of samples, on the host."""
    x, finite = seen(x)
    features, logits = network.apply(x)
    features = np.where(finite[:, None], np.asarray(features), np.nan)
    if logits is None:
        return features, None
    probs = np.asarray(_softmax(logits))
    return features, np.where(finite[:, None], probs, np.nan)


def seen(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Samples as a network sees them, and `[B]`, which of them were finite."""
    finite = np.ones(len(x), bool)
    if x.dtype == np.int16:  # waveforms
        x = np.asarray(dataset.to_float(x))
    if x.dtype != np.uint8:
        finite = np.isfinite(x).all(axis=tuple(range(1, x.ndim)))
        x = np.where(finite.reshape(-1, *[1] * (x.ndim - 1)), x, 0)
        x = np.asarray(dataset.to_uint8(x)) if x.ndim == 4 else x
    return x, finite


def stack(passes: list[Kept]) -> Kept:
    """What was kept of several passes of as many samples each, `[S, ...]`."""
    return jax.tree.map(lambda *x: np.stack([np.asarray(y) for y in x]), *passes)


_softmax = jax.jit(jax.nn.softmax)


def _empty(needs, features, probs):
    width = features.shape[1]
    return Kept(
        moments=moments_lib.empty(width) if needs.moments else None,
        marginals=None
        if needs.splits is None
        else marginals_lib.empty(probs.shape[1], needs.splits),
        classes=class_moments.empty(probs.shape[1], width) if needs.classes else None,
    )


@jax.jit
def _update(kept: Kept, features: Array, rest: Array | None, probs, part) -> Kept:
    if kept.moments is not None:
        own = moments_lib.update(kept.moments, features, rest)
        kept = kept._replace(moments=own)
    if kept.marginals is not None:
        kept = kept._replace(
            marginals=marginals_lib.update(kept.marginals, probs, part)
        )
    if kept.classes is not None:
        own = class_moments.update(kept.classes, features, probs, rest)
        kept = kept._replace(classes=own)
    return jax.tree.map(jnp.asarray, kept)
