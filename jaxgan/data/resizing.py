"""Images brought to another size, on the host, before anything is trained on them."""

from collections.abc import Callable

import numpy as np

from jaxgan.core import errors

METHODS = ("lanczos", "box", "pad")
"""What `resizer` knows."""


def resizer(
    image_size: tuple[int, int], method: str = "lanczos"
) -> Callable[[np.ndarray], np.ndarray]:
    """Builds a function that brings an image to a size.

    `lanczos` and `box` are Pillow's filters and stretch an image to the new size,
    whatever its proportions. Both average over more pixels when an image shrinks, which
    avoids aliasing: `lanczos` with a windowed sinc of three lobes, which keeps edges
    sharp; `box` with equal weights, which for an enlargement repeats pixels. `pad` puts
    black pixels around the image, which stays as it is in the middle: MNIST of 28 x 28
    becomes 32 x 32 by two rows or columns of black on each side.

    Args:
      image_size: `(H, W)`, at least 1 each.
      method: one of `METHODS`.

    Returns:
      A pure function from `[H', W', C]` uint8 to `[H, W, C]` uint8.

    Raises:
      UserError: if the size or the method is unknown; from the function, if an image to
        be padded is larger than the size.
    """
    if len(image_size) != 2 or min(image_size) < 1:
        raise errors.UserError(
            f"image_size={tuple(image_size)} must be a height and a width, at least 1."
        )
    if method not in METHODS:
        raise errors.UserError(
            f"resize={method!r} is not known; {errors.choice(method, METHODS)}"
        )
    size = tuple(image_size)

    def resize(image: np.ndarray) -> np.ndarray:
        if image.shape[:2] == size:
            return image
        return _pad(image, size) if method == "pad" else _filter(image, size, method)

    return resize


def resize_all(
    x: np.ndarray, image_size: tuple[int, int] | None, method: str = "lanczos"
) -> np.ndarray:
    """Brings images `[N, H', W', C]` uint8 to a size, see `resizer`; None keeps it.

    Raises:
      UserError: as `resizer`.
    """
    if image_size is None:
        return x
    resize = resizer(image_size, method)
    if x.shape[1:3] == tuple(image_size):
        return x
    if method == "pad":
        return _pad(x, tuple(image_size))
    out = np.empty((len(x), *image_size, x.shape[-1]), np.uint8)
    for i, image in enumerate(x):
        out[i] = resize(image)
    return out


def _filter(image: np.ndarray, size: tuple[int, int], method: str) -> np.ndarray:
    from PIL import Image

    resampling = {"lanczos": Image.Resampling.LANCZOS, "box": Image.Resampling.BOX}

    def resized(plane: np.ndarray) -> np.ndarray:
        return np.asarray(Image.fromarray(plane).resize(size[::-1], resampling[method]))

    if image.shape[-1] == 3:
        return resized(image)
    return np.stack([resized(plane) for plane in np.moveaxis(image, -1, 0)], axis=-1)


def _pad(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Black around `[..., H', W', C]`, as much on either side."""
    missing = [to - now for to, now in zip(size, image.shape[-3:-1], strict=True)]
    if min(missing) < 0:
        raise errors.UserError(
            f"image_size={size} is smaller than an image of {image.shape[-3:-1]}, "
            "which cannot be padded to it; use resize='lanczos' or a larger size."
        )
    around = [(n // 2, n - n // 2) for n in missing]
    return np.pad(image, [*[(0, 0)] * (image.ndim - 3), *around, (0, 0)])
