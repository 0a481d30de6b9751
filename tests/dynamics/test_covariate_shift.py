"""Tests of jaxgan.dynamics: covariate_shift, smoothness, layers."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from scipy.spatial import distance

from jaxgan import dynamics, gan, gradients, losses, population, steps, types
from jaxgan.core import errors
from jaxgan.dynamics.pathologies import covariate_shift
from jaxgan.networks import layers

BATCH = types.Batch(jnp.zeros((2, 1)))
KEY = jax.random.key(0)
ORDER = ("stem", "middle", "end")
"""In which the layers of the chain are applied; that of a tree is another one."""


def chain(params):
    """A loss of the generator that both players' weights enter, written for NumPy."""
    own, theirs = params
    inner = own["stem"]["w"] * theirs
    inner = inner + own["stem"]["b"]
    return (own["end"] * (own["middle"] * inner) ** 2 - 1) ** 2 / 2


def state_of(stem, bias, middle, end, theirs):
    stem, bias, middle, end, theirs = (
        jnp.array(x, jnp.float32) for x in (stem, bias, middle, end, theirs)
    )
    own = {"stem": {"w": stem, "b": bias}, "middle": middle, "end": end}
    params = types.Pair(own, theirs)
    empty = types.Pair({}, {})
    return types.TrainState(jnp.int32(0), params, empty, empty, None, jnp.array(True))


BEFORE = state_of([1.1, 0.4], [0.2, -0.3], [0.7, 1.2], [0.9], [1.3, -0.8])
AFTER = state_of([1.3, 0.1], [0.3, -0.2], [0.9, 1.0], [0.5], [1.0, -0.4])


def slopes(params, layer, size=1e-5):
    """Central differences of the chain's loss by the weights of one layer."""
    found = []
    for place, leaf in enumerate(jax.tree.leaves(params[0][layer])):
        for index in range(leaf.size):
            values = []
            for sign in (1, -1):
                leaves, tree = jax.tree.flatten(params[0][layer])
                leaves[place] = leaves[place] + sign * size * (
                    np.arange(leaf.size) == index
                )
                own = params[0] | {layer: jax.tree.unflatten(tree, leaves)}
                values.append(chain((own, params[1])).sum())
            found.append((values[0] - values[1]) / (2 * size))
    return np.array(found)


def by_hand(opponent):
    """Norms and angles of the chain's shift, from finite differences in float64."""
    old, new = (
        jax.tree.map(lambda x: np.asarray(x, np.float64), tuple(state.params))
        for state in (BEFORE, AFTER)
    )
    found = []
    for place, layer in enumerate(ORDER):
        own = old[0] | {name: new[0][name] for name in ORDER[:place]}
        theirs = new[1] if opponent == "moved" else old[1]
        first, other = slopes(old, layer), slopes((own, theirs), layer)
        cosine = first @ other / np.linalg.norm(first) / np.linalg.norm(other)
        found.append((np.linalg.norm(other - first), np.arccos(np.clip(cosine, -1, 1))))
    return np.array(found).T


def summed(hparams, state, batch, key):
    """The chain's gradient, whose loss is a sum over two numbers."""

    def objective(own):
        return chain((own, state.params.discriminator)).sum()

    loss, grads = jax.value_and_grad(objective)(state.params.generator)
    return grads, {}, {"generator_loss": loss}


types.played_by("generator", summed, "gradient")


@functools.cache
def measured(opponent):
    """Of two members: one that moves, and one at a learning rate of zero."""

    def of_member(before, after):
        given = None, before, after, BATCH, KEY
        return dynamics.by_gradients(summed, ORDER, *given, opponent=opponent)

    pair = population.stack([BEFORE, BEFORE]), population.stack([AFTER, BEFORE])
    return jax.jit(jax.vmap(of_member))(*pair)


