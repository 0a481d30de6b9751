"""What scores have in common: neither batches nor order matter, none is NaN."""

import functools

import jax
import numpy as np
import pytest

from jaxgan import scores
from jaxgan.scores import class_moments, marginals, moments

N, F, K = 90, 8, 4
KEY = jax.random.key(0)
SIZES = (1, 7, 64, N)

QUICK = {"inception_score", "frechet_distance", "streamed_frechet_distance"}
"""Scores that are looked at whenever tests run, the others with -m slow."""


def each(table):
    names = [
        pytest.param(name, marks=() if name in QUICK else pytest.mark.slow)
        for name in table
    ]
    return pytest.mark.parametrize("name", names)


@functools.cache
def samples():
    random = np.random.default_rng(0)
    real = random.normal(size=(N, F)).astype(np.float32)
    fake = (1.2 * random.normal(size=(N, F)) + 0.3).astype(np.float32)
    probs = random.dirichlet(np.ones(K), N).astype(np.float32)
    return real, fake, probs


add_moments, add_classes, add_probs = (
    jax.jit(module.update) for module in (moments, class_moments, marginals)
)


def streamed(empty, update, *arrays, size):
    kept = empty
    for start in range(0, N, size):
        kept = update(kept, *(x[start : start + size] for x in arrays))
    return kept


def stream_moments(x, size):
    return streamed(moments.empty(F), add_moments, x, size=size)


def stream_classes(x, probs, size):
    empty = class_moments.empty(K, F)
    return streamed(empty, add_classes, x, probs, size=size)


def stream_marginals(probs, size):
    part = marginals.parts(N, 3)
    return streamed(marginals.empty(K, 3), add_probs, probs, part, size=size)


IN_BATCHES = {
    "inception_score": lambda r, f, p, size: marginals.inception_score(
        stream_marginals(p, size)
    ),
    "within_class_diversity": lambda r, f, p, size: (
        class_moments.within_class_diversity(stream_classes(f, p, size))
    ),
    "frechet_distance": lambda r, f, p, size: moments.frechet_distance(
        stream_moments(r, size), stream_moments(f, size)
    ),
    "precision_recall": lambda r, f, p, size: scores.precision_recall(r, f, chunk=size),
    "density_coverage": lambda r, f, p, size: scores.density_coverage(r, f, chunk=size),
    "nearest_neighbours": lambda r, f, p, size: scores.nearest_neighbours(
        f, r, 2, chunk=size
    ),
    "birthday_support": lambda r, f, p, size: scores.birthday_support(
        f, 1.5, chunk=size
    ),
    "parzen_log_likelihood": lambda r, f, p, size: scores.parzen_log_likelihood(
        f, r, 0.5, chunk=size
    ),
}
"""All scores that take samples in parts."""


def numbers(record):
    return [np.asarray(x, np.float64) for x in jax.tree.leaves(record)]


@each(IN_BATCHES)
def test_scores_do_not_depend_on_the_batch_size(name):
    whole = numbers(IN_BATCHES[name](*samples(), size=N))
    for size in SIZES[:-1]:
        found = numbers(IN_BATCHES[name](*samples(), size=size))
        for own, expected in zip(found, whole, strict=True):
            np.testing.assert_allclose(own, expected, rtol=1e-6, atol=1e-7)


COUNTS = np.arange(1, 5)

IN_ORDER = {
    "inception_score": lambda r, f, p: scores.inception_score(p, 1),
    "modified_inception_score": lambda r, f, p: scores.modified_inception_score(p),
    "within_class_diversity": lambda r, f, p: scores.within_class_diversity(f, p),
    "frechet_distance": lambda r, f, p: scores.frechet_distance(r, f),
    "intra_class_frechet": lambda r, f, p: scores.intra_class_frechet(
        r, p.argmax(1), f, p.argmax(1)
    ),
    "kernel_distance": lambda r, f, p: scores.kernel_distance(
        r, f, KEY, num_subsets=1, subset_size=N
    ),
    "precision_recall": lambda r, f, p: scores.precision_recall(r, f),
    "density_coverage": lambda r, f, p: scores.density_coverage(r, f),
    "number_of_distinct_bins": lambda r, f, p: scores.number_of_distinct_bins(
        COUNTS, scores.bin_counts(f, samples()[0][:4])
    ),
    "mode_coverage": lambda r, f, p: scores.mode_coverage(
        *scores.confident_class(p), COUNTS
    ),
    "birthday_support": lambda r, f, p: scores.birthday_support(f, 1.5),
    "parzen_log_likelihood": lambda r, f, p: scores.parzen_log_likelihood(f, r, 0.5),
    "vendi_score": lambda r, f, p: scores.vendi_score(cosines(f)),
}
"""All scores that draw nothing at random; the Inception Score without splits, which are
of the first samples, the next, and so on."""


