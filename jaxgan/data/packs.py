"""Packs of samples, which a discriminator judges together.

A pack is m samples side by side in the channels of one (of points, in their
coordinates): `[m B, *n, C]` become `[B, *n, m C]`. Samples that follow one another
are of one pack.

References:
  Lin et al., PacGAN: The Power of Two Samples in Generative Adversarial Networks, 2018,
  https://arxiv.org/abs/1712.04086
"""

import jax.numpy as jnp
from jax import Array

from jaxgan.core import errors


def pack(x: Array, size: int) -> Array:
    """Samples `[m B, *n, C]` as packs `[B, *n, m C]`, m = `size`; 1 gives `x` itself.

    Raises:
      UserError: if the size does not divide the number of samples.
    """
    if size == 1:
        return x
    if x.shape[0] % size:
        raise errors.UserError(
            f"a batch of {x.shape[0]} samples cannot be cut into packs of {size}; give "
            f"a multiple of {size}."
        )
    x = jnp.moveaxis(x.reshape(-1, size, *x.shape[1:]), 1, -2)
    return x.reshape(*x.shape[:-2], -1)


def unpack(x: Array, size: int) -> Array:
    """Packs `[B, *n, m C]` as their samples `[m B, *n, C]`, the inverse of `pack`."""
    if size == 1:
        return x
    x = jnp.moveaxis(x.reshape(*x.shape[:-1], size, -1), -2, 1)
    return x.reshape(-1, *x.shape[2:])
