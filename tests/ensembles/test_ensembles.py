"""Tests of jaxgan.ensembles."""

import copy
import functools
import pathlib
import re

import hypothesis
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import strategies

import jaxgan
from jaxgan import checkpoint, ensembles, gan, population, runs, steps, types
from jaxgan.core import errors
from jaxgan.data import modes, standardise
from jaxgan.scripts import ensemble_arms, ensemble_experiments, replicates

MODES = modes.from_labels(np.repeat([0, 1, 2], [10, 30, 60]))


# Generator m answers the number m and a little of its latent.
FIXED = types.GAN(
    init=None,
    latent=lambda key, n: jax.random.normal(key, (n, 1)),
    generate=lambda params, collections, z, label=None, train=False: (
        params["value"] + 0.01 * z,
        collections,
    ),
    discriminate=None,
)


def mixture(weights, standardiser=None):
    weights = jnp.asarray(weights, jnp.float32)
    values = {"value": jnp.arange(len(weights), dtype=jnp.float32)}
    return ensembles.Mixture(weights, values, {}, standardiser)


def initialised(networks, members):
    """Parameters and collections of both players of each member."""
    init = jax.jit(jax.vmap(networks.init))
    return init(population.keys(jax.random.key(0), members))


def test_per_mode_gives_each_mode_one_expert_of_its_share():
    plan = ensembles.per_mode(MODES)
    np.testing.assert_array_equal(plan.mode_weights, np.eye(3))
    np.testing.assert_allclose(plan.weights, [0.1, 0.3, 0.6])


def test_bagged_members_see_all_the_data_and_count_alike():
    plan = ensembles.bagged(MODES, 4)
    np.testing.assert_allclose(plan.mode_weights, np.tile([0.1, 0.3, 0.6], (4, 1)))
    np.testing.assert_allclose(plan.weights, np.full(4, 0.25))


@pytest.mark.parametrize("n", [1, 63, 64, 1000])
def test_every_sample_is_made_by_the_member_it_is_said_to_be_made_by(n):
    x, member = ensembles.sample(
        FIXED, mixture([0.2, 0.0, 0.5, 0.3]), jax.random.key(n), n
    )
    assert x.shape == (n, 1) and member.shape == (n,)
    np.testing.assert_allclose(x[:, 0], member, atol=0.1)
    assert not (np.asarray(member) == 1).any()


@pytest.mark.parametrize("n", [1, 200])
def test_the_labels_that_were_asked_for_are_those_of_the_samples(n):
    # What a generator answers is its number and, as tenths, the label.
    told = FIXED._replace(
        generate=lambda params, collections, z, label: (
            params["value"] + 0.1 * label[:, None],
            collections,
        )
    )
    classes = jnp.array([[0.5, 0.5, 0, 0], [0, 0, 0.9, 0.1], [0.1, 0, 0.2, 0.7]])
    own = mixture([0.3, 0.3, 0.4])._replace(classes=classes)
    x, member = ensembles.sample(told, own, jax.random.key(n), n)
    label = ensembles.asked_labels(own, jax.random.key(n), n)
    np.testing.assert_allclose(x[:, 0], member + 0.1 * label, rtol=1e-6)
    assert label.shape == (n,) and label.dtype == jnp.int32


def test_unconditional_generators_are_asked_for_no_class():
    with pytest.raises(errors.UserError, match="none is asked for a class"):
        ensembles.asked_labels(mixture([1.0]), jax.random.key(0), 5)


def test_shares_of_members_follow_the_weights():
    weights, n = np.array([0.2, 0.0, 0.5, 0.3]), 20_000
    _, member = ensembles.sample(FIXED, mixture(weights), jax.random.key(0), n)
    share = np.bincount(member, minlength=4) / n
    assert (np.abs(share - weights) <= 5 * np.sqrt(weights * (1 - weights) / n)).all()


def test_all_samples_have_latents_of_their_own():
    x, _ = ensembles.sample(FIXED, mixture(np.full(5, 0.2)), jax.random.key(0), 500)
    assert len(np.unique(np.asarray(x))) == 500


def test_members_come_in_random_order():
    _, member = ensembles.sample(FIXED, mixture([0.5, 0.5]), jax.random.key(0), 200)
    assert (np.diff(np.asarray(member)) != 0).sum() > 50


