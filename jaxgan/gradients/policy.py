"""Gradients of a generator that draws symbols: by likelihood, and by reinforcement.

Where a sample is made of symbols that are drawn one after the other, it is no smooth
function of the weights. What is known are the probabilities that they were drawn by,
`gan.log_probs`. All that is here are `Gradient`s of the generator, which steps and
populations take as they take any other.

References:
  Williams, Simple Statistical Gradient-Following Algorithms for Connectionist
  Reinforcement Learning, 1992
  Yu et al., SeqGAN: Sequence Generative Adversarial Nets with Policy Gradient, 2017,
  https://arxiv.org/abs/1609.05473
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxgan import gradients, types
from jaxgan.core import errors

NLL = "generator_negative_log_likelihood"
"""The metric: of the real batch, in nats per symbol."""


def reinforce(gan: types.GAN, loss: types.Loss, rollouts: int) -> types.Gradient:
    """Builds REINFORCE's gradient of `loss.generator`, with Monte Carlo roll-outs.

    The estimate of `grad E[l(x)]`, l the loss of a sample, is

        mean_i sum_t grad log p(x_it | x_i1 .. x_i(t-1)) (Q_it - b_it),

    where `Q_it` is the mean loss of samples that begin as `x_i1 .. x_it` and are drawn
    on by the generator, as many as there are roll-outs, and of the whole sample at the
    last t. `b_it` is the mean of the others' `Q_jt`, which does not depend on what i
    draws, so that the estimate has no bias. A step draws and judges
    `(T - 1) rollouts + 1` times B samples.

    Args:
      gan: whose generator knows its `log_probs`; it may have no packs.
      loss: the objective, whose generator's loss is a mean over the samples. SeqGAN's
        reward `D(x)` is the loss `seqgan`.
      rollouts: N for each beginning of a sample, at least 1 (16 in the authors' code).

    Returns:
      A `Gradient` with the metrics of `gradients.generator`,
      `generator_negative_log_likelihood` and `generator_reward_deviation`, the standard
      deviation over the batch of `Q_iT`.

    Raises:
      UserError: if the generator does not know them, the loss is no mean over samples,
        or N < 1; when traced, if a batch has one sample, which has no others.
    """
    _require_log_probs(gan)
    require_mean(loss)
    errors.require_whole(rollouts=rollouts)
    if rollouts < 1:
        raise errors.UserError(f"rollouts={rollouts} must be at least 1.")

    def gradient(hparams, state, batch, key):
        if len(batch.x) < 2:
            raise errors.UserError(
                "a batch of 1 sample has no others as the baseline of a policy "
                "gradient; give batches of at least 2."
            )
        z_key, key = jax.random.split(key)
        z = gan.latent(z_key, len(batch.x))
        x, of_samples = _losses(gan, loss, state, batch, z, batch.label)
        costs = _rolled_out(gan, loss, state, batch, z, key, rollouts)
        costs = jnp.concatenate([costs, of_samples[None]]).T
        advantages = costs - _of_others(costs)

        def objective(params):
            own = state.collections.generator
            found = gan.log_probs(params, own, x, batch.label)
            return jnp.mean((found * advantages).sum(-1))

        grads = jax.grad(objective)(state.params.generator)
        return _told(gan, state, batch, grads, of_samples)

    return types.played_by("generator", gradient, "gradient")


def likelihood(gan: types.GAN, loss: types.Loss) -> types.Gradient:
    """Builds the gradient of `-mean log p(x_t | x_1 .. x_(t-1))` of the real batch.

    Args:
      gan: whose generator knows its `log_probs`.
      loss: the objective, of which the value is told and nothing else.

    Returns:
      A `Gradient` with the metrics of `reinforce`.

    Raises:
      UserError: if the generator does not know them.
    """
    _require_log_probs(gan)

    def gradient(hparams, state, batch, key):
        def objective(params):
            return _nll(gan, params, state, batch)

        z = gan.latent(key, len(batch.x))
        _, of_samples = _losses(gan, loss, state, batch, z, batch.label)
        grads = jax.grad(objective)(state.params.generator)
        return _told(gan, state, batch, grads, of_samples)

    return types.played_by("generator", gradient, "gradient")


def after(first: types.Gradient, then: types.Gradient, steps: int) -> types.Gradient:
    """One gradient for so many of a member's steps, and another one from then on.

    Args:
      first: for the steps 0 .. `steps` - 1 of `state.step`.
      then: of the same player, with the same metrics.
      steps: structure, not negative; 0 gives `then`.

    Raises:
      UserError: if the number is negative, or the players differ.
    """
    errors.require_whole(steps=steps)
    player = types.require_player_of(then)
    types.check_player("first", first, player, "gradient")
    if steps < 0:
        raise errors.UserError(f"steps={steps} must not be negative.")
    if steps == 0:
        return then
    # Traced once, for the shapes, and taken over into the branch as they are.
    early, late = (jax.jit(own, inline=True) for own in (first, then))

    def gradient(hparams, state, batch, key):
        due = state.step < steps

        def taken(own, holds):
            # Members that are in step with each other compute one of the two.
            shapes = jax.eval_shape(own, hparams, state, batch, key)
            return jax.lax.cond(
                gradients.any_member(holds),
                lambda: own(hparams, state, batch, key),
                lambda: jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), shapes),
            )

        return jax.tree.map(
            lambda x, y: jnp.where(due, x, y), taken(early, due), taken(late, ~due)
        )

    return types.played_by(player, gradient, "gradient")


def require_mean(loss: types.Loss) -> None:
    """Asks that a generator's loss is a mean over samples, as a reward of each needs.

    Raises:
      UserError: if it is something else, such as that of a relativistic average.
    """
    real, fake = (np.array(own, np.float32) for own in ([0.5, -1.0], [2.0, -0.3]))
    with jax.ensure_compile_time_eval():
        each = np.asarray(_each(loss, jnp.asarray(real), jnp.asarray(fake)))
        whole = np.asarray(loss.generator(real, fake))
    if not np.allclose(each.mean(), whole, rtol=1e-4, atol=1e-6):
        raise errors.UserError(
            "the loss does not fit a policy gradient, which rewards each sample by "
            "itself, as it is no mean over samples; choose seqgan or non_saturating."
        )


def _each(loss: types.Loss, real: Array, fake: Array) -> Array:
    """The generator's loss of each sample alone, `[B]`."""
    return jax.vmap(lambda r, f: loss.generator(r[None], f[None]))(real, fake)


def _losses(gan, loss, state, batch, z, label) -> tuple[Array, Array]:
    """Samples of latents `[n B, T]`, and what each costs: `[n B]`."""

    def logits(x, label):
        output, _ = gan.discriminate(
            state.params.discriminator,
            state.collections.discriminator,
            x,
            label,
            train=True,
        )
        return output.logits

    x, _ = gan.generate(
        state.params.generator, state.collections.generator, z, label, train=True
    )
    real = logits(batch.x, batch.label)
    repeated = jnp.tile(real, len(x) // len(real))
    return x, _each(loss, repeated, logits(x, label))


def _rolled_out(gan, loss, state, batch, z, key, rollouts) -> Array:
    """`Q_it` of all t but the last, `[T - 1, B]`."""
    size, length = z.shape
    many = rollouts * size
    label = batch.label if batch.label is None else jnp.tile(batch.label, rollouts)
    begun = jnp.tile(z, (rollouts, 1))

    def of_beginning(drawn):
        known, key = drawn
        fresh = gan.latent(key, many)
        own = jnp.where(jnp.arange(length) < known, begun, fresh)
        _, cost = _losses(gan, loss, state, batch, own, label)
        return cost.reshape(rollouts, size).mean(0)

    keys = jax.random.split(key, length - 1)
    return jax.lax.map(of_beginning, (jnp.arange(1, length), keys))


def _of_others(costs: Array) -> Array:
    """The mean over the other samples, `[B, T] -> [B, T]`."""
    return (costs.sum(0) - costs) / (len(costs) - 1)


def _nll(gan, params, state, batch) -> Array:
    own = state.collections.generator
    return -jnp.mean(gan.log_probs(params, own, batch.x, batch.label))


def _told(gan, state, batch, grads, of_samples):
    """A gradient as all of this module are: with collections and metrics."""
    metrics = {
        "generator_loss": jnp.mean(of_samples),
        "generator_reward_deviation": jnp.std(of_samples),
        NLL: _nll(gan, state.params.generator, state, batch),
        "generator_gradient_norm": gradients.global_norm(grads),
    }
    return grads, state.collections.generator, metrics


def _require_log_probs(gan: types.GAN) -> None:
    types.require_gan(gan)
    if gan.log_probs is None:
        raise errors.UserError(
            "the generator does not know the probabilities of its samples, which a "
            "policy gradient and maximum likelihood need; choose the network seqgan, "
            "or leave them out."
        )
    if gan.pack > 1:
        raise errors.UserError(
            f"pack={gan.pack} does not fit a policy gradient, which rewards each "
            "sample by itself; leave it out."
        )
