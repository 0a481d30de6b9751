"""Videos from transposed convolutions in three dimensions.

The one-stream network of Vondrick et al., Generating Videos with Scene Dynamics, 2016,
https://arxiv.org/abs/1609.02612: DCGAN with time as a third dimension of space. The
published one is that of `shape=(32, 64, 64, 3), stages=4, width=64`.
"""

import math
from collections.abc import Sequence

from flax import linen as nn
from jax import Array

from jaxgan import types
from jaxgan.networks import layers

KERNEL = (4, 4, 4)
STRIDE = (2, 2, 2)


class VideoDCGANGenerator(nn.Module):
    """`z [B, D] -> videos [B, T, H, W, C]` in [-1, 1].

    For two stages:

    | layer | output | parameters |
    | --- | --- | --- |
    | linear, norm, ReLU | T/4 x H/4 x W/4 x 2w | D (T H W / 32) w + 4w |
    | transposed conv 4x4x4 s2, norm, ReLU | T/2 x H/2 x W/2 x w | 128 w^2 + 2w |
    | transposed conv 4x4x4 s2, tanh | T x H x W x C | 64 w C + C |

    Every further stage starts from half the size and twice the channels. The published
    network, of D = 100, has 12,662,659 parameters; in its four stages, the biases that
    batch normalisation takes away again are not counted. Without normalisation a linear
    layer has a bias, one number per output, in the place of the norm's scale and shift.

    Attributes:
      shape: `(T, H, W, C)`; `2^stages` divides T, H and W.
      stages: transposed convolutions, each doubling time and space.
      width: w, channels before the last layer.
      recipe: its normalisation is of the hidden layers.
      conditioning: see `layers.Conditioning`.
    """

    shape: Sequence[int]
    stages: int = 2
    width: int = 16
    recipe: layers.Recipe = layers.Recipe("batch", "dcgan")
    conditioning: layers.Conditioning = layers.Conditioning()

    @nn.compact
    def __call__(self, z: Array, *, train: bool, label: Array | None = None) -> Array:
        x, condition = layers.condition_generator(z, label, self.conditioning)
        bias = layers.has_bias(self.recipe)

        def hidden(x: Array) -> Array:
            norm = layers.Norm(self.recipe, self.conditioning.hidden)
            return nn.relu(norm(x, train=train, condition=condition))

        *size, channels = self.shape
        widest, *widths = (self.width * 2**i for i in reversed(range(self.stages)))
        stem = (*(n // 2**self.stages for n in size), widest)
        x = layers.Dense(math.prod(stem), self.recipe, use_bias=bias)(x, train=train)
        x = hidden(x.reshape(x.shape[0], *stem))
        for features in widths:
            up = layers.ConvTranspose(
                features, KERNEL, STRIDE, recipe=self.recipe, use_bias=bias
            )
            x = hidden(up(x, train=train))
        output = layers.output_recipe(self.recipe)
        last = layers.ConvTranspose(channels, KERNEL, STRIDE, recipe=output)
        return layers.finish(last(x, train=train))


class VideoDCGANDiscriminator(nn.Module):
    """`videos [B, T, H, W, C] -> DiscriminatorOutput`.

    For two stages:

    | layer | output | parameters |
    | --- | --- | --- |
    | conv 4x4x4 s2, leaky ReLU | T/2 x H/2 x W/2 x w | 64 C w + w |
    | conv 4x4x4 s2, norm, leaky ReLU | T/4 x H/4 x W/4 x 2w | 128 w^2 + 4w |
    | linear | 1 | T H W w / 32 + 1 |

    Every further stage halves the size and doubles the channels. The published network
    has 11,040,577 parameters, counted as the generator's and with one logit where the
    paper has two classes. The features are the flattened last activations.

    Attributes:
      stages: convolutions, each halving time and space.
      width: w, channels after the first layer.
      recipe: its normalisation; `spectral` and `weight` reach every layer.
      conditioning: see `layers.Conditioning`.
    """

    stages: int = 2
    width: int = 16
    recipe: layers.Recipe = layers.Recipe("batch", "dcgan")
    conditioning: layers.Conditioning = layers.Conditioning()

    @nn.compact
    def __call__(
        self, x: Array, *, train: bool, label: Array | None = None
    ) -> types.DiscriminatorOutput:
        x = layers.condition_discriminator(x, label, self.conditioning)
        for stage in range(self.stages):
            down = layers.Conv(
                self.width * 2**stage,
                KERNEL,
                STRIDE,
                recipe=self.recipe,
                use_bias=stage == 0 or layers.has_bias(self.recipe),
            )
            x = down(x, train=train)
            if stage:
                x = layers.Norm(self.recipe)(x, train=train)
            x = layers.leaky_relu(x)
        head = layers.Head(self.recipe, self.conditioning)
        return head(x.reshape(x.shape[0], -1), train=train, label=label)


def video_dcgan(
    shape: Sequence[int],
    recipes: types.Pair,
    conditioning: types.Pair,
    *,
    stages: int = 2,
    width: int = 16,
) -> types.Pair:
    """Both players with the same width.

    Args:
      shape: `(T, H, W, C)`; `2^stages` divides T, H and W.
      recipes: per player.
      conditioning: per player.
      stages: convolutions of each player, in [1, 6]; 4 in the paper.
      width: w, 64 in the paper.

    Raises:
      UserError: if the networks cannot be made so.
    """
    layers.require(1 <= stages <= 6, f"stages={stages} must lie in [1, 6].")
    layers.require(width >= 1, f"width={width} must be at least 1.")
    factor = 2**stages
    layers.require(
        len(shape) == 4 and not any(n % factor for n in shape[:3]) and min(shape) >= 1,
        f"shape={tuple(shape)} does not suit the network 'video_dcgan', which with "
        f"stages={stages} makes videos (T, H, W, C) whose frames, height and width are "
        f"multiples of {factor}; cut or resize them, or change stages.",
    )
    return types.Pair(
        VideoDCGANGenerator(
            tuple(shape), stages, width, recipes.generator, conditioning.generator
        ),
        VideoDCGANDiscriminator(
            stages, width, recipes.discriminator, conditioning.discriminator
        ),
    )
