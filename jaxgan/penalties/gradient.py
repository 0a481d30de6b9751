"""Penalties on the gradient of the critic with respect to its input.

One backward pass of the batch's summed logits gives every example its own gradient as
long as the critic looks at each example by itself. It equals `vmap(grad)` over batches
of one and is preferred to it because the critic keeps its batch: one that closes over
labels `[B]` has no batch of one, and convolutions that run sequentially under `vmap`
would run once per example. Where batch normalisation in training mode couples the
examples, row i is the gradient of all the logits with respect to `x_i`, as in the
published implementations; on a batch of one its gradient would vanish.
"""

import jax
import jax.numpy as jnp
from jax import Array

from jaxgan import errors, types


def r1(critic: types.Critic, real: Array, fake: Array, key: Array) -> Array:
    """Gradient penalty on real data, the mean of `|grad critic(x)|^2`.

    No factor 1/2: a weight `gamma / 2` here is the paper's `gamma`.

    Args:
      critic: maps `[B, ...]` to logits `[B]`, each example by itself.
      real: `[B, ...]` real samples.
      fake: unused; present so that all penalties share one signature.
      key: unused.

    Returns:
      A scalar, to be weighted by the caller.

    References:
      Mescheder et al., Which Training Methods for GANs do actually Converge?, 2018,
      https://arxiv.org/abs/1801.04406
    """
    del fake, key
    return jnp.mean(_squared_norms(critic, real, "real"))


def r2(critic: types.Critic, real: Array, fake: Array, key: Array) -> Array:
    """Gradient penalty on generated data, the mean of `|grad critic(x)|^2`.

    No factor 1/2: a weight `gamma / 2` here is the paper's `gamma`.

    Args:
      critic: maps `[B, ...]` to logits `[B]`, each example by itself.
      real: unused; present so that all penalties share one signature.
      fake: `[B, ...]` generated samples.
      key: unused.

    Returns:
      A scalar, to be weighted by the caller.

    References:
      Mescheder et al., Which Training Methods for GANs do actually Converge?, 2018,
      https://arxiv.org/abs/1801.04406
    """
    del real, key
    return jnp.mean(_squared_norms(critic, fake, "fake"))


def wgan_gp(
    critic: types.Critic,
    real: Array,
    fake: Array,
    key: Array,
    *,
    target: float = 1.0,
    one_sided: bool = False,
) -> Array:
    """Gradient penalty between real and fake, the mean of `(|grad critic(x)| - 1)^2`.

    Each `x = u real + (1 - u) fake`, with one `u ~ U[0, 1]` per example. The norm of a
    gradient of exactly zero has derivative zero here, where it has none.

    Args:
      critic: maps `[B, ...]` to logits `[B]`, each example by itself.
      real: `[B, ...]` real samples.
      fake: `[B, ...]` generated samples, paired with the real ones row by row.
      key: a PRNG key, for the `u`.
      target: the norm that costs nothing, at least 0.
      one_sided: whether norms below the target cost nothing either.

    Returns:
      A scalar, to be weighted by the caller (10 in the paper).

    Raises:
      UserError: if the two batches differ in shape or are empty.

    References:
      Gulrajani et al., Improved Training of Wasserstein GANs, 2017,
      https://arxiv.org/abs/1704.00028
    """
    if real.shape != fake.shape:
        raise errors.UserError(
            f"real has shape {real.shape} and fake {fake.shape}, but they are mixed "
            "row by row: pass two batches of one shape."
        )
    shape = real.shape[:1] + (1,) * (real.ndim - 1)
    mix = jax.random.uniform(key, shape, real.dtype)
    between = mix * real + (1 - mix) * fake
    excess = _safe_sqrt(_squared_norms(critic, between, "real")) - target
    if one_sided:
        excess = jax.nn.relu(excess)
    return jnp.mean(jnp.square(excess))


def per_example_gradient(critic: types.Critic, x: Array) -> Array:
    """The gradient of each example's logit with respect to that example.

    Args:
      critic: maps `[B, ...]` to logits `[B]`, each example by itself.
      x: `[B, ...]` samples.

    Returns:
      `[B, ...]`, row i the gradient of `critic(x)[i]` with respect to `x[i]`.

    Raises:
      UserError: if the critic does not return one logit per example.
    """

    def total(x: Array) -> Array:
        logits = critic(x)
        if logits.shape != x.shape[:1]:
            raise errors.UserError(
                f"critic maps x {x.shape} to logits {logits.shape}, but the gradient "
                f"of each example needs logits {x.shape[:1]}: pass a critic with one "
                "logit per example."
            )
        return jnp.sum(logits)

    return jax.grad(total)(x)


def _squared_norms(critic: types.Critic, x: Array, name: str) -> Array:
    """`[B]`, the squared Euclidean norm of each example's gradient."""
    if x.shape[0] == 0:
        raise errors.UserError(
            f"{name} has shape {x.shape}, an empty batch, which has no mean: pass at "
            "least one example."
        )
    gradient = per_example_gradient(critic, x)
    return jnp.sum(jnp.square(gradient), axis=tuple(range(1, x.ndim)))


def _safe_sqrt(x: Array) -> Array:
    """The square root, with derivative 0 instead of infinity at 0."""
    positive = x > 0
    return jnp.where(positive, jnp.sqrt(jnp.where(positive, x, 1)), 0)
