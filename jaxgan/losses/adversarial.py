"""Adversarial losses on logits, each per player a scalar to MINIMISE.

A logit is large where the discriminator believes in real data. Every loss is a mean
over the batch and works in the dtype of the logits, also at logits of +-1e4.
"""

import jax
import jax.numpy as jnp
from jax import Array

from jaxgan import types
from jaxgan.losses import checks


def minimax() -> types.Loss:
    """The zero-sum game of the first GAN: `E log D(x) + E log(1 - D(G(z)))`.

    discriminator: `mean softplus(-real) + mean softplus(fake)`; generator:
    `-mean softplus(fake)`, with no constant. The generator's gradient vanishes where
    the discriminator is sure of itself.

    Returns:
      A `Loss` on logits `real [B]` and `fake [B]`.

    When:
      To study the game of the theory; the generator's gradient vanishes once the
      discriminator wins.

    References:
      Goodfellow et al., Generative Adversarial Networks, 2014,
      https://arxiv.org/abs/1406.2661
    """

    def generator(real_logits: Array, fake_logits: Array) -> Array:
        checks.not_empty(real_logits=real_logits, fake_logits=fake_logits)
        return -jnp.mean(jax.nn.softplus(fake_logits))

    return types.Loss(_cross_entropy, generator)


def non_saturating() -> types.Loss:
    """The generator maximises `E log D(G(z))`, so that its gradient does not vanish.

    discriminator: `mean softplus(-real) + mean softplus(fake)`; generator:
    `mean softplus(-fake)`.

    Returns:
      A `Loss` on logits `real [B]` and `fake [B]`.

    When:
      The default, together with the penalty `r1`.

    References:
      Goodfellow et al., Generative Adversarial Networks, 2014, section 3,
      https://arxiv.org/abs/1406.2661
    """

    def generator(real_logits: Array, fake_logits: Array) -> Array:
        checks.not_empty(real_logits=real_logits, fake_logits=fake_logits)
        return jnp.mean(jax.nn.softplus(-fake_logits))

    return types.Loss(_cross_entropy, generator)


def seqgan() -> types.Loss:
    """The generator maximises `E D(G(z))`, the reward of SeqGAN's policy gradient.

    discriminator: `mean softplus(-real) + mean softplus(fake)`; generator:
    `-mean sigmoid(fake)`, in [-1, 0]. A reward of a sample is bounded, which those of
    the other losses are not; its gradient through the samples vanishes where the
    discriminator is sure of itself.

    Returns:
      A `Loss` on logits `real [B]` and `fake [B]`.

    References:
      Yu et al., SeqGAN: Sequence Generative Adversarial Nets with Policy Gradient,
      2017, https://arxiv.org/abs/1609.05473
    """

    def generator(real_logits: Array, fake_logits: Array) -> Array:
        checks.not_empty(real_logits=real_logits, fake_logits=fake_logits)
        return -jnp.mean(jax.nn.sigmoid(fake_logits))

    return types.Loss(_cross_entropy, generator)


def least_squares() -> types.Loss:
    """Regression of the logits on 1 for real and 0 for fake.

    discriminator: `1/2 mean (real - 1)^2 + 1/2 mean fake^2`; generator:
    `1/2 mean (fake - 1)^2`. The factor 1/2 is on each term.

    Returns:
      A `Loss` on logits `real [B]` and `fake [B]`.

    When:
      For gradients that do not vanish without a penalty.

    References:
      Mao et al., Least Squares Generative Adversarial Networks, 2016,
      https://arxiv.org/abs/1611.04076
    """

    def discriminator(real_logits: Array, fake_logits: Array) -> Array:
        checks.not_empty(real_logits=real_logits, fake_logits=fake_logits)
        real = jnp.mean(jnp.square(real_logits - 1))
        fake = jnp.mean(jnp.square(fake_logits))
        return (real + fake) / 2

    def generator(real_logits: Array, fake_logits: Array) -> Array:
        checks.not_empty(real_logits=real_logits, fake_logits=fake_logits)
        return jnp.mean(jnp.square(fake_logits - 1)) / 2

    return types.Loss(discriminator, generator)


