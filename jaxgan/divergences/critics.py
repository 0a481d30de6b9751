"""What a trained critic or discriminator tells of the divergence it was trained on.

A discriminator that tells P from Q as well as can be, shown as many samples of one as
of the other, has the logits log(p / q). From there KL and Jensen-Shannon divergences
are means over samples, and what is estimated this way is also a lower bound (up to the
error of the means): a discriminator that knows less reports less.

References:
  Donsker and Varadhan, Asymptotic Evaluation of Certain Markov Process Expectations
  for Large Time, IV, 1983.
  Sugiyama, Suzuki and Kanamori, Density Ratio Estimation in Machine Learning, 2012.
  Belghazi et al., Mutual Information Neural Estimation, 2018,
  https://arxiv.org/abs/1801.04062
"""

import math

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from jaxgan.divergences import checks, f_divergences, log_domain
from jaxgan.divergences.estimate import Estimate


def variational_bound(
    name: str | f_divergences.FDivergence,
    critic_real: ArrayLike,
    critic_fake: ArrayLike,
) -> Array:
    """Lower bound on an f-divergence of real from fake, mean g(v) - mean f*(g(v)).

    In expectation over samples it never exceeds the divergence, and it reaches it where
    the critic is the record's `optimal_critic` of the log density ratio.

    Args:
      name: of an entry of `F_DIVERGENCES`, or such a record.
      critic_real: `[..., N]` outputs v on real samples, BEFORE the activation g.
      critic_fake: `[..., M]` outputs v on fake samples, likewise.

    Returns:
      `[...]`, to be maximised by the critic.

    Raises:
      UserError: if there is no such name or a batch is empty.

    When:
      For a lower bound of an f-divergence from a critic.

    References:
      Nowozin et al., f-GAN, 2016, https://arxiv.org/abs/1606.00709
    """
    divergence = f_divergences.named(name)
    real = checks.vectors("critic_real", critic_real, "[..., N]")
    fake = checks.vectors("critic_fake", critic_fake, "[..., M]")
    gain = jnp.mean(divergence.activation(real), axis=-1)
    return gain - jnp.mean(divergence.conjugate_of_activation(fake), axis=-1)


def donsker_varadhan(critic_real: ArrayLike, critic_fake: ArrayLike) -> Array:
    """Lower bound on KL(real, fake), mean T(real) - log mean exp T(fake), in nats.

    In expectation never below the bound of Nguyen, Wainwright and Jordan for the same
    critic, and unchanged by adding a constant to it; equal to KL at T = log(p / q) + c.
    The logarithm of a mean makes it biased upwards for few fake samples.

    Args:
      critic_real: `[..., N]` outputs on real samples.
      critic_fake: `[..., M]` outputs on fake samples.

    Returns:
      `[...]`, to be maximised by the critic.

    Raises:
      UserError: if a batch is empty.

    When:
      For a lower bound of the KL divergence from a critic.

    References:
      Belghazi et al., Mutual Information Neural Estimation, 2018,
      https://arxiv.org/abs/1801.04062
    """
    real = checks.vectors("critic_real", critic_real, "[..., N]")
    fake = checks.vectors("critic_fake", critic_fake, "[..., M]")
    log_mean = jax.nn.logsumexp(fake, axis=-1) - math.log(fake.shape[-1])
    return jnp.mean(real, axis=-1) - log_mean


def density_ratio(logits: ArrayLike) -> Array:
    """The ratio p / q of real to fake density that a discriminator claims, exp(logits).

    It is D / (1 - D) for D = sigmoid(logits), assuming that the discriminator was shown
    as many real as fake samples.

    Args:
      logits: of any shape, large for real, before the sigmoid.

    Returns:
      Of the same shape, in [0, inf].

    When:
      To turn the logits of a trained discriminator into p / q.

    References:
      Sugiyama et al., Density Ratio Estimation in Machine Learning, 2012
    """
    return jnp.exp(checks.floating(logits))


def kl_from_discriminator(
    real_logits: ArrayLike, fake_logits: ArrayLike, base: float | None = None
) -> Estimate:
    """KL(real, fake) by a discriminator's logits, through `donsker_varadhan`.

    Args:
      real_logits: `[..., N]` on real samples it was not trained on, N at least 2.
      fake_logits: `[..., M]` on fake samples, M at least 2.
      base: of the logarithm; None for nats.

    Returns:
      The value `[...]` and its standard error `[...]` for this discriminator.

    Raises:
      UserError: if there are fewer than two samples of either.

    When:
      For an estimate from a trained discriminator.
    """
    real = checks.vectors("real_logits", real_logits, "[..., N]", 2)
    fake = checks.vectors("fake_logits", fake_logits, "[..., M]", 2)
    largest = jnp.max(fake, axis=-1, keepdims=True)
    weights = jnp.exp(fake - jnp.where(jnp.isfinite(largest), largest, 0))
    relative = _variance_of_mean(weights) / jnp.mean(weights, axis=-1) ** 2
    error = log_domain.root(_variance_of_mean(real) + relative)
    scale = checks.log_base(base)
    return Estimate(donsker_varadhan(real, fake) / scale, error / scale)


def reverse_kl_from_discriminator(
    real_logits: ArrayLike, fake_logits: ArrayLike, base: float | None = None
) -> Estimate:
    """KL(fake, real) by a discriminator's logits, as `kl_from_discriminator` does.

    When:
      For an estimate from a trained discriminator.
    """
    real = checks.vectors("real_logits", real_logits, "[..., N]", 2)
    fake = checks.vectors("fake_logits", fake_logits, "[..., M]", 2)
    return kl_from_discriminator(-fake, -real, base)


def js_from_discriminator(
    real_logits: ArrayLike, fake_logits: ArrayLike, base: float | None = None
) -> Estimate:
    """Jensen-Shannon divergence by a discriminator's logits.

    (log 4 + mean log D(real) + mean log(1 - D(fake))) / 2 with D = sigmoid(logits): at
    most log 2, and negative for a discriminator that is worse than a coin.

    Args:
      real_logits: `[..., N]` on real samples it was not trained on, N at least 2.
      fake_logits: `[..., M]` on fake samples, M at least 2.
      base: of the logarithm; None for nats.

    Returns:
      The value `[...]` and its standard error `[...]` for this discriminator.

    Raises:
      UserError: if there are fewer than two samples of either.

    When:
      For an estimate from a trained discriminator.
    """
    real = checks.vectors("real_logits", real_logits, "[..., N]", 2)
    fake = checks.vectors("fake_logits", fake_logits, "[..., M]", 2)
    real, fake = jax.nn.log_sigmoid(real), jax.nn.log_sigmoid(-fake)
    value = math.log(2) + (jnp.mean(real, axis=-1) + jnp.mean(fake, axis=-1)) / 2
    error = log_domain.root(_variance_of_mean(real) + _variance_of_mean(fake)) / 2
    scale = checks.log_base(base)
    return Estimate(value / scale, error / scale)


def _variance_of_mean(x: Array) -> Array:
    return jnp.var(x, axis=-1, ddof=1) / x.shape[-1]
