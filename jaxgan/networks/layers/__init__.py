"""The layers that networks are made of, for any number of spatial dimensions.

Samples are `[B, *n, C]`: points have no place n, waveforms one, images two, videos
three. What all layers of a network have in common is a `Recipe`.
"""

from jaxgan.networks.layers.attention import SelfAttention
from jaxgan.networks.layers.conditioning import (
    Conditioning,
    Head,
    condition_discriminator,
    condition_generator,
)
from jaxgan.networks.layers.linear import Conv, ConvTranspose, Dense
from jaxgan.networks.layers.minibatch import MinibatchDiscrimination, MinibatchStddev
from jaxgan.networks.layers.noise import GaussianNoise
from jaxgan.networks.layers.normalisation import Norm, has_bias
from jaxgan.networks.layers.phase import PhaseShuffle
from jaxgan.networks.layers.places import average_pool, finish, leaky_relu, upsample
from jaxgan.networks.layers.recipe import (
    INITIALISATIONS,
    MINIBATCH,
    NORMALISATIONS,
    Recipe,
    check,
    output_recipe,
    require,
)
from jaxgan.networks.layers.reference import WithReference

__all__ = [
    "INITIALISATIONS",
    "MINIBATCH",
    "NORMALISATIONS",
    "Conditioning",
    "Conv",
    "ConvTranspose",
    "Dense",
    "GaussianNoise",
    "Head",
    "MinibatchDiscrimination",
    "MinibatchStddev",
    "Norm",
    "PhaseShuffle",
    "Recipe",
    "SelfAttention",
    "WithReference",
    "average_pool",
    "check",
    "condition_discriminator",
    "condition_generator",
    "finish",
    "has_bias",
    "leaky_relu",
    "output_recipe",
    "require",
    "upsample",
]
