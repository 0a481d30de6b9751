"""What scores refuse, each in a sentence that says what was wrong."""

import jax
import numpy as np
import pytest

from jaxgan import scores
from jaxgan.core import errors
from jaxgan.scores import class_moments, classifier, marginals, moments

KEY = jax.random.key(0)
GOOD = np.full((30, 4), 0.25, np.float32)
X = np.random.default_rng(0).normal(size=(30, 5)).astype(np.float32)
LABELS = np.arange(30) % 2

OF_PROBABILITIES = {
    "inception_score": lambda p: scores.inception_score(p, 2),
    "modified_inception_score": scores.modified_inception_score,
    "within_class_diversity": lambda p: scores.within_class_diversity(X, p),
    "confident_class": scores.confident_class,
    "marginals": lambda p: marginals.update(
        marginals.empty(4, 1), p, np.zeros(30, np.int32)
    ),
    "class_moments": lambda p: class_moments.of(X, p),
}

NO_PROBABILITIES = {
    "logits": (GOOD * 12, "sums to"),
    "negative": (GOOD - [[1, -1, 0, 0]], "negative value -0.75"),
    "one axis": (np.ones(30), r"\(30,\)"),
    "no classes": (np.ones((30, 0)), r"\(30, 0\)"),
}


@pytest.mark.parametrize("what", NO_PROBABILITIES)
@pytest.mark.parametrize("name", OF_PROBABILITIES)
def test_what_are_no_probabilities_is_refused(name, what):
    probs, said = NO_PROBABILITIES[what]
    with pytest.raises(errors.UserError, match=said):
        OF_PROBABILITIES[name](np.asarray(probs, np.float32))


OF_TWO = {
    "frechet_distance": scores.frechet_distance,
    "frechet_distance_infinity": lambda r, f: scores.frechet_distance_infinity(
        r, f, KEY
    ),
    "streamed": lambda r, f: moments.frechet_distance(moments.of(r), moments.of(f)),
    "intra_class_frechet": lambda r, f: scores.intra_class_frechet(
        r, LABELS[: len(r)], f, LABELS[: len(f)]
    ),
    "kernel_distance": lambda r, f: scores.kernel_distance(r, f, KEY, subset_size=9),
    "precision_recall": scores.precision_recall,
    "density_coverage": scores.density_coverage,
    "nearest_neighbours": scores.nearest_neighbours,
    "prd": scores.prd,
    "bin_counts": scores.bin_counts,
    "parzen_log_likelihood": lambda r, f: scores.parzen_log_likelihood(r, f, 1.0),
}


@pytest.mark.parametrize("name", OF_TWO)
def test_other_widths_are_refused_with_both_numbers(name):
    with pytest.raises(errors.UserError, match=r"5\D+(30, )?4"):
        OF_TWO[name](X, X[:, 1:])


TOO_FEW = {
    "inception_score": (lambda: scores.inception_score(GOOD[:3]), "samples, 3, not 10"),
    "frechet_distance": (lambda: scores.frechet_distance(X, X[:1]), "at least 2"),
    "frechet_floor": (lambda: scores.frechet_floor(X, 1), "at least 2"),
    "frechet_distance_infinity": (
        lambda: scores.frechet_distance_infinity(X, X[:19], KEY),
        "at least 20",
    ),
    "intra_class_frechet": (
        lambda: scores.intra_class_frechet(X, LABELS, X[:3], LABELS[:3]),
        "at least two",
    ),
    "kernel_distance": (lambda: scores.kernel_distance(X, X, KEY), "at least 1000"),
    "precision_recall": (lambda: scores.precision_recall(X, X[:3]), "at least 4"),
    "density_coverage": (lambda: scores.density_coverage(X[:5], X), "at least 6"),
    "nearest_neighbours": (
        lambda: scores.nearest_neighbours(X, X[:2], 3),
        "at least 3",
    ),
    "prd": (lambda: scores.prd(X[:2], X[:2], num_bins=5), "at least 5"),
    "cluster_centres": (lambda: scores.cluster_centres(X, 31), "at least 31"),
    "birthday_support": (lambda: scores.birthday_support(X[:1], 1.0), "at least 2"),
    "ms_ssim_diversity": (
        lambda: scores.ms_ssim_diversity(np.zeros((1, 8, 8, 1)), KEY),
        "at least two",
    ),
}


@pytest.mark.parametrize("name", TOO_FEW)
def test_too_few_samples_are_refused_with_the_number_that_is_needed(name):
    call, said = TOO_FEW[name]
    with pytest.raises(errors.UserError, match=said):
        call()


BYTES = np.random.default_rng(0).integers(0, 256, (6, 8, 8, 1)).astype(np.float32)


@pytest.fixture(scope="module")
def network():
    return classifier.train_classifier(
        BYTES / 127.5 - 1,
        np.arange(6) % 2,
        num_classes=2,
        key=KEY,
        architecture="fully_connected",
        num_epochs=1,
    )


@pytest.mark.parametrize("x", [BYTES, BYTES / 100 - 1])
def test_images_out_of_range_are_refused(x, network):
    for score in (
        lambda: scores.ms_ssim_diversity(x, KEY, num_pairs=2),
        lambda: classifier.classify_all(network, x),
    ):
        with pytest.raises(errors.UserError, match=r"\[-1, 1\], but .* between"):
            score()


def test_images_of_a_dead_generator_are_not_refused(network):
    x = BYTES / 127.5 - 1
    x[2] = np.nan
    _, logits = classifier.classify_all(network, x)
    assert np.isnan(logits[2]).all() and np.isfinite(logits[3]).all()
