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

from jaxgan import types
from jaxgan.core import randomness
from jaxgan.penalties import checks, norms


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

    Example:
      >>> def critic(x):  # whose gradient is (3, 4) everywhere
      ...     return x @ jnp.array([3.0, 4.0])
      >>> x = jnp.zeros((5, 2))
      >>> print(penalties.r1(critic, x, x, jax.random.key(0)))
      25.0

    When:
      For local convergence; with `non_saturating`, and with `r2` for `relativistic`.

    References:
      Mescheder et al., Which Training Methods for GANs do actually Converge?, 2018,
      https://arxiv.org/abs/1801.04406
    """
    del fake, key
    checks.not_empty(real=real)
    return jnp.mean(norms.squared_norms(per_example_gradient(critic, real)))


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

    When:
      Together with `r1`, for `relativistic`.

    References:
      Mescheder et al., Which Training Methods for GANs do actually Converge?, 2018,
      https://arxiv.org/abs/1801.04406
    """
    del real, key
    checks.not_empty(fake=fake)
    return jnp.mean(norms.squared_norms(per_example_gradient(critic, fake)))


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
      UserError: if the two batches differ in shape or are empty, or the target is
        negative.

    When:
      For Wasserstein critics.

    References:
      Gulrajani et al., Improved Training of Wasserstein GANs, 2017,
      https://arxiv.org/abs/1704.00028
    """
    checks.not_negative("target", target)
    between = _between(real, fake, key)
    lengths = norms.norms(per_example_gradient(critic, between))
    return _squared_excess(lengths, target, one_sided)


def wgan_lp(critic: types.Critic, real: Array, fake: Array, key: Array) -> Array:
    """One-sided `wgan_gp`: the mean of `max(0, |grad critic(x)| - 1)^2`.

    A 1-Lipschitz critic costs nothing, as the dual of the Wasserstein distance asks.

    Args:
      critic: maps `[B, ...]` to logits `[B]`, each example by itself.
      real: `[B, ...]` real samples.
      fake: `[B, ...]` generated samples, paired with the real ones row by row.
      key: a PRNG key, for the place between the two.

    Returns:
      A scalar, to be weighted by the caller.

    Raises:
      UserError: if the two batches differ in shape or are empty.

    When:
      For Wasserstein critics, less strict than `wgan_gp`.

    References:
      Petzka et al., On the regularization of Wasserstein GANs, 2017,
      https://arxiv.org/abs/1709.08894
    """
    return wgan_gp(critic, real, fake, key, one_sided=True)


def dragan(
    critic: types.Critic,
    real: Array,
    fake: Array,
    key: Array,
    *,
    target: float = 1.0,
    scale: float = 0.5,
) -> Array:
    """Gradient penalty around the data, the mean of `(|grad critic(x + n)| - 1)^2`.

    `n ~ N(0, (scale s)^2 I)`, with s the standard deviation of all the numbers in the
    batch of real samples. Implementations differ in the noise; many take uniform.

    Args:
      critic: maps `[B, ...]` to logits `[B]`, each example by itself.
      real: `[B, ...]` real samples.
      fake: unused.
      key: a PRNG key, for n.
      target: the norm that costs nothing, at least 0.
      scale: size of the noise in standard deviations of the data, at least 0.

    Returns:
      A scalar, to be weighted by the caller (10 in the paper).

    Raises:
      UserError: if the batch is empty, or the target or the scale negative.

    When:
      With any loss; cheap.

    References:
      Kodali et al., On Convergence and Stability of GANs, 2017,
      https://arxiv.org/abs/1705.07215
    """
    del fake
    checks.not_empty(real=real)
    checks.not_negative("target", target)
    checks.not_negative("scale", scale)
    key = randomness.threefry(key)
    noise = jax.random.normal(key, real.shape, real.dtype)
    near = real + scale * jnp.std(real) * noise
    lengths = norms.norms(per_example_gradient(critic, near))
    return _squared_excess(lengths, target, one_sided=False)


def lipschitz_max(critic: types.Critic, real: Array, fake: Array, key: Array) -> Array:
    """The largest `|grad critic(x)|^2` of the batch, x between real and fake.

    The square of the critic's Lipschitz constant, estimated from below by the largest
    gradient among the mixtures `x` of `wgan_gp`. No factor 1/2.

    Args:
      critic: maps `[B, ...]` to logits `[B]`, each example by itself.
      real: `[B, ...]` real samples.
      fake: `[B, ...]` generated samples, paired with the real ones row by row.
      key: a PRNG key, for the place between the two.

    Returns:
      A scalar, to be weighted by the caller.

    Raises:
      UserError: if the two batches differ in shape or are empty.

    When:
      To bound the critic's slope everywhere rather than on average.

    References:
      Zhou et al., Lipschitz Generative Adversarial Nets, 2019,
      https://arxiv.org/abs/1902.05687
    """
    between = _between(real, fake, key)
    return jnp.max(norms.squared_norms(per_example_gradient(critic, between)))


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
        checks.one_logit_each(x, logits)
        return jnp.sum(logits)

    return jax.grad(total)(x)


def _between(real: Array, fake: Array, key: Array) -> Array:
    """`[B, ...]`, each row at a uniform place on the segment from fake to real."""
    checks.same_shape(real=real, fake=fake)
    shape = real.shape[:1] + (1,) * (real.ndim - 1)
    place = jax.random.uniform(randomness.threefry(key), shape, real.dtype)
    return place * real + (1 - place) * fake


def _squared_excess(lengths: Array, target: float, one_sided: bool) -> Array:
    excess = lengths - target
    return jnp.mean(jnp.square(jax.nn.relu(excess) if one_sided else excess))
