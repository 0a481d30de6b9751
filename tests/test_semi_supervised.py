"""Training with few labels: gradients, batches and networks, against their formulas."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgan import gan, gradients, losses, steps, types
from jaxgan.core import errors
from jaxgan.data import label_subsets
from jaxgan.networks import layers
from jaxgan.training import methods

K, P, B = 3, 2, 6
NETWORKS = gan.mlp((4,), hidden=(8,), latent_dim=2, evidence_classes=K)
RATES = types.Pair({"learning_rate": 0.1}, {"learning_rate": 0.1})
METHOD = methods.Method("non_saturating", {}, RATES, semi_supervised=True)
KEY = jax.random.key(2)


def start(networks=NETWORKS, weights=(("supervised", 2.0),)):
    hparams = types.HParams(RATES, dict(weights))
    state = steps.initialise(networks, optax.sgd)(hparams, jax.random.key(0))
    x, own = jax.random.normal(jax.random.key(1), (2, B, 4))
    labelled = types.Batch(own, jnp.arange(B) % K)
    return hparams, state, types.Batch(x, labelled=labelled), KEY


def class_logits(state, x):
    def of_weights(params):
        output, _ = NETWORKS.discriminate(
            params, state.collections.discriminator, x, train=True
        )
        return output.class_logits

    return of_weights


def test_the_discriminator_follows_the_published_loss():
    hparams, state, batch, key = start()
    z = NETWORKS.latent(jax.random.split(key, 1)[0], B)
    fake, _ = NETWORKS.generate(
        state.params.generator, state.collections.generator, z, train=True
    )
    labelled, real, generated = (
        class_logits(state, x) for x in (batch.labelled.x, batch.x, fake)
    )

    def published(params):
        return losses.semi_supervised(
            labelled(params), batch.labelled.label, real(params), generated(params)
        )

    unlabelled = gradients.discriminator(NETWORKS, losses.get("minimax"))
    gradient = gradients.supervised(NETWORKS, unlabelled)
    grads, _, metrics = jax.jit(gradient)(hparams, state, batch, key)
    expected = jax.grad(published)(state.params.discriminator)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, 2 * b, rtol=1e-4, atol=1e-6),
        grads,
        expected,
    )
    norm = np.sqrt(sum(np.sum(np.square(leaf)) for leaf in jax.tree.leaves(grads)))
    np.testing.assert_allclose(metrics["discriminator_gradient_norm"], norm, rtol=1e-5)


def test_supervised_only_learns_from_labelled_samples_alone():
    made = methods.supervised_only(NETWORKS, METHOD._replace(averages=(0.1,)))
    state = made.initialise(made.hparams, jax.random.key(0))
    # Nothing moves the generator, so that there is nothing to average.
    assert state.ema is None and state.averages is None
    _, _, batch, key = start()

    @jax.jit
    def after(batch):
        return made.step(made.hparams, state, batch, key)[0].params

    other = after(batch._replace(x=-batch.x))
    jax.tree.map(np.testing.assert_array_equal, after(batch), other)
    moved = after(batch._replace(labelled=batch.labelled._replace(x=-batch.x)))
    kernels = [own.discriminator["Dense_0"]["kernel"] for own in (other, moved)]
    assert not np.allclose(*kernels)
    jax.tree.map(np.testing.assert_array_equal, moved.generator, state.params.generator)


@pytest.mark.parametrize(
    ("rule", "n_critic", "updates"),
    [("alternating", 1, 1), ("alternating", 3, 3), ("lookahead", 2, 10)],
)
def test_labels_alone_have_as_many_updates_and_batches_in_a_step(
    rule, n_critic, updates
):
    method = METHOD._replace(rule=rule, n_critic=n_critic)
    made = [
        build(NETWORKS, method) for build in (methods.make, methods.supervised_only)
    ]
    assert [own.parts for own in made] == 2 * [updates]
    _, _, batch, key = start()
    batch = jax.tree.map(lambda x: jnp.concatenate(updates * [x]), batch)
    state = made[1].initialise(made[1].hparams, jax.random.key(0))
    after, _ = jax.jit(made[1].step)(made[1].hparams, state, batch, key)
    (count,) = (
        leaf
        for leaf in jax.tree.leaves(after.opt_state.discriminator)
        if jnp.issubdtype(leaf.dtype, jnp.integer)
    )
    assert count == updates


def test_labels_alone_keep_the_limit_of_the_weights():
    made = methods.supervised_only(
        NETWORKS, METHOD._replace(weights={methods.CLIP: 0.01})
    )
    state = made.initialise(made.hparams, jax.random.key(0))
    _, _, batch, key = start()
    after, _ = jax.jit(made.step)(made.hparams, state, batch, key)
    leaves = jax.tree.leaves(after.params.discriminator)
    assert max(float(jnp.abs(leaf).max()) for leaf in leaves) <= 0.01


def test_a_probability_that_follows_real_samples_is_refused():
    method = METHOD._replace(augment=("shift",), ada_target=0.6)
    with pytest.raises(errors.UserError, match="ada_target=0.6 does not go with"):
        methods.make(NETWORKS, method)


def test_the_generator_matches_features_in_the_place_of_its_loss():
    made = methods.make(NETWORKS, METHOD)
    assert made.hparams.penalties == {"supervised": 2.0, "feature_matching": 1.0}
    state = made.initialise(made.hparams, jax.random.key(0))
    _, _, batch, key = start()
    _, metrics = jax.jit(made.step)(made.hparams, state, batch, key)
    assert metrics["generator_loss"] == 0 and metrics["generator_feature_matching"] > 0


def test_pseudo_labels_are_of_samples_as_they_are_and_taught_on_changed_ones():
    hparams, state, batch, key = start(weights=(("pseudo_labels", 3.0),))
    head = state.params.discriminator["Head_0"]
    sure = jax.tree.map(lambda kernel: 20 * kernel, head)
    own = state.params.discriminator | {"Head_0": sure}
    state = state._replace(params=state.params._replace(discriminator=own))
    changed = NETWORKS._replace(
        discriminate=lambda params, collections, x, *rest, **more: (
            NETWORKS.discriminate(params, collections, -x, *rest, **more)
        )
    )
    gradient = gradients.pseudo_labelled(changed, None, NETWORKS)
    _, _, metrics = jax.jit(gradient)(hparams, state, batch, key)
    of = class_logits
    expected = losses.pseudo_labels(of(state, -batch.x)(own), of(state, batch.x)(own))
    assert expected > 0
    np.testing.assert_allclose(metrics["pseudo_labels"], expected, rtol=1e-5)


def test_evidence_is_the_logarithm_of_the_sum_over_classes():
    _, state, batch, _ = start()
    output, _ = NETWORKS.discriminate(
        state.params.discriminator, state.collections.discriminator, batch.x
    )
    assert output.class_logits.shape == (B, K)
    sums = np.log(np.exp(np.float64(output.class_logits)).sum(axis=1))
    np.testing.assert_allclose(output.logits, sums, rtol=1e-5)


def test_members_are_told_their_own_labels_and_no_others():
    x, label = np.arange(60, dtype=np.float32)[:, None], np.arange(60) % K
    rows = [np.array([3, 10, 50]), np.array([4, 11, 59])]
    data = label_subsets.put(x, label, rows)
    hparams = types.HParams(RATES, {}, mode_weights=label_subsets.weights(P))
    axes = types.HParams(None, None, mode_weights=0)
    sample = jax.vmap(label_subsets.draw(200), in_axes=(None, axes, None))
    batch = sample(data, hparams, KEY)
    assert batch.label is None and len(np.unique(batch.x[0])) > 40
    for i in range(P):
        told = batch.labelled.x[i, :, 0].astype(int)
        assert set(told.tolist()) == set(rows[i].tolist())
        np.testing.assert_array_equal(batch.labelled.label[i], label[told])


def test_noise_has_its_deviation_is_new_in_each_pass_and_ends_with_training():
    networks = gan.make("noisy_mlp", (100,), hidden=4, evidence_classes=K)
    params, collections = networks.init(KEY)
    own = params.discriminator, collections.discriminator
    x = jnp.zeros((50, 100))
    first, moved = networks.discriminate(*own, x, train=True)
    second, _ = networks.discriminate(own[0], moved, x, train=True)
    assert not np.allclose(first.logits, second.logits)
    still, kept = networks.discriminate(*own, x)
    assert np.ptp(still.logits) == 0
    jax.tree.map(np.testing.assert_array_equal, kept, own[1])
    layer = layers.GaussianNoise(0.6)
    said, _ = layer.apply(
        layer.init(KEY, x, train=True), x, train=True, mutable=["noise"]
    )
    np.testing.assert_allclose(np.std(said), 0.6, rtol=0.03)
    np.testing.assert_allclose(np.mean(said), 0, atol=0.03)


def test_published_widths_of_the_noisy_network():
    networks = gan.make("noisy_mlp", (28, 28, 1), evidence_classes=10)
    shapes = jax.eval_shape(networks.init, KEY)[0].discriminator
    kernels = [leaf.shape for leaf in jax.tree.leaves(shapes) if len(leaf.shape) == 2]
    assert set(kernels) == {(784, 1000), (1000, 500), (500, 250), (250, 250), (250, 10)}


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: methods.make(NETWORKS, METHOD._replace(loss="hinge")), "hinge"),
        (lambda: gan.mlp((4,), evidence_classes=1), "evidence_classes=1"),
        (lambda: gan.mlp((4,), evidence_classes=3, num_classes=3), "leave one"),
        (lambda: gan.mlp((4,), discriminator_conditioning="evidence"), "evidence"),
        (lambda: label_subsets.put(np.zeros((3, 1)), [0, 1, 2], [[]]), "one at least"),
        (
            lambda: gradients.supervised(NETWORKS, None)(*no_labels(NETWORKS)),
            "no labelled samples",
        ),
        (
            lambda: gradients.supervised(gan.mlp((4,)), None)(*start(gan.mlp((4,)))),
            "no class logits",
        ),
        (
            lambda: gan.make("noisy_mlp", (4,), hidden=6),
            "multiple of 4",
        ),
    ],
)
def test_bad_input_is_named(call, said):
    with pytest.raises(errors.UserError, match=said):
        call()


def no_labels(networks):
    hparams, state, batch, key = start(networks)
    return hparams, state, batch._replace(labelled=None), key
