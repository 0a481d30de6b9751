"""Scores leave nothing behind, however often they are called."""

import functools
import gc
import tracemalloc

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan import scores
from jaxgan.scores import (
    class_moments,
    classifier,
    copies,
    feature_networks,
    feature_passes,
    marginals,
    moments,
    suites,
)

WARM_UP, CALLS, WINDOWS = 3, 10, 3
GROWTH = 2_000 * CALLS
"""Bytes of Python that they may leave, of caches that find their size: probabilities
below take 4,000, their features 25,600, and a compiled program some 50,000."""

OF_FUNCTIONS = {"generator_conditioning": 3 * GROWTH}
"""More is left where a function of the user's is compiled at each call."""

QUICK = ("inception_score", "frechet_distance", "kernel_distance", "precision_recall")
"""Those that are looked at whenever tests run, the others with -m slow."""


@functools.cache
def samples():
    """Features, the same shifted, probabilities, images, and their labels."""
    random = np.random.default_rng(0)
    real = random.normal(size=(100, 64)).astype(np.float32)
    probs = random.dirichlet(np.ones(10), 100).astype(np.float32)
    images = random.uniform(-1, 1, (100, 16, 16, 1)).astype(np.float32)
    return real, real + 0.1, probs, images, np.arange(100) % 10


@functools.cache
def suite():
    _, _, _, images, labels = samples()
    network = classifier.train_classifier(
        images,
        labels,
        num_classes=10,
        key=jax.random.key(0),
        architecture="fully_connected",
        num_epochs=1,
    )
    shares = np.full(10, 0.1)
    return suites.of_classifier(network, 0.1, images, shares, split_size=10)


def streamed(real, fake):
    return [moments.update(moments.empty(64), x) for x in (real, fake)]


def classification(images, labels):
    half = len(images) // 2
    one, other = (images[:half], labels[:half]), (images[half:], labels[half:])
    return scores.classification_accuracy_score(
        *one,
        *other,
        *other,
        num_classes=10,
        key=jax.random.key(0),
        architecture="fully_connected",
        num_epochs=1,
    )


def generate(z):
    return jnp.tanh(z @ jnp.eye(64))


