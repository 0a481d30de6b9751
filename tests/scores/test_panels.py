"""Tests of jaxgan.scores.panels: many seeds are scored as each alone."""

import jax
import numpy as np
import pytest

from jaxgan.scores import classifier, panels

SEEDS, N = 3, 60


@pytest.fixture(scope="module")
def panel():
    random = np.random.default_rng(0)
    images = random.uniform(-1, 1, (100, 8, 8, 1)).astype(np.float32)
    network = classifier.train_classifier(
        images,
        np.arange(100) % 4,
        num_classes=4,
        key=jax.random.key(0),
        architecture="fully_connected",
        num_epochs=2,
    )
    shares = np.full(4, 0.25)
    return panels.of_classifier(network, 0.5, images, shares, split_size=20)


def test_members_score_as_alone_and_a_dead_one_is_nan(panel):
    x = np.random.default_rng(1).uniform(-1, 1, (SEEDS, N, 8, 8, 1))
    x = (x * [[[[[1.0]]]], [[[[0.5]]]], [[[[np.nan]]]]]).astype(np.float32)
    together = panel(x)
    for seed in range(2):
        alone = panel(x[seed : seed + 1])
        for name, own in together.items():
            leaves = jax.tree.leaves(own), jax.tree.leaves(alone[name])
            for a, b in zip(*leaves, strict=True):
                np.testing.assert_allclose(a[seed], b[0], rtol=1e-5, atol=1e-6)
    for name in ("inception_score", "frechet_distance", "within_class_diversity"):
        assert np.isnan(together[name].value[2])
    assert together["coverage"].finite[2] == 0
