"""What a discriminator sees in the data: a space to look for modes in.

    x = features.of_data(gan, params.discriminator, collections.discriminator, data)
    modes.cluster(x, 10)                                  # a GAN per cluster of these
    reclustering.reclustered(x, labels_before, 10)        # clusters that follow x

`of_layers` gives all hidden layers, pooled, for a classifier to learn from: how much a
discriminator knows of classes that it was never told, see `scores.probes`.

`scores.classifier.classify` gives features of a classifier in the same way, where there
are labels to train one.
"""

import math
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp

from jaxgan import types
from jaxgan.core import errors
from jaxgan.networks import layer_inputs

BLOCK = 256
"""Samples that are passed through the discriminator at a time."""

LAST = "features"
"""The name of the last hidden layer, as of `types.DiscriminatorOutput`."""

HEAD = "Head_"
"""In the names of the layers that end a discriminator, see `networks.layers.Head`."""

GRID = 4
"""Cells along each side of an image that a layer is pooled to, as in DCGAN's paper."""


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
    _check(gan, x)

    def judge(x):
        told = None if label is None else jnp.full(len(x), label, jnp.int32)
        return gan.discriminate(params, collections, x, told)[0].features

    return in_blocks(judge, x)


def of_layers(
    gan: types.GAN,
    params: types.Tree,
    collections: types.Tree,
    x: jax.Array,
    label: int | None = None,
    layers: Sequence[str] | None = None,
) -> jax.Array:
    """The discriminator's hidden layers for each sample, as at evaluation.

    A layer is what the next dense or convolutional one is given, so that it comes after
    its normalisation and nonlinearity; it has the name of that one. The last is called
    `features`. Each channel of an image is the maximum in each
    cell of a grid of 4 x 4; what is flat already, as the last hidden layer often is,
    stays as it is.

    Args:
      gan: the networks.
      params: of one member's discriminator.
      collections: likewise.
      x: `[N, ...]` float samples in the units that it was trained in.
      label: as for `of_data`.
      layers: which, by their `names`; None for all.

    Returns:
      `[N, F]`, layers side by side in the order of application.

    Raises:
      UserError: as `of_data`, or if there is no such layer.

    References:
      Radford et al., Unsupervised Representation Learning with Deep Convolutional
      Generative Adversarial Networks, 2015, section 5.1,
      https://arxiv.org/abs/1511.06434
    """
    _check(gan, x)
    known = names(gan, params, collections, x, label)
    for name in known if layers is None else layers:
        if name not in known:
            raise errors.UserError(
                f"layers={name!r} is no hidden layer of this discriminator; "
                f"{errors.choice(name, known)}"
            )
    wanted = known if layers is None else [name for name in known if name in layers]

    def judge(x):
        found = _hidden(gan, params, collections, x, label)
        return jnp.concatenate([_pooled(found[name]) for name in wanted], axis=1)

    return in_blocks(judge, x)


def names(
    gan: types.GAN,
    params: types.Tree,
    collections: types.Tree,
    x: jax.Array,
    label: int | None = None,
) -> list[str]:
    """The hidden layers by the names of those that are given them, in their order.

    What a layer that is applied several times is given is not among them. Nothing is
    computed.
    """
    found = jax.eval_shape(
        lambda x: _hidden(gan, params, collections, x, label), x[: min(2, len(x))]
    )
    return list(found)


def _check(gan: types.GAN, x: jax.Array) -> None:
    types.require_gan(gan)
    if gan.pack > 1:
        raise errors.UserError(
            f"gan judges packs of {gan.pack} samples and has no features of single "
            "ones; make it with pack=1."
        )
    if not x.shape[0]:
        raise errors.UserError(
            f"x has shape {x.shape}; it needs at least one sample along its first axis."
        )


def _hidden(gan, params, collections, x, label) -> dict[str, jax.Array]:
    """What dense and convolutional layers are given, `[N, ..., C]`, and the features.

    Without the first layer, which is given the samples, and those of the head, which
    are given the features or labels.
    """
    told = None if label is None else jnp.full(len(x), label, jnp.int32)
    (output, _), found = layer_inputs.layer_inputs(
        lambda: gan.discriminate(params, collections, x, told)
    )
    # Norms have weights too, but mix no channels.
    mixing = [name for name in found if _is_mixing(params, name)]
    inner = {name: found[name] for name in mixing[1:] if HEAD not in name}
    single = {name: own for name, own in inner.items() if len(own) == len(x)}
    return single | {LAST: output.features}


def _is_mixing(params: types.Tree, name: str) -> bool:
    own = params
    for part in name.split("/"):
        own = own[part]
    return any(jnp.ndim(leaf) >= 2 for leaf in jax.tree.leaves(own))


def _pooled(x: jax.Array) -> jax.Array:
    """`[N, H, W, C] -> [N, G G' C]`, maxima in cells; what has other axes is flat."""
    for axis in (1, 2) if x.ndim == 4 else ():
        size = x.shape[axis]
        cells = [
            jax.lax.slice_in_dim(
                x, i * size // GRID, math.ceil((i + 1) * size / GRID), axis=axis
            )
            for i in range(GRID)
        ]
        if size > GRID:
            x = jnp.stack([jnp.max(own, axis) for own in cells], axis)
    return x.reshape(len(x), -1)


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
