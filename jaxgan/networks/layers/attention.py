"""Self-attention between all places."""

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxgan.core import errors
from jaxgan.networks.layers import linear
from jaxgan.networks.layers import recipe as recipes


class SelfAttention(nn.Module):
    """`x + gamma o`, where o attends from every place to all places; `[B, *n, C]`.

    Queries and keys have `C / 8` channels, values `C / 2`; keys and values are
    max-pooled by 2. The scalar gamma is learned and starts at 0, so that the layer
    starts as the identity. There are no biases.

    Attributes:
      recipe: of the 1 x 1 convolutions.

    Raises:
      UserError: if C is below 8 or a dimension is odd.

    References:
      Zhang et al., Self-Attention Generative Adversarial Networks, 2018,
      https://arxiv.org/abs/1805.08318
    """

    recipe: recipes.Recipe = recipes.Recipe()

    @nn.compact
    def __call__(self, x: Array, *, train: bool) -> Array:
        batch, *size, channels = x.shape
        if channels < 8 or any(n % 2 for n in size):
            raise errors.UserError(
                f"self-attention needs at least 8 channels and even sides, but got "
                f"{x.shape}."
            )

        def map_places(features: int, x: Array) -> Array:
            layer = linear.Conv(
                features, (1,) * len(size), recipe=self.recipe, use_bias=False
            )
            return layer(x, train=train)

        query = map_places(channels // 8, x).reshape(batch, -1, channels // 8)
        key = _pool(map_places(channels // 8, x)).reshape(batch, -1, channels // 8)
        value = _pool(map_places(channels // 2, x)).reshape(batch, -1, channels // 2)
        scores = recipes.widened(jnp.einsum("bqc,bkc->bqk", query, key))
        weights = jax.nn.softmax(scores, axis=-1).astype(value.dtype)
        seen = (weights @ value).reshape(batch, *size, channels // 2)
        gamma = self.param("gamma", nn.initializers.zeros, ())
        return x + gamma.astype(x.dtype) * map_places(channels, seen)


def _pool(x: Array) -> Array:
    """The maximum of each block of two places a side."""
    for axis in range(1, x.ndim - 1):
        x = x.reshape(*x.shape[:axis], -1, 2, *x.shape[axis + 1 :]).max(axis + 1)
    return x
