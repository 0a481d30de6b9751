"""The transforms of adaptive discriminator augmentation, with the authors' ranges.

They are meant to be applied with a probability, see `penalties.adaptive`. Of the
paper's there are pixel blits (flip, quarter turns, whole shifts), scaling, stretching
and fractional shifts, and all colour transforms, in the paper's order. Not there are
rotations by any angle, filtering, noise and cutout. Places beyond an edge are mirrored,
as there; between pixels images are read linearly, by one transform after the other,
where the authors use a wavelet filter for all at once.

References:
  Karras et al., Training Generative Adversarial Networks with Limited Data, 2020,
  appendix B, https://arxiv.org/abs/2006.06676
"""

import math

import jax
import jax.numpy as jnp
from jax import Array

from jaxgan.data.augmentation import resampling

FARTHEST = 0.125
"""Share of a side: the most of a whole shift, the deviation of a fractional one."""

SCALE = 0.2
"""Standard deviation of the binary logarithm of scaling and of stretching."""


def flip(image: Array, key: Array) -> Array:
    """Left for right, or not, with probability 1/2."""
    return jnp.where(jax.random.bernoulli(key), image[:, ::-1], image)


def quarter_turn(image: Array, key: Array) -> Array:
    """Turned by 0, 1, 2 or 3 right angles, each as probable; of square images."""
    turned = [jnp.rot90(image, k) for k in range(4)]
    return jax.lax.select_n(jax.random.randint(key, (), 0, 4), *turned)


def shift(image: Array, key: Array) -> Array:
    """By whole pixels, uniform up to an eighth of each side, rounded."""
    share = jax.random.uniform(key, (2,), minval=-FARTHEST, maxval=FARTHEST)
    return _moved(image, jnp.round(share * jnp.array(image.shape[:2])))


def scaling(image: Array, key: Array) -> Array:
    """By a factor `2^n` about the centre, `n ~ N(0, 0.2^2)`."""
    factor = _factor(key, SCALE)
    return _scaled(image, factor, factor)


def stretching(image: Array, key: Array) -> Array:
    """Wider by a factor `2^n` and lower by as much, `n ~ N(0, 0.2^2)`."""
    factor = _factor(key, SCALE)
    return _scaled(image, 1 / factor, factor)


def fractional_shift(image: Array, key: Array) -> Array:
    """By `N(0, 1/8^2)` of each side."""
    share = FARTHEST * jax.random.normal(key, (2,))
    return _moved(image, share * jnp.array(image.shape[:2]))


def brightness(image: Array, key: Array) -> Array:
    """`x + b` with `b ~ N(0, 0.2^2)`."""
    return image + 0.2 * jax.random.normal(key, (), image.dtype)


def contrast(image: Array, key: Array) -> Array:
    """`2^n x` with `n ~ N(0, 0.5^2)`."""
    return _factor(key, 0.5) * image


def luma_flip(image: Array, key: Array) -> Array:
    """`x - 2 m`, or x, with probability 1/2: m the mean over the channels of a pixel.

    Light for dark; hue and saturation stay.
    """
    mean = image.mean(-1, keepdims=True)
    return jnp.where(jax.random.bernoulli(key), image - 2 * mean, image)


def hue(image: Array, key: Array) -> Array:
    """Colours turned about the grey axis by an angle uniform in [-pi, pi)."""
    angle = jax.random.uniform(key, (), image.dtype, -math.pi, math.pi)
    mean = image.mean(-1, keepdims=True)
    # Rodrigues' formula, with the cross product of (1, 1, 1) / sqrt(3) and the colour.
    across = (jnp.roll(image, 1, -1) - jnp.roll(image, -1, -1)) / math.sqrt(3)
    return mean + jnp.cos(angle) * (image - mean) + jnp.sin(angle) * across


def saturation(image: Array, key: Array) -> Array:
    """`m + 2^n (x - m)`, m the mean over the channels of a pixel, `n ~ N(0, 1)`."""
    mean = image.mean(-1, keepdims=True)
    return mean + _factor(key, 1.0) * (image - mean)


def _factor(key: Array, deviation: float) -> Array:
    return jnp.exp2(deviation * jax.random.normal(key))


def _moved(image: Array, by: Array) -> Array:
    height, width, _ = image.shape
    return _read(image, jnp.arange(height) - by[0], jnp.arange(width) - by[1])


def _scaled(image: Array, down: Array, across: Array) -> Array:
    def places(size: int, factor: Array) -> Array:
        centre = (size - 1) / 2
        return centre + (jnp.arange(size) - centre) / factor

    height, width, _ = image.shape
    return _read(image, places(height, down), places(width, across))


def _read(image: Array, rows: Array, columns: Array) -> Array:
    height, width, _ = image.shape
    return resampling.resample(
        image,
        resampling.reflected(rows, height),
        resampling.reflected(columns, width),
    )
