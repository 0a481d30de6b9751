"""Tests of jaxgan.ensembles.shared."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special

from jaxgan import ensembles, gan, gradients, losses, population, steps, types
from jaxgan.core import errors
from jaxgan.data import standardise
from jaxgan.ensembles import shared

K, B, BETA = 3, 6, 0.3
ONE = gan.mlp((2,), hidden=(5,), latent_dim=2)
ADAM = {"learning_rate": 1e-2}
BOTH = types.Pair(ADAM, ADAM)
TERMS = {
    name: losses.TERMS[name]
    for name in ("generator_identification", "generator_diversity")
}
HPARAMS = types.HParams(
    BOTH, {"generator_identification": 1.0, "generator_diversity": BETA}
)
BATCH = types.Batch(jnp.asarray(np.random.default_rng(0).normal(size=(B, 2))))


def forward(params, x):
    """Logits and features of the discriminator, and class logits, in NumPy."""
    own, head = params["network"], params["classifier"]
    kernels = jax.tree.map(np.asarray, own)
    h = x @ kernels["Dense_0"]["kernel"] + kernels["Dense_0"]["bias"]
    h = np.where(h > 0, h, 0.2 * h)
    (last,) = (v for n, v in kernels.items() if n.startswith("Head"))
    last = last["Dense_0"]
    logits = (h @ last["kernel"] + last["bias"])[:, 0]
    return logits, h @ np.asarray(head["kernel"]) + np.asarray(head["bias"])


def softplus(x):
    return np.logaddexp(0, x)


@pytest.fixture(scope="module", params=["mgan", "mad_gan"])
def played(request):
    """A GAN of K generators, a state, both players' objectives, and its samples."""
    whole = getattr(shared, request.param)(ONE, K)
    loss = losses.get("non_saturating")
    d = gradients.discriminator(whole, loss, terms=TERMS)
    g = gradients.generator(whole, loss, TERMS)

    @jax.jit
    def play(key):
        state = steps.initialise(whole)(HPARAMS, key)
        said = [one(HPARAMS, state, BATCH, key) for one in (g, d)]
        z = whole.latent(key, B)
        own = state.params.generator, state.collections.generator
        # The discriminator splits its key, by one where there is no penalty.
        fakes = [
            whole.generate(*own, whole.latent(k, B))[0]
            for k in (key, jax.random.split(key, 1)[0])
        ]
        return state, said, z, fakes

    return request.param, whole, *play(jax.random.key(0))


def test_the_objectives_are_those_of_the_papers(played):
    name, _, state, (g, d), _, (g_fakes, d_fakes) = played
    maker = np.repeat(np.arange(K), B // K)

    def judged(x):
        return forward(state.params.discriminator, np.asarray(x))

    def entropy(c):
        return -special.log_softmax(c, axis=1)[np.arange(B), maker].mean()

    real, fake = judged(BATCH.x), judged(d_fakes)
    found = d[2]["discriminator_loss"] + d[2]["discriminator_generator_identification"]
    if name == "mgan":
        expected = softplus(-real[0]).mean() + softplus(fake[0]).mean()
        expected += entropy(fake[1])
    else:
        # The cross-entropy of K + 1 classes, the last of which is real.
        def classes(said):
            return special.log_softmax(np.column_stack([said[1], said[0]]), axis=1)

        expected = -classes(real)[:, K].mean()
        expected -= classes(fake)[np.arange(B), maker].mean()
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    logit, c = judged(g_fakes)
    if name == "mad_gan":
        logit = logit - special.logsumexp(c, axis=1)
    expected = softplus(-logit).mean()
    np.testing.assert_allclose(g[2]["generator_loss"], expected, rtol=1e-4)
    np.testing.assert_allclose(
        g[2]["generator_generator_diversity"], entropy(c), rtol=1e-4
    )


def test_each_part_of_a_batch_is_made_by_its_own_generator(played):
    _, whole, state, _, z, (fakes, _) = played
    for k in range(K):
        part = slice(k * B // K, (k + 1) * B // K)
        own = jax.tree.map(lambda x, k=k: x[k], state.params.generator)
        alone, _ = ONE.generate(own, {}, z[part])
        np.testing.assert_allclose(fakes[part], alone, rtol=1e-5, atol=1e-6)
    kernels = np.asarray(jax.tree.leaves(state.params.generator)[1])
    assert len(np.unique(kernels.reshape(K, -1), axis=0)) == K


def test_a_generator_is_moved_by_its_own_part_alone(played):
    _, whole, state, _, z, _ = played

    def of_last_part(params):
        x, _ = whole.generate(params, {}, z)
        return jnp.sum(x[-B // K :])

    grads = jax.grad(of_last_part)(state.params.generator)
    for leaf in jax.tree.leaves(grads):
        assert not np.asarray(leaf[:-1]).any() and np.asarray(leaf[-1]).any()


def test_separated_generators_are_those_of_each_member_in_order():
    whole = shared.mgan(ONE, K)
    hparams = population.broadcast(HPARAMS._replace(ema_decay=0.9), 2)
    own = standardise.Standardiser(jnp.arange(4.0).reshape(2, 2), jnp.ones((2, 2)))
    hparams = hparams._replace(standardiser=own)
    keys = population.keys(jax.random.key(1), 2)
    state = population.init(steps.initialise(whole), hparams, keys)
    state = state._replace(alive=jnp.array([True, False]))
    apart, numbers = ensembles.separated(state, hparams)
    assert population.size((apart, numbers)) == 2 * K
    np.testing.assert_array_equal(apart.alive, np.repeat([True, False], K))
    np.testing.assert_array_equal(
        numbers.standardiser.location, np.repeat(own.location, K, axis=0)
    )
    for flat, leaf in zip(
        jax.tree.leaves((apart.params.generator, apart.ema)),
        jax.tree.leaves((state.params.generator, state.ema)),
        strict=True,
    ):
        np.testing.assert_array_equal(flat[K + 1], leaf[1, 1])
    first = jax.tree.map(lambda x: x[:K], (apart, numbers))
    mixed = ensembles.mixture(ONE, *first, jnp.ones(K) / K, jax.random.key(2))
    x, member = ensembles.sample(ONE, mixed, jax.random.key(3), 20)
    assert np.isfinite(x).all() and set(np.asarray(member)) <= set(range(K))


def test_what_does_not_fit_is_said_in_a_sentence():
    whole = shared.with_generators(ONE, 4)
    params, _ = jax.eval_shape(whole.init, jax.random.key(0))
    with pytest.raises(errors.UserError, match="batch of 6 .* 4 generators"):
        jax.eval_shape(
            lambda p: whole.generate(p, {}, jnp.zeros((6, 2))), params.generator
        )
    with pytest.raises(errors.UserError, match="0 generators"):
        shared.mgan(ONE, 0)
    auxiliary = gan.mlp(
        (2,),
        hidden=(4,),
        latent_dim=2,
        num_classes=2,
        generator_conditioning="none",
        discriminator_conditioning="auxiliary",
    )
    with pytest.raises(errors.UserError):
        jax.eval_shape(shared.with_classifier(auxiliary, 2).init, jax.random.key(0))


def test_a_head_goes_on_a_discriminator_of_packs():
    networks = gan.mlp((2,), hidden=(4,), latent_dim=2, pack=3)
    whole = shared.with_classifier(networks, 4)
    params, collections = jax.eval_shape(whole.init, jax.random.key(0))
    kernel = params.discriminator[shared.CLASSIFIER]["kernel"]
    assert kernel.shape == (4, 4)
