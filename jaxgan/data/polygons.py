"""Gray images of convex polygons: a manifold that is known, drawn on the fly.

Three corners make a manifold of four dimensions and more in the space of images, and
whether an image lies near it can be measured, which makes the polygons a test of what
precision and recall of a GAN mean. An image is drawn by a rule that has gradients, so
that a polygon can be fitted to an image, see `scores.polygons`.

References:
  Lucic et al., Are GANs Created Equal?, 2018, https://arxiv.org/abs/1711.10337, whose
  triangles have these angles and this scale, and edges from eight by eight subpixels
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxgan.core import errors

CHUNK = 4096
"""Images that are drawn at a time."""


class Polygons(NamedTuple):
    """A distribution of convex polygons.

    Attributes:
      corners: of each, at least 3.
      size: pixels of the images each way.
      least_angle: at a corner, in degrees.
      scale: side of the square in which corners are drawn, as a share of the image.
    """

    corners: int = 3
    size: int = 28
    least_angle: float = 20.0
    scale: float = 0.75


def check(law: Polygons) -> None:
    """Asks that polygons can be drawn.

    Raises:
      UserError: if a number is out of range, or no polygon has such angles.
    """
    most = 180 * (law.corners - 2) / max(1, law.corners)
    fits = 3 <= law.corners <= 6 and law.size >= 4 and 0 < law.scale <= 1
    if not fits or not 0 <= law.least_angle < 0.75 * most:
        raise errors.UserError(
            f"{law} cannot be drawn: corners must lie between 3 and 6, size be at "
            "least 4, scale in (0, 1], and least_angle be well below that of a regular "
            "polygon."
        )


def sample(law: Polygons, seed: int | np.random.SeedSequence, n: int) -> np.ndarray:
    """Draws the corners of polygons.

    Corners are uniform in a square, and moved so that their mean is the middle of the
    image; polygons that are not convex, have a smaller angle or leave the image are
    drawn again.

    Args:
      law: of the polygons.
      seed: of the draw.
      n: number of polygons.

    Returns:
      `[n, corners, 2]` float32 in pixels, x and y from the middle of the image, in
      counter-clockwise order.

    Raises:
      UserError: as `check`.
    """
    check(law)
    rng, found, number = np.random.default_rng(seed), [], 0
    while number < n:
        drawn = rng.uniform(size=(max(n, 1000), law.corners, 2)) * law.scale * law.size
        ordered = _in_order(drawn - drawn.mean(axis=1, keepdims=True))
        kept = ordered[np.asarray(is_valid(law, ordered))]
        found.append(kept)
        number += len(kept)
    return np.concatenate(found)[:n].astype(np.float32)


def is_valid(law: Polygons, corners: Array) -> Array:
    """Whether corners `[..., k, 2]` are those of a polygon of this law, `[...]`."""
    ahead = jnp.roll(corners, -1, axis=-2) - corners
    behind = jnp.roll(corners, 1, axis=-2) - corners
    cross = ahead[..., 0] * behind[..., 1] - ahead[..., 1] * behind[..., 0]
    angle = jnp.arctan2(cross, jnp.sum(ahead * behind, axis=-1))
    # Angles of a star sum to less than those of a polygon.
    whole = jnp.abs(jnp.sum(angle, axis=-1) - jnp.pi * (law.corners - 2)) < 1e-3
    inside = jnp.max(jnp.abs(corners), axis=(-2, -1)) <= law.size / 2
    wide = jnp.min(angle, axis=-1) >= np.deg2rad(law.least_angle) - 1e-6
    return whole & inside & wide


def draw(law: Polygons, corners: Array, softness: float | Array = 1.0) -> Array:
    """Draws polygons, white on black.

    A pixel is the product over the edges of `clip(1/2 + d / softness, 0, 1)`, where d
    is how many pixels its middle lies inside of the edge: for softness 1 nearly the
    share of the pixel that is covered.

    Args:
      law: of the polygons, for the size.
      corners: `[..., k, 2]`, counter-clockwise, as from `sample`.
      softness: pixels in which an edge goes from black to white; wider ones pull a fit
        from further away.

    Returns:
      `[..., size, size]` in [0, 1], rows from the top.
    """
    middle = jnp.arange(law.size) - (law.size - 1) / 2
    y, x = jnp.meshgrid(-middle, middle, indexing="ij")
    edge = jnp.roll(corners, -1, axis=-2) - corners
    length = jnp.sqrt(jnp.sum(edge**2, axis=-1) + 1e-12)
    normal = jnp.stack([-edge[..., 1], edge[..., 0]], axis=-1) / length[..., None]
    offset = jnp.sum(normal * corners, axis=-1)
    inside = (normal[..., 0, None, None] * x + normal[..., 1, None, None] * y) - offset[
        ..., None, None
    ]
    return jnp.prod(jnp.clip(0.5 + inside / softness, 0, 1), axis=-3)


def images(law: Polygons, seed: int | np.random.SeedSequence, n: int) -> np.ndarray:
    """Draws images `[n, size, size, 1]` uint8 of random polygons.

    Raises:
      UserError: as `check`.
    """
    corners = sample(law, seed, n)
    paint = jax.jit(lambda c: jnp.round(255 * draw(law, c)).astype(jnp.uint8))
    parts = [corners[i : i + CHUNK] for i in range(0, n, CHUNK)]
    return np.concatenate([np.asarray(paint(part)) for part in parts])[..., None]


def _in_order(corners: np.ndarray) -> np.ndarray:
    """Corners counter-clockwise around their mean, which is zero."""
    angle = np.arctan2(corners[..., 1], corners[..., 0])
    return np.take_along_axis(corners, np.argsort(angle, axis=-1)[..., None], axis=-2)
