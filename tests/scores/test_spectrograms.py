"""Tests of jaxgan.scores.spectrograms, and of a classifier that sees with them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import signal

from jaxgan.core import errors
from jaxgan.data import dataset
from jaxgan.scores import classifier, classifier_cache, spectrograms, suites

RATE, LENGTH = 8000, 1280
TIME = np.arange(LENGTH) / RATE


def tone(frequency, phase=0.0):
    return np.sin(2 * np.pi * frequency * TIME + phase).astype(np.float32)[:, None]


def test_power_is_that_of_another_implementation():
    x = np.random.default_rng(0).normal(size=(2, LENGTH, 1)).astype(np.float32)
    short_time = signal.ShortTimeFFT(
        signal.get_window("hann", spectrograms.FRAME), spectrograms.HOP, RATE
    )
    frames = spectrograms.power(jnp.asarray(x)).shape[1]
    # Its slices are centred, ours begin at the first sample.
    first = spectrograms.FRAME // 2 // spectrograms.HOP
    expected = np.abs(short_time.stft(x[..., 0])) ** 2 / spectrograms.FRAME
    start = first - short_time.p_min
    expected = expected[..., start : start + frames].swapaxes(1, 2)
    np.testing.assert_allclose(spectrograms.power(x), expected, rtol=1e-3, atol=1e-5)


def test_the_power_of_a_tone_is_in_the_bands_around_its_frequency():
    middle = spectrograms.hertz(
        np.linspace(0, spectrograms.mel(RATE / 2), spectrograms.BANDS + 2)
    )[1:-1]
    for band in (12, 25, 38):
        found = spectrograms.log_mel(jnp.asarray(tone(middle[band]))[None], RATE)
        assert (np.argmax(found[0, :, :, 0], axis=-1) == band).all()


def test_a_picture_has_time_to_the_right_and_high_tones_at_the_top():
    late = tone(3000) * (TIME > TIME[-1] / 2)[:, None]
    early = tone(200) * (TIME < TIME[-1] / 2)[:, None]
    low, high = spectrograms.pictures(np.stack([early, late]), RATE)[..., 0]
    size = np.array(low.shape)
    for image, row, column in ((low, 0.8, 0.25), (high, 0.1, 0.75)):
        heavy = np.argwhere(image > 0.3).mean(axis=0) / size
        np.testing.assert_allclose(heavy, (row, column), atol=0.1)
    assert low.min() == -1 and high.max() <= 1


def test_waves_that_have_no_spectrogram_are_refused():
    with pytest.raises(errors.UserError, match="at least 256"):
        spectrograms.power(jnp.zeros((1, 100, 1)))
    with pytest.raises(errors.UserError, match="waveforms of shape"):
        classifier_cache.load_or_train(
            *(np.zeros((4, 100, 1), np.float32), np.arange(4) % 2) * 2,
            num_classes=2,
            key=jax.random.key(0),
            architecture="spectrogram",
        )


@pytest.fixture(scope="module")
def tones():
    """Two tones in any phase, which no linear function of the waveform tells apart."""
    random = np.random.default_rng(1)
    label = np.arange(160, dtype=np.int32) % 2
    clips = [tone((500, 1500)[own], random.uniform(0, 6.3)) for own in label]
    x = (np.stack(clips) * 30_000).astype(np.int16)
    return dataset.Dataset(
        "tones",
        dataset.Split(x[:120], label[:120]),
        dataset.Split(x[120:], label[120:]),
        2,
        sample_rate=RATE,
    )


def test_a_dataset_of_sounds_has_a_classifier_that_sees_spectrograms(tones, tmp_path):
    arguments = {"seed": 0, "num_images": 2400, "cache": tmp_path}
    trained, note = suites.train_classifier(tones, **arguments)
    assert trained.held_out_accuracy == 1 and "accuracy 1.0000" in note
    fingerprint = dict(classifier.fingerprint(trained.classifier))
    named = "SpectrogramNetwork(num_classes=2, sample_rate=8000)"
    assert fingerprint["feature_network"] == named
    # Found again in the cache, where the network's numbers are among what names it.
    again, _ = suites.train_classifier(tones, **arguments)
    assert again.cached and again.held_out_accuracy == 1


@pytest.mark.slow
def test_sounds_are_scored_beside_held_out_ones_copies_and_noise(tones):
    scoring = suites.of_dataset(tones, num_samples=40, seed=0, num_images=4000)
    found = scoring.references
    assert set(found) == {"held-out real clips", "one clip per class", "white noise"}
    real, noise = (found[own] for own in ("held-out real clips", "white noise"))
    assert real["inception_score"]["value"] > noise["inception_score"]["value"]
    assert real["frechet_distance"]["value"] < noise["frechet_distance"]["value"]
    assert real["coverage"]["modes"] == [2]
    copies = found["one clip per class"]
    assert copies["within_class_diversity"]["value"][0] < 1e-4