def test_samples_are_in_the_units_of_the_data():
    own = standardise.Standardiser(
        jnp.array([[100.0], [200.0]]), jnp.array([[1.0], [10.0]])
    )
    x, member = ensembles.sample(
        FIXED, mixture([0.5, 0.5], own), jax.random.key(0), 100
    )
    np.testing.assert_allclose(x[:, 0], np.where(member == 0, 100, 210), atol=1)


def test_the_dead_get_no_weight_and_a_mixture_of_the_dead_is_nan():
    networks = gan.mlp((2,), hidden=(4,), latent_dim=2)
    adam = {"learning_rate": 1e-3}
    hparams = population.broadcast(types.HParams(types.Pair(adam, adam), {}, 0.9), 3)
    keys = population.keys(jax.random.key(0), 3)
    state = population.init(steps.initialise(networks), hparams, keys)
    key, weights = jax.random.key(1), jnp.ones(3) / 3
    alive = state._replace(alive=jnp.array([True, False, True]))
    some = ensembles.mixture(networks, alive, hparams, weights, key)
    np.testing.assert_allclose(some.weights, [0.5, 0, 0.5])
    dead = state._replace(alive=jnp.zeros(3, bool))
    none = ensembles.mixture(networks, dead, hparams, weights, key)
    x, _ = ensembles.sample(networks, none, jax.random.key(0), 10)
    assert np.isnan(x).all()


def test_a_mixture_takes_the_average_where_there_is_one():
    networks = gan.mlp((2,), hidden=(4,), latent_dim=2)
    adam = {"learning_rate": 1e-3}
    for decay in (0.9, None):
        hparams = types.HParams(types.Pair(adam, adam), {}, decay)
        hparams = population.broadcast(hparams, 2)
        keys = population.keys(jax.random.key(0), 2)
        state = population.init(steps.initialise(networks), hparams, keys)
        if decay is not None:
            state = state._replace(ema=jax.tree.map(lambda x: x + 1, state.ema))
        key = jax.random.key(1)
        taken = ensembles.mixture(networks, state, hparams, jnp.ones(2) / 2, key).params
        expected = state.params.generator if decay is None else state.ema
        jax.tree.map(np.testing.assert_array_equal, taken, expected)


NORMALISED = {
    "architecture": "mlp",
    "shape": [2],
    "latent_dim": 3,
    "hidden": [6],
    "generator_normalisation": "batch",
}


NETWORKS = gan.build(NORMALISED)
INITIALISE = steps.initialise(NETWORKS)


def averaged(tmp_path, num_members):
    """Members whose averaged weights are not their weights, and arms of them."""
    adam = {"learning_rate": 1e-3}
    hparams = population.broadcast(types.HParams(types.Pair(adam, adam), {}, 0.9), 4)
    keys = population.keys(jax.random.key(0), 4)
    state = population.init(INITIALISE, hparams, keys)
    ema = jax.tree.map(lambda x: jnp.asarray(3 * np.asarray(x) + 0.5), state.ema)
    state = state._replace(ema=ema)
    many = ensembles.Plan(jnp.ones((num_members, 1)), jnp.ones(num_members) / 2)
    experiment = ensemble_experiments.Experiment(
        networks=NETWORKS,
        architecture=NORMALISED,
        data=None,
        standardised=False,
        batch_size=4,
        seeds=4 // num_members,
        seed=0,
        mappers=[],
        files=ensemble_experiments.RunFiles(
            folder=tmp_path, checkpoints=tmp_path, resume=""
        ),
    )
    arm = ensemble_arms.Arm("single", "an arm", many, "remedied")
    return experiment, arm, runs.Members(hparams, state, keys)


def require_statistics_of_the_weights(params, collections):
    """The first layer's outputs have mean 0 and variances diag(W'W) for z of N(0, I).

    Running averages of momentum 0.9 look back over about 19 batches of 64.
    """
    statistics = collections["batch_stats"]["Norm_0"]["BatchNorm_0"]
    expected = (np.asarray(params["Dense_0"]["kernel"]) ** 2).sum(axis=1)
    mean, var = statistics["mean"], statistics["var"]
    assert (np.abs(mean) < 5 * np.sqrt(expected / (19 * 64))).all()
    np.testing.assert_allclose(var, expected, rtol=5 * np.sqrt(2 / (19 * 64)))


def test_the_statistics_of_a_mixture_are_those_of_its_averaged_weights(tmp_path):
    experiment, _, members = averaged(tmp_path, 2)
    taken = ensembles.mixture(
        experiment.networks,
        members.state,
        members.hparams,
        jnp.ones(4) / 4,
        jax.random.key(1),
    )
    jax.tree.map(np.testing.assert_array_equal, taken.params, members.state.ema)
    require_statistics_of_the_weights(taken.params, taken.collections)


