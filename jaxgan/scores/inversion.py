"""Projection of real samples into the latents of a generator, by descent from many.

References:
  Creswell and Bharath, Inverting the Generator of a Generative Adversarial Network,
  2016, https://arxiv.org/abs/1611.05644
  Bora et al., Compressed Sensing using Generative Models, 2017, section 6, with many
  starts, https://arxiv.org/abs/1703.03208
"""

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from jaxgan.core import errors
from jaxgan.scores import descent, distances

STEPS, RATE = 200, 0.05
"""Of Adam on latents, whose coordinates are of size 1."""


class Inversion(NamedTuple):
    """Where S descents for each of M samples have led, the nearest first.

    Attributes:
      z: `[M, S, D]`.
      label: `[M, S]` of the generator, or None.
      begin: `[M, S]` distance at the start of each.
      distance: `[M, S]` that was reached: the root mean square of what is missed, over
        the numbers of a sample and in their units. At most `begin`.
    """

    z: Array
    label: Array | None
    begin: Array
    distance: Array


def invert(
    generate: Callable[[Array, Array | None], Array],
    z: Array,
    label: Array | None,
    real: ArrayLike,
    starts: int,
    num_steps: int = STEPS,
    rate: float = RATE,
) -> Inversion:
    """Looks for the latents from which a generator comes nearest to real samples.

    Of each sample `min_z mean((g(z) - x)^2)`, by Adam from each of the S latents whose
    samples are nearest to begin with. All descents are one batch. The label of a start
    stays as it is, while z may leave the latents that are likely: compare its length
    with `sqrt(D)`. What is reached is an upper bound; how much of it is the search's
    fault is seen from samples of the generator itself, for which the minimum is 0.

    Args:
      generate: `(z [B, D], label [B] or None) -> x [B, ...]`.
      z: `[N, D]` latents, among which descents start.
      label: `[N]` of these, or None.
      real: `[M, ...]` samples in the units of those that are generated.
      starts: S, at most N.
      num_steps: of each descent.
      rate: of Adam at the beginning.

    Returns:
      What was found; distances of a dead generator are NaN.

    Raises:
      UserError: for real samples of another shape, and more starts than latents.
    """
    real, z = jnp.asarray(real, jnp.float32), jnp.asarray(z)
    label = None if label is None else jnp.asarray(label)
    made = generate(z, label)
    if real.shape[1:] != made.shape[1:] or not real.ndim:
        raise errors.UserError(
            f"real samples have the shape {tuple(real.shape[1:])}, but the generator "
            f"makes {tuple(made.shape[1:])}; bring them to one size."
        )
    if not 1 <= starts <= len(z):
        raise errors.UserError(
            f"starts={starts} must lie between 1 and {len(z)}, the number of latents "
            "among which they are found."
        )
    if num_steps < 1:
        raise errors.UserError(f"num_steps={num_steps} must be at least 1.")
    wanted, made = (x.reshape(len(x), -1) for x in (real, made))
    squared = distances.squared(*distances.points(wanted, made))
    first = jnp.argsort(squared, axis=1)[:, :starts]
    own = None if label is None else label[first].reshape(-1)

    def missed(z: Array) -> Array:
        x = generate(z.reshape(-1, z.shape[-1]), own).reshape(*z.shape[:2], -1)
        return jnp.mean(jnp.square(x - wanted[:, None]), axis=-1)

    found, least = descent.nearest(
        lambda z, _: missed(z), missed, z[first], num_steps, rate
    )
    order = jnp.argsort(least, axis=1)
    begin = jnp.take_along_axis(missed(z[first]), order, axis=1)
    return Inversion(
        jnp.take_along_axis(found, order[..., None], axis=1),
        None if own is None else jnp.take_along_axis(label[first], order, axis=1),
        jnp.sqrt(begin),
        jnp.sqrt(jnp.take_along_axis(least, order, axis=1)),
    )
