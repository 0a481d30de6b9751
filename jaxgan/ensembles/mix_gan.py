"""MIX+GAN: mixtures of generators and of discriminators, with weights that are learnt.

The K generators have the weights `u = softmax(a)`, the N discriminators
`v = softmax(b)`, and a and b are trained with the networks. With l_ij a player's loss
where generator i meets discriminator j,

    minimise  sum_ij u_i v_j l_ij + c R(own weights),    R(w) = -mean_i log w_i,

for either player; the entropy term R keeps all members in the game.

    whole = mix_gan.with_players(gan, 3, 3)
    d = steps.update("discriminator", mix_gan.discriminator(whole, loss))
    g = steps.update("generator", mix_gan.generator(whole, loss))
    step = steps.alternating(d, g)               # penalties: {"mixture_entropy": c}
    ...
    own, numbers = ensembles.separated(state, hparams, mix_gan.players)
    mixture = ensembles.mixture(gan, own, numbers, mix_gan.weights(state)[0], key)

References:
  Arora et al., Generalization and Equilibrium in Generative Adversarial Nets (GANs),
  2017, https://arxiv.org/abs/1703.00573
"""

from collections.abc import Mapping

import jax
import jax.numpy as jnp

from jaxgan import gradients, types
from jaxgan.core import errors, randomness

PLAYERS, LOGITS, ENTROPY = "players", "logits", "mixture_entropy"
"""What a player is made of, and the name of the entropy term's weight."""


def with_players(
    gan: types.GAN, num_generators: int, num_discriminators: int
) -> types.GAN:
    """A GAN whose `init` gives K generators and N discriminators with their logits.

    Either player is `{"players": [K, ...], "logits": [K]}`, the logits 0. What
    generates and discriminates is still one of them: the gradients here take all.

    Args:
      gan: the networks, unconditional.
      num_generators: K, at least 1.
      num_discriminators: N, at least 1.

    Raises:
      UserError: if `gan` is none or judges packs, or a number is below 1.
    """
    types.require_gan(gan)
    if gan.pack > 1:
        raise errors.UserError(
            f"gan judges packs of {gan.pack} samples, but these gradients are of "
            "single ones; make it with pack=1."
        )
    numbers = types.Pair(num_generators, num_discriminators)
    errors.require_whole(
        num_generators=num_generators, num_discriminators=num_discriminators
    )
    if min(numbers) < 1:
        raise errors.UserError(
            f"num_generators={num_generators} and num_discriminators="
            f"{num_discriminators} must be at least 1."
        )

    def init(key):
        key = randomness.threefry(key)
        every = jax.vmap(lambda i: gan.init(jax.random.fold_in(key, i)))
        found = [
            tuple(tree[player] for tree in every(jnp.arange(number)))
            for player, number in enumerate(numbers)
        ]
        params = types.Pair(
            *(
                {PLAYERS: own, LOGITS: jnp.zeros(number, jnp.float32)}
                for (own, _), number in zip(found, numbers, strict=True)
            )
        )
        return params, types.Pair(*(collections for _, collections in found))

    return gan._replace(init=init)


def players(params: types.Tree) -> types.Tree:
    """The networks of one player, without their logits; for `ensembles.separated`."""
    return params[PLAYERS]


def weights(state: types.TrainState) -> jax.Array:
    """The learnt weights `[P, K]` of each member's generators, summing to 1."""
    return jax.nn.softmax(jnp.asarray(state.params.generator[LOGITS]), axis=-1)


