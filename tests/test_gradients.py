"""Tests of jaxgan.gradients: terms on more than logits."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgan import gan, gradients, losses, steps, types
from jaxgan.core import errors

K = 3
NETWORKS = gan.mlp(
    (4,), hidden=(8,), num_classes=K, discriminator_conditioning="auxiliary"
)
LOSS = losses.get("non_saturating")
AC_GAN = {"ac_gan": losses.TERMS["ac_gan"]}


@functools.cache
def start(weights):
    sgd = {"learning_rate": 0.1}
    hparams = types.HParams(types.Pair(sgd, sgd), dict(weights))
    key = jax.random.key(0)
    state = jax.jit(steps.initialise(NETWORKS, optax.sgd))(hparams, key)
    x = jax.random.normal(jax.random.key(1), (6, 4))
    batch = types.Batch(x, jnp.array([0, 1, 2, 0, 1, 2]))
    return hparams, state, batch, jax.random.key(2)


def by_hand(player, weight):
    """The gradient of the objective, written out."""
    hparams, state, batch, key = start((("ac_gan", weight),))
    latent_key = key if player == "generator" else jax.random.split(key, 1)[0]

    def objective(params):
        both = state.params._replace(**{player: params})
        z = NETWORKS.latent(latent_key, 6)
        fake, _ = NETWORKS.generate(
            both.generator, state.collections.generator, z, batch.label, train=True
        )
        said = [
            NETWORKS.discriminate(
                both.discriminator,
                state.collections.discriminator,
                x,
                batch.label,
                train=True,
            )[0]
            for x in (batch.x, fake)
        ]
        adversarial = getattr(LOSS, player)(said[0].logits, said[1].logits)
        entropy = [
            -jnp.mean(jax.nn.log_softmax(out.class_logits)[jnp.arange(6), batch.label])
            for out in said
        ]
        added = entropy[1] if player == "generator" else entropy[0] + entropy[1]
        return adversarial + weight * added

    return jax.jit(jax.grad(objective))(getattr(state.params, player))


@pytest.mark.parametrize("player", types.Pair._fields)
@pytest.mark.parametrize("weight", [0.0, 2.5])
def test_a_term_enters_both_objectives_with_its_weight(player, weight):
    inputs = start((("ac_gan", weight),))
    gradient = getattr(gradients, player)(NETWORKS, LOSS, terms=AC_GAN)
    grads, _, metrics = jax.jit(gradient)(*inputs)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6),
        grads,
        by_hand(player, weight),
    )
    assert f"{player}_ac_gan" in metrics


def test_a_player_without_a_term_is_left_as_it_was():
    inputs = start((("feature_matching", 1.0),))
    terms = {"feature_matching": losses.TERMS["feature_matching"]}
    with_term = jax.jit(gradients.discriminator(NETWORKS, LOSS, terms=terms))(*inputs)
    without = jax.jit(gradients.discriminator(NETWORKS, LOSS))(*start(()))
    jax.tree.map(np.testing.assert_array_equal, with_term[0], without[0])
    moved = jax.jit(gradients.generator(NETWORKS, LOSS, terms=terms))(*inputs)
    still = jax.jit(gradients.generator(NETWORKS, LOSS))(*inputs)
    pair = jax.device_get((moved[0], still[0]))
    gap = jax.tree.map(lambda a, b: np.abs(a - b).max(), *pair)
    assert max(jax.tree.leaves(gap)) > 0


@pytest.mark.parametrize("player", types.Pair._fields)
def test_both_networks_are_in_training_in_both_gradients(player):
    seen = []

    def noting(network):
        def noted(*args, train):
            seen.append((network, train))
            return getattr(NETWORKS, network)(*args, train=train)

        return noted

    networks = NETWORKS._replace(
        generate=noting("generate"), discriminate=noting("discriminate")
    )
    getattr(gradients, player)(networks, LOSS)(*start(()))
    assert set(seen) == {("generate", True), ("discriminate", True)}


@pytest.mark.parametrize("player", types.Pair._fields)
def test_a_term_without_a_weight_is_refused(player):
    gradient = getattr(gradients, player)(NETWORKS, LOSS, terms=AC_GAN)
    with pytest.raises(errors.UserError, match="ac_gan"):
        gradient(*start(()))


def test_the_metrics_of_the_discriminator_are_of_its_two_batches():
    inputs = hparams, state, batch, key = start(())
    grads, _, metrics = gradients.discriminator(NETWORKS, LOSS)(*inputs)
    latent_key = jax.random.split(key, 1)[0]
    z = NETWORKS.latent(latent_key, 6)
    fake, _ = NETWORKS.generate(
        state.params.generator,
        state.collections.generator,
        z,
        batch.label,
        train=True,
    )
    real_logits, fake_logits = (
        NETWORKS.discriminate(
            state.params.discriminator,
            state.collections.discriminator,
            x,
            batch.label,
            train=True,
        )[0].logits
        for x in (batch.x, fake)
    )
    right = [*(np.asarray(real_logits) > 0), *(np.asarray(fake_logits) < 0)]
    flat = np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(grads)])
    expected = {
        "discriminator_loss": LOSS.discriminator(real_logits, fake_logits),
        "discriminator_accuracy": np.mean(right),
        "fake_deviation": np.mean([np.std(column) for column in np.asarray(fake).T]),
        "discriminator_gradient_norm": np.linalg.norm(flat),
    }
    assert metrics.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(metrics[name], value, rtol=1e-4, err_msg=name)


def test_class_logits_that_are_missing_are_said():
    said = types.DiscriminatorOutput(jnp.zeros(2), jnp.zeros((2, 1)))
    batch = types.Batch(jnp.zeros((2, 4)), jnp.zeros(2, int))
    with pytest.raises(errors.UserError, match="auxiliary"):
        losses.TERMS["ac_gan"].generator(said, said, batch)
