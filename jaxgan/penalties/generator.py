"""Regularisers of the generator. Each says what it needs; none sees the critic."""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from jaxgan.core import errors, randomness
from jaxgan.penalties import checks, norms


class PathLength(NamedTuple):
    """What `path_length` gives.

    Attributes:
      penalty: scalar, to be weighted by the caller (2 in the paper's code).
      average: scalar, the average to carry to the next step.
    """

    penalty: Array
    average: Array


def path_length(
    generate: Callable[[Array], Array],
    w: Array,
    average: ArrayLike,
    key: Array,
    *,
    decay: ArrayLike = 0.99,
) -> PathLength:
    """A step in the latent should move every sample equally far, in any direction.

    `mean (|J^T y| - a)^2` with J the Jacobian of `generate` at `w`, `y ~ N(0, I)`
    divided by the root of the number of pixels, and a the average of `|J^T y|` over
    earlier steps, a constant here. J^T y is one backward pass, J is never formed.

    Args:
      generate: maps `[B, ...]` to samples `[B, ..., C]`, each example by itself.
      w: `[B, ...]`, latents; StyleGAN's are those behind its mapping network.
      average: a, scalar, carried by the caller; 0 at the start.
      key: a PRNG key, for y.
      decay: how much of the old average stays, in [0, 1).

    Returns:
      A `PathLength`; its average takes no part in the penalty of this step.

    Raises:
      UserError: if the batch is empty.

    When:
      For a smoother generator.

    References:
      Karras et al., Analyzing and Improving the Image Quality of StyleGAN, 2019,
      https://arxiv.org/abs/1912.04958
    """
    checks.not_empty(w=w)
    x, pull_back = jax.vjp(generate, w)
    num_pixels = math.prod(x.shape[1:-1])
    key = randomness.threefry(key)
    y = jax.random.normal(key, x.shape, x.dtype) / math.sqrt(num_pixels)
    (gradient,) = pull_back(y)
    lengths = norms.norms(gradient)
    return PathLength(
        penalty=jnp.mean(jnp.square(lengths - average)),
        average=decay * average + (1 - decay) * jnp.mean(lengths),
    )


def mode_seeking(
    first_x: Array,
    second_x: Array,
    first_z: Array,
    second_z: Array,
    *,
    epsilon: float = 1e-5,
) -> Array:
    """Latents that lie apart should give samples that lie apart (MSGAN).

    `1 / (d_x / d_z + epsilon)`, where d is the mean absolute difference over batch and
    features, as in the authors' code.

    Args:
      first_x: `[B, ...]`, samples generated from `first_z`.
      second_x: `[B, ...]`, samples generated from `second_z`.
      first_z: `[B, D]`.
      second_z: `[B, D]`, not equal to `first_z` as a whole.
      epsilon: bounds the penalty by `1 / epsilon`, where samples do not differ at all.

    Returns:
      A scalar, to be weighted by the caller (1 in the paper).

    Raises:
      UserError: if samples or latents differ in shape, or are empty.

    When:
      Against collapse.

    References:
      Mao et al., Mode Seeking Generative Adversarial Networks for Diverse Image
      Synthesis, 2019, https://arxiv.org/abs/1903.05628
    """
    checks.same_shape(first_x=first_x, second_x=second_x)
    checks.same_shape(first_z=first_z, second_z=second_z)
    x_distance = jnp.mean(jnp.abs(first_x - second_x))
    z_distance = jnp.mean(jnp.abs(first_z - second_z))
    # Not 1 / (d_x / d_z + epsilon) as it stands: that has no value at d_z = 0.
    return z_distance / (x_distance + epsilon * z_distance)


def pulling_away(features: Array) -> Array:
    """Pushes the features of a batch to be orthogonal (the pulling-away term of EBGAN).

    `1 / (B (B - 1)) sum_{i != j} cos(s_i, s_j)^2`, from 0 for orthogonal rows to 1 for
    parallel ones. A row of zeros has cosine 0 with every other and no gradient.

    Args:
      features: `[B, F]` of generated samples, B at least 2.

    Returns:
      A scalar, to be weighted by the caller (0.1 in the paper).

    Raises:
      UserError: if there are fewer than two rows.

    When:
      Against collapse, with `ebgan`.

    References:
      Zhao et al., Energy-based Generative Adversarial Network, 2016,
      https://arxiv.org/abs/1609.03126
    """
    checks.not_empty(features=features)
    if features.ndim != 2 or features.shape[0] < 2:
        raise errors.UserError(
            f"features has shape {features.shape}, but pairs of rows are compared: "
            "pass an array [B, F] with at least two rows."
        )
    lengths = norms.norms(features)[:, None]
    directions = features / jnp.where(lengths > 0, lengths, 1)
    num = features.shape[0]
    off_diagonal = 1 - jnp.eye(num, dtype=features.dtype)
    cosines = directions @ directions.T * off_diagonal
    return jnp.sum(jnp.square(cosines)) / (num * (num - 1))
