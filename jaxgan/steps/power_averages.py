"""Averages of weights by power functions, of a length that is chosen after training.

An average that looks back over a constant share of the training, however long this
gets, weighs the weights after step s, of t steps, by about `s^gamma`. Its length is
told by its relative width: the standard deviation of the steps under these weights,
over t. A few such averages, of which snapshots were kept, give all others, see
`jaxgan.steps.post_hoc`.

References:
  Karras et al., Analyzing and Improving the Training Dynamics of Diffusion Models,
  2024, section 3, https://arxiv.org/abs/2312.02696
"""

import math

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from jaxgan import types
from jaxgan.core import errors

WIDEST = 12**-0.5
"""Relative width of the plain mean of all steps, whose exponent is 0: 0.288675."""

NARROWEST = 1e-6
"""Below, an average of fewer than a million steps is the last of them alone."""


def exponent(width: float) -> float:
    """The exponent gamma of the average of a relative width sigma.

    `sigma^2 = (gamma + 1) / ((gamma + 2)^2 (gamma + 3))`, as of the beta distribution,
    solved for gamma, which is at least 0.

    Args:
      width: sigma, from `NARROWEST` to `WIDEST`.

    Raises:
      UserError: for another width.
    """
    check_width(width)
    inverse = float(width) ** -2
    roots = np.roots([1, 7, 16 - inverse, 12 - inverse])
    return max(0.0, float(roots.real.max()))


def relative_width(exponent: ArrayLike) -> jax.Array:
    """The relative width of an average of this exponent: the inverse of `exponent`."""
    gamma = jnp.asarray(exponent)
    return jnp.sqrt((gamma + 1) / (gamma + 3)) / (gamma + 2)


def check_width(width: float) -> None:
    """Asks for a relative width that an average can have.

    Raises:
      UserError: for one that is not from `NARROWEST` to `WIDEST`.
    """
    if not NARROWEST <= width <= WIDEST:
        # Rounded down, as who gives the number that is named must not be refused.
        most = math.floor(WIDEST * 1e5) / 1e5
        raise errors.UserError(
            f"the relative width {width:g} must be from {NARROWEST:g} to {most:g}, "
            "that of the mean of all steps; 0.05 and 0.10 are usual."
        )


def beginning(params: types.Tree, exponents: ArrayLike) -> types.Tree:
    """The averages before the first step, which forgets them: the weights themselves.

    Args:
      params: of one generator.
      exponents: `[A]`.

    Returns:
      Every leaf `[A, ...]`.
    """
    number = jnp.shape(exponents)[0]
    return jax.tree.map(lambda x: jnp.broadcast_to(x, (number, *x.shape)), params)


def updated(
    averages: types.Tree, params: types.Tree, exponents: ArrayLike, num_steps: ArrayLike
) -> types.Tree:
    """The averages after another step.

    `average <- beta average + (1 - beta) params`, `beta = (1 - 1 / t)^(gamma + 1)`.

    Args:
      averages: every leaf `[A, ...]`.
      params: of the generator after the step.
      exponents: `[A]`.
      num_steps: t, with this step, at least 1.
    """
    # 1 - beta, which is small, without the digits that beta would cost it.
    last = jnp.log1p(-1 / jnp.asarray(num_steps, jnp.float32))
    rate = -jnp.expm1((jnp.asarray(exponents) + 1) * last)

    def moved(old, new):
        share = rate.reshape(-1, *[1] * new.ndim)
        return (old + share * (new - old)).astype(old.dtype)

    return jax.tree.map(moved, averages, params)


def power_averaged(step: types.Step) -> types.Step:
    """Keeps power-function averages of the generator's weights in `state.averages`.

    One for each exponent in `hparams.averages`, see `updated`. Training does not see
    them.

    Args:
      step: a `Step`.

    Raises:
      UserError: when traced, with `hparams.averages=None`, or with a state that was
        initialised without averages.

    When:
      To choose the length of the average after training.

    References:
      Karras et al., Analyzing and Improving the Training Dynamics of Diffusion Models,
      2024, https://arxiv.org/abs/2312.02696
    """

    def averaging(hparams, state, batch, key):
        if hparams.averages is None or state.averages is None:
            raise errors.UserError(
                "the step keeps power-function averages, but hparams.averages is None "
                "now or was when the state was initialised; give the exponents to "
                "both, or leave out steps.power_averaged."
            )
        after, metrics = step(hparams, state._replace(averages=None), batch, key)
        averages = updated(
            state.averages, after.params.generator, hparams.averages, state.step + 1
        )
        return after._replace(averages=averages), metrics

    return averaging
