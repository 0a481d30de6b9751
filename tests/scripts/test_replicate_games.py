"""The value of the game of each seed, of players whose answers are known."""

import math

import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan import population, runs, types
from jaxgan.core import randomness
from jaxgan.data import dataset
from jaxgan.scripts import replicate_games


def generate(params, collections, z, label=None, train=False):
    return jnp.full((len(z), 2, 2, 1), -1.0), collections


def discriminate(params, collections, x, label=None, train=False):
    """White is real, as sure as the weight says; a class other than 1 never is."""
    logits = params * x.mean((1, 2, 3))
    if label is not None:
        logits = logits - 100.0 * (label != 1)
    return types.DiscriminatorOutput(logits, x.reshape(len(x), -1)), collections


PLAYERS = types.GAN(
    init=None,
    latent=lambda key, n: jnp.zeros((n, 1)),
    generate=generate,
    discriminate=discriminate,
)
SURE = (0.0, 3.0, -3.0)


def measure(labels, players=PLAYERS, batch_size=None):
    white = np.full((8, 2, 2, 1), 255, np.uint8)
    held_out = dataset.Split(white, np.array([1, 1, 1, 1, 1, 1, 0, 2]))
    data = dataset.Dataset("white", held_out, held_out, num_classes=3)
    state = types.TrainState(
        step=jnp.zeros(3, int),
        params=types.Pair(jnp.zeros(3), jnp.array(SURE)),
        collections=types.Pair({}, {}),
        opt_state=types.Pair((), ()),
        ema=None,
        alive=jnp.ones(3, bool),
    )
    hparams = types.HParams(types.Pair({}, {}), {"none": jnp.zeros(3)})
    keys = population.keys(randomness.key(0), 3)
    members = runs.Members(hparams, state, keys)
    return replicate_games.measure(
        *(players, data, members), labels=labels, seed=0, batch_size=batch_size
    )


def test_each_seed_has_the_value_of_its_own_players():
    found = measure(labels=False)
    expected = [2 * math.log(1 / (1 + math.exp(-sure))) for sure in SURE]
    np.testing.assert_allclose(found["value"], expected, rtol=1e-5)
    assert found["value"][0] == pytest.approx(found["at_equilibrium"], rel=1e-6)
    assert found["images"] == 8
    said = replicate_games.sentence(found)
    assert "8 held-out samples" in said and "-1.386, -0.097, -6.097" in said


def test_a_conditional_discriminator_knows_the_classes_that_it_does():
    found = measure(labels=True)
    np.testing.assert_allclose(found["class_accuracy"], 3 * [6 / 8])
    assert "knows the class of 0.750" in replicate_games.sentence(found)


def test_layers_that_compare_a_batch_see_as_many_as_in_training():
    def counting(params, collections, x, label=None, train=False):
        """As sure as the batch is large, in packs of two."""
        logits = jnp.full(len(x) // 2, params * len(x))
        return types.DiscriminatorOutput(logits, x.reshape(len(x) // 2, -1)), {}

    players = PLAYERS._replace(discriminate=counting, pack=2)
    for batch_size, seen, images in ((None, 8, 8), (2, 4, 8), (3, 6, 6), (9, 8, 8)):
        found = measure(False, players, batch_size)
        own = [sure * seen for sure in SURE]
        expected = [-np.logaddexp(0, -x) - np.logaddexp(0, x) for x in own]
        np.testing.assert_allclose(found["value"], expected, rtol=1e-5)
        assert found["images"] == images
