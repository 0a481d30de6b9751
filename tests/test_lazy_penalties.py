"""Penalties in every k-th step, k times as heavy: means, cycles and members."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgan import gan, gradients, losses, penalties, steps, types
from jaxgan.core import errors

K = 4
NETWORKS = gan.mlp((2,), hidden=(3,), latent_dim=2)
LOSS = losses.get("non_saturating")
CHOSEN = {"r1": penalties.r1, "r2": penalties.r2}
BATCH = types.Batch(np.random.default_rng(0).normal(size=(6, 2)).astype(np.float32))
SGD = types.Pair(*2 * ({"learning_rate": 0.1},))
HPARAMS = types.HParams(SGD, {"r1": 0.7, "r2": 0.3})
KEY = jax.random.key(0)


def assert_near(found, expected, **tolerances):
    check = functools.partial(np.testing.assert_allclose, **tolerances)
    jax.tree.map(check, found, expected)


def assert_equal(found, expected):
    jax.tree.map(np.testing.assert_array_equal, found, expected)


@functools.cache
def gradients_at():
    """`(lazy at steps [S] under vmap, lazy at one step, full, none)`, compiled once."""
    lazy = gradients.with_lazy_penalties(NETWORKS, LOSS, CHOSEN, K)
    full = gradients.discriminator(NETWORKS, LOSS, CHOSEN)
    none = gradients.discriminator(NETWORKS, LOSS)
    state = jax.jit(steps.initialise(NETWORKS, optax.sgd))(HPARAMS, KEY)

    @jax.jit
    def one(step):
        grads, _, metrics = lazy(HPARAMS, state._replace(step=step), BATCH, KEY)
        return grads, metrics

    @jax.jit
    def exact():
        without = HPARAMS._replace(penalties={})
        return full(HPARAMS, state, BATCH, KEY)[::2], none(without, state, BATCH, KEY)[
            ::2
        ]

    return jax.jit(jax.vmap(one)), one, *exact()


def test_the_mean_over_k_steps_is_the_gradient_of_all_penalties():
    _, one, (full, full_metrics), _ = gradients_at()
    cycle = [one(np.int32(step)) for step in range(2 * K, 3 * K)]
    mean = jax.tree.map(lambda *x: np.mean(np.stack(x), axis=0), *cycle)
    assert_near(mean[0], full, rtol=1e-4, atol=1e-6)
    for name in CHOSEN:
        np.testing.assert_allclose(mean[1][name], full_metrics[name], rtol=1e-5)


def test_between_them_there_is_no_penalty_at_all():
    _, one, (full, _), (none, none_metrics) = gradients_at()
    for step in range(1, K):
        grads, metrics = one(np.int32(step))
        assert_near(grads, none, rtol=1e-5, atol=1e-7)
        assert metrics["r1"] == metrics["r2"] == 0
        np.testing.assert_allclose(
            metrics["discriminator_gradient_norm"],
            none_metrics["discriminator_gradient_norm"],
            rtol=1e-5,
        )
    grads, _ = one(np.int32(K))
    assert_near(
        grads,
        jax.tree.map(lambda a, b: b + K * (a - b), full, none),
        rtol=1e-3,
        atol=1e-5,
    )


def test_members_of_other_step_counts_take_their_own_penalties():
    together, one, *_ = gradients_at()
    counts = np.int32([0, 1, K - 1, K])
    found = together(counts)
    for i, count in enumerate(counts):
        own = jax.tree.map(lambda x, i=i: x[i], found)
        assert_near(own, one(count), rtol=1e-4, atol=1e-6)
    # That one more member is due changes nobody else's bits.
    other = together(np.int32([2, 1, K - 1, 2]))
    assert_equal(*(jax.tree.map(lambda x: x[1:3], each) for each in (found, other)))


def test_a_population_in_step_skips_the_penalties_as_one_member_does():
    together, _, *_ = gradients_at()
    jaxpr = jax.make_jaxpr(together)(np.int32([1, 1]))
    assert _conditions(jaxpr.jaxpr) == [()]


def _conditions(jaxpr):
    """The shapes of what the conditions of a program hang on."""
    found = []
    for equation in jaxpr.eqns:
        if equation.primitive.name == "cond":
            found.append(equation.invars[0].aval.shape)
        for value in equation.params.values():
            inner = getattr(value, "jaxpr", None)
            if inner is not None:
                found += _conditions(getattr(inner, "jaxpr", inner))
    return found


def test_a_penalty_that_fails_spares_the_members_who_are_not_due():
    failing = {"r1": lambda critic, real, fake, key: jnp.nan * jnp.sum(critic(real))}
    lazy = gradients.with_lazy_penalties(NETWORKS, LOSS, failing, K)
    hparams = HPARAMS._replace(penalties={"r1": 1.0})

    @jax.jit
    @jax.vmap
    def run(step):
        state = steps.initialise(NETWORKS, optax.sgd)(hparams, KEY)
        return lazy(hparams, state._replace(step=step), BATCH, KEY)[0]

    finite = jax.tree.map(
        lambda x: np.isfinite(x).reshape(2, -1).all(1), run(np.r_[0, 1])
    )
    assert all((own == [False, True]).all() for own in jax.tree.leaves(finite))


RATE, SLOPE, WEIGHT = 0.05, 1.5, 0.8
LINE = types.GAN(
    init=lambda key: (types.Pair({"x": jnp.zeros(1)}, {"w": jnp.ones(1)}),) * 2,
    latent=lambda key, n: jnp.zeros((n, 1)),
    generate=lambda params, own, z, label=None, train=False: (z + params["x"], own),
    discriminate=lambda params, own, x, label=None, train=False: (
        types.DiscriminatorOutput(x @ params["w"], x),
        own,
    ),
)


def test_a_critic_cycles_above_its_fixed_point_by_the_closed_form():
    """`w <- w - rate (c + [k-th] k 2 v w)` has the cycle `w*, w* + rate c (k - j)`."""
    lazy = gradients.with_lazy_penalties(LINE, WASSERSTEIN, {"r1": penalties.r1}, K)
    step = steps.update("discriminator", lazy, optax.sgd)
    rates = types.Pair(*2 * ({"learning_rate": RATE},))
    hparams = types.HParams(rates, {"r1": WEIGHT})
    batch = types.Batch(np.full((4, 1), -SLOPE, np.float32))

    @jax.jit
    def train():
        state = steps.initialise(LINE, optax.sgd)(hparams, KEY)

        def body(state, _):
            after, _ = step(hparams, state, batch, KEY)
            return after._replace(step=state.step + 1), state.params.discriminator["w"]

        return jax.lax.scan(body, state, length=60 * K)[1]

    cycle = np.asarray(train()).reshape(60, K)[-1]
    fixed = -SLOPE / (2 * WEIGHT)
    above = [0] + [RATE * SLOPE * (K - j) for j in range(1, K)]
    np.testing.assert_allclose(cycle, fixed + np.array(above), rtol=1e-5)
    bias = RATE * SLOPE * (K - 1) / 2
    np.testing.assert_allclose(cycle.mean() - fixed, bias, rtol=1e-4)


WASSERSTEIN = losses.get("wasserstein")


def test_every_step_is_the_gradient_itself():
    key = jax.random.key(1)
    state = jax.eval_shape(steps.initialise(NETWORKS), HPARAMS, key)
    lazy = gradients.with_lazy_penalties(NETWORKS, LOSS, CHOSEN, 1)
    full = gradients.discriminator(NETWORKS, LOSS, CHOSEN)
    programs = [
        str(jax.make_jaxpr(one)(HPARAMS, state, BATCH, key)) for one in (lazy, full)
    ]
    assert programs[0] == programs[1]


@pytest.mark.parametrize(
    ("every", "chosen"), [(0, CHOSEN), (-2, CHOSEN), (1.5, CHOSEN), (4, {})]
)
def test_what_cannot_be_lazy_is_refused(every, chosen):
    with pytest.raises(errors.UserError, match="every="):
        gradients.with_lazy_penalties(NETWORKS, LOSS, chosen, every)