@pytest.mark.parametrize("opponent", dynamics.OPPONENTS)
def test_shift_of_gradients_is_that_of_finite_differences(opponent):
    shift, expected = measured(opponent), by_hand(opponent)
    np.testing.assert_allclose(shift.norm[0], expected[0], rtol=1e-3, atol=1e-6)
    # Of the first layer against a frozen opponent it is zero to the bit.
    np.testing.assert_allclose(shift.angle[0], expected[1], rtol=1e-3, atol=1e-3)
    assert (shift.norm[0][0] == 0) == (opponent == "frozen")
    assert np.all(np.asarray(shift.norm[0][1:]) > 0.01)


def test_without_a_step_there_is_no_shift():
    for opponent in dynamics.OPPONENTS:
        shift = measured(opponent)
        np.testing.assert_array_equal(shift.norm[1], 0)
        np.testing.assert_allclose(shift.angle[1], 0, atol=1e-6)
        assert np.all(np.asarray(shift.gradient_norm[1]) > 0)


@pytest.mark.parametrize(
    ("first", "other", "norm", "angle"),
    [
        ([3.0, 4.0], [-4.0, 3.0], np.sqrt(50), np.pi / 2),
        ([1.0, 2.0], [-2.0, -4.0], np.sqrt(45), np.pi),
        ([1.0, 0.0], [1.0, 1e-4], 1e-4, 1e-4),
        ([1.0, 1.0], [1.0, 1.0], 0, 0),
        ([0.0, 0.0], [3.0, 4.0], 5, np.nan),
    ],
)
def test_norm_and_angle_of_known_gradients(first, other, norm, angle):
    tree = {"a": jnp.array(first[:1]), "b": jnp.array(first[1:])}, jnp.array(other)
    other = {"a": tree[1][:1], "b": tree[1][1:]}
    found = covariate_shift.compared(tree[0], other)
    np.testing.assert_allclose(found[:2], (norm, angle), rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(found.gradient_norm, np.linalg.norm(first))


def test_along_the_step_loss_and_gradient_are_those_on_the_line():
    fractions = [0.0, 0.5, 1.0, 2.0]
    given = None, BEFORE, AFTER, BATCH, KEY
    found = jax.jit(lambda: dynamics.along_step(summed, *given, fractions))()
    old, new = (
        jax.tree.map(lambda x: np.asarray(x, np.float64), state.params.generator)
        for state in (BEFORE, AFTER)
    )
    theirs = np.asarray(BEFORE.params.discriminator, np.float64)
    step = np.concatenate(
        [np.ravel(x) for x in jax.tree.leaves(jax.tree.map(np.subtract, new, old))]
    )
    grads = []
    for index, a in enumerate(fractions):
        own = jax.tree.map(lambda x, y, a=a: x + a * (y - x), old, new)
        np.testing.assert_allclose(
            found.loss[index], chain((own, theirs)).sum(), rtol=1e-4
        )
        grads.append(np.concatenate([slopes((own, theirs), n) for n in ORDER]))
    change = [np.linalg.norm(g - grads[0]) for g in grads]
    np.testing.assert_allclose(found.change, change, rtol=2e-3, atol=1e-6)
    far = np.array(fractions[1:]) * np.linalg.norm(step)
    np.testing.assert_allclose(found.smoothness[1:], change[1:] / far, rtol=2e-3)
    assert np.isnan(found.smoothness[0])


def make(architecture="mlp", shape=(2,), name="none", **numbers):
    numbers = numbers or {"hidden": (4, 3)}
    kinds = {
        f"{player}_normalisation": name for player in ("generator", "discriminator")
    }
    return gan.make(
        architecture, shape, latent_dim=3, reference_size=2, **kinds | numbers
    )


RATE = {"learning_rate": 0.3}
NUMBERS = types.HParams(types.Pair(RATE, RATE), {})


X = jnp.asarray(np.random.default_rng(0).normal(size=(64, 2)).astype(np.float32))


MEASURED = (
    ("generator", "frozen"),
    ("discriminator", "frozen"),
    ("discriminator", "moved"),
)


@functools.cache
def activations():
    """Shifts of an MLP's inputs by player and opponent, and the states around."""
    networks = make()
    begin = steps.initialise(networks, optax.sgd)
    names = dynamics.layer_order(networks, types.Batch(X))

    def of_member(key, moves):
        before = begin(NUMBERS, key)
        # Any other weights will do, of which the biases are not zero either.
        params = jax.tree.map(
            lambda w: jnp.where(moves, 0.8 * w + 0.1, w), before.params
        )
        after = before._replace(params=params)
        shifts = {
            f"{player} {opponent}": dynamics.by_activations(
                networks,
                player,
                getattr(names, player),
                before,
                after,
                types.Batch(X),
                KEY,
                opponent=opponent,
            )
            for player, opponent in MEASURED
        }
        return before, after, shifts

    keys, moves = jax.random.split(KEY, 2), jnp.array([True, False])
    before, after, shifts = jax.jit(jax.vmap(of_member))(keys, moves)
    first = jax.device_get(population.take((before, after), 0))
    return names, *first, jax.device_get(shifts), np.asarray(networks.latent(KEY, 64))


def hidden(weights, x, slope, depth):
    """What goes into the dense layer number `depth`, in NumPy."""
    for index in range(depth):
        own = weights[f"Dense_{index}"]
        x = x @ own["kernel"] + own["bias"]
        x = np.where(x > 0, x, slope * x)
    return x


def drift(first, other):
    """Mean, scale and divergence as they are defined, by NumPy and SciPy."""
    spread = first.std(0)
    mean = np.linalg.norm(other.mean(0) - first.mean(0)) / np.linalg.norm(spread)
    scale = np.linalg.norm(other.std(0) - spread) / np.linalg.norm(spread)
    js = []
    for a, b in zip(first.T, other.T, strict=True):
        ends = min(a.min(), b.min()), max(a.max(), b.max())
        counts = [np.histogram(x, covariate_shift.BINS, ends)[0] for x in (a, b)]
        js.append(distance.jensenshannon(*counts) ** 2 if np.ptp(ends) else 0.0)
    return mean, scale, np.mean(js)


def test_shift_of_activations_is_that_of_what_enters_each_layer():
    names, before, after, shifts, z = activations()
    assert names == (
        ("Dense_0", "Dense_1", "Dense_2"),
        ("Dense_0", "Dense_1", "Head_0/Dense_0"),
    )
    fakes = []
    for state in (before, after):
        own = state.params.generator["Dense_2"]
        inner = hidden(state.params.generator, z, 0.0, 2)
        fakes.append(inner @ own["kernel"] + own["bias"])
    found = shifts["generator frozen"]
    for depth in (1, 2):
        pair = [
            hidden(state.params.generator, z, 0.0, depth) for state in (before, after)
        ]
        own = [values[0][depth] for values in found]
        np.testing.assert_allclose(own, drift(*pair), rtol=1e-3, atol=2e-3)
    for opponent in dynamics.OPPONENTS:
        found = shifts[f"discriminator {opponent}"]
        seen = fakes if opponent == "moved" else fakes[:1] * 2
        for depth in (0, 1, 2):
            pair = [
                hidden(
                    state.params.discriminator, np.concatenate([X, fake]), 0.2, depth
                )
                for state, fake in zip((before, after), seen, strict=True)
            ]
            own = [values[0][depth] for values in found]
            np.testing.assert_allclose(own, drift(*pair), rtol=1e-3, atol=2e-3)


def test_activations_shift_only_behind_what_has_moved():
    _, _, _, shifts, _ = activations()
    for name, values in shifts.items():
        assert all(np.shape(own) == (2, 3) for own in values)
        first = [own[0, 0] for own in values]
        assert np.all(first) if name == "discriminator moved" else not np.any(first)
        assert np.all([own[0, 1:] for own in values])
        assert not np.any([own[1] for own in values])  # the member that stays


IMAGES = {"mlp": {"hidden": (4,)}, "dcgan": {"width": 2}}
CASES = [
    *(("mlp", name) for name in layers.NORMALISATIONS if name != "instance"),
    *(("dcgan", name) for name in ("instance", "spectral")),
]
"""As MLPs have no places, there is no instance normalisation of them."""


@pytest.mark.parametrize(("architecture", "name"), CASES)
def test_layers_of_any_normalisation_are_found_and_measured(architecture, name):
    shape = (8, 8, 1)
    networks = make(architecture, shape, name, **IMAGES[architecture])
    x = jnp.zeros((4, *shape))
    names = dynamics.layer_order(networks, types.Batch(x))
    gradient = gradients.discriminator(networks, losses.get("hinge"))
    own = names.discriminator
    begin = steps.initialise(networks, optax.sgd)

    def of_member(key):
        state = begin(NUMBERS, key)
        given = state, state, types.Batch(x), key
        return (
            dynamics.by_gradients(gradient, own, NUMBERS, *given),
            dynamics.by_activations(networks, "discriminator", own, *given),
        )

    shapes = jax.eval_shape(jax.vmap(of_member), jax.random.split(KEY, 2))
    number = len(names.discriminator)
    assert {leaf.shape for leaf in jax.tree.leaves(shapes)} == {(2, number)}
    weights = [name for name in names.discriminator if "Norm" not in name]
    assert weights == sorted(weights) and weights[-1].endswith("Head_0/Dense_0")


def test_layers_come_in_the_order_of_the_network():
    networks = make("sn_dcgan", (8, 8, 1), "batch", width=1)
    names = dynamics.layer_order(networks, types.Batch(jnp.zeros((4, 8, 8, 1))))
    assert names.generator[:3] == ("Dense_0", "Norm_0/BatchNorm_0", "ConvTranspose_0")
    # That of the tree, which is the order of the letters, is another one.
    assert names.generator[-2:] == ("Norm_3/BatchNorm_0", "Conv_0")
    assert names.discriminator[:2] == ("Conv_0", "Conv_1")


def bare(hparams, state, batch, key):
    return state.params.generator, {}, {}


GIVEN = (None, BEFORE, AFTER, BATCH, KEY)
DEAD = AFTER._replace(params=jax.tree.map(lambda w: w * jnp.nan, AFTER.params))


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: dynamics.by_gradients(bare, ORDER, *GIVEN), "not known whose"),
        (lambda: dynamics.by_gradients(summed, ORDER[:2], *GIVEN), "each of"),
        (lambda: dynamics.by_gradients(summed, 2 * ORDER, *GIVEN), "each of"),
        (
            lambda: dynamics.by_gradients(summed, ORDER, *GIVEN, opponent="moves"),
            "opponent='moves' .*moved",
        ),
        (
            lambda: dynamics.by_gradients(
                summed, ORDER, None, BEFORE, BATCH, BATCH, KEY
            ),
            "must be a TrainState",
        ),
        (
            lambda: dynamics.by_gradients(
                summed, ORDER, None, BEFORE, DEAD, BATCH, KEY
            ),
            "after holds weights that are not finite",
        ),
        (lambda: dynamics.along_step(summed, *GIVEN, 1.0), r"fractions .*\[A\]"),
        (
            lambda: dynamics.along_step(
                types.played_by("generator", lambda *given: bare(*given), "gradient"),
                *GIVEN,
                [1.0],
            ),
            "generator_loss",
        ),
        (
            lambda: dynamics.by_activations(make(), "critic", ORDER, *GIVEN[1:]),
            "player='critic'",
        ),
    ],
)
def test_bad_input_is_one_sentence(call, said):
    with pytest.raises(errors.UserError, match=said):
        call()


def test_networks_whose_layers_are_not_known_are_refused():
    hand_written = types.GAN(
        init=lambda key: (types.Pair({"w": jnp.ones(1)}, {}), types.Pair({}, {})),
        latent=lambda key, n: jax.random.normal(key, (n, 1)),
        generate=lambda p, c, z, label=None, train=False: (z * p["w"], c),
        discriminate=lambda p, c, x, label=None, train=False: (x, c),
    )
    with pytest.raises(errors.UserError, match=r"layers \['w'\] are no Flax modules"):
        dynamics.layer_order(hand_written, BATCH)
