"""Losses on the features of a layer of the discriminator, instead of its logits."""

import jax.numpy as jnp
from jax import Array

from jaxgan import divergences, types
from jaxgan.losses import checks


def feature_matching(real_features: Array, fake_features: Array) -> Array:
    """The generator's loss `|mean real - mean fake|^2` on features.

    The squared Euclidean norm of the paper, a sum over F; its code averages over F.

    Args:
      real_features: `[B, F]`, from a hidden layer of the discriminator.
      fake_features: `[B', F]`.

    Returns:
      A scalar.

    Raises:
      UserError: if a batch is empty or the two differ in F.

    When:
      Together with `semi_supervised`.

    References:
      Salimans et al., Improved Techniques for Training GANs, 2016, section 3.1,
      https://arxiv.org/abs/1606.03498
    """
    checks.rows(2, real_features=real_features, fake_features=fake_features)
    gap = jnp.mean(real_features, axis=0) - jnp.mean(fake_features, axis=0)
    return jnp.sum(jnp.square(gap))


def _match(real, fake, batch):
    return feature_matching(real.features, fake.features)


matched_features = types.Pair(generator=_match, discriminator=None)
"""`feature_matching` of the discriminator's last hidden layer as a pair of terms."""


def mmd_gan(kernel: divergences.Kernel | None = None) -> types.Loss:
    """Features in which the squared maximum mean discrepancy is large, or small.

    discriminator: `-MMD^2(real, fake)`; generator: `MMD^2(real, fake)`, the unbiased
    estimate of `divergences.mmd2`. The features need a penalty to stay bounded.

    Args:
      kernel: on rows of features, such as `divergences.rbf_kernel(...)`; None for the
        sum of Gaussians of bandwidths 1, 2, 4, 8 and 16.

    Returns:
      A `Loss` on features `real [B, F]` and `fake [B', F]`, not on logits, with at
      least two rows each.

    When:
      For critics that give features to a kernel.

    References:
      Li et al., MMD GAN: Towards Deeper Understanding of Moment Matching Network, 2017,
      https://arxiv.org/abs/1705.08584
      Binkowski et al., Demystifying MMD GANs, 2018, https://arxiv.org/abs/1801.01401
    """

    def generator(real_features: Array, fake_features: Array) -> Array:
        checks.rows(2, real_features=real_features, fake_features=fake_features)
        chosen = divergences.rbf_kernel((1, 2, 4, 8, 16)) if kernel is None else kernel
        return divergences.mmd2(real_features, fake_features, chosen)

    def discriminator(real_features: Array, fake_features: Array) -> Array:
        return -generator(real_features, fake_features)

    return types.Loss(discriminator, generator)
