"""Whether a video moves, and how: what its frames match when they are moved.

Of data whose frames are those before them, moved by a velocity that is known, the
velocity of any video follows from its pixels, and so does whether it has one at all: no
network is asked. Nothing is said of what it is that moves.
"""

import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from jaxgan.core import errors
from jaxgan.scores import record

GOOD = 0.9
"""Match of a good video's worst step."""

BEYOND = 1
"""Pixels by which velocities that are none of the modes reach beyond these."""


def matches(x: Array, velocities: ArrayLike) -> Array:
    """How well each frame is the one before it, moved.

    With brightness `I = (x + 1) / 2`, black outside of the frame,

        r_t(v) = sum_p I_t(p) I_(t+1)(p + v) / (|I_t| |I_(t+1)|),

    which lies in [0, 1], and is 1 if and only if frame t + 1 is frame t moved by v, up
    to its brightness. A frame that is black matches nothing.

    Args:
      x: `[N, T, H, W, C]` in [-1, 1], T at least 2.
      velocities: `[V, 2]` whole pixels down and to the right.

    Returns:
      `[N, T - 1, V]`.

    Raises:
      UserError: for another shape, and for velocities beyond the frame.
    """
    if x.ndim != 5 or x.shape[1] < 2 or 0 in x.shape:
        raise errors.UserError(
            f"x has shape {x.shape}; videos are [N, T, H, W, C] of two frames at least."
        )
    velocities = np.asarray(velocities)
    size = x.shape[2:4]
    if (np.abs(velocities) >= size).any():
        raise errors.UserError(
            f"velocities of up to {np.abs(velocities).max()} pixels leave frames of "
            f"{size[0]} x {size[1]}; give slower ones."
        )
    bright = (x + 1) / 2
    norm = jnp.sqrt(jnp.sum(bright**2, axis=(2, 3, 4)))
    before, after = bright[:, :-1], bright[:, 1:]
    products = [
        jnp.sum(_kept(before, -velocity) * _kept(after, velocity), axis=(2, 3, 4))
        for velocity in velocities
    ]
    scale = norm[:, :-1] * norm[:, 1:]
    found = jnp.stack(products, axis=-1)
    return jnp.where(scale > 0, 1 / jnp.where(scale > 0, scale, 1), 0)[..., None] * (
        found
    )


def velocity_mode(
    x: Array, velocities: ArrayLike, threshold: float = GOOD
) -> tuple[Array, Array, Array]:
    """Assigns videos to the velocity that they match best, and says which are good.

    A video matches a velocity as well as its worst step does. It is good if that is at
    least `threshold` and more than it matches any other velocity, of the modes or up to
    `BEYOND` pixels more, standing still among them: one that blurs, jumps, turns or
    stands still is not.

    Args:
      x: `[N, T, H, W, C]` in [-1, 1].
      velocities: `[K, 2]` whole pixels down and to the right, of the modes.
      threshold: in [0, 1].

    Returns:
      `(mode [N], good [N], match [N])`: the mode in 0 ... K-1, or -1 if a pixel is not
      finite; whether the video is good; how well it matches its mode, NaN if a pixel is
      not finite.

    Raises:
      UserError: as `matches`.
    """
    velocities = np.asarray(velocities)
    others = _others(velocities)
    worst = jnp.min(matches(x, np.concatenate([velocities, others])), axis=1)
    own, other = worst[:, : len(velocities)], worst[:, len(velocities) :]
    mode, match = jnp.argmax(own, axis=-1), jnp.max(own, axis=-1)
    finite = jnp.all(jnp.isfinite(x), axis=(1, 2, 3, 4))
    second = jnp.sum(own == match[:, None], axis=-1) > 1
    good = (match >= threshold) & (match > jnp.max(other, axis=-1)) & ~second
    return (
        jnp.where(finite, mode, -1),
        good & finite,
        jnp.where(finite, match, jnp.nan),
    )


def motion_match(match: Array) -> record.Score:
    """The mean over videos of how well they match their velocity, in [0, 1].

    Args:
      match: `[N]`, from `velocity_mode`.

    Returns:
      The score; more is better, and videos of the data have 1. NaN of a dead generator.
    """
    return record.Score(
        value=jnp.mean(match),
        floor=jnp.zeros(()),
        ceiling=jnp.ones(()),
        protocol=record.protocol(
            score="motion_match",
            num_samples=match.shape[0],
            estimator="mean over videos of the cosine of a frame with the one before "
            "it, moved by the video's best velocity, in its worst step",
        ),
    )


def _kept(x: Array, velocity: np.ndarray) -> Array:
    """The part of `[N, T, H, W, C]` that lies in the frame also when moved back."""
    down, right = velocity
    height, width = x.shape[2:4]
    rows = slice(max(0, down), height + min(0, down))
    columns = slice(max(0, right), width + min(0, right))
    return x[:, :, rows, columns]


def _others(velocities: np.ndarray) -> np.ndarray:
    """All velocities up to a little beyond the modes that are none of them."""
    most = np.abs(velocities).max() + BEYOND
    steps = np.arange(-most, most + 1)
    every = np.stack(np.meshgrid(steps, steps, indexing="ij"), axis=-1).reshape(-1, 2)
    known = (every[:, None] == velocities).all(-1).any(-1)
    return every[~known]
