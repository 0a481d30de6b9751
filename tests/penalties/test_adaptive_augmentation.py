"""Adaptive augmentation: a probability that a member carries and its verdicts move."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan import gan, gradients, losses, population, steps, types
from jaxgan.core import errors
from jaxgan.data import augmentation
from jaxgan.penalties import adaptive
from jaxgan.training import methods

KEY = jax.random.key(0)
NUMBERS = {"target": 0.5, "images": 80.0}
ADAM = {"learning_rate": 1e-3, "b1": 0.5}
IMAGES = jnp.linspace(-1, 1, 5 * 16).reshape(5, 4, 4, 1)


def run(logits, value=0.0, numbers=NUMBERS, num_images=5):
    """What is carried after each batch of logits."""
    own = adaptive.Probability(
        jnp.float32(value), jnp.float32(0), jnp.zeros((), jnp.int32)
    )
    carried = []
    for batch in logits:
        own = adaptive.moved(own, jnp.asarray(batch, jnp.float32), num_images, numbers)
        carried.append(own)
    return carried


def test_p_moves_each_fourth_batch_by_the_share_of_images_seen():
    sure, unsure = [3.0, 2.0, 1.0, 5.0], [1.0, -1.0, 2.0, -0.1]  # r = 1 and 0
    values = [float(own.value) for own in run([sure] * 8 + [unsure] * 4)]
    share = 4 * 5 / 80
    expected = [0] * 3 + [share] * 4 + [2 * share] * 4 + [share]
    np.testing.assert_allclose(values, expected, atol=1e-6)


def test_r_is_the_mean_sign_over_the_four_batches():
    batches = np.random.default_rng(0).normal(0.3, 1, (8, 5))
    for last, r in ((3, np.sign(batches[:4]).mean()), (7, np.sign(batches[4:]).mean())):
        own = run(batches)[last]
        np.testing.assert_allclose(own.signs / own.batches, r, atol=1e-6)
        for target, way in ((r - 0.01, 1), (r + 0.01, -1)):
            numbers = NUMBERS | {"target": target}
            carried = [own.value for own in run(batches, 0.5, numbers)]
            step = carried[last] - carried[last - 1]
            np.testing.assert_allclose(step, way * 0.25, atol=1e-6)


def test_p_stays_in_0_and_1():
    sure = np.ones((40, 5))
    assert float(run(sure)[-1].value) == 1
    assert float(run(-sure, 0.3)[-1].value) == 0


def test_samples_count_as_images_and_packs_as_logits():
    found = run([np.ones(5)] * 4, num_images=10)[-1]
    np.testing.assert_allclose(found.value, 4 * 10 / 80, atol=1e-6)


# A discriminator that says the mean pixel, and generates zeros.
def discriminate(params, collections, x, label=None, train=False):
    logits = params * x.mean((1, 2, 3))
    return types.DiscriminatorOutput(logits, logits[:, None]), collections


LINEAR = types.GAN(
    init=lambda key: (types.Pair(jnp.ones(()), jnp.ones(())), types.Pair({}, {})),
    latent=lambda key, n: jnp.zeros((n, 1)),
    generate=lambda params, collections, z, label=None, train=False: (
        params * jnp.ones((len(z), 4, 4, 1)),
        collections,
    ),
    discriminate=discriminate,
)


def state_of(params=1.0, value=0.0, batches=0):
    own = adaptive.with_probability(LINEAR)
    made, collections = own.init(KEY)
    carried = collections.discriminator[adaptive.COLLECTION] | {
        "value": jnp.float32(value),
        "batches": jnp.int32(batches),
    }
    return own, types.TrainState(
        jnp.zeros((), jnp.int32),
        made._replace(discriminator=jnp.float32(params)),
        collections._replace(discriminator={adaptive.COLLECTION: carried}),
        None,
        None,
        jnp.ones((), bool),
    )


def hparams(**numbers):
    own = NUMBERS | numbers
    return types.HParams(types.Pair(ADAM, ADAM), {}, augmentation=own)


def built(player, own, augment):
    build = getattr(gradients, player)
    return adaptive.augmented(
        lambda other: build(other, losses.get("minimax")), own, augment
    )


def raised(x, key, probability):
    """Says of samples how probable it is that they are changed."""
    return x + probability + 0 * jax.random.uniform(key)


def test_both_players_see_the_members_own_probability():
    # In a fourth batch p moves, for the next one.
    for value, batches in ((0.0, 0), (0.75, 0), (0.5, 3)):
        own, state = state_of(value=value, batches=batches)
        batch = types.Batch(IMAGES)
        given = hparams(), state, batch, KEY
        _, _, metrics = built("discriminator", own, raised)(*given)
        real, fake = IMAGES.mean((1, 2, 3)) + value, 1 + value
        expected = jnp.logaddexp(0, -real).mean() + jnp.logaddexp(0, fake)
        np.testing.assert_allclose(metrics["discriminator_loss"], expected, rtol=1e-5)
        _, _, metrics = built("generator", own, raised)(*given)
        np.testing.assert_allclose(
            metrics["generator_loss"], -jnp.logaddexp(0, fake), rtol=1e-5
        )


def test_p_follows_the_real_batch_and_only_in_the_discriminators_gradient():
    own, state = state_of()
    batch, carried = types.Batch(jnp.ones_like(IMAGES)), []
    gradient = built("discriminator", own, raised)
    for _ in range(4):
        _, collections, metrics = gradient(hparams(), state, batch, KEY)
        carried.append(metrics["augmentation_probability"])
        state = state._replace(
            collections=state.collections._replace(discriminator=collections)
        )
    # Fake samples are ones too, but are not counted: r_t = 1 after 4 batches of 5.
    np.testing.assert_allclose(carried, [0, 0, 0, 0.25], atol=1e-6)
    np.testing.assert_allclose(metrics["real_sign"], 1)
    _, collections, metrics = built("generator", own, raised)(
        hparams(), state, batch, KEY
    )
    assert collections == {} and "augmentation_probability" not in metrics


def test_a_gradient_that_does_not_show_the_batch_is_refused():
    own, state = state_of()

    def build(other):
        inner = gradients.discriminator(other, losses.get("minimax"))

        def gradient(hparams, state, batch, key):
            copy = batch._replace(x=batch.x + 0)
            return inner(hparams, state, copy, key)

        return types.played_by("discriminator", gradient, "gradient")

    with pytest.raises(errors.UserError, match="does not show the discriminator"):
        adaptive.augmented(build, own, raised)(
            hparams(), state, types.Batch(IMAGES), KEY
        )


@pytest.mark.parametrize("numbers", [None, {"target": 0.6}])
def test_numbers_that_are_missing_are_refused(numbers):
    own, state = state_of()
    given = hparams()._replace(augmentation=numbers)
    with pytest.raises(errors.UserError, match="hparams.augmentation has"):
        built("generator", own, raised)(given, state, types.Batch(IMAGES), KEY)


def test_a_state_without_a_probability_is_refused():
    own, state = state_of()
    bare = state._replace(collections=types.Pair({}, {}))
    with pytest.raises(errors.UserError, match="has no probability"):
        built("generator", own, raised)(hparams(), bare, types.Batch(IMAGES), KEY)


NETWORKS = gan.mlp((4, 4, 1), hidden=(4,), latent_dim=2, bounded=True)
METHOD = methods.Method(
    "non_saturating",
    {"r1": 0.1},
    types.Pair(ADAM, ADAM),
    augment=("diffaugment_grey",),
    ada_target=0.0,
    ada_images=40.0,
)


@pytest.fixture(scope="module")
def members():
    """Members of different targets, at first and after 4 and 5 steps, and the step."""
    made = methods.make(NETWORKS, METHOD)
    own = population.broadcast(made.hparams, 3)
    targets = jnp.array([-1.1, 1.1, -1.1])
    numbers = own._replace(augmentation=own.augmentation | {"target": targets})
    keys = population.keys(KEY, 3)
    state = population.init(made.initialise, numbers, keys)
    step = jax.jit(jax.vmap(made.step, (0, 0, None, 0)))
    seen, metrics = [state], None
    for i in range(5):
        own_keys = jax.vmap(jax.random.fold_in, (0, None))(keys, i)
        state, metrics = step(numbers, state, types.Batch(IMAGES), own_keys)
        seen.append(state)
    return seen, metrics


def probability(state):
    return state.collections.discriminator[adaptive.COLLECTION]["value"]


def test_each_member_has_its_own_probability(members):
    seen, metrics = members
    np.testing.assert_array_equal(probability(seen[0]), [0, 0, 0])
    np.testing.assert_array_equal(probability(seen[3]), [0, 0, 0])
    np.testing.assert_allclose(probability(seen[4]), [0.5, 0, 0.5], atol=1e-6)
    np.testing.assert_array_equal(
        metrics["augmentation_probability"], probability(seen[5])
    )
    assert seen[5].alive.all()


def test_a_plain_gan_uses_the_state_of_an_augmented_one(members):
    one = population.take(members[0][-1], 0)
    params, collections = one.params.discriminator, one.collections.discriminator
    assert adaptive.COLLECTION in collections
    bare = {k: v for k, v in collections.items() if k != adaptive.COLLECTION}
    for train in (False, True):
        found, after = NETWORKS.discriminate(params, collections, IMAGES, train=train)
        expected, _ = NETWORKS.discriminate(params, bare, IMAGES, train=train)
        np.testing.assert_array_equal(found.logits, expected.logits)
        assert jax.tree.structure(after) == jax.tree.structure(collections)


def test_quarantine_keeps_the_probability_of_the_last_finite_state():
    own, state = state_of(value=0.5)

    def step(hparams, state, batch, key):
        carried = state.collections.discriminator[adaptive.COLLECTION]
        moved = carried | {"value": carried["value"] + 0.25}
        collections = types.Pair({}, {adaptive.COLLECTION: moved})
        params = state.params._replace(generator=jnp.nan * state.params.generator)
        return state._replace(params=params, collections=collections), {}

    after, _ = steps.quarantine(step)(None, state, None, KEY)
    assert float(probability(after)) == 0.5 and not bool(after.alive)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"ada_target": 0.6, "augment": ()}, "ada_target=0.6 moves"),
        ({"ada_images": 0.0}, "ada_images=0.0"),
        ({"ada_target": None}, "ada_images=40 .* give ada_target=0.6"),
        ({"consistency": ("translation",)}, "consistency=\\('translation',\\)"),
        ({"weights": {"consistency": 10.0}}, "\\['consistency'\\] go together"),
        ({"augment": ("nonsense",)}, "'nonsense' is not known"),
    ],
)
def test_what_does_not_go_together_in_a_method_is_refused(changed, said):
    with pytest.raises(errors.UserError, match=said):
        methods.make(NETWORKS, METHOD._replace(**changed))


def test_the_generator_learns_through_the_augmentation():
    gradient = gradients.generator(LINEAR, losses.get("minimax"))
    own, state = state_of(value=1.0)
    chance = augmentation.sometimes(("ada_contrast",))
    augmented = built("generator", own, chance)
    batch = types.Batch(IMAGES)
    plain, changed = (
        float(g(hparams(), state, batch, KEY)[0]) for g in (gradient, augmented)
    )
    # d/dg of -softplus(c g), c the contrast: by differences of the loss itself.
    losses_of = []
    for moved in (1.01, 0.99):
        params = state.params._replace(generator=jnp.float32(moved))
        _, _, metrics = augmented(hparams(), state._replace(params=params), batch, KEY)
        losses_of.append(float(metrics["generator_loss"]))
    np.testing.assert_allclose(changed, (losses_of[0] - losses_of[1]) / 0.02, rtol=1e-2)
    assert changed != plain