@pytest.mark.parametrize("num_members", [1, 2])
def test_the_statistics_that_arms_save_are_those_of_averaged_weights(
    tmp_path, num_members
):
    experiment, arm, members = averaged(tmp_path, num_members)
    x = ensemble_arms.save_and_sample(experiment, arm, members, 50)
    for seed in range(experiment.seeds):
        path = tmp_path / f"mixture-single-{seed}.safetensors"
        _, saved, _ = ensembles.load(path)
        require_statistics_of_the_weights(saved.params, saved.collections)
        # What is scored is what is saved.
        key = jax.random.fold_in(jax.random.key(1), seed)
        again, _ = ensembles.sample(experiment.networks, saved, key, 50)
        np.testing.assert_array_equal(x[seed], again)


def test_the_statistics_of_replicates_are_those_of_averaged_weights(tmp_path):
    experiment, _, members = averaged(tmp_path, 1)
    key = jax.random.key(1)
    taken = replicates.generators(experiment.networks, members, key, None)
    require_statistics_of_the_weights(taken.params, taken.collections)


def test_generators_that_are_averaged_are_taken_from_a_state_in_one_place_only():
    folder = pathlib.Path(jaxgan.__file__).parent
    scripts = folder.parent / "experiments"
    for path in [*folder.rglob("*.py"), *scripts.rglob("*.py")]:
        if path.name == "mixtures.py" or "steps" in path.parts:
            continue
        found = re.findall(r"\.ema\b(?! is not None)", path.read_text())
        assert not found, f"{path} reads the average without its statistics"


@pytest.mark.parametrize("normalisation", ["none", "batch"])
@pytest.mark.parametrize("standardised", [True, False])
def test_a_saved_mixture_draws_the_same_samples(tmp_path, normalisation, standardised):
    architecture = {
        "architecture": "mlp",
        "shape": [2],
        "latent_dim": 3,
        "hidden": [8],
        "generator_normalisation": normalisation,
    }
    networks = gan.build(architecture)
    params, collections = initialised(networks, 4)
    own = standardise.Standardiser(jnp.ones((4, 2)), 3 * jnp.ones((4, 2)))
    whole = ensembles.Mixture(
        jnp.full(4, 0.25),
        params.generator,
        collections.generator,
        own if standardised else None,
    )
    path = tmp_path / "mixture.safetensors"
    ensembles.save(path, whole, architecture, title="four")
    again, loaded, notes = ensembles.load(path)
    assert notes["title"] == "four"
    key = jax.random.key(1)
    for one, other in zip(
        ensembles.sample(networks, whole, key, 50),
        ensembles.sample(again, loaded, key, 50),
        strict=True,
    ):
        np.testing.assert_array_equal(one, other)


def test_a_file_that_holds_no_mixture_is_refused(tmp_path):
    path = tmp_path / "other.safetensors"
    checkpoint.save_tree(path, {"weights": np.ones(2)}, {"title": "x"})
    with pytest.raises(errors.UserError, match="other.safetensors"):
        ensembles.load(path)


def test_an_ensemble_has_members():
    with pytest.raises(errors.UserError, match="num_members=0"):
        ensembles.bagged(MODES, 0)


ARCHITECTURE = {
    "architecture": "conv",
    "shape": [8, 8, 1],
    "latent_dim": 3,
    "width": 2,
    "num_classes": 3,
    "generator_normalisation": "batch",
}


@pytest.fixture(scope="module")
def conditional():
    """A conditional mixture as the tree of its file."""
    params, collections = initialised(gan.build(ARCHITECTURE), 2)
    tree = {"weights": np.full(2, 0.5, np.float32), "params": params.generator}
    tree |= {"collections": collections.generator}
    return tree | {"classes": np.full((2, 3), 1 / 3, np.float32)}


def loads(path):
    """Whether a file is loaded, which it is or is refused in one sentence."""
    try:
        networks, mixture, _ = ensembles.load(path)
    except errors.UserError as error:
        assert str(path) in str(error) and "\n" not in str(error)
        return False
    x, _ = jax.eval_shape(
        lambda m: ensembles.sample(networks, m, jax.random.key(0), 2), mixture
    )
    assert x.shape[0] == 2
    return True


def parts_of(tree, path=()):
    """The places in nested dictionaries and lists."""
    yield path
    items = tree.items() if isinstance(tree, dict) else ()
    items = enumerate(tree) if isinstance(tree, list) else items
    for key, value in items:
        yield from parts_of(value, (*path, key))


