"""The networks of an ensemble experiment and how they train, from settings."""

from typing import Any, NamedTuple

from jaxgan import gan, types
from jaxgan.data import dataset
from jaxgan.scripts import cli, from_settings
from jaxgan.training import methods as methods_lib

BETAS = {"b1": 0.5, "b2": 0.99}
EMA_DECAY = 0.99
IMAGE_LATENT, POINT_LATENT = 32, 2


class Known(NamedTuple):
    """The methods of all arms.

    Attributes:
      remedied: of all arms but those below: an averaged generator, R1 and what is
        augmented.
      classic: of `minimax`, which has none of them; neither have `plain`, `pac2`,
        `pac4` and `unrolled`.
    """

    remedied: methods_lib.Method
    classic: methods_lib.Method


def networks(asked: Any, data: dataset.Dataset) -> tuple[types.GAN, dict[str, Any]]:
    """The networks of each member, and the description that `gan.build` made them of.

    Args:
      asked: settings with those of `settings.Packing` and `network`.
      data: to learn.
    """
    images = data.mixture is None
    architecture = {
        "architecture": asked.network,
        "shape": list(data.train.x.shape[1:]),
        "latent_dim": IMAGE_LATENT if images else POINT_LATENT,
    } | ({"bounded": images} if asked.network == "mlp" else {})
    architecture |= from_settings.packed(asked)
    with cli.flag("--network", asked.network):
        return gan.build(architecture), architecture


def methods(asked: Any, data: dataset.Dataset) -> Known:
    """How members train.

    Args:
      asked: settings with those of `settings.Augmentation`, `learning_rate`, `loss`,
        `r1` and `layer_norms`.
      data: to learn.
    """
    adam = {"learning_rate": asked.learning_rate, **BETAS}
    both, norms = types.Pair(adam, adam), asked.layer_norms
    remedied = methods_lib.Method(
        *(asked.loss, {"r1": asked.r1}, both, EMA_DECAY),
        layer_norms=norms,
        **from_settings.augmented(asked, data),
    )
    return Known(remedied, methods_lib.Method("minimax", {}, both, layer_norms=norms))
