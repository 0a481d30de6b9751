"""GMAN: one generator against several discriminators.

Each discriminator minimises its own loss. With l_j the generator's loss against
discriminator j and `w = softmax(h l)`, the generator minimises

    sum_j w_j l_j

At hardness h = 0 it is the mean of all, for large h the harshest of them.

    whole = gman.with_discriminators(gan, 3)
    d = steps.update("discriminator", gman.discriminator(whole, loss))
    g = steps.update("generator", gman.generator(whole, loss))
    step = steps.alternating(d, g)                      # penalties: {"hardness": h}

References:
  Durugkar et al., Generative Multi-Adversarial Networks, 2017,
  https://arxiv.org/abs/1611.01673
"""

from collections.abc import Mapping

import jax
import jax.numpy as jnp

from jaxgan import gradients, types
from jaxgan.core import errors, randomness

HARDNESS = "hardness"
"""The name of h, lambda in the paper, in `hparams.penalties`."""


def with_discriminators(gan: types.GAN, num_discriminators: int) -> types.GAN:
    """A GAN whose `init` gives N discriminators, every leaf `[N, ...]`.

    What discriminates is still one of them: the gradients here take all.

    Args:
      gan: the networks.
      num_discriminators: N, at least 1; structure.

    Raises:
      UserError: if `gan` is none, or the number is below 1.
    """
    types.require_gan(gan)
    errors.require_whole(num_discriminators=num_discriminators)
    if num_discriminators < 1:
        raise errors.UserError(
            f"num_discriminators={num_discriminators} must be at least 1."
        )

    def init(key):
        key = randomness.threefry(key)
        params, collections = gan.init(key)

        def another(j):
            params, collections = gan.init(jax.random.fold_in(key, j))
            return params.discriminator, collections.discriminator

        own = jax.vmap(another)(jnp.arange(num_discriminators))
        return (
            params._replace(discriminator=own[0]),
            collections._replace(discriminator=own[1]),
        )

    return gan._replace(init=init)


def discriminator(
    gan: types.GAN,
    loss: types.Loss,
    penalties: Mapping[str, types.Penalty] | None = None,
) -> types.Gradient:
    """Builds the gradient of all discriminators, each of which minimises its own loss.

    They see the same real samples and each its own fakes.

    Args:
      gan: from `with_discriminators`.
      loss: of each.
      penalties: by name; `hparams.penalties` holds a weight for each, and "hardness".

    Returns:
      A `Gradient` with the metrics of `gradients.discriminator`, means over the
      discriminators.
    """
    one = gradients.discriminator(gan, loss, penalties)

    def gradient(hparams, state, batch, key):
        _require(hparams)
        others = {n: w for n, w in hparams.penalties.items() if n != HARDNESS}
        numbers = hparams._replace(penalties=others)

        def of_one(params, collections, key):
            own = state._replace(
                params=state.params._replace(discriminator=params),
                collections=state.collections._replace(discriminator=collections),
            )
            return one(numbers, own, batch, key)

        players = state.params.discriminator, state.collections.discriminator
        number = jax.tree.leaves(players[0])[0].shape[0]
        keys = jax.random.split(key, number)
        grads, collections, metrics = jax.vmap(of_one)(*players, keys)
        return grads, collections, jax.tree.map(jnp.mean, metrics)

    return types.played_by("discriminator", gradient, "gradient")


def generator(gan: types.GAN, loss: types.Loss) -> types.Gradient:
    """Builds the gradient of the generator against all discriminators.

    The gradient is of the whole sum, through the weights too.

    Args:
      gan: from `with_discriminators`.
      loss: against each.

    Returns:
      A `Gradient` whose metrics are `generator_loss` and `generator_gradient_norm`.
    """

    def gradient(hparams, state, batch, key):
        _require(hparams)
        z = gan.latent(key, batch.x.shape[0])

        def objective(params):
            fake, moved = gan.generate(
                params, state.collections.generator, z, batch.label, train=True
            )

            def of_one(params, collections):
                def say(x):
                    return gan.discriminate(
                        params, collections, x, batch.label, train=True
                    )[0].logits

                return loss.generator(say(batch.x), say(fake))

            costs = jax.vmap(of_one)(
                state.params.discriminator, state.collections.discriminator
            )
            value = jax.nn.softmax(hparams.penalties[HARDNESS] * costs) @ costs
            return value, (moved, {"generator_loss": value})

        grads, (moved, metrics) = jax.grad(objective, has_aux=True)(
            state.params.generator
        )
        metrics["generator_gradient_norm"] = gradients.global_norm(grads)
        return grads, moved, metrics

    return types.played_by("generator", gradient, "gradient")


def _require(hparams):
    if HARDNESS not in hparams.penalties:
        raise errors.UserError(
            f"hparams.penalties has weights for {sorted(hparams.penalties)}, but not "
            f"{HARDNESS!r}; give it, 0 for the mean of all discriminators."
        )