def wasserstein() -> types.Loss:
    """The dual of the 1-Wasserstein distance, for a critic kept Lipschitz elsewhere.

    discriminator: `mean fake - mean real`; generator: `-mean fake`. Without a
    penalty, clipping or spectral normalisation the critic's loss has no lower bound.

    Returns:
      A `Loss` on logits `real [B]` and `fake [B]`.

    When:
      With `wgan_gp` or `weight_clip` and several steps of the critic.

    References:
      Arjovsky et al., Wasserstein GAN, 2017, https://arxiv.org/abs/1701.07875
    """

    def discriminator(real_logits: Array, fake_logits: Array) -> Array:
        checks.not_empty(real_logits=real_logits, fake_logits=fake_logits)
        return jnp.mean(fake_logits) - jnp.mean(real_logits)

    return types.Loss(discriminator, _minus_mean_fake)


def hinge() -> types.Loss:
    """A support-vector discriminator with margins at +1 and -1.

    discriminator: `mean max(0, 1 - real) + mean max(0, 1 + fake)`; generator:
    `-mean fake`.

    Returns:
      A `Loss` on logits `real [B]` and `fake [B]`.

    Example:
      >>> real, fake = jnp.array([2.0, 0.0]), jnp.array([-3.0, 1.0])
      >>> loss = losses.hinge()
      >>> print(loss.discriminator(real, fake), loss.generator(real, fake))
      1.5 1.0

    When:
      With spectral normalisation, on large images.

    References:
      Lim and Ye, Geometric GAN, 2017, https://arxiv.org/abs/1705.02894
      Tran et al., Hierarchical Implicit Models and Likelihood-Free Variational
      Inference, 2017, https://arxiv.org/abs/1702.08896
    """

    def discriminator(real_logits: Array, fake_logits: Array) -> Array:
        checks.not_empty(real_logits=real_logits, fake_logits=fake_logits)
        real = jnp.mean(jax.nn.relu(1 - real_logits))
        fake = jnp.mean(jax.nn.relu(1 + fake_logits))
        return real + fake

    return types.Loss(discriminator, _minus_mean_fake)


def relativistic() -> types.Loss:
    """Real and fake compared pair by pair (RSGAN, the pairing loss of R3GAN).

    discriminator: `mean softplus(fake - real)`; generator:
    `mean softplus(real - fake)`. Row i of the real batch is paired with row i of the
    fake batch, so the two must have one shape.

    Returns:
      A `Loss` on logits `real [B]` and `fake [B]`.

    When:
      With `r1` and `r2`; covers modes well (the loss of R3GAN).

    References:
      Jolicoeur-Martineau, The relativistic discriminator: a key element missing from
      standard GAN, 2018, https://arxiv.org/abs/1807.00734
    """

    def discriminator(real_logits: Array, fake_logits: Array) -> Array:
        checks.pairs(real_logits=real_logits, fake_logits=fake_logits)
        return jnp.mean(jax.nn.softplus(fake_logits - real_logits))

    def generator(real_logits: Array, fake_logits: Array) -> Array:
        checks.pairs(real_logits=real_logits, fake_logits=fake_logits)
        return discriminator(fake_logits, real_logits)

    return types.Loss(discriminator, generator)


def relativistic_average() -> types.Loss:
    """Each logit compared with the mean logit of the other batch (RaSGAN).

    discriminator: `mean softplus(mean fake - real) + mean softplus(fake - mean real)`;
    generator: the same with real and fake exchanged. The sum of two means, with no
    factor 1/2 (the paper's own code halves it).

    Returns:
      A `Loss` on logits `real [B]` and `fake [B]`.

    When:
      As `relativistic`, for large batches.

    References:
      Jolicoeur-Martineau, The relativistic discriminator: a key element missing from
      standard GAN, 2018, https://arxiv.org/abs/1807.00734
    """

    def discriminator(real_logits: Array, fake_logits: Array) -> Array:
        checks.not_empty(real_logits=real_logits, fake_logits=fake_logits)
        real = jax.nn.softplus(jnp.mean(fake_logits) - real_logits)
        fake = jax.nn.softplus(fake_logits - jnp.mean(real_logits))
        return jnp.mean(real) + jnp.mean(fake)

    def generator(real_logits: Array, fake_logits: Array) -> Array:
        checks.not_empty(real_logits=real_logits, fake_logits=fake_logits)
        return discriminator(fake_logits, real_logits)

    return types.Loss(discriminator, generator)


def _cross_entropy(real_logits: Array, fake_logits: Array) -> Array:
    checks.not_empty(real_logits=real_logits, fake_logits=fake_logits)
    real = jnp.mean(jax.nn.softplus(-real_logits))
    fake = jnp.mean(jax.nn.softplus(fake_logits))
    return real + fake


def _minus_mean_fake(real_logits: Array, fake_logits: Array) -> Array:
    checks.not_empty(real_logits=real_logits, fake_logits=fake_logits)
    return -jnp.mean(fake_logits)
