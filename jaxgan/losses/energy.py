"""Losses of discriminators that are autoencoders.

They give an energy, the reconstruction error of each sample, LOW for real data: the
opposite of a logit.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from jaxgan import types
from jaxgan.core import errors
from jaxgan.losses import checks


def ebgan(margin: float) -> types.Loss:
    """The energy-based GAN: low energy for real data, at least `margin` for fakes.

    discriminator: `mean real + mean max(0, margin - fake)`; generator: `mean fake`.
    The paper's repelling term is `penalties.pulling_away`.

    Args:
      margin: the energy above which a fake sample costs the discriminator nothing,
        positive, in units of the energy.

    Returns:
      A `Loss` on energies `real [B]` and `fake [B]`, not on logits.

    Raises:
      UserError: if the margin is not positive.

    When:
      For discriminators that are autoencoders.

    References:
      Zhao et al., Energy-based Generative Adversarial Network, 2016,
      https://arxiv.org/abs/1609.03126
    """
    if not margin > 0:
        raise errors.UserError(
            f"margin is {margin}, but the energy of fakes is pushed up to it: pass a "
            "positive number."
        )

    def discriminator(real_energy: Array, fake_energy: Array) -> Array:
        checks.not_empty(real_energy=real_energy, fake_energy=fake_energy)
        short = jax.nn.relu(margin - fake_energy)
        return jnp.mean(real_energy) + jnp.mean(short)

    def generator(real_energy: Array, fake_energy: Array) -> Array:
        checks.not_empty(real_energy=real_energy, fake_energy=fake_energy)
        return jnp.mean(fake_energy)

    return types.Loss(discriminator, generator)


class Began(NamedTuple):
    """What `began` gives.

    Attributes:
      discriminator: scalar loss, `mean real - balance * mean fake`.
      generator: scalar loss, `mean fake`.
      balance: the next `balance`, in [0, 1].
      convergence: scalar, low when the game has converged: `mean real + |lead|`.
    """

    discriminator: Array
    generator: Array
    balance: Array
    convergence: Array


def began(
    real_error: Array,
    fake_error: Array,
    balance: ArrayLike,
    *,
    diversity: ArrayLike = 0.5,
    rate: ArrayLike = 1e-3,
) -> Began:
    """The boundary-equilibrium GAN: a weight `balance` keeps the two errors in a ratio.

    The next balance is `clip(balance + rate * lead, 0, 1)` with
    `lead = diversity * mean real - mean fake`.

    Args:
      real_error: `[B]` reconstruction errors of real samples.
      fake_error: `[B]` reconstruction errors of generated samples.
      balance: scalar, the paper's k, carried by the caller; 0 at the start.
      diversity: the paper's gamma in [0, 1], the aimed ratio of the mean error of
        generated samples to that of real ones.
      rate: the paper's lambda, how fast the balance moves.

    Returns:
      A `Began` of four scalars.

    When:
      For discriminators that are autoencoders, to hold their two errors in a ratio.

    References:
      Berthelot et al., BEGAN: Boundary Equilibrium Generative Adversarial Networks,
      2017, https://arxiv.org/abs/1703.10717
    """
    checks.not_empty(real_error=real_error, fake_error=fake_error)
    real, fake = jnp.mean(real_error), jnp.mean(fake_error)
    lead = diversity * real - fake
    return Began(
        discriminator=real - balance * fake,
        generator=fake,
        balance=jnp.clip(balance + rate * lead, 0, 1),
        convergence=real + jnp.abs(lead),
    )
