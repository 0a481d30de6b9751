"""Recall by class: which classes of a long tail are made as often as they should be."""

import dataclasses
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from jaxgan.core import errors
from jaxgan.divergences import checks
from jaxgan.scores import record


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class ClassRecall:
    """How much of each class there is, of what there should be.

    Attributes:
      recall: `[K]`, NaN for a class that the target has not.
      tail_recall: its mean over the classes of the tail.
      head_recall: its mean over the other classes, NaN if there are none.
      ceiling: about what `tail_recall` a perfect generator shows with as many samples,
        whose shares are below the target as often as above, and only the former count.
      protocol: how it came about, with the classes of the tail.
    """

    recall: Array
    tail_recall: Array
    head_recall: Array
    ceiling: Array
    protocol: record.Protocol = dataclasses.field(default=(), metadata={"static": True})


def class_recall(
    mode: Array, high_quality: Array, target: ArrayLike, tail: Sequence[int]
) -> ClassRecall:
    """The share of good samples of each class, in the place of the target's share.

    `r_k = min(1, q_k / p_k)`, where `q_k` is the share among ALL samples of those that
    are good ones of class k, and `p_k` the target: the shares of a balanced held-out
    part rather than those of the training part, if what few samples train is to be made
    as often as the rest. A generator of the training shares alone has the recall
    `p_train / p` of a rare class.

    Args:
      mode: int `[N]`, the class of each sample, -1 for samples that are not finite.
      high_quality: bool `[N]`, whether each sample is good; see `confident_class`.
      target: `[K]` shares or counts, normalised here.
      tail: numbers of the classes of the tail, known while tracing.

    Returns:
      The recall; 0 for a dead generator.

    Raises:
      UserError: for shapes that do not fit, and a tail of no classes or unknown ones.

    When:
      To see what of a long tail is made.
    """
    num_classes = jnp.shape(target)[0]
    rare = np.unique(np.asarray(tail, int))
    if mode.shape != high_quality.shape or mode.ndim != 1 or 0 in mode.shape:
        raise errors.UserError(
            "mode and high_quality must both have shape [samples], not "
            f"{mode.shape} and {high_quality.shape}."
        )
    if not len(rare) or rare[0] < 0 or rare[-1] >= num_classes:
        raise errors.UserError(
            f"tail={list(tail)} must name some of the classes 0..{num_classes - 1}."
        )
    share = checks.floating(jnp.asarray(target) * 1.0)
    share = share / jnp.sum(share)
    own = (mode[:, None] == jnp.arange(num_classes)) & high_quality[:, None]
    ratio = jnp.mean(own * 1.0, axis=0) / jnp.where(share > 0, share, 1)
    recall = jnp.where(share > 0, jnp.minimum(ratio, 1), jnp.nan)
    # E min(1, X / np) = 1 - E|X - np| / 2np, of a binomial X that is nearly normal.
    mean = jnp.where(share > 0, share, 1) * len(mode)
    lost = jnp.sqrt((1 - share) / (2 * jnp.pi * mean))
    others = np.setdiff1d(np.arange(num_classes), rare)
    return ClassRecall(
        recall=recall,
        tail_recall=jnp.nanmean(recall[rare]),
        head_recall=jnp.nanmean(recall[others]) if len(others) else jnp.array(jnp.nan),
        ceiling=jnp.nanmean(jnp.where(share > 0, 1 - lost, jnp.nan)[rare]),
        protocol=record.protocol(
            score="class_recall",
            recall="share of good samples of the class, by the target's, at most 1",
            tail=rare.tolist(),
            num_samples=mode.shape[0],
            num_classes=num_classes,
        ),
    )
