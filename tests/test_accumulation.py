"""Gradients of a batch in parts, of networks that carry more than weights."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgan import gan, gradients, losses, steps, types
from jaxgan.core import randomness

LOSS = losses.get("non_saturating")
RATES = types.Pair({"learning_rate": 0.1}, {"learning_rate": 0.1})
HPARAMS = types.HParams(RATES, {})
OF_PLAYER = {
    "discriminator": gradients.discriminator,
    "generator": gradients.generator,
}


def test_the_reference_is_of_samples_that_occurred_and_stays():
    networks = gan.mlp(
        (2,),
        hidden=(4,),
        latent_dim=2,
        discriminator_normalisation="virtual_batch",
        reference_size=2,
    )
    gradient = gradients.accumulated(gradients.discriminator(networks, LOSS), 3)
    update = jax.jit(steps.update("discriminator", gradient, optax.sgd))
    state = steps.initialise(networks, optax.sgd)(HPARAMS, jax.random.key(0))
    first, later = jax.random.normal(jax.random.key(1), (2, 12, 2))
    for x in (first, later):
        state, _ = update(HPARAMS, state, types.Batch(x), jax.random.key(2))
        (kept,) = (
            leaf
            for leaf in jax.tree.leaves(state.collections.discriminator["reference"])
            if leaf.shape == (2, 2)
        )
        np.testing.assert_array_equal(kept, first[:2])


@pytest.mark.parametrize("player", OF_PLAYER)
@pytest.mark.parametrize("whose", OF_PLAYER)
def test_noise_differs_from_part_to_part(player, whose):
    def draws(hparams, state, batch, key):
        collections = getattr(state.collections, whose)
        noise = randomness.threefry(collections["noise"]["layer"]["key"])
        value = jax.random.normal(noise)
        own = getattr(state.collections, player)
        return {}, own, {"mean": value, "mean of squares": value**2}

    own = types.played_by(player, draws, "gradient")
    data = jax.random.key_data(randomness.key(7))
    collections = {"noise": {"layer": {"key": data}}}
    state = types.TrainState(
        *(jnp.zeros((), jnp.int32), None, types.Pair(collections, collections)),
        *(None, None, jnp.ones((), bool)),
    )
    batch = types.Batch(jnp.zeros((4, 1)))
    given = HPARAMS, state, batch, jax.random.key(0)
    _, _, told = gradients.accumulated(own, 2)(*given)
    assert told["mean of squares"] > told["mean"] ** 2 + 1e-3
