"""The networks of `jaxgan.scores.classifier`."""

import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxgan.core import errors
from jaxgan.scores import spectrograms


class ConvolutionalNetwork(nn.Module):
    """Three 3x3 convolutions, the last two with stride 2, and a hidden layer.

    Attributes:
      num_classes: `K`.
      channels: of each convolution.
      num_features: `F`, width of the hidden layer whose outputs are the features.
    """

    num_classes: int
    channels: tuple[int, ...] = (16, 32, 64)
    num_features: int = 64

    @nn.compact
    def __call__(self, x: Array) -> tuple[Array, Array]:
        for index, channels in enumerate(self.channels):
            x = nn.relu(nn.Dense(channels)(patches(x, stride=1 if index == 0 else 2)))
        features = nn.relu(nn.Dense(self.num_features)(x.reshape(x.shape[0], -1)))
        return features, nn.Dense(self.num_classes)(features)


class FullyConnectedNetwork(nn.Module):
    """Two hidden layers, of which the second gives the features.

    Attributes:
      num_classes: `K`.
      width: of the first hidden layer.
      num_features: `F`, width of the second.
    """

    num_classes: int
    width: int = 256
    num_features: int = 64

    @nn.compact
    def __call__(self, x: Array) -> tuple[Array, Array]:
        x = nn.relu(nn.Dense(self.width)(x.reshape(x.shape[0], -1)))
        features = nn.relu(nn.Dense(self.num_features)(x))
        return features, nn.Dense(self.num_classes)(features)


class SpectrogramNetwork(nn.Module):
    """The convolutional network, of the log-mel spectrograms of waveforms.

    Attributes:
      num_classes: `K`.
      sample_rate: of the waveforms, in Hz.
    """

    num_classes: int
    sample_rate: int = 8000

    @nn.compact
    def __call__(self, x: Array) -> tuple[Array, Array]:
        image = spectrograms.log_mel(x, self.sample_rate)
        return ConvolutionalNetwork(self.num_classes)(image)


NETWORKS = {
    "convolutional": ConvolutionalNetwork,
    "fully_connected": FullyConnectedNetwork,
    "spectrogram": SpectrogramNetwork,
}
"""By the name of the architecture: for images, an MLP for samples of any shape, and for
waveforms."""


def patches(x: Array, stride: int) -> Array:
    """The 3x3 neighbourhoods `[B, h, w, 9C]` of images with a border of zeros.

    With them a convolution is one matrix product, whose gradients XLA computes several
    times faster on a CPU, inside a scan, than those of a convolution.
    """
    height, width = x.shape[1:3]
    x = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    shifted = [
        x[:, row : row + height : stride, column : column + width : stride]
        for row in range(3)
        for column in range(3)
    ]
    return jnp.concatenate(shifted, axis=-1)


def scaled(x: Array) -> Array:
    """Samples as float: bytes from 0 ... 255 to [-1, 1], floats as they are.

    Raises:
      UserError: for other integers.
    """
    if x.dtype == jnp.uint8:
        return x.astype(jnp.float32) / 127.5 - 1
    if not jnp.issubdtype(x.dtype, jnp.floating):
        raise errors.UserError(
            f"images must be uint8 in 0 ... 255 or float in [-1, 1], not {x.dtype}; "
            "convert them."
        )
    return x
