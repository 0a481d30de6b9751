"""Videos of something small that moves: the modes are its eight velocities.

A shape or a digit, bright on black, moves by one pixel a frame in one of the eight
directions of `VELOCITIES`, straight on and always wholly inside of the frame. Positions
are whole pixels, so that a frame is the one before it, moved: what velocity a video
has, and whether it has one, can be computed from its pixels, see `scores.motion`.

They are made in the manner of the moving digits of Srivastava et al., Unsupervised
Learning of Video Representations using LSTMs, 2015, https://arxiv.org/abs/1502.04681,
but with one object, known velocities and no walls.
"""

from typing import NamedTuple

import numpy as np

from jaxgan.core import errors
from jaxgan.data import digits

VELOCITIES = np.array(
    [(0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1), (-1, 0), (-1, 1)], np.int32
)
"""`[8, 2]`: pixels down and to the right from one frame to the next, clockwise from the
right as one sees it."""

DIRECTIONS = (
    *("right", "right down", "down", "left down"),
    *("left", "left up", "up", "right up"),
)
"""What they are called."""

OBJECTS = ("shapes", "digits")

SIDES = (4, 5, 6)
"""Pixels of shapes, each way."""

SUBPIXELS = 8
"""By which a shape's pixel is divided each way to say how much of it is covered."""

FAINTEST = 0.6
"""Brightness of the faintest shape; that of the brightest is 1."""


class Moving(NamedTuple):
    """A distribution of videos.

    Attributes:
      objects: "shapes" (discs, squares, diamonds and crosses of three sizes, any
        brightness from `FAINTEST` to 1) or "digits" (those of `data.digits`; held-out
        videos show held-out digits).
      num_frames: T, at least 2.
      size: pixels of a frame each way.
    """

    objects: str = "shapes"
    num_frames: int = 8
    size: int = 16


def check(law: Moving) -> None:
    """Asks that an object has room to move in all its frames.

    Raises:
      UserError: if the frames are too small for so many of them, or fewer than two.
    """
    if law.objects not in OBJECTS:
        raise errors.UserError(
            f"objects={law.objects!r} is not known; "
            f"{errors.choice(law.objects, OBJECTS)}"
        )
    if law.num_frames < 2:
        raise errors.UserError(
            f"num_frames={law.num_frames} must be at least 2, as one frame does not "
            "move."
        )
    side = _side(law)
    needed = side + law.num_frames - 1
    if law.size < needed:
        raise errors.UserError(
            f"num_frames={law.num_frames} do not fit into frames of {law.size} x "
            f"{law.size} pixels: {law.objects} of {side} pixels that move by one a "
            f"frame need image_size=({needed}, {needed}), or fewer frames."
        )


def videos(
    law: Moving, seed: int | np.random.SeedSequence, n: int, *, held_out: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Draws videos; velocities, objects and places where they fit are uniform.

    Args:
      law: of the videos.
      seed: of the draw.
      n: number of videos.
      held_out: whether they show held-out digits; shapes have no such part.

    Returns:
      `(x [n, T, size, size, 1] uint8, velocity [n] int32)`, the velocity a row of
      `VELOCITIES`.

    Raises:
      UserError: as `check`.
    """
    check(law)
    rng = np.random.default_rng(seed)
    mode = rng.integers(len(VELOCITIES), size=n).astype(np.int32)
    drawn = _digits(rng, n, held_out) if law.objects == "digits" else _shapes(rng, n)
    side, velocity = drawn.shape[1], VELOCITIES[mode]
    travel = (law.num_frames - 1) * velocity
    first = np.maximum(0, -travel)
    last = law.size - side - np.maximum(0, travel)
    start = rng.integers(first, last + 1)
    time = np.arange(law.num_frames)
    corner = start[:, None] + time[:, None] * velocity[:, None]  # [n, T, 2]
    rows, columns = (corner[..., axis, None] + np.arange(side) for axis in (0, 1))
    x = np.zeros((n, law.num_frames, law.size, law.size), np.uint8)
    of_video, frame = np.arange(n)[:, None, None, None], time[:, None, None]
    x[of_video, frame, rows[..., None], columns[..., None, :]] = drawn[:, None]
    return x[..., None], mode


def shapes() -> np.ndarray:
    """All shapes in the largest box, `[12, 6, 6]` in [0, 1]: covered shares of pixels.

    Discs, squares, diamonds and crosses, each of all `SIDES`.
    """
    side = max(SIDES)
    middle = (np.arange(side * SUBPIXELS) + 0.5) / SUBPIXELS - side / 2
    y, x = np.meshgrid(middle, middle, indexing="ij")
    drawn = []
    for half in np.array(SIDES) / 2:
        inside = np.maximum(abs(x), abs(y)) <= half
        drawn += [
            x**2 + y**2 <= half**2,
            inside,
            abs(x) + abs(y) <= half,
            inside & (np.minimum(abs(x), abs(y)) <= half / 3),
        ]
    blocks = np.reshape(drawn, (-1, side, SUBPIXELS, side, SUBPIXELS))
    return blocks.mean((2, 4))


def _shapes(rng: np.random.Generator, n: int) -> np.ndarray:
    known = shapes()
    bright = rng.uniform(FAINTEST, 1, size=(n, 1, 1))
    chosen = known[rng.integers(len(known), size=n)]
    return np.rint(255 * bright * chosen).astype(np.uint8)


def _digits(rng: np.random.Generator, n: int, held_out: bool) -> np.ndarray:
    train_x, _, test_x, _ = digits.load()
    known = (test_x if held_out else train_x)[..., 0]
    return known[rng.integers(len(known), size=n)]


def _side(law: Moving) -> int:
    return digits.SIDE if law.objects == "digits" else max(SIDES)
