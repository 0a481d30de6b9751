"""Small turns and slants, of handwriting and whatever else may stand a little askew.

Not among those of `diffaugment` and `ada`: labels survive them where those of any angle
would make a six of a nine. As in `ada`, places beyond an edge are mirrored, and images
are read linearly between pixels.
"""

import math

import jax
import jax.numpy as jnp
from jax import Array

from jaxgan.data.augmentation import resampling

SLANT = 0.2
"""Standard deviation of the pixels that a row moves sideways for each row down."""

ANGLE = math.radians(10)
"""Standard deviation of the angle of a turn, in radians."""


def shear(image: Array, key: Array) -> Array:
    """Slanted sideways by `N(0, 0.2^2)` pixels a row; the middle row stays."""
    return sideways(image, SLANT * jax.random.normal(key))


def tilt(image: Array, key: Array) -> Array:
    """Turned about the centre by an angle of `N(0, (10 degrees)^2)`, see `turned`."""
    return turned(image, ANGLE * jax.random.normal(key))


def turned(image: Array, angle: Array) -> Array:
    """Turns an image about its centre, anticlockwise as it is looked at.

    By three shears: `tan(a / 2)` sideways, `sin(a)` downwards, `tan(a / 2)` sideways.

    Args:
      image: `[H, W, C]`.
      angle: a in radians, far from a half turn, of which one shear is infinite.

    References:
      Paeth, A fast algorithm for general raster rotation, 1986, Graphics Interface
    """
    half = jnp.tan(angle / 2)
    image = sideways(image, half)
    image = sideways(image.swapaxes(0, 1), -jnp.sin(angle)).swapaxes(0, 1)
    return sideways(image, half)


def sideways(image: Array, slant: Array) -> Array:
    """Moves the row i to the right by `slant (i - (H - 1) / 2)` pixels."""
    height, width, _ = image.shape
    by = slant * (jnp.arange(height) - (height - 1) / 2)
    places = resampling.reflected(jnp.arange(width) - by[:, None], width)
    return resampling.resample_rows(image, places)
