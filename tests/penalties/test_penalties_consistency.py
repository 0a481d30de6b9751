"""Consistency penalties, LeCam and what the discriminator sees, against NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan import penalties, types
from jaxgan.core import errors

KEY = jax.random.key(0)
WEIGHTS = jnp.array([1.0, -2.0, 0.5])
NOTHING = jnp.full((4, 3), jnp.nan)


def normal(seed, shape):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape), jnp.float32)


def critic(x):
    return x @ WEIGHTS


def identity(x, key):
    del key
    return x


def shift(x, key):
    del key
    return x + jnp.array([0.0, 1.0, 2.0])  # moves the logits by -1


def double(x, key):
    del key
    return 2 * x


BUILDERS = [penalties.consistency, penalties.balanced_consistency]


@pytest.mark.parametrize("build", BUILDERS)
def test_a_change_that_changes_nothing_costs_nothing(build):
    assert build(identity)(critic, normal(0, (4, 3)), normal(1, (4, 3)), KEY) == 0


def test_consistency_is_the_mean_squared_change_of_the_logits_of_real_data():
    value = penalties.consistency(shift)(critic, normal(2, (4, 3)), NOTHING, KEY)
    np.testing.assert_allclose(value, 1.0, rtol=1e-5)


def test_balanced_consistency_weighs_generated_samples():
    real, fake = normal(3, (4, 3)), normal(4, (5, 3))
    # Doubling x changes a linear logit by itself.
    on_real, on_fake = (np.mean(np.square(x @ WEIGHTS)) for x in (real, fake))
    for weight in (0.0, 0.5, 1.0):
        penalty = penalties.balanced_consistency(double, fake_weight=weight)
        value = penalty(critic, real, fake, KEY)
        np.testing.assert_allclose(value, on_real + weight * on_fake, rtol=1e-5)


def test_real_and_generated_samples_are_changed_by_different_keys():
    seen = []

    def augment(x, key):
        seen.append(tuple(np.asarray(jax.random.key_data(key))))
        return x

    penalty = penalties.balanced_consistency(augment)
    penalty(critic, normal(5, (4, 3)), normal(6, (4, 3)), KEY)
    own = tuple(np.asarray(jax.random.key_data(KEY)))
    assert len({*seen, own}) == 3


@pytest.mark.parametrize("build", BUILDERS)
def test_an_augmentation_that_changes_the_shape_is_refused(build):
    penalty = build(lambda x, key: x[:, :2])
    with pytest.raises(errors.UserError, match=r"augmented_x has shape \(4, 2\)"):
        penalty(critic, normal(7, (4, 3)), normal(8, (4, 3)), KEY)


@pytest.mark.parametrize("build", BUILDERS)
def test_an_empty_batch_is_refused(build):
    empty = jnp.zeros((0, 3))
    with pytest.raises(errors.UserError, match="real has shape"):
        build(identity)(critic, empty, empty, KEY)


def test_a_negative_weight_is_refused():
    with pytest.raises(errors.UserError, match="fake_weight is -1"):
        penalties.balanced_consistency(identity, fake_weight=-1.0)


def test_latent_consistency_without_noise_is_zero():
    pair = penalties.latent_consistency(
        lambda z: z @ jnp.ones((2, 3)), critic, normal(9, (4, 2)), KEY, std=0.0
    )
    assert pair == types.Pair(0.0, 0.0)


def test_latent_consistency_has_the_expectation_of_linear_networks():
    num, std = 20_000, 0.1
    matrix = np.array([[1.0, 2.0, 0.0], [0.0, 1.0, -1.0]])
    pair = penalties.latent_consistency(
        lambda z: z @ jnp.asarray(matrix, jnp.float32),
        critic,
        jnp.zeros((num, 2)),
        KEY,
        std=std,
    )
    # n M with n ~ N(0, std^2 I): 20000 squares, standard deviation sqrt(2) of the mean.
    tolerance = 6 * np.sqrt(2 / num)
    generator = -(std**2) * np.sum(matrix**2)
    discriminator = std**2 * np.sum((matrix @ np.asarray(WEIGHTS)) ** 2)
    np.testing.assert_allclose(pair.generator, generator, rtol=tolerance)
    np.testing.assert_allclose(pair.discriminator, discriminator, rtol=tolerance)


@pytest.mark.parametrize("one_sided", [False, True])
def test_lecam_measures_each_batch_from_the_average_of_the_other(one_sided):
    real, fake = normal(10, (5,)), normal(11, (7,))
    averages = penalties.LeCamAverages(real=0.4, fake=-0.3)
    above, below = np.asarray(real) + 0.3, 0.4 - np.asarray(fake)
    if one_sided:
        above, below = np.maximum(above, 0), np.maximum(below, 0)
    value = penalties.lecam(real, fake, averages, one_sided=one_sided)
    np.testing.assert_allclose(value, np.mean(above**2) + np.mean(below**2), rtol=1e-5)


def test_lecam_is_zero_where_each_batch_sits_on_the_other_average():
    averages = penalties.LeCamAverages(real=1.0, fake=2.0)
    assert penalties.lecam(jnp.full(4, 2.0), jnp.full(4, 1.0), averages) == 0


def test_lecam_averages_move_by_the_decay():
    averages = penalties.update_averages(
        penalties.LeCamAverages(real=1.0, fake=-1.0),
        jnp.array([2.0, 4.0]),
        jnp.array([5.0]),
        decay=0.75,
    )
    np.testing.assert_allclose(averages, (1.5, 0.5), rtol=1e-6)


def test_lecam_averages_forget_a_hundredth_at_each_step_unless_told_otherwise():
    new = jnp.array([2.0, 4.0]), jnp.array([5.0])
    averages = penalties.update_averages(penalties.LeCamAverages(1.0, -1.0), *new)
    np.testing.assert_allclose(averages, (1 + 2 / 100, -1 + 6 / 100), rtol=1e-5)


def test_lecam_of_a_population_is_that_of_its_members():
    real, fake = normal(12, (3, 4)), normal(13, (3, 4))
    averages = penalties.LeCamAverages(normal(14, (3,)), normal(15, (3,)))

    def member(averages, real, fake):
        new = penalties.update_averages(averages, real, fake)
        return penalties.lecam(real, fake, averages), new

    together = jax.jit(jax.vmap(member))(averages, real, fake)
    alone = member(jax.tree.map(lambda x: x[1], averages), real[1], fake[1])
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a[1], b, rtol=1e-5), together, alone
    )


def test_lecam_refuses_an_empty_batch():
    with pytest.raises(errors.UserError, match="fake_logits has shape"):
        penalties.lecam(jnp.zeros(3), jnp.zeros(0), penalties.LeCamAverages())
    with pytest.raises(errors.UserError, match="real_logits has shape"):
        penalties.update_averages(penalties.LeCamAverages(), jnp.zeros(0), jnp.zeros(3))


# A GAN of which only the discriminator is looked at.
def toy_gan():
    def discriminate(params, collections, x, label=None, train=False):
        del label, train
        output = types.DiscriminatorOutput(logits=x @ params, features=x)
        return output, collections

    return types.GAN(None, None, None, discriminate)


def seen_by_the_discriminator(gan):
    """A gradient that reports what two calls of the discriminator were shown."""

    def gradient(hparams, state, batch, key):
        del hparams, key
        (first, _), (second, _) = (
            gan.discriminate(state, {}, batch.x, batch.label, train=True)
            for _ in range(2)
        )
        return first.features, {}, {"second": second.features}

    return gradient


def test_instance_noise_has_its_standard_deviation_and_no_bias():
    x = jnp.full((200, 100), 5.0)
    noise = np.asarray(penalties.instance_noise(0.5)(x, KEY)) - 5
    assert abs(noise.mean()) < 6 * 0.5 / np.sqrt(noise.size)
    assert abs(noise.std() - 0.5) < 6 * 0.5 / np.sqrt(2 * noise.size)
    np.testing.assert_array_equal(penalties.instance_noise(0.0)(x, KEY), x)


def test_negative_noise_is_refused():
    with pytest.raises(errors.UserError, match="std is -0.1"):
        penalties.instance_noise(-0.1)


def test_an_augmented_gradient_is_that_of_the_augmented_samples():
    batch = types.Batch(normal(16, (4, 3)))
    gradient = penalties.augmented(seen_by_the_discriminator, toy_gan(), double)
    first, _, metrics = gradient(None, WEIGHTS, batch, KEY)
    np.testing.assert_array_equal(first, 2 * batch.x)
    np.testing.assert_array_equal(metrics["second"], 2 * batch.x)


def test_noise_is_new_for_every_batch_of_samples_and_every_key():
    batch = types.Batch(jnp.zeros((4, 3)))
    gradient = jax.jit(
        lambda key: penalties.augmented(
            seen_by_the_discriminator, toy_gan(), penalties.instance_noise(1.0)
        )(None, WEIGHTS, batch, key)
    )
    first, _, metrics = gradient(KEY)
    again, _, _ = gradient(KEY)
    other, _, _ = gradient(jax.random.key(1))
    np.testing.assert_array_equal(first, again)
    for x in (metrics["second"], other):
        assert not np.any(np.asarray(first) == np.asarray(x))


def test_samples_keep_their_gradient_through_noise():
    gan = toy_gan()

    def gradient_of(gan):
        def gradient(hparams, state, batch, key):
            del hparams, key

            def total(x):
                output, _ = gan.discriminate(state, {}, x, None, train=True)
                return jnp.sum(output.logits)

            return jax.grad(total)(batch.x), {}, {}

        return gradient

    augmented = penalties.augmented(gradient_of, gan, penalties.instance_noise(0.3))
    grads, _, _ = augmented(None, WEIGHTS, types.Batch(jnp.zeros((4, 3))), KEY)
    np.testing.assert_allclose(grads, np.broadcast_to(WEIGHTS, (4, 3)), rtol=1e-6)
