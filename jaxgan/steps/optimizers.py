"""Optimisers for games: optax factories, to be given to `initialise` and `update`.

Any other optax factory serves as well; these are the ones that games need and optax
has not in this form. What they remember lies in `TrainState.opt_state`.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax.typing import ArrayLike

from jaxgan import types
from jaxgan.steps import adaptive, core


class Memory(NamedTuple):
    """What `remembering` keeps.

    Attributes:
      inner: state of the optimiser itself.
      gradient: the last gradient that it was given, zero at the beginning.
    """

    inner: types.Tree
    gradient: types.Tree


def optimistic(optimizer: core.Optimizer = optax.sgd) -> core.Optimizer:
    """Counts the newest update twice and takes the one before it back.

    `w <- w + 2 u_t - u_(t-1)`, with `u_t` the update of the optimiser and
    `u_(-1) = u_0`. With `optax.sgd` this is optimistic gradient descent,
    `w <- w - 2 eta v_t + eta v_(t-1)`, and with `adam` Optimistic Adam. On the
    game xy it converges for `eta < 1 / sqrt(3)`.

    Args:
      optimizer: optax factory; its numbers stay those of `hparams.optimizer`.

    Returns:
      An optax factory, to be given to both `initialise` and `update`.

    When:
      Against rotation, at the price of one gradient.

    References:
      Daskalakis et al., Training GANs with Optimism, 2018,
      https://arxiv.org/abs/1711.00141
    """

    def factory(**numbers) -> optax.GradientTransformation:
        return optax.chain(
            core.with_numbers(optimizer, numbers), optax.scale_by_optimistic_gradient()
        )

    return factory


def negative_momentum(
    learning_rate: ArrayLike, momentum: ArrayLike = -0.5
) -> optax.GradientTransformation:
    """Gradient descent with a heavy ball that pulls back.

    `m <- v + momentum m; w <- w - learning_rate m`, with a negative momentum. With
    alternating players it converges linearly on bilinear games, where both zero and
    positive momentum do not; with simultaneous ones it does not.

    Args:
      learning_rate: positive; on the game `x A y`, at most 1 over the largest singular
        value of A.
      momentum: in (-1, 0); both numbers may be traced.

    When:
      For bilinear games.

    References:
      Gidel et al., Negative Momentum for Improved Game Dynamics, 2019,
      https://arxiv.org/abs/1807.04740
    """
    return optax.sgd(learning_rate, momentum=momentum)


def remembering(optimizer: core.Optimizer = adaptive.adam) -> core.Optimizer:
    """Keeps the last gradient beside the optimiser's own state, as a `Memory`.

    Its updates are those of the optimiser. Needed by `extragradient_from_the_past`.
    """

    def factory(**numbers) -> optax.GradientTransformation:
        inner = core.with_numbers(optimizer, numbers)

        def init(params):
            return Memory(inner.init(params), jax.tree.map(jnp.zeros_like, params))

        def update(grads, memory, params=None):
            updates, state = inner.update(grads, memory.inner, params)
            return updates, Memory(state, grads)

        return optax.GradientTransformation(init, update)

    return factory
