"""Scores beside torch-fidelity, prdc and vendi-score, on the same arrays."""

import warnings

import jax
import numpy as np
import pytest

from jaxgan import scores
from jaxgan.scores import moments

pytestmark = pytest.mark.oracle


def features(seed, number=1000, width=64, shift=0.0):
    """Correlated and not negative, as those of a network are."""
    mix = np.random.default_rng(99).normal(size=(width, width)) / width**0.5
    x = np.random.default_rng(seed).normal(size=(number, width)) @ mix + shift
    return np.maximum(x, 0).astype(np.float32)


REAL, FAKE = features(0), features(1, shift=0.2)


def tensor(x):
    import torch

    return torch.tensor(x)


def test_inception_score(fidelity):
    logits = 3 * np.random.default_rng(0).normal(size=(1000, 1008)).astype(np.float32)
    theirs = fidelity("metric_isc").isc_features_to_metric(
        tensor(logits), splits=10, shuffle=False
    )
    ours = scores.inception_score(jax.nn.softmax(logits), splits=10)
    np.testing.assert_allclose(ours.value, theirs["inception_score_mean"], rtol=1e-5)
    np.testing.assert_allclose(ours.spread, theirs["inception_score_std"], rtol=1e-3)


@pytest.mark.parametrize("width", [16, 64, 512])
@pytest.mark.parametrize("shift", [0.0, 0.2])
def test_frechet_distance(fidelity, width, shift):
    """Theirs in float64, ours in float32."""
    module = fidelity("metric_fid")
    real, fake = features(0, width=width), features(1, width=width, shift=shift)
    statistics = [
        module.fid_features_to_statistics(tensor(x.astype(np.float64)))
        for x in (real, fake)
    ]
    theirs = module.fid_statistics_to_metric(*statistics, verbose=False)
    theirs = theirs["frechet_inception_distance"]
    ours = scores.frechet_distance(real, fake).value
    np.testing.assert_allclose(ours, theirs, rtol=1e-5)
    kept = [moments.empty(width), moments.empty(width)]
    for start in range(0, len(real), 300):
        for i, x in enumerate((real, fake)):
            kept[i] = moments.update(kept[i], x[start : start + 300])
    streamed = moments.frechet_distance(*kept).value
    np.testing.assert_allclose(streamed, theirs, rtol=1e-5)


def test_kernel_distance(fidelity):
    """One subset of all samples, as which are drawn is nobody else's."""
    theirs = fidelity("metric_kid").kid_features_to_metric(
        tensor(REAL.astype(np.float64)),
        tensor(FAKE.astype(np.float64)),
        kid_subsets=1,
        kid_subset_size=len(REAL),
        verbose=False,
    )["kernel_inception_distance_mean"]
    ours = scores.kernel_distance(
        REAL, FAKE, jax.random.key(0), num_subsets=1, subset_size=len(REAL)
    )
    assert abs(theirs) > 1e-4
    np.testing.assert_allclose(ours.value, theirs, atol=1e-6)


@pytest.mark.parametrize("k", [1, 3, 5])
@pytest.mark.parametrize("number", [1000, 700])
def test_precision_recall_density_and_coverage(k, number):
    import prdc

    fake = FAKE[:number]
    theirs = prdc.compute_prdc(REAL, fake, nearest_k=k)
    ours = scores.precision_recall(REAL, fake, k=k)
    ours |= scores.density_coverage(REAL, fake, k=k)
    for name, value in theirs.items():
        assert 0 < value
        # Shares of whole numbers of samples, so equal but for the division.
        np.testing.assert_allclose(ours[name].value, value, rtol=2e-7)


def test_precision_and_recall_of_torch_fidelity(fidelity):
    module = fidelity("metric_prc")
    theirs = module.prc_features_to_metric(
        tensor(FAKE),
        tensor(REAL),
        prc_neighborhood=3,
        prc_batch_size=500,
        verbose=False,
    )
    ours = scores.precision_recall(REAL, FAKE, k=3)
    for name in ("precision", "recall"):
        np.testing.assert_allclose(ours[name].value, theirs[name], rtol=2e-7)


def test_vendi_score():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from vendi_score import vendi

        x = REAL[:200] / np.linalg.norm(REAL[:200], axis=1, keepdims=True)
        theirs = vendi.score_X(x.astype(np.float64), normalize=True)
    np.testing.assert_allclose(scores.vendi_score(x @ x.T).value, theirs, rtol=1e-5)
