"""Generators and discriminators as Flax modules.

A generator maps `z [B, D]` to `x [B, ...]`, a discriminator maps `x [B, ...]` to a
`DiscriminatorOutput`; both take `train`, which says whether statistics of the batch
are used and collected. `jaxgan.gan` turns a pair of them into pure functions.
"""

from jaxgan.networks.conv import ConvDiscriminator, ConvGenerator
from jaxgan.networks.mlp import MLPDiscriminator, MLPGenerator

__all__ = [
    "ConvDiscriminator",
    "ConvGenerator",
    "MLPDiscriminator",
    "MLPGenerator",
]
