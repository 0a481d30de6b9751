"""Random shifts that hide from a discriminator where artefacts begin."""

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxgan.networks.layers import noise


class PhaseShuffle(nn.Module):
    """Shifts each waveform `[B, n, C]` by -radius .. radius places, all its channels.

    What is missing at an edge is filled by reflection. The layer draws only when
    training, from a stream of its own in the collection `noise`, which moves on with
    every pass; otherwise it is the identity.

    Attributes:
      radius: 2 in the paper.

    References:
      Donahue et al., Adversarial Audio Synthesis, 2018,
      https://arxiv.org/abs/1802.04208
    """

    radius: int = 2

    @nn.compact
    def __call__(self, x: Array, *, train: bool) -> Array:
        following = noise.stream(self)
        if not train or not self.radius:
            return x
        key = following()
        shift = jax.random.randint(key, (len(x),), -self.radius, self.radius + 1)
        padding = [(0, 0), (self.radius, self.radius), (0, 0)]
        padded = jnp.pad(x, padding, mode="reflect")

        def cut(sample, start):
            return jax.lax.dynamic_slice_in_dim(sample, start, x.shape[1])

        return jax.vmap(cut)(padded, shift + self.radius)