def cosines(x):
    x = x / np.linalg.norm(x, axis=1, keepdims=True)
    return x @ x.T


@each(IN_ORDER)
def test_scores_do_not_depend_on_the_order_of_the_samples(name):
    r, f, p = samples()
    order = np.random.default_rng(1).permutation(N)
    ordered = numbers(IN_ORDER[name](r, f, p))
    shuffled = numbers(IN_ORDER[name](r[order], f[order], p[order]))
    for own, expected in zip(shuffled, ordered, strict=True):
        np.testing.assert_allclose(own, expected, rtol=1e-6, atol=1e-6)


def clustered(r, f):
    centres = scores.cluster_centres(r, 6)
    return scores.number_of_distinct_bins(
        *(scores.bin_counts(x, centres) for x in (r, f))
    )


def within_modes(r, f):
    x, means = f[:, :2], r[:3, :2]
    mode, good = scores.nearest_mode(x, means, 1.0)
    return (
        scores.within_mode_deviation(x, mode, good, means, 1.0),
        scores.within_mode_energy(x, mode, means, 1.0),
    )


OF_DIFFERENCES = {
    name: IN_ORDER[name]
    for name in (
        "within_class_diversity",
        "frechet_distance",
        "intra_class_frechet",
        "precision_recall",
        "density_coverage",
        "birthday_support",
        "parzen_log_likelihood",
    )
} | {
    "streamed_frechet_distance": lambda r, f, p: moments.frechet_distance(
        moments.of(r), moments.of(f)
    ),
    "streamed_within_class_diversity": lambda r, f, p: (
        class_moments.within_class_diversity(class_moments.of(f, p))
    ),
    "frechet_floor": lambda r, f, p: scores.frechet_floor(r, len(f)),
    "frechet_distance_infinity": lambda r, f, p: scores.frechet_distance_infinity(
        r, f, KEY, num_points=3
    ),
    "nearest_neighbours": lambda r, f, p: scores.nearest_neighbours(f, r, 2),
    "number_of_distinct_bins": lambda r, f, p: clustered(r, f),
    "prd": lambda r, f, p: scores.prd(r, f, num_bins=4, num_runs=2),
    "rke_mode_count": lambda r, f, p: scores.rke_mode_count(f, 2.0),
    "kernel_entropic_novelty": lambda r, f, p: scores.kernel_entropic_novelty(
        r, f, 2.0
    ),
    "within_mode_deviation": lambda r, f, p: within_modes(r, f)[0],
    "within_mode_energy": lambda r, f, p: within_modes(r, f)[1],
}
"""All scores that a constant, added to both sets, cannot change."""

QUICK |= {"nearest_neighbours", "number_of_distinct_bins", "density_coverage"}
QUICK |= {"rke_mode_count", "within_mode_energy"}


@each(OF_DIFFERENCES)
@pytest.mark.parametrize(
    ("constant", "dtype"), [(1e4, np.float32), (4.2e6, np.float64)]
)
def test_scores_of_differences_do_not_depend_on_a_constant(name, constant, dtype):
    # Multiples of 1/64, to which the constant is added without rounding.
    real, fake, probs = samples()
    real, fake = (np.round(64 * x).astype(dtype) / 64 for x in (real, fake))
    expected = numbers(OF_DIFFERENCES[name](real, fake, probs))
    found = numbers(OF_DIFFERENCES[name](real + constant, fake + constant, probs))
    for own, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(own, other, rtol=2e-5, atol=1e-6)


