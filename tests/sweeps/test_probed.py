"""What discriminators know of classes, as a score of trials."""

import jax
import numpy as np
import pytest

from jaxgan import gan, types
from jaxgan.core import errors
from jaxgan.data import dataset
from jaxgan.scores import objectives, probes
from jaxgan.sweeps import probed


def trials(networks, seeds):
    """Members whose weights NumPy has drawn, the last one dead, and their keys."""
    random, number = np.random.default_rng(0), len(seeds)
    key = jax.eval_shape(lambda: jax.random.key(0))
    params, collections = jax.tree.map(
        lambda leaf: random.normal(size=(number, *leaf.shape)).astype(np.float32),
        jax.eval_shape(networks.init, key),
    )
    alive = np.arange(number) < number - 1
    step = np.zeros(number, np.int32)
    state = types.TrainState(step, params, collections, None, None, alive)
    words = np.array([[0, seed] for seed in seeds], np.uint32)
    return state, jax.random.wrap_key_data(words)


def test_trials_of_one_seed_are_told_the_same_labels_whatever_their_place():
    networks = gan.mlp((8, 8, 1), hidden=(5,), latent_dim=2, bounded=True)
    data = dataset.load("digits")
    state, keys = trials(networks, [4, 9, 4, 9])
    found = probed.measure(probed.make(data, 6), networks, state, keys)
    value = found["probe_accuracy"].value
    x, test = (np.float32(own.x) / 127.5 - 1 for own in (data.train, data.test))
    expected = []
    for i, seed in enumerate([4, 9, 4]):
        layer = jax.tree.map(lambda leaf, i=i: leaf[i], state.params.discriminator)
        rows = probes.subset(data.train.label, 6, (0, seed))

        def hidden(x, own=layer["Dense_0"]):
            given = x.reshape(len(x), -1) @ own["kernel"] + own["bias"]
            return np.maximum(given, 0.2 * given)

        label = np.asarray(data.train.label)[rows]
        one = probes.accuracy(hidden(x[rows]), label, hidden(test), data.test.label)
        expected.append(one.value)
    assert len(set(expected)) > 1
    np.testing.assert_allclose(value[:3], expected, atol=1.5 / len(test))
    assert np.isnan(value[3])
    assert dict(found["probe_accuracy"].protocol)["num_labels"] == 60


def test_what_has_no_hidden_layers_of_single_samples_is_refused_before_it_trains():
    asked = probed.make(dataset.load("digits"), 5)
    with pytest.raises(errors.UserError, match="packs of 2"):
        probed.check(asked, gan.mlp((8, 8, 1), pack=2))
    probed.check(asked, gan.mlp((8, 8, 1)))


def test_data_without_labels_of_images_and_too_many_labels_are_refused():
    with pytest.raises(errors.UserError, match="--probe-labels 5: ring is not of"):
        probed.make(dataset.load("ring", num_samples=64), 5)
    with pytest.raises(errors.UserError, match="--probe-labels 900: .*smallest class"):
        probed.make(dataset.load("digits"), 900)
    assert probed.make(dataset.load("ring", num_samples=64), None) is None


def test_a_search_can_go_by_what_discriminators_know():
    references = {"held-out": {"frechet_distance": {"value": [1.0]}}}
    names = objectives.names(references, probed=True)
    assert objectives.chosen(None, names) == "frechet_distance"
    assert objectives.chosen(probed.NAME, names) == probed.NAME
    costs = objectives.costs({probed.NAME: [0.5, 0.9]}, probed.NAME)
    assert costs[1] < costs[0]
    with pytest.raises(errors.UserError, match=probed.NAME):
        objectives.chosen(probed.NAME, objectives.names(references))