SCORES = {
    "inception_score": lambda r, f, p, x, y: scores.inception_score(p),
    "modified_inception_score": (
        lambda r, f, p, x, y: scores.modified_inception_score(p)
    ),
    "within_class_diversity": lambda r, f, p, x, y: scores.within_class_diversity(f, p),
    "frechet_distance": lambda r, f, p, x, y: scores.frechet_distance(r, f),
    "streamed_frechet_distance": (
        lambda r, f, p, x, y: moments.frechet_distance(*streamed(r, f))
    ),
    "frechet_floor": lambda r, f, p, x, y: scores.frechet_floor(r, 100),
    "frechet_distance_infinity": (
        lambda r, f, p, x, y: scores.frechet_distance_infinity(
            r[:, :4], f[:, :4], jax.random.key(0), num_points=3
        )
    ),
    "intra_class_frechet": (
        lambda r, f, p, x, y: scores.intra_class_frechet(
            r[:, :4], y % 2, f[:, :4], y % 2
        )
    ),
    "intra_class_floor": (
        lambda r, f, p, x, y: scores.intra_class_floor(r[:, :4], y % 2)
    ),
    "kernel_distance": (
        lambda r, f, p, x, y: scores.kernel_distance(
            r, f, jax.random.key(0), num_subsets=3, subset_size=50
        )
    ),
    "vendi_score": lambda r, f, p, x, y: scores.vendi_score(np.eye(100)),
    "precision_recall": lambda r, f, p, x, y: scores.precision_recall(r, f),
    "density_coverage": lambda r, f, p, x, y: scores.density_coverage(r, f),
    "clipped_density_coverage": (
        lambda r, f, p, x, y: scores.clipped_density_coverage(r, f)
    ),
    "rke_mode_count": lambda r, f, p, x, y: scores.rke_mode_count(f, 5.0),
    "kernel_entropic_novelty": (
        lambda r, f, p, x, y: scores.kernel_entropic_novelty(r, f, 5.0)
    ),
    "memorisation": lambda r, f, p, x, y: scores.memorisation(
        f, r, copies.to_training(f, r)
    ),
    "repetition": lambda r, f, p, x, y: scores.repetition(f, copies.to_each_other(r)),
    "class_recall": lambda r, f, p, x, y: scores.class_recall(
        *scores.confident_class(p), np.full(10, 0.1), [8, 9]
    ),
    "nearest_neighbours": lambda r, f, p, x, y: scores.nearest_neighbours(f, r),
    "prd": lambda r, f, p, x, y: scores.prd(r, f, num_bins=4, num_runs=1),
    "number_of_distinct_bins": (
        lambda r, f, p, x, y: scores.number_of_distinct_bins(
            *(scores.bin_counts(part, r[:10]) for part in (r, f))
        )
    ),
    "mode_coverage": (
        lambda r, f, p, x, y: scores.mode_coverage(
            *scores.confident_class(p), np.full(10, 0.1)
        )
    ),
    "stacked_mode_coverage": lambda r, f, p, x, y: scores.mode_coverage(
        *scores.stacked_classes(p.reshape(50, 2, 10)), np.full(100, 0.01)
    ),
    "parzen_log_likelihood": lambda r, f, p, x, y: scores.parzen_log_likelihood(
        f, r, 1.0
    ),
    "ms_ssim_diversity": lambda r, f, p, x, y: scores.ms_ssim_diversity(
        x, jax.random.key(0)
    ),
    "birthday_support": lambda r, f, p, x, y: scores.birthday_support(f, 1.0),
    "perceptual_path_length": lambda r, f, p, x, y: scores.perceptual_path_length(
        generate, jnp.sin, r, f, jax.random.key(0), epsilon=0.01
    ),
    "generator_conditioning": (
        lambda r, f, p, x, y: scores.generator_conditioning(generate, r[:10])
    ),
    "classification_accuracy_score": lambda r, f, p, x, y: classification(x, y),
    "suite": lambda r, f, p, x, y: suite()(x[None]),
    "streamed_inception_score": (
        lambda r, f, p, x, y: marginals.inception_score(
            marginals.update(marginals.empty(10, 4), p, marginals.parts(100, 4))
        )
    ),
    "streamed_diversity": (
        lambda r, f, p, x, y: class_moments.within_class_diversity(
            class_moments.update(class_moments.empty(10, 64), f, p)
        )
    ),
    "disjoint_kernel_distance": (
        lambda r, f, p, x, y: scores.kernel_distance(
            r, f, jax.random.key(0), num_subsets=None, subset_size=20
        )
    ),
    "warn_of_low_diversity": (
        lambda r, f, p, x, y: scores.warn_of_low_diversity(
            scores.inception_score(p), scores.within_class_diversity(f, p), 2.0, 3.0
        )
    ),
    "bins_js": lambda r, f, p, x, y: scores.bins_js(np.arange(1, 5), np.ones(4)),
    "prd_of_counts": (
        lambda r, f, p, x, y: scores.prd_of_counts(np.arange(1, 5), np.ones(4))
    ),
    "nearest_mode": lambda r, f, p, x, y: scores.nearest_mode(f, r[:5], 1.0),
    # Points of the plane with five modes.
    "within_mode_deviation": lambda r, f, p, x, y: scores.within_mode_deviation(
        f[:, :2], *scores.nearest_mode(f[:, :2], r[:5, :2], 1.0), r[:5, :2], 1.0
    ),
    "within_mode_energy": lambda r, f, p, x, y: scores.within_mode_energy(
        f[:, :2], y % 5, r[:5, :2], 1.0
    ),
    "parzen_bandwidth": lambda r, f, p, x, y: scores.parzen_bandwidth(
        f, r, np.array([0.5, 1.0])
    ),
    "density_ratio_log_likelihood": (
        lambda r, f, p, x, y: scores.density_ratio_log_likelihood(
            r[:, 0], r[:, 1], f[:, 0]
        )
    ),
    "pass": lambda r, f, p, x, y: feature_passes.collect(
        [x[:60], x[60:]], network(), feature_passes.Needs(4, True, True, True), 100
    ),
}

WITHIN = {
    "bin_counts": "number_of_distinct_bins",
    "cluster_centres": "prd",
    "confident_class": "mode_coverage",
    "ms_ssim": "ms_ssim_diversity",
    "stacked_classes": "stacked_mode_coverage",
}
"""Functions that are called by others of the table."""

NOT_SCORES = {"high_quality_ceiling", "protocol", "to_dict"}
"""Functions without arrays."""


@functools.cache
def network():
    def apply(x):
        features = x.reshape(len(x), -1)[:, :20].astype(np.float32)
        return features, features[:, :10]

    return feature_networks.FeatureNetwork(apply, (), lambda shape: None)


def test_all_public_functions_are_in_the_table():
    public = {name for name in scores.__all__ if name[0].islower()}
    assert public - NOT_SCORES <= set(SCORES) | set(WITHIN)


def held():
    gc.collect()
    device = [x.nbytes for x in jax.live_arrays()]
    return len(device), sum(device), tracemalloc.get_traced_memory()[0]


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if name in QUICK else pytest.mark.slow)
        for name in SCORES
    ],
)
def test_memory_does_not_grow_with_the_calls(name):
    """A leak grows in every window; a cache of JAX that finds its size, in one."""
    score = functools.partial(SCORES[name], *samples())
    allowed = OF_FUNCTIONS.get(name, GROWTH)
    tracemalloc.start(1)
    try:
        called(score, WARM_UP)
        before, grown = held(), []
        while len(grown) < WINDOWS and min(grown, default=allowed) >= allowed:
            called(score, CALLS)
            after = held()
            assert after[:2] == before[:2]
            grown.append(after[2] - before[2])
            before = after
    finally:
        tracemalloc.stop()
    assert min(grown) < allowed, grown


def called(score, times):
    for _ in range(times):
        jax.block_until_ready(score())