def discriminator(
    gan: types.GAN,
    loss: types.Loss,
    penalties: Mapping[str, types.Penalty] | None = None,
) -> types.Gradient:
    """Builds the gradient of the discriminators and of their weights.

    Args:
      gan: from `with_players`.
      loss: of each pair.
      penalties: by name, of each discriminator with the weight v_j, on the fakes of all
        generators alike; `hparams.penalties` holds a weight for each, and for
        "mixture_entropy".

    Returns:
      A `Gradient` with the metrics of `gradients.discriminator`, averaged over the
      discriminators by their weights, and `discriminator_entropy` of these in nats.
    """
    chosen = dict(penalties or {})

    def gradient(hparams, state, batch, key):
        _check(hparams, chosen)
        latent_key, *keys = jax.random.split(key, 1 + len(chosen))
        own, u = _split(state.params.generator)
        fakes, _ = _fakes(gan, own, state.collections.generator, batch, latent_key)
        number, size = fakes.shape[:2]
        flat = fakes.reshape(-1, *fakes.shape[2:])

        def of_one(params, collections):
            def critic(x):
                return gan.discriminate(params, collections, x, train=True)[0].logits

            real, moved = gan.discriminate(params, collections, batch.x, train=True)
            cut, moved = _judged(gan, params, moved, fakes)
            costs = jax.vmap(loss.discriminator, (None, 0))(real.logits, cut)
            right = jnp.mean(real.logits > 0) + u @ jnp.mean(cut < 0, axis=1)
            # As many fakes as real samples, of all generators.
            some = flat[jnp.arange(size) * number]
            values = {
                name: penalty(critic, batch.x, some, own_key)
                for (name, penalty), own_key in zip(chosen.items(), keys, strict=True)
            }
            return u @ costs, right / 2, values, moved

        def objective(params):
            networks, v = _split(params)
            costs, right, values, moved = jax.vmap(of_one)(
                networks, state.collections.discriminator
            )
            penalty = sum(hparams.penalties[n] * v @ x for n, x in values.items())
            total = v @ costs + penalty + hparams.penalties[ENTROPY] * _uneven(v)
            metrics = {
                "discriminator_loss": v @ costs,
                "discriminator_accuracy": v @ right,
                "fake_deviation": jnp.mean(jnp.std(flat, axis=0)),
                "discriminator_entropy": _entropy(v),
                **{name: v @ x for name, x in values.items()},
            }
            return total, (moved, metrics)

        grads, (moved, metrics) = jax.grad(objective, has_aux=True)(
            state.params.discriminator
        )
        metrics["discriminator_gradient_norm"] = gradients.global_norm(grads)
        return grads, moved, metrics

    return types.played_by("discriminator", gradient, "gradient")


def generator(gan: types.GAN, loss: types.Loss) -> types.Gradient:
    """Builds the gradient of the generators and of their weights.

    Args:
      gan: from `with_players`.
      loss: of each pair.

    Returns:
      A `Gradient` whose metrics are `generator_loss`, averaged over all pairs by their
      weights, `generator_entropy` of the generators' weights in nats, and
      `generator_gradient_norm`.
    """

    def gradient(hparams, state, batch, key):
        _check(hparams, {}, exactly=False)
        judges, v = _split(state.params.discriminator)

        def objective(params):
            networks, u = _split(params)
            fakes, moved = _fakes(
                gan, networks, state.collections.generator, batch, key
            )

            def of_one(params, collections):
                real, _ = gan.discriminate(params, collections, batch.x, train=True)
                cut, _ = _judged(gan, params, collections, fakes)
                return jax.vmap(loss.generator, (None, 0))(real.logits, cut)

            costs = jax.vmap(of_one)(judges, state.collections.discriminator)
            value = v @ costs @ u
            metrics = {"generator_loss": value, "generator_entropy": _entropy(u)}
            return value + hparams.penalties[ENTROPY] * _uneven(u), (moved, metrics)

        grads, (moved, metrics) = jax.grad(objective, has_aux=True)(
            state.params.generator
        )
        metrics["generator_gradient_norm"] = gradients.global_norm(grads)
        return grads, moved, metrics

    return types.played_by("generator", gradient, "gradient")


def _fakes(gan, networks, collections, batch, key):
    """A batch `[K, B, ...]` of each generator, from latents of its own."""
    number = jax.tree.leaves(networks)[0].shape[0]

    def make(params, collections, key):
        z = gan.latent(key, batch.x.shape[0])
        return gan.generate(params, collections, z, train=True)

    return jax.vmap(make)(networks, collections, jax.random.split(key, number))


def _judged(gan, params, collections, fakes):
    """Logits `[K, B]` of fakes `[K, B, ...]`, and the collections after them.

    Each generator's batch is judged by itself, as the real one is: a discriminator that
    compares the samples of a batch would tell larger ones apart by their size.
    """

    def judge(x):
        output, moved = gan.discriminate(params, collections, x, train=True)
        return output.logits, moved

    logits, moved = jax.vmap(judge)(fakes)
    return logits, jax.tree.map(_mean, moved)


def _mean(x):
    """Over the fakes; of what is no number, such as a key, the first one's."""
    return x.mean(0) if jnp.issubdtype(x.dtype, jnp.inexact) else x[0]


def _split(params):
    return params[PLAYERS], jax.nn.softmax(params[LOGITS])


def _uneven(weights):
    """R, least for weights that are all alike: then log K."""
    return -jnp.mean(jnp.log(weights))


def _entropy(weights):
    return jnp.sum(jax.scipy.special.entr(weights))


def _check(hparams, penalties, exactly=True):
    given, needed = set(hparams.penalties), {*penalties, ENTROPY}
    if not needed <= given or (exactly and given != needed):
        raise errors.UserError(
            f"hparams.penalties has weights for {sorted(given)} but the gradient was "
            f"built with {sorted(needed)}; give one weight for each."
        )
