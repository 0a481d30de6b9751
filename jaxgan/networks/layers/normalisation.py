"""Normalisation of activations, with learned or conditional scale and shift."""

import dataclasses
import math

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxgan.core import errors
from jaxgan.networks.layers import linear
from jaxgan.networks.layers import recipe as recipes

EPSILON = 1e-5
MOST_GROUPS = 32


class Norm(nn.Module):
    """Normalises `[B, *n, C]`, then scales and shifts each channel.

    By the recipe's `normalisation`:

    * `batch` (Ioffe and Szegedy 2015, https://arxiv.org/abs/1502.03167): over the batch
      and all places, by the batch's own statistics when training and otherwise by
      their running averages of momentum 0.9;
    * `virtual_batch` (Salimans et al. 2016, https://arxiv.org/abs/1606.03498): the same
      by the statistics of a fixed reference batch and the sample itself, see
      `WithReference`;
    * `layer` (Ba et al. 2016, https://arxiv.org/abs/1607.06450): over all places and
      channels of a sample; `group` (Wu and He 2018, https://arxiv.org/abs/1803.08494):
      over groups of at least two channels, at most 32 groups, a power of two;
      `instance` (Ulyanov et al. 2016, https://arxiv.org/abs/1607.08022): over places;
    * `rms` (Zhang and Sennrich 2019, https://arxiv.org/abs/1910.07467): each place by
      the root of the mean square of its channels; `pixel` (Karras et al. 2017,
      https://arxiv.org/abs/1710.10196): the same without a scale;
    * `none`, `spectral`, `weight`: nothing, the last two act on kernels.

    With a `condition [B, E]`, scale and shift are affine functions of it, `1 + W e` and
    `V e`, of a hidden ReLU layer if asked for, under any normalisation. One-hot labels
    make it class-conditional (de Vries et al. 2017, https://arxiv.org/abs/1707.00683),
    latents self-modulated (Chen et al. 2018, https://arxiv.org/abs/1810.01365).

    Attributes:
      recipe: whose normalisation and dtype count.
      hidden: width of the hidden layer before a conditional scale and shift, 0 for
        none.
    """

    recipe: recipes.Recipe = recipes.Recipe()
    hidden: int = 0

    @nn.compact
    def __call__(
        self, x: Array, *, train: bool, condition: Array | None = None
    ) -> Array:
        own = condition is None
        x = self._normalised(x, train=train, own=own)
        if own:
            return x
        plain = recipes.Recipe(dtype=self.recipe.dtype)
        if self.hidden:
            condition = linear.Dense(self.hidden, plain)(condition, train=train)
            condition = nn.relu(condition)
        # Nothing but the normalisation at the start: the condition comes in as learned.
        zero = dataclasses.replace(plain, initialisation="zero")
        both = linear.Dense(2 * x.shape[-1], zero, use_bias=bool(self.hidden))(
            condition, train=train
        )
        both = both.reshape(both.shape[0], *(1,) * (x.ndim - 2), -1)
        scale, shift = jnp.split(both.astype(x.dtype), 2, axis=-1)
        return x * (1 + scale) + shift

    def _normalised(self, x: Array, *, train: bool, own: bool) -> Array:
        name, dtype = self.recipe.normalisation, self.recipe.compute
        places = tuple(range(1, x.ndim - 1))
        learned = {"use_scale": own, "dtype": dtype}
        affine = {"use_bias": own, "epsilon": EPSILON, **learned}
        match name:
            case "batch":
                return nn.BatchNorm(
                    use_running_average=not train, momentum=0.9, **affine
                )(x)
            case "layer":
                return nn.LayerNorm(reduction_axes=(*places, -1), **affine)(x)
            case "instance":
                self._need_several(x, 1)
                return nn.InstanceNorm(**affine)(x)
            case "group":
                pairs, odd = divmod(x.shape[-1], 2)
                groups = 1 if odd else math.gcd(MOST_GROUPS, pairs)
                self._need_several(x, x.shape[-1] // groups)
                return nn.GroupNorm(groups, **affine)(x)
            case "rms":
                return nn.RMSNorm(**learned)(x)
            case "pixel":
                square = jnp.mean(jnp.square(recipes.widened(x)), -1, keepdims=True)
                return x * jax.lax.rsqrt(square + 1e-8).astype(x.dtype)
            case "virtual_batch":
                return VirtualBatchNorm(self.recipe, own)(x)
        return x

    def _need_several(self, x: Array, channels: int) -> None:
        # The mean of a single number is that number, and nothing would be left.
        if channels * math.prod(x.shape[1:-1]) < 2:
            raise errors.UserError(
                f"normalisation={self.recipe.normalisation!r} averages over places and "
                f"the activations {x.shape} have too few; use 'layer'."
            )


class VirtualBatchNorm(nn.Module):
    """Normalises by the first samples of `[R + B, *n, C]`, the reference batch.

    A sample's mean and mean square are those of the R reference samples and itself,
    each with weight `1 / (R + 1)`; those of a reference sample are the reference's.

    Attributes:
      recipe: its `reference_size` is R.
      affine: whether scale and shift are learned.
    """

    recipe: recipes.Recipe
    affine: bool = True

    @nn.compact
    def __call__(self, x: Array) -> Array:
        size, dtype = self.recipe.reference_size, x.dtype
        x = recipes.widened(x)
        places = tuple(range(1, x.ndim - 1))
        moments = jnp.stack([x, x * x]).mean(
            tuple(a + 1 for a in places), keepdims=True
        )
        reference = moments[:, :size].mean(1, keepdims=True)
        sample = jnp.arange(x.shape[0]).reshape(-1, *(1,) * (x.ndim - 1))
        own = sample >= size
        weight = own / (size + 1)
        mean, square = weight * moments + (1 - weight) * reference
        x = (x - mean) * jax.lax.rsqrt(square - mean * mean + EPSILON)
        if self.affine:
            channels = (x.shape[-1],)
            x = x * self.param("scale", nn.initializers.ones, channels)
            x = x + self.param("bias", nn.initializers.zeros, channels)
        return x.astype(dtype)


def has_bias(recipe: recipes.Recipe) -> bool:
    """Whether a layer followed by `Norm` has a bias.

    Batch normalisation takes it away again: its gradient would be rounding noise, which
    Adam would scale up to full steps.
    """
    return recipe.normalisation not in ("batch", "virtual_batch", "instance")