WRONG = (None, True, -1, 0, 3, 2.5, 10**30, float("nan"), "", "dcgan", [], [[]], {})


@hypothesis.settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture],
)
@hypothesis.given(data=strategies.data())
def test_a_made_up_description_is_loaded_or_refused(data, conditional, tmp_path):
    notes = copy.deepcopy({"gan": ARCHITECTURE, "title": "x"})
    *above, last = data.draw(strategies.sampled_from([*parts_of(notes)][1:]))
    node = functools.reduce(lambda node, key: node[key], above, notes)
    how = data.draw(strategies.sampled_from(["other", "less", "more"]))
    if how == "other":
        node[last] = data.draw(strategies.sampled_from(WRONG))
    elif how == "less":
        del node[last]
    elif isinstance(node, dict):
        node[data.draw(strategies.text())] = data.draw(strategies.sampled_from(WRONG))
    path = tmp_path / "mixture.safetensors"
    checkpoint.save_tree(path, conditional, notes)
    loads(path)


@hypothesis.settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture],
)
@hypothesis.given(data=strategies.data())
def test_arrays_of_something_else_are_refused(data, conditional, tmp_path):
    tree = jax.tree.map(np.asarray, conditional)
    *above, last = data.draw(strategies.sampled_from([*parts_of(tree)][1:]))
    node = functools.reduce(lambda node, key: node[key], above, tree)
    wrong = [np.zeros(()), np.zeros((2, 7), np.float32), np.zeros((0, 1)), {}]
    new = data.draw(strategies.sampled_from([None, *range(len(wrong))]))
    if new is None:
        del node[last]
    else:
        node[last] = wrong[new]
    path = tmp_path / "mixture.safetensors"
    checkpoint.save_tree(path, tree, {"gan": ARCHITECTURE})
    assert not loads(path)


@hypothesis.settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture],
)
@hypothesis.given(data=strategies.data())
def test_a_bit_that_flips_in_a_saved_mixture_is_noticed(data, conditional, tmp_path):
    path = tmp_path / "mixture.safetensors"
    checkpoint.save_tree(path, conditional, {"gan": ARCHITECTURE})
    content = bytearray(path.read_bytes())
    place = data.draw(strategies.integers(0, 8 * len(content) - 1))
    content[place // 8] ^= 1 << place % 8
    path.write_bytes(content)
    if loads(path):  # the same in other letters, such as a space more or less
        tree, notes = checkpoint.load_tree(path)
        assert notes == {"gan": ARCHITECTURE}
        jax.tree.map(np.testing.assert_array_equal, tree, conditional)


def test_what_wrote_a_mixture_is_noted(tmp_path):
    networks = gan.build(ARCHITECTURE | {"num_classes": None})
    params, collections = initialised(networks, 2)
    whole = ensembles.Mixture(jnp.full(2, 0.5), params.generator, collections.generator)
    path = tmp_path / "mixture.safetensors"
    described = ARCHITECTURE | {"num_classes": None}
    ensembles.save(path, whole, described, average=True)
    _, _, notes = ensembles.load(path)
    assert set(notes["versions"]) == {"jaxgan", "jax"} and notes["average"] is True


def test_a_mixture_of_64_bit_numbers_is_saved_so_that_it_can_be_read(tmp_path):
    # As JAX_ENABLE_X64 makes them, and NumPy by itself.
    described = {"architecture": "mlp", "shape": [2], "latent_dim": 2, "hidden": [3]}
    path = tmp_path / "mixture.safetensors"
    with jax.enable_x64(True):
        networks = gan.build(described)
        params, _ = jax.jit(networks.init)(jax.random.key(0))
        assert {leaf.dtype for leaf in jax.tree.leaves(params)} == {np.dtype("float32")}
        whole = ensembles.Mixture(
            np.ones(1, np.float64),
            jax.tree.map(lambda x: np.asarray(x, np.float64)[None], params.generator),
            {},
            standardise.Standardiser(np.zeros((1, 2)), np.ones((1, 2))),
        )
        ensembles.save(path, whole, described)
        ensembles.load(path)
    networks, read, _ = ensembles.load(path)
    assert {leaf.dtype for leaf in jax.tree.leaves(read)} == {np.dtype("float32")}
    x, _ = ensembles.sample(networks, read, jax.random.key(1), 3)
    assert x.dtype == np.float32 and np.isfinite(x).all()
