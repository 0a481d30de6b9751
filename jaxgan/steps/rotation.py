"""Steps that correct the gradient field for its rotation, with products of J.

`J^T v` is a reverse-mode product and `J v` a forward-mode one. The latter needs
gradients with forward mode: networks whose convolutions carry custom reverse-mode rules
must be built in the plain form.
"""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxgan import types
from jaxgan.steps import adaptive, core, field


def consensus(
    discriminator: types.Gradient,
    generator: types.Gradient,
    optimizer: core.Optimizer = adaptive.adam,
) -> types.Step:
    """Both players also lower the length of the gradient field.

    `w <- w - eta (v + gamma J^T v)`: the gradient of `gamma |v|^2 / 2` is added to both
    gradients. It needs reverse mode only. Any stationary point attracts if gamma is
    large enough, a bad one too.

    Args:
      discriminator: its `Gradient`.
      generator: its `Gradient`.
      optimizer: optax factory of both players.

    Returns:
      A `Step` with gamma taken from `hparams.penalties["consensus"]` (10 in the paper)
      and the metric `consensus`, `|v|^2 / 2`.

    Raises:
      UserError: if the players are swapped; when traced without that weight.

    When:
      Against rotation, where second-order terms are affordable.

    References:
      Mescheder et al., The Numerics of GANs, 2017, https://arxiv.org/abs/1705.10461
    """
    types.check_players(discriminator, generator, "gradient")

    def step(hparams, state, batch, key):
        gamma, rest = field.own_weight(hparams, "consensus")
        v_of = field.field(discriminator, generator, rest, state, batch, key)
        v, pull_back, (collections, metrics) = jax.vjp(v_of, state.params, has_aux=True)
        (jt_v,) = pull_back(v)
        metrics = {**metrics, "consensus": field.dot(v, v) / 2}
        direction = field.add(v, gamma, jt_v)
        return field.move(optimizer, rest, state, direction, collections), metrics

    return step


def symplectic(
    discriminator: types.Gradient,
    generator: types.Gradient,
    optimizer: core.Optimizer = adaptive.adam,
    epsilon: ArrayLike = 0.1,
) -> types.Step:
    """Symplectic gradient adjustment, with the sign rule.

    `w <- w - eta (v + lambda A^T v)`, `A = (J - J^T) / 2` being what rotates, and
    `lambda = weight sign(<v, J^T v> <A^T v, J^T v> / n + epsilon)` for n weights in
    all: the adjustment pulls towards stable and away from unstable fixed points.

    Args:
      discriminator: its `Gradient`, with forward mode.
      generator: its `Gradient`, with forward mode.
      optimizer: optax factory of both players.
      epsilon: leans towards adjusting where the sign is in doubt; 0.1 in the paper.

    Returns:
      A `Step` with the weight taken from `hparams.penalties["symplectic"]` (1 in the
      paper) and the metric `symplectic`, the sign.

    Raises:
      UserError: if the players are swapped; when traced without that weight.

    When:
      Against rotation, where second-order terms are affordable.

    References:
      Balduzzi et al., The Mechanics of n-Player Differentiable Games, 2018,
      https://arxiv.org/abs/1802.05642
    """
    types.check_players(discriminator, generator, "gradient")

    def step(hparams, state, batch, key):
        weight, rest = field.own_weight(hparams, "symplectic")
        v_of = field.field(discriminator, generator, rest, state, batch, key)
        v, pull_back, (collections, metrics) = jax.vjp(v_of, state.params, has_aux=True)
        (jt_v,) = pull_back(v)
        _, j_v, _ = jax.jvp(v_of, (state.params,), (v,), has_aux=True)
        at_v = jax.tree.map(lambda jt, j: (jt - j) / 2, jt_v, j_v)
        n = sum(leaf.size for leaf in jax.tree.leaves(v))
        sign = jnp.sign(field.dot(v, jt_v) * field.dot(at_v, jt_v) / n + epsilon)
        direction = field.add(v, weight * sign, at_v)
        state = field.move(optimizer, rest, state, direction, collections)
        return state, {**metrics, "symplectic": sign}

    return step
