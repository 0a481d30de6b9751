"""Tests of jaxgan.losses.generators."""

import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special

from jaxgan import losses, types
from jaxgan.core import errors
from jaxgan.losses import generators

RNG = np.random.default_rng(0)


def said(class_logits):
    size = len(class_logits)
    return types.DiscriminatorOutput(
        jnp.zeros(size), jnp.zeros((size, 2)), jnp.asarray(class_logits)
    )


def test_identification_is_the_cross_entropy_of_the_parts_of_a_batch():
    logits = RNG.normal(size=(6, 3)).astype(np.float32)
    maker = np.array([0, 0, 1, 1, 2, 2])
    expected = -special.log_softmax(logits, axis=1)[np.arange(6), maker].mean()
    np.testing.assert_allclose(
        generators.identification(jnp.asarray(logits)), expected, rtol=1e-6
    )


def test_who_cannot_tell_pays_log_k():
    found = generators.identification(jnp.ones((8, 4)))
    np.testing.assert_allclose(found, np.log(4), rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "player"),
    [
        ("generator_identification", "discriminator"),
        ("generator_diversity", "generator"),
    ],
)
def test_each_term_is_of_one_player_and_of_fakes_alone(name, player):
    pair = losses.TERMS[name]
    other = {"generator": "discriminator", "discriminator": "generator"}[player]
    assert getattr(pair, other) is None
    fake = said(RNG.normal(size=(4, 2)).astype(np.float32))
    batch = types.Batch(jnp.zeros((4, 2)))
    values = [
        getattr(pair, player)(said(np.full((4, 2), c, np.float32)), fake, batch)
        for c in (0.0, 5.0)
    ]
    assert values[0] == values[1] == generators.identification(fake.class_logits)
    with pytest.raises(errors.UserError, match=name):
        getattr(pair, player)(fake, fake._replace(class_logits=None), batch)


def test_a_batch_that_generators_cannot_share_is_refused():
    with pytest.raises(errors.UserError, match="batch of 5 .* 2 generators"):
        generators.identification(jnp.zeros((5, 2)))