TWICE = {
    "inception_score": lambda r, f, p: scores.inception_score(p, 1),
    "mode_coverage": lambda r, f, p: (
        scores.mode_coverage(*scores.confident_class(p), COUNTS).reverse_kl
    ),
    "parzen_log_likelihood": lambda r, f, p: (
        scores.parzen_log_likelihood(f, r, 0.5).value
    ),
    "prd_of_counts": lambda r, f, p: scores.prd_of_counts(
        *(scores.bin_counts(x, samples()[0][:4]) for x in (r, f))
    ),
    "bins_js": lambda r, f, p: scores.bins_js(
        *(scores.bin_counts(x, samples()[0][:4]) for x in (r, f))
    ),
}
"""Scores of shares and means alone, which do not know the number of samples."""


@each(TWICE)
def test_shares_and_means_stay_if_all_samples_are_doubled(name):
    once = samples()
    twice = (np.concatenate([x, x]) for x in once)
    expected, found = (numbers(TWICE[name](*own)) for own in (once, twice))
    for own, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(own, other, rtol=1e-5, atol=1e-6)


def degenerate():
    """Samples and probabilities of which much is zero, by what is wrong with them."""
    real, fake, probs = samples()
    one_class = np.tile(np.eye(K, dtype=np.float32)[1], (N, 1))
    line = np.outer(np.linspace(-1, 1, N), np.arange(1, F + 1)).astype(np.float32)
    return {
        "fewer samples than features": (real[:7], fake[:7], probs[:7]),
        "constant features": (real, np.full_like(fake, 0.5), probs),
        "constant everything": (np.ones_like(real), np.ones_like(fake), probs),
        "duplicated samples": (real, np.tile(fake[:10], (N // 10, 1)), probs),
        "one class only": (real, fake, one_class),
        "covariance of rank one": (real, line, probs),
        "both of rank one": (line, line[::-1] + 0.1, probs),
    }


WHOLE = IN_ORDER | {
    "intra_class_frechet": lambda r, f, p: scores.intra_class_frechet(
        r, np.arange(len(r)) % 2, f, np.arange(len(f)) % 2
    ),
    "streamed_inception_score": lambda r, f, p: marginals.inception_score(
        marginals.update(marginals.empty(K, 2), p, marginals.parts(len(p), 2))
    ),
    "streamed_frechet_distance": lambda r, f, p: moments.frechet_distance(
        moments.of(r), moments.of(f)
    ),
    "frechet_floor": lambda r, f, p: scores.frechet_floor(r, len(f)),
    "kernel_distance": lambda r, f, p: scores.kernel_distance(
        r, f, KEY, num_subsets=2, subset_size=5
    ),
    "nearest_neighbours": lambda r, f, p: scores.nearest_neighbours(f, r),
    "vendi_score": lambda r, f, p: scores.vendi_score(cosines(f)),
    "prd": lambda r, f, p: scores.prd(r, f, num_bins=3, num_runs=1),
    "ms_ssim": lambda r, f, p: scores.ms_ssim_diversity(
        np.tanh(f).reshape(len(f), 2, 4, 1), KEY, num_pairs=5
    ),
}

UNBOUNDED = {"birthday_support"}
"""Infinite where no two samples are alike, as it says."""


@each(WHOLE)
def test_no_score_of_degenerate_samples_is_nan(name):
    for what, given in degenerate().items():
        score = WHOLE[name](*given)
        for value in numbers(score):
            assert not np.isnan(value).any(), what
        if name not in UNBOUNDED and isinstance(score, scores.Score):
            assert np.isfinite(score.value), what


@pytest.mark.parametrize("name", ["frechet_distance", "streamed_frechet_distance"])
def test_distances_of_degenerate_samples_are_not_negative(name):
    for what, given in degenerate().items():
        assert WHOLE[name](*given).value >= 0, what


def test_rank_one_distances_are_those_of_the_line():
    # On a line the distance is (m - m')^2 + (s - s')^2.
    direction = np.arange(1, F + 1) / np.linalg.norm(np.arange(1, F + 1))
    t = np.random.default_rng(2).normal(size=(2, N))
    t[1] = 2 * t[1] + 1
    x, y = (np.outer(own, direction).astype(np.float32) for own in t)
    spread = t.std(axis=1, ddof=1)
    expected = (t[0].mean() - t[1].mean()) ** 2 + (spread[0] - spread[1]) ** 2
    found = scores.frechet_distance(x, y).value
    np.testing.assert_allclose(found, expected, rtol=1e-5)
