"""The f-GAN family: the variational bound of any f-divergence as a game.

The names, generators and conjugates are those of `divergences.F_DIVERGENCES`.
"""

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxgan import types
from jaxgan.divergences import f_divergences
from jaxgan.losses import checks

LARGEST_LOGIT = 1e4
LARGEST_VALUE = 1e18  # whose square is still a float32, for Adam


def f_gan(
    name: str | f_divergences.FDivergence, *, non_saturating: bool = False
) -> types.Loss:
    """The game whose discriminator measures an f-divergence of real from fake.

    discriminator: `mean f*(g(fake)) - mean g(real)`, minus the variational bound, so
    that its optimum is minus the divergence; generator: `-mean f*(g(fake))`, which
    lowers the bound, or `-mean g(fake)`, which does not fade where the discriminator
    is sure. g is the output activation and f* the conjugate of f.

    Where g or f* of g grows exponentially, it goes on linearly beyond `|logit| = 40`,
    a density ratio of at least exp(20) (for alpha divergences of orders near 1, a
    smaller one: exp(11) for 1.2), to stay finite in float32 and bfloat16; that far out
    the bound may exceed the divergence.

    Args:
      name: of an entry of `divergences.F_DIVERGENCES`, or such a record.
      non_saturating: which of the two generator losses.

    Returns:
      A `Loss` on logits `real [B]` and `fake [B]`, the outputs before the activation.

    Raises:
      UserError: if there is no such f-divergence.

    When:
      To minimise an f-divergence of your choice.

    References:
      Nowozin et al., f-GAN, 2016, https://arxiv.org/abs/1606.00709
    """
    divergence = f_divergences.named(name)
    activation = _tamed(divergence.activation)
    conjugate = _tamed(divergence.conjugate_of_activation)

    def discriminator(real_logits: Array, fake_logits: Array) -> Array:
        checks.not_empty(real_logits=real_logits, fake_logits=fake_logits)
        return jnp.mean(conjugate(fake_logits)) - jnp.mean(activation(real_logits))

    def generator(real_logits: Array, fake_logits: Array) -> Array:
        checks.not_empty(real_logits=real_logits, fake_logits=fake_logits)
        return -jnp.mean((activation if non_saturating else conjugate)(fake_logits))

    return types.Loss(discriminator, generator)


def _tamed(function: Callable[[Array], Array]) -> Callable[[Array], Array]:
    """Continues an elementwise function linearly on each side where it overflows."""

    limits = np.array([LARGEST_LOGIT, 40.0, 20.0, 10.0, 5.0, 2.5], np.float32)
    with jax.ensure_compile_time_eval():
        values = np.abs(np.asarray(function(jnp.asarray([-limits, limits]))))

    def end(values_of_side: np.ndarray) -> float:
        small_enough = values_of_side <= LARGEST_VALUE
        limit = float(limits[small_enough].max(initial=0))
        return math.inf if limit == LARGEST_LOGIT else limit

    low, high = -end(values[0]), end(values[1])
    if math.isinf(low) and math.isinf(high):
        return function

    def tamed(logits: Array) -> Array:
        inside = jnp.clip(logits, low, high)
        value, slope = jax.jvp(function, (inside,), (jnp.ones_like(inside),))
        return value + slope * (logits - inside)

    return tamed
