"""Tests of jaxgan.scores.kernel_entropy: clusters far apart, and dense matrices."""

import jax
import numpy as np
import pytest
from scipy.spatial import distance

from jaxgan.core import errors
from jaxgan.scores import kernel_entropy

CENTRES = 1000 * np.eye(8, dtype=np.float32)


def clusters(shares, n=60, std=0.0, seed=0):
    """`[n, 8]` samples with these shares of eight modes that are far apart."""
    counts = np.round(np.array(shares) * n).astype(int)
    centres = np.repeat(CENTRES[: len(counts)], counts, axis=0)
    noise = np.random.default_rng(seed).normal(size=centres.shape)
    return (centres + std * noise).astype(np.float32)


def gaussian(x, y, width):
    return np.exp(-distance.cdist(x, y, "sqeuclidean") / (2 * width**2))


@pytest.mark.parametrize("modes", [1, 2, 5])
def test_equal_modes_are_counted(modes):
    x = clusters(np.full(modes, 1 / modes), std=1e-3)
    np.testing.assert_allclose(
        kernel_entropy.rke_mode_count(x, 1.0).value, modes, rtol=1e-4
    )


def test_unequal_modes_count_as_the_inverse_of_the_sum_of_squared_shares():
    found = kernel_entropy.rke_mode_count(clusters([0.5, 0.3, 0.2]), 1.0)
    np.testing.assert_allclose(found.value, 1 / (0.25 + 0.09 + 0.04), rtol=1e-5)
    assert found.floor == 1 and found.ceiling == 60


def test_the_count_is_that_of_the_squared_kernel():
    x = np.random.default_rng(0).normal(size=(50, 3))
    gram = gaussian(x, x, 0.7)
    expected = 1 / np.mean(gram**2)
    # The eigenvalues of the kernel's matrix say the same.
    np.testing.assert_allclose(
        expected, 1 / np.sum(np.linalg.eigvalsh(gram / 50) ** 2), rtol=1e-9
    )
    found = kernel_entropy.rke_mode_count(x.astype(np.float32), 0.7)
    np.testing.assert_allclose(found.value, expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("fake", "real", "eta", "expected"),
    [
        # Modes 2 and 3 are new, a third of the samples each.
        ([1 / 3, 1 / 3, 1 / 3], [1.0], 1.0, 2 / 3 * np.log(2)),
        # One new mode has no entropy, and the same modes are no news.
        ([0.5, 0.5], [1.0], 1.0, 0.0),
        ([0.5, 0.5], [0.5, 0.5], 1.0, 0.0),
        # Commoner by a sixth each, where a third of the real samples is missing.
        ([0.5, 0.5], [1 / 3, 1 / 3, 1 / 3], 1.0, 1 / 3 * np.log(2)),
        # 0.5 - 2 * 0.1 = 0.3 twice; 0.5 - 5 * 0.1 = 0.
        ([0.5, 0.5], [0.1, 0.1, 0.8], 2.0, 0.6 * np.log(2)),
        ([0.5, 0.5], [0.1, 0.1, 0.8], 5.0, 0.0),
    ],
)
def test_novelty_is_the_entropy_of_what_is_commoner_than_it_was(
    fake, real, eta, expected
):
    found = kernel_entropy.kernel_entropic_novelty(
        clusters(real), clusters(fake), 1.0, eta
    )
    np.testing.assert_allclose(found.value, expected, atol=2e-4)


def test_novelty_is_that_of_the_matrix_of_the_paper():
    random = np.random.default_rng(1)
    x, y = random.normal(size=(40, 2)), 1 + random.normal(size=(30, 2))
    width, eta = 0.8, 1.5
    cross = gaussian(x, y, width) * np.sqrt(eta / (40 * 30))
    rows = [
        np.hstack([gaussian(x, x, width) / 40, cross]),
        np.hstack([-cross.T, -eta * gaussian(y, y, width) / 30]),
    ]
    eigenvalues = np.linalg.eigvals(np.vstack(rows)).real
    positive = eigenvalues[eigenvalues > 1e-12]
    expected = np.sum(positive * np.log(positive.sum() / positive))
    pair = (y.astype(np.float32), x.astype(np.float32))
    found = kernel_entropy.kernel_entropic_novelty(*pair, width, eta)
    np.testing.assert_allclose(found.value, expected, rtol=2e-3)


def test_a_dead_generator_has_no_value_and_no_effect_on_others():
    x = clusters([0.5, 0.5])
    both = np.stack([x, np.full_like(x, np.nan)])
    count = jax.vmap(lambda x: kernel_entropy.rke_mode_count(x, 1.0).value)(both)
    assert count[0] == pytest.approx(2) and np.isnan(count[1])
    novelty = jax.lax.map(
        lambda own: kernel_entropy.kernel_entropic_novelty(x, own, 1.0).value, both
    )
    assert novelty[0] < 1e-3 and np.isnan(novelty[1])


def test_the_bandwidth_is_half_the_median_distance():
    x = np.array([[0.0], [1.0], [3.0], [7.0]])  # 1, 2, 3, 4, 6, 7 apart
    assert kernel_entropy.bandwidth(x) == 3.5 / 2
    assert kernel_entropy.bandwidth(np.zeros((5, 2))) == 0


@pytest.mark.parametrize("width", [0.0, -1.0, float("nan"), float("inf")])
def test_a_bandwidth_that_is_not_positive_is_refused(width):
    with pytest.raises(errors.UserError, match="bandwidth="):
        kernel_entropy.rke_mode_count(CENTRES, width)


def test_other_arguments_that_do_not_fit_are_refused():
    with pytest.raises(errors.UserError, match="eta=0"):
        kernel_entropy.kernel_entropic_novelty(CENTRES, CENTRES, 1.0, 0)
    with pytest.raises(errors.UserError, match="same network"):
        kernel_entropy.kernel_entropic_novelty(CENTRES, CENTRES[:, :3], 1.0)
