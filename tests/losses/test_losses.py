"""Adversarial losses against their equations in NumPy, and their wrappers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan import divergences, losses, types
from jaxgan.core import errors

REAL = np.random.default_rng(0).normal(size=6)
FAKE = np.random.default_rng(1).normal(size=6)
NAMES = sorted(losses.LOSSES)
PAIRED = ["relativistic"]

ALL = {
    **losses.LOSSES,
    **{f"f_gan {name}": losses.f_gan(name) for name in divergences.F_DIVERGENCES},
    **{
        f"non-saturating f_gan {name}": losses.f_gan(name, non_saturating=True)
        for name in ("kl", "reverse_kl")
    },
    "f_gan alpha 0.9": losses.f_gan(divergences.alpha_f_divergence(0.9)),
    "smooth hinge": losses.label_smoothing(losses.hinge(), 0.8),
    "smooth f_gan kl": losses.label_smoothing(losses.f_gan("kl"), 0.8),
    "top_k non_saturating": losses.top_k(losses.non_saturating(), 2),
    "top_k relativistic": losses.top_k(losses.relativistic(), 2),
    "ebgan of minus the logits": types.Loss(
        lambda real, fake: losses.ebgan(2.0).discriminator(-real, -fake),
        lambda real, fake: losses.ebgan(2.0).generator(-real, -fake),
    ),
}


def softplus(x):
    return np.logaddexp(0, x)


def relu(x):
    return np.maximum(x, 0)


def mean(x):
    return np.mean(x)


HINGE = (
    lambda r, f: mean(relu(1 - r)) + mean(relu(1 + f)),
    lambda r, f: -mean(f),
)
# (discriminator, generator) by the papers' equations.
EXPECTED = {
    "minimax": (
        lambda r, f: (
            -mean(np.log(1 / (1 + np.exp(-r)))) - mean(np.log(1 - 1 / (1 + np.exp(-f))))
        ),
        lambda r, f: mean(np.log(1 - 1 / (1 + np.exp(-f)))),
    ),
    "non_saturating": (
        lambda r, f: mean(softplus(-r)) + mean(softplus(f)),
        lambda r, f: mean(softplus(-f)),
    ),
    "least_squares": (
        lambda r, f: mean((r - 1) ** 2) / 2 + mean(f**2) / 2,
        lambda r, f: mean((f - 1) ** 2) / 2,
    ),
    "wasserstein": (lambda r, f: mean(f) - mean(r), lambda r, f: -mean(f)),
    "hinge": HINGE,
    "geometric": HINGE,
    "relativistic": (
        lambda r, f: mean(softplus(f - r)),
        lambda r, f: mean(softplus(r - f)),
    ),
    "seqgan": (
        lambda r, f: mean(softplus(-r)) + mean(softplus(f)),
        lambda r, f: -mean(1 / (1 + np.exp(-f))),
    ),
    "relativistic_average": (
        lambda r, f: mean(softplus(mean(f) - r)) + mean(softplus(f - mean(r))),
        lambda r, f: mean(softplus(mean(r) - f)) + mean(softplus(r - mean(f))),
    ),
}


def test_every_loss_of_the_table_has_its_equation_here():
    assert set(EXPECTED) == set(losses.LOSSES)


@pytest.mark.parametrize("name", NAMES)
def test_losses_have_the_values_of_their_equations(name):
    loss = losses.get(name)
    for num_fake in {6} if name in PAIRED else {6, 4}:
        fake = FAKE[:num_fake]
        for function, expected in zip(loss, EXPECTED[name], strict=True):
            value = function(jnp.asarray(REAL), jnp.asarray(fake))
            assert value.shape == ()
            np.testing.assert_allclose(value, expected(REAL, fake), rtol=1e-5)


# One program of all losses compiles faster than one for each.


@pytest.fixture(scope="module")
def slopes():
    """By loss, the discriminator's gradients by the logits, and the generator's."""

    @jax.jit
    def everything(real, fake):
        return {
            name: (
                jax.grad(loss.discriminator, (0, 1))(real, fake),
                jax.grad(loss.generator, 1)(real, fake),
            )
            for name, loss in ALL.items()
        }

    # Inside (0, 1) no margin is met and no regression target passed.
    real, fake = np.array([0.2, 0.5, 0.7]), np.array([0.6, 0.1, 0.4])
    return jax.device_get(everything(real, fake))


@pytest.mark.parametrize("name", sorted(ALL))
def test_every_logit_is_pushed_the_way_the_player_wants(name, slopes):
    (by_real, by_fake), by_generator = slopes[name]
    assert np.all(by_real < 0)
    assert np.all(by_fake > 0)
    pushed = [0, 2] if name.startswith("top_k") else [0, 1, 2]
    assert np.all(by_generator[pushed] < 0)
    assert np.all(np.delete(by_generator, pushed) == 0)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
def test_values_and_gradients_are_finite_at_extreme_logits(dtype):
    extremes = jnp.array([-1e4, -1e4, 1e4, 1e4], dtype)
    both = jnp.tile(extremes, (2, 1)), jnp.stack([extremes, jnp.roll(extremes, 1)])

    @jax.jit
    def everything(real, fake):
        return {
            name: [
                jax.vmap(jax.value_and_grad(function, (0, 1)))(real, fake)
                for function in loss
            ]
            for name, loss in ALL.items()
        }

    for name, results in everything(*both).items():
        for value, grads in results:
            assert value.dtype == dtype, name
            for x in (value, *grads):
                assert np.all(np.isfinite(np.asarray(x, np.float64))), name


@pytest.fixture(scope="module")
def members():
    """All losses of three members together, and of the second one alone."""
    traces = []

    def member(real, fake):
        traces.append(None)
        return {
            name: [function(real, fake) for function in loss]
            for name, loss in ALL.items()
        }

    population = jax.jit(jax.vmap(member))
    real, fake = (np.random.default_rng(s).normal(size=(3, 4)) for s in (2, 3))
    together = population(real, fake)
    population(real + 1, fake)
    assert len(traces) == 1
    return together, jax.jit(member)(real[1], fake[1])


@pytest.mark.parametrize("name", sorted(ALL))
def test_members_have_the_losses_that_each_has_alone_in_one_trace(name, members):
    together, alone = (np.asarray(found[name]) for found in members)
    np.testing.assert_allclose(together[:, 1], alone, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", sorted(ALL))
def test_an_empty_batch_is_refused(name):
    for function in ALL[name]:
        with pytest.raises(errors.UserError, match="empty batch"):
            function(jnp.zeros(0), jnp.zeros(0))


def test_a_loss_of_pairs_refuses_batches_of_two_sizes():
    # [B, 1] with [B] would broadcast to all B^2 pairs without a word.
    for shape in ((5,), (4, 1)):
        with pytest.raises(errors.UserError, match=r"real_logits has shape \(4,\) and"):
            losses.relativistic().discriminator(jnp.zeros(4), jnp.zeros(shape))


def test_an_unknown_loss_is_refused_with_those_that_exist():
    with pytest.raises(errors.UserError, match="'hinged'.*hinge.*wasserstein"):
        losses.get("hinged")
    with pytest.raises(errors.UserError, match="'kullback'.*reverse_kl"):
        losses.f_gan("kullback")


@pytest.mark.parametrize("target", [0.6, 0.9, 1.0])
@pytest.mark.parametrize("name", ["non_saturating", "hinge"])
def test_label_smoothing_mixes_the_labels_of_real_samples_only(name, target):
    real_term, fake_term = {
        "non_saturating": (lambda x: mean(softplus(-x)), lambda x: mean(softplus(x))),
        "hinge": (lambda x: mean(relu(1 - x)), lambda x: mean(relu(1 + x))),
    }[name]
    plain = losses.get(name)
    smooth = losses.label_smoothing(plain, target)
    expected = target * real_term(REAL) + (1 - target) * fake_term(REAL)
    value = smooth.discriminator(jnp.asarray(REAL), jnp.asarray(FAKE[:4]))
    np.testing.assert_allclose(value, expected + fake_term(FAKE[:4]), rtol=1e-5)
    assert smooth.generator is plain.generator


def test_smoothed_least_squares_regresses_real_logits_on_the_target():
    smooth = losses.label_smoothing(losses.least_squares(), 0.9)
    by_real, by_fake = jax.grad(smooth.discriminator, (0, 1))(
        jnp.asarray(REAL), jnp.asarray(FAKE)
    )
    np.testing.assert_allclose(by_real, (REAL - 0.9) / 6, atol=1e-6)
    np.testing.assert_allclose(by_fake, FAKE / 6, atol=1e-6)


@pytest.mark.parametrize(
    "name", ["wasserstein", "relativistic", "relativistic_average"]
)
def test_losses_without_labels_cannot_be_smoothed(name):
    with pytest.raises(errors.UserError, match="no labels to smooth"):
        losses.label_smoothing(losses.get(name), 0.9)


@pytest.mark.parametrize("target", [0.5, 1.1, float("nan")])
def test_a_real_target_outside_its_range_is_refused(target):
    with pytest.raises(errors.UserError, match=f"real_target is {target}"):
        losses.label_smoothing(losses.hinge(), target)


@pytest.mark.parametrize("name", NAMES)
def test_top_k_is_the_loss_of_the_most_real_fakes_and_their_partners(name):
    plain, wrapped = losses.get(name), losses.top_k(losses.get(name), 2)
    kept = np.argsort(FAKE)[-2:]
    value = wrapped.generator(jnp.asarray(REAL), jnp.asarray(FAKE))
    expected = EXPECTED[name][1](REAL[kept], FAKE[kept])
    np.testing.assert_allclose(value, expected, rtol=1e-5)
    whole = losses.top_k(plain, 6).generator(jnp.asarray(REAL), jnp.asarray(FAKE))
    np.testing.assert_allclose(whole, EXPECTED[name][1](REAL, FAKE), rtol=1e-5)
    assert wrapped.discriminator is plain.discriminator


def test_top_k_refuses_to_keep_nothing_or_more_than_there_is():
    with pytest.raises(errors.UserError, match="k is 0"):
        losses.top_k(losses.hinge(), 0)
    with pytest.raises(errors.UserError, match="k is 7"):
        losses.top_k(losses.hinge(), 7).generator(jnp.zeros(6), jnp.zeros(6))


def test_the_minimax_value_is_minus_the_discriminator_loss():
    value = losses.minimax_value(jnp.asarray(REAL), jnp.asarray(FAKE[:4]))
    expected = -EXPECTED["minimax"][0](REAL, FAKE[:4])
    np.testing.assert_allclose(value, expected, rtol=1e-5)
    undecided = losses.minimax_value(jnp.zeros(3), jnp.zeros(5))
    np.testing.assert_allclose(undecided, -np.log(4), rtol=1e-6)


def test_the_optimal_value_is_the_minimax_value_of_the_best_discriminator(x64):
    real_counts, fake_counts = np.array([1, 3, 4, 0]), np.array([5, 0, 2, 1])
    p, q = real_counts / real_counts.sum(), fake_counts / fake_counts.sum()
    with np.errstate(divide="ignore"):
        logits = np.log(p) - np.log(q)
    real, fake = (np.repeat(logits, counts) for counts in (real_counts, fake_counts))
    best = losses.minimax_value(jnp.asarray(real), jnp.asarray(fake))
    np.testing.assert_allclose(losses.optimal_value(p, q), best, rtol=1e-12)
    np.testing.assert_allclose(losses.optimal_value(p, p), -np.log(4), rtol=1e-12)
    apart = losses.optimal_value(np.array([1.0, 0.0]), np.array([0.0, 1.0]))
    np.testing.assert_allclose(apart, 0, atol=1e-12)


def test_ebgan_pushes_fakes_up_to_the_margin():
    real, fake = np.array([0.5, 1.5]), np.array([0.2, 3.0, 1.0])
    loss = losses.ebgan(2.0)
    value = loss.discriminator(jnp.asarray(real), jnp.asarray(fake))
    np.testing.assert_allclose(value, 1.0 + (1.8 + 0 + 1.0) / 3, rtol=1e-6)
    value = loss.generator(jnp.asarray(real), jnp.asarray(fake))
    np.testing.assert_allclose(value, 1.4, rtol=1e-6)
    with pytest.raises(errors.UserError, match="margin is 0"):
        losses.ebgan(0.0)


def test_began_weighs_fakes_by_a_balance_that_follows_the_errors():
    real, fake = jnp.array([1.0, 3.0]), jnp.array([0.25, 0.75, 0.5])
    result = losses.began(real, fake, 0.4, diversity=0.75, rate=0.1)
    np.testing.assert_allclose(result.discriminator, 2 - 0.4 * 0.5, rtol=1e-6)
    np.testing.assert_allclose(result.generator, 0.5, rtol=1e-6)
    np.testing.assert_allclose(result.balance, 0.4 + 0.1 * (1.5 - 0.5), rtol=1e-6)
    np.testing.assert_allclose(result.convergence, 2 + 1.0, rtol=1e-6)


@pytest.mark.parametrize(
    ("real", "fake", "end"), [(100.0, 1.0, 1.0), (1.0, 100.0, 0.0)]
)
def test_the_balance_of_began_stays_between_zero_and_one(real, fake, end):
    result = losses.began(jnp.full(2, real), jnp.full(2, fake), 0.5, rate=1.0)
    assert result.balance == end
