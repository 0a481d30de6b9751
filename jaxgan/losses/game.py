"""The value of the original game, and what it is at the discriminator's optimum."""

import math

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from jaxgan import divergences
from jaxgan.losses import checks


def minimax_value(real_logits: Array, fake_logits: Array) -> Array:
    """The minimax value `V(D, G) = E log D(x) + E log(1 - D(G(z)))`, D the sigmoid.

    The discriminator maximises it and the generator minimises it. It is at most 0, and
    `-log 4` for a discriminator that cannot tell.

    Args:
      real_logits: `[B]`.
      fake_logits: `[B']`.

    Returns:
      A scalar, in nats.

    When:
      To read the value of the game.

    References:
      Goodfellow et al., Generative Adversarial Networks, 2014,
      https://arxiv.org/abs/1406.2661
    """
    checks.not_empty(real_logits=real_logits, fake_logits=fake_logits)
    real = jnp.mean(jax.nn.log_sigmoid(real_logits))
    fake = jnp.mean(jax.nn.log_sigmoid(-fake_logits))
    return real + fake


def optimal_value(p: ArrayLike, q: ArrayLike) -> Array:
    """The minimax value at the best discriminator, `-log 4 + 2 JS(p, q)`.

    Args:
      p: `[..., K]`, the distribution of the data.
      q: `[..., K]`, the distribution of the generator.

    Returns:
      `[...]` in nats, from `-log 4`, where they are equal, to 0, where they have no
      outcome in common.

    Raises:
      UserError: as `divergences.js`.

    When:
      To compare the value of the game with that at the best discriminator.

    References:
      Goodfellow et al., Generative Adversarial Networks, 2014, theorem 1,
      https://arxiv.org/abs/1406.2661
    """
    return 2 * divergences.js(p, q) - math.log(4)
