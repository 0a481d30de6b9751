"""Waveforms from transposed convolutions in one dimension.

Donahue et al., Adversarial Audio Synthesis, 2018, https://arxiv.org/abs/1802.04208:
DCGAN with kernels of 25 places and strides of 4.
"""

import math
from collections.abc import Sequence

from flax import linen as nn
from jax import Array

from jaxgan import types
from jaxgan.networks import layers

KERNEL = (25,)
STRIDE = (4,)
BOTTOM = 16
"""Places that a generator starts from."""


class WaveGANGenerator(nn.Module):
    """`z [B, D] -> waveforms [B, N, C]` in [-1, 1], N = 16 * 4^k.

    For N = 16384, k = 5:

    | layer | output | parameters |
    | --- | --- | --- |
    | linear, ReLU | 16 x 16w | 256 D w + 256 w |
    | transposed conv 25 s4, ReLU | 64 x 8w | 3200 w^2 + 8w |
    | transposed conv 25 s4, ReLU | 256 x 4w | 800 w^2 + 4w |
    | transposed conv 25 s4, ReLU | 1024 x 2w | 200 w^2 + 2w |
    | transposed conv 25 s4, ReLU | 4096 x w | 50 w^2 + w |
    | transposed conv 25 s4, tanh | 16384 x C | 25 w C + C |

    For w = 64, D = 100, C = 1 these are 19,065,345 parameters. Shorter waveforms leave
    out the widest layers: N = 4096 starts with 16 x 8w. A norm that the recipe asks for
    comes before each ReLU, with a scale and shift in the place of the layer's bias if
    it takes that away.

    Attributes:
      shape: `(N, C)`.
      width: w, channels before the last layer.
      recipe: its normalisation is of the hidden layers.
      conditioning: see `layers.Conditioning`.
    """

    shape: Sequence[int]
    width: int = 64
    recipe: layers.Recipe = layers.Recipe("none", "xavier")
    conditioning: layers.Conditioning = layers.Conditioning()

    @nn.compact
    def __call__(self, z: Array, *, train: bool, label: Array | None = None) -> Array:
        x, condition = layers.condition_generator(z, label, self.conditioning)
        bias = layers.has_bias(self.recipe)

        def hidden(x: Array) -> Array:
            norm = layers.Norm(self.recipe, self.conditioning.hidden)
            return nn.relu(norm(x, train=train, condition=condition))

        widest, *widths = reversed(_widths(self.shape[0], self.width))
        stem = (BOTTOM, widest)
        x = layers.Dense(math.prod(stem), self.recipe, use_bias=bias)(x, train=train)
        x = hidden(x.reshape(x.shape[0], *stem))
        for features in widths:
            up = layers.ConvTranspose(
                features, KERNEL, STRIDE, recipe=self.recipe, use_bias=bias
            )
            x = hidden(up(x, train=train))
        output = layers.output_recipe(self.recipe)
        last = layers.ConvTranspose(self.shape[1], KERNEL, STRIDE, recipe=output)
        return layers.finish(last(x, train=train))


class WaveGANDiscriminator(nn.Module):
    """`waveforms [B, N, C] -> DiscriminatorOutput`, N = 16 * 4^k.

    For N = 16384, k = 5:

    | layer | output | parameters |
    | --- | --- | --- |
    | conv 25 s4, leaky ReLU, phase shuffle | 4096 x w | 25 C w + w |
    | conv 25 s4, leaky ReLU, phase shuffle | 1024 x 2w | 50 w^2 + 2w |
    | conv 25 s4, leaky ReLU, phase shuffle | 256 x 4w | 200 w^2 + 4w |
    | conv 25 s4, leaky ReLU, phase shuffle | 64 x 8w | 800 w^2 + 8w |
    | conv 25 s4, leaky ReLU | 16 x 16w | 3200 w^2 + 16w |
    | linear | 1 | 256 w + 1 |

    For w = 64, C = 1 these are 17,427,969 parameters. Shorter waveforms leave out the
    widest layers. A norm that the recipe asks for comes before each leaky ReLU but the
    first. The features are the flattened last activations.

    Attributes:
      length: N.
      width: w, channels after the first layer.
      phase_shuffle: the most places that `layers.PhaseShuffle` shifts by.
      recipe: its normalisation; `spectral` and `weight` reach every layer.
      conditioning: see `layers.Conditioning`.
    """

    length: int
    width: int = 64
    phase_shuffle: int = 2
    recipe: layers.Recipe = layers.Recipe("none", "xavier")
    conditioning: layers.Conditioning = layers.Conditioning()

    @nn.compact
    def __call__(
        self, x: Array, *, train: bool, label: Array | None = None
    ) -> types.DiscriminatorOutput:
        x = layers.condition_discriminator(x, label, self.conditioning)
        widths = _widths(self.length, self.width)
        for index, features in enumerate(widths):
            bias = index == 0 or layers.has_bias(self.recipe)
            down = layers.Conv(
                features, KERNEL, STRIDE, recipe=self.recipe, use_bias=bias
            )
            x = down(x, train=train)
            if index:
                x = layers.Norm(self.recipe)(x, train=train)
            x = layers.leaky_relu(x)
            if index + 1 < len(widths):
                x = layers.PhaseShuffle(self.phase_shuffle)(x, train=train)
        head = layers.Head(self.recipe, self.conditioning)
        return head(x.reshape(x.shape[0], -1), train=train, label=label)


def wavegan(
    shape: Sequence[int],
    recipes: types.Pair,
    conditioning: types.Pair,
    *,
    width: int = 64,
    phase_shuffle: int = 2,
) -> types.Pair:
    """Both players with the same width.

    The paper draws z uniformly; here it is normal, as for every GAN of `gan.make`.

    Args:
      shape: `(N, C)`, N = 64, 256, 1024, 4096, 16384 or any further `16 * 4^k`; 16384
        in the paper, a second of speech.
      recipes: per player.
      conditioning: per player.
      width: w, 64 in the paper.
      phase_shuffle: the most places that the discriminator's maps are shifted by, in
        [0, 63]; 0 for none.

    Raises:
      UserError: if the networks cannot be made so.
    """
    layers.require(
        len(shape) == 2
        and shape[0] in [BOTTOM * 4**k for k in range(1, 16)]
        and shape[1] >= 1,
        f"shape={tuple(shape)} does not suit the network 'wavegan', which makes "
        "waveforms (N, C) of N = 64, 256, 1024, 4096, 16384 or more times 4 samples; "
        "cut or pad them.",
    )
    layers.require(width >= 1, f"width={width} must be at least 1.")
    # The shortest maps that are shifted have 64 places, to be filled by reflection.
    layers.require(
        0 <= phase_shuffle <= 63, f"phase_shuffle={phase_shuffle} must lie in [0, 63]."
    )
    return types.Pair(
        WaveGANGenerator(
            tuple(shape), width, recipes.generator, conditioning.generator
        ),
        WaveGANDiscriminator(
            shape[0],
            width,
            phase_shuffle,
            recipes.discriminator,
            conditioning.discriminator,
        ),
    )


def _widths(length: int, width: int) -> list[int]:
    """Channels of the discriminator's maps, from the longest to the shortest."""
    stages = round(math.log(length / BOTTOM, 4))
    return [width * 2**stage for stage in range(stages)]
