"""The transforms of DiffAugment, with the ranges of the authors' code.

They are applied to every image. Saturation, contrast and brightness are of images in
[-1, 1] and may leave that range; what a shift or a cutout uncovers is 0, mid-grey.

References:
  Zhao et al., Differentiable Augmentation for Data-Efficient GAN Training, 2020,
  https://arxiv.org/abs/2006.10738
"""

import jax
import jax.numpy as jnp
from jax import Array

from jaxgan.data.augmentation import resampling


def brightness(image: Array, key: Array) -> Array:
    """`x + b` with b uniform in [-1/2, 1/2)."""
    return image + jax.random.uniform(key, (), image.dtype, -0.5, 0.5)


def saturation(image: Array, key: Array) -> Array:
    """`m + s (x - m)`, m the mean over the channels of a pixel, s uniform in [0, 2)."""
    mean = image.mean(-1, keepdims=True)
    return mean + jax.random.uniform(key, (), image.dtype, 0, 2) * (image - mean)


def contrast(image: Array, key: Array) -> Array:
    """`m + c (x - m)`, m the mean of the image, c uniform in [1/2, 3/2)."""
    mean = image.mean()
    return mean + jax.random.uniform(key, (), image.dtype, 0.5, 1.5) * (image - mean)


def translation(image: Array, key: Array) -> Array:
    """Moves by whole pixels, up to an eighth of each side, rounded; 0 comes in."""
    most = jnp.array([_rounded(size, 8) for size in image.shape[:2]])
    down, right = jax.random.randint(key, (2,), -most, most + 1)
    height, width, _ = image.shape
    rows, columns = jnp.arange(height) - down, jnp.arange(width) - right
    return resampling.resample(image, rows, columns)


def cutout(image: Array, key: Array) -> Array:
    """Puts 0 into a rectangle of half of each side, rounded, around any place."""
    row_key, column_key = jax.random.split(key)
    height, width, _ = image.shape
    rows, columns = _hidden(row_key, height), _hidden(column_key, width)
    return jnp.where((rows[:, None] & columns[None])[..., None], 0, image)


def _hidden(key: Array, size: int) -> Array:
    """Which of the places along a side are cut out, `[size]` booleans."""
    length = _rounded(size, 2)
    first = jax.random.randint(key, (), 0, size + 1 - length % 2) - length // 2
    place = jnp.arange(size)
    return (place >= first) & (place < first + length)


def _rounded(size: int, parts: int) -> int:
    """A part of a side in whole pixels, halves rounded up as in the authors' code."""
    return (2 * size + parts) // (2 * parts)
