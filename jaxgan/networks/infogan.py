"""The pair for 28x28 of InfoGAN, which large comparisons of GANs took over.

The layers are those of Chen et al. 2016, https://arxiv.org/abs/1606.03657, Table 1,
with leaky ReLU in both players as in Lucic et al. 2018,
https://arxiv.org/abs/1711.10337 (there with a sigmoid and images in [0, 1], here with a
tanh and images in [-1, 1]).
"""

import math
from collections.abc import Sequence

from flax import linen as nn
from jax import Array

from jaxgan import types
from jaxgan.networks import layers

KERNEL = (4, 4)
STRIDE = (2, 2)


class InfoGANGenerator(nn.Module):
    """`z [B, D] -> images [B, H, W, C]` in [-1, 1].

    | layer | output | parameters, w = 64 |
    | --- | --- | --- |
    | linear, norm, leaky ReLU | 16 w | 1024 D + 2048 |
    | linear, norm, leaky ReLU | H/4 x W/4 x 2w | 8192 H W + 16 H W |
    | transposed conv 4x4 s2, norm, leaky ReLU | H/2 x W/2 x w | 131072 + 128 |
    | transposed conv 4x4 s2, tanh | H x W x C | 1024 C + C |

    The second linear layer's norm is over its `8 H W` outputs, each a channel. For
    28x28x1 and D = 100 these are 6,671,745 parameters. Without normalisation a layer
    has a bias in the place of the norm's scale and shift.

    Attributes:
      shape: `(H, W, C)`, H and W multiples of four.
      width: w, channels before the last layer, 64 in the paper.
      recipe: its normalisation is of the hidden layers.
      conditioning: see `layers.Conditioning`.
    """

    shape: Sequence[int]
    width: int = 64
    recipe: layers.Recipe = layers.Recipe("batch", "dcgan")
    conditioning: layers.Conditioning = layers.Conditioning()

    @nn.compact
    def __call__(self, z: Array, *, train: bool, label: Array | None = None) -> Array:
        x, condition = layers.condition_generator(z, label, self.conditioning)
        height, width, channels = self.shape
        bias = layers.has_bias(self.recipe)

        def hidden(x: Array) -> Array:
            norm = layers.Norm(self.recipe, self.conditioning.hidden)
            return layers.leaky_relu(norm(x, train=train, condition=condition))

        def dense(features: int, x: Array) -> Array:
            return layers.Dense(features, self.recipe, use_bias=bias)(x, train=train)

        stem = (height // 4, width // 4, 2 * self.width)
        x = hidden(dense(16 * self.width, x))
        x = hidden(dense(math.prod(stem), x)).reshape(x.shape[0], *stem)
        up = layers.ConvTranspose(
            self.width, KERNEL, STRIDE, recipe=self.recipe, use_bias=bias
        )
        x = hidden(up(x, train=train))
        output = layers.output_recipe(self.recipe)
        x = layers.ConvTranspose(channels, KERNEL, STRIDE, recipe=output)(
            x, train=train
        )
        return layers.finish(x)


class InfoGANDiscriminator(nn.Module):
    """`images [B, H, W, C] -> DiscriminatorOutput`.

    | layer | output | parameters, w = 64 |
    | --- | --- | --- |
    | conv 4x4 s2, leaky ReLU | H/2 x W/2 x w | 1024 C + 64 |
    | conv 4x4 s2, norm, leaky ReLU | H/4 x W/4 x 2w | 131072 + 256 |
    | linear, norm, leaky ReLU | 16 w | 8192 H W + 2048 |
    | linear | 1 | 1024 + 1 |

    For 28x28x1 these are 6,558,017 parameters. The features are the activations of the
    hidden linear layer.

    Attributes:
      width: w, channels after the first layer, 64 in the paper.
      recipe: its normalisation is of the hidden layers but the first; `spectral` and
        `weight` reach every layer.
      conditioning: see `layers.Conditioning`.
    """

    width: int = 64
    recipe: layers.Recipe = layers.Recipe("batch", "dcgan")
    conditioning: layers.Conditioning = layers.Conditioning()

    @nn.compact
    def __call__(
        self, x: Array, *, train: bool, label: Array | None = None
    ) -> types.DiscriminatorOutput:
        x = layers.condition_discriminator(x, label, self.conditioning)
        bias = layers.has_bias(self.recipe)

        def hidden(x: Array) -> Array:
            return layers.leaky_relu(layers.Norm(self.recipe)(x, train=train))

        first = layers.Conv(self.width, KERNEL, STRIDE, recipe=self.recipe)
        x = layers.leaky_relu(first(x, train=train))
        second = layers.Conv(
            2 * self.width, KERNEL, STRIDE, recipe=self.recipe, use_bias=bias
        )
        x = hidden(second(x, train=train)).reshape(x.shape[0], -1)
        dense = layers.Dense(16 * self.width, self.recipe, use_bias=bias)
        x = hidden(dense(x, train=train))
        head = layers.Head(self.recipe, self.conditioning)
        return head(x, train=train, label=label)
