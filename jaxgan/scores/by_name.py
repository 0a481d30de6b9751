"""Scores by their names, of what a pass kept of real and of generated samples.

What was kept of the generated samples has an axis of members in front, `[S, ...]`, and
so have all arrays of the records: a score that is pure is mapped over them by `vmap`.
Those that cluster run on the host, member by member.
"""

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from jaxgan import scores
from jaxgan.core import errors, randomness
from jaxgan.divergences import offsets
from jaxgan.scores import bins as bins_lib
from jaxgan.scores import (
    class_moments,
    class_scores,
    clipped,
    density_estimates,
    distances,
    feature_passes,
    frechet,
    kernel,
    kernel_entropy,
    marginals,
    moments,
    neighbours,
    record,
)

Records = dict[str, Any]

SPLITS = 10
"""Of the Inception Score of the generated samples."""

BINS = 100
"""Of the number of distinct bins, where there are enough samples."""

SAMPLES_IN_A_BIN = 10
"""Real samples per bin, at least, as means."""

MOST_SIMILARITIES = 1000
"""Samples whose similarities are taken for the Vendi score, of each member the first
ones: it is an entropy of so many samples, and grows with their number."""

MOST_BALLS = 10_000
"""Real samples whose balls are made for clipped density and coverage, the first ones:
they take the distances of all pairs."""

MOST_EIGENVALUES = 500
"""Samples of each kind whose kernel is decomposed for the novelty, the first ones."""

MOST_OFFSET = 10
"""Distances of real features from their mean that this may be from the origin, for
scores of cosines."""

CONFIDENCE = 0.5
"""Probability of its class from which a sample is good, for the modes."""


class Context(NamedTuple):
    """What scores need besides what was kept.

    Attributes:
      num_real: samples of the reference.
      num_fake: samples of each member.
      features: what the features are, for protocols.
      seed: of subsets, orders and clusters.
      log_density: `[N, F] -> [N]` of the distribution of the real features in nats,
        where that is known, or None.
    """

    num_real: int
    num_fake: int
    features: record.Protocol
    seed: int
    log_density: Callable[[ArrayLike], jax.Array] | None = None


class Named(NamedTuple):
    """A score that can be asked for.

    Attributes:
      needs: what a pass has to keep; of the splits only whether there are any.
      classes: whether it needs a network that knows classes.
      least: samples that are needed of each kind.
      rate: `(real, fake, context) -> records`, of `fake` with an axis of members.
      labels: whether it needs the labels of all samples: of real ones their own, of
        generated ones those that were asked for.
      every_class: whether it is of each class, which then needs samples of its own.
    """

    needs: feature_passes.Needs
    classes: bool
    least: int
    rate: Callable[[feature_passes.Kept, feature_passes.Kept, Context], Records]
    labels: bool = False
    every_class: bool = False


def get(names: Sequence[str], *, classes: bool) -> dict[str, Named]:
    """The scores of these names.

    Args:
      names: keys of `SCORES`, each once.
      classes: whether the feature network knows classes.

    Raises:
      UserError: for a name that is not known, and for scores of classes without any.
    """
    found = {}
    for name in names:
        if name not in SCORES:
            raise errors.UserError(
                f"there is no score {name!r}; {errors.choice(name, SCORES)}"
            )
        if SCORES[name].classes and not classes:
            raise errors.UserError(
                f"the score {name!r} needs class probabilities, which these features "
                "have not; take those of a classifier or of the Inception network, or "
                "leave it out."
            )
        found[name] = SCORES[name]
    if not found:
        raise errors.UserError(f"name at least one score of {', '.join(SCORES)}.")
    return found


def check_counts(chosen: Mapping[str, Named], **counts: int) -> None:
    """Asks for as many samples as the scores can use.

    Args:
      chosen: from `get`.
      **counts: numbers of samples, by what they are called in the message.

    Raises:
      UserError: saying how many a score needs.
    """
    for name, score in chosen.items():
        for what, number in counts.items():
            if number < score.least:
                raise errors.UserError(
                    f"the score {name!r} needs at least {score.least} samples, but "
                    f"there are {number} of {what}; give more, or leave it out."
                )


