"""Images read at other places, row by row and column by column.

By products with small matrices rather than by indices: the derivative of indexing is a
scatter, which CPUs take one number at a time.
"""

import jax
import jax.numpy as jnp
from jax import Array


def resample(image: Array, rows: Array, columns: Array) -> Array:
    """Reads an image at the places `(rows[i], columns[j])`, linearly between pixels.

    Args:
      image: `[H, W, C]`.
      rows: `[H']` numbers; 0 ... H-1 are pixels, further than one from them is 0.
      columns: `[W']` likewise.

    Returns:
      `[H', W', C]`. At whole places it has the pixels exactly.
    """
    across, down = _weights(columns, image.shape[1]), _weights(rows, image.shape[0])
    return jnp.einsum(
        "ih,hwc,jw->ijc", down, image, across, precision=jax.lax.Precision.HIGHEST
    )


def reflected(places: Array, size: int) -> Array:
    """Places mirrored at the first and last pixel until they lie in 0 ... size-1."""
    if size == 1:
        return jnp.zeros_like(places)
    last = size - 1
    return last - jnp.abs(jnp.mod(places, 2 * last) - last)


def _weights(places: Array, size: int) -> Array:
    """`[n, size]`: how much each pixel counts at each of n places."""
    distance = jnp.abs(places[:, None] - jnp.arange(size))
    return jnp.maximum(0, 1 - distance.astype(jnp.float32))
