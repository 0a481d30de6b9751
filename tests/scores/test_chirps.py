"""Tests of jaxgan.scores.chirps and jaxgan.data.chirps: modes told by mathematics."""

import jax.numpy as jnp
import numpy as np
import pytest
from scipy import signal

from jaxgan.core import errors
from jaxgan.data import chirps, dataset
from jaxgan.scores import chirps as scores
from jaxgan.scores import suites

LAW = chirps.Chirps(length=1024)
X, MODE = chirps.sample(LAW, 0, 200)
REAL = jnp.asarray(X / np.float32(32768))


def test_the_frequency_of_a_mode_is_what_it_is_called_and_rises_by_an_octave():
    """By the phase of the analytic signal, which knows nothing of the formula."""
    law = chirps.Chirps(length=4096)
    modes = np.arange(law.modes)
    analytic = signal.hilbert(chirps.waves(law, modes, np.full(law.modes, 0.3)))
    turns = np.diff(np.unwrap(np.angle(analytic))) / (2 * np.pi) * law.sample_rate
    names = dataset.load("chirps", num_samples=1).class_names
    for at, factor in ((1024, 2**0.25), (2048, 2**0.5), (3072, 2**0.75)):
        expected = chirps.frequencies(law) * factor
        # The frequency between two samples is that of the middle between them.
        np.testing.assert_allclose(turns[:, at], expected, rtol=2e-3)
    assert names == tuple(f"{own:.0f} Hz" for own in chirps.frequencies(law))
    assert turns[:, 3900].max() < law.sample_rate / 2


def test_clean_chirps_are_of_their_mode_in_any_phase_and_loudness():
    mode, share = scores.matched(LAW, REAL)
    np.testing.assert_array_equal(mode, MODE)
    assert set(MODE) == set(range(10))
    np.testing.assert_allclose(share, 1, atol=1e-5)  # but for rounding to 16 bits
    quieter = scores.matched(LAW, -REAL / 50)
    np.testing.assert_array_equal(quieter[0], MODE)


def test_noise_has_its_share_of_dimensions_and_adds_to_the_energy():
    noise = np.random.default_rng(0).normal(size=(200, 1024, 1)).astype(np.float32)
    planes = scores.bases(LAW).transpose(0, 2, 1).reshape(20, 1024)
    inside = np.sum((noise[..., 0] @ planes.T) ** 2) / np.sum(noise**2)
    assert inside == pytest.approx(20 / 1024, rel=0.1)  # ten planes of two dimensions
    _, share = scores.matched(LAW, jnp.asarray(noise))
    assert share.max() < 0.05
    # As much energy of noise as of chirp leaves half to the chirp.
    power = np.mean(np.square(REAL), axis=1, keepdims=True)
    mode, share = scores.matched(LAW, REAL + noise * np.sqrt(power))
    assert np.mean(share) == pytest.approx(0.5, abs=0.01)
    np.testing.assert_array_equal(mode, MODE)


def test_half_a_wave_of_each_of_two_modes_is_a_good_one_of_neither():
    both = chirps.waves(LAW, np.array([2, 7]), np.zeros(2)).sum(0)
    _, share = scores.matched(LAW, jnp.asarray(both, jnp.float32)[None, :, None])
    assert share[0] == pytest.approx(0.5, abs=1e-3)
    assert scores.crosstalk(LAW) < 0.02


def test_a_suite_counts_the_modes_that_there_are():
    data = dataset.load("chirps", num_samples=300, form=dataset.clips.Form(1024))
    scoring = suites.of_dataset(data, num_samples=300, seed=0)
    real = scoring.references["held-out real clips"]
    assert real["coverage"]["modes"] == [10]
    assert real["coverage"]["high_quality"] == [1]
    assert scoring.references["white noise"]["coverage"]["modes"] == [0]
    x = np.asarray(dataset.to_float(data.test.x))
    few = x[np.isin(data.test.label, [1, 4, 8])]
    dead = np.full_like(few, np.nan)
    found = scoring.suite(np.stack([few, few * 0.01, dead]))
    assert found["coverage"].modes.tolist() == [3, 3, 0]
    assert found["coverage"].collapsed.tolist() == [False, False, True]
    assert np.isnan(found["matched_energy"].value[2])


def test_what_has_no_modes_to_tell_is_refused():
    with pytest.raises(errors.UserError, match="length=100"):
        chirps.sample(chirps.Chirps(length=100), 0, 1)
    with pytest.raises(errors.UserError, match=r"\(64, 1\)"):
        scores.matched(LAW, jnp.zeros((2, 64, 1)))
