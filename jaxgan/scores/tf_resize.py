"""The resize of the published scores, a quirk that every digit of them depends on."""

import jax.numpy as jnp
import numpy as np
from jax import Array


def bilinear(x: Array, size: int) -> Array:
    """Bilinear interpolation as in TensorFlow 1, without half pixels and smoothing.

    Output pixel `i` lies at `i * size_in / size_out` of the input: the first pixels
    coincide, and beyond the last pixel it is repeated. Modern libraries align centres
    or corners, and average when they shrink.

    Args:
      x: `[B, H, W, C]` float32.
      size: height and width of the result.

    Returns:
      `[B, size, size, C]`, to the last bit what separate float32 operations give.
    """
    for axis in (2, 1):
        low, high, share = _places(x.shape[axis], size)
        shape = [size if i == axis else 1 for i in range(x.ndim)]
        before, after = jnp.take(x, low, axis=axis), jnp.take(x, high, axis=axis)
        step = (after - before) * share.reshape(shape)
        # A product that passes through a maximum is rounded before it is added, while
        # compilers fuse a bare one with the sum, and so change the last bit.
        x = before + jnp.maximum(step, jnp.finfo(x.dtype).min)
    return x


def _places(size_in: int, size_out: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    place = np.arange(size_out, dtype=np.float32) * np.float32(size_in / size_out)
    low = place.astype(np.int32)
    return low, np.minimum(low + 1, size_in - 1), place - low.astype(np.float32)