def check_labels(
    chosen: Mapping[str, Named],
    real: np.ndarray | None,
    fake: Mapping[str, np.ndarray | None],
) -> None:
    """Asks for the labels that the scores need, and for enough samples of each class.

    Args:
      chosen: from `get`.
      real: int `[N]`, the labels of the reference, or None.
      fake: by what they are called in the message, the labels `[M]` of all others.

    Raises:
      UserError: naming the score, and the samples without labels or the class.
    """
    for name in (name for name, score in chosen.items() if score.labels):
        for what, labels in {"the reference": real, **fake}.items():
            if labels is None:
                raise errors.UserError(
                    f"the score {name!r} needs labels, which {what} has not; give "
                    "samples of a conditional generator (of a run with --labels), a "
                    "folder with a subfolder for each class or a file with labels, or "
                    "leave it out."
                )
            if chosen[name].every_class and real is not None:
                try:
                    class_scores.check_classes(real, labels)
                except errors.UserError as error:
                    raise errors.UserError(
                        f"the score {name!r} of {what}: {error}"
                    ) from None


def needs(chosen: Mapping[str, Named], splits: int) -> feature_passes.Needs:
    """What a pass has to keep for these scores, with so many splits."""
    wanted = [score.needs for score in chosen.values()]
    return feature_passes.Needs(
        splits=splits if any(own.splits is not None for own in wanted) else None,
        moments=any(own.moments for own in wanted),
        classes=any(own.classes for own in wanted),
        rows=any(own.rows for own in wanted),
        samples=any(own.samples for own in wanted),
    )


