"""Policy gradients against sums over all sequences."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan import gan, gradients, losses, steps, types
from jaxgan.core import errors
from jaxgan.gradients import policy
from jaxgan.training import methods

SYMBOLS, LENGTH = 3, 3
EVERY = np.array([*itertools.product(range(SYMBOLS), repeat=LENGTH)])
X = 2 * jax.nn.one_hot(EVERY, SYMBOLS) - 1
NETWORKS = gan.make("seqgan", (LENGTH, SYMBOLS), width=2, windows=2)
LOSS = losses.get("seqgan")
HPARAMS = types.HParams(types.Pair({}, {}), {})


@pytest.fixture(scope="module")
def state():
    params, collections = NETWORKS.init(jax.random.key(0))
    # Far from uniform, so that the baseline and the roll-outs have something to do.
    params = jax.tree.map(lambda x: 3 * x + 0.3, params)
    none = types.Pair(None, None)
    return types.TrainState(
        jnp.zeros((), jnp.int32), params, collections, none, None, jnp.array(True)
    )


def log_p(params):
    return NETWORKS.log_probs(params, {}, X).sum(-1)


def exact(state):
    """`sum_x grad p(x) l(x)`."""
    output, _ = NETWORKS.discriminate(state.params.discriminator, {}, X)
    costs = -jax.nn.sigmoid(output.logits)
    return jax.grad(lambda own: jnp.exp(log_p(own)) @ costs)(state.params.generator)


def flat(tree, axes=0):
    leaves = jax.tree.leaves(tree)
    return np.concatenate(
        [np.asarray(x).reshape(*x.shape[:axes], -1) for x in leaves], axis=-1
    )


def test_the_mean_of_many_estimates_is_the_gradient_over_all_sequences(state):
    estimate = policy.reinforce(NETWORKS, LOSS, rollouts=2)
    batch = types.Batch(X[:4])

    @jax.jit
    def many(keys):
        return jax.lax.map(
            lambda key: estimate(HPARAMS, state, batch, key), keys, batch_size=500
        )

    grads, _, metrics = many(jax.random.split(jax.random.key(1), 4000))
    found, expected = flat(grads, 1), flat(exact(state))
    error = found.std(0) / np.sqrt(len(found))
    assert (abs(found.mean(0) - expected) < 5 * error + 1e-6).all()
    # What is looked for is large beside what is left to chance.
    assert np.linalg.norm(expected) > 5 * np.linalg.norm(error)
    nll = -NETWORKS.log_probs(state.params.generator, {}, batch.x).mean()
    np.testing.assert_allclose(metrics[policy.NLL], nll, rtol=1e-5)
    p = np.exp(log_p(state.params.generator))
    output, _ = NETWORKS.discriminate(state.params.discriminator, {}, X)
    mean = float(p @ -np.asarray(jax.nn.sigmoid(output.logits)))
    assert metrics["generator_loss"].mean() == pytest.approx(mean, abs=0.01)


def test_likelihood_moves_along_the_log_probability_of_the_real_batch(state):
    batch = types.Batch(X[:5])
    step = policy.likelihood(NETWORKS, LOSS)
    key = jax.random.key(0)

    def nll(own):
        return -log_p(own)[:5].mean() / LENGTH

    (grads, _, metrics), expected = jax.jit(
        lambda: (
            step(HPARAMS, state, batch, key),
            jax.grad(nll)(state.params.generator),
        )
    )()
    np.testing.assert_allclose(flat(grads), flat(expected), atol=1e-6)
    told = policy.reinforce(NETWORKS, LOSS, 1)
    assert set(metrics) == set(jax.eval_shape(told, HPARAMS, state, batch, key)[2])


@pytest.mark.slow
@pytest.mark.parametrize("mapper", ["alone", "together"])
def test_likelihood_comes_first_and_each_member_has_its_own_step(state, mapper):
    first = policy.likelihood(NETWORKS, LOSS)
    then = policy.reinforce(NETWORKS, LOSS, 1)
    both = policy.after(first, then, 7)
    batch, key = types.Batch(X[:4]), jax.random.key(3)

    def at(step):
        return both(HPARAMS, state._replace(step=step), batch, key)[0]

    taken = jnp.array([6, 7])
    lift = jax.vmap if mapper == "together" else lambda f: lambda x: jax.lax.map(f, x)
    found = flat(jax.jit(lift(at))(taken), 1)
    expected = jax.jit(
        lambda: [own(HPARAMS, state, batch, key)[0] for own in (first, then)]
    )()
    expected = [*map(flat, expected)]
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert np.abs(expected[0] - expected[1]).max() > 1e-2


@pytest.mark.parametrize(
    ("taken", "computed"),
    [((5, 6), {"first"}), ((7, 8), {"then"}), ((6, 7), {"first", "then"})],
)
def test_members_in_step_with_each_other_compute_one_of_the_two(taken, computed):
    called = set()

    def telling(name):
        def gradient(hparams, state, batch, key):
            jax.debug.callback(lambda: called.add(name))
            return state.step * 1.0, {}, {}

        return types.played_by("generator", gradient, "gradient")

    both = policy.after(telling("first"), telling("then"), 7)
    none = types.TrainState(*[None] * len(types.TrainState._fields))

    @jax.jit
    @jax.vmap
    def of(step):
        return both(HPARAMS, none._replace(step=step), None, None)[0]

    of(jnp.array(taken))
    jax.effects_barrier()
    assert called == computed


@pytest.mark.slow
def test_the_method_trains_by_likelihood_alone_where_it_is_not_yet_over(state):
    rates = types.Pair({"learning_rate": 0.1}, {"learning_rate": 0.0})
    made = methods.make(
        NETWORKS, methods.Method("seqgan", {}, rates, rollouts=1, likelihood_steps=99)
    )
    member = made.initialise(made.hparams, jax.random.key(0))
    batch = types.Batch(jnp.tile(X[5], (4, 1, 1)))

    def body(i, member):
        return made.step(made.hparams, member, batch, jax.random.key(i))[0]

    def body_of(i, member):
        return body(i, member)._replace(step=i + 1)

    trained = jax.jit(lambda m: jax.lax.fori_loop(0, 60, body_of, m))(member)
    # A generator that has seen one sequence alone makes no other.
    found = np.exp(log_p(trained.params.generator))
    assert found.argmax() == 5 and found[5] > 0.9


def test_a_loss_that_is_no_mean_over_samples_is_refused():
    with pytest.raises(errors.UserError, match="no mean over samples"):
        policy.reinforce(NETWORKS, losses.get("relativistic_average"), 1)
    for name in ("seqgan", "non_saturating", "wasserstein", "relativistic"):
        policy.reinforce(NETWORKS, losses.get(name), 1)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"rollouts": 0}, "through which no gradient comes"),
        ({"rollouts": 0, "likelihood_steps": 5}, "at least 1 roll-out"),
        ({"rollouts": -1}, "at least 1 roll-out"),
        ({"weights": {"feature_matching": 1.0}}, "a term has no policy gradient"),
        ({"rule": "consensus"}, "rule='consensus' .* through symbols that are drawn"),
    ],
)
def test_a_method_without_what_it_needs_is_refused(changed, said):
    own = {"rollouts": 1, "weights": {}} | changed
    rates = types.Pair({"learning_rate": 0.1}, {"learning_rate": 0.1})
    with pytest.raises(errors.UserError, match=said):
        methods.make(NETWORKS, methods.Method("seqgan", optimizer=rates, **own))


def test_a_generator_without_probabilities_has_no_policy_gradient():
    other = gan.make("text_resnet", (LENGTH, SYMBOLS), width=2, blocks=1)
    with pytest.raises(errors.UserError, match="choose the network seqgan"):
        policy.reinforce(other, LOSS, 1)
    with pytest.raises(errors.UserError, match="rollouts=0, but"):
        gradients.generator(NETWORKS, LOSS)


def test_a_baseline_needs_another_sample(state):
    step = steps.update("generator", policy.reinforce(NETWORKS, LOSS, 1))
    with pytest.raises(errors.UserError, match="batches of at least 2"):
        step(HPARAMS, state, types.Batch(X[:1]), jax.random.key(0))
