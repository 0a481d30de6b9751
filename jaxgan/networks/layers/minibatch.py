"""Layers that let a discriminator see how much the samples of a batch differ.

With them a logit depends on the whole batch: gradient penalties, which take the
gradient of each logit by its own sample, then see the batch's other samples move too.
"""

import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxgan.networks.layers import linear
from jaxgan.networks.layers import recipe as recipes


class MinibatchStddev(nn.Module):
    """Adds a channel with the standard deviation over groups of samples.

    `[B, *n, C] -> [B, *n, C + 1]`: the deviation over a group, of each place and
    channel, averaged over these, the same for all samples of the group. The groups are
    of the largest size that divides B and is at most `group_size`.

    References:
      Karras et al., Progressive Growing of GANs, 2017,
      https://arxiv.org/abs/1710.10196
    """

    group_size: int = 4

    @nn.compact
    def __call__(self, x: Array) -> Array:
        batch = len(x)
        size = max(
            n for n in range(1, min(self.group_size, batch) + 1) if batch % n == 0
        )
        groups = recipes.widened(x).reshape(size, batch // size, *x.shape[1:])
        deviation = jnp.sqrt(groups.var(0) + 1e-8)
        mean = deviation.mean(tuple(range(1, deviation.ndim)))
        channel = jnp.tile(mean, size).reshape(-1, *(1,) * (x.ndim - 1))
        channel = jnp.broadcast_to(channel, (*x.shape[:-1], 1))
        return jnp.concatenate([x, channel.astype(x.dtype)], axis=-1)


class MinibatchDiscrimination(nn.Module):
    """Adds to features how close those of the other samples are.

    `[B, F] -> [B, F + num_kernels]`: with `M_i = f_i T` of shape
    `[num_kernels, kernel_dim]`, the new feature k of sample i is
    `sum_(j != i) exp(-|M_ik - M_jk|_1)`.

    Attributes:
      num_kernels, kernel_dim: 100 and 5 in the paper's experiments on images.
      recipe: of the projection T.

    References:
      Salimans et al., Improved Techniques for Training GANs, 2016,
      https://arxiv.org/abs/1606.03498
    """

    num_kernels: int = 100
    kernel_dim: int = 5
    recipe: recipes.Recipe = recipes.Recipe()

    @nn.compact
    def __call__(self, x: Array, *, train: bool) -> Array:
        layer = linear.Dense(
            self.num_kernels * self.kernel_dim, self.recipe, use_bias=False
        )
        m = recipes.widened(layer(x, train=train))
        m = m.reshape(x.shape[0], self.num_kernels, self.kernel_dim)
        distance = jnp.abs(m[:, None] - m[None]).sum(-1)
        # Each sample is at distance 0 of itself.
        closeness = jnp.exp(-distance).sum(1) - 1
        return jnp.concatenate([x, closeness.astype(x.dtype)], axis=-1)


def beside(features: Array, recipe: recipes.Recipe, *, train: bool) -> Array:
    """Features `[B, F]` with what a recipe's `minibatch` adds; in a module's call."""
    match recipe.minibatch:
        case "stddev":
            return MinibatchStddev()(features)
        case "discrimination":
            return MinibatchDiscrimination(recipe=recipe)(features, train=train)
    return features
