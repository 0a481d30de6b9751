"""Generators and discriminators as Flax modules, by name of the architecture.

A generator maps `z [B, D]` to `x [B, ...]`, a discriminator maps `x [B, ...]` to a
`DiscriminatorOutput`; both take `train`, which says whether statistics of the batch
are used and collected, and `label [B]` or None. `jaxgan.gan` turns a pair of them into
pure functions. What a population's members share of such a pair is its architecture;
their weights are arguments of those functions.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from jaxgan import types
from jaxgan.networks import (
    biggan_small,
    conv,
    dcgan,
    mlp,
    mocogan,
    noisy,
    r3gan,
    resnet,
    sagan,
    seqgan,
    sn_dcgan,
    text_resnet,
    video_dcgan,
    wavegan,
)
from jaxgan.networks.layers import Recipe


class Architecture(NamedTuple):
    """How a pair of networks is made.

    Attributes:
      build: `(shape, recipes: Pair, conditioning: Pair, **numbers) -> Pair` of modules.
      recipes: the published ones, per player.
      latent_dim: D, as published, or `shape -> D` where it depends on the samples.
      conditional: how labels enter each player unless something else is asked for.
      convolutional: whether convolutions take most of its time.
    """

    build: Callable[..., types.Pair]
    recipes: types.Pair
    latent_dim: int | Callable[[Sequence[int]], int]
    conditional: types.Pair = types.Pair("concat", "concat")
    convolutional: bool = True


ARCHITECTURES: dict[str, Architecture] = {
    "mlp": Architecture(
        mlp.mlp, types.Pair(Recipe(), Recipe()), 16, convolutional=False
    ),
    "noisy_mlp": Architecture(
        noisy.noisy_mlp,
        types.Pair(Recipe("batch"), Recipe("weight", "he")),
        100,
        convolutional=False,
    ),
    "noisy_conv": Architecture(
        noisy.noisy_conv,
        types.Pair(Recipe("batch"), Recipe("weight", "he")),
        100,
    ),
    "conv": Architecture(conv.conv, types.Pair(Recipe("batch"), Recipe()), 64),
    "dcgan": Architecture(
        dcgan.dcgan,
        types.Pair(Recipe("batch", "dcgan"), Recipe("batch", "dcgan")),
        100,
    ),
    "sn_dcgan": Architecture(
        sn_dcgan.sn_dcgan,
        types.Pair(Recipe("batch", "dcgan"), Recipe("spectral", "dcgan")),
        128,
        types.Pair("normalisation", "projection"),
    ),
    "resnet": Architecture(
        resnet.resnet,
        types.Pair(Recipe("batch", "xavier"), Recipe("spectral", "xavier")),
        128,
        types.Pair("normalisation", "projection"),
    ),
    "sagan": Architecture(
        sagan.sagan,
        types.Pair(Recipe("batch", "xavier"), Recipe("spectral", "xavier")),
        128,
        types.Pair("normalisation", "projection"),
    ),
    "biggan_small": Architecture(
        biggan_small.biggan_small,
        types.Pair(Recipe("batch", "orthogonal"), Recipe("spectral", "orthogonal")),
        128,
        types.Pair("normalisation", "projection"),
    ),
    "r3gan": Architecture(
        r3gan.r3gan,
        types.Pair(Recipe(), Recipe()),
        64,
        types.Pair("concat", "projection"),
    ),
    "wavegan": Architecture(
        wavegan.wavegan,
        types.Pair(Recipe("none", "xavier"), Recipe("none", "xavier")),
        100,
    ),
    "video_dcgan": Architecture(
        video_dcgan.video_dcgan,
        types.Pair(Recipe("batch", "dcgan"), Recipe("batch", "dcgan")),
        100,
    ),
    "mocogan": Architecture(
        mocogan.mocogan,
        types.Pair(Recipe("batch", "dcgan"), Recipe("batch", "dcgan")),
        64,
    ),
    "text_resnet": Architecture(
        text_resnet.text_resnet,
        types.Pair(Recipe("none", "he"), Recipe("none", "he")),
        128,
    ),
    "gumbel_text": Architecture(
        text_resnet.gumbel_text,
        types.Pair(Recipe("none", "he"), Recipe("none", "he")),
        text_resnet.latent_dim,
    ),
    "seqgan": Architecture(
        seqgan.seqgan,
        types.Pair(Recipe("none", "xavier"), Recipe("none", "xavier")),
        seqgan.latent_dim,
    ),
}
"""All architectures by name."""
