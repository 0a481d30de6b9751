"""The gradient of each player's objective.

A player's objective is differentiated by that player's weights alone, which are the
argument of `grad`; nothing is detached. Its collections advance only here, in its own
gradient; the opponent's are used as they are.
"""

from collections.abc import Mapping

import jax
import jax.numpy as jnp

from jaxgan import errors, types


def discriminator(
    gan: types.GAN,
    loss: types.Loss,
    penalties: Mapping[str, types.Penalty] | None = None,
) -> types.Gradient:
    """Builds the gradient of `loss.discriminator + sum_i weight_i penalty_i`.

    Real and fake samples pass through the discriminator one batch after the other, so
    that batch normalisation sees them apart.

    Args:
      gan: the two networks.
      loss: the objective.
      penalties: by name; `hparams.penalties` must hold a weight for each name and for
        no other. Leaving a penalty out saves its second-order gradient, a weight of
        zero does not.

    Returns:
      A `Gradient` whose metrics are `discriminator_loss` (without penalties), one
      entry per penalty (unweighted), `discriminator_accuracy` (share of real samples
      with positive and of fake samples with negative logits) and
      `discriminator_gradient_norm`.
    """
    penalties = dict(penalties or {})

    def gradient(hparams, state, batch, key):
        _check_penalties(hparams.penalties, penalties)
        latent_key, *keys = jax.random.split(key, 1 + len(penalties))
        fake, _ = _generate(gan, state, state.params.generator, batch, latent_key)

        def objective(params):
            def discriminate(collections, x):
                return gan.discriminate(params, collections, x, batch.label, train=True)

            def critic(x):
                output, _ = discriminate(state.collections.discriminator, x)
                return output.logits

            real_output, collections = discriminate(
                state.collections.discriminator, batch.x
            )
            fake_output, collections = discriminate(collections, fake)
            value = loss.discriminator(real_output.logits, fake_output.logits)
            terms = {
                name: penalty(critic, batch.x, fake, penalty_key)
                for (name, penalty), penalty_key in zip(
                    penalties.items(), keys, strict=True
                )
            }
            total = value + sum(hparams.penalties[name] * terms[name] for name in terms)
            metrics = {
                "discriminator_loss": value,
                "discriminator_accuracy": _accuracy(
                    real_output.logits, fake_output.logits
                ),
                **terms,
            }
            return total, (collections, metrics)

        grads, (collections, metrics) = jax.grad(objective, has_aux=True)(
            state.params.discriminator
        )
        metrics["discriminator_gradient_norm"] = global_norm(grads)
        return grads, collections, metrics

    return gradient


def generator(gan: types.GAN, loss: types.Loss) -> types.Gradient:
    """Builds the gradient of `loss.generator`.

    Returns:
      A `Gradient` whose metrics are `generator_loss` and `generator_gradient_norm`.
    """

    def gradient(hparams, state, batch, key):
        del hparams

        def objective(params):
            def discriminate(x):
                output, _ = gan.discriminate(
                    state.params.discriminator,
                    state.collections.discriminator,
                    x,
                    batch.label,
                    train=True,
                )
                return output.logits

            fake, collections = _generate(gan, state, params, batch, key)
            value = loss.generator(discriminate(batch.x), discriminate(fake))
            return value, (collections, {"generator_loss": value})

        grads, (collections, metrics) = jax.grad(objective, has_aux=True)(
            state.params.generator
        )
        metrics["generator_gradient_norm"] = global_norm(grads)
        return grads, collections, metrics

    return gradient


def global_norm(tree: types.Tree) -> jax.Array:
    """Euclidean norm of all leaves of a tree together."""
    return jnp.sqrt(sum(jnp.sum(jnp.square(leaf)) for leaf in jax.tree.leaves(tree)))


def _generate(gan, state, params, batch, key):
    z = gan.latent(key, batch.x.shape[0])
    return gan.generate(params, state.collections.generator, z, batch.label, train=True)


def _accuracy(real_logits, fake_logits):
    return (jnp.mean(real_logits > 0) + jnp.mean(fake_logits < 0)) / 2


def _check_penalties(weights, penalties):
    if set(weights) != set(penalties):
        raise errors.UserError(
            f"hparams.penalties has weights for {sorted(weights)} but the gradient was "
            f"built with the penalties {sorted(penalties)}; give one weight for each."
        )
