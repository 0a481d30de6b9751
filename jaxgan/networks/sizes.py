"""What sizes of images a network of strided layers can make."""

from collections.abc import Sequence

from jaxgan.networks import layers

SMALLEST = 4


def halvings(shape: Sequence[int]) -> int:
    """How often both sides of `(H, W, C)` can be halved and stay 4 places or more.

    32x32 three times, to 4x4; 64x64 four times; 48x48 three times, to 6x6; 28x28 twice,
    to 7x7.
    """
    height, width = shape[:2]
    if height % 2 or width % 2 or min(height, width) < 2 * SMALLEST:
        return 0
    return 1 + halvings((height // 2, width // 2))


def check(shape: Sequence[int], multiple: int, architecture: str) -> None:
    """Raises `UserError` unless sides are multiples of that number and at least 8."""
    layers.require(
        len(shape) == 3
        and not (shape[0] % multiple or shape[1] % multiple)
        and min(shape) >= 1
        and min(shape[:2]) >= 2 * SMALLEST,
        f"shape={tuple(shape)} does not suit the network {architecture!r}, which makes "
        f"images (H, W, C) whose sides are multiples of {multiple} and at least "
        f"{2 * SMALLEST}; resize or pad them, or use 'mlp'.",
    )
