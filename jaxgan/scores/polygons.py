"""Precision and recall of generated polygons, by their distance to the manifold.

An image is near the manifold if some polygon is: the polygon is found by fitting its
corners. A real image is recalled if the generator can make it: its latent is found by
descending from that of the nearest sample. Both fits may miss what is there, so both
scores are lower bounds; held-out real images say how much the first one misses.

References:
  Lucic et al., Are GANs Created Equal?, 2018, https://arxiv.org/abs/1711.10337
"""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from jaxgan.core import errors
from jaxgan.data import polygons
from jaxgan.scores import descent, record
from jaxgan.scores import distances as score_distances

DELTA = 0.75
"""Squared distance of images in [0, 1] of 28 x 28 pixels that counts as near."""

KNOWN = 2048
"""Polygons among which a fit finds its beginning."""

STEPS, RATE = 60, 0.25
"""Of Adam on corners, in pixels."""

SOFT = 4.0
"""Pixels of the edges when a fit begins; they are 1 at its end."""

INVERSION_STEPS, INVERSION_RATE = 100, 0.05
"""Of Adam on latents."""

CHUNK = 64
"""Images that are fitted at a time; of no effect on the result."""


def delta(law: polygons.Polygons) -> float:
    """The squared distance that counts as near, in proportion to the pixels."""
    return DELTA * (law.size / 28) ** 2


def distances(law: polygons.Polygons, x: ArrayLike) -> Array:
    """Squared distance of images to the nearest polygon that was found.

    A fit begins at the nearest of `KNOWN` polygons and takes `STEPS` steps of Adam on
    the corners, while edges go from soft to sharp; the least distance to any polygon of
    the law on the way counts.

    Args:
      law: of the polygons.
      x: `[N, size, size, 1]` in [-1, 1]; NaN of a dead generator.

    Returns:
      `[N]`, an upper bound of the distance with pixels in [0, 1]; NaN where x is.

    Raises:
      UserError: for images of another shape.
    """
    _check_shape("x", jnp.shape(x), (law.size, law.size, 1))
    known = _known(law)
    return _distances(law, jnp.asarray(x, jnp.float32), *known)


def precision(law: polygons.Polygons, x: ArrayLike) -> record.Score:
    """The share of images that are near the manifold, see `distances` and `delta`.

    Args:
      law: of the polygons.
      x: `[N, size, size, 1]` in [-1, 1].

    Returns:
      A score in [0, 1], more is better, NaN if any image is; `spread` is the standard
      error.
    """
    near = distances(law, x)
    share = jnp.where(jnp.isnan(near).any(), jnp.nan, jnp.mean(near <= delta(law)))
    return _share(law, "precision", share, len(near), "fit of corners")


def recall(
    law: polygons.Polygons,
    generate: Callable[[Array], Array],
    z: ArrayLike,
    real: ArrayLike,
) -> record.Score:
    """The share of real images that the generator comes near, by inverting it.

    Of each real image, the latent begins as that of the nearest of N samples and takes
    `INVERSION_STEPS` steps of Adam down the squared distance; it may leave the latents
    that are likely.

    Args:
      law: of the polygons.
      generate: `z [B, D] -> x [B, size, size, 1]` in [-1, 1].
      z: `[N, D]` latents.
      real: `[M, size, size, 1]` in [-1, 1].

    Returns:
      A score in [0, 1], more is better, NaN if a sample is; `spread` is the standard
      error.
    """
    z = jnp.asarray(z)
    samples = generate(z)
    _check_shape("real", jnp.shape(real), samples.shape[1:])
    real, samples = _flat(real), _flat(samples)
    start = z[jnp.argmin(_squared(real, samples), axis=1)]

    def losses(z):
        return jnp.sum((_flat(generate(z)) - real) ** 2, axis=-1)

    _, near = descent.nearest(
        lambda z, _: losses(z), losses, start, INVERSION_STEPS, INVERSION_RATE
    )
    share = jnp.mean(near <= delta(law))
    share = jnp.where(jnp.isnan(samples).any(), jnp.nan, share)
    return _share(law, "recall", share, len(real), "inversion of the generator")


def _check_shape(name: str, shape: tuple[int, ...], of_one: tuple[int, ...]) -> None:
    if tuple(shape[1:]) != tuple(of_one):
        raise errors.UserError(
            f"{name} has shape {shape}; each of its images must be {tuple(of_one)}."
        )


def f1(precision: ArrayLike, recall: ArrayLike) -> Array:
    """The harmonic mean `2 p r / (p + r)`, 0 where both are."""
    total = jnp.asarray(precision) + jnp.asarray(recall)
    product = 2 * jnp.asarray(precision) * jnp.asarray(recall)
    return jnp.where(total == 0, 0.0, product / jnp.where(total == 0, 1.0, total))


@functools.cache
def _known(law: polygons.Polygons) -> tuple[np.ndarray, np.ndarray]:
    with jax.ensure_compile_time_eval():  # whoever asks first may be tracing
        corners = polygons.sample(law, 0, KNOWN)
        return corners, np.asarray(polygons.draw(law, corners)).reshape(KNOWN, -1)


@functools.partial(jax.jit, static_argnums=0)
def _distances(law, x: Array, corners: Array, images: Array) -> Array:
    def of_image(image: Array) -> Array:
        image = _flat(image[None])[0]
        start = corners[jnp.argmin(_squared(image[None], images)[0])]

        def distance(corners: Array, softness: ArrayLike) -> Array:
            centred = corners - jnp.mean(corners, axis=-2, keepdims=True)
            drawn = polygons.draw(law, centred, softness)
            return jnp.sum((drawn.reshape(-1) - image) ** 2)

        def softened(corners: Array, progress: Array) -> Array:
            return distance(corners, _softness(progress))

        def valid(corners: Array) -> Array:
            centred = corners - jnp.mean(corners, axis=-2, keepdims=True)
            there = polygons.is_valid(law, centred)
            return jnp.where(there, distance(corners, 1.0), jnp.inf)

        _, found = descent.nearest(softened, valid, start, STEPS, RATE)
        return jnp.where(jnp.isfinite(image).all(), found, jnp.nan)

    return jax.lax.map(of_image, x, batch_size=CHUNK)


def _softness(progress: Array) -> Array:
    """Pixels of the edges; the last third of a fit has them as sharp as the data."""
    return SOFT ** (1 - jnp.minimum(1.5 * progress, 1))


def _flat(x: ArrayLike) -> Array:
    """Images `[N, ...]` in [-1, 1] as rows in [0, 1]."""
    x = jnp.asarray(x, jnp.float32)
    return (x.reshape(len(x), -1) + 1) / 2


def _squared(x: Array, others: Array) -> Array:
    """Squared distances `[N, M]`."""
    return score_distances.squared(*score_distances.points(x, others))


def _share(law, name, value, n, how) -> record.Score:
    return record.Score(
        value=value,
        spread=jnp.sqrt(value * (1 - value) / n),
        floor=jnp.zeros(()),
        ceiling=jnp.ones(()),
        protocol=record.protocol(
            score=name,
            estimator=f"share within {delta(law):.3g} of squared distance, by {how}",
            spread="standard error",
            num_samples=n,
            **law._asdict(),
        ),
    )
