"""Tests of jaxgan.ensembles.gman."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special

from jaxgan import gan, gradients, losses, penalties, steps, types
from jaxgan.core import errors
from jaxgan.ensembles import gman

ONE = gan.mlp((2,), hidden=(4,), latent_dim=2)
LOSS = losses.get("non_saturating")
ADAM = {"learning_rate": 1e-2}
BOTH = types.Pair(ADAM, ADAM)
BATCH = types.Batch(jnp.asarray(np.random.default_rng(0).normal(size=(6, 2))))
PENALTIES, R1 = {"r1": penalties.PENALTIES["r1"]}, 0.5


def tree_of(tree, i):
    return jax.tree.map(lambda x: x[i], tree)


def judge(params, x):
    return ONE.discriminate(params, {}, x)[0].logits


SEVERAL = gman.with_discriminators(ONE, 3)


@pytest.fixture(scope="module")
def several():
    """A state and the generator's gradient at several hardnesses."""
    d = gman.discriminator(SEVERAL, LOSS, PENALTIES)
    g = gman.generator(SEVERAL, LOSS)

    def hparams(hardness):
        return types.HParams(BOTH, {"r1": R1, "hardness": hardness})

    @jax.jit
    def play(key, hardness):
        state = steps.initialise(SEVERAL)(hparams(0.0), key)
        own = jax.vmap(lambda h: g(hparams(h), state, BATCH, key))(hardness)
        return state, own, d(hparams(0.0), state, BATCH, key)

    return play(jax.random.key(3), jnp.array([0.0, 2.0, 1e4]))


def test_the_generator_faces_a_softmax_of_all_discriminators(several):
    state, (_, _, metrics), _ = several
    z = ONE.latent(jax.random.key(3), 6)
    x, _ = ONE.generate(state.params.generator, {}, z)
    each = [tree_of(state.params.discriminator, j) for j in range(3)]
    costs = np.array([LOSS.generator(judge(d, BATCH.x), judge(d, x)) for d in each])
    expected = [costs.mean(), special.softmax(2 * costs) @ costs, costs.max()]
    np.testing.assert_allclose(metrics["generator_loss"], expected, rtol=1e-5)


def test_discriminators_are_trained_each_by_its_own_loss(several):
    state, _, (grads, _, _) = several
    keys = jax.random.split(jax.random.key(3), 3)
    one = gradients.discriminator(ONE, LOSS, PENALTIES)
    alone = state._replace(
        params=state.params._replace(
            discriminator=tree_of(state.params.discriminator, 2)
        )
    )
    expected, _, _ = jax.jit(one)(
        types.HParams(BOTH, {"r1": R1}), alone, BATCH, keys[2]
    )
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a[2], b, rtol=1e-4, atol=1e-6),
        grads,
        expected,
    )


def test_what_is_missing_is_said_in_a_sentence(several):
    state, _, _ = several
    for gradient in (
        gman.generator(SEVERAL, LOSS),
        gman.discriminator(SEVERAL, LOSS),
    ):
        with pytest.raises(errors.UserError, match="hardness"):
            gradient(types.HParams(BOTH, {}), state, BATCH, jax.random.key(0))
    with pytest.raises(errors.UserError, match="num_discriminators=0"):
        gman.with_discriminators(ONE, 0)
