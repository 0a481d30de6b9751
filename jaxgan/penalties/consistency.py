"""Penalties on how far the critic's verdict moves: under a change of its input that
should not matter, and away from its own average.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from jaxgan import types
from jaxgan.core import randomness
from jaxgan.penalties import augmentation, checks, norms


def consistency(augment: augmentation.Augment) -> types.Penalty:
    """Consistency of the critic on real data, the mean of `(D(x) - D(T(x)))^2` (CR).

    Args:
      augment: T, `(x, key) -> x`, of the same shape.

    Returns:
      A `Penalty`; the paper's weight is 10.

    When:
      Where data are few, with an augmentation T.

    References:
      Zhang et al., Consistency Regularization for Generative Adversarial Networks,
      2019, https://arxiv.org/abs/1910.12027
    """

    def penalty(critic: types.Critic, real: Array, fake: Array, key: Array) -> Array:
        del fake
        checks.not_empty(real=real)
        return _change(critic, augment, real, key)

    return penalty


def balanced_consistency(
    augment: augmentation.Augment, fake_weight: float = 1.0
) -> types.Penalty:
    """Consistency of the critic on real and generated data (bCR).

    `mean (D(x) - D(T(x)))^2 + w mean (D(G(z)) - D(T(G(z))))^2`.

    Args:
      augment: T, `(x, key) -> x`, of the same shape, drawn anew for each batch.
      fake_weight: w, the paper's lambda_fake / lambda_real, at least 0.

    Returns:
      A `Penalty`; the paper's weight lambda_real is 10, with w = 1.

    Raises:
      UserError: if `fake_weight` is negative.

    When:
      Where data are few, with an augmentation T of real and generated samples.

    References:
      Zhao et al., Improved Consistency Regularization for GANs, 2020,
      https://arxiv.org/abs/2002.04724
    """
    checks.not_negative("fake_weight", fake_weight)

    def penalty(critic: types.Critic, real: Array, fake: Array, key: Array) -> Array:
        checks.not_empty(real=real, fake=fake)
        real_key, fake_key = jax.random.split(key)
        on_real = _change(critic, augment, real, real_key)
        return on_real + fake_weight * _change(critic, augment, fake, fake_key)

    return penalty


def latent_consistency(
    generate: Callable[[Array], Array],
    critic: types.Critic,
    z: Array,
    key: Array,
    *,
    std: ArrayLike = 0.03,
) -> types.Pair:
    """Consistency under a change of the latent (zCR), with `T(z) = z + N(0, std^2 I)`.

    discriminator: `mean (D(G(z)) - D(G(T(z))))^2`, the verdict should not change;
    generator: `-mean |G(z) - G(T(z))|^2`, the sample should, which keeps its modes
    apart. The norm is the sum over all numbers of a sample.

    Args:
      generate: maps `[B, D]` to samples `[B, ...]`.
      critic: maps `[B, ...]` to logits `[B]`.
      z: `[B, D]` latents.
      key: a PRNG key, for the noise.
      std: size of the noise, at least 0.

    Returns:
      A `Pair` of scalars, to be weighted by the caller: 5 for the discriminator and 0.5
      for the generator in the paper.

    Raises:
      UserError: if the batch is empty or `std` negative.

    When:
      Where data are few.

    References:
      Zhao et al., Improved Consistency Regularization for GANs, 2020,
      https://arxiv.org/abs/2002.04724
    """
    checks.not_empty(z=z)
    checks.not_negative("std", std)
    x = generate(z)
    key = randomness.threefry(key)
    moved = generate(z + std * jax.random.normal(key, z.shape, z.dtype))
    return types.Pair(
        generator=-jnp.mean(norms.squared_norms(x - moved)),
        discriminator=jnp.mean(jnp.square(critic(x) - critic(moved))),
    )


class LeCamAverages(NamedTuple):
    """Moving averages of the critic's logits, scalars that the caller carries.

    Start them at 0 and update them for some steps before the penalty gets its weight,
    as the authors do, since they start biased towards 0.
    """

    real: ArrayLike = 0.0
    fake: ArrayLike = 0.0


def lecam(
    real_logits: Array,
    fake_logits: Array,
    averages: LeCamAverages,
    *,
    one_sided: bool = False,
) -> Array:
    """Keeps the logits of one batch near the average of the other's, for little data.

    `mean (real - averages.fake)^2 + mean (fake - averages.real)^2`.

    Args:
      real_logits: `[B]`.
      fake_logits: `[B]`.
      averages: of logits of earlier steps, see `update_averages`.
      one_sided: whether only real logits above the fake average and fake logits below
        the real one count, as in the authors' code.

    Returns:
      A scalar, to be weighted by the caller.

    Raises:
      UserError: if a batch is empty.

    When:
      Where data are few.

    References:
      Tseng et al., Regularizing Generative Adversarial Networks under Limited Data,
      2021, https://arxiv.org/abs/2104.03310
    """
    checks.not_empty(real_logits=real_logits, fake_logits=fake_logits)
    real, fake = real_logits - averages.fake, averages.real - fake_logits
    if one_sided:
        real, fake = jax.nn.relu(real), jax.nn.relu(fake)
    return jnp.mean(jnp.square(real)) + jnp.mean(jnp.square(fake))


def update_averages(
    averages: LeCamAverages,
    real_logits: Array,
    fake_logits: Array,
    *,
    decay: ArrayLike = 0.99,
) -> LeCamAverages:
    """Moves the averages of `lecam` towards this batch.

    Args:
      averages: those of earlier steps.
      real_logits: `[B]`.
      fake_logits: `[B]`.
      decay: how much of the old average stays, in [0, 1).

    Returns:
      `decay * averages + (1 - decay) * mean logits`.
    """
    checks.not_empty(real_logits=real_logits, fake_logits=fake_logits)
    means = LeCamAverages(jnp.mean(real_logits), jnp.mean(fake_logits))
    return jax.tree.map(
        lambda old, new: decay * old + (1 - decay) * new, averages, means
    )


def _change(
    critic: types.Critic, augment: augmentation.Augment, x: Array, key: Array
) -> Array:
    changed = augment(x, randomness.threefry(key))
    checks.same_shape(x=x, augmented_x=changed)
    return jnp.mean(jnp.square(critic(x) - critic(changed)))
