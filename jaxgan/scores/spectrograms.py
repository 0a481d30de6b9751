"""Log-mel spectrograms: what a classifier of sounds sees, and what is drawn of them.

Frames of `FRAME` samples under Hann's window, `HOP` apart, have a power in each band:

    S[t, b] = sum_k M[k, b] abs(sum_n w_n x[t HOP + n] e^(-2 pi i k n / F))^2 / F,

F = `FRAME`, with triangles M that are evenly spaced and half overlapping on the mel
scale, `2595 log10(1 + f / 700)`, from 0 Hz to half of the sample rate.

References:
  O'Shaughnessy, Speech Communication: Human and Machine, 1987, for the scale
  Donahue et al., Adversarial Audio Synthesis, 2018, https://arxiv.org/abs/1802.04208,
  whose classifier of spoken digits sees log-mel spectrograms too
"""

import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxgan.core import errors

FRAME, HOP, BANDS = 256, 128, 40
"""At 8 kHz 32 ms and 16 ms, as is usual for speech."""

FLOOR = 1e-4
"""Power below which a band is silent: 60 dB below a frame of a loud vowel."""

WIDE, SHOWN_DB = 60, 55.0
"""Of pictures: frames, and how far above `FLOOR` white is."""

SCALE = 5.0
"""Of the logarithm, so that values have about unit scale."""

LEAST_LENGTH = FRAME + (8 - 1) * HOP
"""Samples of the eight frames that a convolutional classifier needs."""


def mel(frequency: np.ndarray) -> np.ndarray:
    """Frequencies in Hz on the mel scale."""
    return 2595 * np.log10(1 + np.asarray(frequency) / 700)


def hertz(mels: np.ndarray) -> np.ndarray:
    """The inverse of `mel`."""
    return 700 * (10 ** (np.asarray(mels) / 2595) - 1)


def bands(sample_rate: int) -> np.ndarray:
    """The triangles `M [FRAME / 2 + 1, BANDS]`, each of height 1, float32."""
    corners = hertz(np.linspace(0, mel(sample_rate / 2), BANDS + 2))
    frequency = np.linspace(0, sample_rate / 2, FRAME // 2 + 1)[:, None]
    low, middle, high = corners[:-2], corners[1:-1], corners[2:]
    rising = (frequency - low) / (middle - low)
    falling = (high - frequency) / (high - middle)
    return np.clip(np.minimum(rising, falling), 0, None).astype(np.float32)


def power(x: Array, hop: int = HOP) -> Array:
    """Power of each frequency in each frame.

    Args:
      x: `[B, N, 1]` waveforms, N at least `FRAME`; what is behind the last whole frame
        is left out.
      hop: samples from one frame to the next.

    Returns:
      `[B, frames, FRAME / 2 + 1]`, `frames = 1 + (N - FRAME) // hop`.

    Raises:
      UserError: for another shape.
    """
    if x.ndim != 3 or x.shape[1] < FRAME or x.shape[2] != 1:
        raise errors.UserError(
            f"x has the shape {tuple(x.shape)}, but waveforms must be [B, N, 1] with N "
            f"at least {FRAME}."
        )
    starts = np.arange(0, x.shape[1] - FRAME + 1, hop)
    window = np.sin(np.pi * np.arange(FRAME) / FRAME).astype(np.float32) ** 2
    frames = x[:, starts[:, None] + np.arange(FRAME), 0] * window
    return jnp.abs(jnp.fft.rfft(frames)) ** 2 / FRAME


def log_mel(x: Array, sample_rate: int) -> Array:
    """Log-mel spectrograms as images of about unit scale.

    Args:
      x: `[B, N, 1]` waveforms in [-1, 1].
      sample_rate: of them, in Hz.

    Returns:
      `[B, frames, BANDS, 1]`, `log(S + FLOOR) / SCALE + 1/2`, earlier frames and lower
      bands first.

    Raises:
      UserError: as `power`.
    """
    found = power(x) @ bands(sample_rate)
    return (jnp.log(found + FLOOR) / SCALE + 0.5)[..., None]


def pictures(x: Array, sample_rate: int) -> np.ndarray:
    """Spectrograms as they are drawn: time to the right, low bands at the bottom.

    Args:
      x: `[B, N, 1]` waveforms in [-1, 1].
      sample_rate: of them, in Hz.

    Returns:
      `[B, BANDS, W, 1]` in [-1, 1], W about `WIDE`: black at `FLOOR` and below, and
      white `SHOWN_DB` above it.

    Raises:
      UserError: as `power`.
    """
    hop = max(1, min(HOP, (x.shape[1] - FRAME) // WIDE))
    found = power(jnp.asarray(x), hop) @ bands(sample_rate)
    decibels = 10 * jnp.log10(jnp.maximum(found / FLOOR, 1))
    shown = np.clip(np.asarray(2 * decibels / SHOWN_DB - 1), -1, 1)
    return shown.transpose(0, 2, 1)[:, ::-1, :, None]
