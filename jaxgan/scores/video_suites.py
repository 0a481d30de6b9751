"""Scores of videos: their frames, their changes, and the velocities they should have.

Two Frechet distances are taken in plain pixels. That of the frames knows nothing of
their order: frames of real videos in random order have that of real ones. That of the
differences of frames that follow each other is what such an order does not pass.
"""

import functools
from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from jaxgan import scores
from jaxgan.data import moving, shuffling
from jaxgan.scores import moments, motion, record

Records = dict[str, record.Score | scores.ModeCoverage | scores.ClassRecall]
Suite = Callable[[ArrayLike], Records]
"""`videos [S, N, T, H, W, C] -> records`, every array of them `[S, ...]`."""

MOST_PIXELS = 16
"""Each way of the frames whose pixels are features; larger ones are averaged."""

MOST_REAL = 10_000
"""Real videos that distances are measured to, at most."""

CHUNK = 500
"""Videos whose features are made at a time."""

KINDS = ("frame", "difference")


class Both(NamedTuple):
    """What is kept of the frames of some videos, and of their differences."""

    frame: moments.Moments
    difference: moments.Moments


def frame_features(x: Array) -> Array:
    """Every frame by itself: videos `[N, T, H, W, C] -> [N T, F]`, pixels.

    Frames of more than `MOST_PIXELS` pixels each way are averaged down to these.
    """
    frames = _small(x)
    return frames.reshape(frames.shape[0] * frames.shape[1], -1)


def difference_features(x: Array) -> Array:
    """Every change: videos `[N, T, H, W, C] -> [N (T - 1), F]`, `x_(t+1) - x_t`."""
    changes = jnp.diff(_small(x), axis=1)
    return changes.reshape(changes.shape[0] * changes.shape[1], -1)


def of_videos(real: ArrayLike, held_out: ArrayLike, num_samples: int) -> Suite:
    """Builds the two Frechet distances.

    Args:
      real: `[M, T, H, W, C]` in [-1, 1] or uint8 in 0 ... 255, to which they are
        measured; the first `MOST_REAL` in the order of `shuffling.order` are.
      held_out: `[L, ...]` like them; the distances of the first `num_samples` are the
        floor, as frames of one video are too much alike for a floor by formula.
      num_samples: videos of each seed that are scored.

    Returns:
      A suite of `frame_frechet_distance` and `difference_frechet_distance`.
    """
    reference = _moments(shuffling.first(real, MOST_REAL))
    held_out = shuffling.first(held_out, num_samples)
    floors = _moments(held_out)
    features = {
        "features": f"pixels of at most {MOST_PIXELS} x {MOST_PIXELS}",
        "num_real": min(len(real), MOST_REAL),
        "floor": f"{len(held_out)} held-out videos",
    }

    def of_seed(x: np.ndarray) -> Records:
        own = _moments(x)
        protocol = record.protocol(**features, num_fake=len(x))
        found: Records = {}
        for kind in KINDS:
            of_real = getattr(reference, kind)
            floor = moments.frechet_distance(of_real, getattr(floors, kind)).value
            name = f"{kind}_frechet_distance"
            found[name] = moments.frechet_distance(
                of_real, getattr(own, kind), protocol, floor
            )
        return found

    def suite(x: ArrayLike) -> Records:
        seeds = [of_seed(own) for own in np.asarray(x)]
        return jax.tree.map(lambda *leaves: jnp.stack(leaves), *seeds)

    return suite


def of_moving(tail: Sequence[int] = ()) -> Suite:
    """Builds the coverage of the velocities, which is exact, see `scores.motion`.

    Args:
      tail: numbers of the velocities of a long tail, whose recall is asked for.

    Returns:
      A suite of `coverage`, `motion_match` and, of a long tail, `class_recall`.
    """
    alike = np.full(len(moving.VELOCITIES), 1 / len(moving.VELOCITIES))
    rule = scores.protocol(
        rule="the worst step matches the velocity, and no other one better",
        threshold=motion.GOOD,
        high_quality_ceiling=1.0,
    )

    @jax.jit
    def of_chunk(x: Array) -> tuple[Array, Array, Array]:
        return motion.velocity_mode(x, moving.VELOCITIES)

    def of_seed(x: np.ndarray) -> Records:
        parts = [of_chunk(part) for part in _chunks(x)]
        mode, good, match = (jnp.concatenate(own) for own in zip(*parts, strict=True))
        found: Records = {
            "coverage": scores.mode_coverage(mode, good, alike, rule),
            "motion_match": motion.motion_match(match),
        }
        if len(tail):
            found["class_recall"] = scores.class_recall(mode, good, alike, tail)
        return found

    def suite(x: ArrayLike) -> Records:
        seeds = [of_seed(own) for own in np.asarray(x)]
        return jax.tree.map(lambda *leaves: jnp.stack(leaves), *seeds)

    return suite


def known(held_out: np.ndarray, seed: int) -> dict[str, np.ndarray]:
    """Videos that say what the scores mean, by their names.

    Args:
      held_out: `[N, T, ...]` real videos.
      seed: of the random orders, one for each video.

    Returns:
      The held-out videos, which a good generator is like; their frames in random order,
      of which each frame is real and none of the changes; and the first frame of each,
      as often as there are frames.
    """
    still = np.repeat(held_out[:, :1], held_out.shape[1], axis=1)
    return {
        "held-out real videos": held_out,
        "their frames in random order": in_random_order(held_out, seed),
        "their first frame, standing still": still,
    }


def in_random_order(x: np.ndarray, seed: int) -> np.ndarray:
    """Videos `[N, T, ...]` whose frames are in an order that is drawn for each."""
    rng = np.random.default_rng(seed)
    order = rng.permuted(np.tile(np.arange(x.shape[1]), (len(x), 1)), axis=1)
    return x[np.arange(len(x))[:, None], order]


def _small(x: Array) -> Array:
    size = tuple(min(n, MOST_PIXELS) for n in x.shape[2:4])
    if size == x.shape[2:4]:
        return x
    return jax.image.resize(x, (*x.shape[:2], *size, x.shape[4]), "linear")


@jax.jit
def _moments_of_chunk(x: Array) -> Both:
    return Both(moments.of(frame_features(x)), moments.of(difference_features(x)))


_merge = jax.jit(
    lambda one, other: Both(
        *(moments.merge(a, b) for a, b in zip(one, other, strict=True))
    )
)


def _moments(x: ArrayLike) -> Both:
    parts = [_moments_of_chunk(_scaled(part)) for part in _chunks(x)]
    return functools.reduce(_merge, parts)


def _scaled(x: ArrayLike) -> Array:
    x = jnp.asarray(x)
    return x.astype(jnp.float32) / 127.5 - 1 if x.dtype == jnp.uint8 else x


def _chunks(x: ArrayLike) -> list[np.ndarray]:
    x = np.asarray(x)
    return [x[i : i + CHUNK] for i in range(0, len(x), CHUNK)]
