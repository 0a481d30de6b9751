"""Stacked images: K grey images of a labelled dataset, one in each channel.

Each sample is a tuple of images, and its class the tuple of theirs, so that ten classes
become 100 modes in two channels and 1,000 in three. A GAN that learns such data loses
modes where one that learns the images themselves loses none, and a classifier of single
images, applied channel by channel, counts them.

References:
  Metz et al., Unrolled Generative Adversarial Networks, 2017,
  https://arxiv.org/abs/1611.02163
  Srivastava et al., VEEGAN, 2017, https://arxiv.org/abs/1705.07761, who score 26,000
  samples
  Lin et al., PacGAN, 2018, https://arxiv.org/abs/1712.04086, whose code stacks 128,000
  fixed triples
"""

import re
from collections.abc import Sequence

import numpy as np
from jax.typing import ArrayLike

from jaxgan.core import errors

NUM_TUPLES = 128_000
"""Training tuples, as published."""

NUM_HELD_OUT = 26_000
"""Held-out tuples, at most: as many as are scored in the published tables."""

DEPTHS = (2, 3)
"""Channels that a stack may have: pictures show no more than three."""

_NAME = re.compile(r"stacked(?P<depth>\d*)_(?P<images>.+)")


def parse(name: str) -> tuple[int, str] | None:
    """The channels and the images of a name, or None if it is not that of a stack.

    `stacked3_mnist` has three images of `mnist` in each sample, `stacked_NAME` two.

    Raises:
      UserError: for another number of channels, and a stack of stacks.
    """
    found = _NAME.fullmatch(name)
    if found is None:
        return None
    depth, images = int(found["depth"] or DEPTHS[0]), found["images"]
    if depth not in DEPTHS or _NAME.fullmatch(images):
        raise errors.UserError(
            f"{name!r} is no dataset: a stack has two or three channels of single "
            "images; write stacked2_NAME or stacked3_NAME."
        )
    return depth, images


def draw(seed: int, number: int, depth: int, counts: Sequence[int]) -> list[np.ndarray]:
    """Fixed tuples of rows: of each part of a dataset, as many as are asked for.

    Every image is drawn by itself, uniformly and with replacement. A part's tuples do
    not depend on the others, and the first ones not on their number.

    Args:
      seed: of the tuples.
      number: N of the first part; of the others min(N, `NUM_HELD_OUT`).
      depth: K, images in a tuple.
      counts: images in each part, at least 1.

    Returns:
      For each part `[N, K]` int32 rows of it.

    Raises:
      UserError: if `number` is below 1.
    """
    if number < 1:
        raise errors.UserError(f"num_tuples={number} must be at least 1.")
    numbers = [number, *[min(number, NUM_HELD_OUT)] * (len(counts) - 1)]
    seeds = np.random.SeedSequence(seed).spawn(len(counts))
    return [
        np.random.default_rng(own).integers(0, count, (n, depth), np.int32)
        for own, n, count in zip(seeds, numbers, counts, strict=True)
    ]


def stack(x: ArrayLike, rows: np.ndarray) -> np.ndarray:
    """Images `[N, H, W, K]`, whose channels are the rows `[N, K]` of `x [M, H, W, 1]`.

    Raises:
      UserError: if the images are not grey.
    """
    x = np.asarray(x)
    if x.ndim != 4 or x.shape[-1] != 1:
        raise errors.UserError(
            f"samples of shape {x.shape[1:]} cannot be stacked: only grey images can, "
            "one to a channel; choose a dataset of these, such as digits or mnist."
        )
    return np.stack([x[own, ..., 0] for own in rows.T], axis=-1)


def labels(label: ArrayLike, rows: np.ndarray, num_classes: int) -> np.ndarray:
    """The number int32 `[N]` of each tuple of classes, the last one varying fastest.

    `sum_d c_d C^(K - d)` of the classes `c_1 .. c_K` among C, as for
    `scores.stacked_classes`.
    """
    depth = rows.shape[1]
    places = num_classes ** np.arange(depth - 1, -1, -1)
    return (np.asarray(label)[rows] @ places).astype(np.int32)


def names(own: Sequence[str], depth: int) -> tuple[str, ...]:
    """The names of all tuples of classes, in the order of `labels`: 03, or coat+bag."""
    between = "" if all(len(name) == 1 for name in own) else "+"
    made = [""]
    for place in range(depth):
        joined = between if place else ""
        made = [f"{first}{joined}{name}" for first in made for name in own]
    return tuple(made)
