"""Regularisers of weights: one penalises them, one bounds them after every step."""

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from jaxgan import types
from jaxgan.core import errors


def orthogonal(params: types.Tree, *, diagonal: bool = False) -> Array:
    """Pushes the columns of every kernel to be orthogonal: `sum |W^T W * (1 - I)|^2`.

    The squared Frobenius norm, summed over all leaves with two axes or more. A kernel
    `[..., C]` is taken as a matrix of C columns, one per output channel.

    Args:
      params: weights of one player.
      diagonal: whether the columns should have length one too, `sum |W^T W - I|^2`.

    Returns:
      A scalar, to be weighted by the caller (1e-4 in BigGAN).

    Raises:
      UserError: if no leaf has two axes.

    When:
      For large models.

    References:
      Brock et al., Large Scale GAN Training for High Fidelity Natural Image Synthesis,
      2018, https://arxiv.org/abs/1809.11096
      Brock et al., Neural Photo Editing with Introspective Adversarial Networks, 2016,
      https://arxiv.org/abs/1609.07093 (with the diagonal)
    """
    kernels = [leaf for leaf in jax.tree.leaves(params) if jnp.ndim(leaf) >= 2]
    if not kernels:
        raise errors.UserError(
            "params holds no array with two axes or more, so there is no kernel to "
            "make orthogonal: pass the weights of a network."
        )

    def one(kernel: Array) -> Array:
        matrix = kernel.reshape(-1, kernel.shape[-1])
        gram = matrix.T @ matrix
        identity = jnp.eye(gram.shape[0], dtype=gram.dtype)
        rest = gram - identity if diagonal else gram * (1 - identity)
        return jnp.sum(jnp.square(rest))

    return jnp.asarray(sum(one(kernel) for kernel in kernels))


def weight_clip(step: types.Step, limit: ArrayLike) -> types.Step:
    """Keeps every weight of the discriminator in `[-limit, limit]` after each step.

    The first WGAN's way of bounding the critic's slope. Wrap the step that updates the
    discriminator, inside `repeat` or `alternating`, so that each update is followed by
    a clip.

    Args:
      step: a `Step`.
      limit: the largest magnitude, positive (0.01 in the paper).

    Returns:
      A `Step` with the same metrics.

    Raises:
      UserError: if the limit is not positive, or the step is the generator's.

    When:
      For the WGAN as it was published.

    References:
      Arjovsky et al., Wasserstein GAN, 2017, https://arxiv.org/abs/1701.07875
    """
    types.check_player("step", step, "discriminator")
    if not isinstance(limit, jax.core.Tracer) and not limit > 0:
        raise errors.UserError(
            f"limit is {limit}, which leaves the weights no room: pass a positive "
            "number, such as 0.01."
        )

    def clipped(hparams, state, batch, key):
        state, metrics = step(hparams, state, batch, key)
        discriminator = jax.tree.map(
            lambda leaf: jnp.clip(leaf, -limit, limit), state.params.discriminator
        )
        params = state.params._replace(discriminator=discriminator)
        return state._replace(params=params), metrics

    return types.played_by(types.player_of(step), clipped)
