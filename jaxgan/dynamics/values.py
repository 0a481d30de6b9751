"""The value of the game at a state, on samples that no player has learnt from.

In all of `jaxgan.dynamics` the discriminator maximises the value `V(theta, phi)` and
the generator minimises it. At an equilibrium of the original game it is `-log 4`, but
it is so too wherever the discriminator has given up: the value alone shows no
equilibrium.
"""

import math
from collections.abc import Callable
from typing import Protocol

import jax
import jax.numpy as jnp
from jax import Array

from jaxgan import losses, types
from jaxgan.core import errors

AT_EQUILIBRIUM = -math.log(4)
"""The minimax value at an equilibrium, in nats."""


Metric = Callable[..., types.Metrics]
"""`(hparams, state, batch, key) -> metrics`, as a value is called."""


class Payoff(Protocol):
    """What the logits of real `[N]` and fake `[N']` samples are worth to the
    discriminator, which maximises it; a scalar."""

    def __call__(self, real_logits: Array, fake_logits: Array) -> Array: ...


class Value(Protocol):
    """`V(theta, phi)` of a state on a batch, a scalar; the key draws the latents."""

    def __call__(
        self,
        hparams: types.HParams,
        state: types.TrainState,
        batch: types.Batch,
        key: Array,
    ) -> Array: ...


def game_value(gan: types.GAN, payoff: Payoff = losses.minimax_value) -> Value:
    """Builds the value of a GAN's two players, both as when they are used.

    Neither player is in training mode: batch statistics are those that were collected.
    There are as many fake samples as real ones, with their labels if there are any.

    Args:
      gan: the two networks.
      payoff: of the logits; the minimax value in nats by default.
    """
    types.require_gan(gan)

    def value(hparams, state, batch, key):
        params, collections = state.params, state.collections

        def logits(x):
            output, _ = gan.discriminate(
                params.discriminator, collections.discriminator, x, batch.label
            )
            return output.logits

        z = gan.latent(key, batch.x.shape[0])
        fake, _ = gan.generate(params.generator, collections.generator, z, batch.label)
        return payoff(logits(batch.x), logits(fake))

    return value


def value_metrics(gan: types.GAN) -> Metric:
    """Builds the metrics of a state beside what they are at an equilibrium.

    Args:
      gan: the two networks.

    Returns:
      `(hparams, state, batch, key) -> {"value", "value_above_equilibrium"}`: the
      minimax value on the batch, in nats, at most 0, and how much it is more than
      `-log 4`. That is 0 at an equilibrium; positive where the discriminator tells real
      from fake, up to log 4; negative where it is wrong.

    References:
      Goodfellow et al., Generative Adversarial Networks, 2014, theorem 1,
      https://arxiv.org/abs/1406.2661
    """
    value = game_value(gan)

    def metrics(hparams, state, batch, key) -> types.Metrics:
        found = value(hparams, state, batch, key)
        return {"value": found, "value_above_equilibrium": found - AT_EQUILIBRIUM}

    return metrics


def class_accuracy(gan: types.GAN, num_classes: int) -> Metric:
    """Builds how often a conditional discriminator knows the class of a real sample.

    The class that it takes x for is `argmax_c D(x, c)`. Near an equilibrium of the
    conditional game D rejects real samples with wrong classes, which neither the data
    nor a good generator make, so that the share of right classes is near that of a
    classifier. A low share says that the discriminator does not look at classes, and
    that its generator cannot learn them from it; a high one alone proves nothing, as
    samples of the generator are not seen here.

    Args:
      gan: the two networks, conditional.
      num_classes: K, at least 2.

    Returns:
      `(hparams, state, batch, key) -> {"class_accuracy"}` on real samples with labels,
      in [0, 1]. A class that ties with m - 1 others counts 1 / m, so that a
      discriminator that does not look at the label has 1 / K. The key is not used.

    Raises:
      UserError: if there are fewer than two classes, or (when traced) the batch has no
        labels.

    References:
      Xia et al., UCD: Unconditional Discriminator Promotes Nash Equilibrium in GANs,
      2025, https://arxiv.org/abs/2510.00624
    """
    types.require_gan(gan)
    errors.require_whole(num_classes=num_classes)
    if num_classes < 2:
        raise errors.UserError(
            f"num_classes={num_classes} must be at least 2, as one class cannot be "
            "mistaken for another."
        )

    def metrics(hparams, state, batch, key=None) -> types.Metrics:
        if batch.label is None:
            raise errors.UserError(
                "batch.label is None, but the class accuracy is that of a conditional "
                "discriminator; draw batches with labels."
            )

        def of_class(c):
            output, _ = gan.discriminate(
                state.params.discriminator,
                state.collections.discriminator,
                batch.x,
                jnp.full_like(batch.label, c),
            )
            return output.logits

        logits = jax.lax.map(of_class, jnp.arange(num_classes))
        best = logits == jnp.max(logits, axis=0)
        right = jnp.take_along_axis(best, batch.label[None], axis=0)[0]
        return {"class_accuracy": jnp.mean(right / jnp.sum(best, axis=0))}

    return metrics