def real_splits(num_real: int, num_fake: int) -> int:
    """Splits of real samples that are as large as those of the generated ones.

    The Inception Score is biased by the size of its splits.
    """
    return max(1, num_real // max(1, num_fake // SPLITS))


def rate(
    chosen: Mapping[str, Named],
    real: feature_passes.Kept,
    fake: feature_passes.Kept,
    context: Context,
) -> Records:
    """The records of all these scores, every array of them `[S, ...]`."""
    found: Records = {}
    for score in chosen.values():
        found |= score.rate(real, fake, context)
    return {
        name: dataclasses.replace(own, protocol=_completed(own.protocol, context))
        for name, own in found.items()
    }


def _completed(protocol: record.Protocol, context: Context) -> record.Protocol:
    """With the counts and features that a score of moments does not know."""
    known = dict(protocol)
    added = {"num_real": context.num_real, "features": context.features}
    if "num_samples" not in known:
        added["num_fake"] = context.num_fake
    return protocol + record.protocol(
        **{key: value for key, value in added.items() if key not in known}
    )


def _mapped(function: Callable[..., Records]) -> Callable[..., Records]:
    """A score of one member as one of all, compiled as a whole.

    The function takes `(real, fake, context, key)`; all members have the same key, so
    that they are compared on the same subsets.
    """

    @functools.partial(jax.jit, static_argnums=2)
    def all_members(real, fake, context, key):
        def one(own):
            return function(real, own, context, key)

        return jax.vmap(one)(fake)

    def rate(
        real: feature_passes.Kept, fake: feature_passes.Kept, context: Context
    ) -> Records:
        return all_members(real, fake, context, randomness.key(context.seed))

    return rate


def _inception(real, fake, context, key) -> Records:
    del context, key
    own = marginals.inception_score(fake.marginals)
    diversity = class_moments.within_class_diversity(fake.classes)
    return {
        "inception_score": scores.warn_of_low_diversity(
            own,
            diversity,
            marginals.inception_score(real.marginals).value,
            class_moments.within_class_diversity(real.classes).value,
        )
    }


def _diversity(real, fake, context, key) -> Records:
    del context, key
    target = class_moments.within_class_diversity(real.classes).value
    return {
        "within_class_diversity": class_moments.within_class_diversity(
            fake.classes, target
        )
    }


def _modified(real, fake, context, key) -> Records:
    del context, key
    target = scores.modified_inception_score(real.probs).value
    own = scores.modified_inception_score(fake.probs, target)
    return {"modified_inception_score": own}


def _modes(real, fake, context, key) -> Records:
    del context, key
    modes, _ = scores.confident_class(real.probs)
    classes = jnp.arange(real.probs.shape[-1])
    reference = jnp.sum(modes[:, None] == classes, axis=0)
    mode, good = scores.confident_class(fake.probs, CONFIDENCE)
    rule = record.protocol(good=f"probability of its class above {CONFIDENCE}")
    return {"mode_coverage": scores.mode_coverage(mode, good, reference, rule)}


def _frechet(real, fake, context, key) -> Records:
    del key
    _, covariance = moments.finalize(real.moments)
    floor = frechet.floor_of_covariance(covariance, context.num_real, context.num_fake)
    return {
        "frechet_distance": moments.frechet_distance(
            real.moments, fake.moments, context.features, floor
        )
    }


def _about_origin(rate: Callable[..., Records]) -> Callable[..., Records]:
    """A score that only knows differences of features, without their common offset.

    Here, on the host, float64 still has all its digits.
    """

    def rated(
        real: feature_passes.Kept, fake: feature_passes.Kept, context: Context
    ) -> Records:
        pair = offsets.centred(real.features, fake.features)
        real, fake = (
            own._replace(features=x) for own, x in zip((real, fake), pair, strict=True)
        )
        return rate(real, fake, context)

    return rated


def _pairs(function: Callable[..., Records]) -> Callable[..., Records]:
    """A score of distances of one member as one of all, one after another.

    The function takes the `distances.Points` of both sets and the context.
    """

    @functools.partial(jax.jit, static_argnums=2)
    def all_members(real, fake, context):
        return jax.lax.map(lambda own: function(real, own, context), fake)

    def rate(
        real: feature_passes.Kept, fake: feature_passes.Kept, context: Context
    ) -> Records:
        pair = distances.points(real.features, fake.features)
        return all_members(*pair, context)

    return rate


def _refused(name: str, members: int, reason: str) -> Records:
    """The record of a score that there is not, with the reason in the protocol."""
    own = record.Score(
        value=jnp.full(members, jnp.nan),
        protocol=record.protocol(score=name, refused=reason),
    )
    return {name: own}


def _frechet_infinity(real, fake, context, key) -> Records:
    own = scores.frechet_distance_infinity(
        real.features, fake.features, key, features=context.features
    )
    return {"frechet_distance_infinity": own}


def _kernel(
    real: feature_passes.Kept, fake: feature_passes.Kept, context: Context
) -> Records:
    far = kernel.far_from_origin(real.features)
    if far is not None:
        return _refused("kernel_distance", len(fake.features), far)
    return _kernel_of_members(real, fake, context)


@_mapped
def _kernel_of_members(real, fake, context, key) -> Records:
    # In ten subsets or more the standard error is worth something.
    smaller = min(context.num_real, context.num_fake)
    own = scores.kernel_distance(
        real.features,
        fake.features,
        key,
        num_subsets=None,
        subset_size=max(2, min(1000, smaller // 10)),
        features=context.features,
    )
    return {"kernel_distance": own}


@_pairs
def _neighbours(real, fake, context) -> Records:
    return neighbours.all_four(real, fake, context.features)


@_pairs
def _nearest(real, fake, context) -> Records:
    distance = scores.nearest_neighbours(fake, real).distance[:, 0]
    own = record.Score(
        value=jnp.mean(distance),
        spread=jnp.std(distance) / np.sqrt(context.num_fake),
        floor=jnp.zeros((), distance.dtype),
        protocol=record.protocol(
            score="nearest_distance",
            distance="euclidean, to the nearest real sample; copies are nearer to it "
            "than held-out real samples are",
            spread="standard error over the samples",
        ),
    )
    return {"nearest_distance": own}


def _vendi(
    real: feature_passes.Kept, fake: feature_passes.Kept, context: Context
) -> Records:
    offset, spread = kernel.offset_and_spread(real.features)
    if offset > MOST_OFFSET * spread > 0:
        reason = (
            f"cosines are taken about the origin, of which the mean of the real "
            f"features is {offset:.3g} away, while they are {spread:.3g} from their "
            "mean, so that all samples would be alike"
        )
        return _refused("vendi_score", len(fake.features), reason)
    number = min(MOST_SIMILARITIES, fake.features.shape[1])
    # Of as many real samples, as it grows with their number.
    own = _vendi_of_members(None, fake, context)["vendi_score"]
    if len(real.features) >= number:
        alone = feature_passes.Kept(features=real.features[None, :number])
        target = _vendi_of_members(None, alone, context)["vendi_score"].value
        target = jnp.broadcast_to(target, own.value.shape)
        own = dataclasses.replace(own, target=target)
    return {"vendi_score": own}


@_mapped
def _vendi_of_members(real, fake, context, key) -> Records:
    del real, context, key
    x = fake.features[:MOST_SIMILARITIES]
    length = jnp.linalg.norm(x, axis=1, keepdims=True)
    # Features of length zero are like nothing but themselves.
    x = x / jnp.where(length > 0, length, 1)
    gram = jnp.matmul(x, x.T, precision="highest")
    index = jnp.arange(len(x))
    own = scores.vendi_score(
        gram.at[index, index].set(1), "cosine of the features of the first samples"
    )
    return {"vendi_score": own}


@_pairs
def _clipped(real, fake, context) -> Records:
    real = jax.tree.map(lambda x: x[:MOST_BALLS], real)
    return clipped.clipped_density_coverage(real, fake, features=context.features)


def _rke(
    real: feature_passes.Kept, fake: feature_passes.Kept, context: Context
) -> Records:
    number = min(MOST_SIMILARITIES, len(real.features), fake.features.shape[1])
    first = np.asarray(real.features[:number])  # the bandwidth is found on the host
    width = kernel_entropy.bandwidth(first)
    if not width > 0:
        return _refused("rke_mode_count", len(fake.features), _ALL_ALIKE)
    x = fake.features[:, :number]
    return _rke_of_members(first, jnp.asarray(x), width, context)


@functools.partial(jax.jit, static_argnums=(2, 3))
def _rke_of_members(first, fake, width, context) -> Records:
    target = scores.rke_mode_count(first, width).value

    def of_member(own):
        return scores.rke_mode_count(own, width, context.features, target)

    return {"rke_mode_count": jax.lax.map(of_member, fake)}


def _ken(
    real: feature_passes.Kept, fake: feature_passes.Kept, context: Context
) -> Records:
    first = np.asarray(real.features[:MOST_EIGENVALUES])
    width = kernel_entropy.bandwidth(first)
    if not width > 0:
        return _refused("kernel_entropic_novelty", len(fake.features), _ALL_ALIKE)
    x = fake.features[:, :MOST_EIGENVALUES]
    return _ken_of_members(first, jnp.asarray(x), width, context)


@functools.partial(jax.jit, static_argnums=(2, 3))
def _ken_of_members(first, fake, width, context) -> Records:
    def of_member(own):
        return scores.kernel_entropic_novelty(
            first, own, width, features=context.features
        )

    return {"kernel_entropic_novelty": jax.lax.map(of_member, fake)}


_ALL_ALIKE = (
    "its kernel is as wide as half the median distance of two reference samples, which "
    "is 0"
)


def _prd(
    real: feature_passes.Kept, fake: feature_passes.Kept, context: Context
) -> Records:
    number = min(context.num_real, context.num_fake)
    curves = [
        scores.prd(
            real.features[:number],
            own[:number],
            seed=context.seed,
            features=context.features,
        )
        if np.isfinite(own).all()
        else None
        for own in fake.features
    ]
    return {"prd": _stacked(curves, _dead_curve)}


def _distinct_bins(
    real: feature_passes.Kept, fake: feature_passes.Kept, context: Context
) -> Records:
    name = "number_of_distinct_bins"
    different = bins_lib.num_different(real.features)
    if different < 2:
        reason = (
            f"the {context.num_real} reference samples are all alike, so that they "
            "make one bin, in which any samples lie"
        )
        return _refused(name, len(fake.features), reason)
    bins = max(2, min(BINS, context.num_real // SAMPLES_IN_A_BIN, different))
    centres = scores.cluster_centres(real.features, bins, context.seed)
    of_real = scores.bin_counts(real.features, centres)
    counts = [scores.bin_counts(own, centres) for own in fake.features]
    of_members = jax.vmap(scores.number_of_distinct_bins, in_axes=(None, 0))
    return {name: of_members(of_real, jnp.stack(counts))}


def _dead_curve(like):
    return jax.tree.map(lambda x: jnp.full_like(x, jnp.nan), like)


def _stacked(records, dead):
    """Records of members as one, those that are None filled in."""
    alive = next((own for own in records if own is not None), None)
    if alive is None:
        nothing = jnp.full(1001, jnp.nan)
        scalar = jnp.asarray(jnp.nan)
        alive = scores.PrecisionRecallCurve(
            precision=nothing, recall=nothing, f_8=scalar, f_1_8=scalar
        )
    filled = [dead(alive) if own is None else own for own in records]
    return jax.tree.map(lambda *x: jnp.stack(x), *filled)


def _likelihood(
    real: feature_passes.Kept, fake: feature_passes.Kept, context: Context
) -> Records:
    return density_estimates.of_members(
        np.asarray(real.features),
        np.asarray(fake.features),
        seed=context.seed,
        log_density=context.log_density,
    )


def _intra_class(
    real: feature_passes.Kept, fake: feature_passes.Kept, context: Context
) -> Records:
    return class_scores.frechet_of_members(
        np.asarray(real.features),
        np.asarray(real.labels),
        np.asarray(fake.features),
        np.asarray(fake.labels),
        context.features,
    )


def _classification_accuracy(
    real: feature_passes.Kept, fake: feature_passes.Kept, context: Context
) -> Records:
    return class_scores.accuracy_of_members(
        np.asarray(real.samples),
        np.asarray(real.labels),
        np.asarray(fake.samples),
        np.asarray(fake.labels),
        [bool(np.isfinite(own).all()) for own in fake.features],
        seed=context.seed,
    )


_ROWS = feature_passes.Needs(rows=True)

SCORES: dict[str, Named] = {
    # The Inception Score, with a warning of low diversity within classes.
    "is": Named(
        feature_passes.Needs(splits=SPLITS, classes=True),
        True,
        SPLITS,
        _mapped(_inception),
    ),
    "mis": Named(_ROWS, True, 2, _mapped(_modified)),
    "diversity": Named(
        feature_passes.Needs(classes=True), True, 2, _mapped(_diversity)
    ),
    "modes": Named(_ROWS, True, 1, _mapped(_modes)),
    "fd": Named(feature_passes.Needs(moments=True), False, 2, _mapped(_frechet)),
    "fdinf": Named(_ROWS, False, 20, _about_origin(_mapped(_frechet_infinity))),
    "kd": Named(_ROWS, False, 2, _kernel),
    "prdc": Named(_ROWS, False, 6, _neighbours),
    "cdc": Named(_ROWS, False, clipped.K + 1, _clipped),
    "rke": Named(_ROWS, False, 2, _about_origin(_rke)),
    "ken": Named(_ROWS, False, 2, _about_origin(_ken)),
    "prd": Named(_ROWS, False, 20, _prd),
    "ndb": Named(_ROWS, False, 20, _distinct_bins),
    "nn": Named(_ROWS, False, 1, _nearest),
    # Estimates of a density by samples: Parzen windows, and a ratio to a known one.
    "likelihood": Named(_ROWS, False, density_estimates.LEAST, _likelihood),
    "vendi": Named(_ROWS, False, 2, _vendi),
    # Of labelled samples, such as those of conditional generators: the Frechet distance
    # within each class, and what a classifier learns from the samples.
    "intrafd": Named(
        _ROWS, False, class_scores.LEAST, _intra_class, labels=True, every_class=True
    ),
    "cas": Named(
        feature_passes.Needs(rows=True, samples=True),
        False,
        class_scores.LEAST,
        _classification_accuracy,
        labels=True,
    ),
}
"""The scores that can be asked for, by name."""
