"""What a discriminator sees in the data: a space to look for modes in.

    x = features.of_data(gan, params.discriminator, collections.discriminator, data)
    modes.cluster(x, 10)                                  # a GAN per cluster of these
    reclustering.reclustered(x, labels_before, 10)        # clusters that follow x

`scores.classifier.classify` gives features of a classifier in the same way, where there
are labels to train one.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from jaxgan import types
from jaxgan.core import errors

BLOCK = 256
"""Samples that are passed through the discriminator at a time."""


def of_data(
    gan: types.GAN,
    params: types.Tree,
    collections: types.Tree,
    x: jax.Array,
    label: int | None = None,
) -> jax.Array:
    """The discriminator's last hidden layer for each sample, as at evaluation.

    Args:
      gan: the networks.
      params: of one member's discriminator.
      collections: likewise.
      x: `[N, ...]` float samples in the units that it was trained in.
      label: class that a conditional discriminator is told for all samples; where
        labels enter by `projection` or `auxiliary` the features do not depend on it.

    Returns:
      `[N, F]`. In blocks of 256, so that memory does not grow with N.

    Raises:
      UserError: if there are no samples, or the discriminator needs a label or takes
        none, or judges packs, whose features are of several samples.
    """
    types.require_gan(gan)
    if gan.pack > 1:
        raise errors.UserError(
            f"gan judges packs of {gan.pack} samples and has no features of single "
            "ones; make it with pack=1."
        )
    number = x.shape[0]
    if not number:
        raise errors.UserError(
            f"x has shape {x.shape}; it needs at least one sample along its first axis."
        )

    def judge(x):
        told = None if label is None else jnp.full(len(x), label, jnp.int32)
        return gan.discriminate(params, collections, x, told)[0].features

    return in_blocks(judge, x)


def in_blocks(
    judge: Callable[[jax.Array], jax.Array], x: jax.Array, size: int = BLOCK
) -> jax.Array:
    """What a function says of samples `[N, ...]`, so many of which it sees at a time.

    Args:
      judge: `[size, ...] -> [size, ...]`, sample by sample.
      x: at least one sample; the last block repeats the last of them.
      size: of a block, if there are as many.

    Returns:
      `[N, ...]`.
    """
    number = x.shape[0]
    size = min(size, number)
    rows = jnp.minimum(jnp.arange(number + -number % size), number - 1)
    found = jax.lax.map(lambda index: judge(x[index]), rows.reshape(-1, size))
    return found.reshape(-1, *found.shape[2:])[:number]
