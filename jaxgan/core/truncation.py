"""Truncation of normal latents: nearer to their middle, samples are better and alike.

A level says how near: the largest coordinate that is left, or a factor. Rules are
functions of the latents, so that the same draw can be seen at several levels.

References:
  Brock et al., Large Scale GAN Training for High Fidelity Natural Image Synthesis,
  2019, section 3.1, https://arxiv.org/abs/1809.11096
  Karras et al., A Style-Based Generator Architecture, 2019, appendix B,
  https://arxiv.org/abs/1812.04948
"""

from collections.abc import Callable

import jax.numpy as jnp
from jax import Array
from jax.scipy import special

from jaxgan.core import errors


def resampling(z: Array, threshold: float) -> Array:
    """Coordinates from the normal distribution within `[-threshold, threshold]`.

    That is how the coordinates of BigGAN are distributed, which are drawn again until
    they lie within. Here each one goes to where the truncated distribution has as much
    below it as the normal one had, with `F(z) = (1 + erf(z / sqrt(2))) / 2`:

        sqrt(2) erfinv(erf(z / sqrt(2)) erf(threshold / sqrt(2)))

    Args:
      z: of `N(0, I)`.
      threshold: above 0.
    """
    root = jnp.sqrt(2.0)
    inside = special.erfinv(special.erf(z / root) * special.erf(threshold / root))
    # Where erf is 1 in float32, its inverse is not finite.
    return jnp.clip(root * inside, -threshold, threshold)


def scaling(z: Array, factor: float) -> Array:
    """`factor z`, towards the mean latent: StyleGAN's psi, there of the mapped latents.

    Args:
      z: of `N(0, I)`, whose mean is 0.
      factor: psi, above 0.
    """
    return factor * z


RULES: dict[str, Callable[[Array, float], Array]] = {
    "resampling": resampling,
    "scaling": scaling,
}
"""By their names."""


def check(rule: str, level: float) -> None:
    """Asks for a rule that there is, and a level that leaves something.

    Raises:
      UserError: if they are not.
    """
    if rule not in RULES:
        raise errors.UserError(f"rule={rule!r}: {errors.choice(rule, RULES)}")
    if not 0 < level < jnp.inf:
        raise errors.UserError(f"level={level:g} must be a positive number.")
