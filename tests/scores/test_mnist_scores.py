"""Published and demanded numbers on MNIST, where it is at hand."""

import os
import subprocess
import sys

import numpy as np
import pytest
from scipy import stats

from jaxgan import scores
from jaxgan.data import dataset

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not dataset.is_at_hand("mnist"), reason="MNIST is not at hand"),
]


@pytest.fixture(scope="module")
def mnist():
    return dataset.load("mnist")


PROGRAM = """
import sys, jax, jax.numpy as jnp, numpy as np
from jaxgan.data import dataset
from jaxgan.scores import classifier
mnist = dataset.load("mnist")
network = classifier.train_classifier(
    mnist.train.x, jnp.asarray(mnist.train.label), num_classes=10, key=jax.random.key(0)
)
np.save(sys.argv[1], jax.nn.softmax(classifier.classify_all(network, mnist.test.x)[1]))
"""


@pytest.fixture(scope="module")
def probs(tmp_path_factory):
    """Probabilities of the test images, by a classifier as it comes.

    It is trained in a process of its own, as programs of tests are compiled to compile
    fast, and run four times slower.
    """
    path = tmp_path_factory.mktemp("mnist") / "probs.npy"
    own = {name: value for name, value in os.environ.items() if name != "XLA_FLAGS"}
    subprocess.run([sys.executable, "-c", PROGRAM, path], env=own, check=True)
    return np.load(path)


def test_real_images_score_as_real_ones_should(mnist, probs):
    labels = np.asarray(mnist.test.label)
    perfect = scores.inception_score(np.eye(10, dtype=np.float32)[labels]).value
    assert 9.7 <= scores.inception_score(probs).value <= perfect
    assert np.mean(np.argmax(probs, 1) == labels) >= 0.99


def test_the_classifier_is_as_sure_as_it_is_right(mnist, probs):
    # So that no score is bought by probabilities that are too sharp.
    right = np.argmax(probs, 1) == np.asarray(mnist.test.label)
    assert abs(np.mean(np.max(probs, axis=1)) - np.mean(right)) < 0.003


K, NUM_TRAIN = 100, 50_000
SIGNIFICANCE = 2 * stats.norm.sf(3)
"""Three standard errors, as for the published table."""


@pytest.fixture(scope="module")
def table(mnist):
    """Distinct bins and divergences `[seeds]` of the published samples."""
    x, test = (
        np.asarray(split.x).reshape(len(split.x), -1) / np.float32(255)
        for split in (mnist.train, mnist.test)
    )
    labels = np.asarray(mnist.train.label)
    found = {"validation": [], "test": [], "validation without 9": []}
    for seed in range(4):
        order = np.random.default_rng(seed).permutation(len(x))
        train, rest = order[:NUM_TRAIN], order[NUM_TRAIN:]
        centres = scores.cluster_centres(x[train], K, seed)
        real = scores.bin_counts(x[train], centres)
        samples = {
            "validation": x[rest],
            "test": test,
            "validation without 9": x[rest[labels[rest] < 9]],
        }
        for name, sample in samples.items():
            counts = scores.bin_counts(sample, centres)
            bins = scores.number_of_distinct_bins(real, counts, SIGNIFICANCE).value
            found[name].append((bins, scores.bins_js(real, counts)))
    return {name: np.array(rows, float).T for name, rows in found.items()}


@pytest.mark.parametrize(
    "sample, bins, divergence",
    [
        ("validation", 0, 0.0014),
        ("test", 4, 0.0041),
        ("validation without 9", 11, 0.016),
    ],
)
def test_bins_of_mnist_are_those_that_were_published(table, sample, bins, divergence):
    # One published run beside several of ours: each has a spread of its own, as of
    # counts and as of its random split and clusters.
    own_bins, own_divergence = table[sample]
    spread = np.sqrt(max(own_bins.mean(), bins) + own_bins.var(ddof=1))
    assert abs(own_bins.mean() - bins) <= 2 * max(spread, 1)
    spread = np.hypot(own_divergence.std(ddof=1), 0.0001)
    assert abs(own_divergence.mean() - divergence) <= 3 * spread


def test_bins_of_the_same_distribution_differ_by_chance_alone(table):
    # To leading order, in nats, 8 times the divergence is 1/N + 1/M times a chi-square
    # of K - 1 degrees of freedom.
    bins, divergence = table["validation"]
    expected = (K - 1) / 8 * (1 / NUM_TRAIN + 1 / 10_000)
    error = expected * np.sqrt(2 / (K - 1) / len(divergence))
    assert abs(divergence.mean() - expected) < 4 * error
    assert bins.sum() <= stats.poisson.ppf(0.9999, SIGNIFICANCE * K * len(bins))
