"""Small affine changes, as between two hands that write the same digit.

Not among those of `diffaugment` and `ada`: labels survive them, where flips and turns
by any angle would make a six of a nine. As in `ada`, places beyond an edge are mirrored
and images are read linearly between pixels; there by one transform after the other, and
here by two shears with one scaling between them, whatever the change is made of. Its
ranges are bounds, as a shear takes as many operations as it may move pixels.
"""

import math

import jax
import jax.numpy as jnp
from jax import Array

from jaxgan.data.augmentation import resampling

TURN, SLANT = math.radians(15), 0.25
"""The most of an angle, and of the pixels that a row moves for each row down."""

SCALE, STRETCH = 0.3, 0.2
"""The most of the binary logarithms of scaling and of stretching."""

SHIFT = 0.125
"""The most of a shift, as a share of each side."""

_ACROSS = math.tan(TURN + math.atan(SLANT))
_DOWN = 4**STRETCH * math.sin(TURN) / (math.cos(TURN) - SLANT * math.sin(TURN))


def affine(image: Array, key: Array) -> Array:
    """Turned, slanted, scaled, stretched and shifted, about the centre.

    By an angle within 15 degrees, `k` pixels a row, `|k| <= 1/4`, factors `2^(n + m)`
    and `2^(n - m)` of height and width, `|n| <= 0.3`, `|m| <= 0.2`, and up to an eighth
    of each side, all uniform.
    """
    most = jnp.array([TURN, SLANT, SCALE, STRETCH, SHIFT, SHIFT])
    draws = jax.random.uniform(key, most.shape, minval=-most, maxval=most)
    angle, slant, scale, stretch, *shift = draws
    sine, cosine = jnp.sin(angle), jnp.cos(angle)
    turned = jnp.array([[cosine, -sine], [sine, cosine]])
    slanted = jnp.array([[1.0, 0.0], [slant, 1.0]])
    scaled = jnp.exp2(jnp.array([scale + stretch, scale - stretch]))
    by = jnp.array(shift) * jnp.array(image.shape[:2])
    return read(image, turned @ slanted * scaled, by)


def read(image: Array, matrix: Array, by: Array) -> Array:
    """Reads an image at other places: `out(q) = image(U (D L q + b))`.

    `M = U D L` with a unit lower triangular U, a diagonal D and a unit upper triangular
    L; places q = (row, column) are from the centre.

    Args:
      image: `[H, W, C]`.
      matrix: M, `[2, 2]`, whose shears U and L are within those that `affine` draws.
      by: b, `[2]` pixels.

    Returns:
      `[H, W, C]`.
    """
    height, width, _ = image.shape
    down = matrix[0, 0]
    across = matrix[1, 1] - matrix[0, 1] * matrix[1, 0] / down
    image = sideways(image, matrix[1, 0] / down, _ACROSS)
    rows = _from_centre(height) * down + by[0] + (height - 1) / 2
    columns = _from_centre(width) * across + by[1] + (width - 1) / 2
    image = resampling.resample(
        image,
        resampling.reflected(rows, height),
        resampling.reflected(columns, width),
    )
    upright = sideways(image.swapaxes(0, 1), matrix[0, 1] / down, _DOWN)
    return upright.swapaxes(0, 1)


def sideways(image: Array, slant: Array, most: float) -> Array:
    """Reads row r of an image at the columns `c + slant r`, from the centre.

    Args:
      image: `[H, W, C]`.
      slant: a number.
      most: its bound, structure: the sum is over `most (H - 1) + 1` columns or so.

    Returns:
      `[H, W, C]`.
    """
    height, width, _ = image.shape
    reach = math.ceil(most * (height - 1) / 2)
    by = slant * _from_centre(height)[:, None, None]
    mirrored = jnp.pad(image, ((0, 0), (reach, reach), (0, 0)), "reflect")
    moved = jnp.zeros_like(image)
    for step in range(-reach, reach + 1):
        weight = jnp.maximum(0, 1 - jnp.abs(by - step))
        moved += weight * mirrored[:, reach + step : reach + step + width]
    return moved


def _from_centre(size: int) -> Array:
    return jnp.arange(size) - (size - 1) / 2
