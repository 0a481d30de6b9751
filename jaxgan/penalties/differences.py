"""R1 and R2 from differences of logits, without a gradient by the input.

With `e ~ N(0, I)` and a small sigma the critic's change along one random direction,

    ((critic(x) - critic(x + sigma e)) / sigma)^2,

has the mean `|grad critic(x)|^2 + O(sigma^2)`: training needs first derivatives alone,
and one more forward pass in the place of a pass that is differentiated twice. For a
quadratic critic `x^T A x / 2 + b^T x` with symmetric A the mean is

    |A x + b|^2 + sigma^2 (2 tr(A^2) + (tr A)^2) / 4,

so that the bias adds a push against curvature, which R1 has not. One draw is noisy: for
a linear critic its standard deviation is sqrt(2) of its mean, over the batch sqrt(2/B).

As the difference is divided by sigma, a weight `gamma / 2` means what it means for
`r1` and `r2`. The papers have `lambda E|critic(x) - critic(x + sigma e)|^2`; their
lambda is the weight over sigma^2, `gamma / (2 sigma^2)`: lambda = 100 is the weight
0.01 at sigma = 0.01, which they take for images, and 1 at sigma = 0.1, for videos.

Logits are rounded, by about 6e-8 of their size in float32 and 4e-3 in bfloat16, and so
is their difference: sigma must be large against that over the slope, which rules out
0.01 where networks compute in bfloat16.

References:
  Lin et al., Diffusion Adversarial Post-Training for One-Step Video Generation, 2025,
  https://arxiv.org/abs/2501.08316
  Hyun et al., Scalable GANs with Transformers, 2025, https://arxiv.org/abs/2509.24935
  Lin et al., Adversarial Flow Models, 2025, https://arxiv.org/abs/2511.22475
"""

import functools
from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from jaxgan import types
from jaxgan.core import errors, randomness
from jaxgan.penalties import checks

SIGMA = 0.01
"""The papers' sigma for images and their latents."""

NUMBER = "approximate_sigma"
"""Its name in `hparams.penalties`, where each member has its own."""


def approximate_r1(
    critic: types.Critic,
    real: Array,
    fake: Array,
    key: Array,
    *,
    sigma: ArrayLike = SIGMA,
) -> Array:
    """`r1` from differences: mean of `((critic(x) - critic(x + sigma e)) / sigma)^2`.

    Args:
      critic: maps `[B, ...]` to logits `[B]`, each example by itself.
      real: `[B, ...]` real samples.
      fake: unused; present so that all penalties share one signature.
      key: a PRNG key, for `e ~ N(0, I)`.
      sigma: standard deviation of the change, positive, in units of the data.

    Returns:
      A scalar, to be weighted by the caller, `gamma / 2` as for `r1`.

    Raises:
      UserError: if the batch is empty or sigma not positive.

    When:
      In place of `r1`, without second derivatives; not with augmentations.
    """
    del fake
    checks.not_empty(real=real)
    return _mean_squared_slope(critic, real, key, sigma)


def approximate_r2(
    critic: types.Critic,
    real: Array,
    fake: Array,
    key: Array,
    *,
    sigma: ArrayLike = SIGMA,
) -> Array:
    """`r2` from differences: as `approximate_r1`, at generated samples.

    Args:
      critic: maps `[B, ...]` to logits `[B]`, each example by itself.
      real: unused; present so that all penalties share one signature.
      fake: `[B, ...]` generated samples.
      key: a PRNG key, for `e ~ N(0, I)`.
      sigma: standard deviation of the change, positive, in units of the data.

    Returns:
      A scalar, to be weighted by the caller, `gamma / 2` as for `r2`.

    Raises:
      UserError: if the batch is empty or sigma not positive.

    When:
      In place of `r2`, without second derivatives; not with augmentations.
    """
    del real
    checks.not_empty(fake=fake)
    return _mean_squared_slope(critic, fake, key, sigma)


APPROXIMATE: dict[str, types.Penalty] = {
    "approximate_r1": approximate_r1,
    "approximate_r2": approximate_r2,
}
"""The penalties that have a sigma, by name."""


def with_sigma(
    gradient: Callable[[Mapping[str, types.Penalty]], types.Gradient],
    penalties: Mapping[str, types.Penalty],
) -> types.Gradient:
    """Builds a discriminator's gradient whose differences have each member's own sigma.

    Args:
      gradient: builds it from penalties, for example
        `lambda own: gradients.discriminator(gan, loss, own)`.
      penalties: by name; those of `APPROXIMATE` get the sigma.

    Returns:
      A `Gradient` with the same metrics, which takes sigma, positive, from
      `hparams.penalties["approximate_sigma"]`.

    Raises:
      UserError: if no penalty takes a sigma; when traced, if the numbers have none.
    """
    if not any(penalty in APPROXIMATE.values() for penalty in penalties.values()):
        raise errors.UserError(
            f"{NUMBER} is a number of {' and '.join(APPROXIMATE)}, but the penalties "
            f"are {sorted(penalties)}; add one of the two, or leave it out."
        )

    def of_member(hparams, state, batch, key):
        weights = dict(hparams.penalties)
        if NUMBER not in weights:
            raise errors.UserError(
                f"hparams.penalties has weights for {sorted(weights)}, but no "
                f"{NUMBER}; add it, such as {SIGMA}."
            )
        sigma = weights.pop(NUMBER)
        own = {
            name: functools.partial(penalty, sigma=sigma)
            if penalty in APPROXIMATE.values()
            else penalty
            for name, penalty in penalties.items()
        }
        numbers = hparams._replace(penalties=weights)
        return gradient(own)(numbers, state, batch, key)

    return types.played_by("discriminator", of_member, "gradient")


def _mean_squared_slope(
    critic: types.Critic, x: Array, key: Array, sigma: ArrayLike
) -> Array:
    checks.positive("sigma", sigma)
    key = randomness.threefry(key)
    noise = jax.random.normal(key, x.shape, x.dtype)
    moved = x + jnp.asarray(sigma, x.dtype) * noise
    logits, moved_logits = critic(x), critic(moved)
    for found in (logits, moved_logits):
        checks.one_logit_each(x, found)
    slopes = (moved_logits - logits) / jnp.asarray(sigma, logits.dtype)
    return jnp.mean(jnp.square(slopes))
