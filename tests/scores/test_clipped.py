"""Tests of jaxgan.scores.clipped, against a re-derivation in NumPy."""

from fractions import Fraction
from math import comb

import jax
import numpy as np
import pytest
from scipy.spatial import distance

from jaxgan.core import errors
from jaxgan.scores import clipped, density_coverage

N, M, F, K = 300, 200, 4, 5
both = jax.jit(clipped.clipped_density_coverage)


def values(real, fake):
    found = both(real, fake)
    return tuple(float(found[f"clipped_{n}"].value) for n in ("density", "coverage"))


def draw(n, seed=0, shape=F):
    return np.random.default_rng(seed).normal(size=(n, shape)).astype(np.float32)


def expected(real, fake):
    """Density, and coverage before it is scaled, pair by pair."""
    own, other = distance.cdist(real, real), distance.cdist(fake, real)
    radius = np.sort(own, axis=1)[:, K]
    small = np.minimum(radius, np.median(radius))
    np.fill_diagonal(own, np.inf)
    ours = np.minimum((other <= small).sum(axis=1) / K, 1).mean()
    theirs = np.minimum((own <= small).sum(axis=1) / K, 1).mean()
    return min(ours / theirs, 1), np.minimum((other < radius).sum(axis=0) / K, 1).mean()


def test_both_are_what_the_definition_says():
    real, fake = draw(N), 0.8 * draw(M, 1) + 0.3
    density, filled = expected(real, fake)
    found = values(real, fake)
    np.testing.assert_allclose(found[0], density, rtol=1e-5)
    curve = clipped.expected_coverage(np.arange(M + 1), N, K)
    below = np.searchsorted(curve, filled) - 1
    share = (filled - curve[below]) / (curve[below + 1] - curve[below])
    np.testing.assert_allclose(found[1], (below + share) / M, rtol=1e-4)


def test_the_expected_share_is_that_of_a_beta_binomial_in_exact_fractions():
    def exact(m, n, k):
        def beta(a, b):  # of whole numbers
            return Fraction(1, a * comb(a + b - 1, a))

        odds = [
            comb(m, j) * beta(k + j, n - k + m - j) / beta(k, n - k)
            for j in range(m + 1)
        ]
        assert sum(odds) == 1
        return sum(min(j, k) * p for j, p in enumerate(odds)) / k

    for n, k in ((7, 2), (20, 5)):
        found = clipped.expected_coverage(np.arange(12), n, k)
        np.testing.assert_allclose(found, [float(exact(m, n, k)) for m in range(12)])


def test_of_one_neighbour_it_is_the_known_ceiling_of_coverage():
    real, fake = draw(N), draw(M, 1)
    ceiling = density_coverage(real, fake, k=1)["coverage"].ceiling
    found = clipped.expected_coverage(M, N, 1)
    np.testing.assert_allclose(found, ceiling, rtol=1e-5)


def test_a_share_of_good_samples_shows_that_share():
    # Means over draws, as each has a standard deviation of some hundredths.
    found = {}
    for share in (1.0, 0.5, 0.2):
        seen = []
        for seed in range(8):
            real, fake = draw(N, seed), draw(M, 100 + seed)
            fake[int(share * M) :] += 1e3
            seen.append(values(real, fake))
        found[share] = np.mean(seen, axis=0)
    for share, means in found.items():
        np.testing.assert_allclose(means, share, atol=0.05)


def test_an_outlier_among_the_real_samples_lifts_nothing():
    real, bad = draw(N), 30 + draw(M, 1)
    real[0] = 1000.0
    assert density_coverage(real, bad)["density"].value > 0.1
    assert values(real, bad)[0] == 0


def test_a_generator_of_one_mode_has_density_and_no_coverage():
    centres = np.repeat(20 * np.eye(F, dtype=np.float32), N // F, axis=0)
    real = centres + draw(N)
    fake = 20 * np.eye(F, dtype=np.float32)[0] + draw(N, 1)
    density, coverage = values(real, fake)
    assert density > 0.9 and 0.2 < coverage < 0.3  # a quarter of the real samples


def test_chunks_and_members_are_of_no_effect():
    real, fake = draw(N), draw(M, 1)
    whole = clipped.clipped_density_coverage(real, fake)
    parts = clipped.clipped_density_coverage(real, fake, chunk=7)
    dead = np.full_like(fake, np.nan)
    balls = clipped.balls(real)
    many = jax.vmap(lambda x: clipped.of_balls(balls, x))(np.stack([fake, dead]))
    for name, own in whole.items():
        for other in (parts[name].value, many[name].value[0]):
            np.testing.assert_allclose(other, own.value, rtol=1e-6)
        assert np.isnan(many[name].value[1])


def test_too_few_samples_are_refused():
    with pytest.raises(errors.UserError, match="at least 6"):
        clipped.clipped_density_coverage(draw(5), draw(9))
    with pytest.raises(errors.UserError, match="k=0"):
        clipped.balls(draw(9), k=0)
    with pytest.raises(errors.UserError, match="same network"):
        clipped.clipped_density_coverage(draw(9), draw(9, shape=3))
